"""Calling the student's functions: inputs in, tensors or one clear sentence out. Knows no reference."""

import contextlib
import linecache
import operator
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import FunctionType
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd import forward_ad
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from autograder.devices import SimulatedGpuTensor

if TYPE_CHECKING:
    from autograder.problem import Case, Names, Problem

Call = Callable[["Problem", "Case", "Inputs", "Ask"], tuple[torch.Tensor, ...]]
Ask = Callable[..., Any]

# What a backward function must leave alone beside its inputs: the layer above may still need it.
OUT = "the forward's out"

# What is said of a stub.
NOT_WRITTEN = "is not written yet"

# More values than any exercise has; a view of one number can claim to have them.
TOO_MANY = 10**7

PLAIN_DTYPES = frozenset(
    {torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
    | {torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128}
)


# Bound before a notebook could put something else in their place.
_clone, _equal = torch.Tensor.clone, torch.equal


@dataclass(frozen=True)
class Output:
    """One tensor that a call returned: its values on the CPU, and the device they came from."""

    values: torch.Tensor
    device: str


@dataclass(frozen=True)
class Outcome:
    """What one call gave: its outputs, or one sentence that says why there are none; and the inputs it changed.

    `ratio` is for the judge: how many times as long as the reference the fastest of several calls took, if timed.
    """

    outputs: tuple[Output, ...] | None
    complaint: str | None
    modified: tuple[str, ...]
    interrupted: bool = False
    ratio: float | None = None


class ComplaintError(Exception):
    """The call gave nothing to compare; the message is a sentence for the student."""

    interrupted = False


def run(problem: "Problem", case: "Case", functions: Mapping[str, Any], device: torch.device) -> Outcome:
    """Make one call of `problem` with the student's `functions` on `device`. Raises nothing that they raise."""
    inputs = Inputs(prepare(case, device))
    alone = one_thread() if case.timed else contextlib.nullcontext()
    try:
        with alone, torch.no_grad(), contextlib.redirect_stderr(sys.stdout):
            tensors = problem.call(problem, case, inputs, _asker(problem, functions))
            # Cloned at once: the student's code may go on to write into what it returned.
            outputs = tuple(Output(_clone(t).cpu(), str(t.device)) for t in tensors)
            return Outcome(outputs, None, inputs.modified())
    except ComplaintError as error:
        return Outcome(None, str(error), (), error.interrupted)
    except Exception as error:
        what = f"{type(error).__name__}: {shorten(_message(error))}"
        return Outcome(None, f"{problem.name} returned something that cannot be read ({what}).", ())


def run_all(
    problem: "Problem", cases: Sequence["Case"], functions: Mapping[str, Any], device: torch.device
) -> list[Outcome]:
    """One outcome for each case. Somebody who interrupts one call does not want to wait for the next."""
    outcomes: list[Outcome] = []
    for case in cases:
        stopped = bool(outcomes) and outcomes[-1].interrupted
        outcomes.append(outcomes[-1] if stopped else run(problem, case, functions, device))
    return outcomes


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread: on a busy machine, each of many waits for the slowest of them again and again."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Inputs(dict[str, Any]):
    """The inputs of a call by name, and which of them the judged function has changed."""

    def __init__(self, values: Mapping[str, Any]):
        super().__init__(values)
        self.watch()

    def watch(self) -> None:
        """Look from now on: what happened before belongs to another function."""
        self._copies = {name: _clone(value) for name, value in tensors_in(self)}

    def modified(self) -> tuple[str, ...]:
        """Names of the tensors that are no longer what they were."""
        now = dict(tensors_in(self))
        return tuple(name for name, copy in self._copies.items() if name not in now or not _same(copy, now[name]))


def forward(problem: "Problem", case: "Case", inputs: "Inputs", ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``f_forward(*arguments)``, which returns ``(out, cache)``; the output is ``out``.

    A function that returns more has it between the two: ``(out, (running_mean, running_var), cache)``.
    """
    arguments = _arguments(inputs)
    result = ask(problem.name, *arguments)
    expected = (*problem.returns, "cache")
    if not isinstance(result, tuple | list) or len(result) != len(expected):
        raise ComplaintError(f"{problem.name} returned {_kind(result)}; expected a tuple {_form(expected)}.")
    if case.another_call:
        ask(problem.name, *map(_other, arguments))
    return _outputs(problem, _unpacked(problem, problem.returns, tuple(result[:-1]), expected))


def backward(problem: "Problem", case: "Case", inputs: "Inputs", ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``f_forward(*arguments)``, then ``f_backward(dout, cache)``; the outputs are the gradients."""
    name = problem.name.replace("_backward", "_forward")
    arguments = _arguments(inputs)
    result = ask(name, *arguments)
    if not isinstance(result, tuple | list) or len(result) not in (2, 3):
        raise ComplaintError(f"{name} returned {_kind(result)}; expected a tuple (out, cache).")
    out, cache = result[0], result[-1]
    if case.another_call:
        ask(name, *map(_other, arguments))
    if isinstance(out, torch.Tensor):
        inputs[OUT] = out
    inputs.watch()
    gradients = ask(problem.name, inputs["dout"], cache)
    return _outputs(problem, _returned(problem, gradients))


def function(problem: "Problem", case: "Case", inputs: "Inputs", ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``f(*arguments)``; the outputs are the tensors in what it returns, which has the form of `returns`."""
    return _outputs(problem, _returned(problem, ask(problem.name, *_arguments(inputs))))


def numbers(problem: "Problem", case: "Case", inputs: "Inputs", ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``f(*arguments)``, which returns whole numbers or raises ValueError.

    The first output is whether it raised one, bool; the others are the numbers, int64, a tuple of numbers being one
    of them, and 0 where none came.
    """
    try:
        result = ask(problem.name, *_arguments(inputs))
    except ComplaintError as complaint:
        if type(complaint.__cause__) is not ValueError:
            raise
        if not str(complaint.__cause__).strip():
            raise ComplaintError(
                f"{problem.name} raised ValueError without a message: say what was got and what was expected."
            ) from None
        return _outputs(problem, (_on_cpu(True), *(_on_cpu(0) for _ in problem.labels[1:])))
    found = _unpacked(problem, problem.returns[1:], (result,) if len(problem.returns) == 2 else result)
    whole = [_whole(problem, label, value) for label, value in zip(problem.labels[1:], found, strict=True)]
    return _outputs(problem, (_on_cpu(False), *whole))


def draws(problem: "Problem", case: "Case", inputs: "Inputs", ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``f(shape, generator)`` ``count`` times on one generator, then once on a new one with the same seed.

    The outputs are all draws of the first, (count, *shape), and the one of the second, *shape.
    """
    shape, generator = inputs["shape"], inputs["generator"]
    single = replace(problem, returns=problem.returns[:1])
    first = [_outputs(single, (ask(problem.name, shape, generator),))[0] for _ in range(inputs["count"])]
    if len({draw.shape for draw in first}) > 1:
        raise ComplaintError(f"{problem.name} gave tensors of different shapes for one shape, {shape}.")
    again = ask(problem.name, shape, torch.Generator().manual_seed(generator.initial_seed()))
    return _outputs(problem, (torch.stack(first), again))


def training(problem: "Problem", case: "Case", inputs: "Inputs", ask: Ask) -> tuple[torch.Tensor, ...]:
    """Call ``predict = f(x, target, generator)`` and ``predict(test)``; the outputs are its logits, and those repeated.

    They are repeated by the same `predict`; with `another_call` by that of a second training with the same seed.
    """
    x, target, generator, test = (inputs[name] for name in ("x", "target", "generator", "test"))

    def train(generator: torch.Generator) -> Any:
        predict = ask(problem.name, x, target, generator)
        if not callable(predict):
            raise ComplaintError(
                f"{problem.name} returned {_kind(predict)}; expected a function that maps images to logits."
            )
        return predict

    predict = train(generator)
    logits = ask(problem.name, test, via=predict)
    if case.another_call:
        predict = train(torch.Generator().manual_seed(generator.initial_seed()))
    return _outputs(problem, (logits, ask(problem.name, test, via=predict)))


def module(problem: "Problem", case: "Case", inputs: "Inputs", ask: Ask) -> tuple[torch.Tensor, ...]:
    """Make ``Net(*init)``, an `nn.Module`, load ``state`` into it and call it on ``x``; the output is its value."""
    net = ask(problem.name, *inputs["init"])
    if not isinstance(net, torch.nn.Module):
        raise ComplaintError(f"{problem.name} made {_kind(net)}; expected a torch.nn.Module.")
    try:
        net.to(inputs["x"].device).load_state_dict(inputs["state"])
    except Exception as error:
        raise ComplaintError(
            f"{problem.name} does not take the given parameters: {shorten(_message(error))}"
        ) from error
    return _outputs(problem, (ask(problem.name, inputs["x"], via=net),))


# What a scalar of a computational graph can do; an operand is the number of an earlier node, or a plain number.
STEPS: Mapping[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "exp": lambda node: node.exp(),
    "relu": lambda node: node.relu(),
    "tanh": lambda node: node.tanh(),
}


def graph(problem: "Problem", case: "Case", inputs: "Inputs", ask: Ask) -> tuple[torch.Tensor, ...]:
    """Build a graph of the student's scalars from ``values``, node by node as ``steps`` say, and go backward.

    A step is an operation and its operands: an int is the number of an earlier node, a float a plain number, a string
    a plain whole number. The outputs are the last node's ``data`` and the ``grad`` of all values, in their dtype.
    """
    nodes = [ask(problem.name, value) for value in inputs["values"].tolist()]
    leaves = list(nodes)
    for operation, *operands in inputs["steps"]:
        nodes.append(ask(problem.name, *operands_of(nodes, operands), via=STEPS[operation]))
    ask(problem.name, via=lambda: nodes[-1].backward())
    numbers = ask(problem.name, via=lambda: [float(nodes[-1].data), *(float(leaf.grad) for leaf in leaves)])
    values = torch.tensor(numbers, dtype=torch.float64, device="cpu").to(inputs["values"])
    return _outputs(problem, (values[0], values[1:]))


def operands_of(nodes: Sequence[Any], operands: Sequence[int | float | str]) -> list[Any]:
    """The operands of a step of a graph: earlier nodes and plain numbers."""
    kinds = {int: lambda number: nodes[number], float: float, str: int}
    return [kinds[type(operand)](operand) for operand in operands]


# What a function that takes a function is given, by name: what is no data does not go over the boundary. The last one
# depends on the shape of x too.
FUNCTIONS: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "sum of squares": lambda x: (x * x).sum(),
    "sum of exponentials": lambda x: x.exp().sum(),
    "product": lambda x: x.prod(),
    "weighted sines": lambda x: (
        (torch.arange(1, x.numel() + 1, device=x.device) * x.flatten().sin()).sum() / (*x.shape, 1)[0]
    ),
}


@dataclass(frozen=True)
class NamedFunction:
    """One of `FUNCTIONS`, as an argument of a case; the call is given the function itself."""

    name: str


# The kinds of call by name, as they are asked for over the boundary.
KINDS: Mapping[str, Call] = {
    kind.__name__: kind for kind in (forward, backward, function, numbers, draws, training, module, graph)
}


def prepare(case: "Case", device: torch.device) -> dict[str, Any]:
    """The inputs of a call by name, `dout` last: cast to the case's dtype, moved, non-contiguous where asked."""
    inputs = dict(case.arguments) | ({} if case.dout is None else {"dout": case.dout})
    return {name: _cast(value, case, device) for name, value in inputs.items()}


def _other(argument: Any) -> Any:
    """An argument of the same kind with another value; whole numbers are sizes and stay."""
    if isinstance(argument, torch.Tensor):
        return 1 - argument if argument.is_floating_point() else argument
    return 3 * argument if isinstance(argument, float) else argument


def _cast(value: Any, case: "Case", device: torch.device) -> Any:
    if isinstance(value, torch.Generator):
        return torch.Generator().manual_seed(value.initial_seed())
    if isinstance(value, NamedFunction):
        return FUNCTIONS[value.name]
    if isinstance(value, Mapping):
        return {name: _cast(item, case, device) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_cast(item, case, device) for item in value)
    if not isinstance(value, torch.Tensor):
        return value
    tensor = value.to(device, case.dtype if value.is_floating_point() else value.dtype, copy=True)
    if case.layout == "strided":
        return torch.stack([tensor, tensor], dim=-1)[..., 0]
    if case.layout == "transposed" and tensor.dim() > 1:
        return tensor.transpose(0, -1).contiguous().transpose(0, -1)
    return tensor


def _arguments(inputs: "Inputs") -> list[Any]:
    return [value for name, value in inputs.items() if name not in ("dout", OUT)]


def _asker(problem: "Problem", functions: Mapping[str, Any]) -> Ask:
    """Calls a function of the student's by name, or `via` something it made; what goes wrong becomes a complaint."""

    def ask(name: str, *arguments: Any, via: Callable[..., Any] | None = None) -> Any:
        function = via or functions.get(name)
        if function is None:
            raise ComplaintError(f"{name} is not defined: run the cell that defines it, then this one again.")
        if not callable(function):
            raise ComplaintError(f"{name} is {_kind(function)}; expected a function.")
        rules = _Rules(problem.forbidden if name == problem.name else frozenset())
        try:
            with rules, _FunctionRules(rules):
                result = function(*arguments)
        except BaseException as error:
            # KeyboardInterrupt and SystemExit too: the notebook must go on to the next cell.
            complaint = ComplaintError(_describe(name, error, functions, rules.broken))
            complaint.interrupted = isinstance(error, KeyboardInterrupt)
            raise complaint from error
        if rules.broken:
            raise ComplaintError(f"{name} uses {rules.broken}.")
        return result

    return ask


AUTOGRAD = "autograd: write the gradient by hand"


class _Rules(TorchDispatchMode):
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


class _FunctionRules(TorchFunctionMode):
    """Stops what looks plain to the dispatcher: ``torch.func.grad``, its like, and functions of simpler operations."""

    def __init__(self, rules: _Rules):
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


def tensors_in(value: Any, name: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """All tensors in an argument, each with the way to it: ``params['W1']``."""
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from tensors_in(item, f"{name}[{key!r}]" if name else key)
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from tensors_in(item, f"{name}[{i}]")


def _returned(problem: "Problem", result: Any) -> list[Any]:
    """What a function returned, one value for each of the problem's labels."""
    return _unpacked(problem, problem.returns, (result,) if len(problem.returns) == 1 else result)


def _unpacked(problem: "Problem", names: "Names", value: Any, whole: "Names | None" = None) -> list[Any]:
    """The values in what was returned that stand where `names` has a name."""
    whole = names if whole is None else whole
    if isinstance(names, str):
        return [value]
    if isinstance(names, Mapping):
        if not isinstance(value, Mapping) or set(value) != set(names):
            got = f"a dict with the keys {', '.join(map(str, value))}" if isinstance(value, Mapping) else _kind(value)
            raise ComplaintError(f"{problem.name} returned {got}; expected a dict with the keys {', '.join(names)}.")
        pairs = [(part, value[key]) for key, part in names.items()]
    else:
        if not isinstance(value, tuple | list) or len(value) != len(names):
            raise ComplaintError(
                f"{problem.name} returned {_kind(value)} where {_form(names)} was expected; in all {_form(whole)}."
                if whole is not names
                else f"{problem.name} returned {_kind(value)}; expected a tuple {_form(names)}."
            )
        pairs = list(zip(names, value, strict=True))
    return [leaf for part, item in pairs for leaf in _unpacked(problem, part, item, whole)]


def _form(names: "Names") -> str:
    """A form as it is written: ``(f, (dx, dy, dz))``."""
    if isinstance(names, str):
        return names
    if isinstance(names, Mapping):
        return f"{{{', '.join(names)}}}"
    return f"({', '.join(map(_form, names))})" if len(names) > 1 else _form(names[0])


def _on_cpu(number: Any) -> torch.Tensor:
    """A tensor of numbers of Python, whatever default device the student's code has set."""
    return torch.tensor(number, device="cpu")


def _whole(problem: "Problem", label: str, value: Any) -> torch.Tensor:
    """A whole number, or a tuple of them, as a tensor."""
    several = isinstance(value, tuple | list)
    try:
        if any(isinstance(item, bool) for item in (value if several else (value,))):
            raise TypeError
        found = [operator.index(item) for item in value] if several else operator.index(value)
        return _on_cpu(found)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        # A number too long for 64 bits is none that an exercise has.
        got = shorten(repr(value)) if isinstance(value, int | float | tuple | list) else _kind(value)
        raise ComplaintError(f"{problem.name} gave {got} for {label}; expected whole numbers.") from error


def _outputs(problem: "Problem", values: Sequence[Any]) -> tuple[torch.Tensor, ...]:
    for label, value in zip(problem.labels, values, strict=True):
        if type(value) not in (torch.Tensor, torch.nn.Parameter, SimulatedGpuTensor):
            raise ComplaintError(f"{problem.name} gave {_kind(value)} for {label}; expected a tensor.")
        for odd, what in (
            (value.layout is not torch.strided, str(value.layout).removeprefix("torch.")),
            (value.dtype not in PLAIN_DTYPES, str(value.dtype).removeprefix("torch.")),
            (value.device.type == "meta", "meta"),
            (value.is_nested, "nested"),
        ):
            if odd:
                raise ComplaintError(f"{problem.name} gave a {what} tensor for {label}; expected plain values.")
        if value.numel() > TOO_MANY:
            raise ComplaintError(f"{label} has shape {tuple(value.shape)}: far too many values.")
    return tuple(values)


def _kind(value: Any) -> str:
    if value is None:
        return "None (is a `return` missing?)"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    article = "an" if type(value).__name__[0].lower() in "aeiou" else "a"
    return f"{article} {type(value).__name__}"


def _same(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and _equal(a, b)


def _describe(name: str, error: BaseException, functions: Mapping[str, Any], broken: str | None) -> str:
    """One sentence about an exception, with the deepest line that is the student's own; first of all a broken rule."""
    if broken:
        return f"{name} uses {broken}{_where(name, error, functions)}."
    if isinstance(error, NotImplementedError) and not error.args:
        return (
            f"{_stub(name, error, functions)} {NOT_WRITTEN}: put your code in place of `raise NotImplementedError()`."
        )
    if isinstance(error, KeyboardInterrupt):
        return f"{name} was stopped before it returned{_where(name, error, functions)}."
    message = _message(error)
    if "does not require grad" in message or "requires_grad" in message:
        return f"{name} asks for autograd{_where(name, error, functions)}: write the gradient by hand."
    return f"{name} raised {type(error).__name__}: {shorten(message)}{_where(name, error, functions)}"


def _stub(name: str, error: BaseException, functions: Mapping[str, Any]) -> str:
    """The student's function or method that is not written: `name`, or one that it calls."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    known = frame.f_globals is _globals_of(name, functions) or frame.f_globals is functions
    return frame.f_code.co_qualname.rpartition("<locals>.")[2] if known else name


def _globals_of(name: str, functions: Mapping[str, Any]) -> Mapping[str, Any]:
    return functions[name].__globals__ if isinstance(functions[name], FunctionType) else functions


def _message(error: BaseException) -> str:
    try:
        return " ".join(str(error).split()) or "no message"
    except Exception:
        return "its message cannot be read"


def _where(name: str, error: BaseException, functions: Mapping[str, Any]) -> str:
    own = _globals_of(name, functions)
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        if frame.f_globals is own or frame.f_globals is functions:
            source = linecache.getline(frame.f_code.co_filename, line).strip()
            return f" (line {line} of its cell: `{shorten(source)}`)" if source else f" (line {line} of its cell)"
    return ""


def shorten(text: str, limit: int = 200) -> str:
    """`text`, or its beginning when it is longer than `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
