"""What is called: a function's name, the kind of call, the form of its result, and what it must not use."""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

Ask = Callable[..., Any]
# (signature, case, inputs, ask) to the tensors that are compared; see `kinds`.
Call = Callable[["Signature", Any, Any, Ask], tuple[torch.Tensor, ...]]
# The form of what a function returns: a name stands for one tensor.
Names = str | tuple["Names", ...] | Mapping[str, "Names"]


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A function of the student's, as it is called.

    name       the function, or the class, that the student writes
    call       how it is called and what it must return (see `kinds`)
    returns    the names of the tensors compared, in order and in the form in which they are returned
    forbidden  what is the exercise itself: names of aten operations, and dotted ones of other libraries' functions
               (see `problems.forbidden`)
    upstream   the names of a backward function's upstream gradients, where its forward function has several outputs
    """

    name: str
    call: Call
    returns: tuple[Names, ...]
    forbidden: frozenset[str] = frozenset()
    upstream: tuple[str, ...] = ()

    @functools.cached_property
    def labels(self) -> tuple[str, ...]:
        """The names of all tensors that a call returns, one after the other."""
        return tuple(leaves(self.returns))

    @property
    def forward(self) -> str:
        """The function that a backward function works after; of every other function its own name."""
        return self.name.replace("_backward", "_forward")


def leaves(names: Names) -> Iterator[str]:
    """The names in a form, one after the other."""
    if isinstance(names, str):
        yield names
    else:
        for part in names.values() if isinstance(names, Mapping) else names:
            yield from leaves(part)
