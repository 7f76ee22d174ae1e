"""What a function returned, read: the tensors in it, or a sentence that says what was expected."""

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from autograder.calls.outcome import ComplaintError, shorten
from autograder.calls.signature import Names, Signature
from autograder.devices import SimulatedGpuTensor

# More values than any exercise has; a view of one number can claim to have them.
TOO_MANY = 10**7

PLAIN_DTYPES = frozenset(
    {torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
    | {torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128}
)


def returned(signature: Signature, result: Any) -> list[Any]:
    """What a function returned, one value for each of the problem's labels."""
    return unpacked(signature, signature.returns, (result,) if len(signature.returns) == 1 else result)


def unpacked(signature: Signature, names: Names, value: Any, whole: Names | None = None) -> list[Any]:
    """The values in what was returned that stand where `names` has a name."""
    whole = names if whole is None else whole
    if isinstance(names, str):
        return [value]
    if isinstance(names, Mapping):
        if not isinstance(value, Mapping) or set(value) != set(names):
            got = f"a dict with the keys {', '.join(map(str, value))}" if isinstance(value, Mapping) else kind_of(value)
            raise ComplaintError(f"{signature.name} returned {got}; expected a dict with the keys {', '.join(names)}.")
        pairs = [(part, value[key]) for key, part in names.items()]
    else:
        if not isinstance(value, tuple | list) or len(value) != len(names):
            raise ComplaintError(
                f"{signature.name} returned {kind_of(value)} where {form(names)} was expected; in all {form(whole)}."
                if whole is not names
                else f"{signature.name} returned {kind_of(value)}; expected a tuple {form(names)}."
            )
        pairs = list(zip(names, value, strict=True))
    return [leaf for part, item in pairs for leaf in unpacked(signature, part, item, whole)]


def form(names: Names) -> str:
    """A form as it is written: ``(f, (dx, dy, dz))``."""
    if isinstance(names, str):
        return names
    if isinstance(names, Mapping):
        return f"{{{', '.join(names)}}}"
    return f"({', '.join(map(form, names))})" if len(names) > 1 else form(names[0])


def on_cpu(number: Any) -> torch.Tensor:
    """A tensor of numbers of Python, whatever default device the student's code has set."""
    return torch.tensor(number, device="cpu")


def whole_numbers(signature: Signature, label: str, value: Any) -> torch.Tensor:
    """A whole number, or a tuple of them, as a tensor."""
    try:
        return on_cpu([_whole(item) for item in value] if isinstance(value, tuple | list) else _whole(value))
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        # A number too long for 64 bits is none that an exercise has.
        raise ComplaintError(
            f"{signature.name} gave {_number(value)} for {label}; expected whole numbers, of the type int."
        ) from error


def _whole(item: Any) -> int:
    if isinstance(item, bool):
        raise TypeError
    return operator.index(item)


def _number(value: Any) -> str:
    """What was given for a whole number, with its type if that is not int: ``3.0 (a float)``."""
    if isinstance(value, tuple | list):
        return shorten(f"({', '.join(map(_number, value))})")
    if isinstance(value, torch.Tensor):
        return f"{kind_of(value)} of dtype {str(value.dtype).removeprefix('torch.')}"
    if not isinstance(value, int | float):
        return kind_of(value)
    return shorten(repr(value)) if type(value) is int else f"{value!r} ({kind_of(value)})"


def outputs_of(signature: Signature, values: Sequence[Any]) -> tuple[torch.Tensor, ...]:
    for label, value in zip(signature.labels, values, strict=True):
        if type(value) not in (torch.Tensor, torch.nn.Parameter, SimulatedGpuTensor):
            raise ComplaintError(f"{signature.name} gave {kind_of(value)} for {label}; expected a tensor.")
        for odd, what in (
            (value.layout is not torch.strided, str(value.layout).removeprefix("torch.")),
            (value.dtype not in PLAIN_DTYPES, str(value.dtype).removeprefix("torch.")),
            (value.device.type == "meta", "meta"),
            (value.is_nested, "nested"),
        ):
            if odd:
                raise ComplaintError(f"{signature.name} gave a {what} tensor for {label}; expected plain values.")
        if value.numel() > TOO_MANY:
            raise ComplaintError(f"{label} has shape {tuple(value.shape)}: far too many values.")
    return tuple(values)


def only_value_error(signature: Signature, complaint: ComplaintError) -> None:
    """Nothing, if a function raised ValueError and said why. Raises the complaint that is due otherwise."""
    if not isinstance(complaint.__cause__, ValueError):
        raise complaint
    if not str(complaint.__cause__).strip():
        raise ComplaintError(
            f"{signature.name} raised ValueError without a message: say what was got and what was expected."
        ) from None


def kind_of(value: Any) -> str:
    if value is None:
        return "None (is a `return` missing?)"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    article = "an" if type(value).__name__[0].lower() in "aeiou" else "a"
    return f"{article} {type(value).__name__}"
