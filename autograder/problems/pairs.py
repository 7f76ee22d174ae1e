"""A forward function and its backward function: two problems on the same cases."""

from collections.abc import Callable, Mapping

import torch

from autograder.calls.kinds import backward, forward
from autograder.problem import Cases, Problem
from autograder.problems.forbidden import with_backward
from autograder.references import gradients_of, value_of


def pair(
    function: str,
    operation: Callable[..., torch.Tensor],
    cases: Callable[..., Cases],
    points: tuple[Mapping[str, float], Mapping[str, float]],
    module: str,
    wrt: tuple[str, ...] = ("x",),
    shares: Mapping[str, float] | None = None,
    forbidden: frozenset[str] = frozenset(),
    forbidden_backward: frozenset[str] | None = None,
) -> tuple[Problem, Problem]:
    """The problems ``<function>_forward``, with the output ``out``, and ``<function>_backward``.

    `operation` is torch's own. ``cases(gradient=True)`` are those of the backward function, with an upstream gradient.
    `points` are those of the two; `wrt` names the arguments whose gradients are returned, in this order, and `shares`
    are the points of "values" of the backward function by gradient. Without
    `forbidden_backward` the backward function must not use what the forward function must not, and the backward
    operations of that.
    """
    return (
        Problem(
            name=f"{function}_forward",
            call=forward,
            returns=("out",),
            cases=cases(gradient=False),
            expected=value_of(operation),
            points=points[0],
            forbidden=forbidden,
            modules=(module,),
        ),
        Problem(
            name=f"{function}_backward",
            call=backward,
            returns=tuple(f"d{name}" for name in wrt),
            cases=cases(gradient=True),
            expected=gradients_of(operation, wrt=wrt),
            points=points[1],
            shares=shares or {},
            forbidden=with_backward(forbidden) if forbidden_backward is None else forbidden_backward,
            modules=(module,),
        ),
    )
