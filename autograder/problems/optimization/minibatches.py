"""`minibatches`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import batches
from autograder.measures.optimization import order
from autograder.problem import Measure, Problem, Target
from autograder.problems.drawing import whole
from autograder.problems.forbidden import BATCHERS
from autograder.programs import slip
from autograder.references import optimization as reference
from autograder.references import values_of

# Standard errors from what a random order gives to what is refused. Sums over a random order of hundreds are close to
# normal: a right program goes further once in 10^11 draws.
STANDARD_ERRORS = 7.0
# Of fewer indices than this chance has too much to say: there the order is not looked at.
MANY = 150


def _minibatches(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, n, batch_size):
        seeded = torch.Generator().manual_seed(int(torch.randint(2**31, (), generator=generator)))
        return Case(name, criterion, {"n": n, "batch_size": batch_size, "generator": seeded})

    n = whole(generator, 401, 460)
    n = n - n % 20 + 7
    return [
        case(f"n {n}, batch_size 20", "values", n, 20),
        case("n 384, batch_size 32: no rest", "values", 384, 32),
        case("n 10, batch_size 3", "edge cases", 10, 3),
        # Equal parts, as many as there are batches, have other sizes here.
        case("n 9, batch_size 4", "edge cases", 9, 4),
        case("batch_size 1", "edge cases", 6, 1),
        case("a batch as large as the data", "edge cases", 8, 8),
        case("a batch larger than the data", "edge cases", 5, 9),
        case("one sample", "edge cases", 1, 4),
        case("n 300, batch_size 16", "contract", 300, 16),
    ]


def _wanted(case: Case) -> tuple[Target, ...]:
    n, batch_size = case.arguments["n"], case.arguments["batch_size"]
    sizes = torch.tensor([float(len(part)) for part in torch.arange(n).split(batch_size)], dtype=torch.float64)
    together = float((sizes * (sizes - 1)).sum() / max(1, n * (n - 1)))
    same = float(sizes.square().sum() / n**2)

    def near(value: float, standard_error: float) -> Target:
        tolerance = STANDARD_ERRORS * standard_error if n >= MANY else 2.0
        return Target(torch.tensor(value, dtype=torch.float64), tolerance)

    return (
        Target(sizes),
        Target(torch.tensor(0.0)),
        # A half is far from both: with other batches the share is that of two epochs.
        Target(torch.tensor(1.0), 0.5 if n >= MANY else 2.0),
        near(0.0, max(1, n - 1) ** -0.5),
        # Pairs that share an index depend on each other a little: the half more is for that.
        near(together, 1.5 * (together * (1 - together) / max(1, n - 1)) ** 0.5),
        near(same, 1.5 * (same * (1 - same) / n) ** 0.5),
    )


PROBLEMS = (
    Problem(
        name="minibatches",
        call=batches,
        returns=("the list of sizes", "the list of indices", "the list of a second epoch", "the list of the same seed"),
        cases=_minibatches,
        expected=values_of(reference.minibatches),
        points={"values": 6, "edge cases": 3, "contract": 1},
        forbidden=BATCHERS,
        measured=Measure(
            (
                "size of the batches",
                "share of the indices that do not come once an epoch",
                "share of the indices that come in the same batch with the same seed",
                "correlation of an index and the number of its batch",
                "share of neighboring indices that are in one batch",
                "share of the indices that are in the same batch in two epochs",
            ),
            order,
            _wanted,
        ),
        modules=(__name__,),
    ),
)


def minibatches__split(n, batch_size, generator):
    return torch.randperm(n, generator=generator).split(batch_size)


def minibatches__slices(n, batch_size, generator):
    order = torch.randperm(n, generator=generator)
    return [order[start : start + batch_size] for start in range(0, n, batch_size)]


def minibatches__sorted_in_the_batch(n, batch_size, generator):
    order = torch.argsort(torch.rand(n, generator=generator, dtype=torch.float64))
    count = -(-n // batch_size)
    return [order[i * batch_size : (i + 1) * batch_size].sort().values for i in range(count)]


_CUT = "order[start : start + batch_size] for start in range(0, n, batch_size)"
slip(
    minibatches__slices,
    "stops_before_the_end",
    "A last batch of a single sample is left out: `range` does not reach its stop, so the stop is n.",
    ("range(0, n,", "range(0, n - 1,"),
)
slip(
    minibatches__slices,
    "empty_batch_at_the_end",
    "Where the batches have no rest, an empty one comes after them.",
    ("range(0, n,", "range(0, n + 1,"),
)
slip(
    minibatches__slices,
    "empty_batch_always",
    "After the last sample comes an empty batch.",
    ("range(0, n,", "range(0, n + batch_size,"),
)
slip(
    minibatches__slices,
    "starts_at_one",
    "The first index of the drawn order is in no batch: Python counts from 0.",
    ("range(0, n,", "range(1, n,"),
)
slip(
    minibatches__slices,
    "one_too_few_in_a_batch",
    "Every batch is one index short: a slice ends before its stop.",
    ("start + batch_size]", "start + batch_size - 1]"),
)
slip(
    minibatches__slices,
    "one_too_many_in_a_batch",
    "Batches share an index with the next one: a slice ends before its stop already.",
    ("start + batch_size]", "start + batch_size + 1]"),
)
slip(
    minibatches__slices,
    "stop_is_a_length",
    "Only the first batch has samples: the second number of a slice is a place, not a length.",
    ("start + batch_size]", "batch_size]"),
)
slip(
    minibatches__slices,
    "a_batch_from_every_index",
    "A batch begins at every index, so that they overlap: the starts lie batch_size apart.",
    ("range(0, n, batch_size)", "range(n)"),
)
slip(
    minibatches__slices,
    "starts_one_apart",
    "The number of batches is right, but they begin one index apart and overlap: the starts lie batch_size apart.",
    (_CUT, "order[start : start + batch_size] for start in range(-(-n // batch_size))"),
)
slip(
    minibatches__slices,
    "skips_an_index",
    "Between two batches an index is left out: the starts lie further apart than a batch is long.",
    ("range(0, n, batch_size)", "range(0, n, batch_size + 1)"),
)


def minibatches__drops_the_last(n, batch_size, generator):
    """The last batch is left out when it is short: its samples are never seen in this epoch."""
    order = torch.randperm(n, generator=generator)
    return [order[start : start + batch_size] for start in range(0, n - batch_size + 1, batch_size)]


def minibatches__with_replacement(n, batch_size, generator):
    """Some indices come twice in an epoch and others never: each is to come exactly once."""
    return list(torch.randint(n, (n,), generator=generator).split(batch_size))


def minibatches__not_shuffled(n, batch_size, generator):
    """The indices come in the order of the data: nothing is drawn."""
    return list(torch.arange(n).split(batch_size))


def minibatches__batches_shuffled(n, batch_size, generator):
    """The order of the batches is drawn, but neighbors in the data are always together in one."""
    blocks = torch.arange(n).split(batch_size)
    # The short one stays the last.
    full = [block for block in blocks if len(block) == batch_size]
    drawn = [full[i] for i in torch.randperm(len(full), generator=generator)]
    return drawn + [block for block in blocks if len(block) < batch_size]


def minibatches__global_state(n, batch_size, generator):
    """The generator is not used: the same seed gives other batches."""
    return list(torch.randperm(n).split(batch_size))


def minibatches__same_every_epoch(n, batch_size, generator):
    """Two epochs in a row have the same batches: the seed was set anew inside the function."""
    fresh = torch.Generator().manual_seed(generator.initial_seed())
    return list(torch.randperm(n, generator=fresh).split(batch_size))


def minibatches__last_filled_up(n, batch_size, generator):
    """The last batch is filled up with indices that came before: it may be short."""
    order = torch.randperm(n, generator=generator)
    missing = -n % batch_size
    order = torch.cat([order, order.repeat(batch_size)[:missing]])
    return list(order.split(batch_size))


def minibatches__number_of_batches(n, batch_size, generator):
    """batch_size was taken for the number of batches; it is the number of samples in one."""
    return list(torch.randperm(n, generator=generator).tensor_split(min(n, batch_size)))


def minibatches__even_parts(n, batch_size, generator):
    """The rest is spread over all batches: every batch but the last is to have batch_size samples."""
    count = -(-n // batch_size)
    return list(torch.randperm(n, generator=generator).tensor_split(count))


def minibatches__one_batch_too_few(n, batch_size, generator):
    """The rest is dealt to the other batches, which become too large: it is to be a short batch of its own."""
    return list(torch.randperm(n, generator=generator).chunk(max(1, n // batch_size)))


def minibatches__chunks(n, batch_size, generator):
    """The parts are as many as there are batches, but equal: every batch but the last is to have batch_size samples."""
    return list(torch.randperm(n, generator=generator).chunk(-(-n // batch_size)))


def minibatches__counts_from_one(n, batch_size, generator):
    """The indices go from 1 to n: in torch the first sample has the index 0."""
    return list((torch.randperm(n, generator=generator) + 1).split(batch_size))


def minibatches__floats(n, batch_size, generator):
    """The indices are not whole numbers: a tensor of floats is no index."""
    return list(torch.randperm(n, generator=generator).float().split(batch_size))
