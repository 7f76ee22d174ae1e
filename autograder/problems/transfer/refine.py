"""`refine`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.spaces import SCALES, narrowing
from autograder.measures.transfer import ends
from autograder.problem import Measure, Problem, Target
from autograder.problems.drawing import uniform
from autograder.problems.transfer.cases import ranges
from autograder.programs import slip
from autograder.references import transfer as reference
from autograder.references import values_of

# Of the width of the range: float32 has 24 binary digits.
ROUNDING = 1e-4


def _refinements(generator: torch.Generator) -> list[Case]:
    def share(low, high):
        return float(uniform(generator, low, high))

    def case(name, criterion, space, factor, low=0.35, high=0.65):
        best = {name: float(reference.value_at(found, torch.tensor(share(low, high)))) for name, found in space.items()}
        return Case(name, criterion, {"space": space, "best": best, "factor": factor})

    def both():
        return ranges(generator, "log", "linear")

    ends = {name: (low, high, scale) for name, (low, high, scale) in both().items()}
    first = share(1.1, 1.4)
    narrow = (first, first * share(2.3, 2.7), "log")
    at_ends = {"lr": ends["lr"][0], "momentum": ends["momentum"][1]}
    return [
        case("a log and a linear range", "values", both(), share(0.2, 0.45)),
        case("four ranges", "values", ranges(generator, "log", "linear", "log", "linear"), share(0.2, 0.45)),
        case("the best near the low ends", "edge cases", both(), 0.5, 0.05, 0.1),
        case("the best near the high ends", "edge cases", both(), 0.5, 0.9, 0.95),
        Case("the best at an end", "edge cases", {"space": ends, "best": at_ends, "factor": 0.25}),
        case("a factor of 1", "edge cases", both(), 1.0, 0.2, 0.8),
        case("a log range of one octave and a bit", "edge cases", {"lr": narrow}, share(0.2, 0.45)),
        case(
            "a linear range around 0",
            "edge cases",
            {**ranges(generator, "log"), "shift": (-2.0, share(0.5, 1), "linear")},
            share(0.2, 0.4),
        ),
        case("a log and a linear range, and the space stays as it is", "contract", both(), share(0.2, 0.45)),
    ]


def _wanted(case: Case) -> tuple[Target, ...]:
    space = case.arguments["space"]
    low, high, _ = ends(case, tuple(output.double() for output in reference.refine(**case.arguments)))
    return Target(low, ROUNDING), Target(high, ROUNDING), Target(torch.tensor([SCALES[s] for *_, s in space.values()]))


PROBLEMS = (
    Problem(
        name="refine",
        call=narrowing,
        returns=("low", "high", "scale"),
        cases=_refinements,
        expected=values_of(reference.refine),
        points={"values": 9, "edge cases": 4, "contract": 1},
        measured=Measure(
            ("low ends, as shares of the range before", "high ends, as shares of the range before", "scales"),
            ends,
            _wanted,
        ),
        modules=(__name__,),
    ),
)


def refine__by_logarithms(space, best, factor):
    import math

    narrower = {}
    for name, (low, high, scale) in space.items():
        to, back = (math.log, math.exp) if scale == "log" else (float, float)
        half = factor * (to(high) - to(low)) / 2
        middle = to(best[name])
        start, end = back(middle - half), back(middle + half)
        narrower[name] = (max(start, low), min(end, high), scale)
    return narrower


def refine__by_ratios(space, best, factor):
    narrower = {}
    for name in space:
        low, high, scale = space[name]
        if scale == "log":
            ratio = (high / low) ** (factor / 2)
            ends = best[name] / ratio, best[name] * ratio
        else:
            ends = best[name] - factor * (high - low) / 2, best[name] + factor * (high - low) / 2
        narrower[name] = (max(ends[0], low), min(ends[1], high), scale)
    return narrower


def refine__in_torch(space, best, factor):
    def ends(low, high, scale, middle):
        low, high, middle = torch.tensor([low, high, middle], dtype=torch.float64)
        if scale == "log":
            low, high, middle = low.log10(), high.log10(), middle.log10()
        half = factor / 2 * (high - low)
        found = torch.stack([middle - half, middle + half]).clamp(low, high)
        return (*(10**found if scale == "log" else found).tolist(), scale)

    return {name: ends(*limits, best[name]) for name, limits in space.items()}


slip(
    refine__by_logarithms,
    "leaves_the_range",
    "The new range reaches outside of the old one, where nothing was tried and some numbers may make no sense.",
    ("(max(start, low), min(end, high), scale)", "(start, end, scale)"),
)
slip(
    refine__by_logarithms,
    "log_as_linear",
    "A log range is narrowed as if it were linear: its low end falls to where the range began.",
    ('(math.log, math.exp) if scale == "log" else (float, float)', "(float, float)"),
)
slip(
    refine__by_logarithms,
    "twice_as_wide",
    "The new range is twice as wide as asked for: the factor is for its whole width.",
    ("half = factor * (to(high) - to(low)) / 2", "half = factor * (to(high) - to(low))"),
)
slip(
    refine__by_logarithms,
    "around_the_middle",
    "The new range lies in the middle of the old one, not around the best number.",
    ("middle = to(best[name])", "middle = (to(low) + to(high)) / 2"),
)
slip(
    refine__by_logarithms,
    "scale_lost",
    "A log range has become a linear one: the next search would draw it linearly.",
    ("min(end, high), scale)", 'min(end, high), "linear")'),
)


def refine__in_place(space, best, factor):
    """The space that was given is changed: the caller still needs it."""
    import math

    for name, (low, high, scale) in list(space.items()):
        to, back = (math.log, math.exp) if scale == "log" else (float, float)
        half = factor * (to(high) - to(low)) / 2
        start, end = back(to(best[name]) - half), back(to(best[name]) + half)
        space[name] = (max(start, low), min(end, high), scale)
    return space


slip(
    refine__by_ratios,
    "ends_scaled",
    "The best number is multiplied by the factor; how wide the old range is has no influence.",
    (
        "ratio = (high / low) ** (factor / 2)\n            ends = best[name] / ratio, best[name] * ratio",
        "ends = best[name] * factor, best[name] / factor",
    ),
)
