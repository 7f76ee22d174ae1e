"""`label_smoothing_cross_entropy`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import class_labels, wide_normal
from autograder.problems.forbidden import LOG_LIKELIHOODS
from autograder.programs import slip
from autograder.references import regularization as reference
from autograder.references import values_of


def _cases(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, n, classes, smoothing=0.2, ahead=0.0, **how):
        logits = wide_normal(generator, n, classes)
        logits[:, 0] += ahead
        target = class_labels(generator, n, classes)
        return Case(name, criterion, {"logits": logits, "target": target, "smoothing": smoothing}, **how)

    return [
        case("logits (4, 5), smoothing 0.2", "values", 4, 5),
        case("logits (7, 3), smoothing 0.5", "values", 7, 3, 0.5),
        case("no smoothing", "edge cases", 4, 5, 0.0),
        case("smoothing 1", "edge cases", 4, 5, 1.0),
        case("one sample", "edge cases", 1, 4),
        case("two classes", "edge cases", 5, 2),
        case("one class 1,000 ahead", "edge cases", 4, 5, ahead=1e3),
        case("one class 10,000 behind", "edge cases", 4, 5, ahead=-1e4),
        case("float64, smoothing 1/7", "contract", 4, 5, 1 / 7, dtype=torch.float64),
        case("logits with gaps in memory", "contract", 4, 5, layout="strided"),
    ]


PROBLEMS = (
    Problem(
        name="label_smoothing_cross_entropy",
        call=function,
        returns=("loss", "dlogits"),
        cases=_cases,
        expected=values_of(reference.label_smoothing_cross_entropy),
        points={"values": 4, "edge cases": 3, "contract": 1},
        shares={"loss": 2, "dlogits": 2},
        forbidden=LOG_LIKELIHOODS,
        modules=(__name__,),
    ),
)


def label_smoothing_cross_entropy__soft_targets(logits, target, smoothing):
    n, classes = logits.shape
    log_p = logits - logits.logsumexp(dim=1, keepdim=True)
    soft = torch.full_like(logits, smoothing / classes)
    soft[torch.arange(n), target] += 1 - smoothing
    return -(soft * log_p).sum() / n, (log_p.exp() - soft) / n


def label_smoothing_cross_entropy__mean_of_two(logits, target, smoothing):
    log_p = torch.log_softmax(logits, dim=1)
    hot = torch.nn.functional.one_hot(target, logits.shape[1]).to(logits.dtype)
    hard = -log_p.gather(1, target[:, None]).mean()
    even = -log_p.mean()
    dlogits = log_p.exp() - (1 - smoothing) * hot - smoothing / logits.shape[1]
    return (1 - smoothing) * hard + smoothing * even, dlogits / len(logits)


def label_smoothing_cross_entropy__sample_by_sample(logits, target, smoothing):
    losses, rows = [], []
    for row, label in zip(logits, target.tolist(), strict=True):
        shifted = row - row.max()
        log_p = shifted - shifted.exp().sum().log()
        soft = [smoothing / len(row) + (1 - smoothing) * (k == label) for k in range(len(row))]
        losses.append(-sum(share * number for share, number in zip(soft, log_p, strict=True)))
        rows.append(torch.stack([number.exp() - share for share, number in zip(soft, log_p, strict=True)]))
    return torch.stack(losses).mean(), torch.stack(rows) / len(rows)


_SOFT = label_smoothing_cross_entropy__soft_targets
slip(
    _SOFT,
    "over_the_other_classes",
    "The smoothing was shared among the wrong classes: the right one is smoothed with the others, over K classes.",
    ("smoothing / classes)", "smoothing / (classes - 1))"),
    ("target] += 1 - smoothing", "target] = 1 - smoothing"),
)
slip(
    _SOFT,
    "right_class_without_its_share",
    "The soft targets of a sample do not add up to 1: the right class gets a share of the smoothing, too.",
    ("target] += 1 - smoothing", "target] = 1 - smoothing"),
)
slip(
    _SOFT,
    "right_class_too_large",
    "The soft targets of a sample add up to more than 1: what the others get is taken from the right class.",
    ("target] += 1 - smoothing", "target] += 1"),
)
slip(_SOFT, "not_smoothed", "The smoothing is not used.", ("smoothing / classes", "0.0"), ("+= 1 - smoothing", "+= 1"))
slip(
    _SOFT,
    "turned",
    "The smoothing was given to the right class, and the rest to all: it is the other way round.",
    ("smoothing / classes", "(1 - smoothing) / classes"),
    ("+= 1 - smoothing", "+= smoothing"),
)
slip(
    _SOFT,
    "gradient_of_hard_targets",
    "dlogits was computed with the hard targets.",
    ("(log_p.exp() - soft)", "(log_p.exp() - (soft > smoothing / classes).to(soft))"),
)
slip(_SOFT, "sum", "The loss is a sum over the batch; the mean is asked for.", (".sum() / n", ".sum()"))
slip(
    _SOFT,
    "sum_everywhere",
    "Loss and gradient are those of a sum over the batch; the mean is asked for.",
    (".sum() / n", ".sum()"),
    ("- soft) / n", "- soft)"),
)
slip(
    _SOFT,
    "mean_over_all",
    "The loss was averaged over the classes, too.",
    (".sum() / n", ".mean()"),
)
slip(
    _SOFT,
    "gradient_of_the_sum",
    "The loss is a mean over the batch, but dlogits is the gradient of a sum.",
    ("- soft) / n", "- soft)"),
)
slip(
    _SOFT,
    "logarithm_of_a_rounded_probability",
    "With a class far behind the loss is not finite: a probability was rounded to 0 before its logarithm was taken.",
    ("logits - logits.logsumexp(dim=1, keepdim=True)", "logits.softmax(dim=1).log()"),
)
slip(
    _SOFT,
    "in_place",
    "logits was overwritten: work on a copy.",
    ("logits - logits.logsumexp(dim=1, keepdim=True)", "logits.sub_(logits.logsumexp(dim=1, keepdim=True))"),
)
slip(_SOFT, "sign_of_gradient", "dlogits has the wrong sign.", ("(log_p.exp() - soft)", "(soft - log_p.exp())"))
