"""The exams of the checks in a handout: recorded when it was made, for nothing in it can compute what is right.

Beside this module lies a folder with ``index.json``, a file for each set and one for each problem. That of a set is
compressed JSON: how each function is called and judged, its cases, what they must give and what known mistakes give in
them. That of a problem has the tensors, as compressed safetensors. `handout.record` writes them. The inputs of a timed
case are drawn here; what it must give is torch's own result, whose time is the measure.
"""

import functools
import importlib
import json
import lzma
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from autograder.calls.case import Case
from autograder.calls.exchange import decode
from autograder.calls.kinds import KINDS, LAYERED
from autograder.calls.outcome import Outcome, Output
from autograder.expected import Expected, expect, place_of
from autograder.judge import Exam
from autograder.measures.timed import redrawn
from autograder.problem import Judged, Measure, Target

FOLDER = Path(__file__).parent / "data"
INDEX, PROBLEMS, TENSORS = "index.json", ".json.xz", ".safetensors.xz"

# Tolerances in a step, by which the numbers of a mistake are told from the right ones.
STEP = 1.1

CPU = torch.device("cpu")


@dataclass(frozen=True)
class RecordedMistake:
    """A wrong program of which nothing is here but its name, its hint and what it gave."""

    name: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class RecordedProblem(Judged):
    """A graded exercise of which the cases and what they must give are data; `content` is what its JSON says."""

    mistakes: Sequence[RecordedMistake] = ()
    content: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


class RecordedExam(Exam):
    """An exam that was recorded; `tensors` are those that the content of its problem names."""

    def __init__(self, problem: RecordedProblem, device: torch.device, tensors: Mapping[str, torch.Tensor]):
        self.problem, self.device, self.dtype, self.ruled = problem, device, None, False
        content = problem.content
        self._tensors = _unpacked(tensors, content["layout"])
        self.seed = 0
        self._trainings: list[float] = []
        self._of_mistakes: dict[tuple[RecordedMistake, int], Outcome] = {}
        self.cases = [self._case(found) for found in content["cases"]]

    def _case(self, content: Any) -> Case:
        case = Case(**decode(content, self._tensors))
        # The student's notebook may have set another default device.
        with CPU:
            return redrawn(case, case.kept["seed"]) if case.timed else case

    def expected_of(self, i: int) -> Expected:
        """What one case must give, as it was recorded."""
        case, content = self.cases[i], self.problem.content["expected"][i]
        if content is None:
            return expect(self.problem, case, self.device)
        measured = tuple(Target(*decode(target, self._tensors)) for target in content["measured"])
        outputs = tuple(decode(output, self._tensors) for output in content["outputs"])
        if self.problem.measured is not None:
            # Only their shapes and dtypes are asked for.
            outputs = tuple(torch.zeros((), dtype=dtype, device=CPU).expand(shape) for shape, dtype in outputs)
        return Expected(outputs, tuple(content["tolerances"]), place_of(case, self.device), measured)

    def case_again(self, i: int, seed: int) -> Case:
        with CPU:
            return redrawn(self.cases[i], self.cases[i].kept["seed"] + seed)

    def outcome_of(self, program: RecordedMistake, i: int) -> Outcome:
        """What a known mistake gave in a case; nothing, where that decides about no program (see `handout.record`)."""
        if (program, i) not in self._of_mistakes:
            self._of_mistakes[program, i] = self._outcome(program, i)
        return self._of_mistakes[program, i]

    def _outcome(self, program: RecordedMistake, i: int) -> Outcome:
        content = self.problem.content["mistakes"][self.problem.mistakes.index(program)]["outcomes"][i]
        if content is None:
            return Outcome(None, f"{program.name} was not kept.", ())
        if "raised" in content:
            what = f"raised {content['raised']}: what it said" if content["raised"] else "gave nothing; why"
            return Outcome(None, f"{program.name} {what} was not kept.", ())
        place, modified = self.expected[i].device, tuple(content["modified"])
        if self.problem.measured is None:
            rows = zip(content["outputs"], self.expected[i].outputs, self.expected[i].tolerances, strict=True)
            return Outcome(tuple(Output(self._output(*row), place) for row in rows), None, modified)
        outputs = tuple(Output(torch.empty(0, dtype=decode(d, {}), device=CPU), place) for d in content["dtypes"])
        return Outcome(outputs, None, modified, quantities=decode(content["quantities"], self._tensors))

    def _output(self, content: Any, right: torch.Tensor, tolerance: float) -> torch.Tensor:
        """An output that is the right one, some steps away from it, or another one."""
        if content == "right":
            return right
        if "steps" not in content:
            return decode(content, self._tensors)
        steps = self._tensors[content["steps"]]
        signed = torch.where(steps % 2 == 0, steps // 2, -(steps // 2))
        off = (right.double() + signed * (STEP * tolerance)).to(right.dtype)
        # Where nothing is off, infinity and NaN stay what they are.
        return torch.where(steps == 0, right, off)


def _unpacked(kept: Mapping[str, torch.Tensor], layout: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """The tensors that are kept by their bytes, and those that are equal to one of them."""
    found = {}
    for name, how in layout.items():
        if isinstance(how, str):
            found[name] = found[how]
            continue
        stored, dtype, shape = how
        numbers = kept[name].T.reshape(-1).view(getattr(torch, stored))
        found[name] = numbers.reshape(shape).to(getattr(torch, dtype))
    return found


def problem_of(content: Mapping[str, Any]) -> RecordedProblem:
    """The problem that its JSON describes."""
    measured = content["measured"]
    return RecordedProblem(
        name=content["name"],
        call=KINDS[content["call"]],
        returns=decode(content["returns"], {}),
        forbidden=frozenset(content["forbidden"]),
        upstream=tuple(content["upstream"]),
        points=content["points"],
        shares=content["shares"],
        measured=measured and Measure(tuple(measured["labels"]), _found(measured["of"])),
        speed=content["speed"],
        expected=_found(content["reference"]) if content["reference"] else _is_not_here,
        mistakes=tuple(RecordedMistake(found["name"], found["hint"]) for found in content["mistakes"]),
        content=content,
    )


def _found(name: str) -> Any:
    """A function of `measures`, by the name of its module there and its own."""
    module, _, function = name.partition(".")
    return getattr(importlib.import_module(f"autograder.measures.{module}"), function)


def _is_not_here(arguments: Mapping[str, Any], dout: torch.Tensor | None) -> tuple[torch.Tensor, ...]:
    raise NotImplementedError("A handout has what is right as data.")


@functools.cache
def _index() -> dict[str, dict[str, Any]]:
    """For each word the names of its problems, in their order, and the places of their texts."""
    return json.loads((FOLDER / INDEX).read_text(encoding="utf-8"))


def names() -> list[str]:
    """Those of all problems."""
    return [name for chapter in _index().values() for name in chapter["problems"]]


@functools.cache
def find_problem(name: str) -> RecordedProblem | None:
    """The problem `name`, None if there is none."""
    word = next((word for word, chapter in _index().items() if name in chapter["problems"]), None)
    return problem_of(_contents(word)[name]) if word else None


@functools.cache
def _contents(word: str) -> dict[str, Any]:
    """What the JSON of a set says of each of its problems."""
    return json.loads(lzma.decompress((FOLDER / f"{word}{PROBLEMS}").read_bytes()))


def chapter_of(problem: RecordedProblem) -> tuple[str, tuple[RecordedProblem, ...]]:
    """The word of the chapter that a problem is in, and all problems of the chapter."""
    word = next(word for word, chapter in _index().items() if problem.name in chapter["problems"])
    return word, tuple(map(find_problem, _index()[word]["problems"]))


def places(word: str) -> Mapping[str, Mapping[str, tuple[str, str]]]:
    """Where each function's text and lesson are, as `drawn.places` found them."""
    return _index()[word]["places"]


def exam_of(problem: RecordedProblem, device: torch.device) -> RecordedExam:
    """The exam of a problem on a device.

    Where torch's own layers are a part of the program, how far it may be off was measured on the CPU and holds there.
    """
    tensors = tensors_from((FOLDER / f"{problem.name}{TENSORS}").read_bytes())
    return RecordedExam(problem, CPU if problem.call in LAYERED else device, tensors)


def tensors_from(content: bytes) -> dict[str, torch.Tensor]:
    """What a file of tensors holds."""
    from safetensors.torch import load

    return load(lzma.decompress(content))
