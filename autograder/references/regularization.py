"""References of the problem set `regularization`."""

from collections.abc import Callable

import torch
import torch.nn.functional as F


def l1_penalty(weight: torch.Tensor, strength: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The strength times the sum of the absolute values, and its gradient; 0 where a weight is 0."""
    return _value_and_gradient(lambda w: strength * torch.linalg.vector_norm(w, 1), weight)


def l2_penalty(weight: torch.Tensor, strength: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The strength times the sum of the squares, and its gradient."""
    return _value_and_gradient(lambda w: strength * w.square().sum(), weight)


def label_smoothing_cross_entropy(
    logits: torch.Tensor, target: torch.Tensor, smoothing: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean cross-entropy with targets mixed with the uniform distribution, and its gradient."""
    return _value_and_gradient(lambda x: F.cross_entropy(x, target, label_smoothing=smoothing), logits)


def dropout(
    x: torch.Tensor, p: float, training: bool, generator: torch.Generator, count: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """`count` draws, and the first again."""
    return _draws(lambda: x * _scaled_mask(x, p, training, generator), count)


def dropout_gradient(arguments, dout: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The out of one draw, and autograd's gradient for x."""
    x = arguments["x"]
    scaled = _scaled_mask(x, arguments["p"], arguments["training"], arguments["generator"])
    return _out_and_gradients(lambda x: x * scaled, dout, x)


def drop_connect(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor,
    p: float,
    training: bool,
    generator: torch.Generator,
    count: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """`count` draws, and the first again."""
    return _draws(lambda: F.linear(x, weight * _scaled_mask(weight, p, training, generator), bias), count)


def drop_connect_gradient(arguments, dout: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The out of one draw, and autograd's gradients for x, weight and bias."""
    x, weight, bias = (arguments[name] for name in ("x", "weight", "bias"))
    scaled = _scaled_mask(weight, arguments["p"], arguments["training"], arguments["generator"])
    return _out_and_gradients(lambda x, weight, bias: F.linear(x, weight * scaled, bias), dout, x, weight, bias)


def horizontal_flip(images: torch.Tensor, flip: torch.Tensor) -> torch.Tensor:
    """Each image mirrored left to right where its flip is True."""
    return torch.stack([i.flip(-1) if turned else i for i, turned in zip(images, flip, strict=True)])


def random_crop(
    images: torch.Tensor, size: int, padding: int, generator: torch.Generator, count: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """`count` draws of one square window for each padded image, and the first again."""
    padded = F.pad(images, [padding] * 4)
    rows, columns = (side - size + 1 for side in padded.shape[2:])

    def crop() -> torch.Tensor:
        corners = zip(
            torch.randint(rows, (len(images),), generator=generator).tolist(),
            torch.randint(columns, (len(images),), generator=generator).tolist(),
            strict=True,
        )
        return torch.stack([i[:, r : r + size, c : c + size] for i, (r, c) in zip(padded, corners, strict=True)])

    return _draws(crop, count)


def color_jitter(images: torch.Tensor, brightness: torch.Tensor, contrast: torch.Tensor) -> torch.Tensor:
    """Brighter by a factor, then away from the image's mean by another, into [0, 1] at the end."""
    bright = images * brightness[:, None, None, None]
    return torch.lerp(bright.mean((1, 2, 3), keepdim=True), bright, contrast[:, None, None, None]).clamp(0, 1)


def cutout(images: torch.Tensor, centers: torch.Tensor, size: int) -> torch.Tensor:
    """A square of zeros in each image, clipped at the border."""
    rows, columns = (torch.arange(side, device=images.device) for side in images.shape[2:])
    first = centers.to(images.device) - size // 2
    inside = [(first[:, d, None] <= at) & (at < first[:, d, None] + size) for d, at in enumerate((rows, columns))]
    return images.masked_fill(inside[0][:, None, :, None] & inside[1][:, None, None, :], 0)


def mixup(
    images: torch.Tensor, targets: torch.Tensor, lam: float, permutation: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Images and targets, averaged with those of the permutation; lam is the share of the own ones."""
    return tuple(torch.lerp(t[permutation], t, lam) for t in (images, targets))


def cutmix(
    images: torch.Tensor, targets: torch.Tensor, boxes: torch.Tensor, permutation: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """A box of each image replaced by the other's, targets by the areas (Yun et al. 2019)."""
    height, width = images.shape[2:]
    mixed, shares = images.clone(), []
    for n, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
        rows, columns = range(height)[max(y1, 0) : max(y2, 0)], range(width)[max(x1, 0) : max(x2, 0)]
        for row in rows:
            for column in columns:
                mixed[n, :, row, column] = images[permutation[n], :, row, column]
        shares.append(1 - len(rows) * len(columns) / (height * width))
    own = torch.tensor(shares, dtype=targets.dtype, device=targets.device)[:, None]
    return mixed, own * targets + (1 - own) * targets[permutation]


def early_stopping(losses: list[float], patience: int) -> tuple[int, int]:
    """Where the training stops, and its best epoch."""
    for epoch in range(len(losses)):
        best = losses.index(min(losses[: epoch + 1]))
        if epoch - best == patience:
            return epoch, best
    return epoch, best


def bagging_indices(n: int, models: int, generator: torch.Generator, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """`count` draws of (models, n) indices with replacement (Breiman 1996), and the first again."""
    return _draws(lambda: torch.randint(n, (models, n), generator=generator), count)


def ensemble_predict(logits: torch.Tensor) -> torch.Tensor:
    """The mean over the models of their softmax."""
    return F.softmax(logits, dim=2).mean(dim=0)


def bias_variance(predictions: torch.Tensor, truth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Squared bias and population variance over the models, each averaged over the points."""
    return F.mse_loss(predictions.mean(0), truth), predictions.var(0, correction=0).mean()


def _value_and_gradient(operation: Callable, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    leaf = x.detach().clone().requires_grad_()
    with torch.enable_grad():
        value = operation(leaf)
        return value.detach(), torch.autograd.grad(value, leaf)[0]


def _out_and_gradients(operation: Callable, dout: torch.Tensor, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
    leaves = [value.detach().clone().requires_grad_() for value in inputs]
    with torch.enable_grad():
        out = operation(*leaves)
        return out.detach(), *torch.autograd.grad((out * dout).sum(), leaves)


def _scaled_mask(like: torch.Tensor, p: float, training: bool, generator: torch.Generator) -> torch.Tensor:
    """1 / (1 - p) with probability 1 - p, else 0; ones when not in training."""
    if not training:
        return torch.ones_like(like)
    kept = torch.empty(like.shape, dtype=like.dtype, device="cpu").bernoulli_(1 - p, generator=generator)
    return (kept / (1 - p)).to(like.device)


def _draws(draw: Callable[[], torch.Tensor], count: int) -> tuple[torch.Tensor, torch.Tensor]:
    drawn = torch.stack([draw() for _ in range(count)])
    return drawn, drawn[0]
