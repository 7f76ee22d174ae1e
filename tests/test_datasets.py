import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits

from autograder.datasets import digits, face_patches, photograph, scenes, split_indices


def test_digits_have_the_promised_shapes_types_and_range():
    images, labels = digits()
    assert images.shape == (1797, 1, 8, 8)
    assert images.dtype == torch.float32
    assert images.min() == 0
    assert images.max() == 1
    assert labels.shape == (1797,)
    assert labels.dtype == torch.int64
    assert labels.unique().tolist() == list(range(10))


def test_digits_are_the_images_of_scikit_learn_in_its_order():
    images, labels = digits()
    assert labels[:10].tolist() == list(range(10))
    # The first row of the first digit, in scikit-learn's sixteenths.
    assert (images[0, 0, 0] * 16).tolist() == [0, 0, 5, 13, 9, 1, 0, 0]


def test_digits_returns_fresh_tensors():
    images, _ = digits()
    images.zero_()
    assert digits()[0].max() == 1


def test_digits_have_ink_where_the_strokes_are():
    images, labels = digits()
    zeros, ones = images[labels == 0].mean(0), images[labels == 1].mean(0)
    assert ones[0, 3:5, 3:5].mean() > 2 * zeros[0, 3:5, 3:5].mean()


@pytest.mark.parametrize(("count", "test_count"), [(1797, 500), (10, 1), (10, 9), (2, 1)])
def test_a_split_holds_every_index_once(count, test_count):
    train, test = split_indices(count, test_count)
    assert len(test) == test_count
    assert torch.cat([train, test]).sort().values.tolist() == list(range(count))


def test_a_split_is_shuffled_and_follows_its_seed():
    first, again, other = (split_indices(1797, 500, seed)[1] for seed in (3, 3, 4))
    assert first.equal(again)
    assert not first.equal(other)
    assert not first.equal(first.sort().values)


def test_a_split_leaves_the_global_random_state_alone():
    before = torch.random.get_rng_state()
    split_indices(100, 10)
    assert torch.random.get_rng_state().equal(before)


@pytest.mark.parametrize("test_count", [0, -1, 10, 11])
def test_a_split_with_an_empty_part_is_refused(test_count):
    with pytest.raises(ValueError, match=f"test_count is {test_count}, expected a number from 1 to 9"):
        split_indices(10, test_count)


def test_digits_are_read_as_scikit_learn_reads_them():
    images, labels = digits()
    data = load_digits()
    assert torch.equal(images * 16, torch.tensor(data.images, dtype=torch.float32).unsqueeze(1))
    assert torch.equal(labels, torch.tensor(data.target))


def test_digits_are_read_without_importing_scikit_learn():
    code = "import sys; import autograder.datasets as d; d.digits(); sys.exit('sklearn' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("name", "loader", "size"),
    [("cat", "chelsea", (300, 451)), ("coffee", "coffee", (400, 600)), ("astronaut", "astronaut", (512, 512))],
)
def test_a_photograph_is_that_of_scikit_image(name, loader, size):
    data = pytest.importorskip("skimage.data")
    image = photograph(name)
    assert image.dtype == torch.float32
    assert image.shape == (3, *size)
    assert torch.equal((image * 255).round().to(torch.uint8), torch.tensor(getattr(data, loader)()).permute(2, 0, 1))


def test_another_photograph_is_refused():
    with pytest.raises(KeyError):
        photograph("dog")


def made(seed=0, count=40, **options):
    return scenes(count, torch.Generator().manual_seed(seed), **options)


def test_scenes_have_the_promised_shapes_types_and_range():
    found = made(size=40, most=4, sides=(10, 20))
    assert found.images.shape == (40, 1, 40, 40)
    assert found.images.dtype == torch.float32
    assert found.images.min() >= 0
    assert found.images.max() <= 1
    assert found.targets.shape == (40, 40, 40)
    assert found.targets.dtype == torch.int64
    for boxes, labels, masks in zip(found.boxes, found.labels, found.masks, strict=True):
        assert 1 <= len(labels) <= 4
        assert boxes.shape == (len(labels), 4)
        assert boxes.dtype == torch.float32
        assert labels.dtype == torch.int64
        assert masks.shape == (len(labels), 40, 40)
        assert masks.dtype == torch.bool
    assert {len(labels) for labels in found.labels} == {1, 2, 3, 4}
    assert torch.cat(found.labels).unique().tolist() == list(range(10))


def test_targets_masks_and_labels_of_scenes_agree():
    found = made()
    for target, labels, masks in zip(found.targets, found.labels, found.masks, strict=True):
        assert masks.sum(0).max() == 1
        assert target.equal(((1 + labels)[:, None, None] * masks).sum(0))


def test_a_box_of_a_scene_ends_where_the_ink_ends():
    found = made(most=1)
    for (box,), (mask,) in zip(found.boxes, found.masks, strict=True):
        x1, y1, x2, y2 = box.int().tolist()
        assert mask[y1:y2, x1:x2].sum() == mask.sum()
        assert all(edge.any() for edge in (mask[y1], mask[y2 - 1], mask[:, x1], mask[:, x2 - 1]))


def seen_shares(found, side):
    """For each zero of scenes of zeros, all of one side, the share of it that is seen."""
    images, labels = digits()
    whole = F.interpolate(images[labels == 0], (side, side), mode="bilinear")[:, 0] > 0.5
    edges = [(mask.any(0).nonzero()[0].item(), mask.any(1).nonzero()[0].item()) for mask in whole]
    for boxes, masks in zip(found.boxes, found.masks, strict=True):
        for (x1, y1, _, _), mask in zip(boxes.int().tolist(), masks, strict=True):
            shares = []
            for digit, (left, top) in zip(whole, edges, strict=True):
                there = torch.zeros_like(mask)
                x, y = x1 - left, y1 - top
                if min(x, y) >= 0 and max(x, y) + side <= len(mask):
                    there[y : y + side, x : x + side] = digit
                    if not (mask & ~there).any():
                        shares.append((mask.sum() / there.sum()).item())
            yield max(shares)


@pytest.mark.parametrize("hidden", [0.0, 0.2, 1.0])
def test_no_digit_of_a_scene_is_hidden_too_much(hidden):
    crowd = made(hidden=hidden, most=6, size=30, sides=(14, 14), count=15, kinds=(0,))
    least = min(seen_shares(crowd, 14))
    assert least >= 1 - hidden - 1e-6
    assert hidden == 0 or least < 1
    assert hidden < 1 or least < 0.8


def test_ink_is_brighter_than_the_ground_but_the_ground_is_a_picture():
    found = made()
    ink = found.targets > 0
    assert found.images[:, 0][ink].mean() > found.images[:, 0][~ink].mean() + 0.2
    assert found.images[:, 0][~ink].std() > 0.1


def test_scenes_follow_their_generator_and_leave_the_global_random_state_alone():
    before = torch.random.get_rng_state()
    first, again, other = made(3), made(3), made(4)
    assert torch.random.get_rng_state().equal(before)
    assert first.images.equal(again.images)
    assert first.targets.equal(again.targets)
    assert all(a.equal(b) for a, b in zip(first.boxes, again.boxes, strict=True))
    assert not first.images.equal(other.images)


def test_the_sides_of_digits_are_kept():
    tall = torch.cat([boxes[:, 3] - boxes[:, 1] for boxes in made(sides=(20, 20), most=1).boxes])
    assert tall.min() > 14
    assert tall.max() <= 20


def test_kinds_choose_the_digits_and_name_them_in_order():
    found = made(kinds=(7, 1), most=1, count=200)
    assert torch.cat(found.labels).unique().tolist() == [0, 1]
    assert found.targets.unique().tolist() == [0, 1, 2]
    mean = [
        torch.stack([box[2] - box[0] for (box,), label in zip(found.boxes, found.labels, strict=True) if label == kind])
        for kind in (0, 1)
    ]
    assert mean[0].mean() > mean[1].mean(), "a seven is wider than a one"


def test_scenes_to_test_with_are_other_scenes():
    assert not made(part="train").images.equal(made(part="test").images)


def test_scenes_to_test_with_share_no_pixel_of_a_photograph():
    from autograder.datasets import _grounds

    for learn, test in zip(_grounds("train"), _grounds("test"), strict=True):
        assert learn.shape[2] + test.shape[2] == 427
        assert learn.shape[3] == test.shape[3] == 640


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"part": "rest"}, 'part is \'rest\', expected "train" or "test"'),
        (
            {"size": 24, "sides": (14, 26)},
            "sides are 14 to 26, expected 8 or more and at most the size of the scene, 24",
        ),
        ({"sides": (4, 8)}, "sides are 4 to 8"),
        ({"sides": (20, 10)}, "sides are 20 to 10"),
    ],
)
def test_scenes_that_cannot_be_composed_are_refused(options, said):
    with pytest.raises(ValueError, match=said):
        made(**options)


def test_scenes_are_composed_without_importing_scikit_learn():
    code = "import sys, torch; import autograder.datasets as d; d.scenes(2, torch.Generator()); "
    subprocess.run([sys.executable, "-c", code + "sys.exit('sklearn' in sys.modules)"], check=True)


def test_the_patches_are_those_of_scikit_image_and_the_first_hundred_are_faces():
    data = pytest.importorskip("skimage.data")
    patches, is_face = face_patches()
    assert patches.dtype == torch.float32
    assert torch.equal(patches[:, 0], torch.tensor(data.lfw_subset(), dtype=torch.float32))
    assert is_face.tolist() == [1] * 100 + [0] * 100
