"""The kinds of call about classes of layers and about networks that are counted and looked at."""

import pytest
import torch
from exams import CPU, findings
from torch import nn

from autograder.calls import exchange
from autograder.calls.case import Case
from autograder.calls.kinds import real
from autograder.calls.models import counting, looking
from autograder.calls.modules import GRADIENT, OUT, STATE, module
from autograder.judge import Exam, grade
from autograder.problem import Problem
from autograder.references import ModuleOf, counts_of, looked_by, reals_of


def verdict(problem, f):
    """The verdict, which must be the same here and over the boundary."""
    exam = Exam(problem, 0, CPU)

    def ask(cases):
        answer = exchange.serve(exchange.ask(problem, cases, CPU), {problem.name: f})
        return exchange.read_answer(answer, problem, cases)

    here, there = grade(problem, {problem.name: f}, 0, CPU), exam.judge(exam.outcomes(ask))
    assert [(c.name, c.earned, c.findings) for c in here.criteria] == [
        (c.name, c.earned, c.findings) for c in there.criteria
    ]
    return here


def one(call, returns, arguments, expected, name="f", **fields):
    """A problem of two cases with the same arguments: an ordinary one, and one of the contract."""
    return Problem(
        name=name,
        call=call,
        returns=returns,
        cases=lambda generator: [Case(c, c, arguments, **fields) for c in ("values", "contract")],
        expected=expected,
        points={"values": 1, "contract": 1},
    )


class Net(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, 2, 1)
        self.bn = nn.BatchNorm2d(2)
        self.scale = nn.Parameter(torch.ones(2, 1, 1))

    def forward(self, x):
        return self.bn(self.conv(x)) * self.scale


def drawn(training=True):
    generator = torch.Generator().manual_seed(3)
    state = {
        name: torch.rand(value.shape, generator=generator, dtype=torch.float64) + 0.5
        if value.is_floating_point()
        else value
        for name, value in Net(3).state_dict().items()
    }
    x = torch.randn(2, 3, 4, 5, generator=generator, dtype=torch.float64)
    return {"x": x, "init": (3,), "state": state, "training": training}


DOUT = torch.randn(2, 2, 4, 5, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


def net_problem(training=True, dout=DOUT):
    returns = (OUT, GRADIENT, STATE)
    return one(module, returns, drawn(training), ModuleOf(Net, returns), name="Net", dout=dout)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dout", [DOUT, None])
def test_a_class_of_layers_is_made_filled_and_differentiated(training, dout):
    assert verdict(net_problem(training, dout), Net).score == 2


def with_forward(forward):
    return type("Net", (Net,), {"forward": forward})


def with_init(change):
    def init(self, channels):
        Net.__init__(self, channels)
        change(self)

    return type("Net", (Net,), {"__init__": init})


def renamed(net):
    net.norm = net.bn
    del net.bn


def reshaped(net):
    net.conv = nn.Conv2d(3, 2, 3)
    net.scale = nn.Parameter(torch.ones(2))


def many_more(net):
    for i in range(9):
        net.add_module(f"conv{i}", nn.Conv2d(1, 1, 1))


SAID = {
    "no module": (lambda channels: 7, "Net made an int; expected a torch.nn.Module."),
    "no class": (3, "Net is an int; expected a class."),
    "cannot be made": (lambda: 7, "Net raised TypeError"),
    "another name": (
        with_init(renamed),
        "Net holds other parameters than the text asks for: missing: bn; too many: norm.",
    ),
    "no bias": (
        with_init(lambda net: net.conv.register_parameter("bias", None)),
        "Net holds other parameters than the text asks for: missing: conv.bias.",
    ),
    "one parameter more": (
        with_init(lambda net: net.register_buffer("mask", torch.ones(2))),
        "Net holds other parameters than the text asks for: too many: mask.",
    ),
    "nine layers more": (
        with_init(many_more),
        "too many: conv0, conv1, conv2, conv3, conv4, conv5 and 3 more.",
    ),
    "another shape": (
        with_init(reshaped),
        "asks for: scale has the shape (2,), expected (2, 1, 1); conv.weight has the shape (2, 3, 3, 3), expected (2,",
    ),
    "raises": (with_forward(lambda self, x: x.nothing), "Net raised AttributeError"),
    "a pair": (with_forward(lambda self, x: (x, x)), "Net gave a tuple of 2 for out; expected a tensor."),
    "nothing": (with_forward(lambda self, x: None), "Net gave None (is a `return` missing?) for out"),
    "another shape of out": (
        with_forward(lambda self, x: Net.forward(self, x)[:, :1]),
        "out has shape (2, 1, 4, 5); expected (2, 2, 4, 5).",
    ),
    "no gradient at all": (
        with_forward(lambda self, x: Net.forward(self, x).detach()),
        "the gradient of x[",
    ),
    "no gradient for x": (
        with_forward(lambda self, x: Net.forward(self, x.detach())),
        "values are wrong. out and state after the call are right.",
    ),
    "no gradient for one parameter": (
        with_forward(lambda self, x: self.bn(self.conv(x)) * self.scale.data),
        "the gradient of scale[",
    ),
    "gradients that are told together": (
        with_forward(lambda self, x: self.bn(x[:, :2] * 0 + self.conv(x).detach()) * self.scale),
        "Wrong, too: the gradient of conv.weight.",
    ),
    "a parameter that is none": (
        with_init(lambda net: net.scale.requires_grad_(False)),
        "the gradient of scale[",
    ),
    "statistics that stay": (
        with_forward(
            lambda self, x: (
                nn.functional.batch_norm(self.conv(x), None, None, self.bn.weight, self.bn.bias, training=True)
                * self.scale
            )
        ),
        "after the call, bn.running_mean[",
    ),
    "no way back": (
        with_forward(lambda self, x: (lambda out: (out.relu_(), out.mul_(2))[0])(Net.forward(self, x).sigmoid())),
        "Net raised RuntimeError: one of the variables needed for gradient computation has been modified",
    ),
}


@pytest.mark.parametrize(("f", "sentence"), SAID.values(), ids=SAID.keys())
def test_what_is_wrong_with_a_class_is_said_in_a_sentence(f, sentence):
    found = verdict(net_problem(), f)
    assert found.score == 0
    assert sentence in findings(found)[0]


def test_what_changes_the_input_breaks_the_contract_alone():
    def in_place(self, x):
        out = Net.forward(self, x)
        x.add_(1)
        return out

    def on_what_is_its_own(self, x):
        return self.bn(self.conv(x)).mul_(self.scale)

    found = verdict(net_problem(dout=None), with_forward(in_place))
    assert found.score == 1
    assert "the call changed its input x; work on a copy" in findings(found)[0]
    # Where there is a way back, it needs x as it was.
    assert (
        "Net raised RuntimeError: one of the variables" in findings(verdict(net_problem(), with_forward(in_place)))[0]
    )
    assert verdict(net_problem(), with_forward(on_what_is_its_own)).score == 2


def test_autograd_stays_forbidden_where_the_gradient_is_the_exercise():
    asked = one(real, ("a", "b"), {"x": torch.ones(3)}, reals_of(lambda x: (2.0, 3.0)))

    def by_autograd(x):
        with torch.enable_grad():
            x = x.clone().requires_grad_()
            return float(torch.autograd.grad((x * x).sum(), x)[0][0]), 3.0

    assert verdict(asked, lambda x: [2, torch.tensor(3.0)]).score == 2
    assert "autograd: write the gradient by hand" in findings(verdict(asked, by_autograd))[0]
    assert "f gave a str for b; expected a number." in findings(verdict(asked, lambda x: (2.0, "3")))[0]
    assert "f returned a float; expected a tuple (a, b)." in findings(verdict(asked, lambda x: 2.0))[0]


LAYERS = (("conv", "conv", 2, 3, 1), ("bn", "batch norm of maps", 3), ("part.relu", "relu"))
STATE_OF_LAYERS = {
    "conv.weight": torch.rand(3, 2, 1, 1),
    "conv.bias": torch.rand(3),
    **{f"bn.{name}": torch.rand(3) + 0.5 for name in ("weight", "bias", "running_mean", "running_var")},
    "bn.num_batches_tracked": torch.tensor(2),
}
ROWS = [("conv", (3, 4), 12, 9, 24), ("bn", (3, 4), 12, 6, 0), ("part.relu", (3, 4), 12, 0, 0)]
COUNTED = one(
    counting,
    ("name", "output_shape", "activations", "parameters", "multiply_adds"),
    {"layers": LAYERS, "state": STATE_OF_LAYERS, "input_shape": (2, 4)},
    counts_of(lambda model, shape: ROWS),
)


def test_a_table_of_a_network_is_read_row_by_row():
    assert verdict(COUNTED, lambda model, shape: ROWS).score == 2
    assert verdict(COUNTED, lambda model, shape: tuple([n, list(s), *map(torch.tensor, r)] for n, s, *r in ROWS)).score


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (None, "f returned None (is a `return` missing?); expected a list of rows."),
        ("rows", "f returned a str; expected a list of rows."),
        ([row[:4] for row in ROWS], "f returned a tuple of 4"),
        ([("conv1", *row[1:]) for row in ROWS], "row 0 has a name that no layer has; expected 'conv'."),
        ([(7, *row[1:]) for row in ROWS], "row 0 has a name that no layer has; expected 'conv'."),
        (ROWS[::-1], "row 0 has the name 'part.relu'; expected 'conv'."),
        (ROWS[:2], "name has shape (2,); expected (3,)."),
        ([], "name has shape (0,); expected (3,)."),
        ([(row[0], 12, *row[2:]) for row in ROWS], "f gave an int for an output's shape; expected a tuple."),
        (
            [(row[0], (1, 3, 4, 1), *row[2:]) for row in ROWS],
            "f gave (1, 3, 4, 1) for an output's shape; expected it without the batch.",
        ),
        ([(row[0], (3.0, 4), *row[2:]) for row in ROWS], "f gave (3.0 (a float), 4) for an output's shape"),
        ([(*row[:4], 0.5) for row in ROWS], "f gave 0.5 (a float) for multiply_adds; expected whole numbers"),
        ([(*row[:4], 0) for row in ROWS], "multiply_adds[0] is 0; expected 24."),
    ],
)
def test_what_is_no_right_table(rows, sentence):
    assert sentence in findings(verdict(COUNTED, lambda model, shape: rows))[0]


def left_in_evaluation(model):
    model.eval()


def left_with_a_hook(model):
    model.conv.register_forward_hook(lambda *parts: None)


def called(model):
    model(torch.zeros(1, 2, 2, 2))


CHANGES = {
    left_in_evaluation: "model (its mode)",
    left_with_a_hook: "model (hooks are left in it)",
    called: "state['bn.running_mean']",
}


@pytest.mark.parametrize(("change", "what"), CHANGES.items(), ids=[change.__name__ for change in CHANGES])
def test_a_network_that_is_counted_is_left_as_it_was(change, what):
    found = verdict(COUNTED, lambda model, shape: (change(model), ROWS)[1])
    assert found.score == 1
    assert f"the call changed its input {what}" in findings(found)[0]


def test_a_network_is_looked_at_in_evaluation_mode():
    image = torch.rand(2, 4, 4)
    asked = one(
        looking,
        ("map",),
        {"layers": LAYERS, "state": STATE_OF_LAYERS, "image": image},
        looked_by(lambda model, image: model(image[None])[0, 0].detach()),
    )

    def look(model, image):
        assert not any(part.training for part in model.modules())
        return model(image[None])[0, 0]

    assert verdict(asked, look).score == 2
    left = verdict(asked, lambda model, image: (look(model, image), model.train())[0])
    assert left.score == 1
    assert "the call changed its input model (its mode)" in findings(left)[0]
