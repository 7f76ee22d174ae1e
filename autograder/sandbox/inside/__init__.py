"""What runs behind bubblewrap's walls: the warm parent, the kernels that it forks, their own walls and limits."""
