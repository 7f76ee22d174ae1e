"""`LeNetC3`: cases, reference, right and wrong programs."""

# ruff: noqa: N801 (a program that answers a class is a class)

import functools

import torch

from autograder.calls.case import Case
from autograder.calls.modules import module
from autograder.problem import Problem
from autograder.problems.cnn_history.cases import PLAIN, block
from autograder.programs import slip
from autograder.references import ModuleOf
from autograder.references.cnn_history import lenet5 as reference


def _maps(generator: torch.Generator) -> list[Case]:
    case = functools.partial(block, reference.LeNetC3, generator, init=())
    return [
        case("14 x 14, as in the paper", "values", shape=(1, 6, 14, 14)),
        case("two images, taller than wide", "values", shape=(2, 6, 9, 7)),
        case("wider than tall", "edge cases", shape=(1, 6, 6, 8)),
        case("one position", "edge cases", shape=(2, 6, 5, 5), training=False),
        case("three images, float64", "contract", shape=(3, 6, 7, 6), dtype=torch.float64),
    ]


PROBLEMS = (
    Problem(
        name="LeNetC3",
        call=module,
        returns=PLAIN,
        cases=_maps,
        expected=ModuleOf(reference.LeNetC3, PLAIN),
        points={"values": 4, "edge cases": 1, "contract": 1},
        shares={PLAIN[0]: 3, PLAIN[1]: 1},
        modules=(__name__,),
    ),
)


class LeNetC3__table(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table = [
            [0, 1, 2],
            [1, 2, 3],
            [2, 3, 4],
            [3, 4, 5],
            [0, 4, 5],
            [0, 1, 5],
            [0, 1, 2, 3],
            [1, 2, 3, 4],
            [2, 3, 4, 5],
            [0, 3, 4, 5],
            [0, 1, 4, 5],
            [0, 1, 2, 5],
            [0, 1, 3, 4],
            [1, 2, 4, 5],
            [0, 2, 3, 5],
            [0, 1, 2, 3, 4, 5],
        ]
        self.maps = torch.nn.ModuleList([torch.nn.Conv2d(len(seen), 1, 5) for seen in self.table])

    def forward(self, x):
        outs = []
        for conv, seen in zip(self.maps, self.table, strict=True):
            outs.append(conv(x[:, seen]))
        return torch.cat(outs, dim=1)


class LeNetC3__by_rule(torch.nn.Module):
    def __init__(self):
        super().__init__()
        steps = [(0, 1, 2)] * 6 + [(0, 1, 2, 3)] * 6 + [(0, 1, 3, 4)] * 3 + [range(6)]
        starts = [*range(6), *range(6), *range(3), 0]
        self.seen = [sorted((a + s) % 6 for s in step) for a, step in zip(starts, steps, strict=True)]
        self.maps = torch.nn.ModuleList()
        for seen in self.seen:
            self.maps.append(torch.nn.Conv2d(len(seen), 1, kernel_size=(5, 5)))

    def forward(self, x):
        return torch.stack([f(x[:, s]).squeeze(1) for f, s in zip(self.maps, self.seen, strict=True)], 1)


class LeNetC3__one_convolution(torch.nn.Module):
    def __init__(self):
        super().__init__()
        text = "012 123 234 345 045 015 0123 1234 2345 0345 0145 0125 0134 1245 0235 012345"
        self.maps = torch.nn.ModuleList(torch.nn.Conv2d(len(word), 1, 5) for word in text.split())
        place = torch.zeros(16, 6, dtype=torch.bool)
        for row, word in enumerate(text.split()):
            place[row, [int(letter) for letter in word]] = True
        self.register_buffer("place", place, persistent=False)

    def forward(self, x):
        weight = x.new_zeros(16, 6, 5, 5)
        weight[self.place] = torch.cat([conv.weight[0] for conv in self.maps])
        return torch.nn.functional.conv2d(x, weight, torch.cat([conv.bias for conv in self.maps]))


slip(
    LeNetC3__by_rule,
    "table_shifted",
    "The table is one map off: the first of the sixteen maps begins with the first map of its input.",
    ("(a + s) % 6", "(a + s + 1) % 6"),
)
slip(
    LeNetC3__by_rule,
    "not_ascending",
    "Where the table goes around its end, the maps are not in ascending order: 4, 5, 0 is read as 0, 4, 5.",
    ("sorted((a + s) % 6 for s in step)", "[(a + s) % 6 for s in step]"),
)
slip(
    LeNetC3__table,
    "typed_as_they_follow",
    "Where the table goes around its end, the maps are not in ascending order: 4, 5, 0 is read as 0, 4, 5.",
    ("            [0, 4, 5],\n            [0, 1, 5],", "            [4, 5, 0],\n            [5, 0, 1],"),
    (
        "            [0, 3, 4, 5],\n            [0, 1, 4, 5],\n            [0, 1, 2, 5],",
        "            [3, 4, 5, 0],\n            [4, 5, 0, 1],\n            [5, 0, 1, 2],",
    ),
)
slip(
    LeNetC3__table,
    "fours_always_neighbours",
    "Of the nine maps that see four, the last three do not see four neighbours: there is a gap in the middle.",
    (
        "            [0, 1, 3, 4],\n            [1, 2, 4, 5],\n            [0, 2, 3, 5],",
        "            [0, 1, 2, 3],\n            [1, 2, 3, 4],\n            [2, 3, 4, 5],",
    ),
)
slip(
    LeNetC3__table,
    "gap_at_another_place",
    "The gap of the last three maps that see four is at the wrong place: two neighbours, a gap, two neighbours.",
    (
        "            [0, 1, 3, 4],\n            [1, 2, 4, 5],\n            [0, 2, 3, 5],",
        "            [0, 1, 2, 4],\n            [1, 2, 3, 5],\n            [0, 2, 3, 4],",
    ),
)
slip(
    LeNetC3__table,
    "does_not_go_around",
    "The table goes around its end: the fifth map sees the last two and the first.",
    ("            [0, 4, 5],\n            [0, 1, 5],", "            [3, 4, 5],\n            [3, 4, 5],"),
)
slip(
    LeNetC3__table,
    "activated",
    "An activation function is applied; this layer ends with its convolutions.",
    ("        return torch.cat(outs, dim=1)", "        return torch.tanh(torch.cat(outs, dim=1))"),
)
slip(
    LeNetC3__table,
    "padded",
    "The images are padded: without padding, 14 pixels become 10.",
    ("torch.nn.Conv2d(len(seen), 1, 5)", "torch.nn.Conv2d(len(seen), 1, 5, padding=2)"),
)
slip(
    LeNetC3__table,
    "from_the_last",
    "The sixteen maps come out in the wrong order, the last one first.",
    ("        return torch.cat(outs, dim=1)", "        return torch.cat(outs[::-1], dim=1)"),
)
