"""`pixel_cross_entropy`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import wide_normal
from autograder.problems.forbidden import LOG_LIKELIHOODS
from autograder.programs import slip
from autograder.references import segmentation as reference
from autograder.references import values_of


def _behind(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The right class of each pixel is given a probability near 0.00025.

    There a small number in the logarithm always shows from 1e-8 on, and never up to 1e-9, whatever the seed.
    """
    right = torch.nn.functional.one_hot(target, logits.shape[1]).bool().movedim(-1, 1)
    others = logits.masked_fill(right, -torch.inf).logsumexp(1)
    behind = others - torch.linspace(8.1, 8.5, target.numel(), dtype=logits.dtype).reshape(target.shape)
    return torch.where(right, behind[:, None], logits)


def _labelled(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, shape, ignore_index, ignored=(), of=None, behind=False, ahead=None, sizes=(), **how):
        """`ignored` pixels of each image have the label `ignore_index`; with -1, all of them."""
        (n, classes, height, width), pixels = shape, shape[2] * shape[3]
        logits = wide_normal(generator, *shape)
        labels = torch.tensor([k for k in (range(classes) if of is None else of) if k != ignore_index])
        target = labels[torch.randint(len(labels), (n, height, width), generator=generator)]
        if behind:
            logits = _behind(logits, target)
        if ahead is not None:
            # Float32 holds the logits and their differences exactly, whichever logit is taken from the others. One is
            # far ahead: of several that are alike and near 10,000 a logarithm of a sum keeps too few digits.
            logits = (64 * logits).round() / 64 + torch.tensor(ahead, dtype=torch.float64)[:, None, None]
            for row, size in enumerate(sizes):
                logits[:, :, row] += size
        for image, count in zip(target, ignored, strict=False):
            chosen = torch.randperm(pixels, generator=generator)[: pixels if count < 0 else count]
            image.view(-1)[chosen] = ignore_index
        return Case(name, criterion, {"logits": logits, "target": target, "ignore_index": ignore_index}, **how)

    return [
        case("logits (2, 3, 4, 5), 7 pixels ignored", "values", (2, 3, 4, 5), 255, (2, 5), behind=True),
        case("logits (3, 5, 2, 4), 9 pixels ignored", "values", (3, 5, 2, 4), -1, (1, 3, 5)),
        # Equal sizes: what goes over the wrong dimension has the right shape.
        case("logits (3, 3, 3, 3), 6 pixels ignored", "values", (3, 3, 3, 3), -100, (1, 0, 5)),
        case("no pixel is ignored", "edge cases", (2, 4, 3, 5), 255),
        case("an image in which every pixel is ignored", "edge cases", (3, 4, 2, 5), 255, (1, -1, 3)),
        # Of one pixel: where its right class is nearly certain, a small loss is the difference of large numbers.
        case("all pixels but one are ignored", "edge cases", (2, 3, 2, 4), -100, (7, -1), behind=True),
        case("class 0 is ignored", "edge cases", (2, 4, 3, 5), 0, (4, 7)),
        case("the last class is ignored", "edge cases", (2, 4, 3, 5), 3, (4, 7)),
        case("classes that no pixel has", "edge cases", (2, 6, 3, 4), 255, (2, 4), of=(2, 4)),
        case("two classes", "edge cases", (2, 2, 3, 4), 255, (2, 4)),
        case("one image of one pixel", "edge cases", (1, 3, 1, 1), 255, behind=True),
        case(
            "a class 5,000 ahead, in pixels of very different size",
            "edge cases",
            (2, 4, 3, 4),
            255,
            (2, 4),
            ahead=[0, 5e3, 0, 0],
            sizes=[5e3, -5e3, -1e4],
        ),
        case("another class 10,000 ahead", "edge cases", (2, 4, 2, 4), -1, (1, 2), of=(0, 2, 3), ahead=[0, 1e4, 0, 0]),
        case("float64", "contract", (2, 3, 5, 4), 255, (2, 5), dtype=torch.float64),
        case("inputs with gaps in memory", "contract", (2, 3, 5, 4), 255, (2, 5), layout="strided"),
        case("inputs transposed in memory", "contract", (2, 3, 5, 4), 255, (2, 5), layout="transposed"),
    ]


PROBLEMS = (
    Problem(
        name="pixel_cross_entropy",
        call=function,
        returns=("loss", "dlogits"),
        cases=_labelled,
        expected=values_of(reference.pixel_cross_entropy),
        points={"values": 10, "edge cases": 6, "contract": 2},
        shares={"loss": 5, "dlogits": 5},
        forbidden=LOG_LIKELIHOODS,
        modules=(__name__,),
    ),
)


def pixel_cross_entropy__masked(logits, target, ignore_index):
    mask = target != ignore_index
    label = target.where(mask, 0)[:, None]
    shifted = logits - logits.amax(dim=1, keepdim=True)
    log_p = shifted - shifted.exp().sum(dim=1, keepdim=True).log()
    count = mask.sum()
    loss = -(log_p.gather(1, label)[:, 0] * mask).sum() / count
    dlogits = log_p.exp()
    dlogits = dlogits.scatter_add(1, label, -torch.ones_like(dlogits[:, :1]))
    return loss, dlogits * mask[:, None] / count


def pixel_cross_entropy__chosen_pixels(logits, target, ignore_index):
    counts = target != ignore_index
    rows, labels = logits.movedim(1, -1)[counts], target[counts]
    n = torch.arange(len(rows), device=rows.device)
    log_p = torch.log_softmax(rows, dim=1)
    grad = log_p.exp()
    grad[n, labels] -= 1
    dlogits = torch.zeros_like(logits.movedim(1, -1))
    dlogits[counts] = grad / len(rows)
    return -log_p[n, labels].mean(), dlogits.movedim(-1, 1)


def pixel_cross_entropy__one_hot(logits, target, ignore_index):
    names = torch.arange(logits.shape[1], device=logits.device)[:, None, None]
    hot = ((target[:, None] == names) & (target[:, None] != ignore_index)).to(logits.dtype)
    log_p = logits - logits.logsumexp(dim=1, keepdim=True)
    counted = hot.sum(dim=1, keepdim=True)
    return -(hot * log_p).sum() / hot.sum(), (log_p.exp() * counted - hot) / hot.sum()


def pixel_cross_entropy__pixel_by_pixel(logits, target, ignore_index):
    loss, count = logits.new_zeros(()), 0
    dlogits = torch.zeros(logits.shape, dtype=logits.dtype, device=logits.device)
    n, _, height, width = logits.shape
    for image in range(n):
        for i in range(height):
            for j in range(width):
                label = int(target[image, i, j])
                if label == ignore_index:
                    continue
                scores = logits[image, :, i, j]
                ahead = scores - scores.max()
                total = ahead.exp().sum()
                loss = loss + total.log() - ahead[label]
                dlogits[image, :, i, j] = ahead.exp() / total
                dlogits[image, label, i, j] -= 1
                count += 1
    return loss / count, dlogits / count


def pixel_cross_entropy__weighted(logits, target, ignore_index):
    weight = (target != ignore_index).to(logits.dtype)
    weight = weight / weight.sum()
    safe = target.masked_fill(target == ignore_index, 0)
    top = logits.max(dim=1, keepdim=True).values
    e = torch.exp(logits - top)
    total = e.sum(dim=1)
    right = torch.take_along_dim(logits - top, safe.unsqueeze(1), dim=1).squeeze(1)
    hot = torch.nn.functional.one_hot(safe, logits.shape[1]).permute(0, 3, 1, 2)
    dlogits = weight.unsqueeze(1) * (e / total.unsqueeze(1) - hot)
    return (weight * (total.log() - right)).sum(), dlogits


def pixel_cross_entropy__in_numpy(logits, target, ignore_index):
    import numpy

    x, t = logits.cpu().double().numpy(), target.cpu().numpy()
    x = x - x.max(axis=1, keepdims=True)
    log_p = x - numpy.log(numpy.exp(x).sum(axis=1, keepdims=True))
    n, i, j = numpy.nonzero(t != ignore_index)
    grad = numpy.zeros_like(log_p)
    grad[n, :, i, j] = numpy.exp(log_p)[n, :, i, j] / len(n)
    grad[n, t[n, i, j], i, j] -= 1 / len(n)
    return torch.tensor(-log_p[n, t[n, i, j], i, j].mean()).to(logits), torch.from_numpy(grad).to(logits)


_MASKED = pixel_cross_entropy__masked

slip(
    _MASKED,
    "ignored_in_the_mean",
    "Loss and gradient were divided by the number of all pixels; those that are ignored do not count.",
    ("count = mask.sum()", "count = mask.numel()"),
)

slip(
    _MASKED,
    "loss_over_all_pixels",
    "The loss was divided by the number of all pixels; those that are ignored do not count.",
    ("* mask).sum() / count", "* mask).sum() / mask.numel()"),
)

slip(
    _MASKED,
    "gradient_over_all_pixels",
    "dlogits was divided by the number of all pixels; those that are ignored do not count.",
    ("* mask[:, None] / count", "* mask[:, None] / mask.numel()"),
)

slip(
    _MASKED,
    "mean_over_the_images",
    "A mean was taken for each image, and then the mean of these; every pixel that counts has the same weight.",
    ("count = mask.sum()", "count = mask.sum((1, 2), keepdim=True).clamp(min=1) * len(mask)"),
    ("* mask).sum() / count", "* mask / count).sum()"),
    ("mask[:, None] / count", "mask[:, None] / count[:, None]"),
)

slip(
    _MASKED,
    "mean_over_the_batch",
    "Loss and gradient were divided by the number of images; the mean goes over all pixels that count.",
    ("count = mask.sum()", "count = len(mask)"),
)

slip(
    _MASKED,
    "mean_over_all_entries",
    "Loss and gradient were divided by the number of all logits that count; the mean goes over pixels.",
    ("count = mask.sum()", "count = mask.sum() * logits.shape[1]"),
)

slip(
    _MASKED,
    "sum",
    "Loss and gradient were summed over the pixels; the mean is asked for.",
    ("count = mask.sum()", "count = 1"),
)

slip(
    _MASKED,
    "gradient_of_the_sum",
    "The loss is a mean over pixels, but dlogits is the gradient of a sum.",
    ("* mask[:, None] / count", "* mask[:, None]"),
)

slip(
    _MASKED,
    "loss_summed",
    "The loss is a sum over pixels, but dlogits is the gradient of a mean, which is asked for.",
    ("* mask).sum() / count", "* mask).sum()"),
)

slip(
    _MASKED,
    "nothing_ignored",
    "Pixels that are to be ignored were counted, as pixels of class 0.",
    ("    count = mask.sum()", "    mask = torch.ones_like(mask)\n    count = mask.sum()"),
)

slip(
    _MASKED,
    "counted_as_the_last_class",
    "Pixels that are to be ignored were counted, as pixels of the last class.",
    ("target.where(mask, 0)", "target.where(mask, logits.shape[1] - 1)"),
    ("    count = mask.sum()", "    mask = torch.ones_like(mask)\n    count = mask.sum()"),
)

slip(
    _MASKED,
    "gradient_of_ignored_pixels",
    "dlogits is not 0 where a pixel is ignored: it has no part in the loss.",
    ("dlogits * mask[:, None] / count", "dlogits / count"),
)

slip(
    _MASKED,
    "probabilities_at_ignored_pixels",
    "dlogits is not 0 where a pixel is ignored: no class is right there, and it has no part in the loss.",
    ("-torch.ones_like(dlogits[:, :1]))", "-mask[:, None].to(dlogits))"),
    ("dlogits * mask[:, None] / count", "dlogits / count"),
)

slip(
    _MASKED,
    "loss_of_ignored_pixels",
    "Pixels that are to be ignored have a part in the loss; dlogits leaves them out.",
    ("* mask).sum() / count", ").sum() / count"),
)

slip(
    _MASKED,
    "ignores_255",
    "The argument ignore_index is not used: the label 255 alone was ignored.",
    ("mask = target != ignore_index", "mask = target != 255"),
    ("target.where(mask, 0)", "target.where(mask, 0).remainder(logits.shape[1])"),
)

slip(
    _MASKED,
    "ignores_what_is_no_class",
    "Labels that are none of the classes were ignored; ignore_index may be a class, too.",
    ("mask = target != ignore_index", "mask = (target >= 0) & (target < logits.shape[1])"),
)

slip(
    _MASKED,
    "logits_of_the_ignored_class_left_out",
    "The score of the ignored class is missing in the softmax: its pixels are left out, not its score.",
    (
        "    shifted = logits",
        "    if 0 <= ignore_index < logits.shape[1]:\n"
        "        logits = logits.clone()\n        logits[:, ignore_index] = -1e30\n"
        "    shifted = logits",
    ),
)

for name, dim in (("rows", 2), ("columns", 3)):
    slip(
        _MASKED,
        f"softmax_over_{name}",
        "The softmax goes over pixels: in each pixel the probabilities of the classes must add up to 1.",
        ("logits.amax(dim=1, keepdim=True)", f"logits.amax(dim={dim}, keepdim=True)"),
        ("shifted.exp().sum(dim=1, keepdim=True)", f"shifted.exp().sum(dim={dim}, keepdim=True)"),
    )

slip(
    _MASKED,
    "softmax_over_images",
    "The softmax goes over the images: in each pixel the probabilities of the classes must add up to 1.",
    ("logits.amax(dim=1, keepdim=True)", "logits.amax(dim=0, keepdim=True)"),
    ("shifted.exp().sum(dim=1, keepdim=True)", "shifted.exp().sum(dim=0, keepdim=True)"),
)


def pixel_cross_entropy__axes_mixed(logits, target, ignore_index):
    """The numbers of different pixels are mixed up: reshape reads the axes in the order in which they stand."""
    rows, labels = logits.reshape(-1, logits.shape[1]), target.reshape(-1)
    counts = labels != ignore_index
    log_p = rows - rows.logsumexp(dim=1, keepdim=True)
    hot = torch.zeros_like(rows)
    hot[counts] = torch.nn.functional.one_hot(labels[counts], rows.shape[1]).to(rows)
    dlogits = (log_p.exp() * counts[:, None] - hot) / counts.sum()
    return -(hot * log_p).sum() / counts.sum(), dlogits.reshape(logits.shape)


slip(
    _MASKED,
    "probabilities_as_gradient",
    "dlogits is positive everywhere: the logit of the right class must rise for the loss to fall.",
    ("    dlogits = dlogits.scatter_add(1, label, -torch.ones_like(dlogits[:, :1]))\n", ""),
)

slip(
    _MASKED,
    "right_class_only",
    "dlogits is 0 for the other classes: they are in the sum below the line, and so in the loss.",
    (
        "dlogits = dlogits.scatter_add(1, label, -torch.ones_like(dlogits[:, :1]))",
        "dlogits = torch.zeros_like(dlogits).scatter(1, label, dlogits.gather(1, label) - 1)",
    ),
)

slip(
    _MASKED,
    "sign_of_gradient",
    "dlogits has the wrong sign: with it the loss would rise.",
    ("return loss, dlogits * mask", "return loss, -dlogits * mask"),
)

slip(
    _MASKED,
    "sign_of_loss",
    "The loss is negative: the logarithm of a probability is, and the loss is not.",
    ("loss = -(log_p", "loss = (log_p"),
)

slip(
    _MASKED,
    "overflows",
    "Far from 0 the result is NaN: inf / inf or 0 / 0, as in a softmax that does not shift its input.",
    ("shifted - shifted.exp().sum(dim=1, keepdim=True).log()", "(logits.exp() / logits.exp().sum(1, True)).log()"),
)

slip(
    _MASKED,
    "logarithm_of_zero",
    "With another class far ahead the loss is not finite: it is the logarithm of a probability that was rounded to 0.",
    ("shifted - shifted.exp().sum(dim=1, keepdim=True).log()", "shifted.softmax(dim=1).log()"),
)

for digits in (6, 7, 8, 10, 12):
    slip(
        _MASKED,
        f"small_number_added_{digits}",
        "Where another class is far ahead the loss is too small: something keeps the logarithm from getting large.",
        ("loss = -(log_p.gather", f"loss = -((log_p.exp() + 1e-{digits}).log().gather"),
    )

slip(
    _MASKED,
    "target_overwritten",
    "target was overwritten: where a pixel is ignored, change a copy.",
    ("target.where(mask, 0)[:, None]", "target.mul_(mask)[:, None]"),
)

slip(
    _MASKED,
    "logits_overwritten",
    "logits was overwritten: operations whose name ends in _, and -= on a tensor, work in place.",
    ("shifted = logits - logits", "shifted = logits.sub_(logits"),
    ("keepdim=True)\n    log_p", "keepdim=True))\n    log_p"),
)

slip(
    _MASKED,
    "single_precision",
    "A result is float32 whatever the dtype of logits is: a part of it was made without saying of which dtype.",
    ("mask.sum()\n    loss = -(log_p", "mask.sum()\n    loss = -(log_p.float()"),
    ("return loss, dlogits *", "return loss, dlogits.float() *"),
)
