"""`train_small_cnn`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import training
from autograder.datasets import digits
from autograder.problem import Problem
from autograder.problems.accuracy import held_out
from autograder.problems.drawing import whole
from autograder.problems.forbidden import (
    AVG_POOL,
    CLASSIFIERS,
    CONVOLUTION_BACKWARD,
    CROSS_ENTROPY,
    MAX_POOL,
    with_backward,
)

# The plain digits ask for a network that learns, the moved ones for one that a linear classifier cannot match. One
# training for each is enough: of 60 seeds the worst right program had 0.935 and 0.781 right, and the limits are 11 and
# 6.7 standard deviations below the mean. A normal distribution goes so far less than once in 10^10 trainings.
LEAST = {"values": 0.85, "edge cases": 0.7, "contract": 0.0}


def _digits(generator: torch.Generator) -> list[Case]:
    images, labels = digits()

    def case(name, criterion, images, count, test_count, **how):
        order = torch.randperm(len(images), generator=generator)
        train, test = order[:count], order[count : count + test_count]
        arguments = {
            "x": images[train],
            "target": labels[train],
            "generator": torch.Generator().manual_seed(whole(generator, 0, 2**31)),
            "test": images[test],
        }
        return Case(name, criterion, arguments, kept={"truth": labels[test]}, **how)

    moved = torch.zeros(len(images), 1, 10, 10)
    places = torch.randint(0, 3, (len(images), 2), generator=generator).tolist()
    for image, digit, (row, column) in zip(moved, images, places, strict=True):
        image[:, row : row + 8, column : column + 8] = digit
    # A small part in float64, trained twice: what it predicts is not looked at.
    contract = {"dtype": torch.float64, "another_call": True}
    return [
        case("1200 digits", "values", images, 1200, 597),
        case("1400 digits moved by up to one pixel, images of 10 by 10", "edge cases", moved, 1400, 397),
        case(
            "120 digits in float64, images of 10 by 8, and the same again",
            "contract",
            moved[..., :8],
            120,
            40,
            **contract,
        ),
    ]


PROBLEMS = (
    Problem(
        name="train_small_cnn",
        call=training,
        returns=("logits", "the logits again"),
        cases=_digits,
        expected=lambda arguments, dout: (arguments["test"].new_zeros(len(arguments["test"]), 10),) * 2,
        points={"values": 4, "edge cases": 2, "contract": 2},
        forbidden=with_backward(CONVOLUTION_BACKWARD | MAX_POOL | AVG_POOL | CROSS_ENTROPY) | CLASSIFIERS,
        measured=held_out(LEAST),
        modules=(__name__,),
    ),
)


def train_small_cnn__strided_filters(x, target, generator):
    def columns(images):
        return torch.nn.functional.unfold(images, 4, stride=2, padding=1)

    def drawn(*shape, std):
        return (std * torch.randn(shape, generator=generator)).to(x)

    places = columns(x[:1]).shape[2]
    w1, b1 = drawn(16, 16, std=0.35), drawn(16, 1, std=0)
    w2, b2 = drawn(10, 16 * places, std=(1 / (16 * places)) ** 0.5), drawn(10, std=0)
    parameters = [w1, b1, w2, b2]
    averages, squares = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
    truth = torch.zeros(len(x), 10, dtype=x.dtype, device=x.device)
    truth[torch.arange(len(x)), target] = 1
    step = 0
    for _ in range(8):
        for chosen in torch.randperm(len(x), generator=generator).split(32):
            step += 1
            cols = columns(x[chosen])
            hidden = (w1 @ cols + b1).clamp(min=0)
            logits = hidden.flatten(1) @ w2.T + b2
            share = (logits - logits.amax(1, keepdim=True)).exp()
            d = (share / share.sum(1, keepdim=True) - truth[chosen]) / len(chosen)
            dhidden = (d @ w2).view_as(hidden) * (hidden > 0)
            dw1, db1 = torch.einsum("nol,nkl->ok", dhidden, cols), dhidden.sum((0, 2))[:, None]
            gradients = [dw1, db1, d.T @ hidden.flatten(1), d.sum(0)]
            for p, g, m, v in zip(parameters, gradients, averages, squares, strict=True):
                m += 0.1 * (g - m)
                v += 0.001 * (g * g - v)
                p -= 0.005 * m / (1 - 0.9**step) / ((v / (1 - 0.999**step)).sqrt() + 1e-8)
    return lambda images: (w1 @ columns(images) + b1).clamp(min=0).flatten(1) @ w2.T + b2


def train_small_cnn__pooled(x, target, generator):
    def drawn(*shape, std):
        return (std * torch.randn(*shape, generator=generator)).to(x.device, x.dtype)

    class Net:
        def __init__(self, height, width):
            features = 8 * (height // 2) * (width // 2)
            self.values = [drawn(8, 9, std=0.5), drawn(8, 1, std=0.0)]
            self.values += [drawn(10, features, std=features**-0.5), drawn(10, std=0.0)]
            self.speeds = [0 * value for value in self.values]

        def __call__(self, images):
            w1, b1, w2, b2 = self.values
            (n, _, h, w), self.images = images.shape, images
            self.cols = torch.nn.functional.unfold(images, 3, padding=1)
            maps = (w1 @ self.cols + b1).view(n, 8, h // 2, 2, w // 2, 2).permute(0, 1, 2, 4, 3, 5).flatten(4)
            best, self.winner = maps.max(dim=-1, keepdim=True)
            self.best = best[..., 0].clamp(min=0).flatten(1)
            return self.best @ w2.T + b2

        def learn(self, d):
            w2, (n, _, h, w) = self.values[2], self.images.shape
            dbest = (d @ w2) * (self.best > 0)
            dmaps = torch.zeros(n, 8, h // 2, w // 2, 4, dtype=d.dtype, device=d.device)
            dmaps.scatter_(-1, self.winner, dbest.reshape(self.winner.shape))
            dmaps = dmaps.unflatten(4, (2, 2)).permute(0, 1, 2, 4, 3, 5).reshape(n, 8, h * w)
            gradients = torch.einsum("nol,nkl->ok", dmaps, self.cols), dmaps.sum((0, 2))[:, None]
            for i, gradient in enumerate((*gradients, d.T @ self.best, d.sum(0))):
                self.speeds[i] = 0.9 * self.speeds[i] - 0.1 * gradient
                self.values[i] = self.values[i] + self.speeds[i]

    net = Net(*x.shape[2:])
    for _ in range(7):
        order = torch.randperm(len(x), generator=generator)
        for start in range(0, len(x), 32):
            chosen = order[start : start + 32]
            logits = net(x[chosen])
            d = torch.exp(logits - torch.logsumexp(logits, dim=1, keepdim=True))
            d[torch.arange(len(chosen)), target[chosen]] -= 1
            net.learn(d / len(chosen))
    return net


def train_small_cnn__predicts_classes(x, target, generator):
    """predict returns classes; it must return a row of logits for each image."""

    def columns(images):
        return torch.nn.functional.unfold(images, 4, stride=2, padding=1)

    def drawn(*shape, std):
        return (std * torch.randn(shape, generator=generator)).to(x)

    places = columns(x[:1]).shape[2]
    w1, b1 = drawn(8, 16, std=0.35), drawn(8, 1, std=0)
    w2, b2 = drawn(10, 8 * places, std=0.1), drawn(10, std=0)
    for _ in range(2):
        for chosen in torch.randperm(len(x), generator=generator).split(32):
            cols = columns(x[chosen])
            hidden = (w1 @ cols + b1).clamp(min=0)
            logits = hidden.flatten(1) @ w2.T + b2
            d = torch.exp(logits - logits.logsumexp(1, keepdim=True))
            d[torch.arange(len(chosen)), target[chosen]] -= 1
            d = 0.2 * d / len(chosen)
            dhidden = (d @ w2).view_as(hidden) * (hidden > 0)
            w1 -= torch.einsum("nol,nkl->ok", dhidden, cols)
            b1 -= dhidden.sum((0, 2))[:, None]
            w2 -= d.T @ hidden.flatten(1)
            b2 -= d.sum(0)
    return lambda images: ((w1 @ columns(images) + b1).clamp(min=0).flatten(1) @ w2.T + b2).argmax(1)


def train_small_cnn__one_score(x, target, generator):
    """All images get the same logits: weights that start at 0 with a ReLU between them never move."""
    features = 8 * (x.shape[2] // 2) * (x.shape[3] // 2)
    w1, w2, b2 = (torch.zeros(*shape).to(x) for shape in ((8, 16), (10, features), (10,)))
    for _ in range(2):
        for chosen in torch.randperm(len(x), generator=generator).split(100):
            cols = torch.nn.functional.unfold(x[chosen], 4, stride=2, padding=1)
            hidden = (w1 @ cols).clamp(min=0)
            logits = hidden.flatten(1) @ w2.T + b2
            d = torch.exp(logits - logits.logsumexp(1, keepdim=True))
            d[torch.arange(len(chosen)), target[chosen]] -= 1
            d = d / len(chosen)
            dhidden = (d @ w2).view_as(hidden) * (hidden > 0)
            w1 -= torch.einsum("nol,nkl->ok", dhidden, cols)
            w2 -= d.T @ hidden.flatten(1)
            b2 -= d.sum(0)
    return lambda images: b2.expand(len(images), -1)


def train_small_cnn__never_updated(x, target, generator):
    """Training changes nothing: the weights with which it ends are those with which it began."""

    def columns(images):
        return torch.nn.functional.unfold(images, 4, stride=2, padding=1)

    def drawn(*shape, std):
        return (std * torch.randn(shape, generator=generator)).to(x)

    places = columns(x[:1]).shape[2]
    parameters = [drawn(8, 16, std=0.35), drawn(8, 1, std=0), drawn(10, 8 * places, std=0.1), drawn(10, std=0)]
    w1, b1, w2, b2 = parameters
    for chosen in torch.randperm(len(x), generator=generator).split(32):
        cols = columns(x[chosen])
        hidden = (w1 @ cols + b1).clamp(min=0)
        logits = hidden.flatten(1) @ w2.T + b2
        d = torch.exp(logits - logits.logsumexp(1, keepdim=True))
        d[torch.arange(len(chosen)), target[chosen]] -= 1
        d = d / len(chosen)
        dhidden = (d @ w2).view_as(hidden) * (hidden > 0)
        dw1, db1 = torch.einsum("nol,nkl->ok", dhidden, cols), dhidden.sum((0, 2))[:, None]
        for p, g in zip(parameters, (dw1, db1, d.T @ hidden.flatten(1), d.sum(0)), strict=True):
            p = p - 0.2 * g
    return lambda images: (w1 @ columns(images) + b1).clamp(min=0).flatten(1) @ w2.T + b2


def train_small_cnn__uphill(x, target, generator):
    """The loss grows until the logits are no numbers any more: look at the sign of the step."""

    def columns(images):
        return torch.nn.functional.unfold(images, 4, stride=2, padding=1)

    def drawn(*shape, std):
        return (std * torch.randn(shape, generator=generator)).to(x)

    places = columns(x[:1]).shape[2]
    w1, b1 = drawn(8, 16, std=0.35), drawn(8, 1, std=0)
    w2, b2 = drawn(10, 8 * places, std=0.1), drawn(10, std=0)
    for _ in range(8):
        for chosen in torch.randperm(len(x), generator=generator).split(32):
            cols = columns(x[chosen])
            hidden = (w1 @ cols + b1).clamp(min=0)
            logits = hidden.flatten(1) @ w2.T + b2
            d = torch.exp(logits - logits.logsumexp(1, keepdim=True))
            d[torch.arange(len(chosen)), target[chosen]] -= 1
            d = 0.2 * d / len(chosen)
            dhidden = (d @ w2).view_as(hidden) * (hidden > 0)
            w1 += torch.einsum("nol,nkl->ok", dhidden, cols)
            b1 += dhidden.sum((0, 2))[:, None]
            w2 += d.T @ hidden.flatten(1)
            b2 += d.sum(0)
    return lambda images: (w1 @ columns(images) + b1).clamp(min=0).flatten(1) @ w2.T + b2


def train_small_cnn__without_generator(x, target, generator):
    """Two trainings with the same seed give different networks: not everything random comes from the generator."""

    def columns(images):
        return torch.nn.functional.unfold(images, 4, stride=2, padding=1)

    def drawn(*shape, std):
        return (std * torch.randn(shape)).to(x)

    places = columns(x[:1]).shape[2]
    w1, b1 = drawn(16, 16, std=0.35), drawn(16, 1, std=0)
    w2, b2 = drawn(10, 16 * places, std=0.1), drawn(10, std=0)
    parameters = [w1, b1, w2, b2]
    speeds = [torch.zeros_like(p) for p in parameters]
    for _ in range(8):
        for chosen in torch.randperm(len(x)).split(32):
            cols = columns(x[chosen])
            hidden = (w1 @ cols + b1).clamp(min=0)
            logits = hidden.flatten(1) @ w2.T + b2
            d = torch.exp(logits - logits.logsumexp(1, keepdim=True))
            d[torch.arange(len(chosen)), target[chosen]] -= 1
            d = d / len(chosen)
            dhidden = (d @ w2).view_as(hidden) * (hidden > 0)
            dw1, db1 = torch.einsum("nol,nkl->ok", dhidden, cols), dhidden.sum((0, 2))[:, None]
            gradients = (dw1, db1, d.T @ hidden.flatten(1), d.sum(0))
            for p, speed, g in zip(parameters, speeds, gradients, strict=True):
                speed *= 0.9
                speed += g
                p -= 0.1 * speed
    return lambda images: (w1 @ columns(images) + b1).clamp(min=0).flatten(1) @ w2.T + b2


def train_small_cnn__predicts_probabilities(x, target, generator):
    """predict returns probabilities; logits are what comes before the softmax."""

    def columns(images):
        return torch.nn.functional.unfold(images, 4, stride=2, padding=1)

    def drawn(*shape, std):
        return (std * torch.randn(shape, generator=generator)).to(x)

    def probabilities(logits):
        return torch.exp(logits - logits.logsumexp(1, keepdim=True))

    places = columns(x[:1]).shape[2]
    w1, b1 = drawn(16, 16, std=0.35), drawn(16, 1, std=0)
    w2, b2 = drawn(10, 16 * places, std=0.1), drawn(10, std=0)
    parameters = [w1, b1, w2, b2]
    speeds = [torch.zeros_like(p) for p in parameters]
    for _ in range(8):
        for chosen in torch.randperm(len(x), generator=generator).split(32):
            cols = columns(x[chosen])
            hidden = (w1 @ cols + b1).clamp(min=0)
            d = probabilities(hidden.flatten(1) @ w2.T + b2)
            d[torch.arange(len(chosen)), target[chosen]] -= 1
            d = d / len(chosen)
            dhidden = (d @ w2).view_as(hidden) * (hidden > 0)
            dw1, db1 = torch.einsum("nol,nkl->ok", dhidden, cols), dhidden.sum((0, 2))[:, None]
            gradients = (dw1, db1, d.T @ hidden.flatten(1), d.sum(0))
            for p, speed, g in zip(parameters, speeds, gradients, strict=True):
                speed *= 0.9
                speed += g
                p -= 0.1 * speed
    return lambda images: probabilities((w1 @ columns(images) + b1).clamp(min=0).flatten(1) @ w2.T + b2)
