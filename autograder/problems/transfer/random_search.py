"""`random_search`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.spaces import searching
from autograder.measures.transfer import of_settings
from autograder.problem import Measure, Problem, Target
from autograder.problems.drawing import whole
from autograder.problems.transfer.cases import ranges
from autograder.programs import slip
from autograder.references import transfer as reference
from autograder.references import values_of

# Settings of a case. How often a right program is refused follows from two inequalities that hold for every n, with no
# normal distribution assumed. The largest distance between the shares found and the even distribution is above d with a
# chance of at most 2 exp(-2 n d^2) (Dvoretzky, Kiefer & Wolfowitz 1956; Massart 1990): 6e-11 for each range. A mean of
# n independent numbers from -1 to 1 with mean 0 is further than t from 0 with a chance of at most 2 exp(-n t^2 / 2)
# (Hoeffding 1963): 6e-11 for each two names, 2e-11 for each two names of the N / 2 settings and their next ones. A
# check asks fewer than 150 such questions: it refuses fewer than one right program in a hundred million.
N = 1500
DISTANCE, CORRELATION, FOLLOWING = 0.09, 0.18, 0.26
# float32 has 24 binary digits, in a draw and in its logarithm.
ROUNDING = 1e-4


def _searches(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, space, n=N):
        seeded = torch.Generator().manual_seed(whole(generator, 0, 2**31))
        return Case(name, criterion, {"space": space, "n": n, "generator": seeded})

    return [
        case("a log and a linear range", "values", ranges(generator, "log", "linear")),
        case("two log ranges and a linear one", "values", ranges(generator, "log", "linear", "log")),
        case("one log range", "edge cases", ranges(generator, "log")),
        case("one linear range", "edge cases", ranges(generator, "linear")),
        case("a linear range around 0", "edge cases", {**ranges(generator, "log"), "shift": (-1.5, 0.5, "linear")}),
        case("one setting", "edge cases", ranges(generator, "log", "linear"), n=1),
        case("a log and a linear range, and the space stays as it is", "contract", ranges(generator, "log", "linear")),
    ]


def _wanted(case: Case) -> tuple[Target, ...]:
    zero = torch.tensor(0.0, dtype=torch.float64)
    tolerances = (ROUNDING, DISTANCE, CORRELATION, FOLLOWING, 0.0)
    return tuple(Target(zero, tolerance) for tolerance in tolerances)


PROBLEMS = (
    Problem(
        name="random_search",
        call=searching,
        returns=("settings", "the settings again"),
        cases=_searches,
        expected=values_of(reference.random_search),
        points={"values": 10, "edge cases": 4, "contract": 2},
        measured=Measure(
            (
                "the largest distance outside of a range",
                "the largest distance from an even distribution",
                "the largest correlation between two names",
                "the largest correlation between a setting and the next",
                "settings that differ with the same seed again",
            ),
            of_settings,
            _wanted,
        ),
        modules=(__name__,),
    ),
)


def random_search__by_exp(space, n, generator):
    import math

    settings = []
    for _ in range(n):
        setting = {}
        for name, (low, high, scale) in space.items():
            share = torch.rand((), generator=generator, dtype=torch.float64).item()
            if scale == "log":
                start, end = math.log(low), math.log(high)
                setting[name] = math.exp(start + share * (end - start))
            else:
                setting[name] = low + share * (high - low)
        settings.append(setting)
    return settings


def random_search__all_at_once(space, n, generator):
    columns = {}
    for name, (low, high, scale) in space.items():
        share = torch.rand(n, generator=generator)
        value = low * (high / low) ** share if scale == "log" else low + (high - low) * share
        columns[name] = value.tolist()
    return [{name: column[i] for name, column in columns.items()} for i in range(n)]


def random_search__by_powers_of_ten(space, n, generator):
    import math

    def draw(low, high, scale):
        if scale == "log":
            return 10 ** torch.empty(1).uniform_(math.log10(low), math.log10(high), generator=generator).item()
        return torch.empty(1).uniform_(low, high, generator=generator).item()

    return [{name: draw(*limits) for name, limits in space.items()} for _ in range(n)]


def random_search__always_linear(space, n, generator):
    """A log range is drawn as a linear one: almost all of its numbers are of the largest power of ten."""
    shares = torch.rand(n, len(space), generator=generator, dtype=torch.float64).tolist()
    rows = [
        [low + share * (high - low) for (low, high, _), share in zip(space.values(), row, strict=True)]
        for row in shares
    ]
    return [dict(zip(space, row, strict=True)) for row in rows]


slip(
    random_search__by_exp,
    "one_share_for_all_names",
    "All names of a setting get the same share of their ranges: the settings lie on one line.",
    (
        "        setting = {}\n",
        "        setting = {}\n        share = torch.rand((), generator=generator, dtype=torch.float64).item()\n",
    ),
    (
        "            share = torch.rand((), generator=generator, dtype=torch.float64).item()\n            if",
        "            if",
    ),
)
slip(
    random_search__by_exp,
    "one_setting_repeated",
    "All settings are equal: draw anew for each of them.",
    (
        "    for _ in range(n):\n        setting = {}\n",
        "    for _ in range(n):\n        generator.manual_seed(7)\n        setting = {}\n",
    ),
)
slip(
    random_search__by_exp,
    "without_generator",
    "The same seed gives other settings: not everything random comes from the generator.",
    ("torch.rand((), generator=generator, dtype", "torch.rand((), dtype"),
)
slip(
    random_search__by_powers_of_ten,
    "mixed_bases",
    "The numbers of a log range leave it: the logarithm and the power do not belong together.",
    ("uniform_(math.log10(low), math.log10(high)", "uniform_(math.log(low), math.log(high)"),
)
slip(
    random_search__by_exp,
    "whole_powers",
    "Of a log range only a few numbers come: the exponent can be any number, not a whole one alone.",
    ("math.exp(start + share * (end - start))", "low * (high / low) ** (int(4 * share) / 3)"),
)


def random_search__two_ends(space, n, generator):
    """Only the two ends of a range are tried, never a number between them."""
    sides = torch.randint(2, (n, len(space)), generator=generator).tolist()
    return [{name: space[name][side] for name, side in zip(space, row, strict=True)} for row in sides]


slip(
    random_search__by_exp,
    "normal_share",
    "Numbers leave their range, or crowd in its middle: every part of it must be equally likely.",
    (
        "torch.rand((), generator=generator, dtype=torch.float64).item()",
        "0.5 + torch.randn((), generator=generator, dtype=torch.float64).item() / 4",
    ),
)
