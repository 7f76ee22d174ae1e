"""`average_precision`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import uniform, whole
from autograder.problems.forbidden import AVERAGE_PRECISION
from autograder.programs import slip
from autograder.references import detection as reference
from autograder.references import value_of


def _cases(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, hits, n_truth, low=0.1, scores=None, **how):
        """Detections with these `hits`, best first, in an order by chance; no score is closer than 0.05 to another."""
        if scores is None:
            places = torch.randperm(len(hits), generator=generator)
            # The best is never first, nor last: an order that is ignored or turned shows.
            places = places if len(hits) < 4 else places.roll(int(1 - places.argmin()))
            steps = uniform(generator, 0.0, 0.05, len(hits))
            scores, matched = low + 0.1 * (len(hits) - places) + steps, [hits[place] for place in places]
        else:
            scores, matched = torch.tensor(scores, dtype=torch.float64), hits
        arguments = {"scores": scores, "matched": torch.tensor(matched, dtype=torch.bool), "n_truth": n_truth}
        return Case(name, criterion, arguments, **how)

    n_truth = whole(generator, 7, 9)
    mixed = [True, False, False, True, True, False, True, False, True, True]
    late = [False, True, True, False, True, False, False, True]
    return [
        case(f"10 detections, 6 of them right, of {n_truth} objects", "values", mixed, n_truth),
        case("8 detections, the best one wrong, of 5 objects", "values", late, 5),
        case("every object found, and nothing else", "edge cases", [True] * 5, 5),
        case("nothing found", "edge cases", [False] * 4, 3),
        case("every object found, between wrong detections", "edge cases", [False, True, False, True, True, False], 3),
        case("one detection of four objects", "edge cases", [True], 4),
        case("equal scores", "edge cases", [False, True, True, False, True], 4, scores=[0.5, 0.75, 0.5, 0.75, 0.5]),
        case("scores below 0", "edge cases", late, 6, low=-3.0),
        case("no detection", "edge cases", [], 3, scores=[]),
        case("a class without objects", "edge cases", [False] * 3, 0),
        case("no detection, no object", "edge cases", [], 0, scores=[]),
        case("float64", "contract", mixed, n_truth, dtype=torch.float64),
        case("inputs with gaps in memory", "contract", mixed, n_truth, layout="strided"),
    ]


PROBLEMS = (
    Problem(
        name="average_precision",
        call=function,
        returns=("ap",),
        cases=_cases,
        expected=value_of(reference.average_precision),
        points={"values": 5, "edge cases": 3, "contract": 1},
        forbidden=AVERAGE_PRECISION,
        modules=(__name__,),
    ),
)


def average_precision__envelope(scores, matched, n_truth):
    order = scores.argsort(descending=True, stable=True)
    hit = matched[order].to(scores.dtype)
    hits = hit.cumsum(0)
    precision = hits / torch.arange(1, len(hits) + 1, dtype=scores.dtype, device=scores.device)
    recall = hits / max(n_truth, 1)
    envelope = precision.flip(0).cummax(0).values.flip(0)
    before = torch.cat([recall.new_zeros(1), recall[:-1]])[: len(recall)]
    return ((recall - before) * envelope).sum()


def average_precision__with_sentinels(scores, matched, n_truth):
    if n_truth == 0 or len(scores) == 0:
        return scores.new_zeros(())
    order = torch.sort(-scores, stable=True).indices
    tp = torch.cumsum(matched[order].double(), 0)
    fp = torch.cumsum((~matched[order]).double(), 0)
    zero, one = tp.new_zeros(1), tp.new_ones(1)
    recall = torch.cat([zero, tp / n_truth, one])
    precision = torch.cat([zero, tp / (tp + fp), zero])
    for i in range(len(precision) - 1, 0, -1):
        precision[i - 1] = torch.maximum(precision[i - 1], precision[i])
    steps = (recall[1:] != recall[:-1]).nonzero()[:, 0]
    return ((recall[steps + 1] - recall[steps]) * precision[steps + 1]).sum().to(scores.dtype)


def average_precision__from_the_end(scores, matched, n_truth):
    pairs = list(zip(scores.tolist(), matched.tolist(), strict=True))
    pairs = sorted(pairs, key=lambda pair: pair[0], reverse=True)
    found, best, total = sum(hit for _, hit in pairs), 0.0, 0.0
    for rank in range(len(pairs), 0, -1):
        best = max(best, found / rank)
        if pairs[rank - 1][1]:
            total += best
            found -= 1
    return torch.tensor(total / n_truth if n_truth else 0.0, dtype=scores.dtype, device=scores.device)


def average_precision__hit_by_hit(scores, matched, n_truth):
    ranked = matched[torch.argsort(scores, descending=True, stable=True)]
    ranks = ranked.nonzero()[:, 0] + 1
    precision = torch.arange(1, len(ranks) + 1, device=scores.device).to(scores.dtype) / ranks
    best = [precision[k:].max() for k in range(len(precision))]
    return sum(best, scores.new_zeros(())) / max(n_truth, 1)


_ENVELOPE = average_precision__envelope
_BEST = "precision.flip(0).cummax(0).values.flip(0)"
slip(
    _ENVELOPE,
    "not_monotone",
    "The precision was taken as it is: at each recall the best one of this recall and of all larger ones counts.",
    (_BEST, "precision"),
)
slip(
    _ENVELOPE,
    "from_the_left",
    "The best precision was looked for among smaller recalls: it is that of this recall and of all larger ones.",
    (_BEST, "precision.cummax(0).values"),
)
slip(
    _ENVELOPE,
    "not_sorted",
    "The scores were not used: the detections come best first.",
    ("scores.argsort(descending=True, stable=True)", "torch.arange(len(scores), device=scores.device)"),
)
slip(
    _ENVELOPE,
    "worst_first",
    "The detection with the lowest score came first.",
    ("scores.argsort(descending=True, stable=True)", "scores.argsort(stable=True)"),
)
slip(
    _ENVELOPE,
    "ties_from_the_end",
    "Detections with equal scores changed their order: they stay in the order in which they came.",
    ("scores.argsort(descending=True, stable=True)", "scores.argsort(stable=True).flip(0)"),
)
slip(
    _ENVELOPE,
    "hits_of_a_tie_first",
    "Of detections with equal scores the right ones came first: they stay in the order in which they came.",
    (
        "order = scores.argsort(descending=True, stable=True)",
        "order = matched.to(scores).argsort(descending=True, stable=True)\n"
        "    order = order[scores[order].argsort(descending=True, stable=True)]",
    ),
)
slip(
    _ENVELOPE,
    "recall_of_what_was_found",
    "Objects that were not found do not count: the recall is a share of all n_truth objects.",
    ("recall = hits / max(n_truth, 1)", "recall = hits / hit.sum().clamp(min=1)"),
)
slip(
    _ENVELOPE,
    "divided_by_detections",
    "The recall is a share of the objects, not of the detections.",
    ("recall = hits / max(n_truth, 1)", "recall = hits / max(len(hits), 1)"),
)
slip(
    _ENVELOPE,
    "first_step_lost",
    "The first step of the recall was left out: the recall begins at 0.",
    ("torch.cat([recall.new_zeros(1), recall[:-1]])", "torch.cat([recall[:1], recall[:-1]])"),
)
slip(
    _ENVELOPE,
    "to_recall_one",
    "Recalls that are never reached count with the last precision: they count with 0.",
    (
        "    return ((recall - before) * envelope).sum()",
        "    if n_truth < 1 or len(recall) < 1:\n        return recall.sum()\n"
        "    return ((recall - before) * envelope).sum() + (1 - recall[-1]) * envelope[-1]",
    ),
)
slip(
    _ENVELOPE,
    "straight_lines",
    "The points of the curve were joined by straight lines: each step counts with the best precision from there on.",
    (
        "    return ((recall - before) * envelope).sum()",
        "    left = torch.cat([precision.new_ones(1), precision[:-1]])[: len(precision)]\n"
        "    return ((recall - before) * (precision + left) / 2).sum()",
    ),
)
slip(
    _ENVELOPE,
    "eleven_points",
    "This is the mean at eleven recalls: every step of the recall counts, by its length.",
    (
        "    return ((recall - before) * envelope).sum()",
        "    points = [envelope[recall >= k / 10 - 1e-6] for k in range(11)]\n"
        "    return sum([part.max() for part in points if len(part)], scores.new_zeros(())) / 11",
    ),
)
slip(
    _ENVELOPE,
    "mean_precision",
    "This is the mean of the precisions after every detection: each counts by how much the recall grows there.",
    ("((recall - before) * envelope).sum()", "envelope.sum() / max(len(envelope), 1)"),
)
slip(
    _ENVELOPE,
    "rank_from_zero",
    "The precision is too large: the best detection is the first, not the zeroth.",
    ("torch.arange(1, len(hits) + 1,", "torch.arange(len(hits),"),
    ("    recall", "    precision = precision.nan_to_num(0.0, 1.0)\n    recall"),
)
slip(
    _ENVELOPE,
    "nan_without_objects",
    "0 was divided by 0: look at a class without objects.",
    ("max(n_truth, 1)", "torch.tensor(n_truth).to(hits)"),
)
slip(
    _ENVELOPE,
    "single_precision",
    "The result is float32 whatever the dtype of the scores is.",
    ("((recall - before) * envelope).sum()", "((recall - before) * envelope).sum().float()"),
)


slip(
    _ENVELOPE,
    "mean_precision_at_hits",
    "This is the mean of the precisions at the right detections: objects that were not found count, too, and at each "
    "recall the best precision of this recall and of all larger ones does.",
    ("((recall - before) * envelope).sum()", "(precision * hit).sum() / hit.sum().clamp(min=1)"),
)
