"""`bagging_indices`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import draws
from autograder.measures.regularization import of_indices
from autograder.problem import Measure, Problem
from autograder.problems.regularization.cases import (
    STANDARD_ERRORS,
    Target,
    about,
    exactly,
    seeded,
    share_of,
)
from autograder.programs import slip
from autograder.references import regularization as reference
from autograder.references import values_of


def _cases(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, n, models, count):
        arguments = {"n": n, "models": models, "generator": seeded(generator), "count": count}
        return Case(name, criterion, arguments)

    return [
        case("n 20, 30 models", "values", 20, 30, 12),
        case("n 7, 40 models", "values", 7, 40, 20),
        case("one model", "edge cases", 20, 1, 300),
        case("two samples", "edge cases", 2, 50, 50),
        case("one sample", "edge cases", 1, 3, 2),
        case("more models than samples", "contract", 5, 60, 20),
    ]


def _wanted(case: Case):
    n, models, count = (case.arguments[name] for name in ("n", "models", "count"))
    total = n * models * count
    each = STANDARD_ERRORS * ((n - 1) / n**2 / total) ** 0.5
    absent, both = (1 - 1 / n) ** n, (1 - 2 / n) ** n
    # The variance of the share of samples that are in a draw of n (the classical occupancy problem).
    variance = max((absent + (n - 1) * both) / n - absent**2, 0.0)
    return (
        Target(torch.full((n,), 1 / n, dtype=torch.float64), each),
        about(1 - absent, (variance / (models * count)) ** 0.5 + 1e-12),
        share_of(1 / n, count * (models - 1) * n) if models > 1 else exactly(0.0),
        share_of(1 / n, (count - 1) * models * n),
        exactly(1.0),
    )


MEASURED = (
    "how often each index was drawn",
    "the share of the samples that a model sees",
    "the share of equal indices of two models",
    "the share of equal indices of two draws",
    "whether the same seed gives the same indices (1 if so)",
)

PROBLEMS = (
    Problem(
        name="bagging_indices",
        call=draws,
        returns=("indices", "indices of the same seed"),
        cases=_cases,
        expected=values_of(reference.bagging_indices),
        points={"values": 2, "edge cases": 1, "contract": 1},
        measured=Measure(MEASURED, of_indices, _wanted),
        modules=(__name__,),
    ),
)


def bagging_indices__randint(n, models, generator):
    return torch.randint(n, (models, n), generator=generator)


def bagging_indices__uniform(n, models, generator):
    return (torch.rand(models, n, generator=generator, dtype=torch.float64) * n).floor().long()


def bagging_indices__multinomial(n, models, generator):
    rows = [torch.multinomial(torch.ones(n), n, replacement=True, generator=generator) for _ in range(models)]
    return torch.stack(rows)


slip(
    bagging_indices__multinomial,
    "without_replacement",
    "Every model sees every sample once: the indices are drawn with replacement.",
    ("replacement=True", "replacement=False"),
)
slip(
    bagging_indices__randint,
    "last_sample_missing",
    "The last sample is never drawn.",
    ("torch.randint(n,", "torch.randint(max(n - 1, 1),"),
)
slip(
    bagging_indices__randint,
    "from_one",
    "Samples are counted from 0 to n - 1.",
    ("torch.randint(n,", "torch.randint(1, n + 1,"),
)
slip(
    bagging_indices__randint,
    "same_for_all_models",
    "All models get the same samples: then they learn the same.",
    ("(models, n), generator=generator)", "(1, n), generator=generator).repeat(models, 1)"),
)
slip(
    bagging_indices__randint,
    "global_state",
    "The generator is not used: the same seed gives other indices.",
    (", generator=generator", ""),
)
slip(
    bagging_indices__randint,
    "same_every_time",
    "Two calls in a row gave the same indices: the seed was set anew inside the function.",
    ("generator=generator", "generator=torch.Generator().manual_seed(generator.initial_seed())"),
)
slip(
    bagging_indices__randint,
    "transposed",
    "There is a row for every model and a column for every draw; they were exchanged.",
    ("(models, n)", "(n, models)"),
)
slip(
    bagging_indices__uniform,
    "rounded",
    "The first and the last sample are not as frequent as the others: a number was rounded, not cut off.",
    ("* n).floor()", "* (n - 1)).round()"),
)
slip(
    bagging_indices__randint,
    "narrow_integers",
    "The indices are int32; int64 is asked for.",
    ("generator=generator)", "generator=generator).int()"),
)
