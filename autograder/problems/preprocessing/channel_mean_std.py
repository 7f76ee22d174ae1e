"""`channel_mean_std`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import normal, uniform
from autograder.problems.forbidden import STANDARDIZERS
from autograder.problems.preprocessing.cases import contract
from autograder.references import preprocessing as reference
from autograder.references import values_of


def _images(generator: torch.Generator, n: int, c: int, h: int, w: int) -> torch.Tensor:
    """Each image and each channel has a brightness of its own, as photographs have."""
    brightness = normal(generator, n, c, 1, 1) + uniform(generator, -1, 1, c, 1, 1)
    return brightness + uniform(generator, 0.5, 2, c, 1, 1) * normal(generator, n, c, h, w)


def _channels(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, images, **how):
        return Case(name, criterion, {"images": images}, **how)

    constant = _images(generator, 2, 3, 4, 8)
    constant[:, 1] = 0.5
    bytes_ = (120 + 40 * _images(generator, 3, 2, 5, 4)).clamp(0, 255)
    faint = _images(generator, 2, 5, 5, 6)
    faint[:, 1:] = 10 + 0.02 * faint[:, 1:]
    return [
        case("images (5, 3, 4, 6)", "values", _images(generator, 5, 3, 4, 6)),
        case("images (3, 4, 6, 2)", "values", _images(generator, 3, 4, 6, 2)),
        case("one image", "edge cases", _images(generator, 1, 3, 4, 5)),
        case("one channel", "edge cases", _images(generator, 4, 1, 3, 5)),
        case("as many images as channels, square", "edge cases", _images(generator, 3, 3, 3, 3)),
        case("a constant channel", "edge cases", constant),
        case("grey values from 0 to 255", "edge cases", bytes_),
        case("bright channels of little contrast", "edge cases", faint),
        *contract(lambda: {"images": _images(generator, 4, 3, 2, 5)}),
    ]


PROBLEMS = (
    Problem(
        name="channel_mean_std",
        call=function,
        returns=("mean", "std"),
        cases=_channels,
        expected=values_of(reference.channel_mean_std),
        points={"values": 5, "edge cases": 2, "contract": 1},
        shares={"mean": 2, "std": 3},
        forbidden=STANDARDIZERS,
        modules=(__name__,),
    ),
)


def channel_mean_std__flattened(images):
    pixels = images.transpose(0, 1).flatten(1)
    return pixels.mean(dim=1), pixels.std(dim=1, correction=0)


def channel_mean_std__loop_over_channels(images):
    means, stds = [], []
    for c in range(images.shape[1]):
        channel = images[:, c]
        mean = channel.sum() / channel.numel()
        means.append(mean)
        stds.append(((channel - mean) ** 2).mean().sqrt())
    return torch.stack(means), torch.stack(stds)


def channel_mean_std__einsum(images):
    count = images.numel() / images.shape[1]
    mean = torch.einsum("nchw->c", images) / count
    centred = images - mean[:, None, None]
    return mean, torch.sqrt(torch.einsum("nchw,nchw->c", centred, centred) / count)


def channel_mean_std__mean_of_stds(images):
    """The std of each image was taken, and then their mean: how the images differ from each other is lost."""
    return images.mean(dim=(0, 2, 3)), images.std(dim=(2, 3), correction=0).mean(dim=0)


def channel_mean_std__std_of_means(images):
    """The std is that of the images' means: how the pixels of an image differ is lost."""
    means = images.mean(dim=(2, 3))
    return means.mean(dim=0), means.std(dim=0, correction=0)


def channel_mean_std__unbiased(images):
    """The squares were divided by one less than the number of pixels: that is the sample's standard deviation."""
    return images.mean(dim=(0, 2, 3)), images.std(dim=(0, 2, 3))


def channel_mean_std__of_each_image(images):
    """There is one number for each image: the channels lie along another dimension."""
    return images.mean(dim=(1, 2, 3)), images.std(dim=(1, 2, 3), correction=0)


def channel_mean_std__channels_last(images):
    """There is one number for each column of pixels: the channels are not the last dimension."""
    return images.mean(dim=(0, 1, 2)), images.std(dim=(0, 1, 2), correction=0)


def channel_mean_std__over_everything(images):
    """All channels got the same two numbers; each has its own."""
    mean, std = images.mean(), images.std(correction=0)
    return mean.expand(images.shape[1]), std.expand(images.shape[1])


def channel_mean_std__kept_dimensions(images):
    """The numbers are right, but the dimensions of size 1 were kept: one number for each channel is asked for."""
    mean = images.mean(dim=(0, 2, 3), keepdim=True)
    return mean, images.std(dim=(0, 2, 3), correction=0, keepdim=True)


def channel_mean_std__variance(images):
    """The second result is the variance; its root is missing."""
    return images.mean(dim=(0, 2, 3)), images.var(dim=(0, 2, 3), correction=0)


def channel_mean_std__reshaped(images):
    """The numbers of different channels were mixed: a reshape to one row for each channel does not sort them."""
    rows = images.reshape(images.shape[1], -1)
    return rows.mean(dim=1), rows.std(dim=1, correction=0)


def channel_mean_std__constant_channel(images):
    """The std of a constant channel was replaced: here it stays what it is."""
    std = images.std(dim=(0, 2, 3), correction=0)
    return images.mean(dim=(0, 2, 3)), torch.where(std == 0, 1, std)


def channel_mean_std__digits_lost(images):
    """Two large numbers were subtracted that are almost equal, and digits were lost: subtract the mean first."""
    mean = images.mean(dim=(0, 2, 3))
    return mean, ((images**2).mean(dim=(0, 2, 3)) - mean**2).clamp(min=0).sqrt()
