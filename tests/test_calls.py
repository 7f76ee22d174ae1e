"""Whatever a student's function does becomes one clear sentence."""

import contextlib
import math
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import pytest
import torch
from sets import solutions_of

from autograder.calls.case import Case, same
from autograder.calls.run import run
from autograder.expected import draw
from autograder.judge import grade
from autograder.problems import problems

CPU = torch.device("cpu")


def complaint(name, *, forward=None, **functions):
    """What the first case of `name` says about the functions given."""
    problem = problems()[name]
    return run(problem, draw(problem, 0)[0], functions, CPU).complaint


def right(x):
    return x.clamp(min=0), x


SENTENCES = {
    "nothing defined": ({}, "relu_forward is not defined: run the cell that defines it"),
    "not a function": ({"relu_forward": 3}, "relu_forward is an int; expected a function."),
    "no cache": (
        {"relu_forward": lambda x: x.clamp(min=0)},
        "returned a Tensor; expected a tuple (out, cache).",
    ),
    "nothing returned": ({"relu_forward": lambda x: None}, "None (is a `return` missing?); expected a tuple"),
    "too many": ({"relu_forward": lambda x: (x, x, x)}, "a tuple of 3; expected a tuple (out, cache)."),
    "a list of numbers": (
        {"relu_forward": lambda x: (x.tolist(), x)},
        "gave a list of 4 for out; expected a tensor.",
    ),
    "a sparse tensor": (
        {"relu_forward": lambda x: (x.to_sparse(), x)},
        "gave a sparse_coo tensor for out; expected plain values.",
    ),
    "a meta tensor": ({"relu_forward": lambda x: (x.to("meta"), x)}, "gave a meta tensor for out"),
    "wrong signature": ({"relu_forward": lambda: None}, "raised TypeError"),
    "exit": ({"relu_forward": lambda x: sys.exit(3)}, "raised SystemExit: 3"),
    "no message": ({"relu_forward": lambda x: next(iter(()))}, "raised StopIteration: no message"),
}


@pytest.mark.parametrize(("functions", "sentence"), SENTENCES.values(), ids=SENTENCES.keys())
def test_the_sentence(functions, sentence):
    assert sentence in complaint("relu_forward", **functions)


def test_a_tensor_of_two_rows_is_no_tuple():
    assert "returned a Tensor" in complaint("relu_forward", relu_forward=lambda x: x[:2])


def test_the_student_s_own_line_is_named():
    def relu_forward(x):
        cut = x[x > 0].reshape(x.shape)
        return cut, x

    line = relu_forward.__code__.co_firstlineno + 1
    said = complaint("relu_forward", relu_forward=relu_forward)
    assert said.startswith("relu_forward raised RuntimeError: shape")
    assert said.endswith(f"(line {line} of its cell: `cut = x[x > 0].reshape(x.shape)`)")


def test_the_deepest_line_of_the_student_s_is_named():
    def helper(x):
        raise ValueError("not like this")

    said = complaint("relu_forward", relu_forward=lambda x: helper(x))
    assert '`raise ValueError("not like this")`' in said


def test_a_line_of_torch_is_not_taken_for_the_student_s():
    namespace = {"torch": torch, "pad": torch.nn.functional.pad}
    exec("def relu_forward(x):\n    return pad(x, (1, 1), mode='sideways'), x", namespace)
    problem = problems()["relu_forward"]
    assert "(line 2 of its cell" in run(problem, draw(problem, 0)[0], namespace, CPU).complaint


def test_an_exception_that_cannot_be_printed_is_told():
    class SilentError(Exception):
        def __str__(self):
            raise RuntimeError

    def relu_forward(x):
        raise SilentError

    assert "raised SilentError: its message cannot be read" in complaint("relu_forward", relu_forward=relu_forward)


def test_an_interrupt_is_told_and_no_further_call_is_made():
    calls = []

    def relu_forward(x):
        calls.append(1)
        raise KeyboardInterrupt

    verdict = grade(problems()["relu_forward"], {"relu_forward": relu_forward}, 0, CPU)
    assert verdict.criteria[0].findings[0].startswith("relu_forward was stopped before it returned")
    assert len(calls) == 1


class Sulking:
    """A callable that answers no question about itself."""

    def __call__(self, x):
        raise ValueError("no")

    def __getattr__(self, name):
        raise RuntimeError(name)


class Endless(tuple):
    """A tuple that does not tell its length."""

    __slots__ = ()

    def __len__(self):
        raise RuntimeError("never")


UNREADABLE = {
    "a view of one number": (lambda x: (torch.zeros(1).expand(10**6, 10**6), x), "far too many values"),
    "float8": (lambda x: (x.to(torch.float8_e4m3fn), x), "gave a float8_e4m3fn tensor for out"),
    "quantized": (lambda x: (torch.quantize_per_tensor(x.float(), 0.1, 0, torch.qint8), x), "gave a qint8 tensor"),
    "a tuple without a length": (lambda x: Endless((x, x)), "cannot be read (RuntimeError: never)"),
    "a sulking callable": (Sulking(), "raised ValueError: no"),
}


@pytest.mark.parametrize(("relu_forward", "sentence"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_read_becomes_a_sentence(relu_forward, sentence):
    assert sentence in complaint("relu_forward", relu_forward=relu_forward)


def test_a_backward_s_forward_is_named():
    assert complaint("relu_backward", relu_backward=lambda dout, cache: dout).startswith("relu_forward is not defined")


def test_a_backward_with_several_gradients_returns_a_tuple():
    said = complaint("prelu_backward", **{**solutions_of("activations"), "prelu_backward": lambda dout, cache: dout})
    assert said == "prelu_backward returned a Tensor; expected a tuple (dx, dweight)."


def test_a_cache_may_be_anything():
    class Cache:
        __slots__ = ("x",)

    def relu_forward(x):
        cache = Cache()
        cache.x = x
        return x.clamp(min=0), cache

    functions = {"relu_forward": relu_forward, "relu_backward": lambda dout, cache: dout * (cache.x > 0)}
    verdict = grade(problems()["relu_backward"], functions, 0, CPU)
    assert verdict.score == verdict.maximum


def contract_finding(name, **functions):
    """What the contract says, where the contract alone is broken."""
    verdict = grade(problems()[name], functions, 0, CPU)
    assert [c.name for c in verdict.criteria if not c.earned] == ["contract"]
    return verdict.criteria[-1].findings[0]


def test_a_global_is_no_cache():
    kept = {}

    def relu_forward(x):
        kept["x"] = x
        return x.clamp(min=0), None

    said = contract_finding(
        "relu_backward", relu_forward=relu_forward, relu_backward=lambda dout, cache: dout * (kept["x"] > 0)
    )
    assert said.startswith("another call before this one's results are used")


def test_a_global_is_no_place_for_an_option():
    kept = {}

    def leaky_relu_forward(x, negative_slope=0.01):
        kept["slope"] = negative_slope
        return torch.where(x > 0, x, negative_slope * x), x

    def leaky_relu_backward(dout, x):
        return torch.where(x > 0, dout, kept["slope"] * dout)

    said = contract_finding(
        "leaky_relu_backward", leaky_relu_forward=leaky_relu_forward, leaky_relu_backward=leaky_relu_backward
    )
    assert said.startswith("another call before this one's results are used")


def test_an_output_that_the_next_call_overwrites_is_found():
    buffer = {}

    def relu_forward(x):
        out = buffer.setdefault((x.shape, x.dtype), torch.empty(x.shape, dtype=x.dtype))
        out.copy_(x.clamp(min=0))
        return out, x

    said = contract_finding("relu_forward", relu_forward=relu_forward)
    assert said.startswith("another call before this one's results are used")


def test_a_backward_that_destroys_the_forward_s_output_is_found():
    functions = {
        "sigmoid_forward": lambda x: (1 / (1 + torch.exp(-x)),) * 2,
        "sigmoid_backward": lambda dout, out: out.mul_(1 - out).mul_(dout),
    }
    assert "the call changed the forward's out; work on a copy" in contract_finding("sigmoid_backward", **functions)


def test_a_nan_that_stays_is_no_change():
    """What overflowed on the way forward is not changed on the way back."""
    functions = {
        "sigmoid_forward": lambda x: (torch.exp(x) / (1 + torch.exp(x)), x),
        "sigmoid_backward": lambda dout, x: dout * torch.sigmoid(x) * torch.sigmoid(-x),
    }
    problem = problems()["sigmoid_backward"]
    case = Case("far right", "edge cases", {"x": torch.tensor([1e4, 0.5])}, torch.ones(2))
    assert run(problem, case, {**functions, "sigmoid_backward": lambda dout, x: dout}, CPU).modified == ()
    functions["sigmoid_backward"] = lambda dout, x: x.sub_(1)
    assert run(problem, case, functions, CPU).modified == ("x",)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_what_counts_as_a_change_of_an_input(dtype, any_device):
    nan = torch.tensor([math.nan, 1.0, -0.0], dtype=dtype, device=any_device)
    assert same(nan, nan.clone())
    assert not same(nan, torch.tensor([math.nan, 2.0, -0.0], dtype=dtype, device=any_device))
    assert not same(nan, torch.tensor([0.0, 1.0, -0.0], dtype=dtype, device=any_device))
    zeros = torch.zeros(2, dtype=dtype, device=any_device)
    assert same(zeros, -zeros), "equal numbers are no change"
    assert not same(zeros, zeros.float() if dtype != torch.float32 else zeros.double())
    transposed = nan.expand(2, 3).T
    assert same(transposed, transposed.clone(memory_format=torch.contiguous_format))


FORBIDDEN = {
    "torch.relu": lambda x: (torch.relu(x), x),
    "method": lambda x: (x.relu(), x),
    "functional": lambda x: (torch.nn.functional.relu(x), x),
    "module": lambda x: (torch.nn.ReLU()(x), x),
    "in place on a copy": lambda x: (x.clone().relu_(), x),
    "leaky with slope 0": lambda x: (torch.nn.functional.leaky_relu(x, 0.0), x),
    "prelu": lambda x: (torch.nn.functional.prelu(x, torch.zeros(1, dtype=x.dtype)), x),
    "aten": lambda x: (torch.ops.aten.relu(x), x),
    "elu with alpha 0": lambda x: (torch.nn.functional.elu(x, 0.0), x),
    "rrelu": lambda x: (torch.nn.functional.rrelu(x, 0.0, 0.0, training=True), x),
}


@pytest.mark.parametrize("relu_forward", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_the_exercise_itself_is_not_allowed(relu_forward):
    verdict = grade(problems()["relu_forward"], {"relu_forward": relu_forward}, 0, CPU)
    assert verdict.score == 0
    assert "which is the exercise itself" in verdict.criteria[0].findings[0]


def test_a_forbidden_operation_cannot_be_hidden_in_a_try():
    def relu_forward(x):
        with contextlib.suppress(Exception):
            torch.relu(x)
        return x.clamp(min=0), x

    assert "exercise itself" in complaint("relu_forward", relu_forward=relu_forward)


def autograd(dout, cache):
    with torch.enable_grad():
        x = cache.detach().requires_grad_()
        (x.clamp(min=0) * dout).sum().backward()
    return x.grad


def autograd_without_asking(dout, cache):
    x = cache.detach().requires_grad_()
    return torch.autograd.grad((x.clamp(min=0) * dout).sum(), x)[0]


def vjp(dout, cache):
    return torch.func.vjp(lambda x: torch.where(x > 0, x, 0), cache)[1](dout)[0]


def grad(dout, cache):
    return torch.func.grad(lambda x: (x.clamp(min=0) * dout).sum())(cache)


def jvp(dout, cache):
    return dout * torch.func.jvp(lambda x: x.clamp(min=0), (cache,), (torch.ones_like(cache),))[1]


def autograd_in_a_thread(dout, cache):
    with ThreadPoolExecutor() as pool:
        return pool.submit(autograd, dout, cache).result()


def autograd_in_a_subclass_of_thread(dout, cache):
    class Worker(Thread):
        def run(self):
            self.found = autograd(dout, cache)

    worker = Worker()
    worker.start()
    worker.join()
    return worker.found


WAYS = [autograd, autograd_without_asking, vjp, grad, jvp, autograd_in_a_thread, autograd_in_a_subclass_of_thread]


@pytest.mark.parametrize("relu_backward", WAYS)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_autograd_is_not_allowed(relu_backward):
    said = complaint("relu_backward", relu_forward=right, relu_backward=relu_backward)
    assert "autograd" in said
    assert "write the gradient by hand" in said


def test_the_forward_may_break_its_own_rules_where_the_backward_is_judged():
    functions = {
        "relu_forward": lambda x: (torch.relu(x), x),
        "relu_backward": lambda dout, cache: dout * (cache > 0),
    }
    verdict = grade(problems()["relu_backward"], functions, 0, CPU)
    assert verdict.score == verdict.maximum


def test_noise_on_stderr_goes_to_stdout(capsys):
    def relu_forward(x):
        print("debugging", file=sys.stderr)
        return right(x)

    assert complaint("relu_forward", relu_forward=relu_forward) is None
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out == "debugging\n"


def test_inputs_lie_in_memory_in_more_than_one_way():
    seen = set()

    def relu_forward(x):
        seen.add((*sorted(range(x.dim()), key=x.stride), x.is_contiguous()))
        return right(x)

    grade(problems()["relu_forward"], {"relu_forward": relu_forward}, 0, CPU)
    assert {(1, 0, True), (1, 0, False), (0, 1, False)} <= seen
