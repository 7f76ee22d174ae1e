"""`markov_fit`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.forbidden import PAIR_COUNTS
from autograder.programs import slip
from autograder.references import sequences as reference
from autograder.references import value_of


def _markov(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, sequence, states, **how):
        arguments = {"sequence": torch.as_tensor(sequence, dtype=torch.int64), "states": states}
        return Case(name, criterion, arguments, **how)

    def walk(states, *ends):
        """Pairs of unequal numbers, drawn by chance, between fixed ones; every state is left at least once."""
        every = torch.randperm(states, generator=generator).tolist()
        drawn = (torch.rand(40, generator=generator).square() * states).long().tolist()
        return [*every, *drawn, *ends]

    # The last pair comes once, and its first state is left for others too.
    return [
        case("3 states", "values", walk(2, 0, 1, 2, 0, 0, 2, 1, 1, 0, 2, 2), 3),
        case("5 states", "values", walk(4, 0, 4, 0, 1, 4, 4, 2, 0, 4, 3), 5),
        case("the last state is never left", "edge cases", walk(3, 0, 3), 4),
        case("states that do not occur", "edge cases", walk(3, 0, 1, 1, 0, 2), 6),
        case("one state", "edge cases", [0, 0, 0, 0], 1),
        case("a sequence of length 2", "edge cases", [1, 2], 4),
        case("a sequence of length 1", "edge cases", [2], 3),
        case("a sequence with gaps in memory", "contract", walk(3, 0, 2, 1), 3, layout="strided"),
    ]


PROBLEMS = (
    Problem(
        name="markov_fit",
        call=function,
        returns=("transition",),
        cases=_markov,
        expected=value_of(reference.markov_fit),
        points={"values": 5, "edge cases": 3, "contract": 1},
        forbidden=PAIR_COUNTS,
        modules=(__name__,),
    ),
)


def markov_fit__pair_by_pair(sequence, states):
    counts = torch.zeros(states, states, dtype=torch.float32, device=sequence.device)
    numbers = sequence.tolist()
    for i in range(len(numbers) - 1):
        counts[numbers[i], numbers[i + 1]] += 1
    return counts / counts.sum(dim=1, keepdim=True).clamp(min=1)


def markov_fit__bincount(sequence, states):
    pairs = sequence[:-1] * states + sequence[1:]
    counts = torch.bincount(pairs, minlength=states * states).reshape(states, states).float()
    return torch.nn.functional.normalize(counts, p=1, dim=1)


def markov_fit__one_hot(sequence, states):
    hot = torch.nn.functional.one_hot(sequence, states).float()
    counts = hot[:-1].T @ hot[1:]
    return torch.nan_to_num(counts / counts.sum(1)[:, None], nan=0.0)


def markov_fit__accumulated(sequence, states):
    counts = torch.zeros(states, states, device=sequence.device)
    ones = torch.ones(len(sequence) - 1, device=sequence.device)
    counts.index_put_((sequence[:-1], sequence[1:]), ones, accumulate=True)
    for row in counts:
        if row.sum() > 0:
            row /= row.sum()
    return counts


def markov_fit__row_by_row(sequence, states):
    rows = []
    for state in range(states):
        following = sequence[1:][sequence[:-1] == state]
        shares = torch.zeros(states, device=sequence.device)
        for other in range(states):
            if len(following):
                shares[other] = (following == other).sum() / len(following)
        rows.append(shares)
    return torch.stack(rows)


def markov_fit__dictionary(sequence, states):
    from collections import defaultdict

    table = defaultdict(lambda: [0] * states)
    for i in range(1, len(sequence)):
        table[int(sequence[i - 1])][int(sequence[i])] += 1
    rows = [[count / max(sum(table[state]), 1) for count in table[state]] for state in range(states)]
    return torch.tensor(rows, dtype=torch.float32, device=sequence.device)


slip(
    markov_fit__pair_by_pair,
    "columns_are_left",
    "Rows and columns are exchanged: a row belongs to the state that is left.",
    (
        "return counts / counts.sum(dim=1, keepdim=True).clamp(min=1)",
        "counts /= counts.sum(1, True).clamp(min=1)\n    return counts.T",
    ),
)

slip(
    markov_fit__pair_by_pair,
    "backward_in_time",
    "The pairs are read backward: the shares are those of what came before a state, not of what comes next.",
    ("counts[numbers[i], numbers[i + 1]]", "counts[numbers[i + 1], numbers[i]]"),
)

slip(
    markov_fit__pair_by_pair,
    "counts",
    "These are counts: each row must be divided by its sum.",
    (" / counts.sum(dim=1, keepdim=True).clamp(min=1)", ""),
)

slip(
    markov_fit__pair_by_pair,
    "columns_sum_to_one",
    "The columns were divided by their sums; the shares of one row belong together.",
    ("counts.sum(dim=1, keepdim=True)", "counts.sum(dim=0, keepdim=True)"),
)

slip(
    markov_fit__pair_by_pair,
    "shares_of_all_pairs",
    "All counts were divided by one number, that of all pairs: each row is a distribution of its own.",
    ("counts.sum(dim=1, keepdim=True)", "counts.sum()"),
)

slip(
    markov_fit__pair_by_pair,
    "nan",
    "0 was divided by 0: look at a state that is never left.",
    (".clamp(min=1)", ""),
)

slip(
    markov_fit__pair_by_pair,
    "uniform",
    "A state that is never left got equal shares: nothing was counted there, so its row is zeros.",
    ("return counts", "counts[counts.sum(1) == 0] = 1\n    return counts"),
)

slip(
    markov_fit__pair_by_pair,
    "stays",
    "A state that is never left got a share for staying: nothing was counted there, so its row is zeros.",
    (
        "return counts",
        "counts += torch.diag((counts.sum(1) == 0).float())\n    return counts",
    ),
)

slip(
    markov_fit__pair_by_pair,
    "last_pair_dropped",
    "The last pair was not counted: a sequence has one pair less than it has members.",
    ("range(len(numbers) - 1)", "range(len(numbers) - 2)"),
)

slip(
    markov_fit__pair_by_pair,
    "first_pair_dropped",
    "The first pair was not counted: a sequence has one pair less than it has members.",
    ("range(len(numbers) - 1)", "range(1, len(numbers) - 1)"),
)

slip(
    markov_fit__pair_by_pair,
    "smoothed",
    "Every pair was counted once more than it occurs: a pair that never occurs has the share 0.",
    ("torch.zeros(", "torch.ones("),
)

slip(
    markov_fit__pair_by_pair,
    "divided_by_visits",
    "A row was divided by how often its state occurs: at the end of the sequence it occurs and is not left.",
    (
        "counts.sum(dim=1, keepdim=True)",
        "torch.bincount(sequence, minlength=states)[:, None]",
    ),
)

slip(
    markov_fit__pair_by_pair,
    "closed_to_a_ring",
    "A pair was counted that is none: the last member and the first.",
    ("range(len(numbers) - 1)", "range(-1, len(numbers) - 1)"),
)

slip(
    markov_fit__pair_by_pair,
    "each_pair_once",
    "A pair that comes again was not counted again; += with a tensor of indices writes once where they repeat.",
    ("numbers[i + 1]] += 1", "numbers[i + 1]] = 1"),
)

slip(
    markov_fit__pair_by_pair,
    "states_seen",
    "The matrix has too few rows: states says how many there are, whether they occur or not.",
    (
        "numbers = sequence",
        "states = int(sequence.max()) + 1\n    counts = counts[:states, :states]\n    numbers = sequence",
    ),
)

slip(
    markov_fit__pair_by_pair,
    "double",
    "The matrix is float64; float32 is asked for.",
    ("dtype=torch.float32", "dtype=torch.float64"),
)
