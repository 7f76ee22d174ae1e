"""`numerical_gradient`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case, NamedFunction
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import sized
from autograder.problems.forbidden import NUMERICAL_GRADIENT
from autograder.references import backprop as reference
from autograder.references import value_of


def _numerical_gradient(generator: torch.Generator) -> list[Case]:
    def case(f, shape, eps, criterion, special=None, dtype=torch.float64, **how):
        x = 2 * sized(generator, *shape) - 2
        name = f"{special or f'x {shape}'}: {f}, eps {eps}"
        # So large an eps that forward differences, and the true gradient, are far from what is asked for.
        return Case(name, criterion, {"f": NamedFunction(f), "x": x, "eps": eps}, dtype=dtype, **how)

    return [
        case("sum of exponentials", (5,), 0.5, "values"),
        case("weighted sines", (2, 3), 0.25, "values"),
        case("sum of exponentials", (3, 2, 2), 0.1, "values"),
        case("product", (4,), 0.5, "edge cases"),
        case("weighted sines", (1,), 0.4, "edge cases"),
        case("sum of exponentials", (), 0.3, "edge cases"),
        case("weighted sines", (2, 1, 2, 3), 0.2, "edge cases"),
        case("sum of exponentials", (2, 3), 0.25, "contract", "float32", torch.float32),
        case("weighted sines", (4, 3), 0.5, "contract", "x with gaps in memory", layout="strided"),
        case("weighted sines", (2, 3, 2), 0.3, "contract", "x transposed in memory", layout="transposed"),
    ]


PROBLEMS = (
    Problem(
        name="numerical_gradient",
        call=function,
        returns=("grad",),
        cases=_numerical_gradient,
        expected=value_of(reference.numerical_gradient),
        points={"values": 6, "edge cases": 2, "contract": 2},
        forbidden=NUMERICAL_GRADIENT,
        modules=(__name__,),
    ),
)


def numerical_gradient__unit_steps(f, x, eps):
    grad = torch.empty(x.numel(), dtype=x.dtype, device=x.device)
    for i in range(x.numel()):
        step = torch.zeros(x.numel(), dtype=x.dtype, device=x.device)
        step[i] = eps
        step = step.reshape(x.shape)
        grad[i] = (f(x + step) - f(x - step)) / (2 * eps)
    return grad.reshape(x.shape)


def numerical_gradient__by_index(f, x, eps):
    import itertools

    x = x.clone()
    grad = torch.zeros_like(x)
    for index in itertools.product(*map(range, x.shape)):
        before = x[index].item()
        x[index] = before + eps
        above = f(x)
        x[index] = before - eps
        below = f(x)
        x[index] = before
        grad[index] = (above - below) / (2 * eps)
    return grad


def numerical_gradient__puts_back(f, x, eps):
    import numpy

    grad = torch.zeros_like(x)
    for index in numpy.ndindex(*x.shape):
        before = x[index].clone()
        x[index] = before + eps
        above = f(x).item()
        x[index] = before - eps
        grad[index] = (above - f(x).item()) / 2 / eps
        x[index] = before
    return grad


def numerical_gradient__forward_differences(f, x, eps):
    """These are forward differences: only one side of x was looked at."""
    steps = eps * torch.eye(x.numel(), dtype=x.dtype, device=x.device).reshape(-1, *x.shape)
    return torch.stack([(f(x + step) - f(x)) / eps for step in steps]).reshape(x.shape)


def numerical_gradient__backward_differences(f, x, eps):
    """These are backward differences: only one side of x was looked at."""
    steps = eps * torch.eye(x.numel(), dtype=x.dtype, device=x.device).reshape(-1, *x.shape)
    return torch.stack([(f(x) - f(x - step)) / eps for step in steps]).reshape(x.shape)


def numerical_gradient__twice_too_large(f, x, eps):
    """Every entry is twice too large: ask how far apart the two points are."""
    steps = eps * torch.eye(x.numel(), dtype=x.dtype, device=x.device).reshape(-1, *x.shape)
    return torch.stack([(f(x + step) - f(x - step)) / eps for step in steps]).reshape(x.shape)


def numerical_gradient__not_divided(f, x, eps):
    """The differences were not divided by the distance of the two points."""
    steps = eps * torch.eye(x.numel(), dtype=x.dtype, device=x.device).reshape(-1, *x.shape)
    return torch.stack([f(x + step) - f(x - step) for step in steps]).reshape(x.shape)


def numerical_gradient__two_times_eps_without_parentheses(f, x, eps):
    """Python divides and multiplies from left to right: look at what / 2 * eps does."""
    steps = eps * torch.eye(x.numel(), dtype=x.dtype, device=x.device).reshape(-1, *x.shape)
    return torch.stack([(f(x + step) - f(x - step)) / 2 * eps for step in steps]).reshape(x.shape)


def numerical_gradient__own_eps(f, x, eps):
    """The result does not depend on the eps that is given."""
    steps = 1e-5 * torch.eye(x.numel(), dtype=x.dtype, device=x.device).reshape(-1, *x.shape)
    return torch.stack([(f(x + step) - f(x - step)) / 2e-5 for step in steps]).reshape(x.shape)


def numerical_gradient__half_steps(f, x, eps):
    """The two points are eps / 2 away from x; they should be eps away."""
    steps = eps / 2 * torch.eye(x.numel(), dtype=x.dtype, device=x.device).reshape(-1, *x.shape)
    return torch.stack([(f(x + step) - f(x - step)) / eps for step in steps]).reshape(x.shape)


def numerical_gradient__sign(f, x, eps):
    """The sign is reversed: look at which of the two values is subtracted."""
    steps = eps * torch.eye(x.numel(), dtype=x.dtype, device=x.device).reshape(-1, *x.shape)
    return torch.stack([(f(x - step) - f(x + step)) / (2 * eps) for step in steps]).reshape(x.shape)


def numerical_gradient__all_entries_at_once(f, x, eps):
    """All entries of x were moved at the same time: that gives one slope, not one for each entry."""
    return (f(x + eps) - f(x - eps)) / (2 * eps) * torch.ones_like(x)


def numerical_gradient__not_put_back(f, x, eps):
    """An entry that was moved stays where it is when the next one is moved."""
    x = x.clone(memory_format=torch.contiguous_format)
    grad = torch.zeros(x.numel(), dtype=x.dtype, device=x.device)
    for i in range(x.numel()):
        x.view(-1)[i] += eps
        above = f(x)
        x.view(-1)[i] -= 2 * eps
        grad[i] = (above - f(x)) / (2 * eps)
    return grad.reshape(x.shape)


def numerical_gradient__second_point_is_x(f, x, eps):
    """The second value is that at x itself: an entry has to be moved to the other side of x, too."""
    steps = eps * torch.eye(x.numel(), dtype=x.dtype, device=x.device).reshape(-1, *x.shape)
    return torch.stack([(f(x + step) - f(x)) / (2 * eps) for step in steps]).reshape(x.shape)


def numerical_gradient__flat(f, x, eps):
    """The result has the right numbers but not the shape of x."""
    steps = eps * torch.eye(x.numel(), dtype=x.dtype, device=x.device).reshape(-1, *x.shape)
    return torch.stack([(f(x + step) - f(x - step)) / (2 * eps) for step in steps])


def numerical_gradient__flat_copy(f, x, eps):
    """For an x that does not lie row after row, the entries were moved, or written, in a copy that nobody reads."""
    grad, moved = torch.zeros_like(x), x.clone()
    for i in range(x.numel()):
        moved.reshape(-1)[i] += eps
        above = f(moved)
        moved.reshape(-1)[i] -= 2 * eps
        grad.reshape(-1)[i] = (above - f(moved)) / (2 * eps)
        moved.reshape(-1)[i] += eps
    return grad
