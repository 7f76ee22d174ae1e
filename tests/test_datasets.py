import subprocess
import sys

import pytest
import torch
from sklearn.datasets import load_digits

from autograder.datasets import digits, face_patches, photograph, split_indices


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


@pytest.mark.parametrize(("name", "loader", "size"), [("cat", "chelsea", (300, 451)), ("coffee", "coffee", (400, 600))])
def test_a_photograph_is_that_of_scikit_image(name, loader, size):
    data = pytest.importorskip("skimage.data")
    image = photograph(name)
    assert image.dtype == torch.float32
    assert image.shape == (3, *size)
    assert torch.equal((image * 255).round().to(torch.uint8), torch.tensor(getattr(data, loader)()).permute(2, 0, 1))


def test_another_photograph_is_refused():
    with pytest.raises(KeyError):
        photograph("dog")


def test_the_patches_are_those_of_scikit_image_and_the_first_hundred_are_faces():
    data = pytest.importorskip("skimage.data")
    patches, is_face = face_patches()
    assert patches.dtype == torch.float32
    assert torch.equal(patches[:, 0], torch.tensor(data.lfw_subset(), dtype=torch.float32))
    assert is_face.tolist() == [1] * 100 + [0] * 100
