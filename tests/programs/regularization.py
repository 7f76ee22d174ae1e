"""Programs for the problem set `regularization` that a grader could easily get wrong: right ones and wrong ones."""

import random

import numpy
import torch
import torch.nn.functional as F

SEEDS = (0, 1)


def stops_with_a_counter_from_the_first(losses, patience):
    best, waited = 0, 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best, waited = epoch, 0
        else:
            waited += 1
            if waited == patience:
                return epoch, best
    return len(losses) - 1, best


def cutmix_as_asked(images, targets, boxes, permutation, cut=lambda low, high, end: (low, high)):
    out, soft = images.clone(), targets.clone()
    height, width = images.shape[2:]
    for n, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
        (x1, x2), (y1, y2), other = cut(x1, x2, width), cut(y1, y2, height), permutation[n]
        out[n, :, y1:y2, x1:x2] = images[other, :, y1:y2, x1:x2]
        share = (x2 - x1) * (y2 - y1) / (height * width)
        soft[n] = (1 - share) * targets[n] + share * targets[other]
    return out, soft


def cutmix_cut_off_above(images, targets, boxes, permutation):
    cut = lambda low, high, end: (max(low, 0), min(high, end))  # noqa: E731
    return cutmix_as_asked(images, targets, boxes, permutation, cut)


def own_seed(generator):
    """A generator of numpy's, seeded by one of torch's."""
    return numpy.random.default_rng(int(torch.randint(2**31, (), generator=generator)))


def dropout_by_numpy(x, p, training, generator):
    kept = own_seed(generator).random(tuple(x.shape)) >= (p if training else 0.0)
    scaled = torch.tensor(kept / (1 - p if training else 1.0)).to(x)
    return x * scaled, {"scaled": scaled}


def dropout_one_number_after_the_other(x, p, training, generator):
    numbers = x.flatten().tolist()
    if training:
        chances = torch.rand(len(numbers), generator=generator, dtype=torch.float64).tolist()
        numbers = [n / (1 - p) if c >= p else 0.0 for n, c in zip(numbers, chances, strict=True)]
    return torch.tensor(numbers, dtype=torch.float64).to(x).reshape(x.shape), None


def dropout_of_a_contiguous_copy(x, p, training, generator):
    out = x.contiguous().view(-1).clone()
    scaled = torch.ones_like(out)
    if training:
        dropped = torch.rand(len(out), generator=generator) < p
        scaled = (~dropped).to(x) / (1 - p)
    return (out * scaled).view(x.shape), lambda dout: dout * scaled.view(dout.shape)


def dropout_with_a_block(x, p, training, generator):
    """Runs of neighbours are dropped together: the share is right, and the entries are not independent."""
    if not training:
        return x, torch.ones_like(x)
    flat = torch.rand((x.numel() + 3) // 4, generator=generator).repeat_interleave(4)[: x.numel()]
    scaled = (flat.reshape(x.shape) >= p).to(x) / (1 - p)
    return x * scaled, scaled


def dropout_but_negative(x, p, training, generator):
    """Only positive numbers are dropped."""
    if not training:
        return x, torch.ones_like(x)
    scaled = ((torch.rand(x.shape, generator=generator) >= p) | (x < 0)).to(x) / (1 - p)
    return x * scaled, scaled


def no_dropout(x, p, training, generator):
    return x, None


def connect(x, weight, bias, p, training, generator):
    q = 1 - p if training else 1.0
    kept = torch.empty(weight.shape, dtype=torch.float64).bernoulli_(q, generator=generator).to(weight) / q
    return torch.addmm(bias, x, (weight * kept).t()), (x, kept * weight, kept)


def crop_by_index(images, size, padding, generator):
    n, c, h, w = images.shape
    places = (h + 2 * padding - size + 1) * (w + 2 * padding - size + 1)
    # One number for a place, then its row and column.
    place = torch.randint(places, (n,), generator=generator)
    row, column = place // (w + 2 * padding - size + 1), place % (w + 2 * padding - size + 1)
    out = images.new_zeros(n, c, size, size)
    for i, (r, q) in enumerate(zip((row - padding).tolist(), (column - padding).tolist(), strict=True)):
        for y in range(max(r, 0), min(r + size, h)):
            left, right = max(q, 0), min(q + size, w)
            if left < right:
                out[i, :, y - r, left - q : right - q] = images[i, :, y, left:right]
    return out


def crop_near_the_middle(images, size, padding, generator):
    """The corners are not equally likely: two numbers were averaged."""
    padded = F.pad(images, [padding] * 4)
    spans = [side - size + 1 for side in padded.shape[2:]]
    u, v = ((torch.rand(len(images), 2, generator=generator).mean(1) * span).long() for span in spans)
    return torch.stack([i[:, r : r + size, c : c + size] for i, r, c in zip(padded, u, v, strict=True)])


def indices_by_choices(n, models, generator):
    chance = random.Random(int(torch.randint(2**31, (), generator=generator)))
    return torch.tensor([chance.choices(range(n), k=n) for _ in range(models)])


def indices_that_favour_the_first(n, models, generator):
    return (torch.rand(models, n, generator=generator) ** 1.5 * n).long()


def half_of_the_samples(n, models, generator):
    """Drawn with replacement, each equally likely, but every index twice."""
    half = torch.randint(n, (models, n // 2 + 1), generator=generator)
    return half.repeat(1, 2)[:, :n]


def smoothed(logits, target, smoothing):
    z = logits.double() - logits.double().amax(1, keepdim=True)
    log_p = z - z.exp().sum(1, keepdim=True).log()
    hot = torch.eye(logits.shape[1], dtype=torch.float64, device=logits.device)[target]
    q = torch.lerp(hot, torch.full_like(hot, 1 / logits.shape[1]), smoothing)
    return (-(q * log_p).sum(1).mean()).to(logits.dtype), ((log_p.exp() - q) / len(q)).to(logits.dtype)


def cut_by_product(images, centers, size):
    side = [
        torch.arange(n, device=images.device)[None] - (c[:, None] - size // 2)
        for n, c in zip(images.shape[2:], centers.to(images.device).T, strict=True)
    ]
    inside = [((s >= 0) & (s < size)).to(images.dtype) for s in side]
    return images * (1 - torch.einsum("nh,nw->nhw", *inside))[:, None]


def mixed_by_matrix(images, targets, lam, permutation):
    n = len(images)
    matrix = lam * torch.eye(n, dtype=images.dtype, device=images.device)
    matrix[torch.arange(n), permutation] += 1 - lam
    return torch.einsum("nm,mchw->nchw", matrix, images), matrix @ targets


def pasted_by_numpy(images, targets, boxes, permutation):
    x, t = images.cpu().numpy(), targets.cpu().numpy()
    out, soft = x.copy(), t.copy()
    h, w = x.shape[2:]
    for n, (box, other) in enumerate(zip(boxes.tolist(), permutation.tolist(), strict=True)):
        x1, x2 = numpy.clip(box[0::2], 0, w)
        y1, y2 = numpy.clip(box[1::2], 0, h)
        out[n, :, y1:y2, x1:x2] = x[other, :, y1:y2, x1:x2]
        share = (x2 - x1) * (y2 - y1) / (h * w)
        soft[n] = (1 - share) * t[n] + share * t[other]
    return torch.from_numpy(out).to(images), torch.from_numpy(soft).to(targets)


def stopped_by_a_while(losses, patience):
    epoch = best = 0
    while epoch + 1 < len(losses) and epoch - best < patience:
        epoch += 1
        if losses[epoch] < losses[best]:
            best = epoch
    return torch.tensor(epoch), best


def dropout_by_bernoulli(x, p, training, generator):
    if not training:
        return x, 1.0
    keep = torch.bernoulli(torch.full(x.shape, 1 - p), generator=generator).to(x)
    return x * keep / (1 - p), keep / (1 - p)


def dropout_of_columns(x, p, training, generator):
    if not training:
        return x, None
    keep = (torch.rand(x.shape[-1], generator=generator) >= p).to(x)
    return x * keep / (1 - p), keep


RIGHT = {
    "dropout by numpy": ("dropout_forward", [dropout_by_numpy]),
    "dropout number by number": ("dropout_forward", [dropout_one_number_after_the_other]),
    "dropout of a copy": ("dropout_forward", [dropout_of_a_contiguous_copy]),
    "dropout backward by a dict": ("dropout_backward", [lambda dout, c: dout * c["scaled"], dropout_by_numpy]),
    "dropout backward by a closure": ("dropout_backward", [lambda dout, c: c(dout), dropout_of_a_contiguous_copy]),
    "weights by bernoulli_": ("drop_connect_forward", [connect]),
    "gradients from the thinned weight": (
        "drop_connect_backward",
        [lambda dout, c: [dout @ c[1], (c[0].T @ dout).T * c[2], dout.sum(0)], connect],
    ),
    "crops by one number": ("random_crop", [crop_by_index]),
    "indices by choices": ("bagging_indices", [indices_by_choices]),
    "smoothed in float64": ("label_smoothing_cross_entropy", [smoothed]),
    "flipped by an index": (
        "horizontal_flip",
        [lambda images, flip: torch.stack([i.flip(2) if f else i for i, f in zip(images, flip.tolist(), strict=True)])],
    ),
    "jittered in two lines": (
        "color_jitter",
        [
            lambda i, b, c: torch.lerp(
                (i * b.view(-1, 1, 1, 1)).mean((1, 2, 3), keepdim=True).expand(i.shape),
                i * b.view(-1, 1, 1, 1),
                c.view(-1, 1, 1, 1).expand(i.shape),
            ).clip(0, 1)
        ],
    ),
    "cut by a product": ("cutout", [cut_by_product]),
    "mixed by a matrix": ("mixup", [mixed_by_matrix]),
    "pasted by numpy": ("cutmix", [pasted_by_numpy]),
    "stopped by a while": ("early_stopping", [stopped_by_a_while]),
    "probabilities by log-softmax": ("ensemble_predict", [lambda z: z.log_softmax(-1).exp().sum(0) / z.shape[0]]),
    "bias and variance in a list": (
        "bias_variance",
        [lambda p, t: [((p.mean(0) - t) ** 2).mean(), ((p - p.mean(0, keepdim=True)) ** 2).mean()]],
    ),
    "l1 by a norm": ("l1_penalty", [lambda w, s: [s * w.norm(p=1), s * w.sign()]]),
    "l2 by a product": ("l2_penalty", [lambda w, s: (s * (w * w).sum(), s * w * 2)]),
    "dropout by bernoulli": ("dropout_forward", [dropout_by_bernoulli]),
    "dropout backward by bernoulli": ("dropout_backward", [lambda dout, cache: dout * cache, dropout_by_bernoulli]),
}

WRONG = {
    "blocks are dropped": ("dropout_forward", [dropout_with_a_block], {"values", "edge cases", "contract"}),
    "negative numbers are never dropped": ("dropout_forward", [dropout_but_negative], {"values"}),
    "a backward pass without dropout": (
        "dropout_backward",
        [lambda dout, c: dout / 0.75, no_dropout],
        {"values", "edge cases"},
    ),
    "a gradient of another mask": (
        "dropout_backward",
        [lambda dout, c: dout * c["scaled"].flip(0), dropout_by_numpy],
        {"values"},
    ),
    "corners near the middle": ("random_crop", [crop_near_the_middle], {"values"}),
    "indices that favour the first": ("bagging_indices", [indices_that_favour_the_first], {"values"}),
    "indices that come in pairs": ("bagging_indices", [half_of_the_samples], {"values"}),
    "constant indices": (
        "bagging_indices",
        [lambda n, models, g: torch.arange(n).repeat(models, 1)],
        {"values"},
    ),
}

STOPPED = {
    "F.dropout": ("dropout_forward", [lambda x, p, t, g: (F.dropout(x, p, t), None)], "dropout"),
    "nn.Dropout": ("dropout_forward", [lambda x, p, t, g: (torch.nn.Dropout(p).train(t)(x), None)], "dropout"),
    "dropout by aten": (
        "dropout_forward",
        [lambda x, p, t, g: (torch.ops.aten.native_dropout(x, p, t)[0], None)],
        "native_dropout",
    ),
    "F.dropout of the weight": (
        "drop_connect_forward",
        [lambda x, w, b, p, t, g: (x @ F.dropout(w, p, t).T + b, None)],
        "dropout",
    ),
    "F.cross_entropy": (
        "label_smoothing_cross_entropy",
        [lambda x, t, s: (F.cross_entropy(x, t, label_smoothing=s), x)],
        "cross_entropy",
    ),
}

IMPORTS = "import torch\nimport torch.nn.functional as F"
REFUSED = {
    expression: (
        name,
        [IMPORTS, f"def {name}(x, *more):\n    return {expression}, None"],
        "which is the exercise itself",
    )
    for name, expression in [
        ("dropout_forward", "F.dropout(x, *more[:2])"),
        ("dropout_forward", "torch.nn.Dropout(0.5)(x)"),
        ("drop_connect_forward", "F.dropout(x)"),
        ("label_smoothing_cross_entropy", "F.cross_entropy(x, more[0], label_smoothing=more[1])"),
        ("label_smoothing_cross_entropy", "torch.nn.CrossEntropyLoss(label_smoothing=0.1)(x, more[0])"),
    ]
}

ALLOWED = {
    f"{expression} in {name}": (name, [IMPORTS, f"def {name}(x, *more):\n    return {expression}, None"])
    for name, expression in [
        ("dropout_forward", "torch.bernoulli(x)"),
        ("dropout_forward", "torch.empty_like(x).bernoulli_(0.5)"),
        ("drop_connect_forward", "F.linear(x, *more[:2])"),
        ("label_smoothing_cross_entropy", "F.log_softmax(x, 1)"),
        ("label_smoothing_cross_entropy", "x.logsumexp(1)"),
        ("label_smoothing_cross_entropy", "F.one_hot(x)"),
        ("ensemble_predict", "F.softmax(x, 2)"),
        ("random_crop", "F.pad(x, (1, 1, 1, 1))"),
        ("horizontal_flip", "x.flip(3)"),
        ("horizontal_flip", "torch.fliplr(x)"),
    ]
}


def post_dropout(x, p, training, generator, keep=None):
    """As it is often posted, with the probability of keeping."""
    keep = keep or (lambda p: 1 - p)
    if not training:
        return x, None
    mask = (torch.rand(x.shape, generator=generator) < keep(p)).to(x)
    return x * mask / keep(p) if keep(p) else x * mask, None


NAMED = {
    "the probability of keeping, but nothing is lost at p 0": (
        "dropout_forward",
        [lambda x, p, t, g: (x * (torch.rand(x.shape, generator=g) < p).to(x) / p if t and p else x, 0)],
        "probability of dropping",
    ),
    "the probability of keeping, and 0 divided by 0": (
        "dropout_forward",
        [lambda x, p, t, g: (x * (torch.rand(x.shape, generator=g) < p).to(x) / p if t else x, 0)],
        "probability of dropping",
    ),
    "never scaled, and dropped in evaluation too": (
        "dropout_forward",
        [lambda x, p, t, g: (x * (torch.rand(x.shape, generator=g) < 1 - p).to(x), 0)],
        "must grow in training",
    ),
    "no place for the largest window": (
        "random_crop",
        [
            lambda x, s, p, g: torch.stack(
                [
                    image[:, r : r + s, c : c + s]
                    for image, r, c in zip(
                        F.pad(x, [p] * 4),
                        torch.randint(x.shape[2] + 2 * p - s, (len(x),), generator=g).tolist(),
                        torch.randint(x.shape[3] + 2 * p - s, (len(x),), generator=g).tolist(),
                        strict=True,
                    )
                ]
            )
        ],
        "corners are never drawn",
    ),
    "bagging of all samples but the last": (
        "bagging_indices",
        [lambda n, m, g: torch.randint(n - 1, (m, n), generator=g)],
        "last sample is never drawn",
    ),
    "a counter that begins at the first loss": (
        "early_stopping",
        [stops_with_a_counter_from_the_first],
        "Epoch 0 was counted",
    ),
    "boxes as they were asked for": ("cutmix", [cutmix_as_asked], "cut off at the border"),
    "boxes without a lower end": ("cutmix", [cutmix_cut_off_above], "end below 0"),
    "the probability of keeping": (
        "dropout_forward",
        [lambda x, p, t, g: post_dropout(x, p, t, g, keep=lambda p: p)],
        "probability of dropping",
    ),
    "a coin for each row": (
        "dropout_forward",
        [lambda x, p, t, g: (x * (torch.rand(x.shape[1:], generator=g) >= p).to(x) / (1 - p), 0) if t else (x, 0)],
        "same entries",
    ),
    "the old kind of dropout": (
        "dropout_backward",
        [lambda dout, c: dout * (c["scaled"] > 0), dropout_by_numpy],
        "factor of the forward pass",
    ),
    "smoothed over the others": (
        "label_smoothing_cross_entropy",
        [
            lambda z, t, s: (
                -(q := torch.where(F.one_hot(t, z.shape[1]) > 0, 1 - s, s / (z.shape[1] - 1)).to(z))
                .mul(z.log_softmax(1))
                .sum(1)
                .mean(),
                (z.softmax(1) - q) / len(z),
            )
        ],
        "among the wrong classes",
    ),
    "mixup of images": (
        "mixup",
        [lambda x, y, lam, p: (x.mul(lam).add(x[p], alpha=1 - lam), y.clone())],
        "targets were not",
    ),
    "logits averaged": ("ensemble_predict", [lambda z: (z.sum(0) / len(z)).softmax(1)], "logits were averaged"),
    "dropout of columns": ("dropout_forward", [dropout_of_columns], "All rows lost the same entries"),
}
