"""What is measured on the outputs of the problem set `preprocessing`."""

import torch

from autograder.calls.case import Case

# More than that many standard deviations from the mean lies a known share of a normal distribution. A uniform one has
# nothing there, nor has one that is cut off at two deviations and stretched to the right one.
FAR = 2.5


def whiteness(case: Case, outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """What all forms of whitening have in common.

    The products of the rows fix the rows up to a rotation or reflection, which is what the forms differ by. The mean
    and the variances follow from them, and are there to be told first.
    """
    (out,) = outputs
    mean = out.mean(dim=0)
    variances = torch.linalg.eigvalsh(torch.atleast_2d(torch.cov(out.T)))
    # The reference's own mean is 0 but for its rounding in float64: to be told so.
    return torch.where(mean.abs() < 1e-14, 0, mean), variances.flip(0), out @ out.T


def up_to_signs(case: Case, outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Mean, components and variances, each component turned to the side of the one that the case keeps."""
    mean, components, variances = outputs
    opposite = (components * case.kept["components"]).sum(dim=1, keepdim=True) < 0
    return mean, torch.where(opposite, -components, components), variances


def of_weights(case: Case, outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """What random weights have in common; the layers' scale only where there are inputs to send through them."""
    return _of_weights(case, outputs, relu=False)


def of_weights_before_relu(case: Case, outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """As `of_weights`, with a ReLU behind each layer."""
    return _of_weights(case, outputs, relu=True)


def _of_weights(case: Case, outputs: tuple[torch.Tensor, ...], relu: bool) -> tuple[torch.Tensor, ...]:
    drawn, again = outputs
    std, mean = torch.std_mean(drawn, correction=0)
    far = ((drawn - mean).abs() > FAR * std).double().mean()
    repeated = (drawn[0] == again).double().mean()
    earlier, later = drawn[:-1] - mean, drawn[1:] - mean
    correlation = (earlier * later).mean() / std.square()
    numbers = (drawn - mean).flatten(1)
    first, second = numbers.tensor_split([numbers.shape[1] // 2, numbers.shape[1] // 2 * 2], dim=1)[:2]
    halves = (first * second).mean() / std.square()
    return std, mean, far, repeated, correlation, halves, _growth(case, drawn, relu)


def _growth(case: Case, weights: torch.Tensor, relu: bool) -> torch.Tensor:
    """How often the activations double from the first layer's input to the last one's output; empty without inputs."""
    if "inputs" not in case.kept:
        return torch.empty(0, dtype=torch.float64)
    h = inputs = case.kept["inputs"]
    for weight in weights:
        h = h @ weight.T
        h = h.clamp(min=0) if relu else h
    return (h.square().mean() / inputs.square().mean()).log2() / 2
