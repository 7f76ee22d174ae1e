"""`xavier_normal` and `kaiming_normal`: cases, reference, right and wrong programs."""

from functools import partial

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import draws
from autograder.measures.preprocessing import FAR, of_weights, of_weights_before_relu
from autograder.problem import Measure, Problem, Target
from autograder.problems.drawing import normal
from autograder.problems.forbidden import INITIALIZERS
from autograder.problems.preprocessing.cases import STANDARD_ERRORS
from autograder.references import preprocessing as reference
from autograder.references import values_of

# The share of a normal distribution that lies further than `FAR` standard deviations from its mean.
SHARE = 0.0124193
LAYERS, WIDTH, SAMPLES = 10, 56, 32


def _initializing(generator: torch.Generator, of_both_fans: bool) -> list[Case]:
    def case(name, criterion, shape, count, **kept):
        seed = int(torch.randint(2**31, (), generator=generator))
        seeded = torch.Generator().manual_seed(seed)
        return Case(name, criterion, {"shape": shape, "generator": seeded, "count": count}, kept=kept)

    # About 30 000 numbers in the draws of a case: the standard deviation is known to 3 %, and torch needs one thread.
    inputs = normal(generator, SAMPLES, WIDTH)
    return [
        case("linear weight (60, 260)", "values", (60, 260), 2),
        case("linear weight (260, 60)", "values", (260, 60), 2),
        case("convolution weight (40, 10, 5, 7)", "values", (40, 10, 5, 7), 2),
        case("convolution weight (8, 60, 6, 5)", "edge cases", (8, 60, 6, 5), 2),
        case("kernel of one size (60, 36, 7)", "edge cases", (60, 36, 7), 2),
        case("one output (1, 16000)", "edge cases", (1, 16000), 2),
        case(f"ten layers of weights ({WIDTH}, {WIDTH})", "edge cases", (WIDTH, WIDTH), LAYERS, inputs=inputs),
        # Half of an odd number is far from its half rounded down where it is small; so few weights take many draws.
        case("fan_in 3, linear weight (1000, 3)", "edge cases", (1000, 3), 2),
        *([case("fan_in + fan_out 3, linear weight (2, 1)", "edge cases", (2, 1), 850)] if of_both_fans else []),
        case("linear weight (120, 130)", "contract", (120, 130), 2),
    ]


def _wanted(std_of, growth_tolerance: float):
    def targets(case: Case) -> tuple[Target, ...]:
        """Tolerances from sampling theory: standard errors of as many independent numbers as there are."""
        shape, count = case.arguments["shape"], case.arguments["count"]
        n, std = count * torch.Size(shape).numel(), std_of(shape)
        growth = torch.zeros((0,) if "inputs" not in case.kept else (), dtype=torch.float64)

        def target(value, standard_error):
            return Target(torch.tensor(value, dtype=torch.float64), STANDARD_ERRORS * standard_error)

        return (
            target(std, std / (2 * n) ** 0.5),
            target(0.0, std / n**0.5),
            target(SHARE, (SHARE * (1 - SHARE) / n) ** 0.5),
            Target(torch.tensor(1.0, dtype=torch.float64), 1e-3),
            target(0.0, (count / (count - 1) / n) ** 0.5),
            target(0.0, (2 / n) ** 0.5),
            Target(growth, growth_tolerance),
        )

    return targets


MEASURED = (
    "standard deviation of the weights",
    "mean of the weights",
    f"share of weights further than {FAR} standard deviations from the mean",
    "share of weights that come again with the same seed",
    "correlation of two draws from one generator",
    "correlation of the two halves of a weight",
    "number of times that the activations double in ten layers",
)

PROBLEMS = (
    Problem(
        name="xavier_normal",
        call=draws,
        returns=("weight", "weight drawn again"),
        cases=partial(_initializing, of_both_fans=True),
        expected=values_of(reference.xavier_normal),
        points={"values": 6, "edge cases": 3, "contract": 1},
        forbidden=INITIALIZERS,
        # In 400 simulations of these layers the number of doublings had a standard deviation of 0.16.
        measured=Measure(MEASURED, of_weights, _wanted(reference.xavier_std, growth_tolerance=1.2)),
        modules=(__name__,),
    ),
    Problem(
        name="kaiming_normal",
        call=draws,
        returns=("weight", "weight drawn again"),
        cases=partial(_initializing, of_both_fans=False),
        expected=values_of(reference.kaiming_normal),
        points={"values": 6, "edge cases": 3, "contract": 1},
        forbidden=INITIALIZERS,
        # In 400 simulations of these layers the number of doublings had a mean of -0.18 and a standard deviation
        # of 0.49.
        measured=Measure(MEASURED, of_weights_before_relu, _wanted(reference.kaiming_std, growth_tolerance=4.0)),
        modules=(__name__,),
    ),
)


def xavier_normal__torch_normal(shape, generator):
    receptive_field = 1
    for size in shape[2:]:
        receptive_field *= size
    std = (2 / ((shape[0] + shape[1]) * receptive_field)) ** 0.5
    return torch.normal(0.0, std, size=shape, generator=generator)


def xavier_normal__in_place(shape, generator):
    weight = torch.empty(shape)
    fans = weight[0].numel() + weight[:, 0].numel()
    return weight.normal_(0, (2 / fans) ** 0.5, generator=generator)


def xavier_normal__double(shape, generator):
    weight = torch.randn(shape, generator=generator, dtype=torch.float64)
    fans = weight[0].numel() + weight[:, 0].numel()
    return (weight * (2 / fans) ** 0.5).float()


def xavier_normal__fan_in_alone(shape, generator):
    """The variance depends on fan_in alone: going backward, fan_out counts as much."""
    weight = torch.randn(shape, generator=generator)
    return weight / weight[0].numel() ** 0.5


def xavier_normal__sum_of_fans(shape, generator):
    """The weights are too small by the root of 2: it is the mean of the two fans that counts, not their sum."""
    weight = torch.randn(shape, generator=generator)
    return weight / (weight[0].numel() + weight[:, 0].numel()) ** 0.5


def xavier_normal__variance(shape, generator):
    """The variance was taken for the standard deviation: its root is missing."""
    weight = torch.randn(shape, generator=generator)
    return weight * 2 / (weight[0].numel() + weight[:, 0].numel())


def xavier_normal__uniform(shape, generator):
    """The standard deviation is right, but the weights are uniformly distributed."""
    weight = torch.rand(shape, generator=generator)
    fans = weight[0].numel() + weight[:, 0].numel()
    return (2 * weight - 1) * (6 / fans) ** 0.5


def xavier_normal__uniform_up_to_the_deviation(shape, generator):
    """The weights are uniformly distributed, and the standard deviation was taken for their bound."""
    weight = torch.rand(shape, generator=generator)
    fans = weight[0].numel() + weight[:, 0].numel()
    return (2 * weight - 1) * (2 / fans) ** 0.5


def xavier_normal__global_state(shape, generator):
    """The generator is not used: the same seed gives other weights."""
    weight = torch.randn(shape)
    fans = weight[0].numel() + weight[:, 0].numel()
    return weight * (2 / fans) ** 0.5


def xavier_normal__same_every_time(shape, generator):
    """Two calls in a row gave the same weights: the seed was set anew inside the function."""
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(generator.initial_seed()))
    fans = weight[0].numel() + weight[:, 0].numel()
    return weight * (2 / fans) ** 0.5


def xavier_normal__no_kernel(shape, generator):
    """The size of the kernel is not counted in the fans."""
    weight = torch.randn(shape, generator=generator)
    return weight * (2 / (shape[0] + shape[1])) ** 0.5


def xavier_normal__gain_of_relu(shape, generator):
    """The weights are too large by the root of 2: that gain belongs to ReLU."""
    weight = torch.randn(shape, generator=generator)
    fans = weight[0].numel() + weight[:, 0].numel()
    return weight * 2 / fans**0.5


def xavier_normal__double_precision(shape, generator):
    """The weights are float64; float32 is asked for."""
    weight = torch.randn(shape, generator=generator, dtype=torch.float64)
    fans = weight[0].numel() + weight[:, 0].numel()
    return weight * (2 / fans) ** 0.5


def kaiming_normal__torch_normal(shape, generator):
    fan_in = 1
    for size in shape[1:]:
        fan_in *= size
    return torch.normal(torch.zeros(shape), (2 / fan_in) ** 0.5, generator=generator)


def kaiming_normal__box_muller(shape, generator):
    radius = (-2 * torch.log(1 - torch.rand(shape, generator=generator))).sqrt()
    weight = radius * torch.cos(2 * torch.pi * torch.rand(shape, generator=generator))
    return weight * (2 / weight[0].numel()) ** 0.5


def kaiming_normal__row_by_row(shape, generator):
    weight = torch.zeros(shape)
    for row in weight:
        row.normal_(generator=generator)
        row /= (row.numel() / 2) ** 0.5
    return weight


def kaiming_normal__fan_out(shape, generator):
    """fan_out was taken for fan_in."""
    weight = torch.randn(shape, generator=generator)
    return weight * (2 / weight[:, 0].numel()) ** 0.5


def kaiming_normal__no_gain(shape, generator):
    """The weights are too small by the root of 2: ReLU's gain is missing."""
    weight = torch.randn(shape, generator=generator)
    return weight / weight[0].numel() ** 0.5


def kaiming_normal__xavier(shape, generator):
    """This is Xavier's standard deviation, which depends on fan_out too."""
    weight = torch.randn(shape, generator=generator)
    fans = weight[0].numel() + weight[:, 0].numel()
    return weight * (2 / fans) ** 0.5


def kaiming_normal__gain_squared(shape, generator):
    """The gain was applied twice: it is the root of 2, not 2."""
    weight = torch.randn(shape, generator=generator)
    return 2 * weight / weight[0].numel() ** 0.5


def kaiming_normal__variance(shape, generator):
    """The variance was taken for the standard deviation: its root is missing."""
    weight = torch.randn(shape, generator=generator)
    return weight * 2 / weight[0].numel()


def kaiming_normal__uniform(shape, generator):
    """The standard deviation is right, but the weights are uniformly distributed."""
    weight = torch.rand(shape, generator=generator)
    return (2 * weight - 1) * (6 / weight[0].numel()) ** 0.5


def kaiming_normal__uniform_up_to_the_deviation(shape, generator):
    """The weights are uniformly distributed, and the standard deviation was taken for their bound."""
    weight = torch.rand(shape, generator=generator)
    return (2 * weight - 1) * (2 / weight[0].numel()) ** 0.5


def kaiming_normal__global_state(shape, generator):
    """The generator is not used: the same seed gives other weights."""
    weight = torch.randn(shape)
    return weight * (2 / weight[0].numel()) ** 0.5


def kaiming_normal__same_every_time(shape, generator):
    """Two calls in a row gave the same weights: the seed was set anew inside the function."""
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(generator.initial_seed()))
    return weight * (2 / weight[0].numel()) ** 0.5


def kaiming_normal__no_kernel(shape, generator):
    """The size of the kernel is not counted in fan_in."""
    weight = torch.randn(shape, generator=generator)
    return weight * (2 / shape[1]) ** 0.5


def kaiming_normal__double_precision(shape, generator):
    """The weights are float64; float32 is asked for."""
    weight = torch.randn(shape, generator=generator, dtype=torch.float64)
    return weight * (2 / weight[0].numel()) ** 0.5
