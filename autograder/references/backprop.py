"""References of the problem set `backprop`."""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F


def sum_product(x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """(x + y) z and its derivatives with respect to x, y and z."""
    return _value_and_gradients(lambda x, y, z: (x + y) * z, x, y, z)


def sigmoid_neuron(w: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The sigmoid of w[:-1] · x + w[-1], and its gradients with respect to w and x."""
    return _value_and_gradients(lambda w, x: torch.sigmoid(w[:-1] @ x + w[-1]), w, x)


def numerical_gradient(f: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, eps: float) -> torch.Tensor:
    """Central differences (f(x + eps e_i) - f(x - eps e_i)) / (2 eps), in the shape of x."""
    steps = eps * torch.eye(x.numel(), dtype=x.dtype, device=x.device).reshape(-1, *x.shape)
    slopes = [(f(x + step) - f(x - step)) / (2 * eps) for step in steps]
    return torch.stack(slopes).reshape(x.shape)


def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """x (N, D), weight (M, D), bias (M,) to (N, M)."""
    return F.linear(x, weight, bias)


def softmax(x: torch.Tensor) -> torch.Tensor:
    """exp(x), divided by its sum over dim 1."""
    return F.softmax(x, dim=1)


def cross_entropy(logits: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The mean over the batch of -log softmax(logits) at the target, and its gradient."""
    return _value_and_gradients(lambda logits: F.cross_entropy(logits, target), logits)


def two_layer_net(
    params: Mapping[str, torch.Tensor], x: torch.Tensor, target: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    """The mean cross-entropy of a linear layer, ReLU and a linear layer; its gradients for W1, b1, W2, b2."""

    def loss(w1, b1, w2, b2):
        return F.cross_entropy(F.linear(F.relu(F.linear(x, w1, b1)), w2, b2), target)

    return _value_and_gradients(loss, *(params[name] for name in ("W1", "b1", "W2", "b2")))


def _value_and_gradients(operation: Callable[..., torch.Tensor], *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The value of `operation` and autograd's gradients for all inputs."""
    leaves = [value.detach().clone().requires_grad_() for value in inputs]
    with torch.enable_grad():
        value = operation(*leaves)
        return value.detach(), *torch.autograd.grad(value, leaves)
