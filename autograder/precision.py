"""float32 as IEEE defines it: what a GPU may shorten to save time is computed in full while a function is judged.

By default torch lets cuDNN round the factors of a convolution to the ten bits of TF32, and a notebook may allow more.
A right program would then be wrong by hundreds of its tolerances.
"""

import contextlib
import functools
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch

EXACT = "ieee"
_FIELD = "fp32_precision"


@contextlib.contextmanager
def exact_float32() -> Iterator[None]:
    """Compute in IEEE's float32 inside of the ``with`` block, by the same algorithms every time.

    It holds for matrix products, convolutions and recurrent layers, on a GPU and on the CPU. Afterwards everything is
    set as it was before, whatever was set in the block: torch has two generations of these settings, and a notebook
    may have used either or both.
    """
    _hear_out()
    cudnn = torch.backends.cudnn
    algorithms = cudnn.deterministic, cudnn.benchmark
    before = _settings()
    try:
        cudnn.deterministic, cudnn.benchmark = True, False
        _set("highest", False, [EXACT] * len(_places()))
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = algorithms
        _set(*before)


@functools.cache
def _hear_out() -> None:
    """Let some torches say, once and to nobody, that they prefer the newer settings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _set(*_settings())


@functools.cache
def _places() -> Sequence[Any]:
    """What has a setting of its own since torch 2.9; the general before the special that follow it."""
    backends = torch.backends
    if not hasattr(backends, _FIELD):
        return ()
    # mkldnn's own is left out: whoever sets it sets that of all.
    places = [
        backends,
        backends.cudnn,
        backends.cuda.matmul,
        *(getattr(where, op, None) for where in (backends.cudnn, backends.mkldnn) for op in ("matmul", "conv", "rnn")),
    ]
    return tuple(place for place in places if hasattr(place, _FIELD))


def _settings() -> tuple[str, bool, list[str]]:
    """torch's older settings, of matrix products and of cuDNN, and what each of the places says itself.

    What a place says is seen when the more general ones say nothing. An older setting cannot be read while a newer one
    contradicts it, so it is read beside values that agree.
    """
    # To be refused takes as long as all else, and while the places say what they say it is rarely refused.
    shortens = _shortens()
    own = []
    for place in _places():
        own.append(getattr(place, _FIELD))
        setattr(place, _FIELD, "none")
    products = "highest"
    for said, on_gpu, on_cpu in (("highest", EXACT, EXACT), ("high", "tf32", "tf32"), ("medium", "tf32", "bf16")):
        if own:
            torch.backends.cuda.matmul.fp32_precision, torch.backends.mkldnn.matmul.fp32_precision = on_gpu, on_cpu
        with contextlib.suppress(RuntimeError):
            products = torch.get_float32_matmul_precision()
            if products == said or not own:
                break
    if shortens is None:
        shortens = _shortens()
    # Where it contradicts the places even now that they say nothing, it is True.
    return products, shortens is not False, own


def _shortens() -> bool | None:
    """torch's older setting of cuDNN; None where a newer one contradicts it."""
    try:
        return torch.backends.cudnn.allow_tf32
    except RuntimeError:
        return None


def _set(products: str, shortens: bool, own: list[str]) -> None:
    # The older ones first: they change places too.
    torch.set_float32_matmul_precision(products)
    torch.backends.cudnn.allow_tf32 = shortens
    for place, precision in zip(_places(), own, strict=True):
        setattr(place, _FIELD, precision)
