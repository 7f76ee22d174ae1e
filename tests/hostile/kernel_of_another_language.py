"""The notebook asks for a kernel of R, and for one that nobody has."""

from submissions import write


def hand_in(folder, notebook):
    notebook.metadata.kernelspec = {"name": "../../ir", "display_name": "R", "language": "R"}
    notebook.metadata.language_info = {"name": "R", "file_extension": ".r", "codemirror_mode": "<script>"}
    write(folder, notebook)
