"""Right programs earn everything on a GPU, whose sums and products are others; and a notebook keeps its settings."""

import contextlib
import warnings

import pytest
import torch
from exams import exam
from torch import nn

from autograder import expected, precision
from autograder.calls import kinds, run
from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.calls.signature import Signature
from autograder.devices import KERNELS, simulated_gpu, to_tf32
from autograder.judge import Exam
from autograder.precision import exact_float32
from autograder.problems import problems

ATEN = torch.ops.aten
SEED = 20300101


@pytest.fixture
def gpu():
    with simulated_gpu() as device:
        yield device


@pytest.fixture(autouse=True)
def settings_of_torch():
    """Leave torch's settings as they were."""
    with exact_float32():
        pass
    yield
    torch.set_float32_matmul_precision("highest")
    torch.backends.fp32_precision = torch.backends.cuda.matmul.fp32_precision = "none"
    torch.backends.mkldnn.matmul.fp32_precision = torch.backends.cudnn.fp32_precision = "none"
    torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark = True, False


def spoken():
    """All that torch says of its settings of float32, each as a value or as the exception that it raises."""
    backends = torch.backends
    said = []
    for ask in (
        torch.get_float32_matmul_precision,
        lambda: backends.cuda.matmul.allow_tf32,
        lambda: backends.cudnn.allow_tf32,
        *(lambda place=place: place.fp32_precision for place in PLACES),
        lambda: (backends.cudnn.deterministic, backends.cudnn.benchmark),
    ):
        try:
            said.append(ask())
        except RuntimeError as error:
            said.append(str(error)[:60])
    return said


PLACES = (
    torch.backends,
    torch.backends.cudnn,
    torch.backends.cuda.matmul,
    *(getattr(b, op) for b in (torch.backends.cudnn, torch.backends.mkldnn) for op in ("conv", "rnn")),
    torch.backends.mkldnn.matmul,
)

# What a notebook may say, in the words of either generation, or of both.
SAID = {
    "nothing": "pass",
    "high": "torch.set_float32_matmul_precision('high')",
    "medium": "torch.set_float32_matmul_precision('medium')",
    "products allowed": "torch.backends.cuda.matmul.allow_tf32 = True",
    "convolutions forbidden": "torch.backends.cudnn.allow_tf32 = False",
    "everything short": "torch.backends.fp32_precision = 'tf32'",
    "everything long": "torch.backends.fp32_precision = 'ieee'",
    "all of cuDNN short": "torch.backends.cudnn.fp32_precision = 'tf32'",
    "products short": "torch.backends.cuda.matmul.fp32_precision = 'tf32'",
    "convolutions long": "torch.backends.cudnn.conv.fp32_precision = 'ieee'",
    "products short on the CPU": "torch.backends.mkldnn.matmul.fp32_precision = 'bf16'",
    "one way, then the other": (
        "torch.set_float32_matmul_precision('high'); torch.backends.cuda.matmul.fp32_precision = 'ieee'"
    ),
    "convolutions and recurrent layers differ": (
        "torch.backends.cudnn.allow_tf32 = False; torch.backends.cudnn.rnn.fp32_precision = 'tf32'"
    ),
    "the fastest algorithm": "torch.backends.cudnn.benchmark = True",
}


@pytest.mark.parametrize("code", SAID.values(), ids=SAID)
def test_what_a_notebook_has_set_holds_again_after_a_call(code):
    exec(code)
    before = spoken()
    # What one setting leaves open, the next one says: it must still be open.
    open_before = after_saying("torch.backends.fp32_precision = 'tf32'")
    exec(code)
    with exact_float32():
        assert [place.fp32_precision for place in PLACES] == ["ieee"] * len(PLACES)
        assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == ("highest", False)
        assert (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark) == (True, False)
        torch.set_float32_matmul_precision("medium")
        torch.backends.cudnn.benchmark = True
    assert spoken() == before
    assert after_saying("torch.backends.fp32_precision = 'tf32'") == open_before


def after_saying(code):
    before = torch.backends.fp32_precision
    exec(code)
    said = spoken()
    torch.backends.fp32_precision = before
    return said


def test_torch_without_the_newer_settings_is_served_by_the_older(monkeypatch):
    monkeypatch.setattr("autograder.precision._places", list)
    torch.set_float32_matmul_precision("high")
    with exact_float32():
        assert torch.get_float32_matmul_precision() == "highest"
        assert not torch.backends.cudnn.allow_tf32
    assert torch.get_float32_matmul_precision() == "high"
    assert torch.backends.cudnn.allow_tf32


def test_what_torch_says_once_about_the_older_settings_is_said_to_nobody(monkeypatch, recwarn):
    said = []

    def once(precision):
        if not said:
            said.append(precision)
            warnings.warn("Please use the new API settings", stacklevel=2)

    monkeypatch.setattr(torch, "set_float32_matmul_precision", once)
    precision._hear_out.cache_clear()
    for _ in range(2):
        with exact_float32():
            pass
    assert said
    assert not recwarn.list


def test_a_setting_in_a_function_lasts_no_longer_than_its_call():
    def f(x):
        torch.set_float32_matmul_precision("medium")
        torch.backends.cudnn.benchmark = True
        return x

    before = spoken()
    case = Case("a case", "values", {"x": torch.ones(2)})
    outcome = run.run(Signature(name="f", call=function, returns=("y",)), case, {"f": f}, torch.device("cpu"))
    assert outcome.complaint is None
    assert spoken() == before


def test_tf32_keeps_ten_bits_and_rounds_to_the_nearest():
    x = torch.tensor([1 + 2**-10, 1 + 2**-11, 1 + 3 * 2**-11, 1 + 2**-12, -3.0, float("inf")])
    assert to_tf32(x).tolist() == [1 + 2**-10, 1.0, 1 + 2**-9, 1.0, -3.0, float("inf")]


def short(x, w):
    """The largest error of a product and of a convolution on the simulated GPU, as a multiple of float32's rounding."""
    errors = []
    for compute in (torch.mm, lambda x, w: nn.functional.conv2d(x[None, None], w[None, None, :3, :3])):
        right = compute(x.cpu().double(), w.cpu().double())
        errors.append(float((compute(x, w).cpu() - right).abs().max() / right.abs().max() / 2**-23))
    return errors


def test_the_simulated_gpu_shortens_what_a_gpu_shortens(gpu):
    generator = torch.Generator().manual_seed(SEED)
    x, w = (torch.randn(16, 16, generator=generator).to(gpu) for _ in range(2))
    product, convolution = short(x, w)
    assert product < 10
    assert convolution > 100
    torch.set_float32_matmul_precision("high")
    assert min(short(x, w)) > 100
    with exact_float32():
        assert max(short(x, w)) < 10


LAYERED = [problem for problem in problems().values() if problem.call in kinds.LAYERED]
# Functions that multiply matrices themselves.
MULTIPLIED = ("conv2d_forward_fast", "linear_backward")


def verdict_of_the_right_program(problem, device):
    """That of the first right program, on cases of float32, without those that are timed."""
    judged = Exam(problem, SEED, device, torch.float32)
    judged.cases = [case for case in judged.cases if not case.timed]
    return judged.grade_program(problem.alternatives[0])


@pytest.mark.parametrize("exact", [True, False])
def test_a_right_program_is_right_whatever_its_notebook_lets_a_gpu_shorten(gpu, exact, monkeypatch):
    """Without the settings of a call, what a GPU shortens costs points: the test would notice."""
    if not exact:
        monkeypatch.setattr(run, "exact_float32", contextlib.nullcontext)
    torch.set_float32_matmul_precision("high")
    lost = 0
    for problem in LAYERED + [p for name, p in problems().items() if name in MULTIPLIED]:
        verdict = verdict_of_the_right_program(problem, gpu)
        lost += verdict.score < verdict.maximum
        assert not exact or verdict.score == verdict.maximum, verdict
    assert exact or lost > 3


# Sums in another order, in halves, as a GPU's threads add them up.


def halved(op):
    """A product whose sum is made of two, over the numbers of even and of odd places."""

    def compute(*args):
        *bias, a, b = args
        return op(*bias, a[..., ::2], b[..., ::2, :]) + a[..., 1::2] @ b[..., 1::2, :]

    return compute


def turned(x, dims=None, keepdim=False, **kwargs):
    """A sum from the end to the beginning."""
    flipped = x.flip(list(range(x.dim())) if dims is None or not len(dims) else list(dims))
    return ATEN.sum.dim_IntList(flipped, dims, keepdim, **kwargs)


def winograd(x, w, bias, stride, padding, dilation, transposed, output_padding, groups):
    """A convolution of 3 x 3 by F(4 x 4, 3 x 3), as cuDNN's: few products, and an error several times as large."""
    plain = stride == dilation == [1, 1] and not transposed and groups == 1 and w.shape[2:] == (3, 3)
    if not plain or x.dtype != torch.float32:
        return ATEN.convolution.default(x, w, bias, stride, padding, dilation, transposed, output_padding, groups)
    rows, columns = (x.shape[2 + i] + 2 * padding[i] - 2 for i in (0, 1))
    more = [-size % 4 for size in (rows, columns)]
    x = nn.functional.pad(x, (padding[1], padding[1] + more[1], padding[0], padding[0] + more[0]))
    tiles = x.unfold(2, 6, 4).unfold(3, 6, 4)
    v = torch.einsum("ap,bq,ncijpq->ncijab", B, B, tiles)
    u = torch.einsum("ap,bq,kcpq->kcab", G, G, w)
    m = torch.einsum("kcab,ncijab->nkijab", u, v)
    y = torch.einsum("pa,qb,nkijab->nkipjq", A, A, m)
    out = y.reshape(*y.shape[:2], y.shape[2] * 4, y.shape[4] * 4)[:, :, :rows, :columns]
    return (out if bias is None else out + bias[:, None, None]).contiguous()


# The matrices of Lavin and Gray, https://arxiv.org/abs/1509.09308, section 4.3.
B = torch.tensor(
    [
        [4.0, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
G = torch.tensor(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1.0],
    ]
)
A = torch.tensor([[1.0, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])


@pytest.fixture
def another_gpu(gpu, monkeypatch):
    """A simulated GPU that convolves by Winograd's algorithm and adds up in another order."""
    for op in (ATEN.mm.default, ATEN.bmm.default, ATEN.addmm.default, ATEN.baddbmm.default):
        monkeypatch.setitem(KERNELS, op, halved(op))
    monkeypatch.setitem(KERNELS, ATEN.sum.dim_IntList, turned)
    monkeypatch.setitem(KERNELS, ATEN.sum.default, lambda x, **kwargs: ATEN.sum.default(x.flip(0), **kwargs))
    monkeypatch.setitem(KERNELS, ATEN.convolution.default, winograd)
    return gpu


def test_the_other_gpu_gives_the_same_numbers_otherwise(another_gpu):
    generator = torch.Generator().manual_seed(SEED)
    x, w, bias = (torch.randn(shape, generator=generator) for shape in ((2, 3, 9, 7), (4, 3, 3, 3), (4,)))
    for compute in (
        lambda x, w, b: nn.functional.conv2d(x, w, b, padding=1),
        lambda x, w, b: x.flatten(1) @ x.flatten(1).T,
        lambda x, w, b: x.sum(dim=(0, 2)),
    ):
        here, there = compute(x, w, bias), compute(*(t.to(another_gpu) for t in (x, w, bias))).cpu()
        torch.testing.assert_close(here, there, rtol=1e-4, atol=1e-4)
        assert not torch.equal(here, there)


@pytest.mark.parametrize("problem", LAYERED, ids=lambda problem: problem.name)
def test_where_torch_s_layers_are_allowed_their_error_on_the_device_counts(another_gpu, problem):
    verdict = verdict_of_the_right_program(problem, another_gpu)
    assert verdict.score == verdict.maximum, verdict


def test_the_tolerance_knows_what_the_device_s_own_convolution_is_wrong_by(another_gpu):
    problem = problems()["BasicBlock"]
    (case, *_) = exam(problem.name, SEED, torch.device("cpu")).cases
    here, there = (expected.expect(problem, case, device).tolerances for device in (torch.device("cpu"), another_gpu))
    assert all(t >= h for h, t in zip(here, there, strict=True))
    assert there != here
