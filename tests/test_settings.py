"""What nbgrader_config.py says of limits."""

import pytest
from nbformat.v4 import new_notebook
from traitlets.config import Config

from autograder.grading.preprocessor import Execute
from autograder.grading.settings import Grading


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ({}, 120),
        ({"Execute": {"timeout": 60}}, 60),
        ({"ExecutePreprocessor": {"timeout": 60}}, 60),
        ({"ExecutePreprocessor": {"timeout": 60}, "Execute": {"timeout": 30}}, 30),
        ({"Execute": {"timeout": 60}, "Grading": {"cell_seconds": 45}}, 45),
        ({"Execute": {"timeout": None}}, 600),
        ({"Execute": {"timeout": -1}}, 600),
        ({"Execute": {"timeout": 0}, "Grading": {"notebook_seconds": 300}}, 300),
        ({"Execute": {"kernel_name": "python3"}}, 120),
    ],
)
def test_a_limit_of_time_may_be_nbgrader_s_own(said, seconds):
    assert Grading(config=Config(said)).limits().cell_seconds == seconds


def test_a_notebook_that_is_not_run_earns_nothing():
    """Cells without outputs are right ones for nbgrader."""
    with pytest.raises(ValueError, match="--no-execute counts the outputs that a student has saved"):
        Execute(enabled=False)(new_notebook(), {})
