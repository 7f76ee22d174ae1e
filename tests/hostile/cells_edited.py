"""Checks are edited: their code, points, grade_id, type and flags; the released ones count."""

from submissions import cell, write

LOST = {"check_relu_backward": "values are wrong"}
REMARKS = ["Cell check_relu_backward was edited", "Cell check_tanh_forward was no longer a code cell"]


def hand_in(folder, notebook):
    cell(notebook, "relu_backward").source = "def relu_backward(dout, cache):\n    return dout * 1"
    cell(notebook, "check_relu_backward").source = "90.0"
    cell(notebook, "check_relu_backward").metadata.nbgrader.points = 90
    cell(notebook, "check_relu_forward").metadata.nbgrader.points = -4
    cell(notebook, "check_elu_forward").metadata.nbgrader.points = "lots"
    cell(notebook, "check_tanh_forward").cell_type = "markdown"
    cell(notebook, "check_elu_backward").metadata.nbgrader |= {"grade": False, "solution": True, "locked": False}
    cell(notebook, "check_selu_forward").metadata.nbgrader.grade_id = "check_of_my_own"
    cell(notebook, "check_selu_backward").metadata.nbgrader.schema_version = 99
    cell(notebook, "explain_vanishing").metadata.nbgrader.task = True
    write(folder, notebook)
