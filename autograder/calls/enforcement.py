"""What a function must not use while it runs: autograd, and the operations that are the exercise itself."""

import torch
from torch.autograd import forward_ad
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

AUTOGRAD = "autograd: write the gradient by hand"


class Rules(TorchDispatchMode):
    """Stops autograd and the operations that are the exercise itself, however they are spelled."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing here is compiled, and importing the compiler takes longer than a check."""
        return False

    def __init__(self, forbidden: frozenset[str]):
        super().__init__()
        self.forbidden = forbidden
        self.broken: str | None = None

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        operation = func.overloadpacket.__name__
        if operation.removesuffix("_") in self.forbidden:
            self.stop(f"torch's own {operation}, which is the exercise itself: use simpler operations")
        if torch.is_grad_enabled() and any(isinstance(a, torch.Tensor) and a.requires_grad for a in args):
            self.stop(AUTOGRAD)
        return func(*args, **(kwargs or {}))

    def stop(self, what: str) -> None:
        """Note what was used, should the student's code catch the exception, and raise it."""
        self.broken = what
        raise ForbiddenOperationError(what)


class FunctionRules(TorchFunctionMode):
    """Stops what looks plain to the dispatcher: ``torch.func.grad``, its like, and functions of simpler operations."""

    def __init__(self, rules: Rules):
        super().__init__()
        self.rules = rules

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if forward_ad._current_level >= 0 or any(
            isinstance(a, torch.Tensor) and torch._C._functorch.is_gradtrackingtensor(a) for a in args
        ):
            self.rules.stop(AUTOGRAD)
        name = getattr(func, "__name__", "").removesuffix("_")
        if name in self.rules.forbidden:
            self.rules.stop(f"torch's own {name}, which is the exercise itself: use simpler operations")
        return func(*args, **(kwargs or {}))


class ForbiddenOperationError(Exception):
    """Raised in the student's function at the line that uses the operation it was asked to write."""
