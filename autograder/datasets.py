"""Data that ships with installed packages. Nothing downloads."""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F
from torch import Tensor


def digits():
    """Return the handwritten digits that ship with scikit-learn as (images, labels).

    images (1797, 1, 8, 8), float32: grey values in [0, 1], 0 is paper and 1 is ink;
    labels (1797,), int64: 0 to 9.
    Source: Alpaydin & Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository,
    1998 (its test part: 13 writers, the ink counted in blocks of 4 by 4 pixels, hence 17 grey levels).
    """
    # Not by importing scikit-learn: that takes ten times as long as the rest.
    (package,) = find_spec("sklearn").submodule_search_locations
    numbers = numpy.loadtxt(Path(package, "datasets", "data", "digits.csv.gz"), dtype=numpy.float32, delimiter=",")
    images = torch.from_numpy(numbers[:, :-1]).reshape(-1, 1, 8, 8) / 16
    return images, torch.from_numpy(numbers[:, -1]).long()


def split_indices(count, test_count, seed=0):
    """Return (train, test): int64 indices that together hold each of 0 .. count - 1 once.

    The same three numbers always give the same split, and the global random state is left alone. The split
    is random over images, so one writer's digits are on both sides. Raises ValueError unless
    0 < test_count < count.
    """
    if not 0 < test_count < count:
        raise ValueError(
            f"test_count is {test_count}, expected a number from 1 to {count - 1}: "
            "choose it so that both parts hold at least one sample."
        )
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return order[test_count:], order[:test_count]


def photograph(name):
    """Return a photograph that ships with scikit-image as (3, H, W), float32, values in [0, 1].

    name: "cat" (chelsea.png, 300 by 451 pixels, by Stefan van der Walt), "coffee" (coffee.png, 400 by 600 pixels, by
    Rachel Michetti) or "astronaut" (astronaut.png, 512 by 512 pixels, Eileen Collins, by NASA). All are in the wheel of
    scikit-image 0.26. The first two photographers gave up all rights (CC0), the third is in the public domain.
    Raises KeyError for another name.
    """
    file = {"cat": "chelsea.png", "coffee": "coffee.png", "astronaut": "astronaut.png"}[name]
    # scikit-image itself would take a second to import.
    from matplotlib.image import imread

    (package,) = find_spec("skimage").submodule_search_locations
    return torch.from_numpy(imread(Path(package, "data", file))[..., :3]).permute(2, 0, 1).contiguous()


@dataclass(frozen=True)
class Scenes:
    """Pictures of several handwritten digits on pieces of photographs, and what is to be found in them.

    images   (N, 1, size, size), float32: grey values in [0, 1]
    targets  (N, size, size), int64: the class of each pixel, 0 where no digit's ink is, else 1 + the digit's label
    boxes    for each image (n, 4), float32: x1, y1, x2, y2 in pixels, the borders of a digit's ink; x1 and y1 are where
             its first column and row begin, x2 and y2 where its last ones end. What another digit hides counts
    labels   for each image (n,), int64: the place of the digit in the `kinds` of `scenes`
    masks    for each image (n, size, size), bool: the pixels of a digit's ink that are seen; no two overlap
    """

    images: Tensor
    targets: Tensor
    boxes: list[Tensor]
    labels: list[Tensor]
    masks: list[Tensor]


def scenes(count, generator, part="train", size=48, most=3, sides=(14, 26), kinds=tuple(range(10)), hidden=0.2):
    """Compose `count` scenes of 1 to `most` digits; returns Scenes.

    The digits are those of `digits`, enlarged to `sides[0]` to `sides[1]` pixels, both included. Their ink has a
    brightness of 0.75 to 1. The ground is a piece of one of scikit-learn's two photographs, in grey and darkened to at
    most 0.7. A digit may lie over those that were there before, but at most the share `hidden` of any digit's ink is
    hidden. A digit that finds no place in 20 tries is left out; the first one always finds one.

    `generator` is a torch.Generator and draws everything; the global random state is left alone.
    part: "train" or "test". The two share neither a digit nor a pixel of a photograph: 500 of the digits and the lower
    three eighths of each photograph are kept for "test". kinds: the digits to take, in the order of their labels.
    Raises ValueError for another part, and for sides that do not fit into the scene.
    Sources: `digits`; china.jpg and flower.jpg as scikit-learn carries them (CC BY 2.0, from flickr.com: china by
    danielbuechele, flower by vultilion).
    """
    if part not in ("train", "test"):
        raise ValueError(f'part is {part!r}, expected "train" or "test".')
    low, high = sides
    if not 8 <= low <= high <= size:
        raise ValueError(f"sides are {low} to {high}, expected 8 or more and at most the size of the scene, {size}.")
    images, labels = digits()
    ours = split_indices(len(images), 500)[part == "test"]
    found = [ours[labels[ours] == kind] for kind in kinds]

    def drawn(first, last):
        return int(torch.randint(first, last + 1, (), generator=generator))

    def drawn_ink():
        """A digit of some kind, size and place: (label, ink (size, size) in [0, 1])."""
        label, side = drawn(0, len(kinds) - 1), drawn(low, high)
        top, left = drawn(0, size - side), drawn(0, size - side)
        digit = images[found[label][drawn(0, len(found[label]) - 1)]]
        ink = torch.zeros(size, size)
        ink[top : top + side, left : left + side] = F.interpolate(digit[None], (side, side), mode="bilinear")[0, 0]
        return label, ink

    parts = {name: [] for name in ("images", "targets", "boxes", "labels", "masks")}
    for _ in range(count):
        picture = 0.7 * _ground(part, size, drawn)
        whole, seen, names = [], [], []
        for _ in range(drawn(1, most)):
            for _ in range(20):
                label, ink = drawn_ink()
                mask = ink > 0.5
                left_over = [old & ~mask for old in seen]
                if all(o.sum() >= (1 - hidden) * w.sum() for o, w in zip(left_over, whole, strict=True)):
                    break
            else:
                continue
            bright = 0.75 + 0.25 * torch.rand((), generator=generator)
            picture = picture * (1 - ink) + bright * ink
            whole, seen, names = [*whole, mask], [*left_over, mask], [*names, label]
        target = torch.zeros(size, size, dtype=torch.int64)
        for label, mask in zip(names, seen, strict=True):
            target[mask] = 1 + label
        rows = {
            "images": picture[None],
            "targets": target,
            "boxes": torch.stack([_box(mask) for mask in whole]),
            "labels": torch.tensor(names),
            "masks": torch.stack(seen),
        }
        for name, value in rows.items():
            parts[name].append(value)
    return Scenes(torch.stack(parts.pop("images")), torch.stack(parts.pop("targets")), **parts)


@cache
def _grounds(part):
    """The part of both photographs, in grey, each (1, 1, H, W)."""
    # scikit-learn's own loader would import it.
    from matplotlib.image import imread

    (package,) = find_spec("sklearn").submodule_search_locations
    pieces = []
    for name in ("china", "flower"):
        grey = torch.tensor(imread(Path(package, "datasets", "images", f"{name}.jpg"))).float().mean(2) / 255
        border = len(grey) * 5 // 8
        pieces.append((grey[:border] if part == "train" else grey[border:])[None, None])
    return pieces


def _ground(part, size, drawn):
    """A square piece of a photograph, one to three times as large as a scene, made as small as one: (size, size)."""
    photo = _grounds(part)[drawn(0, 1)]
    height, width = photo.shape[2:]
    side = drawn(min(size, height, width), min(3 * size, height, width))
    top, left = drawn(0, height - side), drawn(0, width - side)
    piece = photo[:, :, top : top + side, left : left + side]
    return F.interpolate(piece, (size, size), mode="bilinear", antialias=True)[0, 0]


def _box(mask):
    """The borders x1, y1, x2, y2 of what is True in a mask."""
    rows, columns = (mask.any(axis).nonzero()[:, 0] for axis in (1, 0))
    return torch.stack([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]).float()


def face_patches():
    """Return the patches of photographs that ship with scikit-image as (patches, is_face).

    patches (200, 1, 25, 25), float32: grey values in [0, 1]; is_face (200,), int64: 1 for the hundred that show a face.
    Source: Huang et al., Labeled Faces in the Wild, 2007.
    """
    (package,) = find_spec("skimage").submodule_search_locations
    patches = numpy.load(Path(package, "data", "lfw_subset.npy"))
    return torch.from_numpy(patches.astype(numpy.float32))[:, None], (torch.arange(len(patches)) < 100).long()
