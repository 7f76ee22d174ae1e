"""What one call gave beside what it must give: is it right, and if not, what is wrong, in a sentence."""

from collections.abc import Iterable
from weakref import WeakKeyDictionary

import numpy
import torch

from autograder.calls import kinds, models, modules
from autograder.calls.case import OUT, Case, tensors_in
from autograder.calls.outcome import Outcome, message_of, shorten
from autograder.expected import Expected
from autograder.problem import CONTRACT, Judged, Target

# The quantities measured on an outcome, with the case that it belongs to.
_measured: WeakKeyDictionary[Outcome, tuple[Case, tuple[torch.Tensor, ...]]] = WeakKeyDictionary()

# What is wrong with each part of an outcome, with what it was compared with.
_compared: WeakKeyDictionary[Outcome, tuple[Case, Expected, dict[str, str | None]]] = WeakKeyDictionary()


def find(problem: Judged, case: Case, outcome: Outcome, expected: Expected) -> str | None:
    """What is wrong with `outcome`, in a sentence or two; None if it is right.

    Dtype, device and unchanged inputs are the business of the criterion "contract" alone (see `breach`). A result
    that cannot be compared at all, such as one with numbers that no measuring can take, is wrong.
    """
    try:
        return _find(problem, case, outcome, expected)
    except Exception as error:
        why = f"{type(error).__name__}: {shorten(message_of(error))}"
        return f"{case.name}: the result cannot be compared with the right one ({why}); look at its numbers."


def _find(problem: Judged, case: Case, outcome: Outcome, expected: Expected) -> str | None:
    found = outcome.complaint
    if case.criterion == CONTRACT:
        # Numbers of another dtype differ in their last digits: it is the dtype that is to be told.
        found = found or _wrong_dtype(problem, case, outcome, expected)
    found = found or _wrong_values(problem, case, outcome, expected)
    if case.criterion == CONTRACT:
        if found and _rounded(case, outcome, expected):
            found += " In float32 this would be rounding: is a part of it computed in float32?"
        found = found or _breach(problem, case, outcome, expected)
    return found and f"{case.name}: {found}"


def breach(problem: Judged, case: Case, outcome: Outcome, expected: Expected) -> str | None:
    """What breaks the contract in a case that asks about something else, in a sentence; None if nothing does."""
    if case.criterion == CONTRACT or case.timed or outcome.outputs is None:
        return None
    found = _wrong_dtype(problem, case, outcome, expected) or _breach(problem, case, outcome, expected)
    return found and f"{case.name}: {found}"


def _wrong_values(problem: Judged, case: Case, outcome: Outcome, expected: Expected) -> str | None:
    """The first thing that is wrong, and which outputs are right all the same."""
    found = compared(problem, case, outcome, expected)
    wrong = _first(found.values())
    right = [label for label, what in found.items() if what is None and label in problem.labels]
    if not wrong or not right:
        return wrong
    listed = " and ".join([", ".join(right[:-1]), right[-1]] if right[1:] else right)
    return f"{wrong} {listed} {'are' if right[1:] else 'is'} right."


def compared(problem: Judged, case: Case, outcome: Outcome, expected: Expected) -> dict[str, str | None]:
    """What is wrong with each output, or each quantity that is measured on them, by its name; None of a right one.

    It is compared once: a verdict asks for each part of it, and known programs stand beside one program after another.
    """
    compared_in, beside, found = _compared.get(outcome, (None, None, {}))
    if compared_in is not case or beside is not expected:
        found = _compare(problem, case, outcome, expected)
        _compared[outcome] = case, expected, found
    return found


def _compare(problem: Judged, case: Case, outcome: Outcome, expected: Expected) -> dict[str, str | None]:
    if problem.measured is None:
        values = [output.values for output in outcome.outputs]
        rows = zip(problem.labels, values, expected.outputs, expected.tolerances, strict=True)
        found = {label: _difference_of_parts(problem, case, label, *row) for label, *row in rows}
        name = problem.labels[0]
        if problem.call is models.counting and found[name]:
            found[name] = _misnamed(case, outcome.outputs[0].values, expected.outputs[0]) or found[name]
        if problem.call not in kinds.RAISING:
            return found
        # Where a ValueError is raised and should not be, or the other way, there are no numbers to be compared.
        raised = found.pop(problem.labels[0])
        return dict.fromkeys(found, raised) if raised else found
    found = measured_on(problem, case, outcome, expected)
    if isinstance(found, str):
        return dict.fromkeys(problem.measured.labels, found)
    rows = zip(problem.measured.labels, found, expected.measured, strict=True)
    return {label: _off_target(label, *row) for label, *row in rows}


def quantities(problem: Judged, case: Case, outcome: Outcome, expected: Expected) -> dict[str, torch.Tensor]:
    """What is measured on the outputs, by its name; nothing where it cannot be."""
    found = None if outcome.outputs is None else measured_on(problem, case, outcome, expected)
    return dict(zip(problem.measured.labels, found, strict=True)) if isinstance(found, tuple) else {}


def measured_on(problem: Judged, case: Case, outcome: Outcome, expected: Expected) -> tuple[torch.Tensor, ...] | str:
    """What is measured on the outputs, or a sentence why nothing can be."""
    return _unmeasurable(problem, outcome, expected) or _quantities(problem, case, outcome)


def _rounded(case: Case, outcome: Outcome, expected: Expected) -> bool:
    """Whether float64 outputs would be right in float32."""
    if case.dtype != torch.float64 or outcome.outputs is None or expected.measured:
        return False
    coarser = torch.finfo(torch.float32).eps / torch.finfo(torch.float64).eps
    rows = zip(outcome.outputs, expected.outputs, expected.tolerances, strict=True)
    return all(
        output.values.dtype == right.dtype and _difference("", output.values, right, tolerance * coarser) is None
        for output, right, tolerance in rows
    )


def _unmeasurable(problem: Judged, outcome: Outcome, expected: Expected) -> str | None:
    """Why nothing can be measured on the outputs; None if it can."""
    if outcome.quantities is not None:
        return outcome.quantities if isinstance(outcome.quantities, str) else None
    for label, output, right in zip(problem.labels, outcome.outputs, expected.outputs, strict=True):
        wrong = _misshapen(label, output.values, right)
        if wrong:
            return wrong
        if not bool(torch.isfinite(output.values).all()):
            return f"{label} has values that are not finite."
    return None


def _quantities(problem: Judged, case: Case, outcome: Outcome) -> tuple[torch.Tensor, ...]:
    """What is measured on an outcome, once: a program is compared with one known mistake after the other."""
    if outcome.quantities is not None:
        return outcome.quantities
    measured_in, found = _measured.get(outcome, (None, ()))
    if measured_in is not case:
        found = problem.measured.of(case, tuple(output.values.double() for output in outcome.outputs))
        _measured[outcome] = case, found
    return found


def _off_target(label: str, got: torch.Tensor, target: Target) -> str | None:
    if not target.at_least:
        return _difference(label, got, target.value, target.tolerance)
    if bool((got >= target.value - target.tolerance).all()):
        return None
    return f"{label} is {_two_numbers(got.min(), target.value.max(), 'expected at least')}."


def _wrong_dtype(problem: Judged, case: Case, outcome: Outcome, expected: Expected) -> str | None:
    for label, output, right in zip(problem.labels, outcome.outputs, expected.outputs, strict=True):
        if output.values.dtype != right.dtype:
            given = any(t.is_floating_point() for _, t in tensors_in(case.arguments)) and right.dtype == case.dtype
            whose = ", that of the inputs" if given else ""
            return f"{label} has dtype {_dtype(output.values)}; expected {_dtype(right)}{whose}."
    return None


def _breach(problem: Judged, case: Case, outcome: Outcome, expected: Expected) -> str | None:
    for label, output in zip(problem.labels, outcome.outputs, strict=True):
        if output.device != expected.device:
            return f"{label} is on {output.device}; expected {expected.device}, where the inputs are."
    if outcome.modified:
        changed = (name if name.startswith(OUT) else f"its input {name}" for name in outcome.modified)
        return f"the call changed {' and '.join(changed)}; work on a copy."
    return None


def _first(found: Iterable[str | None]) -> str | None:
    return next(filter(None, found), None)


def alike(problem: Judged, case: Case, a: Outcome, b: Outcome, expected: Expected, contract: bool) -> bool:
    """Whether two outcomes are the same, to the `contract` too if that counts."""
    if a.outputs is None or b.outputs is None:
        return False
    if contract and (
        a.modified != b.modified
        or [(x.device, x.values.dtype) for x in a.outputs] != [(x.device, x.values.dtype) for x in b.outputs]
    ):
        return False
    if problem.measured is None:
        rows = zip(a.outputs, b.outputs, expected.tolerances, strict=True)
        return not any(_differs(x.values, y.values, tolerance) for x, y, tolerance in rows)
    ours, theirs = (measured_on(problem, case, outcome, expected) for outcome in (a, b))
    if isinstance(ours, str) or isinstance(theirs, str):
        return isinstance(ours, str) and isinstance(theirs, str) and ours == theirs
    rows = zip(ours, theirs, expected.measured, strict=True)
    return not any(_differs(x, y, target.tolerance) for x, y, target in rows)


def _misshapen(label: str, got: torch.Tensor, expected: torch.Tensor) -> str | None:
    if got.shape != expected.shape:
        return f"{label} has shape {tuple(got.shape)}; expected {tuple(expected.shape)}."
    if got.is_complex():
        return f"{label} is complex; expected {_dtype(expected)}."
    return None


def _difference(label: str, got: torch.Tensor, expected: torch.Tensor, tolerance: float) -> str | None:
    wrong = _misshapen(label, got, expected)
    if wrong:
        return wrong
    error, wrong = _wrong(got, expected, tolerance)
    return None if wrong is None else _describe(label, got, expected, error, wrong, tolerance)


def _differs(got: torch.Tensor, expected: torch.Tensor, tolerance: float) -> bool:
    """Whether two tensors differ: as `_difference`, without a sentence about it."""
    return got.shape != expected.shape or got.is_complex() or _wrong(got, expected, tolerance)[1] is not None


def _wrong(got: torch.Tensor, expected: torch.Tensor, tolerance: float) -> tuple[numpy.ndarray, numpy.ndarray | None]:
    """How far two tensors of one shape are from each other, and where that is too far; None where it is nowhere.

    numpy tells it of few numbers in a third of the time that torch takes, and it is asked hundreds of times a verdict.
    """
    g, e = _numbers(got), _numbers(expected)
    with numpy.errstate(all="ignore"):
        error = abs(g - e)
    near = error <= tolerance
    # Most often they are near each other everywhere: then there is nothing to ask of infinity and NaN.
    if near.all():
        return error, None
    wrong = ~(near | (g == e) | ((g != g) & (e != e)))
    return error, wrong if wrong.any() else None


def _numbers(values: torch.Tensor) -> numpy.ndarray:
    return values.double().numpy(force=True)


def _misnamed(case: Case, got: torch.Tensor, expected: torch.Tensor) -> str | None:
    """The first row of a table of layers that has the name of another layer, or of none."""
    if got.shape != expected.shape or got.dtype != expected.dtype:
        return None
    names = [name for name, _ in models.build(case.arguments["layers"], None).named_modules()]
    row = int((got != expected).nonzero()[0])
    place, right = int(got[row]), int(expected[row])
    said = f"has the name {names[place]!r}" if 0 <= place < len(names) else "has a name that no layer has"
    return f"row {row} {said}; expected {names[right]!r}."


def _difference_of_parts(
    problem: Judged, case: Case, label: str, got: torch.Tensor, expected: torch.Tensor, tolerance: float
) -> str | None:
    """As `_difference`; an output that is several tensors, one after the other, is told by the first that is wrong."""
    parts = modules.parts_of(label, case.arguments) if problem.call is modules.module else []
    sizes = [shape.numel() for _, shape in parts]
    if not parts or got.shape != expected.shape or sum(sizes) != expected.numel():
        return _difference(label, got, expected, tolerance)
    if not _differs(got, expected, tolerance):
        return None
    rows = zip(parts, got.split(sizes), expected.split(sizes), strict=True)
    wrong = [(name, shape, g, e) for (name, shape), g, e in rows if _differs(g, e, tolerance)]
    (name, shape, g, e), *others = wrong
    said = _difference(name, g.reshape(shape), e.reshape(shape), tolerance)
    if not others:
        return said
    more = f" and {len(others) - 3} more" if len(others) > 3 else ""
    return f"{said} Wrong, too: {', '.join(name for name, *_ in others[:3])}{more}."


def _describe(label: str, got, expected, error: numpy.ndarray, wrong: numpy.ndarray, tolerance: float) -> str:
    """Where two tensors differ most, absolutely and relatively, and in how many places.

    A relative error is told only where the expected value is larger than what rounding does. Of a single number
    there is nothing more to say than what it is.
    """
    if not expected.dim():
        return f"{label} is {_two_numbers(got, expected)}."
    size = abs(_numbers(expected))
    with numpy.errstate(all="ignore"):
        ratio = numpy.where(wrong & (size > tolerance), error / size, 0.0)
    absolute, relative = _largest(numpy.where(wrong, error, 0.0)), _largest(ratio)
    sentence = f"{label}{_index(absolute)} is {_two_numbers(got[absolute], expected[absolute])}."
    if numpy.isfinite(_numbers(got)).all():
        sentence += f" Largest absolute error {error[absolute]:.2g} at {_index(absolute) or '[]'}"
        if ratio[relative] > 0:
            sentence += f", largest relative error {ratio[relative]:.2g} at {_index(relative) or '[]'}"
        sentence += "."
    return f"{sentence} {int(wrong.sum())} of {wrong.size} values are wrong."


def _largest(values: numpy.ndarray) -> tuple[int, ...]:
    """The place of the largest number, none of which is negative; what is no number counts as infinite."""
    place = numpy.where(values != values, numpy.inf, values).argmax()
    return tuple(int(i) for i in numpy.unravel_index(place, values.shape))


def _index(index: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, index))}]" if index else ""


def _two_numbers(got: torch.Tensor, expected: torch.Tensor, how: str = "expected") -> str:
    """Both values, with as many digits as it takes to tell them apart."""
    if not expected.is_floating_point():
        return f"{got.item()}; {how} {expected.item()}"
    pairs = [(f"{float(got):.{digits}g}", f"{float(expected):.{digits}g}") for digits in (6, 9, 12, 17)]
    one, other = next((pair for pair in pairs if pair[0] != pair[1]), pairs[-1])
    return f"{one}; {how} {other}"


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
