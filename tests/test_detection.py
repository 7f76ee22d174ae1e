"""The references of `detection` are what torchvision computes, wherever it has the operation.

torchvision is no part of the course. Its compiled operations can often not be loaded, such as beside the CPU build of
torch. So what they answer is recorded: recorded_torchvision.json has the digest of each answer. Where they can be
loaded they are compared with the record, and `RECORD=1 python -m pytest -n0 tests/test_detection.py` writes it anew.
"""

import hashlib
import importlib
import json
import os
from pathlib import Path

import pytest
import torch

from autograder.references import detection as reference


@pytest.fixture(scope="module")
def ops(torchvision):
    return importlib.import_module("torchvision.ops")


RECORD = Path(__file__).with_name("recorded_torchvision.json")


def digest(tensors):
    """Sixteen hexadecimal digits for the numbers and the shapes of tensors."""
    content = hashlib.sha256()
    for tensor in tensors:
        # Adding 0 makes one number of 0 and -0.
        content.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode() + (tensor + 0).numpy().tobytes())
    return content.hexdigest()[:16]


@pytest.fixture
def same_as_recorded(ops, request):
    """Compares answers with what torchvision's compiled operation answers, from its record or itself.

    `same(theirs, ours, run)`: the name of the compiled operation, the reference, and what calls either of them and
    gives tensors.
    """

    def same(theirs, ours, run):
        key = request.node.name
        # Its own sign that they are there: conftest.py declares nms where they are not.
        if hasattr(torch.ops.torchvision, "roi_pool"):
            found = digest(run(getattr(ops, theirs)))
            if os.environ.get("RECORD"):
                record = json.loads(RECORD.read_text()) | {key: found}
                RECORD.write_text(json.dumps(dict(sorted(record.items())), indent=1) + "\n")
            assert found == json.loads(RECORD.read_text())[key], "the record is not what this torchvision answers"
        assert digest(run(ours)) == json.loads(RECORD.read_text())[key]

    return same


@pytest.fixture(scope="module")
def coder(torchvision):
    """Its coder of boxes, without weights."""
    return importlib.import_module("torchvision.models.detection._utils").BoxCoder((1.0, 1.0, 1.0, 1.0))


def boxes(n, seed, step=None):
    """n boxes of many sizes; with a `step` on a coarse grid, so that they touch, are equal, and have no area."""
    generator = torch.Generator().manual_seed(seed)
    corners = 20 * torch.rand(n, 2, generator=generator, dtype=torch.float64) - 5
    sizes = 12 * torch.rand(n, 2, generator=generator, dtype=torch.float64)
    found = torch.cat([corners, corners + sizes], dim=1)
    return found if step is None else (found / step).round() * step


STEPS = [None, 0.5, 4.0]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("sizes", [(30, 20), (1, 7), (0, 3), (4, 0)])
def test_box_iou(ops, sizes, step):
    a, b = boxes(sizes[0], 0, step), boxes(sizes[1], 1, step)
    theirs = ops.box_iou(a, b)
    # Theirs is not a number where a union is empty; that is not promised to anybody.
    empty = theirs.isnan()
    torch.testing.assert_close(reference.box_iou(a, b), theirs.masked_fill(empty, 0.0))
    assert (reference.box_iou(a, b)[empty] == 0).all()


@pytest.mark.parametrize("iou_threshold", [0.0, 0.3, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("levels", [1, 4, 1000])
def test_nms(same_as_recorded, levels, step, iou_threshold):
    """Also where scores are equal: the lower index comes first in both."""

    def run(nms):
        generator = torch.Generator().manual_seed(2)
        for seed in range(10):
            some = boxes(40, seed, step)
            some = some[((some[:, 2:] - some[:, :2]) > 0).all(dim=1)]
            scores = torch.randint(levels, (len(some),), generator=generator) / levels
            yield nms(some, scores.double(), iou_threshold)

    same_as_recorded("nms", reference.nms, run)


def test_nms_without_boxes():
    kept = reference.nms(torch.empty(0, 4), torch.empty(0), 0.5)
    assert kept.shape == (0,)
    assert kept.dtype == torch.int64


def test_encode_boxes(coder):
    anchors, targets = boxes(30, 0), boxes(30, 1)
    (theirs,) = coder.encode([targets], [anchors])
    torch.testing.assert_close(reference.encode_boxes(anchors, targets), theirs)


def test_decode_boxes(coder):
    """Theirs cuts off factors above 62.5: these are smaller."""
    anchors = boxes(30, 0)
    deltas = torch.randn(30, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    torch.testing.assert_close(reference.decode_boxes(anchors, deltas), coder.decode(deltas, [anchors])[:, 0])


def test_decoding_undoes_encoding():
    anchors, targets = boxes(30, 0), boxes(30, 1)
    torch.testing.assert_close(
        reference.decode_boxes(anchors, reference.encode_boxes(anchors, targets)), targets, atol=1e-10, rtol=0
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("spatial_scale", [1.0, 0.5, 0.25, 1 / 16])
@pytest.mark.parametrize("output_size", [(1, 1), (2, 3), (7, 7), (3, 8)])
def test_roi_max_pool(same_as_recorded, output_size, spatial_scale, dtype):
    """Value and gradient; corners halfway between two pixels, regions outside, turned round, and with ties."""
    generator = torch.Generator().manual_seed(4)
    # Multiples of 1/64, and whole numbers on the way back: every sum is exact, in any order.
    features = (torch.randint(-192, 193, (2, 3, 9, 12), generator=generator) / 64).to(dtype)
    features[1] = features[1].round()
    # In quarters of a pixel of the map, below 0 without halves: there a half may be rounded in two ways.
    corners = torch.randint(-12, 56, (40, 4), generator=generator).to(dtype) / 4
    corners = corners.where((corners > 0) | (corners % 1 != 0.5), corners + 0.25) / spatial_scale
    rois = torch.cat([torch.randint(2, (40, 1), generator=generator).to(dtype), corners], dim=1)

    def run(pool):
        leaf = features.clone().requires_grad_()
        out = pool(leaf, rois, output_size, spatial_scale)
        dout = torch.randint(-9, 10, out.shape, generator=torch.Generator().manual_seed(5)).to(dtype)
        return out.detach(), *torch.autograd.grad((out * dout).sum(), leaf)

    same_as_recorded("roi_pool", reference.roi_max_pool, run)


def test_a_half_is_rounded_up():
    """Where it is not below 0, as C++ rounds it, and not to the even number."""
    assert [reference._nearest(number) for number in (0.5, 1.5, 2.5, 2.4999, -0.4999)] == [1, 2, 3, 2, 0]


def test_anchors_have_the_area_of_their_scale():
    scales, ratios = torch.tensor([16.0, 64.0]), torch.tensor([0.25, 1.0, 3.0])
    anchors = reference.generate_anchors(scales, ratios)
    width, height = (anchors[:, 2:] - anchors[:, :2]).unbind(1)
    torch.testing.assert_close(width * height, scales.repeat_interleave(3) ** 2)
    torch.testing.assert_close(height / width, ratios.repeat(2))
    assert (anchors[:, :2] == -anchors[:, 2:]).all()


def test_anchors_are_torchvision_s_before_it_rounds_them(ops):
    utils = importlib.import_module("torchvision.models.detection.anchor_utils")
    sizes, ratios = (16.0, 100.0), (0.5, 1.0, 2.0)
    (theirs,) = utils.AnchorGenerator((sizes,), (ratios,)).cell_anchors
    ours = reference.generate_anchors(torch.tensor(sizes), torch.tensor(ratios)).reshape(2, 3, 4).transpose(0, 1)
    # Theirs has the ratios outside.
    assert torch.equal(ours.reshape(-1, 4).round(), theirs)


def test_average_precision_by_hand():
    """The example of the exercise, and that of a curve that must be made monotone."""

    def ap(hits, n_truth):
        scores = torch.arange(len(hits), 0, -1, dtype=torch.float64)
        return reference.average_precision(scores, torch.tensor(hits), n_truth).item()

    assert ap([True, False, True, False], 3) == pytest.approx(1 / 3 + 1 / 3 * 2 / 3)
    assert ap([False, True, True], 2) == pytest.approx(2 / 3)


def test_the_labels_of_an_example_by_hand():
    iou = torch.tensor([[0.8, 0.1], [0.5, 0.4], [0.6, 0.2], [0.1, 0.2]])
    labels, matches = reference.assign_anchors(iou, 0.3, 0.7)
    assert labels.tolist() == [1, 1, -1, 0]
    assert matches.tolist() == [0, 1, 0, 1]


def test_yolo_by_hand():
    output = torch.zeros(1, 2, 2, 7)
    output[0, 0, 1] = torch.tensor([0.5, 0.5, 0.4, 0.2, 0.9, 0.3, 0.7])
    corners, scores = reference.yolo_decode(output, 1, 2, 2)
    torch.testing.assert_close(corners[0, 1], torch.tensor([0.55, 0.15, 0.95, 0.35]))
    torch.testing.assert_close(scores[0, 1], torch.tensor([0.27, 0.63]))
