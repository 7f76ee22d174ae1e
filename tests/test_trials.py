"""The experiments of the book: what a trial trains, tells and compares."""

import math

import pytest
import torch
from torch import nn

from autograder.trials import SEEDS, SideBySide, Task, Trial, best, cross_entropies, right, span, train, trial, trials


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


def normalized(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))


def test_networks_that_are_trained_side_by_side_are_those_that_are_trained_one_by_one():
    found = trials(normalized, TASK, (0.1, 0.5), 30)
    assert [one.rate for one in found] == [0.1, 0.5]
    for one in found:
        alone = trial(normalized, TASK, one.rate, 30)
        assert torch.allclose(one.losses, alone.losses, atol=1e-4)
        assert one.right == pytest.approx(alone.right)


@pytest.mark.parametrize("rule", [torch.optim.SGD, torch.optim.Adam, torch.optim.RMSprop])
def test_networks_side_by_side_learn_by_the_rule_at_the_rate_of_their_block(rule):
    rates = (0.01, 0.001)
    nets = [normalized(seed).double() for _ in rates for seed in SEEDS]
    for net in nets:
        net[0].bias.requires_grad = False
    both = SideBySide(nets, len(rates))
    optimizer = rule([{"params": block, "lr": rate} for block, rate in zip(both.blocks, rates, strict=True)])
    inputs, labels = TASK.inputs.double().view(4, 50, 2), TASK.labels.view(4, 50)
    for x, y in zip(inputs, labels, strict=True):
        both.backward(cross_entropies(both(x.expand(6, 50, 2)), y.expand(6, 50)))
        optimizer.step()
    for place, net in enumerate(nets):
        alone = normalized(place % 3).double()
        alone[0].bias.requires_grad = False
        optimizer = rule([p for p in alone.parameters() if p.requires_grad], lr=rates[place // 3])
        for x, y in zip(inputs, labels, strict=True):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(alone(x), y).backward()
            optimizer.step()
        for found, expected in zip(net.state_dict().values(), alone.state_dict().values(), strict=True):
            assert torch.allclose(found, expected)


def test_what_is_no_number_any_more_is_told_beside_a_run_that_goes_well():
    well, badly = trials(line, TASK, (0.1, math.inf), 20)
    assert well.losses.isfinite().all()
    assert badly.losses[:, 0].isfinite().all()
    assert badly.losses[:, -1].isnan().all()
    assert min(well.right) > 60


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
