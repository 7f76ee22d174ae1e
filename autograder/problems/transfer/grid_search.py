"""`grid_search`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.spaces import combinations
from autograder.problem import Problem
from autograder.problems.drawing import whole
from autograder.programs import slip
from autograder.references import transfer as reference
from autograder.references import value_of


def _spaces(generator: torch.Generator) -> list[Case]:
    def rates(count):
        return [10 ** (-whole(generator, 10, 13) / 4 - i) for i in range(count)]

    def sizes(count):
        return [whole(generator, 1, 9) + 10 * i for i in range(count)]

    def case(name, criterion, **space):
        return Case(name, criterion, {"space": space})

    return [
        case("two names", "values", lr=rates(3), batch_size=sizes(2)),
        case("three names, 2 x 4 x 3 values", "values", width=sizes(2), lr=rates(4), decay=rates(3)),
        case("three names, equally many values", "values", lr=rates(2), decay=rates(2), width=sizes(2)),
        case("one name", "edge cases", lr=rates(4)),
        case("no name", "edge cases"),
        case("a name with one value", "edge cases", lr=rates(3), width=sizes(1), decay=rates(2)),
        case("a name without values", "edge cases", lr=rates(3), width=[]),
        case(
            "words, None, truth values, tuples and tensors' sizes",
            "edge cases",
            optimizer=["sgd", "adam"],
            schedule=[None, "cosine"],
            nesterov=[False, True],
            layers=[(sizes(1)[0],), tuple(sizes(2))],
        ),
        case("two names, and the space stays as it is", "contract", lr=rates(2), width=sizes(3)),
    ]


PROBLEMS = (
    Problem(
        name="grid_search",
        call=combinations,
        returns=("settings",),
        cases=_spaces,
        expected=value_of(reference.grid_search),
        points={"values": 5, "edge cases": 2, "contract": 1},
        modules=(__name__,),
    ),
)


def grid_search__name_by_name(space):
    settings = [{}]
    for name, values in space.items():
        settings = [{**setting, name: value} for setting in settings for value in values]
    return settings


def grid_search__product(space):
    import itertools

    return tuple(dict(zip(space, values, strict=True)) for values in itertools.product(*space.values()))


def grid_search__recursive(space):
    def settings(names):
        if not names:
            return [{}]
        return [{names[0]: value, **rest} for rest in settings(names[1:]) for value in space[names[0]]]

    return settings(list(space))


def grid_search__counted(space):
    import math

    found = []
    for number in range(math.prod(len(values) for values in space.values())):
        setting = {}
        for name, values in space.items():
            number, place = divmod(number, len(values))
            setting[name] = values[place]
        found.append(setting)
    return found


def grid_search__side_by_side(space):
    """The first values go together, then the second ones: most combinations are missing."""
    if not space:
        return [{}]
    count = min(map(len, space.values()))
    return [{name: values[i] for name, values in space.items()} for i in range(count)]


def grid_search__zipped(space):
    """The first values go together, then the second ones: most combinations are missing."""
    return [dict(zip(space, values, strict=True)) for values in zip(*space.values(), strict=False)]


def grid_search__one_at_a_time(space):
    """Only one hyperparameter changes at a time; two that differ from the first values together are never tried."""
    if not all(space.values()):
        return []
    first = {name: values[0] for name, values in space.items()}
    settings = [first]
    for name, values in space.items():
        settings += [{**first, name: value} for value in values[1:]]
    return settings


def grid_search__one_dict(space):
    """All entries of the list are one and the same dict: what is written into it last is in all of them."""
    import itertools

    setting, found = {}, []
    for values in itertools.product(*space.values()):
        setting.update(zip(space, values, strict=True))
        found.append(setting)
    return found


slip(
    grid_search__name_by_name,
    "last_value_left_out",
    "The last value of each list is never tried.",
    ("for value in values]", "for value in values[: len(values) - 1 or None]]"),
)


def grid_search__repeated(space):
    """Some settings come more than once: count how many there should be."""
    import itertools

    found = [dict(zip(space, values, strict=True)) for values in itertools.product(*space.values())]
    return [setting for setting in found for _ in range(max(1, len(space)))]


def grid_search__empties_the_space(space):
    """The space that was given is used up: the caller still needs it."""
    settings = [{}]
    order = list(space)
    while space:
        name, values = space.popitem()
        settings = [{**setting, name: value} for setting in settings for value in values]
    return [{name: setting[name] for name in order} for setting in settings]
