"""The GPUs of a machine: which a grader may use, how much memory they have, and which one a worker takes.

The driver's library NVML is asked, not CUDA: a process that has asked CUDA has children that cannot use it.
"""

import contextlib
import functools
import itertools
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from autograder.sandbox import bubblewrap

# What an instructor can always do.
INSTEAD = "or set c.Grading.gpu = False in nbgrader_config.py, to grade on the CPU"
CPU_BUILD = "the installed torch is its build for CPUs"

VISIBLE = "CUDA_VISIBLE_DEVICES"
_GIBI = 2**30


class GpuError(Exception):
    """The GPUs cannot be counted; the message is a sentence without its end."""


@dataclass(frozen=True)
class Gpu:
    """A card, or a part of one that MIG has made: its name in CUDA_VISIBLE_DEVICES, and its memory in GiB."""

    name: str
    memory: float


def is_there() -> bool:
    """Whether the machine has an NVIDIA GPU, by its driver's device, and nobody has hidden it."""
    return (bubblewrap.DEVICES / "nvidiactl").exists() and _asked(os.environ) != ()


def is_left_out() -> str | None:
    """Why a GPU that is there is not used unless it is asked for, as a sentence; None if it is used."""
    if torch_is_built_for_them():
        return None
    return (
        f"This machine has a GPU, and {CPU_BUILD}: grading on the CPU. For the GPU install torch's build for CUDA; "
        "c.Grading.gpu = False leaves this sentence out."
    )


def torch_is_built_for_them() -> bool:
    """Whether the installed torch can use a GPU at all."""
    # Loaded where there is a GPU to ask about: it takes a second.
    import torch

    return torch.version.cuda is not None


def usable(environment: Mapping[str, str] = os.environ) -> list[Gpu]:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves, or all; of a card that is divided, its parts. Raises `GpuError`."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception as error:
        raise GpuError(f"the driver does not tell which GPUs there are ({_said(error)})") from error
    try:
        cards = [_card(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount())]
    except Exception as error:
        raise GpuError(f"the driver does not tell how much memory its GPUs have ({_said(error)})") from error
    finally:
        with contextlib.suppress(Exception):
            pynvml.nvmlShutdown()
    asked = _asked(environment)
    every = (part for card in cards for part in card.parts)
    found = list(every if asked is None else _visible(cards, asked, environment))
    if not found:
        hidden = "" if asked is None else f"; {VISIBLE} is {environment[VISIBLE]!r}"
        raise GpuError(f"there is none that may be used{hidden}")
    return found


def places(gpus: Sequence[Gpu], memory: float) -> int:
    """How many workers the GPUs have room for, at so many GiB each; at least one."""
    return max(1, sum(map(functools.partial(_places, memory), gpus)))


def take(gpus: Sequence[Gpu], memory: float) -> Gpu:
    """The GPU that this process shares from now on, as long as it lives: the first place on each, then the second.

    Every process of this machine that grades takes a place, whatever its name, and Linux frees it with the process: an
    address of a socket, which no other can have. Where there are more processes than places, they go on in turn.
    """
    for turn in itertools.count():
        for gpu in gpus:
            full = turn >= _places(memory, gpu) and any(turn < _places(memory, other) for other in gpus)
            if not full and _is_mine(f"{gpu.name} {turn}"):
                return gpu
    raise AssertionError


_held: list[socket.socket] = []


def _is_mine(place: str) -> bool:
    mine = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        mine.bind(f"\0autograder {place}")
    except OSError:
        mine.close()
        return False
    _held.append(mine)
    return True


def _places(memory: float, gpu: Gpu) -> int:
    return int(gpu.memory / memory)


@dataclass(frozen=True)
class _Card:
    """A card and what it is divided into: itself, if it is not."""

    whole: Gpu
    parts: tuple[Gpu, ...]


def _card(nvml, index: int) -> _Card:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    whole = _gpu(nvml, handle)
    divided = 0
    with contextlib.suppress(nvml.NVMLError):  # cards that cannot be divided do not know the question
        divided = nvml.nvmlDeviceGetMigMode(handle)[0]
    return _Card(whole, tuple(_instances(nvml, handle)) if divided else (whole,))


def _instances(nvml, handle) -> Iterator[Gpu]:
    for index in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
        # Where no instance has been made, the question is refused.
        with contextlib.suppress(nvml.NVMLError):
            yield _gpu(nvml, nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index))


def _gpu(nvml, handle) -> Gpu:
    name = nvml.nvmlDeviceGetUUID(handle)
    return Gpu(name.decode() if isinstance(name, bytes) else name, nvml.nvmlDeviceGetMemoryInfo(handle).total / _GIBI)


def _asked(environment: Mapping[str, str]) -> tuple[str, ...] | None:
    """What CUDA_VISIBLE_DEVICES lists, up to the first that is nothing, as CUDA reads it; None if it is not set."""
    if VISIBLE not in environment:
        return None
    names = (name.strip() for name in environment[VISIBLE].split(","))
    return tuple(itertools.takewhile(lambda name: name and not name.startswith("-"), names))


def _visible(cards: Sequence[_Card], asked: Sequence[str], environment: Mapping[str, str]) -> Iterator[Gpu]:
    """The GPUs that are listed: cards by their number or by the beginning of their name, parts by their name."""
    # CUDA counts from the fastest card unless it is told to count as the driver does. Whichever it takes, it has this.
    by_driver = environment.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID" or len({card.whole.memory for card in cards}) < 2
    least = min((card.whole.memory for card in cards), default=0.0)
    for name in asked:
        if name.isdigit():
            if int(name) >= len(cards):
                return
            card = cards[int(name)]
            if by_driver or card.parts != (card.whole,):
                yield from card.parts
            else:
                yield Gpu(name, least)
        else:
            known = [gpu for card in cards for gpu in (*card.parts, card.whole) if gpu.name.startswith(name)]
            if not known:
                return
            yield from next((c.parts for c in cards if c.whole == known[0]), (known[0],))


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
