"""The grade_ids of two solutions and of two checks are exchanged."""

from submissions import cell, write


def hand_in(folder, notebook):
    for one, other in (("relu_backward", "tanh_backward"), ("check_relu_forward", "check_tanh_forward")):
        a, b = cell(notebook, one), cell(notebook, other)
        a.metadata.nbgrader.grade_id, b.metadata.nbgrader.grade_id = other, one
    write(folder, notebook)
