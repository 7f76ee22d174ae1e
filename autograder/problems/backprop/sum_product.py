"""`sum_product`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import sized
from autograder.references import backprop as reference
from autograder.references import values_of


def _sum_product(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, signs, **how):
        # x and y are of one sign: a sum of almost nothing would have almost no right digits.
        x, y, z = (torch.tensor(signs, dtype=torch.float64) * (1 + sized(generator, 3))).unbind()
        return Case(name, criterion, {"x": x, "y": -x if name.startswith("y is") else y, "z": z}, **how)

    return [
        case("x, y and z positive", "values", (1, 1, 1)),
        case("x and y negative", "values", (-1, -1, 1)),
        case("z negative", "values", (1, 1, -1)),
        case("y is -x", "edge cases", (1, 1, -1)),
        case("z is 0", "edge cases", (1, 1, 0)),
        case("float64", "contract", (1, 1, -1), dtype=torch.float64),
        case("float32", "contract", (-1, -1, -1)),
    ]


PROBLEMS = (
    Problem(
        name="sum_product",
        call=function,
        returns=("f", ("dx", "dy", "dz")),
        cases=_sum_product,
        expected=values_of(reference.sum_product),
        points={"values": 3, "edge cases": 1, "contract": 1},
        shares={"f": 0.75, "dx": 0.75, "dy": 0.75, "dz": 0.75},
        modules=(__name__,),
    ),
)


def sum_product__step_by_step(x, y, z):
    q = x + y
    df = torch.ones_like(q)
    dq, dz = df * z, df * q
    return q * z, (dq, dq, dz)


def sum_product__multiplied_out(x, y, z):
    f = x * z + y * z
    return [f, [z, z, x + y]]


def sum_product__no_parentheses(x, y, z):
    """f itself is wrong: the sum comes first, and then the product."""
    return x + y * z, (torch.ones_like(x), z, y)


def sum_product__local_slopes(x, y, z):
    """dx and dy are the slopes of the sum alone: the chain rule goes on from the sum to f."""
    return (x + y) * z, (torch.ones_like(x), torch.ones_like(y), x + y)


def sum_product__dz_is_z(x, y, z):
    """dz is the slope towards the other factor: ask what f does when z moves and the sum stays."""
    return (x + y) * z, (z, z, z)


def sum_product__product_of_three(x, y, z):
    """dx and dy are those of a product of x and y; here the two are added."""
    return (x + y) * z, (y * z, x * z, x + y)


def sum_product__order(x, y, z):
    """The gradients are in the wrong order: they follow the arguments."""
    return (x + y) * z, (x + y, z, z)


def sum_product__sum_shared_out(x, y, z):
    """The gradient at the sum was divided between x and y: a sum passes all of it to each."""
    return (x + y) * z, (z / 2, z / 2, x + y)


def sum_product__by_division(x, y, z):
    """At x = -y or z = 0 a gradient is NaN: it was found by a division, and what was divided by is 0."""
    f = (x + y) * z
    return f, (f / (x + y), f / (x + y), f / z)


def sum_product__single_precision(x, y, z):
    """The results are float32 whatever the dtype of the inputs is."""
    x, y, z = x.float(), y.float(), z.float()
    return (x + y) * z, (z, z, x + y)


def sum_product__in_place(x, y, z):
    """x itself was overwritten: operations whose name ends in _, and += on a tensor, work in place."""
    q = x.add_(y)
    return q * z, (z, z, q)
