"""`color_jitter`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import uniform
from autograder.programs import slip
from autograder.references import regularization as reference
from autograder.references import value_of


def _cases(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, shape, low=0.0, high=1.0, brightness=(0.5, 1.6), contrast=(0.4, 2.5), **how):
        n = shape[0]
        # Every channel has a brightness of its own.
        images = uniform(generator, low, high, *shape) * uniform(generator, 0.3, 1.0, n, shape[1], 1, 1)
        arguments = {
            "images": images,
            "brightness": uniform(generator, *brightness, n),
            "contrast": uniform(generator, *contrast, n),
        }
        return Case(name, criterion, arguments, **how)

    return [
        case("nothing to clamp, images (3, 3, 4, 5)", "values", (3, 3, 4, 5), 0.3, 0.6, (0.8, 1.2), (0.5, 0.9)),
        case("images (4, 3, 5, 4)", "values", (4, 3, 5, 4), brightness=(1.3, 1.9)),
        case("images (6, 2, 3, 3)", "values", (6, 2, 3, 3)),
        case("bright beyond 1, little contrast", "edge cases", (3, 3, 4, 5), 0.5, 1.0, (2.0, 3.0), (0.1, 0.3)),
        case("no contrast", "edge cases", (2, 3, 4, 5), contrast=(0.0, 0.0)),
        case("black", "edge cases", (2, 3, 4, 5), brightness=(0.0, 0.0)),
        case("factors of 1", "edge cases", (2, 3, 4, 5), brightness=(1.0, 1.0), contrast=(1.0, 1.0)),
        case("one image of one channel", "edge cases", (1, 1, 4, 5)),
        case("float64", "contract", (4, 3, 5, 4), dtype=torch.float64),
        case("images with gaps in memory", "contract", (4, 3, 5, 4), layout="strided"),
    ]


PROBLEMS = (
    Problem(
        name="color_jitter",
        call=function,
        returns=("jittered",),
        cases=_cases,
        expected=value_of(reference.color_jitter),
        points={"values": 3, "edge cases": 2, "contract": 1},
        modules=(__name__,),
    ),
)


def color_jitter__about_the_mean(images, brightness, contrast):
    bright = images * brightness[:, None, None, None]
    mean = bright.mean(dim=(1, 2, 3), keepdim=True)
    return (mean + contrast[:, None, None, None] * (bright - mean)).clamp(0, 1)


def color_jitter__mixed_with_gray(images, brightness, contrast):
    n = len(images)
    b, c = brightness.reshape(n, 1), contrast.reshape(n, 1)
    bright = b * images.flatten(1)
    gray = bright.mean(1, keepdim=True)
    return torch.clamp(c * bright + (1 - c) * gray, min=0, max=1).reshape(images.shape)


def color_jitter__image_by_image(images, brightness, contrast):
    out = torch.empty_like(images)
    for n in range(len(images)):
        bright = images[n] * brightness[n]
        mean = bright.sum() / bright.numel()
        out[n] = (bright - mean) * contrast[n] + mean
    return out.clamp_(0, 1)


_MEAN = color_jitter__about_the_mean
slip(
    _MEAN,
    "clamped_twice",
    "The image was clamped after the brightness, too: it is clamped once, at the end.",
    ("images * brightness[:, None, None, None]", "(images * brightness[:, None, None, None]).clamp(0, 1)"),
)
slip(_MEAN, "not_clamped", "There are values below 0 or above 1.", (".clamp(0, 1)", ""))
slip(
    _MEAN,
    "mean_of_each_channel",
    "The contrast was changed about the mean of each channel: an image has one mean.",
    ("dim=(1, 2, 3)", "dim=(2, 3)"),
)
slip(
    _MEAN,
    "mean_of_the_batch",
    "The contrast was changed about the mean of the batch: every image has its own.",
    ("dim=(1, 2, 3)", "dim=(0, 1, 2, 3)"),
)
slip(
    _MEAN,
    "about_zero",
    "The contrast was changed about 0, which is brightness once more.",
    ("mean + contrast[:, None, None, None] * (bright - mean)", "contrast[:, None, None, None] * bright"),
)
slip(
    _MEAN,
    "about_a_half",
    "The contrast was changed about 0.5, not about the mean of the image.",
    ("bright.mean(dim=(1, 2, 3), keepdim=True)", "0.5"),
)
slip(
    _MEAN,
    "mean_before_brightness",
    "The mean is that of the image before its brightness was changed.",
    ("bright.mean(", "images.mean("),
)
slip(
    _MEAN,
    "mean_lost",
    "The mean was subtracted and not added again.",
    ("mean + contrast", "contrast"),
)
slip(
    _MEAN,
    "brightness_added",
    "The brightness was added: it is a factor.",
    ("images * brightness", "images + brightness"),
)
slip(
    _MEAN,
    "first_factor_for_all",
    "All images got the factors of one of them.",
    ("brightness[:, None, None, None]", "brightness[0]"),
    ("contrast[:, None, None, None]", "contrast[0]"),
)
slip(
    _MEAN,
    "in_place",
    "images was overwritten: work on a copy.",
    ("images * brightness", "images.mul_(brightness"),
    ("None, None, None]\n    mean", "None, None, None])\n    mean"),
)
