"""Where a student's code runs: kernels forked from a warm parent, inside bubblewrap, with limits."""
