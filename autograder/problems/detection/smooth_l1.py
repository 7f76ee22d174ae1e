"""`smooth_l1`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import normal, uniform
from autograder.problems.forbidden import SMOOTH_L1
from autograder.programs import slip
from autograder.references import detection as reference
from autograder.references import values_of


def _cases(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, shape, beta, sizes=(0.2, 0.9, 1.3, 4.0), **how):
        """Differences of both signs, of these sizes in turn as multiples of beta, by chance a little larger."""
        target = normal(generator, *shape)
        numbers = torch.tensor(sizes, dtype=torch.float64).repeat(target.numel())[: target.numel()].reshape(shape)
        # Every size comes with both signs; which one is first is drawn.
        signs = 1 - 2 * (torch.arange(target.numel()) // len(sizes) % 2).reshape(shape)
        signs = signs * (2 * int(torch.randint(2, (), generator=generator)) - 1)
        difference = numbers * (1 + uniform(generator, 0.0, 0.1, *shape)) * signs * beta
        return Case(name, criterion, {"prediction": target + difference, "target": target, "beta": beta}, **how)

    exact = torch.tensor([[0.5, -0.5, 0.25, -1.0]], dtype=torch.float64)
    target = 2 * normal(generator, 1, 4).round()
    same = normal(generator, 3, 4)
    return [
        case("prediction (5, 4), beta 0.7", "values", (5, 4), 0.7),
        case("prediction (2, 3, 4), beta 3", "values", (2, 3, 4), 3.0),
        case("beta 1/9", "edge cases", (6, 4), 1 / 9),
        case("beta 1", "edge cases", (3, 4), 1.0),
        case("all differences below beta", "edge cases", (3, 4), 2.0, (0.1, 0.5, 0.8)),
        case("all differences above beta", "edge cases", (3, 4), 0.5, (1.2, 3.0, 7.0)),
        Case(
            "differences of exactly beta", "edge cases", {"prediction": target + exact, "target": target, "beta": 0.5}
        ),
        Case("prediction and target equal", "edge cases", {"prediction": same, "target": same.clone(), "beta": 0.5}),
        case("differences of some 10,000", "edge cases", (2, 4), 0.5, (10_000.0, 20_000.0)),
        case("one number", "edge cases", (1,), 0.8, (0.6,)),
        case("float64, beta 1/9", "contract", (4, 4), 1 / 9, dtype=torch.float64),
        case("inputs with gaps in memory", "contract", (4, 4), 0.6, layout="strided"),
    ]


PROBLEMS = (
    Problem(
        name="smooth_l1",
        call=function,
        returns=("loss", "dprediction"),
        cases=_cases,
        expected=values_of(reference.smooth_l1),
        points={"values": 4, "edge cases": 2, "contract": 1},
        shares={"loss": 2, "dprediction": 2},
        forbidden=SMOOTH_L1,
        modules=(__name__,),
    ),
)


def smooth_l1__where(prediction, target, beta):
    d = prediction - target
    near = d.abs() < beta
    each = torch.where(near, d**2 / (2 * beta), d.abs() - beta / 2)
    slope = torch.where(near, d / beta, d.sign())
    return each.mean(), slope / d.numel()


def smooth_l1__clamped(prediction, target, beta):
    difference = prediction - target
    inner = difference.clamp(-beta, beta)
    each = inner * (difference - inner / 2) / beta
    return each.mean(), inner / beta / difference.numel()


def smooth_l1__masked(prediction, target, beta):
    d = (prediction - target).flatten()
    size = d.abs()
    large = size >= beta
    loss = (0.5 * d[~large] ** 2 / beta).sum() + (size[large] - 0.5 * beta).sum()
    gradient = d / beta
    gradient[large] = torch.sign(d[large])
    return loss / len(d), (gradient / len(d)).reshape(prediction.shape)


def smooth_l1__number_by_number(prediction, target, beta):
    total, slopes = 0.0, []
    for p, t in zip(prediction.double().flatten().tolist(), target.double().flatten().tolist(), strict=True):
        d = p - t
        if abs(d) < beta:
            total += 0.5 * d * d / beta
            slopes.append(d / beta)
        else:
            total += abs(d) - 0.5 * beta
            slopes.append(1.0 if d > 0 else -1.0)
    slopes = torch.tensor(slopes, dtype=torch.float64).reshape(prediction.shape)
    n = prediction.numel()
    loss = torch.tensor(total / n, dtype=prediction.dtype, device=prediction.device)
    return loss, (slopes / n).to(prediction)


_WHERE = smooth_l1__where
slip(
    _WHERE,
    "sum",
    "The loss is a sum; the mean over all numbers is asked for.",
    ("each.mean()", "each.sum()"),
)
slip(
    _WHERE,
    "sum_everywhere",
    "Loss and gradient are those of a sum; the mean over all numbers is asked for.",
    ("each.mean()", "each.sum()"),
    ("slope / d.numel()", "slope"),
)
slip(
    _WHERE,
    "gradient_of_the_sum",
    "The loss is a mean, but dprediction is the gradient of a sum.",
    ("slope / d.numel()", "slope"),
)
slip(
    _WHERE,
    "mean_over_the_rows",
    "Loss and gradient are divided by the number of rows: the mean is one over all numbers.",
    ("each.mean()", "each.sum() / len(d)"),
    ("slope / d.numel()", "slope / len(d)"),
)
slip(
    _WHERE,
    "gradient_over_the_rows",
    "dprediction is divided by the number of rows: the mean is one over all numbers.",
    ("slope / d.numel()", "slope / len(d)"),
)
slip(
    _WHERE,
    "beta_ignored",
    "The argument beta is not used.",
    ("    d =", "    beta = 1.0\n    d ="),
)
slip(
    _WHERE,
    "square_not_divided",
    "The square is not divided by beta: the two parts do not meet.",
    ("d**2 / (2 * beta)", "d**2 / 2"),
)
slip(
    _WHERE,
    "small_differences_not_divided",
    "Small differences are not divided by beta: the two parts do not meet, and neither do their slopes.",
    ("d**2 / (2 * beta)", "d**2 / 2"),
    ("d / beta, d.sign()", "d, d.sign()"),
)
slip(
    _WHERE,
    "square_not_halved",
    "The square is not halved: the two parts do not meet.",
    ("d**2 / (2 * beta)", "d**2 / beta"),
)
slip(
    _WHERE,
    "line_not_lowered",
    "The straight part lies too high: the two parts do not meet.",
    ("d.abs() - beta / 2", "d.abs()"),
)
slip(
    _WHERE,
    "line_lowered_by_one_half",
    "The straight part was lowered by 1/2 whatever beta is: the two parts do not meet.",
    ("d.abs() - beta / 2", "d.abs() - 0.5"),
)
slip(
    _WHERE,
    "huber",
    "Loss and gradient are beta times too large: this is Huber's loss.",
    ("d**2 / (2 * beta), d.abs() - beta / 2", "d**2 / 2, beta * (d.abs() - beta / 2)"),
    ("d / beta, d.sign()", "d, beta * d.sign()"),
)
slip(
    _WHERE,
    "parts_exchanged",
    "The parts are exchanged: the square belongs to small differences.",
    ("d.abs() < beta", "d.abs() >= beta"),
)
slip(
    _WHERE,
    "not_the_size",
    "A large negative difference was taken for a small one: its size decides.",
    ("near = d.abs() < beta", "near = d < beta"),
)
slip(
    _WHERE,
    "squares_alone",
    "Large differences count with their squares: they count with their size.",
    ("torch.where(near, d**2 / (2 * beta), d.abs() - beta / 2)", "d**2 / (2 * beta)"),
    ("torch.where(near, d / beta, d.sign())", "d / beta"),
)
slip(
    _WHERE,
    "lines_alone",
    "Small differences count with their size: they count with their squares.",
    ("torch.where(near, d**2 / (2 * beta), d.abs() - beta / 2)", "d.abs()"),
    ("torch.where(near, d / beta, d.sign())", "d.sign()"),
)
slip(
    _WHERE,
    "slope_not_divided",
    "In dprediction small differences are not divided by beta.",
    ("d / beta, d.sign()", "d, d.sign()"),
)
slip(
    _WHERE,
    "slope_without_sign",
    "In dprediction large differences have lost their sign.",
    ("d / beta, d.sign()", "d / beta, torch.ones_like(d)"),
)
slip(
    _WHERE,
    "sign_of_gradient",
    "dprediction has the wrong sign: it is the gradient for the target.",
    ("slope / d.numel()", "-slope / d.numel()"),
)
slip(
    _WHERE,
    "in_place",
    "prediction was overwritten: work on a copy.",
    ("d = prediction - target", "d = prediction.sub_(target)"),
)
