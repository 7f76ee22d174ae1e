"""`spatial_pyramid_pool`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import wide_normal
from autograder.problems.forbidden import POOL_TO_SIZE
from autograder.programs import slip
from autograder.references import detection as reference
from autograder.references import value_of


def _cases(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, shape, levels, below=False, **how):
        features = wide_normal(generator, *shape)
        # The first bins of a map: what is below 0 is never left to chance.
        features[0, 0, :3, :4] = -1 - features[0, 0, :3, :4].abs()
        return Case(name, criterion, {"features": -1 - features.abs() if below else features, "levels": levels}, **how)

    return [
        case("features (2, 3, 6, 9), levels 3, 2, 1", "values", (2, 3, 6, 9), [3, 2, 1]),
        case("features (3, 2, 7, 11), levels 1, 4", "values", (3, 2, 7, 11), [1, 4]),
        case("one level", "edge cases", (2, 3, 8, 5), [3]),
        case("level 1 alone", "edge cases", (2, 3, 4, 5), [1]),
        case("bins that share pixels", "edge cases", (2, 2, 5, 7), [3, 2]),
        case("a level as large as the map", "edge cases", (2, 2, 4, 4), [4, 2]),
        case("more bins than pixels", "edge cases", (2, 2, 3, 5), [4, 2]),
        case("all values below 0", "edge cases", (2, 2, 6, 7), [2, 3], below=True),
        case("one image, one channel", "edge cases", (1, 1, 5, 6), [2, 1]),
        case("float64", "contract", (2, 3, 6, 7), [3, 1], dtype=torch.float64),
        case("features with gaps in memory", "contract", (2, 3, 6, 7), [3, 1], layout="strided"),
    ]


PROBLEMS = (
    Problem(
        name="spatial_pyramid_pool",
        call=function,
        returns=("pooled",),
        cases=_cases,
        expected=value_of(reference.spatial_pyramid_pool),
        points={"values": 5, "edge cases": 2, "contract": 1},
        forbidden=POOL_TO_SIZE,
        modules=(__name__,),
    ),
)


def spatial_pyramid_pool__bin_by_bin(features, levels):
    n, c, h, w = features.shape
    parts = []
    for level in levels:
        pooled = torch.empty(n, c, level, level, dtype=features.dtype, device=features.device)
        for i in range(level):
            top, bottom = i * h // level, ((i + 1) * h + level - 1) // level
            for j in range(level):
                left, right = j * w // level, ((j + 1) * w + level - 1) // level
                pooled[:, :, i, j] = features[:, :, top:bottom, left:right].amax(dim=(2, 3))
        parts.append(pooled.reshape(n, -1))
    return torch.cat(parts, dim=1)


def spatial_pyramid_pool__rows_then_columns(features, levels):
    import math

    def pool(x, level):
        size = x.shape[-1]
        bins = [(math.floor(k * size / level), math.ceil((k + 1) * size / level)) for k in range(level)]
        return torch.stack([x[..., begin:end].max(dim=-1).values for begin, end in bins], dim=-1)

    found = [pool(pool(features, level).mT, level).mT.flatten(1) for level in levels]
    return torch.hstack(found)


def spatial_pyramid_pool__masked(features, levels):
    h, w = features.shape[2:]
    out = []
    for level in levels:
        bins = torch.arange(level, device=features.device)[:, None]
        y, x = torch.arange(h, device=features.device), torch.arange(w, device=features.device)
        rows = (y >= bins * h // level) & (y * level < (bins + 1) * h)
        columns = (x >= bins * w // level) & (x * level < (bins + 1) * w)
        inside = rows[:, None, :, None] & columns[None, :, None, :]
        maps = features[:, :, None, None].masked_fill(~inside, -torch.inf)
        out.append(maps.amax((4, 5)).flatten(1))
    return torch.cat(out, 1)


_BINS = spatial_pyramid_pool__bin_by_bin
_ROWS = "top, bottom = i * h // level, ((i + 1) * h + level - 1) // level"
_COLUMNS = "left, right = j * w // level, ((j + 1) * w + level - 1) // level"
slip(
    _BINS,
    "bins_first",
    "The numbers are in another order: a level has all bins of the first channel, then those of the second.",
    ("pooled.reshape(n, -1)", "pooled.permute(0, 2, 3, 1).reshape(n, -1)"),
)
slip(
    _BINS,
    "channels_first",
    "The numbers are in another order: all channels of the first level come before the second level.",
    ("pooled.reshape(n, -1)", "pooled.flatten(2)"),
    ("torch.cat(parts, dim=1)", "torch.cat(parts, dim=2).flatten(1)"),
)
slip(
    _BINS,
    "columns_first",
    "The bins are in another order: row after row.",
    ("pooled[:, :, i, j]", "pooled[:, :, j, i]"),
)
slip(
    _BINS,
    "levels_turned",
    "The levels are in another order: they come as they are given.",
    ("torch.cat(parts, dim=1)", "torch.cat(parts[::-1], dim=1)"),
)
slip(
    _BINS,
    "levels_sorted",
    "The levels were sorted: they come as they are given.",
    ("in levels", "in sorted(levels)"),
)
slip(
    _BINS,
    "mean",
    "This is the mean of each bin.",
    (".amax(", ".mean("),
)
slip(
    _BINS,
    "rounded_down",
    "Some pixels are missing in their bins: the end of a bin is rounded up.",
    (_ROWS, "top, bottom = i * h // level, max((i + 1) * h // level, i * h // level + 1)"),
    (_COLUMNS, "left, right = j * w // level, max((j + 1) * w // level, j * w // level + 1)"),
)
slip(
    _BINS,
    "rounded_up",
    "Some pixels are missing in their bins: the begin of a bin is rounded down.",
    (_ROWS, "top, bottom = min((i * h + level - 1) // level, h - 1), ((i + 1) * h + level - 1) // level"),
    (_COLUMNS, "left, right = min((j * w + level - 1) // level, w - 1), ((j + 1) * w + level - 1) // level"),
)
slip(
    _BINS,
    "same_window_and_stride",
    "The bins do not reach the last row or column: a bin begins at a share of the size, not after so many equal steps.",
    (_ROWS, "top, bottom = min(i * max(h // level, 1), h - 1), min(i * max(h // level, 1), h - 1) + -(-h // level)"),
    (_COLUMNS, "left, right = min(j * max(w // level, 1), w - 1), min(j * max(w // level, 1), w - 1) + -(-w // level)"),
)
slip(
    _BINS,
    "equal_bins",
    "The last rows and columns are in no bin: all bins together cover the map.",
    (_ROWS, "step = max(h // level, 1)\n            top, bottom = min(i * step, h - 1), min(i * step, h - 1) + step"),
    (
        _COLUMNS,
        "step = max(w // level, 1)\n                left, right = min(j * step, w - 1), min(j * step, w - 1) + step",
    ),
)
slip(
    _BINS,
    "level_as_window",
    "A level says how many bins there are, not how large they are.",
    (_ROWS, "top, bottom = min(i * level, h - 1), min(i * level, h - 1) + level"),
    (_COLUMNS, "left, right = min(j * level, w - 1), min(j * level, w - 1) + level"),
)
slip(
    _BINS,
    "width_from_height",
    "The bins of the columns were made from the height.",
    (_COLUMNS, "left, right = min(j * h // level, w - 1), ((j + 1) * h + level - 1) // level"),
)
slip(
    _BINS,
    "started_at_zero",
    "No result is below 0: the search for the maximum started at 0.",
    (".amax(dim=(2, 3))", ".amax(dim=(2, 3)).clamp(min=0)"),
)
slip(
    _BINS,
    "last_level_only",
    "Only one level is there: all of them are put together.",
    ("torch.cat(parts, dim=1)", "parts[-1]"),
)
slip(
    _BINS,
    "single_precision",
    "The result is float32 whatever the dtype of the features is.",
    ("dtype=features.dtype, ", ""),
)
