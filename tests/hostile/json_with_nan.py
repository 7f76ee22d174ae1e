"""The notebook has NaN, infinity and giant numbers in places where nobody looks."""

import nbformat


def hand_in(folder, notebook):
    text = nbformat.writes(notebook).replace('"metadata": {}', '"metadata": {"a": NaN, "b": -Infinity, "c": 1e999}', 5)
    folder.mkdir(parents=True)
    (folder / "activations.ipynb").write_text(text)
