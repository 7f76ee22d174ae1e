"""Our part of ``nbgrader autograde``: the step that runs a notebook. nbgrader_config.py puts it in its place."""

import contextlib
import functools
from pathlib import Path

from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder.grading import intake, memory
from autograder.grading.execute import execute
from autograder.grading.records import forget_time
from autograder.grading.settings import Execute as Section
from autograder.grading.settings import Grading, Settings, settings_of
from autograder.grading.worker import probe
from autograder.sandbox.bubblewrap import NoSandboxError


@functools.cache
def _try_out(settings: Settings) -> None:
    """Raise `NoSandboxError` where the GPU cannot be used. It is tried until it can, then no more.

    A command grades one notebook after the other on the same GPU, and formgrader stays when somebody has mended it.
    """
    if refusal := probe(settings):
        raise NoSandboxError(refusal)


class Execute(NbGraderPreprocessor, Section):
    """Runs the notebook in the sandbox and lets the checks be judged from outside."""

    def __call__(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """`preprocess`. Raises ValueError where nbgrader is told to run nothing: no output would count in full."""
        if not self.enabled:
            raise ValueError(
                "--no-execute counts the outputs that a student has saved, and those are not kept here: leave it out."
            )
        return self.preprocess(nb, resources)

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """The executed notebook. Raises `NoSandboxError` without bubblewrap, and where a GPU is asked for in vain."""
        # The exporter's parent is nbgrader's converter, which knows the folders of the course.
        root = Path(self.parent.parent.coursedir.root)
        names = resources["nbgrader"]
        submission = intake.read(Path(resources["metadata"]["path"]), [names["notebook"]])
        if submission.untimed:
            # nbgrader has kept the time of an earlier submission.
            with Gradebook(names["db_url"]) as gradebook:
                forget_time(gradebook, names["assignment"], names["student"])
        settings = settings_of(self.config, root)
        if notice := Grading(config=self.config).notice():
            self.log.warning(notice)
        if settings.gpu:
            _try_out(settings)
        with contextlib.nullcontext() if settings.gpu else memory.bounded():
            remarks = execute(nb, submission.files, settings)
        for remark in remarks:
            self.log.warning(remark)
        return nb, resources
