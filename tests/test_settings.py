"""What nbgrader_config.py says of limits."""

import pytest
from traitlets.config import Config

from autograder.grading.settings import Grading, SettingsError


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ({}, 120),
        ({"Execute": {"timeout": 60}}, 60),
        ({"ExecutePreprocessor": {"timeout": 60}}, 60),
        ({"ExecutePreprocessor": {"timeout": 60}, "Execute": {"timeout": 30}}, 30),
        ({"Execute": {"timeout": 60}, "Grading": {"cell_seconds": 45}}, 45),
        ({"Execute": {"kernel_name": "python3"}}, 120),
    ],
)
def test_a_limit_of_time_may_be_nbgrader_s_own(said, seconds):
    assert Grading(config=Config(said)).limits().cell_seconds == seconds


@pytest.mark.parametrize("timeout", [None, 0, -1])
def test_no_limit_of_time_is_refused_with_a_sentence(timeout):
    with pytest.raises(SettingsError, match=rf"c.Execute.timeout = {timeout}.* say c.Grading.cell_seconds"):
        Grading(config=Config({"Execute": {"timeout": timeout}})).limits()
