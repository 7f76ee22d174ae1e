"""`top_k_error`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import real
from autograder.problem import Problem
from autograder.problems.drawing import class_labels, normal
from autograder.programs import slip
from autograder.references import value_of
from autograder.references.cnn_history.evaluation import top_k_error


def _answers(generator: torch.Generator) -> list[Case]:
    # Eighths are the same in every precision: a share may be counted in float32.
    def case(name, criterion, n, classes, k, **how):
        logits = normal(generator, n, classes)
        # Every rank comes: the target's is 0 for the first image, 1 for the second and so on.
        order = logits.argsort(dim=1, descending=True)
        target = order[torch.arange(n), torch.arange(n) % classes]
        return Case(name, criterion, {"logits": logits, "target": target, "k": k}, **how)

    def tied(name, classes, k, logits, target):
        return Case(name, "edge cases", {"logits": logits, "target": target, "k": k})

    # Whole numbers, so that equal ones come: each image has two values.
    ties = torch.tensor([[2.0, 1, 2, 1, 2], [1, 2, 1, 2, 1], [2, 2, 1, 1, 1], [1, 1, 1, 2, 2]]).double()
    return [
        case("the two best of five", "values", 16, 5, 2),
        case("the three best of seven", "values", 16, 7, 3),
        case("the best alone", "values", 8, 4, 1),
        case("as many as there are classes", "edge cases", 8, 4, 4),
        case("all but one", "edge cases", 8, 4, 3),
        case("one image", "edge cases", 1, 5, 1),
        tied("equal logits, two of five", 5, 2, ties.repeat(2, 1), torch.tensor([2, 0, 1, 3, 4, 3, 2, 4])),
        tied("equal logits, the best alone", 5, 1, ties.repeat(2, 1), torch.tensor([2, 1, 1, 4, 0, 3, 0, 3])),
        tied("one score for all", 6, 3, torch.full((8, 6), 0.5).double(), class_labels(generator, 8, 6)),
        case("the two best, float64", "contract", 8, 5, 2, dtype=torch.float64),
    ]


PROBLEMS = (
    Problem(
        name="top_k_error",
        call=real,
        returns=("error",),
        cases=_answers,
        expected=value_of(top_k_error),
        points={"values": 2, "edge cases": 1, "contract": 1},
        modules=(__name__,),
    ),
)


def top_k_error__sorted(logits, target, k):
    best = torch.sort(logits, dim=1, descending=True, stable=True).indices[:, :k]
    right = (best == target.unsqueeze(1)).any(dim=1)
    return 1 - right.double().mean()


def top_k_error__ranks(logits, target, k):
    wrong = 0
    for scores, label in zip(logits.tolist(), target.tolist(), strict=True):
        ahead = sum(s > scores[label] or (s == scores[label] and i < label) for i, s in enumerate(scores))
        wrong += ahead >= k
    return wrong / len(logits)


def top_k_error__compared(logits, target, k):
    own = logits.gather(1, target[:, None])
    places = torch.arange(logits.shape[1], device=logits.device)
    ahead = (logits > own) | ((logits == own) & (places < target[:, None]))
    return (ahead.sum(1) >= k).float().mean().item()


slip(
    top_k_error__sorted,
    "accuracy",
    "This is the share of right answers; the error is what is left.",
    ("return 1 - right.double().mean()", "return right.double().mean()"),
)
slip(
    top_k_error__sorted,
    "best_alone",
    "Only the best class counts, whatever k is.",
    ("[:, :k]", "[:, :1]"),
)
slip(
    top_k_error__sorted,
    "lowest_first",
    "The classes with the lowest logits are taken.",
    ("descending=True", "descending=False"),
)
slip(
    top_k_error__sorted,
    "count",
    "The wrong answers are counted; the error is their share.",
    ("return 1 - right.double().mean()", "return (1 - right.double()).sum()"),
)
slip(
    top_k_error__sorted,
    "one_class_more",
    "One class too many is taken.",
    ("[:, :k]", "[:, : k + 1]"),
)
slip(
    top_k_error__sorted,
    "kth_alone",
    "Only the class at place k counts; all of the first k do.",
    ("[:, :k]", "[:, k - 1 : k]"),
)
slip(
    top_k_error__compared,
    "equal_ones_go_first",
    "Classes with equal logits come in the wrong order: of these the lower one goes first.",
    ("ahead = (logits > own) | ((logits == own) & (places < target[:, None]))", "ahead = logits > own"),
)
slip(
    top_k_error__compared,
    "equal_ones_go_last",
    "Classes with equal logits come in the wrong order: of these the lower one goes first.",
    ("(places < target[:, None])", "(places != target[:, None])"),
)
slip(
    top_k_error__sorted,
    "percent",
    "The error is in per cent; it is a share between 0 and 1.",
    ("return 1 - right.double().mean()", "return 100 * (1 - right.double().mean())"),
)
