"""A cell forks, and the children go on as if they were kernels."""

from submissions import insert, write


def hand_in(folder, notebook):
    insert(notebook, "import os\nfor _ in range(4):\n    os.fork()", before="relu_forward")
    write(folder, notebook)
