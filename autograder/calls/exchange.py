"""The calls of a check, over the boundary: tensors as safetensors, everything else as JSON; nothing is ever executed.

Two byte strings each way. Going in: the problem's name, kind of call and rules, its cases, and the device to make the
calls on. Coming out: one outcome for each case. What comes out is the student's to choose: it is read as data, and
refused when it is anything else.
"""

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from safetensors.torch import load, save

from autograder.calls import bounded
from autograder.calls.case import Case, NamedFunction, clone
from autograder.calls.kinds import KINDS
from autograder.calls.outcome import Outcome, Output, shorten
from autograder.calls.returned import PLAIN_DTYPES
from autograder.calls.run import run_all
from autograder.calls.signature import Signature

# Bytes of one answer; the largest exercise needs a hundredth of it.
LARGEST_ANSWER = 64 * 2**20
# Bytes and values of what is not tensors in it, and bytes of the list of its tensors: each takes far more in memory.
_LONGEST_JSON = 2**20
_MOST_VALUES = 20_000
_LONGEST_LIST = 2**18
_LONGEST_TEXT = 2000


class ExchangeError(Exception):
    """What came out cannot be read as outcomes; the message is a sentence."""


def ask(signature: Signature, cases: Sequence[Case], device: torch.device) -> list[bytes]:
    """The calls of `signature` on `cases`, to be sent into the kernel, which makes them on `device`."""
    tensors: dict[str, torch.Tensor] = {}
    request = {
        "device": str(device),
        "name": signature.name,
        "call": signature.call.__name__,
        "returns": encode(signature.returns, {}),
        "forbidden": sorted(signature.forbidden),
        "upstream": list(signature.upstream),
        "cases": [encode(_fields(case), tensors) for case in cases],
    }
    return [json.dumps(request).encode(), save(tensors)]


def serve(request: Sequence[bytes], functions: Mapping[str, Any]) -> list[bytes]:
    """Inside: make the calls that were asked for on the student's `functions`; the answer to send out."""
    asked, tensors = json.loads(bytes(request[0])), load(bytes(request[1]))
    signature = Signature(
        name=asked["name"],
        call=KINDS[asked["call"]],
        returns=decode(asked["returns"], {}),
        forbidden=frozenset(asked["forbidden"]),
        upstream=tuple(asked["upstream"]),
    )
    cases = [Case(**decode(case, tensors)) for case in asked["cases"]]
    outcomes = run_all(signature, cases, functions, torch.device(asked["device"]))
    try:
        return _answer(outcomes)
    except Exception as error:
        # There are more kinds of tensors than anybody thinks of.
        what = f"{type(error).__name__}: {shorten(' '.join(str(error).split()))}"
        complaint = f"{signature.name} returned something that cannot be handed over ({what})."
        return _answer([Outcome(None, complaint, ())] * len(outcomes))


def _answer(outcomes: Sequence[Outcome]) -> list[bytes]:
    tensors: dict[str, torch.Tensor] = {}
    answer = [encode(_outcome(outcome), tensors) for outcome in outcomes]
    if sum(t.numel() * t.element_size() for t in tensors.values()) > LARGEST_ANSWER // 2:
        raise ValueError("far too many values")
    return [json.dumps(answer).encode(), save(tensors)]


def read_answer(answer: Sequence[bytes], signature: Signature, cases: Sequence[Case]) -> list[Outcome]:
    """One outcome for each case. Raises `ExchangeError` for anything that `serve` would not have sent."""
    try:
        if len(answer) != 2:
            raise ValueError("it is not in two parts")
        if sum(map(len, answer)) > LARGEST_ANSWER:
            raise ValueError("it is too long")
        if int.from_bytes(answer[1][:8], "little") > _LONGEST_LIST:
            raise ValueError("its list of tensors is too long")
        entries = bounded.loads(bytes(answer[0]), _LONGEST_JSON, _MOST_VALUES)
        if len(entries) != len(cases):
            raise ValueError("it is not one outcome for each call")
        tensors = load(bytes(answer[1]))
        outcomes = [_read_outcome(decode(entry, tensors), signature) for entry in entries]
    except Exception as error:
        # json, safetensors and torch raise whatever they stumble over.
        what = shorten(" ".join(str(error).split()))
        raise ExchangeError(f"What the notebook answered for {signature.name} cannot be read ({what}).") from error
    return outcomes


def _fields(case: Case) -> dict[str, Any]:
    """A case without what is the judge's business: its criterion, and what is kept for him."""
    return {
        "name": case.name,
        "criterion": "",
        "arguments": dict(case.arguments),
        "dout": case.dout,
        "dtype": case.dtype,
        "layout": case.layout,
        "another_call": case.another_call,
        "timed": case.timed,
        "limit": case.limit,
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    outputs = outcome.outputs
    return {
        "outputs": None if outputs is None else [[output.values, output.device] for output in outputs],
        "complaint": outcome.complaint,
        "modified": list(outcome.modified),
        "interrupted": outcome.interrupted,
    }


def _read_outcome(read: dict[str, Any], signature: Signature) -> Outcome:
    if not isinstance(read, dict):
        raise TypeError("an outcome is not a dict")
    outputs, complaint, modified = read["outputs"], read["complaint"], read["modified"]
    if outputs is None:
        if not isinstance(complaint, str) or not complaint:
            raise ValueError("there are neither outputs nor a reason")
        return Outcome(None, _text(complaint), (), read["interrupted"] is True)
    if complaint is not None:
        raise ValueError("there are both outputs and a complaint")
    if len(outputs) != len(signature.labels):
        raise ValueError(f"{len(outputs)} outputs; expected {len(signature.labels)}")
    for values, _ in outputs:
        if type(values) is not torch.Tensor or values.dtype not in PLAIN_DTYPES:
            raise ValueError("an output is not a plain tensor")
    return Outcome(
        tuple(Output(values, _text(where)) for values, where in outputs),
        None,
        tuple(_text(name) for name in modified[:20]),
    )


def _text(text: Any) -> str:
    if not isinstance(text, str):
        raise TypeError(f"a text is {type(text).__name__}")
    return shorten(text.encode(errors="replace").decode(), _LONGEST_TEXT)


def encode(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """`value` as JSON; the tensors in it are put into `tensors`."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        value = value.detach().resolve_conj().resolve_neg()
        parts = torch.view_as_real(value) if value.is_complex() else value
        tensors[name] = clone(parts, memory_format=torch.contiguous_format)
        return {"complex" if value.is_complex() else "tensor": name}
    if isinstance(value, torch.dtype):
        return {"dtype": str(value).removeprefix("torch.")}
    if isinstance(value, torch.Generator):
        return {"generator": value.initial_seed()}
    if isinstance(value, NamedFunction):
        return {"function": value.name}
    if isinstance(value, Mapping):
        return {"dict": [[encode(k, tensors), encode(v, tensors)] for k, v in value.items()]}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [encode(v, tensors) for v in value]}
    raise TypeError(f"{type(value).__name__} cannot be sent")


_DECODERS: dict[str, Callable[[Any, Mapping[str, torch.Tensor]], Any]] = {
    "tensor": lambda name, tensors: tensors[name],
    "complex": lambda name, tensors: torch.view_as_complex(tensors[name]),
    "dtype": lambda name, tensors: {str(t).removeprefix("torch."): t for t in PLAIN_DTYPES}[name],
    "generator": lambda seed, tensors: torch.Generator().manual_seed(seed),
    "function": lambda name, tensors: NamedFunction(name),
    "dict": lambda pairs, tensors: {decode(k, tensors): decode(v, tensors) for k, v in pairs},
    "list": lambda values, tensors: [decode(v, tensors) for v in values],
    "tuple": lambda values, tensors: tuple(decode(v, tensors) for v in values),
}


def decode(value: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    """What `encode` was given. Raises what it stumbles over where `value` comes from somebody else."""
    if isinstance(value, dict):
        ((kind, content),) = value.items()
        return _DECODERS[kind](content, tensors)
    if isinstance(value, list):
        raise TypeError("a list stands where a value was expected")
    return value


def write_files(names: Sequence[str], contents: Sequence[bytes]) -> None:
    """Inside: write the files that lie beside the notebook into the working folder."""
    for name, content in zip(names, contents, strict=True):
        path = Path(*PurePosixPath(name).parts)
        # Of a file and a folder of the same name, the student's and the course's, the first stays.
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes(content))
