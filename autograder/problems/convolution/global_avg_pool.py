"""`global_avg_pool_forward` and `global_avg_pool_backward`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.problem import Cases
from autograder.problems.drawing import NEXT_CALL, wide_normal
from autograder.problems.forbidden import AVG_POOL
from autograder.problems.pairs import pair
from autograder.programs import follows
from autograder.references import convolution as reference


def _global(gradient: bool) -> Cases:
    def cases(generator: torch.Generator) -> list[Case]:
        def case(name, criterion, *x, **how):
            dout = wide_normal(generator, *x[:2]) if gradient else None
            return Case(name, criterion, {"x": wide_normal(generator, *x)}, dout, **how)

        return [
            case("x (2, 3, 4, 5)", "values", 2, 3, 4, 5),
            case("x (4, 2, 3, 7)", "values", 4, 2, 3, 7),
            case("one image", "edge cases", 1, 3, 4, 5),
            case("one channel", "edge cases", 4, 1, 4, 5),
            case("images of one pixel", "edge cases", 3, 2, 1, 1),
            case("images of one row", "edge cases", 3, 2, 1, 6),
            case("float64", "contract", 2, 3, 5, 4, dtype=torch.float64),
            case("x with gaps in memory", "contract", 2, 3, 5, 4, layout="strided"),
            case("x transposed in memory", "contract", 2, 3, 5, 4, layout="transposed"),
            case(NEXT_CALL, "contract", 2, 3, 5, 4, another_call=True),
        ]

    return cases


PROBLEMS = pair(
    "global_avg_pool",
    reference.global_avg_pool,
    _global,
    ({"values": 1, "edge cases": 1, "contract": 1}, {"values": 1, "edge cases": 1, "contract": 1}),
    __name__,
    forbidden=AVG_POOL,
)


def global_avg_pool_forward__mean(x):
    return x.mean(dim=(2, 3)), x


def global_avg_pool_forward__matrix_product(x):
    flat = x.reshape(x.shape[0], x.shape[1], -1)
    return flat @ flat.new_full((flat.shape[2],), 1 / flat.shape[2]), x


def global_avg_pool_forward__einsum(x):
    return torch.einsum("nchw->nc", x) / x[0, 0].numel(), x


def global_avg_pool_forward__keeps_shape(x):
    return x.flatten(2).mean(-1), x.shape


def global_avg_pool_forward__sum(x):
    """The values of a channel are added up, but not divided by their number."""
    return x.sum(dim=(2, 3)), x


def global_avg_pool_forward__keeps_dimensions(x):
    """The result still has the two dimensions of the image."""
    return x.mean(dim=(2, 3), keepdim=True), x


def global_avg_pool_forward__maximum(x):
    """This is the maximum of each channel."""
    return x.amax(dim=(2, 3)), x


def global_avg_pool_forward__width_from_height(x):
    """The sum is divided by the wrong number: the width was taken from the height."""
    return x.sum(dim=(2, 3)) / x.shape[2] ** 2, x


def global_avg_pool_forward__over_channels(x):
    """All channels have the same result: the mean was taken over them too."""
    return x.mean(dim=(1, 2, 3))[:, None].expand(-1, x.shape[1]), x


def global_avg_pool_backward__expanded(dout, cache):
    return (dout / cache[0, 0].numel())[:, :, None, None].expand(cache.shape)


def global_avg_pool_backward__product_with_ones(dout, cache):
    h, w = cache.shape[2:]
    return dout.reshape(*dout.shape, 1, 1) * torch.ones_like(cache) / h / w


@follows(global_avg_pool_forward__keeps_shape)
def global_avg_pool_backward__repeated(dout, cache):
    n, c, h, w = cache
    return (dout / (h * w)).repeat_interleave(h * w).view(n, c, h, w)


def global_avg_pool_backward__not_divided(dout, cache):
    """Every pixel got all of the gradient, as if the channel had been added up."""
    return dout[:, :, None, None].expand(cache.shape).clone()


def global_avg_pool_backward__without_upstream(dout, cache):
    """dout has no influence: this is the gradient for a dout of ones."""
    return torch.ones_like(cache) / cache[0, 0].numel()


def global_avg_pool_backward__width_from_height(dout, cache):
    """The gradient is divided by the wrong number: the width was taken from the height."""
    return (dout / cache.shape[2] ** 2)[:, :, None, None].expand(cache.shape)


def global_avg_pool_backward__not_expanded(dout, cache):
    """dx has one number for each channel; every pixel of x needs its own."""
    return (dout / cache[0, 0].numel())[:, :, None, None]


def global_avg_pool_backward__divided_by_all(dout, cache):
    """The gradient is divided by the number of all values of an image; a mean is over one channel."""
    return (dout / cache[0].numel())[:, :, None, None].expand(cache.shape)
