"""The problem set `activations`: eight activation functions, forward and backward.

A forward program keeps in its cache what the companion's keeps, so that every backward program can follow it; one
with another cache stands beside the backward program that reads it.

Cases first, then for each function its right and wrong programs and the two problems that they belong to.
"""

import torch

from autograder.calls import backward, forward
from autograder.problem import Case, Cases, Problem, programs
from autograder.references import activations as reference
from autograder.references import gradients_of, value_of

SATURATED = (-1e4, -100.0, -30.0, -20.0, -12.0, -8.0, 8.0, 12.0, 20.0, 30.0, 100.0, 1e4)
AROUND_ZERO = (-2.0, -9e-5, -1e-7, 0.0, 1e-7, 9e-5, 2.0)
# Apart, for the size of the largest output sets the tolerance of all.
FAR_LEFT = (-1e4, -1e3, -100.0, -30.0, -12.0, -8.0)
FAR_RIGHT = (30.0, 100.0, 1e3, 1e4)

NEXT_CALL = "another call before this one's results are used"

# What leaky ReLU and PReLU are called in torch's dispatcher.
LEAKY = ("leaky_relu", "_prelu_kernel")

# An edge case: values of x (None for random ones), options, and the dtype if it is not float32.
Edges = dict[str, tuple]


def _normal(generator: torch.Generator, *shape: int) -> torch.Tensor:
    return 2 * torch.randn(shape, generator=generator, dtype=torch.float64)


def _elementwise(edges: Edges, gradient: bool) -> Cases:
    """Cases of ``f(x, **options)``: ordinary ones and `edges` by name.

    In the contract's cases an option is a seventh of an edge's: float32 could not hold it, and a function that
    rounds is found out.
    """
    fine = {name: value / 7 for _, options, *_ in edges.values() for name, value in options.items() if value}

    def cases(generator: torch.Generator) -> list[Case]:
        def case(name, criterion, x, options=None, **how):
            dout = _normal(generator, *x.shape) if gradient else None
            return Case(name, criterion, {"x": x, **(options or {})}, dout, **how)

        def edge(name, numbers, options, dtype=torch.float32):
            # Beside ordinary numbers: saturated outputs are too small to set a tolerance.
            x = _normal(generator, 6, 7)
            if numbers is not None:
                x = torch.cat([torch.tensor(numbers, dtype=x.dtype), x.flatten()])
            return case(name, "edge cases", x, options, dtype=dtype)

        signs = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0], dtype=torch.float64)
        said = "".join(f", {name} {value:.3g}" for name, value in fine.items())
        return [
            case("x (4, 5)", "values", _normal(generator, 4, 5)),
            case("x (2, 3, 4, 3)", "values", _normal(generator, 2, 3, 4, 3)),
            *(edge(name, *how) for name, how in edges.items()),
            case("x (1, 5)", "edge cases", _normal(generator, 1, 5).abs() * signs),
            case(f"float64{said}", "contract", _normal(generator, 4, 5), fine, dtype=torch.float64),
            case("x with gaps in memory", "contract", _normal(generator, 4, 5), layout="strided"),
            case("x transposed in memory", "contract", _normal(generator, 4, 5), layout="transposed"),
            case(NEXT_CALL + said, "contract", _normal(generator, 4, 5), fine, another_call=True),
        ]

    return cases


def _pair(
    function,
    operation,
    edges,
    points,
    forbidden,
    forwards,
    backwards,
    forward_mistakes,
    backward_mistakes,
    companion,
) -> tuple[Problem, Problem]:
    """The forward and the backward problem of one elementwise function."""
    return (
        Problem(
            name=f"{function}_forward",
            call=forward,
            returns=("out",),
            cases=_elementwise(edges, gradient=False),
            expected=value_of(operation),
            points=points[0],
            forbidden=forbidden,
            mistakes=forward_mistakes,
            alternatives=(*programs(companion), *forwards),
        ),
        Problem(
            name=f"{function}_backward",
            call=backward,
            returns=("dx",),
            cases=_elementwise(edges, gradient=True),
            expected=gradients_of(operation),
            points=points[1],
            forbidden=forbidden | {f"{name}_backward" for name in forbidden},
            mistakes=backward_mistakes,
            alternatives=backwards,
            companions=(companion,),
        ),
    )


# Sigmoid


def sigmoid_forward__keeps_input(x):
    return torch.where(x < 0, torch.exp(x.clamp(max=0)), 1) / (1 + torch.exp(-x.abs())), x


def sigmoid_forward__one_line(x):
    return 1 / (1 + torch.exp(-x)), x


def sigmoid_forward__by_tanh(x):
    return (torch.tanh(x / 2) + 1) / 2, x


def sigmoid_forward__overflows(x):
    """For large x the result is inf / inf, which is NaN: look at which exponential overflows."""
    return torch.exp(x) / (1 + torch.exp(x)), x


def sigmoid_forward__sign_of_exponent(x):
    """The curve falls where it should rise: look at the sign of the exponent."""
    return 1 / (1 + torch.exp(x)), x


def sigmoid_forward__missing_parentheses(x):
    """Python divides before it adds: look at what the 1 is divided by."""
    return 1 / 1 + torch.exp(-x), x


def sigmoid_forward__clipped(x):
    """The result stops changing too early: x was clipped to a range that is too narrow."""
    return 1 / (1 + torch.exp(-x.clamp(-10, 10))), x


def sigmoid_forward__zero_centred(x):
    """The results lie between -1 and 1; the sigmoid's lie between 0 and 1."""
    return 2 / (1 + torch.exp(-x)) - 1, x


def sigmoid_forward__single_precision(x):
    """The result is computed in float32 whatever the dtype of x is."""
    return 1 / (1 + torch.exp(-x.float())), x


def sigmoid_forward__in_place(x):
    """x itself was overwritten: operations whose name ends in _ work in place."""
    return x.neg_().exp_().add_(1).reciprocal_(), x


def sigmoid_backward__from_output(dout, cache):
    out = 1 / (1 + torch.exp(-cache))
    return dout * out * (1 - out)


def sigmoid_backward__symmetric(dout, cache):
    small = torch.exp(-cache.abs())
    return dout * small / (1 + small) ** 2


def sigmoid_forward__closure(x):
    out = 1 / (1 + torch.exp(-x))
    return out, lambda dout: dout * (out - out**2)


def sigmoid_backward__closure(dout, cache):
    return cache(dout)


def sigmoid_backward__without_upstream(dout, cache):
    """This is the local derivative; the chain rule has one more factor."""
    out = 1 / (1 + torch.exp(-cache))
    return out * (1 - out)


def sigmoid_backward__input_as_output(dout, cache):
    """The formula is in terms of the sigmoid's output, but was given its input."""
    return dout * cache * (1 - cache)


def sigmoid_backward__missing_factor(dout, cache):
    """One factor of the derivative is missing: at x = 0 the slope should be a quarter of dout."""
    return dout / (1 + torch.exp(-cache))


def sigmoid_backward__overflows(dout, cache):
    """For very negative x the result is inf / inf, which is NaN: an exponential overflows."""
    return dout * torch.exp(-cache) / (1 + torch.exp(-cache)) ** 2


def sigmoid_backward__sign(dout, cache):
    """The sign is reversed: the sigmoid rises everywhere."""
    out = 1 / (1 + torch.exp(-cache))
    return dout * out * (out - 1)


def sigmoid_backward__changes_dout(dout, cache):
    """dout itself was overwritten: operations whose name ends in _ work in place."""
    out = 1 / (1 + torch.exp(-cache))
    return dout.mul_(out).mul_(1 - out)


SIGMOID = _pair(
    "sigmoid",
    reference.sigmoid,
    {
        "large |x|": (SATURATED, {}),
        "large |x|, float64": (SATURATED, {}, torch.float64),
        "around 0": (AROUND_ZERO, {}),
    },
    ({"values": 3, "edge cases": 1, "contract": 1}, {"values": 3, "edge cases": 1, "contract": 1}),
    frozenset({"sigmoid", "log_sigmoid", "log_sigmoid_forward", "glu", "silu"}),
    forwards=programs(sigmoid_forward__one_line, sigmoid_forward__by_tanh),
    backwards=programs(
        sigmoid_backward__from_output,
        sigmoid_backward__symmetric,
        (sigmoid_backward__closure, sigmoid_forward__closure),
    ),
    forward_mistakes=programs(
        sigmoid_forward__overflows,
        sigmoid_forward__sign_of_exponent,
        sigmoid_forward__missing_parentheses,
        sigmoid_forward__clipped,
        sigmoid_forward__zero_centred,
        sigmoid_forward__single_precision,
        sigmoid_forward__in_place,
    ),
    backward_mistakes=programs(
        sigmoid_backward__without_upstream,
        sigmoid_backward__input_as_output,
        sigmoid_backward__missing_factor,
        sigmoid_backward__overflows,
        sigmoid_backward__sign,
        sigmoid_backward__changes_dout,
    ),
    companion=sigmoid_forward__keeps_input,
)


# Tanh


def tanh_forward__keeps_input(x):
    small = torch.exp(-2 * x.abs())
    return torch.sign(x) * (1 - small) / (1 + small), x


def tanh_forward__by_sigmoid(x):
    return 2 / (1 + torch.exp(-2 * x)) - 1, x


def tanh_forward__expm1(x):
    shrunk = torch.expm1(-2 * x.abs())
    return torch.copysign(shrunk / (shrunk + 2), x), x


def tanh_forward__overflows(x):
    """For large |x| the result is inf / inf, which is NaN: an exponential overflows on either side."""
    return (torch.exp(x) - torch.exp(-x)) / (torch.exp(x) + torch.exp(-x)), x


def tanh_forward__overflows_on_the_right(x):
    """For large positive x the result is inf / inf, which is NaN: look at which exponential overflows."""
    return (torch.exp(2 * x) - 1) / (torch.exp(2 * x) + 1), x


def tanh_forward__overflows_on_the_left(x):
    """For very negative x the result is inf / inf, which is NaN: look at which exponential overflows."""
    return (1 - torch.exp(-2 * x)) / (1 + torch.exp(-2 * x)), x


def tanh_forward__too_flat(x):
    """The curve has the right limits but is half as steep at 0: compare the exponents."""
    return 2 / (1 + torch.exp(-x)) - 1, x


def tanh_forward__not_shifted(x):
    """The results lie between 0 and 1; those of tanh lie between -1 and 1."""
    return 1 / (1 + torch.exp(-2 * x)), x


def tanh_forward__sign(x):
    """The curve falls where it should rise: look at the sign of the exponent."""
    return 2 / (1 + torch.exp(2 * x)) - 1, x


def tanh_forward__in_place(x):
    """x itself was overwritten: operations whose name ends in _ work in place."""
    return x.mul_(-2).exp_().add_(1).reciprocal_().mul_(2).sub_(1), x


def tanh_backward__from_input(dout, cache):
    out = 2 / (1 + torch.exp(-2 * cache)) - 1
    return dout * (1 - out * out)


def tanh_forward__keeps_output(x):
    out = 2 / (1 + torch.exp(-2 * x)) - 1
    return out, [out]


def tanh_backward__from_output(dout, cache):
    (out,) = cache
    return dout - dout * out * out


def tanh_backward__by_cosh(dout, cache):
    return dout / torch.cosh(cache) ** 2


def tanh_backward__without_upstream(dout, cache):
    """This is the local derivative; the chain rule has one more factor."""
    out = 2 / (1 + torch.exp(-2 * cache)) - 1
    return 1 - out**2


def tanh_backward__not_squared(dout, cache):
    """The derivative must be the same at x and -x; one operation on tanh(x) is missing."""
    return dout * (2 - 2 / (1 + torch.exp(-2 * cache)))


def tanh_backward__input_as_output(dout, cache):
    """The formula is in terms of the output of tanh, but was given its input."""
    return dout * (1 - cache**2)


def tanh_backward__derivative_of_sigmoid(dout, cache):
    """This is the formula of the sigmoid's derivative."""
    out = 2 / (1 + torch.exp(-2 * cache)) - 1
    return dout * out * (1 - out)


def tanh_backward__overflows(dout, cache):
    """For large |x| the result is NaN: an exponential overflows."""
    e, inverse = torch.exp(cache), torch.exp(-cache)
    return dout * (1 - ((e - inverse) / (e + inverse)) ** 2)


def tanh_backward__changes_dout(dout, cache):
    """dout itself was overwritten: operations whose name ends in _ work in place."""
    out = 2 / (1 + torch.exp(-2 * cache)) - 1
    return dout.mul_(1 - out**2)


TANH = _pair(
    "tanh",
    reference.tanh,
    {
        "large |x|": (SATURATED, {}),
        "large |x|, float64": (SATURATED, {}, torch.float64),
        "around 0": (AROUND_ZERO, {}),
    },
    ({"values": 2, "edge cases": 1, "contract": 1}, {"values": 3, "edge cases": 1, "contract": 1}),
    frozenset({"tanh"}),
    forwards=programs(tanh_forward__by_sigmoid, tanh_forward__expm1),
    backwards=programs(
        tanh_backward__from_input,
        tanh_backward__by_cosh,
    ),
    forward_mistakes=programs(
        tanh_forward__overflows,
        tanh_forward__overflows_on_the_right,
        tanh_forward__overflows_on_the_left,
        tanh_forward__too_flat,
        tanh_forward__not_shifted,
        tanh_forward__sign,
        tanh_forward__in_place,
    ),
    backward_mistakes=programs(
        tanh_backward__without_upstream,
        tanh_backward__not_squared,
        tanh_backward__input_as_output,
        tanh_backward__derivative_of_sigmoid,
        tanh_backward__overflows,
        tanh_backward__changes_dout,
    ),
    companion=tanh_forward__keeps_input,
)


# ReLU


def relu_forward__keeps_input(x):
    return x.clamp(min=0), x


def relu_forward__mask(x):
    return x * (x > 0), x


def relu_forward__where(x):
    return torch.where(x > 0, x, torch.zeros_like(x)), x


def relu_forward__mean_with_abs(x):
    return (x + x.abs()) / 2, x


def relu_forward__absolute_value(x):
    """Negative inputs come out as positive numbers."""
    return x.abs(), x


def relu_forward__negative_part(x):
    """The wrong side was set to zero."""
    return x.clamp(max=0), x


def relu_forward__step(x):
    """Positive inputs all come out as 1: this is where, not how much."""
    return (x > 0).to(x.dtype), x


def relu_forward__leaky(x):
    """Negative inputs still leak through: this is another member of the family."""
    return torch.where(x > 0, x, 0.01 * x), x


def relu_forward__capped(x):
    """The result has an upper limit; a ReLU has none."""
    return x.clamp(0, 1), x


def relu_forward__in_place(x):
    """x itself was overwritten: operations whose name ends in _, and assignments into x, work in place."""
    return x.clamp_(min=0), x


def relu_backward__masked(dout, cache):
    return dout * (cache > 0)


def relu_forward__keeps_mask(x):
    positive = x > 0
    return x * positive, {"positive": positive}


def relu_backward__from_mask(dout, cache):
    return dout * cache["positive"]


def relu_backward__written_into_zeros(dout, cache):
    dx = torch.zeros_like(dout)
    dx[cache > 0] = dout[cache > 0]
    return dx


def relu_backward__without_upstream(dout, cache):
    """This is the local derivative; the chain rule has one more factor."""
    return (cache > 0).to(dout.dtype)


def relu_backward__mask_of_dout(dout, cache):
    """The sign of dout decided what passes; it should be the sign of something else."""
    return dout.clamp(min=0)


def relu_backward__slope_at_zero(dout, cache):
    """Look at x = 0: torch lets no gradient through there."""
    return dout * (cache >= 0)


def relu_backward__unmasked(dout, cache):
    """Every gradient passes, also where the unit was off."""
    return dout.clone()


def relu_backward__times_input(dout, cache):
    """dout was multiplied by the output of the function; look again at the slope."""
    return dout * cache.clamp(min=0)


def relu_backward__changes_dout(dout, cache):
    """dout itself was overwritten: an assignment into dout works in place."""
    dout[cache <= 0] = 0
    return dout


RELU = _pair(
    "relu",
    reference.relu,
    {"around 0": (AROUND_ZERO, {}), "far left": (FAR_LEFT, {}), "far right": (FAR_RIGHT, {})},
    ({"values": 2, "edge cases": 1, "contract": 1}, {"values": 3, "edge cases": 1, "contract": 1}),
    frozenset({"relu", "threshold", "elu", "rrelu_with_noise", *LEAKY}),
    forwards=programs(relu_forward__mask, relu_forward__where, relu_forward__mean_with_abs),
    backwards=programs(
        relu_backward__masked,
        relu_backward__written_into_zeros,
    ),
    forward_mistakes=programs(
        relu_forward__absolute_value,
        relu_forward__negative_part,
        relu_forward__step,
        relu_forward__leaky,
        relu_forward__capped,
        relu_forward__in_place,
    ),
    backward_mistakes=programs(
        relu_backward__without_upstream,
        relu_backward__mask_of_dout,
        relu_backward__slope_at_zero,
        relu_backward__unmasked,
        relu_backward__times_input,
        relu_backward__changes_dout,
    ),
    companion=relu_forward__keeps_input,
)


# Leaky ReLU


def leaky_relu_forward__keeps_all(x, negative_slope=0.01):
    return torch.where(x > 0, x, negative_slope * x), (x, negative_slope)


def leaky_relu_forward__two_clamps(x, negative_slope=0.01):
    return x.clamp(min=0) + negative_slope * x.clamp(max=0), (x, negative_slope)


def leaky_relu_forward__slope_tensor(x, negative_slope=0.01):
    slope = torch.ones_like(x)
    slope[x <= 0] = negative_slope
    return slope * x, (x, negative_slope)


def leaky_relu_forward__fixed_slope(x, negative_slope=0.01):
    """The argument negative_slope is not used."""
    return torch.where(x > 0, x, 0.01 * x), (x, negative_slope)


def leaky_relu_forward__maximum(x, negative_slope=0.01):
    """The larger of the two branches is right only while the slope is at most 1."""
    return torch.maximum(x, negative_slope * x), (x, negative_slope)


def leaky_relu_forward__other_default(x, negative_slope=0.1):
    """Called without a slope, the function uses another one than the 0.01 it was given as default."""
    return torch.where(x > 0, x, negative_slope * x), (x, negative_slope)


def leaky_relu_forward__added_to_x(x, negative_slope=0.01):
    """Negative inputs come out too large in size: the negative branch was added to x, not put in its place."""
    return x + negative_slope * x.clamp(max=0), (x, negative_slope)


def leaky_relu_forward__sides_swapped(x, negative_slope=0.01):
    """The two sides are swapped."""
    return torch.where(x > 0, negative_slope * x, x), (x, negative_slope)


def leaky_relu_forward__in_place(x, negative_slope=0.01):
    """x itself was overwritten: an assignment into x works in place."""
    x[x < 0] *= negative_slope
    return x, (x, negative_slope)


def leaky_relu_backward__where(dout, cache):
    x, negative_slope = cache
    return torch.where(x > 0, dout, negative_slope * dout)


def leaky_relu_backward__two_masks(dout, cache):
    x, negative_slope = cache
    return dout * (x > 0) + negative_slope * (dout * (x <= 0))


def leaky_relu_backward__single_precision(dout, cache):
    """In float64 the slope is rounded: somewhere a tensor is made in float32, whatever the dtype of x."""
    x, negative_slope = cache
    return dout * ((x > 0) + (x <= 0) * negative_slope)


def leaky_relu_backward__fixed_slope(dout, cache):
    """The slope that the forward pass was given is not used."""
    x, _ = cache
    return torch.where(x > 0, dout, 0.01 * dout)


def leaky_relu_backward__without_upstream(dout, cache):
    """This is the local derivative; the chain rule has one more factor."""
    x, negative_slope = cache
    return torch.where(x > 0, torch.ones_like(x), negative_slope)


def leaky_relu_backward__slope_at_zero(dout, cache):
    """Look at x = 0: torch counts it to the negative side."""
    x, negative_slope = cache
    return torch.where(x >= 0, dout, negative_slope * dout)


def leaky_relu_backward__mask_of_dout(dout, cache):
    """The sign of dout chose the slope; it should be the sign of something else."""
    _, negative_slope = cache
    return torch.where(dout > 0, dout, negative_slope * dout)


def leaky_relu_backward__blocked(dout, cache):
    """Nothing passes on the negative side: this is the plain ReLU's."""
    x, _ = cache
    return dout * (x > 0)


def leaky_relu_backward__changes_dout(dout, cache):
    """dout itself was overwritten: an assignment into dout works in place."""
    x, negative_slope = cache
    dout[x <= 0] *= negative_slope
    return dout


LEAKY_RELU = _pair(
    "leaky_relu",
    reference.leaky_relu,
    {
        "negative_slope 0.2": (None, {"negative_slope": 0.2}),
        "negative_slope 0": (None, {"negative_slope": 0.0}),
        "negative_slope 1.5": (None, {"negative_slope": 1.5}),
        "around 0": (AROUND_ZERO, {}),
    },
    ({"values": 2, "edge cases": 1, "contract": 1}, {"values": 3, "edge cases": 1, "contract": 1}),
    frozenset({"rrelu_with_noise", *LEAKY}),
    forwards=programs(leaky_relu_forward__two_clamps, leaky_relu_forward__slope_tensor),
    backwards=programs(
        leaky_relu_backward__where,
        leaky_relu_backward__two_masks,
    ),
    forward_mistakes=programs(
        leaky_relu_forward__fixed_slope,
        leaky_relu_forward__maximum,
        leaky_relu_forward__other_default,
        leaky_relu_forward__added_to_x,
        leaky_relu_forward__sides_swapped,
        leaky_relu_forward__in_place,
    ),
    backward_mistakes=programs(
        leaky_relu_backward__fixed_slope,
        leaky_relu_backward__without_upstream,
        leaky_relu_backward__slope_at_zero,
        leaky_relu_backward__mask_of_dout,
        leaky_relu_backward__blocked,
        leaky_relu_backward__single_precision,
        leaky_relu_backward__changes_dout,
    ),
    companion=leaky_relu_forward__keeps_all,
)


# PReLU


def _prelu(gradient: bool) -> Cases:
    def cases(generator: torch.Generator) -> list[Case]:
        def case(name, criterion, x, weight, **how):
            dout = _normal(generator, *x.shape) if gradient else None
            return Case(name, criterion, {"x": x, "weight": weight}, dout, **how)

        def slopes(n):
            return torch.rand(n, generator=generator, dtype=torch.float64)

        # As many columns as channels: a weight laid along the wrong dimension must not raise but be found out.
        return [
            case("x (4, 3), weight (3,)", "values", _normal(generator, 4, 3), slopes(3)),
            case("x (2, 3, 4, 3), weight (3,)", "values", _normal(generator, 2, 3, 4, 3), slopes(3)),
            case("weight of size 1", "edge cases", _normal(generator, 2, 3, 4, 3), slopes(1)),
            case(
                "weights below 0 and above 1",
                "edge cases",
                _normal(generator, 20, 3),
                slopes(3) + torch.tensor([-1.5, 0.0, 1.5], dtype=torch.float64),
            ),
            case(
                "x = 0",
                "edge cases",
                torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64),
                slopes(2) + 0.1,
            ),
            case("x (2, 3, 3)", "edge cases", _normal(generator, 2, 3, 3), slopes(3)),
            case("x (4, 3), weight of size 1", "edge cases", _normal(generator, 4, 3), slopes(1)),
            case("one example", "edge cases", _normal(generator, 1, 3, 4, 3), slopes(3)),
            case("float64", "contract", _normal(generator, 4, 3), slopes(3), dtype=torch.float64),
            case("inputs with gaps in memory", "contract", _normal(generator, 2, 3, 4, 3), slopes(3), layout="strided"),
            case(
                "inputs transposed in memory",
                "contract",
                _normal(generator, 2, 3, 4, 3),
                slopes(3),
                layout="transposed",
            ),
            case(NEXT_CALL, "contract", _normal(generator, 4, 3), slopes(3), another_call=True),
        ]

    return cases


def prelu_forward__keeps_all(x, weight):
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    return torch.where(x > 0, x, slope * x), (x, weight)


def prelu_forward__two_clamps(x, weight):
    slope = weight.view([-1] + [1] * (x.dim() - 2))
    return x.clamp(min=0) + slope * x.clamp(max=0), (x, weight)


def prelu_forward__last_dimension(x, weight):
    """The weights were laid along the last dimension of x; they belong to the channels, dim 1."""
    return torch.where(x > 0, x, weight * x), (x, weight)


def prelu_forward__maximum(x, weight):
    """The larger of the two branches is right only while the slope is at most 1; this one is learned."""
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    return torch.maximum(x, slope * x), (x, weight)


def prelu_forward__first_weight(x, weight):
    """Every channel uses the first channel's weight."""
    return torch.where(x > 0, x, weight[0] * x), (x, weight)


def prelu_forward__both_sides(x, weight):
    """The weight multiplies the positive inputs as well."""
    return weight.reshape(1, -1, *[1] * (x.dim() - 2)) * x, (x, weight)


def prelu_forward__added_to_x(x, weight):
    """Negative inputs come out wrong by x: the negative branch was added to x, not put in its place."""
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    return x + slope * x.clamp(max=0), (x, weight)


def prelu_forward__in_place(x, weight):
    """x itself was overwritten: an assignment into x works in place."""
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2)).expand_as(x)
    x[x < 0] *= slope[x < 0]
    return x, (x, weight)


def prelu_backward__sums_by_channel(dout, cache):
    x, weight = cache
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    dx = torch.where(x > 0, dout, slope * dout)
    dslope = (dout * x.clamp(max=0)).transpose(0, 1).flatten(1).sum(1)
    return dx, dslope if weight.numel() > 1 else dslope.sum().reshape(1)


def prelu_backward__loop_over_channels(dout, cache):
    x, weight = cache
    dx, dweight = dout.clone(), torch.zeros_like(weight)
    for c in range(x.shape[1]):
        k = c if weight.numel() > 1 else 0
        off = x[:, c] <= 0
        dx[:, c][off] *= weight[k]
        dweight[k] += (dout[:, c] * x[:, c])[off].sum()
    return [dx, dweight]


def prelu_backward__mean(dout, cache):
    """dweight was averaged; a weight used in many places collects the sum."""
    x, weight = cache
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    dslope = (dout * x.clamp(max=0)).transpose(0, 1).flatten(1).mean(1)
    dslope = dslope if weight.numel() > 1 else dslope.mean().reshape(1)
    return torch.where(x > 0, dout, slope * dout), dslope


def prelu_backward__not_summed(dout, cache):
    """dweight must have the shape of weight: one weight serves many elements of x."""
    x, weight = cache
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    return torch.where(x > 0, dout, slope * dout), dout * x.clamp(max=0)


def prelu_backward__summed_over_the_batch_only(dout, cache):
    """dweight was summed over the batch alone; the weight of a channel also serves its rows and columns."""
    x, weight = cache
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    return torch.where(x > 0, dout, slope * dout), (dout * x.clamp(max=0)).sum(0)


def prelu_backward__never_shared(dout, cache):
    """A single weight serves all the channels: its gradient must have size 1."""
    x, weight = cache
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    return torch.where(x > 0, dout, slope * dout), (dout * x.clamp(max=0)).transpose(0, 1).flatten(1).sum(1)


def prelu_backward__wrong_side(dout, cache):
    """dweight was collected from the wrong side: where does the weight enter the output?"""
    x, weight = cache
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    dslope = (dout * x.clamp(min=0)).transpose(0, 1).flatten(1).sum(1)
    return torch.where(x > 0, dout, slope * dout), dslope if weight.numel() > 1 else dslope.sum().reshape(1)


def prelu_backward__all_inputs(dout, cache):
    """dweight was collected from every element: where does the weight enter the output?"""
    x, weight = cache
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    dslope = (dout * x).transpose(0, 1).flatten(1).sum(1)
    return torch.where(x > 0, dout, slope * dout), dslope if weight.numel() > 1 else dslope.sum().reshape(1)


def prelu_backward__dweight_without_upstream(dout, cache):
    """dx is right; in dweight a factor of the chain rule is missing."""
    x, weight = cache
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    dslope = x.clamp(max=0).transpose(0, 1).flatten(1).sum(1)
    return torch.where(x > 0, dout, slope * dout), dslope if weight.numel() > 1 else dslope.sum().reshape(1)


def prelu_backward__slope_at_zero(dout, cache):
    """Look at x = 0: torch counts it to the negative side."""
    x, weight = cache
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    dslope = (dout * x.clamp(max=0)).transpose(0, 1).flatten(1).sum(1)
    return torch.where(x >= 0, dout, slope * dout), dslope if weight.numel() > 1 else dslope.sum().reshape(1)


def prelu_forward__keeps_output(x, weight):
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    out = torch.where(x > 0, x, slope * x)
    return out, (x, weight, out)


def prelu_backward__sign_of_output(dout, cache):
    """The sign of the output chose the slope; with a negative weight it is not the sign of x."""
    x, weight, out = cache
    slope = weight.reshape(1, -1, *[1] * (x.dim() - 2))
    dslope = torch.where(out > 0, 0, dout * x).transpose(0, 1).flatten(1).sum(1)
    return torch.where(out > 0, dout, slope * dout), dslope if weight.numel() > 1 else dslope.sum().reshape(1)


def prelu_backward__blocked(dout, cache):
    """Nothing passes to dx on the negative side: this is the plain ReLU's."""
    x, weight = cache
    dslope = (dout * x.clamp(max=0)).transpose(0, 1).flatten(1).sum(1)
    return dout * (x > 0), dslope if weight.numel() > 1 else dslope.sum().reshape(1)


PRELU_OPERATIONS = frozenset({*LEAKY, *(f"{name}_backward" for name in LEAKY)})

PRELU = (
    Problem(
        name="prelu_forward",
        call=forward,
        returns=("out",),
        cases=_prelu(gradient=False),
        expected=value_of(reference.prelu),
        points={"values": 3, "edge cases": 2, "contract": 1},
        forbidden=PRELU_OPERATIONS,
        mistakes=programs(
            prelu_forward__last_dimension,
            prelu_forward__maximum,
            prelu_forward__first_weight,
            prelu_forward__both_sides,
            prelu_forward__added_to_x,
            prelu_forward__in_place,
        ),
        alternatives=programs(
            prelu_forward__keeps_all,
            prelu_forward__two_clamps,
        ),
    ),
    Problem(
        name="prelu_backward",
        call=backward,
        returns=("dx", "dweight"),
        cases=_prelu(gradient=True),
        expected=gradients_of(reference.prelu),
        points={"values": 5, "edge cases": 2, "contract": 1},
        forbidden=PRELU_OPERATIONS,
        mistakes=programs(
            prelu_backward__mean,
            prelu_backward__not_summed,
            prelu_backward__summed_over_the_batch_only,
            prelu_backward__never_shared,
            prelu_backward__wrong_side,
            prelu_backward__all_inputs,
            prelu_backward__dweight_without_upstream,
            prelu_backward__slope_at_zero,
            prelu_backward__blocked,
            (prelu_backward__sign_of_output, prelu_forward__keeps_output),
        ),
        alternatives=programs(
            prelu_backward__sums_by_channel,
            prelu_backward__loop_over_channels,
        ),
        companions=(prelu_forward__keeps_all,),
    ),
)


# ELU


def elu_forward__keeps_all(x, alpha=1.0):
    return torch.where(x > 0, x, alpha * torch.expm1(x)), (x, alpha)


def elu_forward__two_parts(x, alpha=1.0):
    return x.clamp(min=0) + alpha * (torch.exp(x.clamp(max=0)) - 1), (x, alpha)


def elu_forward__assigned(x, alpha=1.0):
    out = x.clone()
    off = x <= 0
    out[off] = alpha * (torch.exp(x[off]) - 1)
    return out, (x, alpha)


def elu_forward__fixed_alpha(x, alpha=1.0):
    """The argument alpha is not used."""
    return torch.where(x > 0, x, torch.expm1(x)), (x, alpha)


def elu_forward__not_shifted(x, alpha=1.0):
    """The curve jumps at 0: the negative branch must arrive at 0 there."""
    return torch.where(x > 0, x, alpha * torch.exp(x)), (x, alpha)


def elu_forward__one_outside(x, alpha=1.0):
    """With alpha other than 1 the curve jumps at 0: look at what alpha multiplies."""
    return torch.where(x > 0, x, alpha * torch.exp(x) - 1), (x, alpha)


def elu_forward__maximum(x, alpha=1.0):
    """The larger of the two branches is the wrong one for positive x."""
    return torch.maximum(x, alpha * torch.expm1(x)), (x, alpha)


def elu_forward__infinity_times_zero(x, alpha=1.0):
    """For large x the result is NaN: infinity times zero. The branch that is not wanted must not overflow."""
    return (x > 0) * x + (x <= 0) * alpha * (torch.exp(x) - 1), (x, alpha)


def elu_forward__in_place(x, alpha=1.0):
    """x itself was overwritten: an assignment into x works in place."""
    x[x < 0] = alpha * torch.expm1(x[x < 0])
    return x, (x, alpha)


def elu_backward__from_input(dout, cache):
    x, alpha = cache
    return torch.where(x > 0, dout, dout * alpha * torch.exp(x))


def elu_backward__clamped(dout, cache):
    x, alpha = cache
    return dout * ((x > 0) + (x <= 0) * torch.exp(x.clamp(max=0)) * alpha)


def elu_backward__single_precision(dout, cache):
    """In float64 alpha is rounded: somewhere a tensor is made in float32, whatever the dtype of x."""
    x, alpha = cache
    return dout * ((x > 0) + (x <= 0) * alpha * torch.exp(x.clamp(max=0)))


def elu_backward__fixed_alpha(dout, cache):
    """The alpha that the forward pass was given is not used."""
    x, _ = cache
    return torch.where(x > 0, dout, dout * torch.exp(x))


def elu_backward__output_plus_one(dout, cache):
    """Adding 1 to the output gives the slope only when alpha is 1."""
    x, alpha = cache
    return torch.where(x > 0, dout, dout * (alpha * torch.expm1(x) + 1))


def elu_backward__exponential_everywhere(dout, cache):
    """Positive inputs are not on the exponential branch: look at the slope there."""
    x, alpha = cache
    return dout * alpha * torch.exp(x)


def elu_backward__without_upstream(dout, cache):
    """This is the local derivative; the chain rule has one more factor."""
    x, alpha = cache
    return torch.where(x > 0, torch.ones_like(x), alpha * torch.exp(x))


def elu_backward__slope_at_zero(dout, cache):
    """Look at x = 0: torch counts it to the negative side."""
    x, alpha = cache
    return torch.where(x >= 0, dout, dout * alpha * torch.exp(x))


def elu_backward__infinity_times_zero(dout, cache):
    """For large x the result is NaN: infinity times zero. The branch that is not wanted must not overflow."""
    x, alpha = cache
    return dout * ((x > 0) + (x <= 0) * torch.exp(x) * alpha)


def elu_backward__shifted(dout, cache):
    """The negative branch has the function's value where its slope is wanted."""
    x, alpha = cache
    return torch.where(x > 0, dout, dout * alpha * torch.expm1(x))


ELU = _pair(
    "elu",
    reference.elu,
    {
        "alpha 0.5": (None, {"alpha": 0.5}),
        "alpha 2 around 0": (AROUND_ZERO, {"alpha": 2.0}),
        "far left": (FAR_LEFT, {}),
        "far right": (FAR_RIGHT, {}),
    },
    ({"values": 3, "edge cases": 1, "contract": 1}, {"values": 3, "edge cases": 2, "contract": 1}),
    frozenset({"elu", "celu", "selu"}),
    forwards=programs(elu_forward__two_parts, elu_forward__assigned),
    backwards=programs(
        elu_backward__from_input,
        elu_backward__clamped,
    ),
    forward_mistakes=programs(
        elu_forward__fixed_alpha,
        elu_forward__not_shifted,
        elu_forward__one_outside,
        elu_forward__maximum,
        elu_forward__infinity_times_zero,
        elu_forward__in_place,
    ),
    backward_mistakes=programs(
        elu_backward__fixed_alpha,
        elu_backward__output_plus_one,
        elu_backward__exponential_everywhere,
        elu_backward__without_upstream,
        elu_backward__slope_at_zero,
        elu_backward__infinity_times_zero,
        elu_backward__shifted,
        elu_backward__single_precision,
    ),
    companion=elu_forward__keeps_all,
)


# SELU


def selu_forward__keeps_input(x):
    scale, alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
    return scale * torch.where(x > 0, x, alpha * torch.expm1(x)), x


def selu_forward__two_parts(x):
    scale, alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
    return scale * x.clamp(min=0) + scale * alpha * (torch.exp(x.clamp(max=0)) - 1), x


def selu_forward__no_scale(x):
    """This is ELU with SELU's alpha: the other constant is missing."""
    return torch.where(x > 0, x, 1.6732632423543772 * torch.expm1(x)), x


def selu_forward__scale_on_the_left_only(x):
    """The positive side lacks one of the constants."""
    return torch.where(x > 0, x, 1.0507009873554805 * 1.6732632423543772 * torch.expm1(x)), x


def selu_forward__scale_on_the_right_only(x):
    """The negative side lacks one of the constants."""
    return torch.where(x > 0, 1.0507009873554805 * x, 1.6732632423543772 * torch.expm1(x)), x


def selu_forward__constants_swapped(x):
    """The two constants are swapped."""
    return 1.6732632423543772 * torch.where(x > 0, x, 1.0507009873554805 * torch.expm1(x)), x


def selu_forward__constants_rounded(x):
    """The constants are rounded too far: use all the digits that the text gives."""
    return 1.05 * torch.where(x > 0, x, 1.67 * torch.expm1(x)), x


def selu_forward__constants_of_seven_digits(x):
    """The constants have the digits of float32; with a float64 input the error shows."""
    return 1.050701 * torch.where(x > 0, x, 1.673263 * torch.expm1(x)), x


def selu_forward__infinity_times_zero(x):
    """For large x the result is NaN: infinity times zero. The branch that is not wanted must not overflow."""
    return 1.0507009873554805 * ((x > 0) * x + (x <= 0) * 1.6732632423543772 * (torch.exp(x) - 1)), x


def selu_backward__from_input(dout, cache):
    scale, alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
    return scale * dout * torch.where(cache > 0, 1, alpha * torch.exp(cache))


def selu_backward__clamped(dout, cache):
    scale, alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
    return dout * torch.where(cache > 0, scale, scale * alpha * torch.exp(cache.clamp(max=0)))


def selu_backward__no_scale(dout, cache):
    """One of the two constants is missing on both sides."""
    return dout * torch.where(cache > 0, 1, 1.6732632423543772 * torch.exp(cache))


def selu_backward__no_alpha(dout, cache):
    """The negative side lacks a constant: at the left of 0 the slope is larger than at the right."""
    return dout * torch.where(cache > 0, 1.0507009873554805, 1.0507009873554805 * torch.exp(cache))


def selu_backward__without_upstream(dout, cache):
    """This is the local derivative; the chain rule has one more factor."""
    return torch.where(cache > 0, 1.0507009873554805, 1.758099340847376 * torch.exp(cache))


def selu_backward__slope_at_zero(dout, cache):
    """Look at x = 0: torch counts it to the negative side."""
    return dout * torch.where(cache >= 0, 1.0507009873554805, 1.758099340847376 * torch.exp(cache))


def selu_backward__infinity_times_zero(dout, cache):
    """For large x the result is NaN: infinity times zero. The branch that is not wanted must not overflow."""
    slope = (cache > 0) + (cache <= 0) * torch.exp(cache) * 1.6732632423543772
    return 1.0507009873554805 * dout * slope


def selu_backward__shifted(dout, cache):
    """The negative branch has the function's value where its slope is wanted."""
    return dout * torch.where(cache > 0, 1.0507009873554805, 1.758099340847376 * torch.expm1(cache))


SELU = _pair(
    "selu",
    reference.selu,
    {"around 0": (AROUND_ZERO, {}), "far left": (FAR_LEFT, {}), "far right": (FAR_RIGHT, {})},
    ({"values": 3, "edge cases": 1, "contract": 1}, {"values": 3, "edge cases": 2, "contract": 1}),
    frozenset({"elu", "celu", "selu"}),
    forwards=programs(
        selu_forward__two_parts,
    ),
    backwards=programs(
        selu_backward__from_input,
        selu_backward__clamped,
    ),
    forward_mistakes=programs(
        selu_forward__no_scale,
        selu_forward__scale_on_the_left_only,
        selu_forward__scale_on_the_right_only,
        selu_forward__constants_swapped,
        selu_forward__constants_rounded,
        selu_forward__constants_of_seven_digits,
        selu_forward__infinity_times_zero,
    ),
    backward_mistakes=programs(
        selu_backward__no_scale,
        selu_backward__no_alpha,
        selu_backward__without_upstream,
        selu_backward__slope_at_zero,
        selu_backward__infinity_times_zero,
        selu_backward__shifted,
    ),
    companion=selu_forward__keeps_input,
)


# Maxout


def _maxout(gradient: bool) -> Cases:
    def cases(generator: torch.Generator) -> list[Case]:
        def case(name, criterion, arguments, **how):
            n, m = len(arguments["x"]), arguments["weight"].shape[1]
            dout = _normal(generator, n, m) if gradient else None
            return Case(name, criterion, arguments, dout, **how)

        def drawn(n, d, m, k):
            """x, weight and bias; drawn again while two pieces come too close for their order to be certain."""
            while True:
                x, weight = _normal(generator, n, d), _normal(generator, k, m, d)
                bias = _normal(generator, k, m)
                best = (torch.einsum("nd,kmd->nkm", x, weight) + bias).topk(min(2, k), dim=1).values
                if k == 1 or (best[:, 0] - best[:, 1]).min() > 1e-3:
                    return {"x": x, "weight": weight, "bias": bias}

        # Whole numbers: equal pieces are equal in any order of summation.
        piece = torch.randint(-3, 4, (2, 3), generator=generator).double()
        x = torch.randint(-3, 4, (3, 3), generator=generator).double()
        # Of x and -x at least one makes the tied pieces the largest.
        tied = {
            "x": torch.cat([x, -x]),
            "weight": torch.stack([piece, piece, -piece]),
            "bias": torch.tensor([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]], dtype=torch.float64),
        }
        low = drawn(5, 4, 2, 3)
        low["bias"] -= torch.tensor([[1000.0], [1000.0], [2000.0]], dtype=torch.float64)
        return [
            case("x (5, 4), weight (3, 2, 4), bias (3, 2)", "values", drawn(5, 4, 2, 3)),
            case("x (6, 2), weight (4, 4, 2), bias (4, 4)", "values", drawn(6, 2, 4, 4)),
            case("tied pieces", "edge cases", tied),
            case("one example, one piece", "edge cases", drawn(1, 3, 2, 1)),
            case("one output", "edge cases", drawn(5, 4, 1, 3)),
            case("far below 0, the last piece never chosen", "edge cases", low),
            case("float64", "contract", drawn(5, 4, 2, 3), dtype=torch.float64),
            case("inputs with gaps in memory", "contract", drawn(5, 4, 2, 3), layout="strided"),
            case("inputs transposed in memory", "contract", drawn(5, 4, 2, 3), layout="transposed"),
            case(NEXT_CALL, "contract", drawn(5, 4, 2, 3), another_call=True),
        ]

    return cases


def maxout_forward__keeps_choice(x, weight, bias):
    pieces = torch.einsum("nd,kmd->nkm", x, weight) + bias
    choice = pieces.argmax(dim=1, keepdim=True)
    return pieces.gather(1, choice).squeeze(1), (x, weight, choice)


def maxout_forward__loop_over_pieces(x, weight, bias):
    out = x @ weight[0].T + bias[0]
    choice = torch.zeros_like(out, dtype=torch.int64)
    for k in range(len(weight)):
        piece = x @ weight[k].T + bias[k]
        better = piece > out
        choice = torch.where(better, k, choice)
        out = torch.where(better, piece, out)
    return out, (x, weight, choice.unsqueeze(1))


def maxout_forward__loops(x, weight, bias):
    out = torch.zeros(len(x), weight.shape[1], dtype=x.dtype, device=x.device)
    for n in range(len(x)):
        for m in range(weight.shape[1]):
            out[n, m] = max((x[n] * weight[k, m]).sum() + bias[k, m] for k in range(len(weight)))
    pieces = torch.einsum("nd,kmd->nkm", x, weight) + bias
    return out, (x, weight, pieces.argmax(dim=1, keepdim=True))


def maxout_forward__sum(x, weight, bias):
    """The pieces were added up."""
    return (torch.einsum("nd,kmd->nkm", x, weight) + bias).sum(dim=1), None


def maxout_forward__minimum(x, weight, bias):
    """The smallest piece was taken."""
    return (torch.einsum("nd,kmd->nkm", x, weight) + bias).amin(dim=1), None


def maxout_forward__over_outputs(x, weight, bias):
    """The maximum was taken over the outputs; it belongs over the pieces."""
    return (torch.einsum("nd,kmd->nkm", x, weight) + bias).amax(dim=2), None


def maxout_forward__no_bias(x, weight, bias):
    """The bias is not used."""
    return torch.einsum("nd,kmd->nkm", x, weight).amax(dim=1), None


def maxout_forward__bias_after_maximum(x, weight, bias):
    """The maximum was taken before the bias was added: each piece has a bias of its own."""
    return torch.einsum("nd,kmd->nkm", x, weight).amax(dim=1) + bias.amax(dim=0), None


def maxout_forward__largest_weights(x, weight, bias):
    """The maximum was taken of the weights; the linear pieces come first, for each example."""
    return x @ weight.amax(dim=0).T + bias.amax(dim=0), None


def maxout_forward__with_zero(x, weight, bias):
    """The results never fall below 0: maxout compares the pieces with each other, not with 0."""
    return (torch.einsum("nd,kmd->nkm", x, weight) + bias).amax(dim=1).clamp(min=0), None


def maxout_backward__by_one_hot(dout, cache):
    x, weight, choice = cache
    chosen = torch.zeros(len(x), *weight.shape[:2], dtype=dout.dtype, device=dout.device)
    dpieces = chosen.scatter_(1, choice, dout.unsqueeze(1))
    dx = torch.einsum("nkm,kmd->nd", dpieces, weight)
    return dx, torch.einsum("nkm,nd->kmd", dpieces, x), dpieces.sum(0)


def maxout_backward__loop_over_pieces(dout, cache):
    x, weight, choice = cache
    dx, dweight = torch.zeros_like(x), torch.zeros_like(weight)
    dbias = torch.zeros_like(weight[..., 0])
    for k in range(len(weight)):
        part = dout * (choice.squeeze(1) == k)
        dx += part @ weight[k]
        dweight[k] = part.T @ x
        dbias[k] = part.sum(0)
    return dx, dweight, dbias


def maxout_forward__keeps_all(x, weight, bias):
    return (torch.einsum("nd,kmd->nkm", x, weight) + bias).amax(dim=1), (x, weight, bias)


def maxout_backward__every_tied_piece(dout, cache):
    """Where two pieces are equal, both received the gradient."""
    x, weight, bias = cache
    pieces = torch.einsum("nd,kmd->nkm", x, weight) + bias
    dpieces = (pieces == pieces.amax(dim=1, keepdim=True)) * dout.unsqueeze(1)
    dx = torch.einsum("nkm,kmd->nd", dpieces, weight)
    return dx, torch.einsum("nkm,nd->kmd", dpieces, x), dpieces.sum(0)


def maxout_backward__last_tied_piece(dout, cache):
    """Where two pieces are equal, the last one received the gradient."""
    x, weight, bias = cache
    pieces = torch.einsum("nd,kmd->nkm", x, weight) + bias
    last = len(weight) - 1 - pieces.flip(1).argmax(dim=1, keepdim=True)
    dpieces = torch.zeros_like(pieces).scatter_(1, last, dout.unsqueeze(1))
    dx = torch.einsum("nkm,kmd->nd", dpieces, weight)
    return dx, torch.einsum("nkm,nd->kmd", dpieces, x), dpieces.sum(0)


def maxout_backward__all_pieces(dout, cache):
    """Every piece received the gradient, chosen or not."""
    x, weight, _ = cache
    dpieces = dout.unsqueeze(1).expand(-1, len(weight), -1)
    dx = torch.einsum("nkm,kmd->nd", dpieces, weight)
    return dx, torch.einsum("nkm,nd->kmd", dpieces, x), dpieces.sum(0)


def maxout_backward__mean_over_the_batch(dout, cache):
    """dweight and dbias were averaged over the batch; the chain rule adds up."""
    x, weight, choice = cache
    chosen = torch.zeros(len(x), *weight.shape[:2], dtype=dout.dtype, device=dout.device)
    dpieces = chosen.scatter_(1, choice, dout.unsqueeze(1))
    dx = torch.einsum("nkm,kmd->nd", dpieces, weight)
    return dx, torch.einsum("nkm,nd->kmd", dpieces, x) / len(x), dpieces.mean(0)


def maxout_backward__without_upstream(dout, cache):
    """These are the local derivatives; the chain rule has one more factor."""
    x, weight, choice = cache
    chosen = torch.zeros(len(x), *weight.shape[:2], dtype=dout.dtype, device=dout.device)
    dpieces = chosen.scatter_(1, choice, 1.0)
    dx = torch.einsum("nkm,kmd->nd", dpieces, weight)
    return dx, torch.einsum("nkm,nd->kmd", dpieces, x), dpieces.sum(0)


def maxout_backward__bias_of_every_piece(dout, cache):
    """dbias is the same for every piece: only the chosen one of an example earned its part."""
    x, weight, choice = cache
    chosen = torch.zeros(len(x), *weight.shape[:2], dtype=dout.dtype, device=dout.device)
    dpieces = chosen.scatter_(1, choice, dout.unsqueeze(1))
    dx = torch.einsum("nkm,kmd->nd", dpieces, weight)
    return dx, torch.einsum("nkm,nd->kmd", dpieces, x), dout.sum(0).expand(len(weight), -1)


def maxout_backward__order(dout, cache):
    """The gradients come in the wrong order: first dx, then dweight, then dbias."""
    x, weight, choice = cache
    chosen = torch.zeros(len(x), *weight.shape[:2], dtype=dout.dtype, device=dout.device)
    dpieces = chosen.scatter_(1, choice, dout.unsqueeze(1))
    dx = torch.einsum("nkm,kmd->nd", dpieces, weight)
    return dpieces.sum(0), torch.einsum("nkm,nd->kmd", dpieces, x), dx


MAXOUT = (
    Problem(
        name="maxout_forward",
        call=forward,
        returns=("out",),
        cases=_maxout(gradient=False),
        expected=value_of(reference.maxout),
        points={"values": 5, "edge cases": 2, "contract": 1},
        mistakes=programs(
            maxout_forward__sum,
            maxout_forward__minimum,
            maxout_forward__over_outputs,
            maxout_forward__no_bias,
            maxout_forward__bias_after_maximum,
            maxout_forward__largest_weights,
            maxout_forward__with_zero,
        ),
        alternatives=programs(
            maxout_forward__keeps_choice,
            maxout_forward__loop_over_pieces,
            maxout_forward__loops,
        ),
    ),
    Problem(
        name="maxout_backward",
        call=backward,
        returns=("dx", "dweight", "dbias"),
        cases=_maxout(gradient=True),
        expected=gradients_of(reference.maxout),
        points={"values": 6, "edge cases": 2, "contract": 1},
        mistakes=programs(
            (maxout_backward__every_tied_piece, maxout_forward__keeps_all),
            (maxout_backward__last_tied_piece, maxout_forward__keeps_all),
            maxout_backward__all_pieces,
            maxout_backward__mean_over_the_batch,
            maxout_backward__without_upstream,
            maxout_backward__bias_of_every_piece,
            maxout_backward__order,
        ),
        alternatives=programs(
            maxout_backward__by_one_hot,
            maxout_backward__loop_over_pieces,
        ),
        companions=(maxout_forward__keeps_choice,),
    ),
)


PROBLEMS = (*SIGMOID, *TANH, *RELU, *LEAKY_RELU, *PRELU, *ELU, *SELU, *MAXOUT)
