"""A function prints every number that it computes."""

from submissions import change, write


def hand_in(folder, notebook):
    printing = (
        "for number in dout.flatten():\n        print('the number is', number, 'and that is all ' * 20)\n    return "
    )
    change(notebook, "relu_backward", "return ", printing)
    write(folder, notebook)
