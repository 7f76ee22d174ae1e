"""`compound_scaling`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import real
from autograder.problem import Problem
from autograder.problems.drawing import uniform
from autograder.programs import slip
from autograder.references import reals_of
from autograder.references.cnn_history.efficientnet import compound_scaling


def _factors(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, phi, *bases):
        names = ("phi", "alpha", "beta", "gamma")
        return Case(name, criterion, dict(zip(names, (phi, *bases), strict=False)), dtype=torch.float64)

    def bases():
        return [float(uniform(generator, low, low + 0.2)) for low in (1.1, 1.4, 1.7)]

    return [
        case("phi 1", "values", 1, *bases()),
        case("phi 2", "values", 2, *bases()),
        case("phi 3, the factors left out", "values", 3),
        case("phi 0", "edge cases", 0, *bases()),
        case("phi one half", "edge cases", 0.5, *bases()),
    ]


PROBLEMS = (
    Problem(
        name="compound_scaling",
        call=real,
        returns=("depth", "width", "resolution"),
        cases=_factors,
        expected=reals_of(compound_scaling),
        points={"values": 2, "edge cases": 1},
        shares={"depth": 0.5, "width": 0.5, "resolution": 1},
        modules=(__name__,),
    ),
)


def compound_scaling__powers(phi, alpha=1.2, beta=1.1, gamma=1.15):
    depth, width, resolution = alpha**phi, beta**phi, gamma**phi
    return depth, width, resolution


def compound_scaling__logarithms(phi, alpha=1.2, beta=1.1, gamma=1.15):
    return [torch.exp(phi * torch.log(torch.tensor(base, dtype=torch.float64))) for base in (alpha, beta, gamma)]


slip(
    compound_scaling__powers,
    "multiplied",
    "The factors grow in equal steps; each step of phi multiplies them once more.",
    ("alpha**phi, beta**phi, gamma**phi", "alpha * phi, beta * phi, gamma * phi"),
)
slip(
    compound_scaling__powers,
    "width_first",
    "Depth and width stand in each other's place: alpha is the depth's.",
    ("return depth, width", "return width, depth"),
)
slip(
    compound_scaling__powers,
    "cost_in_place_of_size",
    "Width and resolution are squared: that is how the multiply-adds grow with them, not they themselves.",
    ("beta**phi, gamma**phi", "beta ** (2 * phi), gamma ** (2 * phi)"),
)
slip(
    compound_scaling__powers,
    "phi_to_the_power",
    "Base and exponent are exchanged.",
    ("alpha**phi, beta**phi, gamma**phi", "phi**alpha, phi**beta, phi**gamma"),
)
slip(
    compound_scaling__powers,
    "usual_factors",
    "The factors that are given do not count.",
    ("    depth, width", "    alpha, beta, gamma = 1.2, 1.1, 1.15\n    depth, width"),
)
slip(
    compound_scaling__powers,
    "one_more",
    "With phi 0 the network is larger than it was: one step too many is taken.",
    ("    depth, width", "    phi += 1\n    depth, width"),
)
