"""`roi_max_pool_forward` and `roi_max_pool_backward`: cases, reference, right and wrong programs."""

from collections.abc import Sequence

import torch

from autograder.calls.case import Case
from autograder.problem import Cases
from autograder.problems.drawing import NEXT_CALL, uniform, wide_normal
from autograder.problems.forbidden import POOL_TO_SIZE
from autograder.problems.pairs import pair
from autograder.programs import follows, slip
from autograder.references import detection as reference

# On a map of 9 by 12: of both images, wider than high and higher than wide, two that overlap, none cut evenly.
REGIONS = [[0, 1, 2, 10, 6], [1, 3, 0, 7, 8], [1, 0, 3, 5, 5], [0, 4, 1, 8, 7]]


def _cases(gradient: bool) -> Cases:
    def cases(generator: torch.Generator) -> list[Case]:
        def case(name, criterion, rois, output_size, spatial_scale=1.0, shape=(2, 3, 9, 12), features=None, **how):
            features = wide_normal(generator, *shape) if features is None else features
            rois = torch.as_tensor(rois, dtype=torch.float64).reshape(-1, 5)
            dout = wide_normal(generator, len(rois), features.shape[1], *output_size) if gradient else None
            arguments = {"features": features, "rois": rois, "output_size": output_size}
            return Case(name, criterion, {**arguments, "spatial_scale": spatial_scale}, dout, **how)

        def near(regions: Sequence[Sequence[float]], scale: float = 1.0) -> torch.Tensor:
            """The regions of the map in coordinates of the image, each off by up to 0.4 pixels of the map."""
            rois = torch.tensor(regions, dtype=torch.float64)
            rois[:, 1:] = (rois[:, 1:] + uniform(generator, -0.4, 0.4, len(rois), 4)) / scale
            return rois

        def below_zero():
            return -1 - wide_normal(generator, 2, 3, 9, 12).abs()

        ties = [case("ties", "edge cases", near(REGIONS), (2, 3), features=wide_normal(generator, 2, 3, 9, 12).sign())]
        return [
            case("4 regions, output_size (2, 3)", "values", near(REGIONS), (2, 3)),
            case("4 regions, output_size (3, 2), spatial_scale 0.25", "values", near(REGIONS, 0.25), (3, 2), 0.25),
            case(
                "corners halfway between two pixels", "edge cases", [[0, 1, 5, 13, 9], [1, 5, 1, 17, 13]], (2, 2), 0.5
            ),
            case(
                "regions over the border, features below 0",
                "edge cases",
                near([[0, -4, -3, 5, 4], [1, 6, 5, 15, 13], [1, -3, 2, 16, 5]]),
                (3, 3),
                features=below_zero(),
            ),
            case(
                "regions over the border of a high map",
                "edge cases",
                near([[0, 2, 7, 6, 14], [1, -2, 6, 4, 11], [0, 5, -3, 11, 4]]),
                (3, 2),
                shape=(2, 3, 12, 9),
            ),
            case(
                "a region outside, features below 0",
                "edge cases",
                near([[0, 14, 11, 18, 15], [1, -9, -8, -4, -3], [0, 2, 1, 6, 4]]),
                (2, 2),
                features=below_zero(),
            ),
            case("corners exchanged", "edge cases", near([[0, 6, 5, 2, 1], [1, 8, 2, 3, 6], [1, 2, 7, 9, 3]]), (2, 3)),
            case("regions of one pixel", "edge cases", near([[0, 3, 4, 3, 4], [1, 11, 0, 11, 0]]), (2, 2)),
            case("fewer pixels than bins", "edge cases", near([[1, 3, 4, 4, 6], [0, 7, 1, 9, 2]]), (4, 5)),
            case("the whole map", "edge cases", [[0, 0, 0, 11, 8]], (4, 3)),
            case("one bin", "edge cases", near(REGIONS[:2]), (1, 1)),
            case("one image, one channel", "edge cases", near(REGIONS[:1]), (2, 2), shape=(1, 1, 9, 12)),
            *(ties if gradient else []),
            case("no region", "edge cases", [], (2, 3)),
            case(
                "float64, spatial_scale 0.1, a corner just below halfway",
                "contract",
                [[0, 4, 10, 24.9999999, 71], [1, 34.9999999, 2, 108, 54]],
                (2, 3),
                0.1,
                dtype=torch.float64,
            ),
            case("inputs with gaps in memory", "contract", near(REGIONS), (2, 3), layout="strided"),
            case(NEXT_CALL, "contract", near(REGIONS), (2, 3), another_call=True),
        ]

    return cases


PROBLEMS = pair(
    "roi_max_pool",
    reference.roi_max_pool,
    _cases,
    ({"values": 6, "edge cases": 3, "contract": 1}, {"values": 5, "edge cases": 2, "contract": 1}),
    __name__,
    wrt=("features",),
    forbidden=POOL_TO_SIZE,
)


def roi_max_pool_forward__bin_by_bin(features, rois, output_size, spatial_scale):
    import math

    rows, columns = output_size
    height, width = features.shape[2:]
    out = torch.zeros(len(rois), features.shape[1], rows, columns, dtype=features.dtype, device=features.device)
    for r, (image, *corners) in enumerate(rois.tolist()):
        x1, y1, x2, y2 = (math.floor(corner * spatial_scale + 0.5) for corner in corners)
        h, w = max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1)
        for i in range(rows):
            top, bottom = y1 + math.floor(i * h / rows), y1 + math.ceil((i + 1) * h / rows)
            top, bottom = min(max(top, 0), height), min(max(bottom, 0), height)
            for j in range(columns):
                left, right = x1 + math.floor(j * w / columns), x1 + math.ceil((j + 1) * w / columns)
                left, right = min(max(left, 0), width), min(max(right, 0), width)
                if top < bottom and left < right:
                    out[r, :, i, j] = features[int(image), :, top:bottom, left:right].amax(dim=(1, 2))
    return out, (features, rois, output_size, spatial_scale)


def roi_max_pool_forward__keeps_places(features, rois, output_size, spatial_scale):
    _, channels, height, width = features.shape
    rows, columns = output_size
    images = rois[:, 0].long()
    corners = torch.floor(rois[:, 1:] * spatial_scale + 0.5).long()
    flat = features.flatten(2)
    out = features.new_zeros(len(rois), channels, rows, columns)
    places = torch.full(out.shape, -1, device=features.device)
    for r in range(len(rois)):
        x1, y1, x2, y2 = corners[r].tolist()
        h, w = max(1, y2 - y1 + 1), max(1, x2 - x1 + 1)
        for i in range(rows):
            ys = [y for y in range(y1 + i * h // rows, y1 - (-(i + 1) * h // rows)) if 0 <= y < height]
            for j in range(columns):
                xs = [x for x in range(x1 + j * w // columns, x1 - (-(j + 1) * w // columns)) if 0 <= x < width]
                if ys and xs:
                    pixels = torch.tensor([y * width + x for y in ys for x in xs], device=features.device)
                    values = flat[images[r]][:, pixels]
                    best = values.argmax(dim=1)
                    out[r, :, i, j] = values.gather(1, best[:, None])[:, 0]
                    places[r, :, i, j] = pixels[best]
    return out, {"places": places, "images": images, "shape": features.shape}


def roi_max_pool_forward__masked(features, rois, output_size, spatial_scale):
    def bins(first, last, count, size):
        extent = (last - first + 1).clamp(min=1)[:, None]
        k = torch.arange(count, device=features.device)
        begin = first[:, None] + torch.div(k * extent, count, rounding_mode="floor")
        end = first[:, None] - torch.div(-(k + 1) * extent, count, rounding_mode="floor")
        pixels = torch.arange(size, device=features.device)
        return (pixels >= begin[..., None]) & (pixels < end[..., None])

    x1, y1, x2, y2 = (rois[:, 1:] * spatial_scale + 0.5).floor().long().unbind(1)
    rows = bins(y1, y2, output_size[0], features.shape[2])
    columns = bins(x1, x2, output_size[1], features.shape[3])
    inside = rows[:, None, :, None, :, None] & columns[:, None, None, :, None, :]
    maps = features[rois[:, 0].long()][:, :, None, None]
    out = torch.where(inside, maps, -torch.inf).flatten(4).amax(dim=4)
    empty = ~inside.flatten(4).any(dim=4)
    return out.masked_fill(empty, 0), (features, rois, output_size, spatial_scale)


def roi_max_pool_forward__ends_rounded_down(features, rois, output_size, spatial_scale):
    """Some pixels are missing in their bins: the end of a bin is rounded up."""
    import math

    rows, columns = output_size
    height, width = features.shape[2:]
    out = torch.zeros(len(rois), features.shape[1], rows, columns, dtype=features.dtype, device=features.device)
    for r, (image, *corners) in enumerate(rois.tolist()):
        x1, y1, x2, y2 = (math.floor(corner * spatial_scale + 0.5) for corner in corners)
        h, w = max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1)
        for i in range(rows):
            top, bottom = y1 + math.floor(i * h / rows), y1 + math.floor((i + 1) * h / rows)
            top, bottom = min(max(top, 0), height), min(max(bottom, 0), height)
            for j in range(columns):
                left, right = x1 + math.floor(j * w / columns), x1 + math.floor((j + 1) * w / columns)
                left, right = min(max(left, 0), width), min(max(right, 0), width)
                if top < bottom and left < right:
                    out[r, :, i, j] = features[int(image), :, top:bottom, left:right].amax(dim=(1, 2))
    return out, (features, rois, output_size, spatial_scale)


_BINS = roi_max_pool_forward__bin_by_bin
_ROUND = "math.floor(corner * spatial_scale + 0.5) for corner in corners"
_SIZES = "h, w = max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1)"
_ROWS = "top, bottom = y1 + math.floor(i * h / rows), y1 + math.ceil((i + 1) * h / rows)"
_COLUMNS = "left, right = x1 + math.floor(j * w / columns), x1 + math.ceil((j + 1) * w / columns)"
_MAXIMUM = ".amax(dim=(1, 2))"
slip(
    _BINS,
    "begins_rounded_up",
    "Some pixels are missing in their bins: the begin of a bin is rounded down.",
    ("y1 + math.floor(i * h / rows)", "y1 + math.ceil(i * h / rows)"),
    ("x1 + math.floor(j * w / columns)", "x1 + math.ceil(j * w / columns)"),
)
slip(
    _BINS,
    "equal_bins",
    "The last rows and columns of a region are in no bin: all bins together cover the region.",
    (_ROWS, "top, bottom = y1 + i * max(h // rows, 1), y1 + (i + 1) * max(h // rows, 1)"),
    (_COLUMNS, "left, right = x1 + j * max(w // columns, 1), x1 + (j + 1) * max(w // columns, 1)"),
)
slip(
    _BINS,
    "corners_rounded_down",
    "The corners of the regions were rounded down: the nearest pixel counts.",
    (_ROUND, "math.floor(corner * spatial_scale) for corner in corners"),
)
slip(
    _BINS,
    "corners_rounded_outward",
    "The corners of the regions were rounded outward: the nearest pixel counts.",
    (
        "x1, y1, x2, y2 = (math.floor(corner * spatial_scale + 0.5) for corner in corners)",
        "x1, y1 = (math.floor(corner * spatial_scale) for corner in corners[:2])\n"
        "        x2, y2 = (math.ceil(corner * spatial_scale) for corner in corners[2:])",
    ),
)
slip(
    _BINS,
    "halves_to_even",
    "A corner halfway between two pixels was rounded to the even one: it is rounded up.",
    (_ROUND, "round(corner * spatial_scale) for corner in corners"),
)
slip(
    _BINS,
    "cut_off_toward_zero",
    "A corner left of the map or above it was rounded toward 0: int() cuts off what floor rounds down.",
    (_ROUND, "int(corner * spatial_scale + 0.5) for corner in corners"),
)
slip(
    _BINS,
    "last_pixel_left_out",
    "The last row and the last column of a region were left out: they belong to it.",
    (_SIZES, "h, w = max(y2 - y1, 1), max(x2 - x1, 1)"),
)
slip(
    _BINS,
    "x_and_y_exchanged",
    "x counts columns and y rows; they were exchanged.",
    ("x1, y1, x2, y2 = (", "y1, x1, y2, x2 = ("),
)
slip(
    _BINS,
    "scale_ignored",
    "The argument spatial_scale is not used.",
    ("corner * spatial_scale + 0.5", "corner + 0.5"),
)
slip(
    _BINS,
    "divided_by_the_scale",
    "The coordinates were divided by spatial_scale: they are multiplied by it.",
    ("corner * spatial_scale + 0.5", "corner / spatial_scale + 0.5"),
)
slip(
    _BINS,
    "first_image_only",
    "All regions were taken from one image: the first number of a region says from which.",
    ("features[int(image), ", "features[0, "),
)
slip(
    _BINS,
    "cut_off_before_it_was_divided",
    "A region that reaches over the border was cut off before it was divided: its bins are too small.",
    (
        "        h, w = max",
        "        x1, x2 = (min(max(x, 0), width - 1) for x in (x1, x2))\n"
        "        y1, y2 = (min(max(y, 0), height - 1) for y in (y1, y2))\n        h, w = max",
    ),
)
slip(
    _BINS,
    "started_at_zero",
    "No result is below 0: the search for the maximum started at 0.",
    (_MAXIMUM, ".amax(dim=(1, 2)).clamp(min=0)"),
)
slip(
    _BINS,
    "empty_bins_very_small",
    "An empty bin has a very small number: it has 0.",
    (
        "torch.zeros(len(rois), features.shape[1], rows, columns,",
        "torch.full((len(rois), features.shape[1], rows, columns), -1e30,",
    ),
)
slip(
    _BINS,
    "empty_bins_infinite",
    "An empty bin is the maximum of nothing, minus infinity: it has 0.",
    (
        "torch.zeros(len(rois), features.shape[1], rows, columns,",
        "torch.full((len(rois), features.shape[1], rows, columns), -torch.inf,",
    ),
)
slip(
    _BINS,
    "exchanged_corners_are_empty",
    "A region whose second corner lies before the first gave 0: it counts as one pixel high, or wide.",
    (_SIZES, "h, w = max(y2 - y1 + 1, 0), max(x2 - x1 + 1, 0)"),
)
slip(
    _BINS,
    "exchanged_corners_sorted",
    "A region whose second corner lies before the first was turned round: it is one pixel high, or wide.",
    (
        _SIZES,
        "x1, x2, y1, y2 = min(x1, x2), max(x1, x2), min(y1, y2), max(y1, y2)\n        h, w = y2 - y1 + 1, x2 - x1 + 1",
    ),
)
slip(
    _BINS,
    "mean",
    "This is the mean of each bin.",
    (_MAXIMUM, ".mean(dim=(1, 2))"),
)
slip(
    _BINS,
    "over_channels",
    "Every channel has the same result: the maximum was taken over the channels too.",
    (_MAXIMUM, ".amax()"),
)
slip(
    _BINS,
    "not_cut_off",
    "Near the first row or column a bin has other pixels: a negative index counts from the end.",
    ("            top, bottom = min(max(top, 0), height), min(max(bottom, 0), height)\n", ""),
    ("                left, right = min(max(left, 0), width), min(max(right, 0), width)\n", ""),
    ("if top < bottom and left < right:", "if features[0, 0, top:bottom, left:right].numel():"),
)
slip(
    _BINS,
    "single_precision",
    "The result is float32 whatever the dtype of the features is.",
    (" dtype=features.dtype,", ""),
)


def roi_max_pool_backward__bin_by_bin(dout, cache):
    import math

    features, rois, (rows, columns), spatial_scale = cache
    height, width = features.shape[2:]
    dfeatures = torch.zeros_like(features)
    channels = torch.arange(features.shape[1], device=features.device)
    for r, (image, *corners) in enumerate(rois.tolist()):
        x1, y1, x2, y2 = (math.floor(corner * spatial_scale + 0.5) for corner in corners)
        h, w = max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1)
        for i in range(rows):
            top, bottom = y1 + math.floor(i * h / rows), y1 + math.ceil((i + 1) * h / rows)
            top, bottom = min(max(top, 0), height), min(max(bottom, 0), height)
            for j in range(columns):
                left, right = x1 + math.floor(j * w / columns), x1 + math.ceil((j + 1) * w / columns)
                left, right = min(max(left, 0), width), min(max(right, 0), width)
                if top < bottom and left < right:
                    best = features[int(image), :, top:bottom, left:right].flatten(1).argmax(dim=1)
                    y, x = top + best // (right - left), left + best % (right - left)
                    dfeatures[int(image), channels, y, x] += dout[r, :, i, j]
    return dfeatures


@follows(roi_max_pool_forward__keeps_places)
def roi_max_pool_backward__scattered(dout, cache):
    places, images, (n, c, h, w) = cache["places"], cache["images"], cache["shape"]
    flat = dout.new_zeros(n * c * h * w)
    start = (images[:, None] * c + torch.arange(c, device=dout.device)) * h * w
    target = (places + start[:, :, None, None]).flatten()
    filled = (places >= 0).flatten()
    flat.index_add_(0, target[filled], dout.reshape(-1)[filled])
    return flat.reshape(n, c, h, w)


def roi_max_pool_backward__pixel_by_pixel(dout, cache):
    features, rois, output_size, spatial_scale = cache
    grad = torch.zeros(features.shape, dtype=dout.dtype, device=dout.device)
    corners = torch.floor(rois[:, 1:] * spatial_scale + 0.5).long().tolist()
    values = features.tolist()

    def span(index, count, first, last, size):
        extent = max(last - first + 1, 1)
        begin, end = first + index * extent // count, first + ((index + 1) * extent + count - 1) // count
        return range(max(begin, 0), min(end, size))

    for r, (x1, y1, x2, y2) in enumerate(corners):
        image = int(rois[r, 0])
        for i in range(output_size[0]):
            for j in range(output_size[1]):
                pixels = [
                    (y, x)
                    for y in span(i, output_size[0], y1, y2, features.shape[2])
                    for x in span(j, output_size[1], x1, x2, features.shape[3])
                ]
                for c in range(features.shape[1]) if pixels else ():
                    y, x = max(pixels, key=lambda place: values[image][c][place[0]][place[1]])
                    grad[image, c, y, x] += dout[r, c, i, j]
    return grad


_BACK = roi_max_pool_backward__bin_by_bin
_BEST = "best = features[int(image), :, top:bottom, left:right].flatten(1).argmax(dim=1)"
_ADDED = "dfeatures[int(image), channels, y, x] += dout[r, :, i, j]"
_PLACE = "y, x = top + best // (right - left), left + best % (right - left)"
slip(
    _BACK,
    "overwritten",
    "A pixel that is the maximum of several bins keeps one of their gradients; they must be added up.",
    (_ADDED, "dfeatures[int(image), channels, y, x] = dout[r, :, i, j]"),
)
slip(
    _BACK,
    "to_all",
    "Every pixel of a bin got the gradient; only one of them decided the result.",
    (_ADDED, "dfeatures[int(image), :, top:bottom, left:right] += dout[r, :, i, j, None, None]"),
)
slip(
    _BACK,
    "last_tied_maximum",
    "Where a bin has several maxima, the last one got the gradient.",
    (
        _BEST,
        "part = features[int(image), :, top:bottom, left:right].flatten(1)\n"
        "                    best = part.shape[1] - 1 - part.flip(1).argmax(dim=1)",
    ),
)
slip(
    _BACK,
    "every_tied_maximum",
    "Where a bin has several maxima, each of them got the gradient.",
    (
        _ADDED,
        "part = features[int(image), :, top:bottom, left:right]\n"
        "                    tied = part == part.amax(dim=(1, 2), keepdim=True)\n"
        "                    dfeatures[int(image), :, top:bottom, left:right] += tied * dout[r, :, i, j, None, None]",
    ),
)
slip(
    _BACK,
    "shared_by_tied_maxima",
    "Where a bin has several maxima, they shared the gradient: one of them gets all of it.",
    (
        _ADDED,
        "part = features[int(image), :, top:bottom, left:right]\n"
        "                    tied = (part == part.amax(dim=(1, 2), keepdim=True)).to(dout)\n"
        "                    tied = tied / tied.sum(dim=(1, 2), keepdim=True)\n"
        "                    dfeatures[int(image), :, top:bottom, left:right] += tied * dout[r, :, i, j, None, None]",
    ),
)
slip(
    _BACK,
    "without_upstream",
    "dout has no influence: this is the gradient for a dout of ones.",
    (_ADDED, "dfeatures[int(image), channels, y, x] += 1"),
)
slip(
    _BACK,
    "place_in_the_bin",
    "The gradient lies too far up and to the left: the place of the bin was not added to the place in it.",
    (_PLACE, "y, x = best // (right - left), best % (right - left)"),
)
slip(
    _BACK,
    "width_of_the_map",
    "The place of the maximum was read with the width of the map: it counts the pixels of its bin.",
    (_PLACE, "y, x = (top + best // width).clamp(max=height - 1), (left + best % width).clamp(max=width - 1)"),
)
slip(
    _BACK,
    "row_and_column_exchanged",
    "The row and the column of the maximum inside its bin are exchanged.",
    (
        _PLACE,
        "y, x = top + best % (right - left), left + best // (right - left)\n"
        "                    y, x = y.clamp(max=height - 1), x.clamp(max=width - 1)",
    ),
)
slip(
    _BACK,
    "first_image_only",
    "The gradients of all regions went into one image: the first number of a region says into which.",
    (_ADDED, "dfeatures[0, channels, y, x] += dout[r, :, i, j]"),
)
slip(
    _BACK,
    "first_channel_decides",
    "All channels sent their gradient to the same pixel: each has a maximum of its own.",
    ("y, x = top", "best = best[:1].expand(len(channels))\n                    y, x = top"),
)
slip(
    _BACK,
    "bins_exchanged",
    "The row and the column of the bins are exchanged.",
    (
        "    dfeatures = torch",
        "    dout = dout.transpose(2, 3).reshape(dout.shape)\n    dfeatures = torch",
    ),
)
slip(
    _BACK,
    "scale_ignored",
    "The argument spatial_scale is not used.",
    ("corner * spatial_scale + 0.5", "corner + 0.5"),
)
slip(
    _BACK,
    "halves_to_even",
    "A corner halfway between two pixels was rounded to the even one: it is rounded up.",
    (_ROUND, "round(corner * spatial_scale) for corner in corners"),
)
slip(
    _BACK,
    "multiplied_by_the_scale",
    "The gradient was multiplied by spatial_scale: it moves the corners and scales no value.",
    (_ADDED, "dfeatures[int(image), channels, y, x] += spatial_scale * dout[r, :, i, j]"),
)
slip(
    _BACK,
    "empty_bins_too",
    "The gradient of an empty bin went to the first pixel: no pixel decided the result.",
    (
        "                if top < bottom and left < right:\n",
        "                if top >= bottom or left >= right:\n"
        "                    dfeatures[int(image), :, 0, 0] += dout[r, :, i, j]\n                else:\n",
    ),
)
slip(
    _BACK,
    "empty_bins_last",
    "The gradient of an empty bin went to the last pixel: the index -1 is that of the last one.",
    (
        "                if top < bottom and left < right:\n",
        "                if top >= bottom or left >= right:\n"
        "                    dfeatures[int(image), :, -1, -1] += dout[r, :, i, j]\n                else:\n",
    ),
)
