"""`cross_entropy`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import class_labels, normal
from autograder.problems.forbidden import CROSS_ENTROPY, LOG_SUM_EXP
from autograder.programs import slip
from autograder.references import backprop as reference
from autograder.references import values_of


def _behind(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The right class of each sample is given a probability near 0.00025.

    There a small number in the logarithm always shows from 1e-8 on, and never up to 1e-9, whatever the seed; in float64
    from 1e-15 on.
    """
    right = torch.nn.functional.one_hot(target, logits.shape[1]).bool()
    others = logits.masked_fill(right, -torch.inf).logsumexp(1)
    behind = others - torch.linspace(8.1, 8.5, len(logits), dtype=logits.dtype)
    return torch.where(right, behind[:, None], logits)


def _cross_entropy(generator: torch.Generator) -> list[Case]:
    def drawn(n, classes, scale, target):
        """Logits and targets; drawn again where a small number in the logarithm might show by chance."""
        while True:
            logits = scale * normal(generator, n, classes)
            found = class_labels(generator, n, classes) if target is None else torch.tensor(target)
            if logits.softmax(1).gather(1, found[:, None]).min() > 0.005:
                return logits, found

    def case(name, criterion, n, classes, scale=2.0, shift=0.0, target=None, behind=False, **how):
        logits, target = drawn(n, classes, scale, target)
        if shift:
            # Float32 holds the logits and their differences exactly, whichever logit is taken from the others.
            logits = (64 * logits).round() / 64 + torch.tensor(shift, dtype=torch.float64)
        if behind:
            logits = _behind(logits, target)
        return Case(name, criterion, {"logits": logits, "target": target}, **how)

    return [
        case("logits (4, 5)", "values", 4, 5, behind=True),
        case("logits (7, 3)", "values", 7, 3),
        case("logits (4, 4)", "values", 4, 4),
        case("one sample", "edge cases", 1, 5),
        case("classes that no sample has", "edge cases", 4, 6, target=[2, 0, 2, 1]),
        case("logits all alike", "edge cases", 3, 5, scale=0.0),
        # The right class is far behind, and one of the others ahead of the rest. Where all are near 10,000 and alike,
        # the textbook's logarithm of a sum keeps in float32 no digits of a small loss and few of a probability, and is
        # right all the same.
        case(
            "logits near 10,000, the right class 5,000 behind",
            "edge cases",
            4,
            5,
            shift=[1e4, *[1e4 - 40] * 3, 5e3],
            target=[4] * 4,
        ),
        case(
            "logits near -5,000, the right class 5,000 behind",
            "edge cases",
            4,
            5,
            shift=[-5e3, *[-5e3 - 40] * 3, -1e4],
            target=[4] * 4,
        ),
        case(
            "samples of very different size",
            "edge cases",
            3,
            5,
            shift=[[s, *[s - 40] * 3, s - 5e3] for s in (1e4, 0.0, -5e3)],
            target=[4] * 3,
        ),
        case("another class 10,000 ahead", "edge cases", 3, 4, shift=[0.0, 1e4, 0.0, 0.0], target=[0, 2, 3]),
        case("the right class 10,000 ahead, or behind", "edge cases", 2, 4, shift=[0.0, 1e4, 0.0, 0.0], target=[1, 3]),
        case("float64", "contract", 4, 5, behind=True, dtype=torch.float64),
        case("inputs with gaps in memory", "contract", 4, 5, layout="strided"),
        case("logits transposed in memory", "contract", 4, 5, layout="transposed"),
    ]


PROBLEMS = (
    Problem(
        name="cross_entropy",
        call=function,
        returns=("loss", "dlogits"),
        cases=_cross_entropy,
        expected=values_of(reference.cross_entropy),
        points={"values": 6, "edge cases": 4, "contract": 1},
        shares={"loss": 3, "dlogits": 3},
        forbidden=CROSS_ENTROPY | LOG_SUM_EXP,
        modules=(__name__,),
    ),
)


def cross_entropy__one_hot(logits, target):
    shifted = logits - logits.amax(dim=1, keepdim=True)
    log_p = shifted - shifted.exp().sum(dim=1, keepdim=True).log()
    one_hot = (target[:, None] == torch.arange(logits.shape[1], device=logits.device)).to(logits.dtype)
    return -(log_p * one_hot).sum(dim=1).mean(), (log_p.exp() - one_hot) / len(logits)


def cross_entropy__indexed(logits, target):
    rows = torch.arange(len(target), device=target.device)
    e = torch.exp(logits - logits.max(1, keepdim=True).values)
    total = e.sum(1)
    right = (logits - logits.max(1, keepdim=True).values)[rows, target]
    dlogits = e / total[:, None]
    dlogits[rows, target] -= 1
    return (torch.log(total) - right).mean(), dlogits / len(target)


def cross_entropy__sample_by_sample(logits, target):
    loss, dlogits = 0, torch.empty_like(logits)
    for n, label in enumerate(target.tolist()):
        ahead = logits[n] - logits[n].max()
        e = ahead.exp()
        loss = loss + (e.sum().log() - ahead[label]) / len(logits)
        dlogits[n] = e / e.sum() / len(logits)
        dlogits[n, label] -= 1 / len(logits)
    return loss, dlogits


def cross_entropy__gathered(logits, target):
    import numpy

    x = logits.double().cpu().numpy()
    x = x - x.max(axis=1, keepdims=True)
    log_p = x - numpy.log(numpy.exp(x).sum(axis=1, keepdims=True))
    rows, labels = numpy.arange(len(x)), target.cpu().numpy()
    grad = numpy.exp(log_p)
    grad[rows, labels] -= 1
    return torch.tensor(-log_p[rows, labels].mean()).to(logits), torch.tensor(grad / len(x)).to(logits)


def cross_entropy__logarithm_of_a_sum(logits, target):
    largest = logits.amax(dim=1)
    summed = (logits - largest[:, None]).exp().sum(dim=1)
    rows = torch.arange(len(target), device=target.device)
    loss = (largest + summed.log() - logits[rows, target]).mean()
    dlogits = (logits - largest[:, None]).exp() / summed[:, None]
    dlogits[rows, target] -= 1
    return loss, dlogits / len(target)


slip(
    cross_entropy__one_hot,
    "sum",
    "Loss and gradient were summed over the batch; the mean is asked for.",
    (
        "return -(log_p * one_hot).sum(dim=1).mean(), (log_p.exp() - one_hot) / len(logits)",
        "return -(log_p * one_hot).sum(), log_p.exp() - one_hot",
    ),
)

slip(
    cross_entropy__one_hot,
    "gradient_of_the_sum",
    "The loss is a mean over the batch, but dlogits is the gradient of a sum.",
    (
        "return -(log_p * one_hot).sum(dim=1).mean(), (log_p.exp() - one_hot) / len(logits)",
        "return -(log_p * one_hot).sum(dim=1).mean(), log_p.exp() - one_hot",
    ),
)

slip(
    cross_entropy__one_hot,
    "mean_over_all_entries",
    "Loss and gradient were divided by the number of all logits; the mean goes over the samples.",
    (
        "return -(log_p * one_hot).sum(dim=1).mean(), (log_p.exp() - one_hot) / len(logits)",
        "return -(log_p * one_hot).mean(), (log_p.exp() - one_hot) / logits.numel()",
    ),
)

slip(
    cross_entropy__one_hot,
    "probabilities_as_gradient",
    "dlogits is positive everywhere: the logit of the right class must rise for the loss to fall.",
    (
        "return -(log_p * one_hot).sum(dim=1).mean(), (log_p.exp() - one_hot) / len(logits)",
        "return -(log_p * one_hot).sum(dim=1).mean(), log_p.exp() / len(logits)",
    ),
)

slip(
    cross_entropy__one_hot,
    "right_class_only",
    "dlogits is 0 for the other classes: they are in the sum below the line, and so in the loss.",
    (
        "return -(log_p * one_hot).sum(dim=1).mean(), (log_p.exp() - one_hot) / len(logits)",
        "return -(log_p * one_hot).sum(dim=1).mean(), (log_p.exp() - one_hot) * one_hot / len(logits)",
    ),
)

slip(
    cross_entropy__one_hot,
    "gradient_of_the_probability",
    "dlogits is the gradient with respect to the probabilities: the way back goes on through the softmax.",
    (
        "return -(log_p * one_hot).sum(dim=1).mean(), (log_p.exp() - one_hot) / len(logits)",
        "return -(log_p * one_hot).sum(dim=1).mean(), torch.where(one_hot > 0, -1 / log_p.exp(), 0) / len(logits)",
    ),
)

slip(
    cross_entropy__one_hot,
    "sign_of_gradient",
    "dlogits has the wrong sign: with it the loss would rise.",
    (
        "return -(log_p * one_hot).sum(dim=1).mean(), (log_p.exp() - one_hot) / len(logits)",
        "return -(log_p * one_hot).sum(dim=1).mean(), (one_hot - log_p.exp()) / len(logits)",
    ),
)

slip(
    cross_entropy__one_hot,
    "sign_of_loss",
    "The loss is negative: the logarithm of a probability is, and the loss is not.",
    (
        "return -(log_p * one_hot).sum(dim=1).mean(), (log_p.exp() - one_hot) / len(logits)",
        "return (log_p * one_hot).sum(dim=1).mean(), (log_p.exp() - one_hot) / len(logits)",
    ),
)

slip(
    cross_entropy__one_hot,
    "all_classes",
    "The loss takes the logarithms of all classes; only that of the right one counts.",
    (
        "return -(log_p * one_hot).sum(dim=1).mean(), (log_p.exp() - one_hot) / len(logits)",
        "return -log_p.sum(dim=1).mean(), (log_p.exp() - one_hot) / len(logits)",
    ),
)


def cross_entropy__overflows(logits, target):
    """Far from 0 the result is NaN: inf / inf or 0 / 0, as in a softmax that does not shift its input."""
    p = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
    one_hot = (target[:, None] == torch.arange(logits.shape[1], device=logits.device)).to(logits.dtype)
    return -(p * one_hot).sum(dim=1).log().mean(), (p - one_hot) / len(logits)


def cross_entropy__logarithm_of_zero(logits, target):
    """With another class far ahead the loss is inf: this is the logarithm of a probability that was rounded to 0."""
    e = torch.exp(logits - logits.amax(dim=1, keepdim=True))
    p = e / e.sum(dim=1, keepdim=True)
    one_hot = (target[:, None] == torch.arange(logits.shape[1], device=logits.device)).to(logits.dtype)
    return -(p * one_hot).sum(dim=1).log().mean(), (p - one_hot) / len(logits)


def cross_entropy__small_number_added(logits, target):
    """Where another class is far ahead the loss is too small: something keeps the logarithm from getting large."""
    e = torch.exp(logits - logits.amax(dim=1, keepdim=True))
    p = e / e.sum(dim=1, keepdim=True)
    one_hot = (target[:, None] == torch.arange(logits.shape[1], device=logits.device)).to(logits.dtype)
    return -((p * one_hot).sum(dim=1) + 1e-12).log().mean(), (p - one_hot) / len(logits)


for digits in (5, 6, 7, 8, 9, 10, 15):
    slip(
        cross_entropy__small_number_added,
        f"small_number_added_{digits}",
        cross_entropy__small_number_added.__doc__,
        ("1e-12", f"1e-{digits}"),
    )


slip(
    cross_entropy__one_hot,
    "in_place",
    "logits was overwritten: operations whose name ends in _, and -= on a tensor, work in place.",
    (
        "shifted = logits - logits.amax(dim=1, keepdim=True)\n"
        "    log_p = shifted - shifted.exp().sum(dim=1, keepdim=True).log()",
        "logits -= logits.amax(dim=1, keepdim=True)\n    log_p = logits - logits.exp().sum(dim=1, keepdim=True).log()",
    ),
)

slip(
    cross_entropy__one_hot,
    "loss_summed",
    "The loss is a sum over the batch, but dlogits is the gradient of a mean, which is asked for.",
    ("-(log_p * one_hot).sum(dim=1).mean()", "-(log_p * one_hot).sum()"),
)

slip(
    cross_entropy__one_hot,
    "one_from_every_class",
    "In dlogits 1 was taken from every probability; only one class of a sample is the right one.",
    ("(log_p.exp() - one_hot)", "(log_p.exp() - 1)"),
)


slip(
    cross_entropy__one_hot,
    "loss_over_all_entries",
    "The loss was divided by the number of all logits; the mean goes over the samples.",
    ("-(log_p * one_hot).sum(dim=1).mean()", "-(log_p * one_hot).mean()"),
)

slip(
    cross_entropy__one_hot,
    "gradient_over_all_entries",
    "dlogits was divided by the number of all logits; the loss is a mean over the samples.",
    ("(log_p.exp() - one_hot) / len(logits)", "(log_p.exp() - one_hot) / logits.numel()"),
)

slip(
    cross_entropy__one_hot,
    "classes_of_all_samples",
    "In dlogits 1 was taken from the classes of other samples, too: a row and a column belong to each right class.",
    ("(log_p.exp() - one_hot) /", "(log_p.exp() - (one_hot.sum(dim=0) > 0).to(one_hot)) /"),
)

slip(
    cross_entropy__one_hot,
    "each_class_by_itself",
    "The loss has a term for every class, as if each were right or wrong by itself; only that of the right one counts.",
    (
        "-(log_p * one_hot).sum(dim=1).mean()",
        "-(log_p * one_hot + (1 - one_hot) * torch.log1p(-log_p.exp() + 1e-12)).sum(dim=1).mean()",
    ),
)
