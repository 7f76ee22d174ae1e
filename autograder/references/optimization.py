"""References of the problem set `optimization`: torch's own steps and schedules.

The steps are the functions below torch's optimizers, and the schedules the formulas of its schedulers: to make an
optimizer loads a compiler, which takes seconds.
"""

from collections.abc import Callable, Sequence
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch.optim import lr_scheduler
from torch.optim.adam import adam
from torch.optim.rmsprop import rmsprop
from torch.optim.sgd import sgd

Tensors = list[torch.Tensor]


def minibatches(n: int, batch_size: int, generator: torch.Generator) -> tuple[torch.Tensor, ...]:
    """Sizes of the batches of one epoch, and the indices of two epochs and of the first one again."""
    first, second = (torch.randperm(n, generator=generator) for _ in range(2))
    sizes = torch.tensor([len(part) for part in first.split(batch_size)])
    return sizes, first, second, first


def sgd_step(params: Tensors, grads: Tensors, lr: float, weight_decay: float = 0.0) -> Tensors:
    """One step of `torch.optim.SGD`."""
    return _momentum(params, grads, [None] * len(params), lr, 0.0, False, weight_decay)[0]


def momentum_step(
    params: Tensors, grads: Tensors, velocities: Tensors, lr: float, momentum: float, nesterov: bool = False
) -> Tensors:
    """One step of `torch.optim.SGD` with momentum: the parameters, then the velocities."""
    params, velocities = _momentum(params, grads, _copies(velocities), lr, momentum, nesterov, 0.0)
    return [*params, *velocities]


def rmsprop_step(
    params: Tensors, grads: Tensors, square_avgs: Tensors, lr: float, alpha: float = 0.99, eps: float = 1e-8
) -> Tensors:
    """One step of `torch.optim.RMSprop`: the parameters, then the averages of squares."""
    params, square_avgs = _copies(params), _copies(square_avgs)
    rmsprop(
        params,
        _copies(grads),
        square_avgs,
        [],
        [],
        _counts(params, 0),
        foreach=False,
        lr=lr,
        alpha=alpha,
        eps=eps,
        weight_decay=0.0,
        momentum=0.0,
        centered=False,
    )
    return [*params, *square_avgs]


def adam_step(
    params: Tensors,
    grads: Tensors,
    exp_avgs: Tensors,
    exp_avg_sqs: Tensors,
    step: int,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> Tensors:
    """Step number `step` of `torch.optim.Adam`: the parameters, then both averages."""
    params, exp_avgs, exp_avg_sqs = _copies(params), _copies(exp_avgs), _copies(exp_avg_sqs)
    adam(
        params,
        _copies(grads),
        exp_avgs,
        exp_avg_sqs,
        [],
        _counts(params, step - 1),
        foreach=False,
        amsgrad=False,
        beta1=betas[0],
        beta2=betas[1],
        lr=lr,
        weight_decay=0.0,
        eps=eps,
        maximize=False,
    )
    return [*params, *exp_avgs, *exp_avg_sqs]


def step_decay(lr: float, epoch: int, step_size: int, gamma: float) -> float:
    """The rate of `torch.optim.lr_scheduler.StepLR` after `epoch` epochs."""
    return _rate(lr_scheduler.StepLR, lr, epoch, step_size=step_size, gamma=gamma)


def cosine_decay(lr: float, epoch: int, total_epochs: int, min_lr: float = 0.0) -> float:
    """The rate of `torch.optim.lr_scheduler.CosineAnnealingLR` after `epoch` epochs (Loshchilov & Hutter 2017)."""
    return _rate(lr_scheduler.CosineAnnealingLR, lr, epoch, T_max=total_epochs, eta_min=min_lr)


def warmup(lr: float, step: int, warmup_steps: int) -> float:
    """The rate of `torch.optim.lr_scheduler.LinearLR` from 0 on, which torch itself does not let begin there."""
    return _rate(lr_scheduler.LinearLR, lr, step, start_factor=0.0, end_factor=1.0, total_iters=warmup_steps)


def linear_scaling(lr: float, batch_size: int, base_batch_size: int) -> float:
    """The rate for another size of the batch (Goyal et al. 2017)."""
    return lr * (batch_size / base_batch_size)


def real_of(operation: Callable[..., float]) -> Callable:
    """The reference of a function that returns one number (see `calls.kinds.real`)."""

    def expected(arguments, dout) -> tuple[torch.Tensor, ...]:
        return (torch.tensor(operation(**arguments), dtype=torch.float64),)

    return expected


def softmax_regression(
    x: torch.Tensor, target: torch.Tensor, epochs: int, lr: float, batches: Sequence[torch.Tensor] | None = None
) -> tuple[torch.Tensor, ...]:
    """Weight, bias and losses of gradient descent from zeros, in float64 on the CPU.

    Every epoch has all samples at once, or the same `batches` in turn. A loss is the mean over the samples.
    """
    x, target = x.double().cpu(), target.cpu()
    weight = torch.zeros(int(target.max()) + 1, x.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(len(weight), dtype=torch.float64, requires_grad=True)
    losses = []
    for _ in range(epochs):
        total = torch.zeros((), dtype=torch.float64)
        for batch in batches or [torch.arange(len(x))]:
            with torch.enable_grad():
                loss = F.cross_entropy(F.linear(x[batch], weight, bias), target[batch])
                grads = torch.autograd.grad(loss, (weight, bias))
            total += len(batch) / len(x) * loss.detach()
            weight, bias = ((p - lr * g).detach().requires_grad_() for p, g in zip((weight, bias), grads, strict=True))
        losses.append(total)
    return weight.detach(), bias.detach(), torch.stack(losses)


def _momentum(params, grads, buffers, lr, momentum, nesterov, weight_decay) -> tuple[Tensors, Tensors]:
    params = _copies(params)
    sgd(
        params,
        _copies(grads),
        buffers,
        foreach=False,
        fused=False,
        weight_decay=weight_decay,
        momentum=momentum,
        lr=lr,
        dampening=0.0,
        nesterov=nesterov,
        maximize=False,
    )
    return params, buffers


def _rate(scheduler: type, lr: float, epoch: int, **settings) -> float:
    return scheduler._get_closed_form_lr(SimpleNamespace(base_lrs=[lr], last_epoch=epoch, **settings))[0]


def _copies(tensors: Tensors) -> Tensors:
    return [tensor.clone() for tensor in tensors]


def _counts(params: Tensors, steps: int) -> Tensors:
    return [torch.tensor(float(steps)) for _ in params]
