"""nbgrader's course configuration: which folder is what. Run nbgrader's commands from this folder."""

from pathlib import Path

import autograder.grading.intake  # noqa: F401 - nbgrader reads the times of submissions as it does

c = get_config()  # noqa: F821 - nbgrader's loader provides it

c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.course_id = "convolutional-networks"

# Generated from solutions/ by `autograder release`; never edited. Formgrader's button *Generate* clears the second one,
# whatever lies there: what students open is in exercises/, which nbgrader knows nothing of.
c.CourseDirectory.source_directory = "build/source"
c.CourseDirectory.release_directory = "build/release"

# Submissions are hostile: their folders are looked through before nbgrader copies them, their cells are put in order,
# and their programs run in a sandbox, where nothing decides about points.
c.Autograde.pre_convert_hook = "autograder.grading.intake.before_autograde"
c.Autograde.sanitize_preprocessors = [
    "autograder.grading.restore.Restore",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Autograde.autograde_preprocessors = [
    "autograder.grading.preprocessor.Execute",
    "nbgrader.preprocessors.IgnorePattern",
    "nbconvert.preprocessors.ClearMetadataPreprocessor",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]

# Points, comments and penalties change after a page was written: it is always written anew.
c.GenerateFeedback.force = True

# The page is the course's own: points and hints first, then the notebook. It needs no other host.
c.GenerateFeedback.exporter_class = "autograder.grading.feedback.FeedbackExporter"
c.GenerateFeedback.preprocessors = ["autograder.grading.feedback.Points"]

# What students write in Markdown is shown to you without its HTML.
c.HTMLExporter.filters = {"markdown2html": "autograder.grading.restore.markdown_of_cell"}

# A student's name is no formula in the exported table.
c.ExportApp.plugin_class = "autograder.grading.export.SafeCsvExportPlugin"

# What one submission may use, and where it runs: `c.Grading.cell_seconds = 120` and its like, see autograder/grading.
