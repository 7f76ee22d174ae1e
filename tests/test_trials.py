"""The experiments of the book: what a trial trains, tells and compares."""

import math

import pytest
import torch
from torch import nn

from autograder.trials import SEEDS, Task, Trial, best, right, span, train, trial, trials


def two_clouds():
    """Two clouds that a line tells apart: 200 samples to learn from, 100 to test with."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(300) % 2
    inputs = torch.randn(300, 2, generator=generator) + 4 * labels[:, None]
    return Task(inputs[:200], labels[:200], inputs[200:], labels[200:])


TASK = two_clouds()


def line(seed):
    torch.manual_seed(seed)
    return nn.Linear(2, 2)


def test_a_trial_trains_one_network_for_each_seed():
    found = trial(line, TASK, 0.1, 60)
    assert found.losses.shape == (len(SEEDS), 60)
    assert len({tuple(losses.tolist()) for losses in found.losses}) == len(SEEDS)
    assert len(found.right) == len(SEEDS)
    assert min(found.right) > 90
    assert torch.equal(found.end, found.losses[:, -20:].mean(1))


def test_the_same_seed_gives_the_same_run():
    assert torch.equal(train(line(1), TASK, 0.1, 10, seed=1), train(line(1), TASK, 0.1, 10, seed=1))
    assert not torch.equal(train(line(1), TASK, 0.1, 10, seed=1), train(line(1), TASK, 0.1, 10, seed=2))


def test_a_step_is_one_of_plain_gradient_descent():
    net = line(0)
    before = net.weight.detach().clone()
    seen = []

    def watch(step, batch, loss):
        seen.append((step, len(batch), loss, net.weight.grad.clone(), net.weight.detach().clone()))

    losses = train(net, TASK, 0.25, 1, watch=watch)
    ((step, size, loss, gradient, at),) = seen
    assert (step, size, loss) == (0, 64, losses[0])
    assert torch.equal(at, before)
    assert torch.allclose(net.weight, before - 0.25 * gradient)


def test_what_is_no_number_any_more_ends_the_run_and_is_told():
    losses = train(line(0), TASK, math.inf, 20)
    assert losses[0].isfinite()
    assert losses[-1].isnan()


def test_a_network_is_tested_as_it_is_used():
    net = nn.Sequential(nn.Dropout(1.0), line(0)).train()
    assert right(net, TASK.test_inputs, TASK.test_labels) == right(net[1], TASK.test_inputs, TASK.test_labels)


def ended(*losses, rate=1.0):
    return Trial(rate, torch.tensor(losses).repeat(30, 1).T, (0.0,) * len(losses))


@pytest.mark.parametrize(
    ("trials", "rate"),
    [
        ([ended(0.3, 0.5, rate=1), ended(0.1, 0.2, rate=2)], 2),
        ([ended(0.0, math.nan, rate=1), ended(5.0, 5.0, rate=2)], 2),
        ([ended(math.nan, rate=1), ended(math.nan, rate=2)], 1),
    ],
    ids=["lower loss", "one seed fails", "all fail"],
)
def test_the_best_trial_ends_lowest_over_all_its_seeds(trials, rate):
    assert best(trials).rate == rate


@pytest.mark.parametrize(
    ("values", "form", "text"),
    [
        ([3.2, 1.1, 2.0], ".1f", "1.1 to 3.2"),
        ([55, 20, 50], "d", "20 to 55"),
        ([3.2, 2.8], ".0f", "3"),
        (torch.tensor([1.0, 2.0]), ".0f", "1 to 2"),
    ],
)
def test_a_span_tells_the_lowest_and_the_highest(values, form, text):
    assert span(values, form) == text


def test_trials_side_by_side_are_those_one_after_another():
    def deep(seed):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(2, 5), nn.PReLU(), nn.Linear(5, 2))

    for found, wanted in zip(
        trials(deep, TASK, (0.03, 0.3), 30), [trial(deep, TASK, rate, 30) for rate in (0.03, 0.3)], strict=True
    ):
        assert found.rate == wanted.rate
        assert torch.allclose(found.losses, wanted.losses, atol=1e-4)
        assert found.right == wanted.right
    assert trials(line, TASK, (0.1, math.inf), 20)[1].losses[:, -1].isnan().all()
