"""How the cases of the problem set `activations` are drawn."""

import torch

from autograder.calls.case import Case
from autograder.problem import Cases
from autograder.problems.drawing import NEXT_CALL, sized, wide_normal

SATURATED = (-1e4, -100.0, -30.0, -20.0, -12.0, -8.0, 8.0, 12.0, 20.0, 30.0, 100.0, 1e4)
AROUND_ZERO = (-2.0, -9e-5, -1e-7, 0.0, 1e-7, 9e-5, 2.0)

# Apart, for the size of the largest output sets the tolerance of all.
FAR_LEFT = (-1e4, -1e3, -100.0, -30.0, -12.0, -8.0)
FAR_RIGHT = (30.0, 100.0, 1e3, 1e4)

# An edge case: values of x (None for random ones), options, and the dtype if it is not float32.
Edges = dict[str, tuple]


def elementwise(edges: Edges, gradient: bool) -> Cases:
    """Cases of ``f(x, **options)``: ordinary ones and `edges` by name.

    In the contract's cases an option is a seventh of an edge's: float32 could not hold it, and a function that
    rounds is found out.
    """
    fine = {name: value / 7 for _, options, *_ in edges.values() for name, value in options.items() if value}

    def cases(generator: torch.Generator) -> list[Case]:
        def case(name, criterion, x, options=None, **how):
            dout = wide_normal(generator, *x.shape) if gradient else None
            return Case(name, criterion, {"x": x, **(options or {})}, dout, **how)

        def edge(name, numbers, options, dtype=torch.float32):
            # Beside ordinary numbers: saturated outputs are too small to set a tolerance.
            x = wide_normal(generator, 6, 7)
            if numbers is not None:
                x = torch.cat([torch.tensor(numbers, dtype=x.dtype), x.flatten()])
            return case(name, "edge cases", x, options, dtype=dtype)

        left_out = f", {' and '.join(fine)} left out" if fine else ""
        signs = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0], dtype=torch.float64)
        said = "".join(f", {name} {value:.3g}" for name, value in fine.items())
        return [
            case("x (4, 5)", "values", wide_normal(generator, 4, 5)),
            case("x (2, 3, 4, 3)", "values", wide_normal(generator, 2, 3, 4, 3)),
            *(edge(name, *how) for name, how in edges.items()),
            case("x (1, 5)", "edge cases", wide_normal(generator, 1, 5).abs() * signs),
            case(f"float64{said}", "contract", wide_normal(generator, 4, 5), fine, dtype=torch.float64),
            *(
                [case(f"float64{left_out}", "contract", wide_normal(generator, 4, 5), dtype=torch.float64)]
                if fine
                else []
            ),
            case("x with gaps in memory", "contract", wide_normal(generator, 4, 5), layout="strided"),
            case("x transposed in memory", "contract", wide_normal(generator, 4, 5), layout="transposed"),
            # Far from 0, where no right program loses digits: it alone sets the tolerance.
            case("x ()", "contract", 1 + sized(generator)),
            case(NEXT_CALL + said, "contract", wide_normal(generator, 4, 5), fine, another_call=True),
        ]

    return cases
