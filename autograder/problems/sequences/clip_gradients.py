"""`clip_gradients`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import normal
from autograder.problems.forbidden import CLIPPING
from autograder.programs import slip
from autograder.references import sequences as reference
from autograder.references import values_of

ORDINARY = (((5, 3), (5, 5), (5,)), ((4, 2), (4,), (3, 4)))


def _clip(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, shapes, norm, max_norm, **how):
        """Gradients whose norm together is `norm`."""
        grads = [normal(generator, *shape) for shape in shapes]
        size = torch.cat([grad.flatten() for grad in grads]).norm()
        return Case(name, criterion, {"grads": [g * (norm / size) for g in grads], "max_norm": max_norm}, **how)

    def given(name, criterion, grads, max_norm):
        grads = [torch.tensor(grad, dtype=torch.float64) for grad in grads]
        return Case(name, criterion, {"grads": grads, "max_norm": max_norm})

    return [
        case("norm 20, max_norm 3", "values", ORDINARY[0], 20.0, 3.0),
        case("norm 6, max_norm 5", "values", ORDINARY[1], 6.0, 5.0),
        case("norm 0.4, max_norm 3", "values", ORDINARY[0], 0.4, 3.0),
        given("norm 5, max_norm 5", "edge cases", [[3.0], [[0.0, 4.0]], 0.0], 5.0),
        case("norm 0.002, max_norm 0.001", "edge cases", ORDINARY[1], 0.002, 0.001),
        given("all gradients 0", "edge cases", [[0.0, 0.0], [[0.0], [0.0]], 0.0], 1.0),
        given("gradients that are 0 but for one", "edge cases", [[0.0, 0.0], [[0.0, -8.0]], [0.0]], 2.0),
        case("three numbers, norm 30, max_norm 0.5", "edge cases", ((), (1,), ()), 30.0, 0.5),
        case("float64", "contract", ORDINARY[0], 20.0, 1.1, dtype=torch.float64),
        case("gradients with gaps in memory", "contract", ORDINARY[0], 20.0, 3.0, layout="strided"),
    ]


PROBLEMS = (
    Problem(
        name="clip_gradients",
        call=function,
        returns=(("grads[0]", "grads[1]", "grads[2]"), "norm"),
        cases=_clip,
        expected=values_of(reference.clip_gradients),
        points={"values": 6, "edge cases": 2, "contract": 1},
        shares={"grads[0]": 1, "grads[1]": 1, "grads[2]": 1, "norm": 3},
        forbidden=CLIPPING,
        modules=(__name__,),
    ),
)


def clip_gradients__one_vector(grads, max_norm):
    norm = torch.cat([g.flatten() for g in grads]).norm()
    scale = (max_norm / (norm + 1e-6)).clamp(max=1)
    return [g * scale for g in grads], norm


def clip_gradients__sum_of_squares(grads, max_norm):
    norm = sum((g * g).sum() for g in grads).sqrt()
    if norm + 1e-6 > max_norm:
        return [g * max_norm / (norm + 1e-6) for g in grads], norm
    return grads, norm


def clip_gradients__norm_of_norms(grads, max_norm):
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in grads]))
    coefficient = torch.minimum(max_norm / (norm + 1e-6), torch.ones_like(norm))
    return tuple(torch.mul(g, coefficient) for g in grads), norm


def clip_gradients__larger_of_both(grads, max_norm):
    total = grads[0].new_zeros(())
    for g in grads:
        total = total + g.square().sum()
    norm = torch.sqrt(total)
    scale = min(1.0, max_norm / (float(norm) + 1e-6))
    clipped = []
    for g in grads:
        copy = g.clone()
        copy *= scale
        clipped.append(copy)
    return clipped, norm


slip(
    clip_gradients__one_vector,
    "each_by_itself",
    "Each tensor was clipped by its own norm: all of them together have one norm, and shrink by one factor.",
    ("[g * scale for g in grads]", "[g * (max_norm / (g.norm() + 1e-6)).clamp(max=1) for g in grads]"),
)

slip(
    clip_gradients__one_vector,
    "enlarged",
    "Gradients that are small were made larger: below max_norm nothing happens.",
    (".clamp(max=1)", ""),
)

slip(
    clip_gradients__one_vector,
    "norm_after_clipping",
    "The norm that is returned is that of the clipped gradients; the one before clipping is asked for.",
    ("for g in grads], norm", "for g in grads], norm * scale"),
)

slip(
    clip_gradients__one_vector,
    "largest_entry",
    "The norm was taken as the largest entry; it is the root of the sum of all squares.",
    (".norm()", ".abs().max()"),
)

slip(
    clip_gradients__one_vector,
    "sum_of_sizes",
    "The norm was taken as the sum of all sizes; it is the root of the sum of all squares.",
    (".norm()", ".abs().sum()"),
)

slip(
    clip_gradients__one_vector,
    "no_root",
    "The norm is the sum of all squares: its root is missing.",
    (".norm()", ".square().sum()"),
)

slip(
    clip_gradients__one_vector,
    "mean_of_squares",
    "The squares were averaged; the norm is the root of their sum.",
    (".norm()", ".square().mean().sqrt()"),
)

slip(
    clip_gradients__one_vector,
    "sum_of_norms",
    "The norms of the tensors were added; their squares are, and then comes the root.",
    ("torch.cat([g.flatten() for g in grads]).norm()", "sum(g.norm() for g in grads)"),
)

slip(
    clip_gradients__one_vector,
    "largest_norm",
    "The norm is that of the largest tensor alone: all of them together have one norm.",
    ("torch.cat([g.flatten() for g in grads]).norm()", "max(g.norm() for g in grads)"),
)

slip(
    clip_gradients__one_vector,
    "first_tensor_alone",
    "The norm is that of the first tensor alone: all of them together have one norm.",
    ("torch.cat([g.flatten() for g in grads]).norm()", "grads[0].norm()"),
)

slip(
    clip_gradients__one_vector,
    "by_value",
    "Every entry was cut off at max_norm by itself: this turns the direction. All shrink by one factor.",
    ("[g * scale for g in grads]", "[g.clamp(-max_norm, max_norm) for g in grads]"),
)

slip(
    clip_gradients__one_vector,
    "to_norm_one",
    "What was clipped has the norm 1; it is to have the norm max_norm.",
    ("(max_norm / (norm + 1e-6)).clamp(max=1)", "1 / (norm + 1e-6) if norm > max_norm else 1.0"),
)

slip(
    clip_gradients__one_vector,
    "always",
    "Small gradients were shrunk too: below max_norm nothing happens.",
    ("(max_norm / (norm + 1e-6)).clamp(max=1)", "(max_norm / (max_norm + norm))"),
)

slip(
    clip_gradients__one_vector,
    "not_at_all",
    "The gradients are returned as they came, however large they are.",
    ("[g * scale for g in grads]", "list(grads)"),
)

slip(
    clip_gradients__one_vector,
    "to_zero",
    "Gradients that are too large were thrown away: they are made shorter and keep their direction.",
    ("(max_norm / (norm + 1e-6)).clamp(max=1)", "(norm <= max_norm).to(norm.dtype)"),
)

slip(
    clip_gradients__sum_of_squares,
    "no_eps",
    "The small number is missing: like torch, divide by the norm plus 1e-6.",
    ("if norm + 1e-6 > max_norm", "if norm > max_norm"),
    ("g * max_norm / (norm + 1e-6)", "g * max_norm / norm"),
)

slip(
    clip_gradients__one_vector,
    "in_place",
    "The gradients that were given are changed: *= and mul_ work in place.",
    ("[g * scale for g in grads]", "[g.mul_(scale) for g in grads]"),
)
