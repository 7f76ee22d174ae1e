"""nbgrader's course configuration: which folder is what. Run nbgrader's commands from this folder."""

from pathlib import Path

c = get_config()  # noqa: F821 - nbgrader's loader provides it

c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.course_id = "convolutional-networks"

# Generated from solutions/ by `autograder release`; never edited.
c.CourseDirectory.source_directory = "build/source"
c.CourseDirectory.release_directory = "exercises"

# A check cell that the student deleted is put back and counts.
c.OverwriteCells.add_missing_cells = True

# Seconds for one cell.
c.Execute.timeout = 120

# Kernels listen on this machine alone; their warning about it would be one line for each submission.
c.Execute.extra_arguments = ["--IPKernelApp.log_level=ERROR"]
