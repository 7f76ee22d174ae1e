"""How the cases of the problem set `convolution` are drawn."""

import torch

from autograder.calls.case import Case
from autograder.measures.timed import redrawn
from autograder.problem import Cases
from autograder.problems.drawing import NEXT_CALL, layer_inputs, whole, wide_normal


def positions(size: int, kernel_size: int, stride: int, padding: int) -> int:
    return (size + 2 * padding - kernel_size) // stride + 1


def convolutions(gradient: bool, timed: bool = False) -> Cases:
    def cases(generator: torch.Generator) -> list[Case]:
        def case(name, criterion, x, weight, options=None, **how):
            options = options or {}
            (n, _, *image), (o, _, *kernel) = x, weight
            sizes = [
                positions(*axis, options.get("stride", 1), options.get("padding", 0))
                for axis in zip(image, kernel, strict=True)
            ]
            arguments, dout = layer_inputs(generator, x, weight, o, (n, o, *sizes) if gradient else None)
            return Case(name, criterion, {**arguments, **options}, dout, **how)

        fine = {"stride": 2, "padding": 1}
        drawn = [
            case("x (2, 3, 5, 7), weight (4, 3, 2, 3)", "values", (2, 3, 5, 7), (4, 3, 2, 3)),
            case("stride 2, padding 1", "values", (3, 2, 5, 9), (4, 2, 2, 3), fine),
            case("padding 2", "edge cases", (2, 3, 3, 6), (2, 3, 2, 4), {"stride": 1, "padding": 2}),
            case("stride larger than the kernel", "edge cases", (2, 2, 7, 11), (3, 2, 1, 2), {"stride": 3}),
            case(
                "padding 3, larger than the kernel, stride 3",
                "edge cases",
                (2, 2, 4, 8),
                (3, 2, 1, 2),
                {"stride": 3, "padding": 3},
            ),
            case("last row and column not covered", "edge cases", (2, 2, 6, 9), (3, 2, 3, 4), {"stride": 2}),
            case(
                "last row and column not covered, padding 1",
                "edge cases",
                (2, 2, 6, 12),
                (3, 2, 3, 3),
                {"stride": 3, "padding": 1},
            ),
            case("a kernel as large as the image, stride 2", "edge cases", (3, 2, 2, 4), (2, 2, 2, 4), {"stride": 2}),
            case("a kernel of one pixel", "edge cases", (2, 3, 4, 5), (5, 3, 1, 1)),
            case("one image, one channel, one filter", "edge cases", (1, 1, 4, 6), (1, 1, 2, 3)),
            case("float64", "contract", (2, 3, 7, 6), (4, 3, 3, 2), fine, dtype=torch.float64),
            case("inputs with gaps in memory", "contract", (2, 3, 7, 6), (4, 3, 3, 2), fine, layout="strided"),
            case("inputs transposed in memory", "contract", (2, 3, 7, 6), (4, 3, 3, 2), fine, layout="transposed"),
            case(NEXT_CALL, "contract", (2, 3, 7, 6), (4, 3, 3, 2), fine, another_call=True),
            # Not an edge case: a program that takes the width from the height raises here, and would get no hint.
            case(
                "a high image and kernel, last row and column not covered",
                "contract",
                (2, 2, 10, 6),
                (3, 2, 3, 2),
                {"stride": 3},
            ),
        ]
        if timed:
            # A loop over its pixels takes hundreds of times as long as torch, one over filters and pixels a second.
            large = "x (1, 32, 60, 64), weight (4, 32, 3, 3), padding 1"
            options = {"stride": 1, "padding": 1}
            timed_case = case(large, "speed", (1, 32, 60, 64), (4, 32, 3, 3), options, timed=True)
            drawn.append(redrawn(timed_case, whole(generator, 0, 2**31 - 1)))
        return drawn

    return cases


def image_to_columns(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, x, kernel_size, options=None, **how):
        arguments = {"x": wide_normal(generator, *x), "kernel_size": kernel_size}
        return Case(name, criterion, {**arguments, **(options or {})}, **how)

    fine = {"stride": 2, "padding": 1}
    return [
        case("x (2, 3, 4, 6), kernel_size (2, 3)", "values", (2, 3, 4, 6), (2, 3)),
        case("kernel_size (2, 3), stride 2, padding 1", "values", (3, 2, 5, 9), (2, 3), fine),
        case("kernel_size 3, a whole number", "edge cases", (2, 3, 4, 6), 3),
        case("kernel_size 2, stride 2", "edge cases", (2, 2, 4, 6), 2, {"stride": 2}),
        case("padding 2", "edge cases", (2, 3, 3, 6), (2, 4), {"stride": 1, "padding": 2}),
        case("stride larger than the kernel", "edge cases", (2, 2, 7, 11), (1, 2), {"stride": 3}),
        case("padding 3, larger than the kernel", "edge cases", (2, 2, 4, 8), (1, 2), {"stride": 3, "padding": 3}),
        case("last row and column not covered", "edge cases", (2, 2, 6, 9), (3, 4), {"stride": 2}),
        case("a kernel as large as the image", "edge cases", (3, 2, 2, 4), (2, 4)),
        case("one image, one channel", "edge cases", (1, 1, 4, 6), (2, 3)),
        case("float64", "contract", (2, 3, 7, 6), (3, 2), fine, dtype=torch.float64),
        case("x with gaps in memory", "contract", (2, 3, 7, 6), (3, 2), fine, layout="strided"),
        case("x transposed in memory", "contract", (2, 3, 7, 6), (3, 2), fine, layout="transposed"),
    ]


def columns_to_image(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, image, kernel_size, options=None, **how):
        options = options or {}
        n, c, *output_size = image
        kernel = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        rows, columns = (
            positions(*axis, options.get("stride", 1), options.get("padding", 0))
            for axis in zip(output_size, kernel, strict=True)
        )
        cols = wide_normal(generator, n, c * kernel[0] * kernel[1], rows * columns)
        arguments = {"cols": cols, "output_size": tuple(output_size), "kernel_size": kernel_size}
        return Case(name, criterion, {**arguments, **options}, **how)

    fine = {"stride": 2, "padding": 1}
    return [
        case("output_size (4, 6), kernel_size (2, 3)", "values", (2, 3, 4, 6), (2, 3)),
        case("kernel_size (2, 3), stride 2, padding 1", "values", (3, 2, 5, 9), (2, 3), fine),
        case("kernel_size 3, a whole number", "edge cases", (2, 3, 4, 6), 3),
        case("no overlap: kernel_size 2, stride 2", "edge cases", (2, 2, 4, 6), 2, {"stride": 2}),
        case("padding 2", "edge cases", (2, 3, 3, 6), (2, 4), {"stride": 1, "padding": 2}),
        case("stride larger than the kernel", "edge cases", (2, 2, 7, 11), (1, 2), {"stride": 3}),
        case("padding 3, larger than the kernel", "edge cases", (2, 2, 4, 8), (1, 2), {"stride": 3, "padding": 3}),
        case("last row and column not covered", "edge cases", (2, 2, 6, 9), (3, 4), {"stride": 2}),
        case("a kernel as large as the image", "edge cases", (3, 2, 2, 4), (2, 4)),
        case("one image, one channel", "edge cases", (1, 1, 4, 6), (2, 3)),
        case("float64", "contract", (2, 3, 7, 6), (3, 2), fine, dtype=torch.float64),
        case("cols with gaps in memory", "contract", (2, 3, 7, 6), (3, 2), fine, layout="strided"),
        case("cols transposed in memory", "contract", (2, 3, 7, 6), (3, 2), fine, layout="transposed"),
    ]


def pooling(gradient: bool, maximum: bool) -> Cases:
    def cases(generator: torch.Generator) -> list[Case]:
        def case(name, criterion, x, kernel_size, stride, padding=None, **how):
            x = wide_normal(generator, *x) if isinstance(x, tuple) else x
            sizes = [positions(size, kernel_size, stride, padding or 0) for size in x.shape[2:]]
            dout = wide_normal(generator, *x.shape[:2], *sizes) if gradient else None
            arguments = {"x": x, "kernel_size": kernel_size, "stride": stride}
            return Case(name, criterion, arguments | ({} if padding is None else {"padding": padding}), dout, **how)

        def below_zero():
            return -1 - wide_normal(generator, 2, 3, 4, 7).abs()

        of_maximum = (
            [
                case("all values below 0, padding 1", "edge cases", below_zero(), 3, 2, 1),
                case("all values below -1e10, padding 1", "edge cases", 1e10 * below_zero(), 2, 2, 1),
                case("ties", "edge cases", wide_normal(generator, 2, 3, 5, 7).sign(), 3, 2),
                case("ties, all values equal, padding 1", "edge cases", torch.ones(2, 2, 4, 6).double(), 3, 2, 1),
            ]
            if maximum
            else []
        )
        return [
            case("x (2, 3, 4, 6), kernel_size 2, stride 2", "values", (2, 3, 4, 6), 2, 2),
            case("overlapping windows: kernel_size 3, stride 2", "values", (3, 2, 5, 9), 3, 2),
            case("padding 1", "edge cases", (2, 3, 4, 7), 3, 2, 1),
            case("padding 2, kernel_size 4, stride 3", "edge cases", (2, 2, 6, 9), 4, 3, 2),
            case("stride larger than the kernel", "edge cases", (2, 3, 6, 11), 2, 3),
            case("last row and column not covered", "edge cases", (2, 3, 5, 7), 2, 2),
            case("stride 1, a window as high as the image", "edge cases", (2, 3, 3, 5), 3, 1),
            case("one image, one channel", "edge cases", (1, 1, 4, 6), 2, 2),
            *of_maximum,
            case("float64", "contract", (2, 3, 7, 6), 3, 2, 1, dtype=torch.float64),
            case("x with gaps in memory", "contract", (2, 3, 7, 6), 3, 2, 1, layout="strided"),
            case("x transposed in memory", "contract", (2, 3, 7, 6), 3, 2, 1, layout="transposed"),
            case(NEXT_CALL, "contract", (2, 3, 7, 6), 3, 2, 1, another_call=True),
            # In these a window, or all windows together, may be x itself: what writes into them writes into x.
            case("a window as large as the image", "edge cases", (2, 3, 3, 3), 3, 1),
            case("a window of one pixel, stride 1", "edge cases", (2, 2, 3, 5), 1, 1),
        ]

    return cases


def stacks(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, layers):
        return Case(name, criterion, {"layers": layers})

    drawn = [(whole(generator, 3, 7), whole(generator, 2, 3)) for _ in range(3)]
    vgg = [(3, 1), (3, 1), (2, 2)] * 2 + [(3, 1), (3, 1), (3, 1), (2, 2)] * 3
    return [
        case("(3, 1), (3, 1), (3, 1)", "values", [(3, 1)] * 3),
        case("(3, 1), (2, 2), (3, 1)", "values", [(3, 1), (2, 2), (3, 1)]),
        case("(5, 3), (3, 2)", "values", [(5, 3), (3, 2)]),
        case(", ".join(map(str, drawn)), "values", drawn),
        case("the layers of VGG-16 up to its last pooling", "values", vgg),
        case("no layer", "edge cases", []),
        case("one layer, (5, 2)", "edge cases", [(5, 2)]),
        case("a kernel of one pixel, stride 2", "edge cases", [(3, 1), (1, 2), (3, 1)]),
        case("stride larger than the kernel", "edge cases", [(2, 3), (3, 1)]),
    ]


def costs(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, *values):
        names = ("input_shape", "out_channels", "kernel_size", "stride", "padding")
        return Case(name, criterion, dict(zip(names, values, strict=True)))

    drawn = (3, whole(generator, 20, 29), whole(generator, 30, 39)), whole(generator, 5, 8)
    return [
        case("the first layer of AlexNet", "values", (3, 227, 227), 96, 11, 4, 0),
        case(f"input_shape {drawn[0]}, {drawn[1]} filters of 3, padding 1", "values", *drawn, 3, 1, 1),
        case("input_shape (4, 9, 14), 6 filters of 5, stride 2, padding 2", "values", (4, 9, 14), 6, 5, 2, 2),
        case("kernel_size 1", "edge cases", (64, 7, 9), 16, 1, 1, 0),
        case("stride larger than the kernel", "edge cases", (2, 7, 12), 3, 2, 3, 0),
        case("a kernel as large as the image", "edge cases", (5, 4, 4), 7, 4, 1, 0),
        case("the kernel fits into the padded image alone", "edge cases", (3, 9, 4), 2, 7, 1, 2),
        case("the kernel fits into the width, not into the height", "edge cases", (3, 4, 9), 2, 7, 1, 1),
        case("the kernel fits into the height, not into the width", "edge cases", (3, 9, 4), 2, 7, 2, 1),
    ]
