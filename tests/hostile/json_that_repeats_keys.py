"""The same keys stand in the notebook twice; the last ones count."""

import nbformat


def hand_in(folder, notebook):
    folder.mkdir(parents=True)
    (folder / "activations.ipynb").write_text('{"cells": [], "nbformat": 3, ' + nbformat.writes(notebook).lstrip()[1:])
