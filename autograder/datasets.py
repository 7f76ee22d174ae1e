"""Data that ships with installed packages. Nothing downloads."""

from importlib.util import find_spec
from pathlib import Path

import numpy
import torch


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

    name: "cat" (chelsea.png, 300 by 451 pixels, by Stefan van der Walt) or "coffee" (coffee.png, 400 by 600 pixels, by
    Rachel Michetti). Both are in the wheel of scikit-image 0.26, and their photographers gave up all rights (CC0).
    Raises KeyError for another name.
    """
    file = {"cat": "chelsea.png", "coffee": "coffee.png"}[name]
    # scikit-image itself would take a second to import.
    from matplotlib.image import imread

    (package,) = find_spec("skimage").submodule_search_locations
    return torch.from_numpy(imread(Path(package, "data", file))[..., :3]).permute(2, 0, 1).contiguous()


def face_patches():
    """Return the patches of photographs that ship with scikit-image as (patches, is_face).

    patches (200, 1, 25, 25), float32: grey values in [0, 1]; is_face (200,), int64: 1 for the hundred that show a face.
    Source: Huang et al., Labeled Faces in the Wild, 2007.
    """
    (package,) = find_spec("skimage").submodule_search_locations
    patches = numpy.load(Path(package, "data", "lfw_subset.npy"))
    return torch.from_numpy(patches.astype(numpy.float32))[:, None], (torch.arange(len(patches)) < 100).long()
