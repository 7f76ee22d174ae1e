"""Answers that are alike: what is copied is found under other names, and what a problem forces is not."""

import pytest

from autograder.grading.graded import Answer, Class, Member, Task
from autograder.report.copies import pairs, statements
from autograder.report.page import write_copies

RELU, POOL = Task("ps", "check_relu", 4.0), Task("ps", "check_pool", 6.0)

# What everybody writes.
USUAL = "def relu(x):\n    out = x.clamp(min=0)\n    return out, x\n"
ODD = """def relu(x):
    flat = x.reshape(-1, 1).repeat(1, 3)
    picked = torch.stack([flat[:, 0] * 0, flat[:, 1]]).max(dim=0).values
    total = sum(picked[i:i + 1] for i in range(len(picked)))
    for step in range(3, 17, 4):
        picked = picked + 0 * step * total.sum()
    return picked.reshape(x.shape), (x, flat)
"""
COPIED = """def relu(inputs):
    # my own idea
    big = inputs.reshape(-1, 1).repeat(1, 3)
    best = torch.stack([big[:, 0] * 0, big[:, 1]]).max(dim=0).values
    s = sum(best[k:k + 1] for k in range(len(best)))

    for j in range(3, 17, 4):
        best = best + 0 * j * s.sum()
    return best.reshape(inputs.shape), (inputs, big)
"""
POOLS = [f"def pool(x):\n    size = {n} + 2\n    return x.unfold(2, size, {n}).amax(-1) * {n}\n" for n in range(40)]


def a_class(sources):
    members = tuple(
        Member(id, answers={RELU: Answer(4.0, source=relu), POOL: Answer(6.0, source=pool)})
        for id, (relu, pool) in sources.items()
    )
    return Class("ps", (RELU, POOL), members)


def others(count=20):
    return {f"student {n}": (USUAL.replace("out", f"out{n}"), POOLS[n]) for n in range(count)}


def found(sources, known=None):
    return [{member.id for member in pair.members} for pair in pairs(a_class(sources), known or {})]


def test_a_copy_is_found_under_other_names():
    assert found(others() | {"ann": (ODD, POOLS[30]), "ben": (COPIED, POOLS[31])}) == [{"ann", "ben"}]


def test_what_everybody_writes_is_no_copy():
    assert found(others()) == []


def test_what_stands_in_a_known_program_is_no_copy():
    sources = others() | {"ann": (ODD, POOLS[30]), "ben": (COPIED, POOLS[31])}
    assert found(sources, {"relu": [ODD.replace("flat", "known")]}) == []


def test_what_nobody_began_is_no_copy():
    blank = Answer(0.0, begun=False, source=ODD)
    members = tuple(Member(str(n), answers={RELU: blank, POOL: blank}) for n in range(5))
    assert pairs(Class("ps", (RELU, POOL), members), {}) == []


def test_a_little_in_each_of_several_functions_adds_up():
    lines = ODD.splitlines(keepends=True)
    half = "".join([*lines[:2], "    return flat\n"])
    pool = "def pool(x):\n    y = x[..., ::2].flip(-1) + 7 - 7\n    return y.sort(dim=-2).values[..., -1:, :]\n"
    sources = others() | {"ann": (half, pool), "ben": (half, pool.replace("y", "z"))}
    assert found(sources) == [{"ann", "ben"}]
    assert found(sources | {"ben": (half, POOLS[31])}) == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("y = x + 1", "z = w + 1", False),
        ("def f(x):\n    y = x + 1", "def f(a):\n    b = a + 1", True),
        ("def f(x):\n    y = x + x", "def f(x):\n    y = x + z", False),
        ("def f(x):\n    y = torch.exp(x)", "def f(x):\n    y = torch.log(x)", False),
        ("def f(x):\n    y = x + 1", "def f(x):\n    y = x + 2", False),
        ("def f(x):\n    y = (x\n        + 1)  # one", "def f(x):\n    y = x + 1", True),
        ("def f(x: int):\n    'Text.'\n    y = x + 1", "def f(x):\n    y = x + 1", True),
        ("def f(x):\n    for i in x:\n        pass", "def f(a):\n    for j in a:\n        a = j", None),
        ("def f(x:", "def f(x:", True),
        ("x = " + "(" * 5000, "", True),
    ],
)
def test_what_counts_as_the_same_statement(one, other, same):
    a, b = set(statements(one)), set(statements(other))
    if same is None:
        assert a < b
    else:
        assert (a == b) is same


def test_the_page_shows_both_and_runs_nothing(tmp_path):
    hostile = ODD.replace("total = sum", "'</pre><script>alert(1)</script>'\n    total = sum")
    of = a_class(others() | {"<b>ann": (hostile, POOLS[30]), "ben": (COPIED, POOLS[31])})
    page = write_copies(of, pairs(of, {}), tmp_path, tmp_path / "report").read_text()
    assert "<script" not in page
    assert "<b>ann" not in page
    assert "&lt;b&gt;ann" in page
    assert page.count("<mark>") == 12
    assert "no proof" in page


def test_two_of_four_hundred_are_found_and_nobody_else():
    """Each line of the others is shared by ten of them at least."""
    sources = {f"s{n}": (USUAL + f"    # {n}\n", POOLS[n % 40]) for n in range(400)}
    assert pairs(a_class(sources), {}) == []
    copied = sources | {"ann": (ODD, POOLS[30]), "ben": (COPIED, POOLS[31])}
    (found,) = pairs(a_class(copied), {})
    assert {member.id for member in found.members} == {"ann", "ben"}
