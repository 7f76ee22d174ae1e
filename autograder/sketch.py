"""What a wrong program returned, in a few numbers, so that programs that are wrong in the same way can be found.

A sketch is kept with the verdict that no known mistake explains. It is plain data, for JSON.
"""

import re
from collections.abc import Sequence
from typing import Any

import torch

from autograder.calls.case import Case
from autograder.calls.outcome import Outcome
from autograder.problem import CONTRACT, Judged

# Cases that a sketch is made of: the first that are wrong.
CASES = 6
# Numbers that stand for one output: its length and this many projections.
PROJECTIONS = 3

# Beyond this, numbers are taken for it: their squares would be infinite.
LARGEST = 1e100

Sketch = dict[str, list[Any]]

# Where in the student's cell an exception came from: other lines, the same mistake.
PLACE = re.compile(r" \(line \d+ of its cell(: `.*?`)?\)", re.DOTALL)
NUMBER = re.compile(r"(?<![\w.])-?\d+(\.\d+)?(e[+-]?\d+)?|-?\binf\b|\bnan\b")


def sketch_of(
    problem: Judged,
    cases: Sequence[Case],
    outcomes: Sequence[Outcome],
    findings: Sequence[str | None],
    breaches: Sequence[str | None],
) -> Sketch:
    """The first cases that are wrong, those of the plain values before all others, by their names.

    `findings` and `breaches` are a sentence for each case that went wrong, or that broke the contract. Where nothing,
    or something random, was returned, a case has this sentence without its numbers; otherwise for each output its
    shape, how many values are not finite, and its length and projections, which `report.measure` compares.
    """
    broken = {i: (cases[i].criterion, found) for i, found in enumerate(findings) if found and not cases[i].timed}
    broken |= {i: (CONTRACT, found) for i, found in enumerate(breaches) if found and i not in broken}
    first = next((c for c in problem.points if any(c == criterion for criterion, _ in broken.values())), None)
    chosen = [(i, found) for i, (criterion, found) in sorted(broken.items()) if criterion == first][:CASES]
    told = problem.measured is not None or first == CONTRACT
    return {cases[i].name: _of_case(outcomes[i], found, told) for i, found in chosen}


def _of_case(outcome: Outcome, found: str, told: bool) -> list[Any]:
    """The numbers of a case, or what was `told` of it: of what is random, or right, the numbers say nothing."""
    if outcome.complaint:
        return [PLACE.sub("", outcome.complaint)]
    return [NUMBER.sub("#", found)] if told else [_of_tensor(output.values) for output in outcome.outputs]


def _of_tensor(values: torch.Tensor) -> list[Any]:
    flat = (torch.view_as_real(values) if values.is_complex() else values).detach().reshape(-1).double()
    finite = flat.nan_to_num(0.0, 0.0, 0.0).clamp(-LARGEST, LARGEST)
    steps = torch.arange(1, len(flat) + 1, dtype=torch.float64)
    # Directions that are far from each other and from every pattern in the inputs: no two outputs look alike by chance.
    numbers = [finite.norm(), *(finite @ torch.cos(steps * steps * (0.37 + k)) for k in range(PROJECTIONS))]
    return [list(values.shape), int((~flat.isfinite()).sum()), *(float(f"{float(number):.6g}") for number in numbers)]
