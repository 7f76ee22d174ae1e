"""What a case must give, and how far from it a right program may be."""

import contextlib
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from autograder.calls.case import Case, prepare, tensors_in
from autograder.calls.kinds import LAYERED
from autograder.calls.run import one_thread
from autograder.precision import exact_float32
from autograder.problem import CONTRACT, Judged, Problem, Target

# The first exponential of a process, made by one thread. When several make it at once, the math library may choose the
# code of another processor, and be wrong by thousands of roundings: pytorch/pytorch#188792.
torch.ones(1).exp()

# How far a right program may be from the reference, as a multiple of the reference's own error in that precision.
# Right programs stay within half of it, whatever the order of their sums; a test measures that.
SLACK = 16

# What a state of torch's Mersenne Twister holds: bytes before the first word, and words.
_HEAD, _WORDS = 24, 624

# Seconds: on a GPU the reference is done sooner than a question gets into the sandbox and the answer out.
SHORTEST = 1e-3


@dataclass(frozen=True)
class Expected:
    """What a case must give: each output in the case's dtype, and how far from it a right program may be.

    Where quantities are measured in place of the outputs, these must be met; the outputs have the right shapes.
    """

    outputs: tuple[torch.Tensor, ...]
    tolerances: tuple[float, ...]
    device: str
    measured: tuple[Target, ...] = ()


def generator_of(seed: int) -> torch.Generator:
    """A generator that every bit of `seed` counts in.

    torch's own takes the low 32 bits, so few that all of them can be tried. A longer seed fills its state by a hash.
    """
    generator = torch.Generator(device="cpu").manual_seed(seed % 2**32)
    if seed >= 2**32:
        state = generator.get_state()
        words = hashlib.shake_256(str(seed).encode()).digest(4 * _WORDS)
        # Each word of 32 bits has 64 in the state; the upper half is 0.
        state[_HEAD : _HEAD + 8 * _WORDS].view(_WORDS, 2, 4)[:, 0] = torch.tensor(list(words), dtype=torch.uint8).view(
            -1, 4
        )
        generator.set_state(state)
    return generator


def draw(problem: Problem, seed: int, dtype: torch.dtype | None = None) -> list[Case]:
    """The cases of `problem` for a seed; equal seeds give equal cases."""
    # The student's notebook may have set another default device.
    with torch.device("cpu"):
        cases = problem.cases(generator_of(seed))
    if CONTRACT in problem.points and (problem.measured is None or problem.measured.targets is None):
        cases = [*cases, *(_transposed(case) for case in cases if case.criterion == "values" and _has_matrices(case))]
    return cases if dtype is None else [_with_dtype(case, dtype) for case in cases]


def _has_matrices(case: Case) -> bool:
    return any(tensor.dim() > 1 for _, tensor in tensors_in({**case.arguments, "dout": case.dout}))


def _transposed(case: Case) -> Case:
    """An ordinary case once more in another layout: the contract holds in each of their shapes."""
    return replace(case, name=f"{case.name}, transposed in memory", criterion=CONTRACT, layout="transposed")


def expect(problem: Judged, case: Case, device: torch.device) -> Expected:
    """The reference's outputs for `case`, and tolerances from its own error between float32 and float64.

    Where the student's program may use torch's own layers, the error that they have on `device` counts too: a GPU
    convolves by other algorithms. The reference is given contiguous tensors: in some layouts torch's own gradients are
    wrong.
    """
    cpu = torch.device("cpu")
    plain = replace(case, layout="contiguous")
    rounded = prepare(_with_dtype(plain, torch.float32), cpu)
    widened = {name: _to(value, torch.float64) for name, value in rounded.items()}
    exact = _reference(problem, widened)
    singles = [_reference(problem, rounded)]
    if problem.call in LAYERED and device.type != cpu.type:
        there = _reference(problem, prepare(_with_dtype(plain, torch.float32), device))
        singles.append(tuple(output.cpu() for output in there))
    eps32, eps = torch.finfo(torch.float32).eps, torch.finfo(case.dtype).eps
    sizes = _sizes(problem, widened, exact)
    tolerances = tuple(
        SLACK * max(*(_largest(s.double() - e.double()) for s in found), eps32 * size) * eps / eps32
        for e, size, *found in zip(exact, sizes, *singles, strict=True)
    )
    # On the inputs as float64 draws them, which float32 does not hold; what is drawn may be float32 all the same.
    right = _reference(problem, prepare(plain, cpu)) if case.dtype == torch.float64 else exact
    outputs = right if case.dtype == torch.float64 else tuple(_to(e, case.dtype) for e in exact)
    measured = () if problem.measured is None else _targets(problem, case, right, exact, *singles)
    return Expected(outputs, tolerances, place_of(case, device), measured)


def place_of(case: Case, device: torch.device) -> str:
    """Where the outputs of `case` must be, on `device`: what is made from no tensor is made on the CPU.

    A fresh tensor names its device as the student's will: "cuda" is "cuda:0" there.
    """
    given = any(True for _ in tensors_in({**case.arguments, "dout": case.dout}))
    return str(torch.empty(0, device=device if given else "cpu").device)


def _sizes(problem: Judged, inputs: Mapping[str, Any], outputs: Sequence[torch.Tensor]) -> list[float]:
    """How large the numbers are that rounding works on, for each output of the reference.

    A gradient may be small because large terms cancel, or meet a slope near 0. What rounding leaves of them depends on
    the order of the steps, which is the student's own. These terms are of the size of dout, or of its products with
    the weight, or of the gradient that comes when they do not cancel: with other signs in dout. What cancels
    altogether was as large as the inputs, and what is 0 though no input rounds is taken for 1.
    """
    numbers = [abs(value) for value in inputs.values() if isinstance(value, float)]
    given = max([*numbers, *(_largest(t) for _, t in tensors_in(inputs) if t.is_floating_point())], default=0.0)
    if "dout" not in inputs:
        return [_largest(output) or given or 1.0 for output in outputs]
    dout, weight = inputs["dout"], inputs.get("weight")
    signs = torch.randint(0, 2, dout.shape, generator=torch.Generator().manual_seed(0), device="cpu") * 2 - 1
    turned = _reference(problem, {**inputs, "dout": dout * signs})
    product = _largest(dout) * (1.0 if weight is None else max(1.0, _largest(weight)))
    return [max(_largest(o), _largest(t), product) or given or 1.0 for o, t in zip(outputs, turned, strict=True)]


def _targets(problem: Judged, case: Case, *outputs: Sequence[torch.Tensor]) -> tuple[Target, ...]:
    """What must be measured: as the problem says, or what the reference gives, up to the rounding it suffers.

    `outputs` are those of the reference: the right ones, and on float32's inputs the exact ones and one or two that are
    rounded.
    """
    if problem.measured.targets is not None:
        return problem.measured.targets(case)
    right, exact, *rounded = (problem.measured.of(case, tuple(t.double() for t in found)) for found in outputs)
    eps32, eps = torch.finfo(torch.float32).eps, torch.finfo(case.dtype).eps
    size = max(map(_largest, right))
    return tuple(
        Target(r, SLACK * max(*(_largest(s - e) for s in found), eps32 * size) * eps / eps32)
        for r, e, *found in zip(right, exact, *rounded, strict=True)
    )


def waited() -> float:
    """Seconds for which this thread has been ready to compute, without a processor; 0 where the system does not tell.

    See sched-stats(5). What is timed is timed without them: a busy machine must cost nobody points.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) * 1e-9
    return 0.0


def baseline(problem: Judged, case: Case, device: torch.device) -> float:
    """Seconds of the fastest of ten calls of the reference on `case`; at least what the way to the sandbox costs."""
    inputs = prepare(replace(case, layout="contiguous"), device)
    taken = []
    with one_thread():
        for _ in range(10):
            start = time.perf_counter() - waited()
            # To the CPU, as the student's outputs are: on a GPU a call returns before it is done.
            for output in _reference(problem, inputs):
                output.cpu()
            # In this order: put aside between the two, this thread must not seem faster than it is.
            taken.append(-waited() + time.perf_counter() - start)
    return max(min(taken), SHORTEST)


def _reference(problem: Judged, inputs: Mapping[str, Any]) -> tuple[torch.Tensor, ...]:
    arguments = {name: value for name, value in inputs.items() if name != "dout"}
    with exact_float32():
        return tuple(t.detach() for t in problem.expected(arguments, inputs.get("dout")))


def _largest(values: torch.Tensor) -> float:
    finite = values[torch.isfinite(values)].double()
    return float(finite.abs().max()) if finite.numel() else 0.0


def _to(value: Any, dtype: torch.dtype) -> Any:
    if isinstance(value, torch.Generator):
        # The same draws again, not the next ones.
        return torch.Generator().manual_seed(value.initial_seed())
    if isinstance(value, Mapping):
        return {name: _to(item, dtype) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_to(item, dtype) for item in value)
    return value.to(dtype) if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def _with_dtype(case: Case, dtype: torch.dtype) -> Case:
    return replace(case, dtype=dtype)
