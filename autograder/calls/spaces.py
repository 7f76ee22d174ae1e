"""Kinds of call about hyperparameters: settings are dicts, which become tables of numbers."""

from collections.abc import Mapping
from typing import Any

import torch

from autograder.calls.case import Case, Inputs, arguments_of
from autograder.calls.outcome import ComplaintError, shorten
from autograder.calls.returned import kind_of, on_cpu, outputs_of
from autograder.calls.signature import Ask, Signature

# How a range is walked, and the number that stands for it.
SCALES = {"linear": 0, "log": 1}


def combinations(signature: Signature, case: Case, inputs: Inputs, ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``f(space)``, which returns a list of dicts; the output is their table (settings, names), int64.

    An entry is the place of the value in the list of its name, -1 if it is not there. The rows are sorted: the order
    of the settings is free.
    """
    space = case.arguments["space"]
    settings = _settings(signature, ask(signature.name, *arguments_of(inputs)), space)
    rows = sorted([_place(setting[name], values) for name, values in space.items()] for setting in settings)
    return outputs_of(signature, (torch.tensor(rows, dtype=torch.int64, device="cpu").reshape(len(rows), len(space)),))


def searching(signature: Signature, case: Case, inputs: Inputs, ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``f(space, n, generator)``, then once more with the same seed; the outputs are two tables (n, names)."""
    space, generator = case.arguments["space"], inputs["generator"]

    def table(generator: torch.Generator) -> torch.Tensor:
        settings = _settings(signature, ask(signature.name, inputs["space"], inputs["n"], generator), space)
        rows = [[_number(signature, name, setting[name]) for name in space] for setting in settings]
        return torch.tensor(rows, dtype=case.dtype, device="cpu").reshape(len(rows), len(space))

    return outputs_of(signature, (table(generator), table(torch.Generator().manual_seed(generator.initial_seed()))))


def narrowing(signature: Signature, case: Case, inputs: Inputs, ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``f(space, best, factor)``, which returns a space; the outputs are its low and high ends and its scales."""
    space = case.arguments["space"]
    found = ask(signature.name, *arguments_of(inputs))
    _check_names(signature, found, space)
    lows, highs, scales = [], [], []
    for name in space:
        limits = found[name]
        if not isinstance(limits, tuple | list) or len(limits) != 3:
            raise ComplaintError(
                f"{signature.name} gave {kind_of(limits)} for {name!r}; expected a tuple (low, high, scale)."
            )
        lows.append(_number(signature, name, limits[0]))
        highs.append(_number(signature, name, limits[1]))
        scales.append(SCALES.get(limits[2], -1) if isinstance(limits[2], str) else -1)
    ends = (torch.tensor(numbers, dtype=case.dtype, device="cpu") for numbers in (lows, highs))
    return outputs_of(signature, (*ends, on_cpu(scales)))


def _settings(signature: Signature, settings: Any, space: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if not isinstance(settings, list | tuple):
        raise ComplaintError(f"{signature.name} returned {kind_of(settings)}; expected a list of dicts.")
    for setting in settings:
        _check_names(signature, setting, space)
    return list(settings)


def _check_names(signature: Signature, found: Any, space: Mapping[str, Any]) -> None:
    if not isinstance(found, Mapping):
        raise ComplaintError(f"{signature.name} gave {kind_of(found)} where a dict was expected.")
    if found.keys() != space.keys():
        got, asked = (shorten(", ".join(map(str, names))) or "none" for names in (found, space))
        raise ComplaintError(f"{signature.name} gave a dict with the keys {got}; expected the keys {asked}.")


def _place(value: Any, values: list[Any]) -> int:
    """The place of a value in a list, by its type too: 1 is not True."""
    return next((i for i, known in enumerate(values) if type(known) is type(value) and known == value), -1)


def _number(signature: Signature, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ComplaintError(
            f"{signature.name} gave {kind_of(value)} for {name!r}; expected a number, of the type float."
        )
    return float(value)


KINDS = (combinations, searching, narrowing)
