"""The import cell imports other things, of which one is there and one is not; so does another cell."""

from submissions import cell, change, insert, write

REMARKS = ["Cell imports was edited; the released one was put before it."]
SHOWN = ["No module named 'einops'", "No module named 'tqdm_of_my_own'"]


def hand_in(folder, notebook):
    cell(notebook, "imports").source = "import math as own\nimport einops"
    insert(notebook, "from tqdm_of_my_own import tqdm", before="relu_forward")
    change(notebook, "relu_forward", "def relu_forward(x):\n", "def relu_forward(x):\n    x = x * own.floor(1.5)\n")
    write(folder, notebook)
