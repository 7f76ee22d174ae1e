"""`ensemble_predict`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import wide_normal
from autograder.programs import slip
from autograder.references import regularization as reference
from autograder.references import value_of


def _cases(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, shape, shift=0.0, **how):
        logits = wide_normal(generator, *shape)
        logits[0, :, 0] += shift
        return Case(name, criterion, {"logits": logits}, **how)

    return [
        case("logits (3, 4, 5)", "values", (3, 4, 5)),
        case("logits (5, 2, 3)", "values", (5, 2, 3)),
        case("as many models as samples and classes", "values", (4, 4, 4)),
        case("one model", "edge cases", (1, 4, 5)),
        case("one sample", "edge cases", (3, 1, 4)),
        case("one model is very sure", "edge cases", (3, 4, 5), 1e4),
        case("one model rules a class out", "edge cases", (3, 4, 5), -1e4),
        case("float64", "contract", (3, 4, 5), dtype=torch.float64),
        case("logits with gaps in memory", "contract", (3, 4, 5), layout="strided"),
    ]


PROBLEMS = (
    Problem(
        name="ensemble_predict",
        call=function,
        returns=("probabilities",),
        cases=_cases,
        expected=value_of(reference.ensemble_predict),
        points={"values": 1, "edge cases": 1, "contract": 1},
        modules=(__name__,),
    ),
)


def ensemble_predict__mean_of_softmax(logits):
    return torch.softmax(logits, dim=2).mean(dim=0)


def ensemble_predict__exponentials(logits):
    e = (logits - logits.amax(dim=-1, keepdim=True)).exp()
    return torch.einsum("mnc->nc", e / e.sum(dim=-1, keepdim=True)) / len(logits)


def ensemble_predict__model_by_model(logits):
    total = torch.zeros_like(logits[0])
    for model in logits:
        total += (model - model.logsumexp(dim=1, keepdim=True)).exp() / len(logits)
    return total


_MEAN = ensemble_predict__mean_of_softmax
slip(
    _MEAN,
    "mean_of_logits",
    "The logits were averaged: it is the probabilities.",
    ("torch.softmax(logits, dim=2).mean(dim=0)", "torch.softmax(logits.mean(dim=0), dim=1)"),
)
slip(
    _MEAN,
    "over_the_samples",
    "The probabilities add up to 1 over the samples: they must over the classes.",
    ("dim=2", "dim=1"),
)
slip(
    _MEAN,
    "over_the_models",
    "The probabilities add up to 1 over the models: they must over the classes.",
    ("dim=2", "dim=0"),
)
slip(_MEAN, "sum", "The probabilities add up to the number of models.", (".mean(", ".sum("))
slip(
    _MEAN,
    "votes",
    "Every model gave its whole vote to one class: the probabilities are averaged.",
    ("torch.softmax(logits, dim=2)", "torch.nn.functional.one_hot(logits.argmax(2), logits.shape[2]).to(logits.dtype)"),
)
slip(
    _MEAN,
    "mean_of_samples",
    "The mean was taken over the samples: it goes over the models.",
    ("mean(dim=0)", "mean(dim=1)"),
)
slip(
    _MEAN,
    "geometric_mean",
    "The logarithms of the probabilities were averaged: it is the probabilities.",
    ("torch.softmax(logits, dim=2).mean(dim=0)", "torch.log_softmax(logits, dim=2).mean(dim=0).exp()"),
)
slip(_MEAN, "first_model", "Only one model was asked.", (".mean(dim=0)", "[0]"))
slip(
    _MEAN,
    "overflows",
    "Where a model is very sure the result is NaN: an exponential was too large.",
    ("torch.softmax(logits, dim=2)", "(logits.exp() / logits.exp().sum(dim=2, keepdim=True))"),
)
