"""What the docstrings of the exercises promise and demand, and the cases that ask for it.

For every function its docstring, cut into pieces. Beside each piece stand the cases that would fail if it were not
kept: the beginning of a case's name, or a criterion, for all of its cases. What is said of the inputs alone is `GIVEN`.
"""

GIVEN = "given"
EVERY = ("values", "edge cases", "contract")

NEXT_CALL = "another call before this one's results are used"
SATURATED = ("large |x|", "large |x|, float64")


def _backward(
    name: str, of: str, dout: str, returned: tuple, what: str = "gradient", pair: tuple = EVERY
) -> list[tuple]:
    """The docstring of a backward function; `returned` are the pieces that say what it returns."""
    return [
        (f"The {what} of the loss with respect to {of} of `{name}`.", "values"),
        (f"{dout}: gradient of the loss with respect to out{'' if '(' in dout else ', of its shape'}.", *pair),
        (f"cache: as `{name}` returned it.", *pair, NEXT_CALL),
        *returned,
    ]


def _elementwise(name: str, forward: list[tuple], backward: list[tuple]) -> dict[str, list[tuple]]:
    return {
        f"{name}_forward": forward,
        f"{name}_backward": _backward(f"{name}_forward", "the x", "dout", backward),
    }


ANY_SHAPE = ("x (4, 5)", "x (2, 3, 4, 3)", "x (1, 5)", "x ()", "around 0")
OUT = ("Returns (out, cache);", "values")
ITS_SHAPE = ("out has the shape of x", *ANY_SHAPE)
DX = ("Returns dx, of the shape of x", *ANY_SHAPE)

ACTIVATIONS = {
    **_elementwise(
        "sigmoid",
        [
            ("1 / (1 + exp(-x)) of every entry (LeCun et al. 1998, Efficient BackProp, section 4.4).", "values"),
            ("x: any shape,", *ANY_SHAPE),
            ("entries up to 1e4 in size, in float32 too.", *SATURATED),
            OUT,
            (f"{ITS_SHAPE[0]},", *ANY_SHAPE),
            ("and no entry of it is nan or inf.", *SATURATED),
        ],
        [(f"{DX[0]},", *ANY_SHAPE), ("finite for entries of x up to 1e4 in size.", *SATURATED)],
    ),
    **_elementwise(
        "tanh",
        [
            (
                "The hyperbolic tangent of every entry (LeCun et al. 1998, Efficient BackProp, section 4.4).",
                "values",
                "around 0",
            ),
            ("x: any shape,", *ANY_SHAPE),
            ("entries up to 1e4 in size, in float32 too.", *SATURATED),
            OUT,
            (f"{ITS_SHAPE[0]},", *ANY_SHAPE),
            ("and no entry of it is nan or inf.", *SATURATED),
        ],
        [(f"{DX[0]},", *ANY_SHAPE), ("finite for entries of x up to 1e4 in size.", *SATURATED)],
    ),
    **_elementwise(
        "relu",
        [
            (
                "max(0, x) of every entry (Nair & Hinton 2010; in deep networks Glorot et al. 2011).",
                "values",
                "far left",
                "far right",
            ),
            ("x: any shape.", *ANY_SHAPE),
            OUT,
            (f"{ITS_SHAPE[0]},", *ANY_SHAPE),
            ("and x is left as it was.", "contract"),
        ],
        [(f"{DX[0]};", *ANY_SHAPE), ("it is 0 where x is exactly 0.", "around 0")],
    ),
    **_elementwise(
        "leaky_relu",
        [
            ("x where x > 0, negative_slope * x elsewhere (Maas et al. 2013).", "values", "negative_slope 0.2"),
            ("x: any shape.", *ANY_SHAPE),
            ("negative_slope: a number,", "negative_slope 0", "negative_slope 0.2", "float64, negative_slope left out"),
            ("which may be larger than 1.", "negative_slope 1.5"),
            OUT,
            (f"{ITS_SHAPE[0]}.", *ANY_SHAPE),
        ],
        [(f"{DX[0]};", *ANY_SHAPE), ("the slope at exactly 0 is negative_slope.", "around 0")],
    ),
    "prelu_forward": [
        (
            "x where x > 0, elsewhere x times the weight of its channel (He et al. 2015, section 2.1).",
            "values",
        ),
        ("x (N, C) or (N, C, ...);", "x (4, 3), weight (3,)", "x (2, 3, 3)", "x (2, 3, 4, 3), weight (3,)"),
        ("weight (C,), one slope for each channel of dim 1,", "values"),
        ("or (1,), one for all;", "weight of size 1", "x (4, 3), weight of size 1"),
        ("a slope may be larger than 1.", "weights below 0 and above 1"),
        OUT,
        ("out has the shape of x.", *EVERY),
    ],
    "prelu_backward": _backward(
        "prelu_forward",
        "the x and the weight",
        "dout",
        [
            ("Returns (dx, dweight), of the shapes of x and weight.", "values", "weight of size 1"),
            ("At exactly 0 the slope is that of the negative side,", "x = 0"),
            ("and dweight gets nothing.", "x = 0"),
        ],
        "gradients",
    ),
    **_elementwise(
        "elu",
        [
            ("x where x > 0, alpha * (exp(x) - 1) elsewhere (Clevert et al. 2016).", "values", "alpha 2 around 0"),
            ("x: any shape,", "x (4, 5)", "x (2, 3, 4, 3)", "x (1, 5)", "x ()"),
            ("with entries of any size.", "far left", "far right"),
            ("alpha: a number.", "alpha 0.5", "float64, alpha left out"),
            OUT,
            ("out has the shape of x,", "x (4, 5)", "x (2, 3, 4, 3)", "x (1, 5)", "x ()"),
            ("and no entry of it is nan or inf.", "far left", "far right"),
        ],
        [
            ("Returns dx, of the shape of x;", "x (4, 5)", "x (2, 3, 4, 3)", "x (1, 5)", "x ()"),
            ("the slope at exactly 0 is alpha.", "alpha 2 around 0"),
        ],
    ),
    **_elementwise(
        "selu",
        [
            (
                "SELU_SCALE * ELU(x, SELU_ALPHA) of every entry (Klambauer et al. 2017, equation 2).",
                "values",
                "float64",
            ),
            ("x: any shape.", *ANY_SHAPE),
            OUT,
            ("out has the shape of x.", *ANY_SHAPE),
        ],
        [
            ("Returns dx, of the shape of x;", *ANY_SHAPE),
            ("the slope at exactly 0 is SELU_SCALE * SELU_ALPHA.", "around 0"),
        ],
    ),
    "maxout_forward": [
        (
            "The largest of K linear functions of x, for each of M units (Goodfellow et al. 2013, section 3).",
            "values",
            "far below 0",
        ),
        ("x (N, D); weight (K, M, D); bias (K, M).", "values", "one example, one piece", "one output"),
        OUT,
        ("out (N, M).", "values", "one output"),
        ("In a tie the first piece wins.", "tied pieces"),
    ],
    "maxout_backward": _backward(
        "maxout_forward",
        "the x, the weight and the bias",
        "dout (N, M)",
        [
            ("Returns (dx, dweight, dbias), of the shapes (N, D), (K, M, D), (K, M).", "values", "one output"),
            ("Only the winning piece gets a gradient;", "values", "far below 0, the last piece never chosen"),
            ("in a tie that is the first.", "tied pieces"),
        ],
        "gradients",
    ),
}

LARGE = (
    "x near 10,000",
    "x near -10,000",
    "samples of very different size",
    "one class far ahead",
)
SUMS = ("sum 10,000", "sum -10,000", "sum 200", "sum -200")

BACKPROP = {
    "sum_product": [
        ("(x + y) * z, and its gradients.", "values", "y is -x", "z is 0"),
        ("x, y, z: tensors of shape ().", "values"),
        ("Returns (f, (dx, dy, dz)), all of shape ().", "values"),
    ],
    "sigmoid_neuron": [
        ("The sigmoid of the sum of weight times input plus the bias, and its gradients.", "values", "sum 0"),
        ("w (D + 1,): the weights of the D inputs, then the bias; x (D,).", "values", "one input"),
        ("Returns (f, (dw, dx)): f of shape (), dw (D + 1,), dx (D,).", "values", "one input"),
        ("All are finite for sums up to 1e4 in size.", *SUMS),
    ],
    "numerical_gradient": [
        ("Central differences of f at x (Baydin et al. 2018).", "values", "x (4,): product"),
        ("f: a function from a tensor of the shape of x to a tensor of shape ().", "x (2, 3): weighted sines"),
        ("x: any shape.", "x (): ", "x (1,): ", "x (5,): ", "x (2, 3): ", "x (2, 1, 2, 3): "),
        ("eps: a number, how far an entry is moved to each side.", "values"),
        ("Returns grad, of the shape of x.", *EVERY),
    ],
    "Value": [
        ("A scalar of a computational graph, which can differentiate itself.", "values"),
        ("data: a number.", "values"),
        ("Attributes: data, and grad,", *EVERY),
        (
            "the gradient of the Value whose backward() was called with respect to this one.",
            "a * b, c not used",
            "h = a * b; h.exp() leads nowhere; h + c",
            "h = a * b; u = h.relu(); u * d",
            "u = a.exp(); u * a + b",
        ),
        ("Both are floats.", "a * b.exp() / c, float64"),
        ("Combined with Values", *(f"h = a * b; u = h {op} c; u * d" for op in ("+", "-", "*", "/", "**"))),
        (
            "and plain numbers",
            *(f"h = a * b; u = h {op} 2.5; u * d" for op in ("+", "-", "*", "/", "**")),
            *(f"h = a * b; u = 3 {op} h; u * d" for op in ("+", "-", "*", "/", "**")),
        ),
        (
            "by + - * / ** (Linnainmaa 1976; in this form Karpathy 2020, micrograd).",
            "values",
            "c ** 2 + c ** 3, c negative",
        ),
    ],
    "linear_forward": [
        ("Weighted sums of the features of each sample, plus a bias.", "values"),
        ("x (N, D); weight (M, D); bias (M,).", "values", "one sample", "one feature", "one output"),
        OUT,
        ("out (N, M).", "values", "one sample", "one output"),
    ],
    "linear_backward": _backward(
        "linear_forward",
        "the x, the weight and the bias",
        "dout (N, M)",
        [
            (
                "Returns (dx, dweight, dbias), of the shapes (N, D), (M, D), (M,).",
                "values",
                "one sample",
                "one feature",
                "one output",
            )
        ],
        "gradients",
    ),
    "softmax_forward": [
        ("Probabilities from logits, over dim 1 (Bridle 1990).", "values", "x (4, 4)"),
        ("x (N, C) or (N, C, H, W),", "x (4, 5)", "images, x (2, 5, 4, 3)", "one sample", "one class"),
        ("entries up to 1e4 in size, in float32 too.", *LARGE),
        OUT,
        ("out has the shape of x,", *EVERY),
        ("is finite,", *LARGE),
        ("and adds up to 1 over dim 1.", "values", "edge cases"),
    ],
    "softmax_backward": _backward(
        "softmax_forward", "the x", "dout", [("Returns dx, of the shape of x.", *EVERY, "images, x (2, 5, 4, 3)")]
    ),
    "cross_entropy": [
        (
            "Mean over the batch of minus the logarithm of the right class's probability, and its gradient.",
            "values",
            "one sample",
        ),
        (
            "logits (N, C), entries up to 1e4 in size, in float32 too;",
            "logits near 10,000",
            "another class 10,000 ahead",
            "the right class 10,000 ahead, or behind",
        ),
        ("target (N,), int64, classes from 0.", "values", "classes that no sample has"),
        ("Returns (loss, dlogits): loss of shape (), dlogits (N, C).", "values"),
        ("Both are finite.", "logits near -5,000", "samples of very different size", "another class 10,000 ahead"),
    ],
    "two_layer_net": [
        (
            "The loss of a linear layer, ReLU and a linear layer, and its gradients (Rumelhart et al. 1986).",
            "values",
            "a hidden unit that is never active",
        ),
        ("params: a dict with W1 (H, D), b1 (H,), W2 (C, H), b2 (C,).", "values"),
        ("x (N, D); target (N,), int64.", "values", "one sample"),
        ("Returns (loss, grads): loss, the mean cross-entropy, of shape ();", "values", "logits of some 10,000"),
        ("grads, a dict with the keys and the shapes of params.", "values"),
        ("The slope of ReLU at exactly 0 is 0.", "a hidden unit at exactly 0"),
    ],
}

NOT_COVERED = "last row and column not covered"
FINE = ("stride 2, padding 1", "padding 2", "stride larger than the kernel")
CONV_DX = (
    "Returns (dx, dweight, dbias), of the shapes of x, weight and bias.",
    "values",
    *FINE,
    NOT_COVERED,
    "a kernel as large as the image, stride 2",
    "a kernel of one pixel",
)
POOLS = (
    "padding 1",
    "padding 2, kernel_size 4, stride 3",
    "stride larger than the kernel",
    "stride 1, a window as high as the image",
    NOT_COVERED,
)
COLUMNS = ("a kernel as large as the image", NOT_COVERED, "stride larger than the kernel", "padding 2")

CONVOLUTION = {
    "conv_output_size": [
        (
            "The number of places of a kernel along one axis (Dumoulin & Visin 2016).",
            "values",
            "the last pixels are not covered",
        ),
        ("All arguments and the result are whole numbers;", "values"),
        ("padding is on each of the two sides.", "size 32, kernel_size 5, padding 2"),
        ("Raises ValueError, with a message,", "the kernel is larger than the input"),
        (
            "when the (dilated) kernel is larger than the padded input,",
            "the kernel is larger than the padded input, stride 3",
            "the dilated kernel is larger than the input",
            "the kernel is one larger than the input, stride 2",
        ),
        ("when stride is below 1", "stride 0", "stride -1", "stride -3"),
        ("and when padding is below 0.", "padding -1"),
    ],
    "conv2d_forward": [
        ("Slide O filters over images and add a bias (LeCun et al. 1998, Gradient-based learning).", "values"),
        ("x (N, C, H, W);", "values", "one image, one channel, one filter"),
        ("weight (O, C, kh, kw), kh and kw may differ;", "values", "a kernel of one pixel"),
        ("bias (O,).", "values"),
        OUT,
        ("out (N, O, OH, OW).", "values", *FINE),
        ("Rows and columns at the end that no whole window reaches are not used.", NOT_COVERED),
    ],
    "conv2d_backward": _backward(
        "conv2d_forward", "the x, weight and bias", "dout (N, O, OH, OW)", [CONV_DX], "gradients"
    ),
    "im2col": [
        (
            "The windows of images as columns (Chellapilla et al. 2006), as `torch.nn.functional.unfold`.",
            "values",
            *COLUMNS,
        ),
        ("x (N, C, H, W);", "values", "one image, one channel"),
        ("kernel_size: a whole number,", "kernel_size 3, a whole number", "kernel_size 2, stride 2"),
        ("or a pair (kh, kw).", "values"),
        ("Returns one tensor (N, C * kh * kw, L):", "values"),
        ("along dim 1 channel, row and column in the window, along dim 2 the L places, row by row.", "values"),
    ],
    "col2im": [
        (
            "Columns added up at their places in images, as `torch.nn.functional.fold`.",
            "values",
            "no overlap: kernel_size 2, stride 2",
            *COLUMNS,
        ),
        ("cols (N, C * kh * kw, L), ordered as `im2col` does;", "values"),
        ("output_size: the pair (H, W) of the images without padding;", "kernel_size (2, 3), stride 2, padding 1"),
        ("kernel_size: a whole number,", "kernel_size 3, a whole number"),
        ("or a pair (kh, kw).", "values"),
        ("Returns one tensor (N, C, H, W).", "values", "one image, one channel"),
    ],
    "conv2d_forward_fast": [
        ("The same as `conv2d_forward`, as a matrix product (Chellapilla et al. 2006).", *EVERY, "speed"),
        ("x (N, C, H, W); weight (O, C, kh, kw); bias (O,).", "values", *FINE),
        OUT,
        ("out (N, O, OH, OW).", "values", *FINE),
    ],
    "conv2d_backward_fast": _backward(
        "conv2d_forward_fast", "the x, weight and bias", "dout (N, O, OH, OW)", [CONV_DX], "gradients"
    ),
    "max_pool2d_forward": [
        (
            "The largest value of every window of every channel (Ranzato et al. 2007).",
            "values",
            "all values below 0, padding 1",
        ),
        ("x (N, C, H, W);", "values", "one image, one channel"),
        ("kernel_size, stride and padding are whole numbers;", *POOLS),
        ("padding counts as minus infinity", "all values below 0, padding 1", "all values below -1e10, padding 1"),
        ("and is at most half of kernel_size.", "padding 2, kernel_size 4, stride 3"),
        OUT,
        ("out (N, C, OH, OW).", *POOLS),
    ],
    "max_pool2d_backward": _backward(
        "max_pool2d_forward",
        "the x",
        "dout (N, C, OH, OW)",
        [
            ("Returns dx, of the shape of x;", *POOLS),
            (
                "of equal maxima of a window the first in row-major order gets the gradient.",
                "ties",
                "ties, all values equal, padding 1",
            ),
        ],
    ),
    "avg_pool2d_forward": [
        ("The mean of every window of every channel;", "values"),
        ("the zeros of the padding count (LeCun et al. 1998).", "padding 1", "padding 2, kernel_size 4, stride 3"),
        ("x (N, C, H, W);", "values", "one image, one channel"),
        ("kernel_size, stride and padding are whole numbers;", *POOLS),
        ("padding is at most half of kernel_size.", "padding 2, kernel_size 4, stride 3"),
        OUT,
        ("out (N, C, OH, OW).", *POOLS),
    ],
    "avg_pool2d_backward": _backward(
        "avg_pool2d_forward", "the x", "dout (N, C, OH, OW)", [("Returns dx, of the shape of x.", *POOLS)]
    ),
    "global_avg_pool_forward": [
        ("The mean of every channel of every image (Lin et al. 2014, Network in network).", "values"),
        ("x (N, C, H, W).", "one image", "one channel", "images of one pixel", "images of one row"),
        OUT,
        ("out (N, C).", "one image", "one channel", "images of one pixel"),
    ],
    "global_avg_pool_backward": _backward(
        "global_avg_pool_forward",
        "the x",
        "dout (N, C)",
        [("Returns dx, of the shape of x.", "one image", "one channel", "images of one pixel", "images of one row")],
    ),
    "receptive_field": [
        ("How far one output sees along an axis (Le & Borji 2017).", "values"),
        ("layers: a list of pairs (kernel_size, stride), the layer next to the image first.", "(5, 3), (3, 2)"),
        ("Returns (size, jump), two whole numbers:", "values"),
        ("the pixels from the first to the last that one output sees,", "a kernel of one pixel, stride 2"),
        ("and the pixels between the windows of two neighboring outputs.", "stride larger than the kernel"),
        ("An empty list gives (1, 1).", "no layer"),
    ],
    "conv_cost": [
        ("Output shape, parameters and multiply-adds of a convolution for one image.", "values"),
        ("input_shape: the triple (C, H, W);", "input_shape (4, 9, 14), 6 filters of 5, stride 2, padding 2"),
        ("the other arguments are whole numbers; kernels are square.", "values", "kernel_size 1"),
        ("Returns (output_shape, parameters, multiply_adds): a triple (C, H, W) and two whole numbers;", "values"),
        ("parameters with the biases, multiply-adds without.", "values"),
        (
            "Raises ValueError, with a message, when the kernel is larger than the padded image.",
            "the kernel fits into the width, not into the height",
            "the kernel fits into the height, not into the width",
            "the kernel fits into the padded image alone",
        ),
    ],
    "train_small_cnn": [
        ("Train a small convolutional network by gradient descent with your own layers.", "values", "edge cases"),
        ("x (N, 1, H, W), H and W even;", "120 digits in float64, images of 10 by 8", "1400 digits moved"),
        ("target (N,), int64, digits 0 to 9;", "values"),
        ("generator: a torch.Generator on the CPU, the only source of randomness.", "120 digits in float64"),
        ("Returns a function predict: images (M, 1, H, W) to logits (M, 10),", *EVERY),
        ("of the dtype and device of x.", "contract"),
    ],
}

EPS = ("eps 0.5", "variances near eps", "float64, eps left out", "float64, eps 0.1/7")
GRADIENTS_OF_CHANNELS = (
    "Returns (dx, dweight, dbias), of the shapes (N, C, H, W), (C,) and (C,).",
    "values",
    "edge cases",
)
WINDOWS = ("window of 5, all else left out", "window of 4", "window of 2", "window of 1")

NORMALIZATION = {
    "batch_norm_forward": [
        (
            "Normalize each channel over the batch (Ioffe & Szegedy 2015, algorithms 1 and 2).",
            "values",
            "training, variances near eps",
            "training, a constant channel",
        ),
        ("x (N, C) or (N, C, H, W);", "training, x (6, 4)", "training, x (4, 3, 2, 5)", "training, one image"),
        ("weight, bias, running_mean, running_var (C,);", "values", "training, one channel"),
        ("training: True or False;", "training, x (6, 4)", "evaluation, x (6, 4)"),
        (
            "momentum: the share of the new batch.",
            "training, momentum 0.3",
            "training, float64, momentum and eps left out",
        ),
        ("Returns (out, (new running_mean, new running_var), cache).", "values"),
        (
            "In training the variance of the batch divides by the count,",
            "training, x (6, 4)",
            "training, x (4, 3, 2, 5)",
        ),
        ("and enters running_var divided by one less.", "training, x (6, 4)", "training, one image"),
        (
            "In evaluation the running statistics normalize, and are returned as they are;",
            "evaluation, x (6, 4)",
            "evaluation, momentum 0.3, eps 0.5",
        ),
        ("N may then be 1 for x (N, C), too;", "evaluation, one row"),
        ("in training each channel holds at least two numbers.", "training, two rows"),
    ],
    "batch_norm_backward": [
        ("The gradients of the loss with respect to x, weight and bias of `batch_norm_forward`.", "values"),
        ("dout: gradient of the loss with respect to out, of its shape.", *EVERY),
        ("cache: as `batch_norm_forward` returned it.", f"training, {NEXT_CALL}", f"evaluation, {NEXT_CALL}"),
        ("Returns (dx, dweight, dbias), of the shapes of x, weight and bias;", "values", "edge cases"),
        (
            "training and evaluation have different ones (for training see Ioffe & Szegedy 2015, section 3).",
            "training, x (6, 4)",
            "evaluation, x (6, 4)",
        ),
    ],
    "layer_norm_forward": [
        ("Normalize each sample over all its entries (Ba et al. 2016).", "values", "a constant sample", *EPS),
        ("x (N, ...);", "x (4, 6)", "x (2, 5, 3)", "x (4, 3, 2, 5)", "one sample"),
        ("weight and bias of the shape of x[0].", "x (2, 5, 3)", "x (4, 3, 2, 5)"),
        ("Mean and variance are taken over all dimensions but the first.", "x (2, 5, 3)", "x (4, 3, 2, 5)"),
        OUT,
        ("out has the shape of x.", *EVERY),
    ],
    "layer_norm_backward": _backward(
        "layer_norm_forward",
        "x, weight and bias",
        "dout",
        [("Returns (dx, dweight, dbias), of the shapes of x, weight and bias.", "values", "edge cases", *EPS)],
        "gradients",
    ),
    "instance_norm_forward": [
        (
            "Normalize each channel of each image over its places (Ulyanov et al. 2016).",
            "values",
            "a constant channel in one image",
            *EPS,
        ),
        ("x (N, C, H, W); weight and bias (C,).", "values", "one image", "one channel", "one row of pixels"),
        OUT,
        ("out has the shape of x.", *EVERY),
    ],
    "instance_norm_backward": _backward(
        "instance_norm_forward", "x, weight and bias", "dout (N, C, H, W)", [GRADIENTS_OF_CHANNELS], "gradients"
    ),
    "group_norm_forward": [
        (
            "Normalize each group of neighboring channels of each image (Wu & He 2018).",
            "values",
            "2 groups, eps 0.5",
            "2 groups, variances near eps",
            "float64, eps left out",
        ),
        (
            "x (N, C, H, W); num_groups divides C; weight and bias (C,).",
            "one group",
            "a group for each channel",
            "2 groups of 2",
            "3 groups, one image",
        ),
        OUT,
        ("out has the shape of x.", *EVERY),
    ],
    "group_norm_backward": _backward(
        "group_norm_forward", "x, weight and bias", "dout (N, C, H, W)", [GRADIENTS_OF_CHANNELS], "gradients"
    ),
    "local_response_norm_forward": [
        ("Divide each entry by the strength of its neighbors (Krizhevsky et al. 2012, section 3.3).", "values"),
        ("x (N, C, H, W);", "values", "one image, one channel"),
        ("size: the number of neighboring channels in a window, odd or even,", *WINDOWS),
        ("perhaps larger than C;", "window wider than x", "even window wider than x"),
        ("alpha is divided by size, as torch does.", "window of 3, alpha 1, beta 0.6, k 2", "window of 4"),
        OUT,
        ("out has the shape of x.", *EVERY),
    ],
    "local_response_norm_backward": _backward(
        "local_response_norm_forward",
        "the x",
        "dout (N, C, H, W)",
        [("Returns dx, of the shape of x.", *EVERY, *WINDOWS)],
    ),
}

KERNELS = (
    "linear weight (60, 260)",
    "convolution weight (40, 10, 5, 7)",
    "kernel of one size (60, 36, 7)",
    "one output (1, 16000)",
)
DRAWN = [
    ("shape: a tuple, as for `fan_in_and_fan_out`.", *KERNELS),
    ("generator: a torch.Generator on the CPU.", *EVERY),
    ("Returns a tensor of that shape, float32, on the CPU.", "contract"),
]

PREPROCESSING = {
    "fit_standardizer": [
        (
            "Mean and standard deviation of each feature (LeCun et al. 1998, Efficient BackProp).",
            "values",
            "features far from 0",
        ),
        ("x (N, D).", "values", "one sample"),
        ("Returns (mean, std), both (D,), over dim 0.", "values"),
        ("std is the population standard deviation;", "values"),
        (
            "it is 1 for a feature whose numbers are all equal.",
            "constant features",
            "one sample",
            "constant features of 0.1, 2.7 and 13.3",
            "one feature, 13.3 seven times",
        ),
        (
            "Any other feature keeps its own, however small.",
            "a feature of small scale",
            "a feature with a standard deviation of 1e-7",
        ),
    ],
    "standardize": [
        (
            "Shift and scale each feature by the numbers that `fit_standardizer` found.",
            "values",
            "features of small scale",
        ),
        ("x (N, D); mean, std (D,),", "values", "one sample"),
        ("no entry of std is 0.", GIVEN),
        ("Returns a tensor of the shape of x.", *EVERY),
    ],
    "channel_mean_std": [
        (
            "Mean and standard deviation of each channel (what torchvision's Normalize is given).",
            "values",
            "grey values from 0 to 255",
            "bright channels of little contrast",
        ),
        ("images (N, C, H, W), floating point.", "values", "one image", "one channel"),
        ("Returns (mean, std), both (C,).", "values", "one channel", "as many images as channels, square"),
        ("std is the population standard deviation;", "values"),
        ("a constant channel has 0.", "a constant channel"),
    ],
    "min_max_scale": [
        (
            "Map each feature linearly, its smallest number to low and its largest to high.",
            "values",
            "all numbers positive",
            "all numbers negative",
            "features of scale 1e-7",
        ),
        ("x (N, D); low, high: numbers, low < high.", "values", "from 0 to 1"),
        ("Returns a tensor of the shape of x.", *EVERY),
        ("A feature whose numbers are all equal becomes low.", "constant features, from -1 to 2", "one sample"),
    ],
    "pca_fit": [
        ("The first k principal components (Pearson 1901; Hotelling 1933).", "values"),
        (
            "x (N, D), with N smaller or larger than D, which may be 1;",
            "more features than samples",
            "as many samples as features",
            "values",
            "one feature: x (6, 1), k 1",
        ),
        ("1 <= k <= min(N - 1, D).", "one component", "all components", "as many samples as features: x (5, 5), k 4"),
        ("Returns (mean, components, explained_variance): mean (D,);", "values"),
        ("components (k, D), each row a unit vector;", "values", "a constant feature"),
        ("explained_variance (k,), the unbiased variances along them, the largest first.", "values"),
    ],
    "pca_transform": [
        ("The coordinates of the samples along the principal components.", "values"),
        (
            "x (N, D); mean (D,); components (k, D), as `pca_fit` returned them.",
            "values",
            "one component",
            "one sample",
        ),
        ("Returns (N, k).", "values", "one component", "one sample"),
    ],
    "whiten": [
        ("Center and decorrelate the features and bring them to variance 1 (Kessy et al. 2018).", "values"),
        (
            "x (N, D), with N smaller or larger than D, which may be 1;",
            "fewer samples than features",
            "values",
            "one feature: x (6, 1), eps 0.5",
        ),
        ("eps > 0 is added to the unbiased variances.", "eps larger than all variances", "float64"),
        ("Returns a tensor of the shape of x;", *EVERY),
        ("a direction of variance v has v / (v + eps) in it.", "values", "a constant feature, eps 0.1"),
    ],
    "fan_in_and_fan_out": [
        ("The fan-in and the fan-out of a weight.", "values"),
        ("shape: a tuple, (M, D) for a linear layer,", "linear", "one output", "one input"),
        (
            "(O, I, ...) with any number of kernel sizes for a convolution.",
            "convolution",
            "one kernel size",
            "three kernel sizes",
            "one output channel",
            "one input channel",
        ),
        ("Returns two ints, (fan_in, fan_out).", "values"),
        ("Raises ValueError for fewer than two sizes.", "one size", "no size"),
    ],
    "xavier_normal": [
        (
            "Random normal weights of variance 2 / (fan_in + fan_out) (Glorot & Bengio 2010).",
            "values",
            "fan_in + fan_out 3",
            "ten layers",
        ),
        *DRAWN,
    ],
    "kaiming_normal": [
        (
            "Random normal weights of variance 2 / fan_in, for ReLU (He et al. 2015, section 2.2).",
            "values",
            "fan_in 3",
            "ten layers",
        ),
        *DRAWN,
    ],
}

LISTS = ("params (3, 4) and (5,)", "params (4, 4) and (2, 3)", "filters and their bias")

OPTIMIZATION = {
    "minibatches": [
        (
            "The indices of n samples, in random order, cut into batches (Robbins & Monro 1951; Bottou 2012).",
            "values",
        ),
        (
            "n, batch_size: whole numbers, 1 or more;",
            "one sample",
            "batch_size 1",
            "a batch as large as the data",
            "a batch larger than the data",
        ),
        ("generator: a torch.Generator on the CPU, the only source of randomness.", "values", "n 300"),
        ("Returns a list of int64 tensors on the CPU, each with one dimension.", "contract"),
        ("Every index from 0 to n - 1 is in one of them, once.", *EVERY),
        ("All have batch_size entries but the last, which may be short.", "n 4", "n 384", "n 10"),
        ("Every order is as likely as another.", "values", "n 300"),
    ],
    "sgd_step": [
        ("One step of gradient descent, as `torch.optim.SGD`.", "values", "filters and their bias, lr 2"),
        ("params, grads: lists of tensors, each gradient of the shape of its parameter;", *LISTS, "one number each"),
        ("lr > 0;", "values", "filters and their bias, lr 2", "float64"),
        (
            "weight_decay >= 0, what is added to a gradient for each unit of its parameter.",
            "params (4, 4) and (2, 3), weight_decay 0.25",
            "all grads 0, weight_decay 0.5",
            "float64",
        ),
        ("Returns the list of the new parameters.", *EVERY),
    ],
    "momentum_step": [
        (
            "One step of gradient descent with momentum (Polyak 1964; Sutskever et al. 2013), as `torch.optim.SGD`.",
            "values",
            "all grads 0",
        ),
        ("params, grads, velocities: lists of tensors, of the same shapes;", *LISTS, "one number each"),
        ("velocities start as zeros;", "the first step, velocities 0"),
        ("lr > 0;", "values", "filters and their bias, lr 2"),
        ("0 < momentum < 1;", "values", "all grads 0", "float64"),
        (
            "nesterov: whether the step looks ahead.",
            "params (4, 4) and (2, 3), nesterov",
            "the first step, velocities 0, nesterov",
            "float64, nesterov",
        ),
        ("Returns (params, velocities), the lists of the new ones.", *EVERY),
    ],
    "rmsprop_step": [
        ("One step of RMSProp (Tieleman & Hinton 2012), as `torch.optim.RMSprop`.", "values"),
        ("params, grads, square_avgs: lists of tensors, of the same shapes;", *LISTS, "one number each"),
        ("square_avgs start as zeros, no entry is below 0;", "the first step, averages 0", "all grads and averages 0"),
        ("lr > 0;", "values", "filters and their bias, lr 2"),
        (
            "alpha: the share of the old mean square that is kept, between 0 and 1;",
            "params (3, 4) and (5,), alpha 0.75",
            "one number each, alpha 0.875",
            "float64",
        ),
        (
            "eps > 0, added to the root.",
            "params (4, 4) and (2, 3), alpha 0.5, eps 0.125",
            "gradients of size 1e-8, eps left out",
            "float64, small gradients",
        ),
        ("Returns (params, square_avgs), the lists of the new ones.", *EVERY),
    ],
    "adam_step": [
        ("One step of Adam (Kingma & Ba 2015, algorithm 1), as `torch.optim.Adam`.", "values"),
        ("params, grads, exp_avgs, exp_avg_sqs: lists of tensors, of the same shapes;", *LISTS, "one number each"),
        (
            "the averages of the gradients and of their squares start as zeros;",
            "the first step, averages 0",
            "the first step, all grads 0",
        ),
        (
            "step: the number of this step, 1 for the first one;",
            "the first step, averages 0",
            "step 1,000",
            "one number each, step 5",
        ),
        ("lr > 0;", "values", "filters and their bias, lr 2"),
        (
            "betas: the shares of the two old averages that are kept;",
            "params (3, 4) and (5,), step 3, betas left out",
            "params (4, 4) and (2, 3), step 2, betas 0.5 and 0.75, eps 0.125",
            "float64",
        ),
        (
            "eps > 0, added to the root of the corrected average.",
            "params (4, 4) and (2, 3), step 2, betas 0.5 and 0.75, eps 0.125",
            "gradients of size 1e-8, eps left out",
            "float64, small gradients",
        ),
        (
            "Returns (params, exp_avgs, exp_avg_sqs), the lists of the new ones, the averages as they are before the "
            "correction.",
            *EVERY,
        ),
    ],
    "step_decay": [
        (
            "The learning rate of an epoch when it falls in stairs, as `torch.optim.lr_scheduler.StepLR`.",
            "values",
            "the last epoch of the first stretch",
            "the first epoch of the second stretch",
        ),
        ("lr: the rate at the start;", "values"),
        ("epoch: a whole number, 0 for the first one;", "epoch 0"),
        (
            "step_size: the epochs of one stair, 1 or more;",
            "step_size 1, epoch 5",
            "the last epoch of the third stretch",
        ),
        ("gamma: what the rate is multiplied by at its end.", "values"),
        ("Returns a number.", *EVERY[:2]),
    ],
    "cosine_decay": [
        (
            "The learning rate along half a cosine wave (Loshchilov & Hutter 2017, equation 5).",
            "values",
            "half of the way",
        ),
        ("lr: the rate of epoch 0;", "epoch 0, min_lr 0.1"),
        ("epoch: a whole number from 0 to total_epochs;", "epoch 0, min_lr 0.1", "the last epoch, min_lr 0.1"),
        (
            "min_lr: the rate of the epoch total_epochs.",
            "the last epoch, min_lr 0.1",
            "the last but one, min_lr 0.02",
            "a quarter of the way, min_lr left out",
        ),
        ("Returns a number.", *EVERY[:2]),
    ],
    "warmup": [
        (
            "The learning rate of a step when it climbs from 0 along a line, then stays "
            "(Goyal et al. 2017, section 2.2).",
            "values",
        ),
        ("lr: the rate after the climb;", "long after it", "the step after that"),
        ("step: a whole number from 0 on;", "step 0", "step 1"),
        (
            "warmup_steps: the first step with the full rate, 1 or more.",
            "the last step before the full rate",
            "the first step with the full rate",
            "warmup_steps 1",
        ),
        ("Returns a number.", *EVERY[:2]),
    ],
    "linear_scaling": [
        ("The learning rate for another batch size (Goyal et al. 2017, section 2.1).", "values"),
        (
            "lr: a rate that is good for batches of base_batch_size, a whole number;",
            "the same batch",
        ),
        ("batch_size: the size that is used, smaller or larger.", "a larger batch", "a smaller batch", "batch_size 1"),
        ("Returns a number.", *EVERY[:2]),
    ],
    "train_softmax_classifier": [
        ("Train a linear classifier by mini-batch gradient descent on the mean cross-entropy.", "values"),
        ("x (N, D); target (N,), int64, labels from 0;", "values", "features of some hundreds"),
        ("epochs: how often all samples are used, 1 or more;", "60 digits in one batch", "a batch larger"),
        ("batch_size: samples in a batch, which may be more than N;", "a batch larger than the data"),
        ("lr: the learning rate;", "60 digits in one batch", "a batch larger than the data"),
        (
            "generator: a torch.Generator on the CPU, the only source of randomness:",
            "60 digits, batches of 7, and the same again",
        ),
        ("every epoch has new batches.", "two samples, batches of 1, 30 epochs"),
        ("Weight and bias start at 0.", "60 digits in one batch"),
        (
            "Returns (weight, bias, losses): weight (C, D) and bias (C,), where C is the largest label plus 1,",
            "digits 0 to 4 in one batch",
        ),
        ("of the dtype and device of x;", "contract"),
        (
            "losses: a list of epochs numbers, each the mean loss over an epoch, of every sample before its batch's "
            "step.",
            "values",
            "a batch larger than the data",
        ),
    ],
}

IMAGES = ("values", "one image")
SEEDED = [
    ("generator: a torch.Generator on the CPU;", *EVERY),
    ("equal seeds give equal results,", *EVERY),
    ("and the next call draws anew.", "values"),
]
DROPPED = ("training, x", "300 draws", "training, p 0.9")

REGULARIZATION = {
    "bias_variance": [
        ("Squared bias and variance of several models (Geman et al. 1992).", "values"),
        (
            "predictions (models, N): what each model says at each point; truth (N,).",
            "values",
            "one model",
            "one point",
        ),
        ("Returns (squared bias, variance), both 0-dim, the means over the points.", "values"),
        ("The variance is the population variance over the models.", "values", "one model"),
    ],
    "early_stopping": [
        ("Where a training with early stopping ends (Prechelt 1998).", "values"),
        ("losses: a list of numbers, the validation loss after each epoch;", "values", "one epoch", "negative losses"),
        ("patience: a whole number, at least 1.", "patience 1", "patience 3"),
        ("Returns two ints, (stop_epoch, best_epoch), counted from 0:", "values"),
        ("the first epoch at which the best one so far lies patience epochs back,", "values"),
        ("or the last epoch;", "losses fall to the end", "the patience is not used up at the end"),
        ("and the best epoch until then.", "values"),
        ("An equal loss is no improvement.", "an equal loss is no improvement"),
    ],
    "l1_penalty": [
        ("The L1 penalty and its gradient (Tibshirani 1996).", "values"),
        ("weight: any shape; strength: a number, at least 0.", "values", "a single number", "strength 0"),
        ("Returns (penalty, dweight): penalty 0-dim, the strength times the sum of the absolute values;", "values"),
        ("dweight of the shape of weight.", *EVERY),
        ("Where a weight is 0, dweight is 0.", "half of the weights are 0"),
    ],
    "l2_penalty": [
        ("The L2 penalty and its gradient (Hoerl & Kennard 1970; Krogh & Hertz 1991).", "values"),
        ("weight: any shape; strength: a number, at least 0.", "values", "a single number", "strength 0"),
        ("Returns (penalty, dweight): penalty 0-dim, the strength times the sum of the squares;", "values"),
        ("dweight of the shape of weight.", *EVERY),
    ],
    "dropout_forward": [
        ("Set entries to 0 at random and scale the others (Srivastava et al. 2014, section 10).", *DROPPED),
        ("x: any shape.", "training, x (50, 90)", "training, x (12, 6, 9, 10)", "training, one dimension"),
        ("p: the probability of dropping, 0 <= p < 1.", "training, p 0", *DROPPED),
        ("In training each entry is dropped by itself,", "values", "training, one sample"),
        ("and what is kept is divided by 1 - p;", *DROPPED, "training, half of x is 0"),
        ("in evaluation out is x.", "evaluation"),
        *SEEDED,
        ("Returns (out, cache);", "values"),
        ("out has the shape of x.", *EVERY),
    ],
    "dropout_backward": _backward(
        "dropout_forward",
        "the x",
        "dout",
        [("Returns dx, of the shape of x.", *EVERY)],
    ),
    "drop_connect_forward": [
        ("A linear layer that loses weights at random (Wan et al. 2013).", "values"),
        ("x (N, D), weight (M, D), bias (M,).", "values", "training, one output", "training, one feature"),
        ("p: the probability of dropping, 0 <= p < 1.", "values", "training, p 0"),
        ("In training each weight is dropped by itself, once for all samples of the call,", "values"),
        ("and what is kept is divided by 1 - p;", "values", "training, one sample of one feature"),
        ("the bias is kept.", "values"),
        ("In evaluation this is a linear layer.", "evaluation"),
        *SEEDED,
        ("Returns (out, cache); out (N, M).", *EVERY),
    ],
    "drop_connect_backward": _backward(
        "drop_connect_forward",
        "x, weight and bias",
        "dout (N, M)",
        [("Returns (dx, dweight, dbias), of the shapes of x, weight and bias.", *EVERY)],
        what="gradients",
    ),
    "label_smoothing_cross_entropy": [
        (
            "Cross-entropy with smoothed labels (Szegedy et al. 2016, section 7), and its gradient.",
            "values",
            "no smoothing",
        ),
        ("logits (N, K); target (N,) int64, the right classes;", "values", "one sample", "two classes"),
        (
            "smoothing from 0 to 1: its K-th part goes to each class, the rest to the right one.",
            "values",
            "no smoothing",
            "smoothing 1",
        ),
        ("Returns (loss, dlogits): loss 0-dim, the mean over the batch,", "values"),
        (
            "finite for logits that are 1e4 apart;",
            "one class 1,000 ahead",
            "one class 10,000 behind",
        ),
        ("dlogits (N, K).", *EVERY),
    ],
    "horizontal_flip": [
        ("Mirror some of the images left to right.", "values", "none is flipped", "all are flipped"),
        ("images (N, C, H, W); flip (N,), bool: which ones.", *IMAGES, "one column"),
        ("Returns a tensor of the shape of images.", *EVERY),
    ],
    "random_crop": [
        ("Cut a square window out of each padded image, at a random place.", "values"),
        ("images (N, C, H, W).", *IMAGES),
        ("They are padded with zeros by padding on all four sides;", "values", "padding 3", "no padding"),
        ("size is not larger than the padded images.", "size of the images, no padding", "size 1"),
        (
            "Each image has a corner of its own, drawn from all places where the window fits, each equally likely.",
            "values",
            "no padding",
            "one image",
        ),
        *SEEDED,
        ("Returns (N, C, size, size).", *EVERY),
    ],
    "color_jitter": [
        ("Change brightness and contrast of each image by factors of its own.", "values"),
        (
            "images (N, C, H, W), values from 0 to 1; brightness, contrast (N,), factors of at least 0.",
            "values",
            "one image of one channel",
            "no contrast",
            "black",
        ),
        ("First brightness;", "values", "factors of 1"),
        ("then contrast about the image's mean over C, H and W, that of the brightened image;", "values"),
        ("one clamp to [0, 1] at the end.", "bright beyond 1, little contrast", "images (4, 3, 5, 4)"),
        ("Returns a tensor of the shape of images.", *EVERY),
    ],
    "cutout": [
        ("A square of zeros in each image (DeVries & Taylor 2017).", "values"),
        (
            "images (N, C, H, W); centers (N, 2) int64: row and column, inside the image;",
            *IMAGES,
        ),
        ("size: a whole number, at least 0.", "size 0", "size 1"),
        ("The square has size rows and columns, begins at center - size // 2", "values"),
        (
            "and is clipped at the border;",
            "holes over every border",
            "holes over the corners",
            "a hole as large as the image",
        ),
        ("it goes through all channels.", "values"),
        ("Returns a tensor of the shape of images.", *EVERY),
    ],
    "mixup": [
        ("Weighted averages of images and of their targets (Zhang et al. 2018).", "values"),
        ("images (N, C, H, W); targets (N, K), one-hot or soft;", "values", "soft targets", "one image"),
        ("lam from 0 to 1, the share of an image's own;", "values", "lam 0", "lam 1"),
        (
            "permutation (N,) int64: image n is mixed with image permutation[n].",
            "values",
            "some images stay where they are",
        ),
        ("Returns (images, targets), of the shapes of the inputs.", *EVERY),
    ],
    "cutmix": [
        ("Paste a box of another image into each image, and mix the targets by area (Yun et al. 2019).", "values"),
        ("images (N, C, H, W); targets (N, K), one-hot or soft;", "values", "soft targets", "one image"),
        (
            "boxes (N, 4) int64: x1, y1, x2, y2 with x1 <= x2 and y1 <= y2, half-open,",
            "values",
        ),
        (
            "perhaps beyond the border or empty;",
            "boxes beyond the border",
            "a box outside",
            "empty boxes",
            "a box as large as the image",
        ),
        ("permutation (N,) int64: image n gets its box from image permutation[n], at the same place.", "values"),
        ("The share of the other target is the area that was pasted.", "values", "boxes beyond the border"),
        ("Returns (images, targets), of the shapes of the inputs.", *EVERY),
    ],
    "bagging_indices": [
        ("The samples that each of several models is trained on (Breiman 1996).", "values"),
        ("n: how many samples there are; models: how many models.", "values", "one model", "one sample", "two samples"),
        ("Each model gets n samples, drawn with replacement, each equally likely.", "values"),
        *SEEDED,
        ("Returns (models, n), int64, on the CPU.", "values", "more models than samples"),
    ],
    "ensemble_predict": [
        ("The mean of the probabilities that several models give.", "values"),
        ("logits (models, N, K), perhaps 1e4 apart.", "values", "one model", "one sample"),
        ("Returns (N, K): the mean over the models of the softmax over the classes.", *EVERY),
    ],
}

TRANSFER = {
    "grid_search": [
        ("All combinations of the values of some hyperparameters.", "values"),
        ("space: a dict from each name to the list of its values.", *EVERY),
        ("Returns a list of dicts from each name to one of its values,", "values", "words, None"),
        ("every combination once,", *EVERY),
        ("in any order:", "values"),
        ("a single empty dict where there is no name,", "no name"),
        ("nothing where a name has no values.", "a name without values"),
        ("space stays as it is.", "contract"),
    ],
    "random_search": [
        ("Random settings of some hyperparameters (Bergstra & Bengio 2012, JMLR 13).", "values"),
        ("space: a dict from each name to its range, a tuple (low, high, scale);", *EVERY),
        ('scale is "linear" or "log".', "one linear range", "one log range"),
        ("n: how many settings.", "values", "one setting"),
        ("generator: a torch.Generator on the CPU, the only source of randomness.", *EVERY),
        ("Returns a list of n dicts from each name to a float between low and high,", *EVERY),
        (
            'uniform on the numbers for "linear" and on their logarithms for "log";',
            "values",
            "one linear range",
            "a linear range around 0",
            "one log range",
        ),
        ("every number is drawn independently of the others.", "values"),
        ("The same seed gives the same settings.", *EVERY),
        ("space stays as it is.", "contract"),
    ],
    "refine": [
        ("A narrower space around the best setting, for a search from coarse to fine.", "values"),
        ('space: a dict from each name to its range (low, high, scale); scale is "linear" or "log".', *EVERY),
        ("best: a dict from each name to a number in its range.", "values", "the best at an end"),
        ("factor: above 0, at most 1.", "values", "a factor of 1"),
        ("Returns a new dict from each name to (low, high, scale),", *EVERY),
        (
            "with factor times the width of the old range on its scale and the best number in its middle,",
            "values",
            "a linear range around 0",
        ),
        (
            "cut off at the ends of the old range.",
            "the best near the low ends",
            "the best near the high ends",
            "the best at an end",
            "a factor of 1",
        ),
        ("space stays as it is.", "contract"),
    ],
    "choose_strategy": [
        ("The number of the scenario of transfer learning.", "values"),
        ("n_samples: samples of the target task, an int;", "values"),
        ("fewer than 1000 are few.", "1000 samples", "999 samples"),
        ("similar: whether the target is similar to the source, a bool.", "values"),
        ("Returns 1 (few, similar),", "few samples, similar"),
        ("2 (many, similar),", "many samples, similar"),
        ("3 (few, different) or", "few samples, different"),
        ("4 (many, different).", "many samples, different"),
        ("Raises ValueError, with a message, if there is no sample.", "0 samples", "less than no samples"),
    ],
    "replace_head": [
        ("Put a new linear layer in the place of a network's last one.", "values"),
        ("model: a torch.nn.Module.", *EVERY),
        ("name: the name of a torch.nn.Linear in it, with dots where it lies in a part.", "fewer classes, in a part"),
        ("num_classes: the outputs of the new layer.", "values", "as many classes", "one class"),
        ("Changes the model and returns it:", "values"),
        ("the new layer is a torch.nn.Linear with the inputs of the old one,", "values"),
        ("a bias if that has one,", "values", "one class, of a layer without bias"),
        ("its dtype and device;", "more classes, float64"),
        ("its numbers are new,", "values", "as many classes"),
        ("and it is trained even if the old one is frozen.", "a frozen head"),
        ("All else stays.", "values"),
        (
            "Raises ValueError, with a message, if there is no linear layer of that name.",
            "no layer of that name",
            "a layer of that name that is not linear",
        ),
    ],
    "freeze": [
        ("Freeze a part of a network:", "values"),
        ("neither its parameters nor its running statistics move any more.", "values"),
        ("model: a torch.nn.Module.", *EVERY),
        ("prefix: the name of the part, with dots where it lies in another.", "values", "one layer inside of a part"),
        ("Changes the model and returns it:", "values"),
        ("no parameter of the part requires a gradient,", "values", "layer1 beside layer10", "head beside header"),
        ("all layers of the part are in evaluation mode,", "values"),
        ("and all values stay.", *EVERY),
        ("The other parts stay as they are, frozen or not.", "values", "another part is frozen already"),
        ("Raises ValueError, with a message, if there is no part of that name.", "no part of that name"),
    ],
    "parameter_groups": [
        ("Groups of parameters for torch.optim, with a rate for the head and one for the rest.", "values"),
        ("model: a torch.nn.Module.", *EVERY),
        (
            "head: the name of the part that is the head, with dots where it lies in another.",
            "the part classifier",
            "one layer of a part",
            "a head whose name begins another",
        ),
        ('Returns a list of dicts with "params", parameters of the model, and "lr", a float:', *EVERY),
        ("head_lr for those of the head, backbone_lr for all others.", "values"),
        (
            "Every parameter that requires a gradient is in one group, and a frozen one in none.",
            "a part of the backbone is frozen",
            "all of the backbone is frozen",
            "a frozen bias in the head",
        ),
        ("Raises ValueError, with a message, if there is no part of that name.", "no part of that name"),
    ],
    "transfer": [
        ("Learn new classes from few images with the features of a network that knows others.", "values"),
        (
            "source_model: a torch.nn.Module in evaluation mode, with the parts features, images to (N, F), and head.",
            *EVERY,
        ),
        ("x (N, 1, 12, 12): the new images.", *EVERY),
        ("target (N,), int64: their classes, each of 0 to K - 1 at least once.", "values", "digits 5 to 7"),
        ("generator: a torch.Generator on the CPU, the only source of randomness, if any is needed.", "contract"),
        ("Returns a function predict: images (M, 1, 12, 12) to logits (M, K),", *EVERY),
        ("of the dtype and device of x.", "contract"),
        ("source_model stays as it is.", "contract"),
    ],
}

CNN_HISTORY = {
    "LeNetC3": [
        (
            "The third layer of LeNet-5: each map sees only some of those before it (LeCun et al. 1998, table I).",
            "values",
        ),
        ("x (N, 6, H, W), H and W at least 5.", "values", "wider than tall", "one position"),
        ("Returns (N, 16, H - 4, W - 4):", *EVERY),
        ("map i is a convolution of 5 by 5, with bias, of the maps that row i of the table names,", "values"),
        ("in ascending order.", "values"),
        ("No activation function.", "values"),
        ("State: maps.0 to maps.15, an nn.ModuleList of convolutions to one channel.", *EVERY),
    ],
    "AlexNetGroupedConv": [
        (
            "A convolution on two GPUs, each with half of the channels (Krizhevsky et al. 2012, section 3.2).",
            "values",
        ),
        ("in_channels, out_channels: both even.", *EVERY),
        (
            "kernel_size, stride and padding as in nn.Conv2d.",
            "values",
            "stride and padding left out",
            "a kernel of 5, padding 1, stride 3",
            "two channels, a kernel of 1",
        ),
        ("x (N, in_channels, H, W).", *EVERY),
        (
            "Returns (N, out_channels, H_out, W_out): first the maps that gpu1 makes of the first half of "
            "the channels,",
            "values",
        ),
        ("then those that gpu2 makes of the second half.", "values"),
        ("No activation function.", "values"),
        ("State: gpu1 and gpu2, convolutions with bias.", *EVERY),
    ],
    "cost_table": [
        ("Layer by layer: what a network makes of one image, and what that costs.", "values"),
        ("model: a torch.nn.Module, in training mode or not.", "normalized maps"),
        ("input_shape: the shape of one image without the batch, (C, H, W).", *EVERY),
        ("Returns a list of rows (name, output_shape, activations, parameters, multiply_adds),", "values"),
        (
            "one for each call of a layer without layers inside, in the order of the calls.",
            "layers in two parts",
            "a shortcut around three layers",
            "layers that are called twice",
        ),
        ("name: as in model.named_modules().", "layers in two parts", "a shortcut around three layers"),
        ("output_shape: a tuple, without the batch.", "values"),
        ("activations: the numbers in it.", "values"),
        (
            "parameters: weights and biases at the layer's first call, 0 at a later one.",
            "values",
            "layers that are called twice",
            "no parameters at all",
        ),
        (
            "multiply_adds: of an nn.Conv2d, groups regarded, and of an nn.Linear, without biases;",
            "values",
            "groups, depthwise and pointwise",
            "features to one number, no bias in the first layer",
        ),
        ("0 for all other layers.", "values", "normalized maps, dropout, no bias"),
        ("The model stays as it was: modes, running statistics, no hooks left.", "contract"),
    ],
    "top_k_error": [
        (
            "The share of images whose class is not among the k with the greatest logits (Russakovsky et al. 2015).",
            "values",
        ),
        ("logits (N, C).", "values", "one image"),
        ("target (N,), int64: the true classes.", "values"),
        ("k: an int from 1 to C.", "the best alone", "as many as there are classes", "all but one"),
        ("Returns a number from 0 to 1, or a tensor of one.", "values"),
        ("Of classes with equal logits the lower one goes first.", "equal logits", "one score for all"),
    ],
    "occlusion_map": [
        (
            "The probability of a class while a square of the image is covered (Zeiler & Fergus 2014, section 4.2).",
            "values",
        ),
        ("model: a torch.nn.Module in evaluation mode, images (N, C, H, W) to logits.", *EVERY),
        ("image (C, H, W).", *EVERY),
        ("target: the class, an int.", "values", "the first class"),
        ("patch: the side of the square, at most H and W.", "values", "a patch as large as the image"),
        ("stride: how far it moves.", "values", "steps larger than the patch"),
        (
            "The square is 0 in all channels and stays inside of the image.",
            "values",
            "a patch of 4 that does not end at the border",
        ),
        ("Returns (rows, columns), where rows is (H - patch) // stride + 1:", *EVERY),
        (
            "the probability of target while the square's upper left corner is at row i * stride and "
            "column j * stride.",
            "values",
        ),
        ("image and model stay as they were.", "contract"),
    ],
    "InceptionModule": [
        ("Four branches side by side: 1x1, 3x3, 5x5 and max pooling (Szegedy et al. 2014, figure 2b).", "values"),
        ("x (N, in_channels, H, W).", *EVERY),
        ("Returns (N, ch1x1 + ch3x3 + ch5x5 + pool_proj, H, W), the branches in this order:", *EVERY),
        ("1x1 to ch1x1 maps;", "values"),
        ("1x1 to ch3x3red maps, then 3x3 to ch3x3;", "values"),
        ("1x1 to ch5x5red maps, then 5x5 to ch5x5;", "values", "all numbers different"),
        ("max pooling of 3x3 with stride 1, then 1x1 to pool_proj maps.", "values", "every number 1"),
        ("Every convolution has a bias and is followed by a ReLU.", "values"),
        ("State: conv1x1, conv3x3_reduce, conv3x3, conv5x5_reduce, conv5x5, pool_project.", *EVERY),
    ],
    "FactorizedInception": [
        (
            "Inception with 7x7 convolutions that are a row and a column (Szegedy et al. 2015, section 3.2, figure 6).",
            "values",
        ),
        ("x (N, in_channels, H, W).", "values", "smaller than the kernels"),
        ("Returns (N, 4 * branch_channels, H, W), four branches in this order:", *EVERY),
        ("1x1; 1x1, 1x7, 7x1; 1x1, 7x1, 1x7, 7x1, 1x7;", "values"),
        ("average pooling of 3x3 with stride 1 and padding 1 (the padding counts), then 1x1.", "values"),
        ("Each is a ConvNormReLU.", "values", "3 channels in, 8 out, in evaluation"),
        (
            "There are channels_7x7 maps inside of the second and the third, and branch_channels at every end.",
            "values",
            "branch_channels left out",
        ),
        ("State: branch1x1; branch7x7_1 to branch7x7_3; branch7x7dbl_1 to branch7x7dbl_5; branch_pool.", *EVERY),
    ],
    "BasicBlock": [
        ("Two 3x3 convolutions and a shortcut (He et al. 2015, figure 5, left).", "values"),
        ("inplanes, planes: channels in and out.", *EVERY),
        ("stride: that of the first convolution.", "half of the size", "stride left out"),
        ("x (N, inplanes, H, W).", *EVERY),
        (
            "Returns (N, planes, H_out, W_out), the ReLU of the sum of the shortcut and of "
            "bn2(conv2(relu(bn1(conv1(x))))).",
            "values",
        ),
        ("The shortcut is x;", "the same shape", "the same shape, in evaluation"),
        (
            "where stride is not 1 or inplanes is not planes, it is downsample(x): "
            "a 1x1 convolution with the stride, then batch normalization.",
            "half of the size, twice the channels",
            "half of the size, the same channels",
            "other channels, the same size",
            "other channels, in evaluation",
        ),
        ("No convolution has a bias.", *EVERY),
        ("State: conv1, bn1, conv2, bn2; downsample.0 and downsample.1 where there is a projection.", *EVERY),
    ],
    "Bottleneck": [
        (
            "1x1, 3x3, 1x1 and a shortcut (He et al. 2015, figure 5, right), also of Wide ResNet and ResNeXt.",
            "values",
        ),
        ("x (N, inplanes, H, W).", *EVERY),
        (
            "Returns (N, 4 * planes, H_out, W_out), the ReLU of the sum of the shortcut and of bn3(conv3(...)), "
            "where a ReLU follows bn1 and bn2.",
            "values",
        ),
        (
            "Inside there are planes * base_width // 64 * groups channels.",
            "all but the channels left out",
            "twice as wide inside",
            "a width that is rounded down",
        ),
        ("conv2 has the stride and the groups.", "half of the size, in two groups", "in evaluation, four groups"),
        ("The shortcut is x;", "the same shape"),
        (
            "where stride is not 1 or inplanes is not 4 * planes, it is downsample(x), "
            "a 1x1 convolution with the stride, then batch normalization.",
            "half of the size, in two groups",
            "other channels, float64",
        ),
        ("No convolution has a bias.", *EVERY),
        ("State: conv1, bn1, conv2, bn2, conv3, bn3; downsample.0 and downsample.1.", *EVERY),
    ],
    "PreActivationBlock": [
        (
            "Batch normalization and ReLU before each convolution, nothing after the sum (He et al. 2016, figure 1b).",
            "values",
        ),
        ("inplanes, planes: channels in and out.", *EVERY),
        ("stride: that of the first convolution.", "half of the size", "stride left out"),
        ("x (N, inplanes, H, W).", *EVERY),
        (
            "Returns (N, planes, H_out, W_out), the sum of the shortcut and of conv2(relu(bn2(conv1(a)))), "
            "where a is relu(bn1(x)).",
            "values",
        ),
        ("The shortcut is x;", "the same shape", "stride left out"),
        (
            "where stride is not 1 or inplanes is not planes, it is downsample(a), a 1x1 convolution with the stride.",
            "half of the size, the same channels",
            "half of the size, more channels",
            "other channels, the same size",
        ),
        ("No convolution has a bias.", *EVERY),
        ("State: bn1, conv1, bn2, conv2; downsample where there is a projection.", *EVERY),
    ],
    "DenseBlock": [
        ("Layers that each see all maps made before them (Huang et al. 2017, section 3).", "values"),
        ("x (N, num_input_features, H, W).", *EVERY),
        (
            "Returns (N, num_input_features + num_layers * growth_rate, H, W): "
            "x, then the new maps of one layer after the other.",
            *EVERY,
        ),
        (
            "A layer sees all maps so far and makes growth_rate new ones:",
            "values",
            "one layer",
            "three layers, more new maps than old",
        ),
        (
            "batch normalization, ReLU, 1x1 to bn_size * growth_rate maps, batch normalization, ReLU, 3x3.",
            "values",
            "one layer",
        ),
        ("No convolution has a bias.", *EVERY),
        ("State: layers.0 and so on, each with norm1, conv1, norm2, conv2.", *EVERY),
    ],
    "Transition": [
        ("Between two dense blocks: fewer channels, half of the size (Huang et al. 2017, section 3).", "values"),
        ("x (N, num_input_features, H, W).", *EVERY),
        ("Returns (N, num_output_features, H // 2, W // 2):", *EVERY),
        (
            "batch normalization, ReLU, a 1x1 convolution without bias, then the average of 2x2 pixels;",
            "values",
            "as many channels as before",
        ),
        ("a last row or column without a partner is left out.", "odd sizes"),
        ("State: norm, conv.", *EVERY),
    ],
    "SqueezeExcitation": [
        ("A gate for each channel of each image (Hu et al. 2018, section 3).", "values"),
        ("x (N, input_channels, H, W).", "values", "as many channels as pixels a side", "one image of one pixel"),
        ("Returns x times the gates, of the shape of x.", *EVERY),
        (
            "A gate is the sigmoid of fc2(relu(fc1(s))), where s (N, input_channels, 1, 1) is the mean of each channel "
            "over height and width.",
            "values",
            "large numbers",
        ),
        (
            "State: fc1, a 1x1 convolution to squeeze_channels, and fc2, one back; both with bias.",
            "values",
            "squeezed to more",
        ),
    ],
    "DepthwiseSeparableConv": [
        (
            "A 3x3 convolution of each channel alone, then a 1x1 over the channels (Howard et al. 2017, figure 3).",
            "values",
        ),
        ("x (N, in_channels, H, W).", *EVERY),
        (
            "Returns (N, out_channels, H_out, W_out): relu(bn2(pointwise(relu(bn1(depthwise(x)))))).",
            "values",
            "large numbers, in evaluation",
        ),
        (
            "depthwise: 3x3, padding 1, with the stride, one kernel for each channel.",
            "values",
            "stride left out",
            "odd sizes, half of the size",
        ),
        ("pointwise: 1x1.", "values"),
        ("No convolution has a bias.", *EVERY),
        ("State: depthwise, bn1, pointwise, bn2.", *EVERY),
    ],
    "InvertedResidual": [
        ("Expand, depthwise, squeeze and excitation, project: MBConv (Tan & Le 2019, table 1).", "values"),
        ("x (N, in_channels, H, W).", *EVERY),
        ("Returns (N, out_channels, H_out, W_out).", *EVERY),
        (
            "With hidden = in_channels * expand_ratio: silu(bn1(expand(x))) to hidden channels, left out where "
            "expand_ratio is 1;",
            "values",
            "factor 1, seven channels",
        ),
        (
            "silu(bn2(depthwise(...))), one kernel of kernel_size for each channel, with the stride and the padding "
            "kernel_size // 2;",
            "values",
            "a kernel of 5",
        ),
        (
            "se, squeeze and excitation with SiLU inside, to max(1, in_channels // 4) channels;",
            "the same shape, in evaluation",
            "squeezed to one channel",
        ),
        ("bn3(project(...)), a 1x1 convolution.", "values"),
        (
            "x is added where stride is 1 and in_channels is out_channels.",
            "values",
            "factor 1, seven channels",
            "a kernel of 5, half of the size, the same channels",
        ),
        ("Only the convolutions of se have a bias.", *EVERY),
        (
            "State: expand, bn1, depthwise, bn2, se.fc1, se.fc2, project, bn3; neither expand nor bn1 where "
            "expand_ratio is 1.",
            *EVERY,
        ),
    ],
    "compound_scaling": [
        ("How many times the depth, the width and the resolution of a network (Tan & Le 2019, equation 3).", "values"),
        ("phi: the number of steps, an int or a float, at least 0.", "values", "phi 0", "phi one half"),
        (
            "alpha, beta, gamma: by what a step multiplies depth, width and resolution, floats.",
            "phi 1",
            "phi 3, the factors left out",
        ),
        ("Returns (depth, width, resolution), three numbers: alpha to the power phi, and so on;", "values"),
        ("all 1 for phi = 0.", "phi 0"),
    ],
}

UNROLLED = ("values", "one step", "two steps", "12 steps")
SATURATED_SAMPLE = "a sample of some 10,000"
WEIGHTS_OF_A_STEP = ("values", "one feature", "one unit")

SEQUENCES = {
    "markov_fit": [
        ("The transition matrix of a Markov chain, counted in one sequence (Markov 1913).", "values"),
        (
            "sequence (T,), int64: states from 0 to states - 1, in the order of time;",
            "values",
            "a sequence of length 1",
            "a sequence of length 2",
        ),
        ("states: how many there are, whether they occur or not.", "states that do not occur", "one state"),
        ("Returns a float32 tensor (states, states)", *EVERY),
        ("on the device of sequence:", "contract"),
        ("row i has the share of each next state among all steps that leave state i.", "values"),
        (
            "The row of a state that is never left is zeros.",
            "the last state is never left",
            "states that do not occur",
            "a sequence of length 1",
        ),
    ],
    "rnn_step_forward": [
        ("One step of a recurrent network with tanh (Elman 1990).", "values"),
        ("x (N, D): the input, perhaps so large that units saturate;", "values", "one sample", SATURATED_SAMPLE),
        ("h (N, H): the old state.", "values", "the first step"),
        ("w_ih (H, D), w_hh (H, H), b_ih (H,) and b_hh (H,), as in torch.nn.RNNCell.", *WEIGHTS_OF_A_STEP),
        ("Returns (out, cache); out (N, H) is the new state.", *EVERY),
    ],
    "rnn_step_backward": [
        ("The gradients of the loss with respect to all arguments of `rnn_step_forward`.", "values"),
        ("dout (N, H): gradient of the loss with respect to out.", *EVERY),
        ("cache: as `rnn_step_forward` returned it.", *EVERY, NEXT_CALL),
        ("Returns (dx, dh, dw_ih, dw_hh, db_ih, db_hh), of the shapes of the arguments.", *EVERY),
    ],
    "rnn_forward": [
        ("A recurrent network with tanh over whole sequences (Elman 1990).", *UNROLLED),
        (
            "x (T, N, D): the inputs of T steps, perhaps so large that units saturate;",
            *UNROLLED,
            "one sample",
            SATURATED_SAMPLE,
        ),
        ("h0 (N, H): the state before the first step.", "values", "h0 of zeros"),
        (
            "w_ih (H, D), w_hh (H, H), b_ih (H,) and b_hh (H,) are those of every step.",
            "values",
            "one feature, one unit",
        ),
        ("Returns (out, cache);", *EVERY),
        ("out (T, N, H) has the state after each step, without h0.", *UNROLLED),
    ],
    "rnn_backward": [
        (
            "The gradients through time with respect to all arguments of `rnn_forward` (Werbos 1990).",
            *UNROLLED,
        ),
        ("dout (T, N, H): gradient of the loss with respect to out.", *EVERY),
        ("cache: as `rnn_forward` returned it.", *EVERY, NEXT_CALL),
        ("Returns (dx, dh0, dw_ih, dw_hh, db_ih, db_hh), of the shapes of the arguments;", *EVERY),
        ("what all steps give to a weight or a bias is added up.", *UNROLLED),
    ],
    "clip_gradients": [
        ("Shorten gradients if they are too long, all by one factor (Pascanu et al. 2013).", "values"),
        ("grads: a list of tensors;", "values", "three numbers"),
        ("max_norm: a number above 0.", *EVERY),
        (
            "norm is the root of the sum of the squares of all entries of all tensors, before clipping.",
            "values",
            "all gradients 0",
            "gradients that are 0 but for one",
        ),
        (
            "Every tensor is multiplied by max_norm / (norm + 1e-6),",
            "norm 20, max_norm 3",
            "norm 0.002, max_norm 0.001",
        ),
        ("but by no more than 1,", "norm 0.4, max_norm 3", "norm 5, max_norm 5"),
        ("as in torch.nn.utils.clip_grad_norm_.", *EVERY),
        ("Returns (grads, norm): a list of tensors of the same shapes, and norm, 0-dim.", *EVERY),
    ],
    "lstm_step_forward": [
        (
            "One step of an LSTM with a forget gate (Hochreiter & Schmidhuber 1997; Gers et al. 2000).",
            "values",
        ),
        ("x (N, D): the input, perhaps so large that gates saturate;", "values", "one sample", SATURATED_SAMPLE),
        (
            "h, c (N, H): the old hidden state and the old cell state.",
            "values",
            "the first step",
            "a cell state of some 20",
        ),
        (
            "w_ih (4H, D), w_hh (4H, H), b_ih (4H,) and b_hh (4H,): the rows of the input gate, the forget gate, the "
            "candidate and the output gate, in this order, as in torch.nn.LSTMCell.",
            *WEIGHTS_OF_A_STEP,
        ),
        ("Returns ((h, c), cache): the new hidden state and the new cell state, (N, H).", *EVERY),
    ],
    "lstm_step_backward": [
        ("The gradients of the loss with respect to all arguments of `lstm_step_forward`.", "values"),
        ("dh, dc (N, H): gradients of the loss with respect to the new hidden state and the new cell state.", *EVERY),
        ("cache: as `lstm_step_forward` returned it.", *EVERY, NEXT_CALL),
        ("Returns (dx, dh, dc, dw_ih, dw_hh, db_ih, db_hh), of the shapes of the arguments;", *EVERY),
        ("these dh and dc belong to the old states.", "values"),
    ],
}

PADDINGS = ("stride 2, padding 1", "padding 2", "padding 3, larger than the kernel, stride 3")
UPSAMPLED = ("values", *PADDINGS, "no overlap", "stride larger than the kernel", "images of one pixel")

SEGMENTATION = {
    "confusion_matrix": [
        (
            "Pixels counted by their true class and by the class that they were given (Long et al. 2015).",
            "values",
        ),
        ("prediction and target: int64, of one shape, which may be any;", "values", "a row of pixels", "one pixel"),
        (
            "classes: how many there are, whether they occur or not.",
            "a class that no pixel has",
            "a class that is never given",
            "classes that occur nowhere",
            "one class",
        ),
        ("A prediction is one of 0 to classes - 1.", GIVEN),
        (
            "A pixel whose target is none of these, such as 255 or -1, is not counted.",
            "pixels with the label 255",
            "pixels with the labels -1, -100 and 3 of 3 classes",
            "every pixel has the label 255",
        ),
        ("Returns an int64 tensor (classes, classes) on the device of target:", *EVERY),
        ("row i, column j has the number of pixels of class i that were given class j.", "values"),
    ],
    "mean_iou": [
        ("The mean over the classes of intersection over union (Everingham et al. 2010).", "values"),
        (
            "confusion (K, K): int64, rows are the true classes, as `confusion_matrix` returns it;",
            "values",
            "one class",
            "billions of pixels",
        ),
        ("at least one entry is above 0.", GIVEN),
        (
            "Classes with an empty union are left out of the mean.",
            "a class that occurs nowhere",
            "class 0 and the last class occur nowhere",
            "a class that no pixel has, but some are given",
            "a class that is never given",
        ),
        ("Returns one number: a float, or a 0-dim tensor of floating-point type.", *EVERY),
    ],
    "linear_to_conv": [
        ("A linear layer on flattened features, written as a convolution (Long et al. 2015).", "values"),
        (
            "weight (M, channels * height * width) and bias (M,) are those of a linear layer behind features of shape "
            "(channels, height, width), flattened as torch does.",
            "values",
            "5 outputs of 4 channels of one pixel",
            "one channel",
            "one output",
            "rows of pixels",
        ),
        (
            "Returns (weight, bias): weight (M, channels, height, width) and bias (M,) of the convolution that gives "
            "the same M numbers on these features.",
            *EVERY,
        ),
    ],
    "conv_transpose2d_forward": [
        ("Spread each number of x over a kernel, and add up (Dumoulin & Visin 2016, section 4).", "values"),
        ("x (N, C, H, W);", "values", "images of one pixel", "one image, one channel, one filter"),
        (
            "weight (C, O, kh, kw), the input channel first, kh and kw may differ;",
            "values",
            "a kernel of one pixel",
            "a kernel larger than the image",
        ),
        ("bias (O,).", "values", "stride larger than the kernel"),
        ("stride, and padding on each of the four sides, are whole numbers, for both directions.", *UPSAMPLED),
        OUT,
        (
            "out (N, O, OH, OW) with OH = (H - 1) * stride - 2 * padding + kh, which is at least 1, and OW likewise.",
            *UPSAMPLED,
        ),
    ],
    "conv_transpose2d_backward": _backward(
        "conv_transpose2d_forward",
        "the x, weight and bias",
        "dout (N, O, OH, OW)",
        [("Returns (dx, dweight, dbias), of the shapes of x, weight and bias.", *EVERY, *UPSAMPLED)],
        "gradients",
    ),
    "bilinear_kernel": [
        (
            "The weight of a transposed convolution that interpolates each channel by itself (Long et al. 2015).",
            "values",
        ),
        ("channels and kernel_size: whole numbers from 1.", "values", "one channel", "4 channels, kernel_size 1"),
        ("Returns a float32 tensor (channels, channels, kernel_size, kernel_size):", *EVERY),
        (
            "from each channel to itself the product of a tent over the rows and a tent over the columns, and from a "
            "channel to another one zeros.",
            "values",
            "6 channels, kernel_size 16",
        ),
        (
            "A tent is 1 in the middle of the kernel and falls along straight lines to 0 at a distance of kernel_size "
            "/ 2, rounded up.",
            "3 channels, kernel_size 4",
            "2 channels, kernel_size 7",
            "2 channels, kernel_size 3",
            "3 channels, kernel_size 2",
        ),
    ],
    "pixel_cross_entropy": [
        ("The mean cross-entropy over the pixels that count, and its gradient (Long et al. 2015).", "values"),
        (
            "logits (N, C, H, W), entries up to 1e4 in size, in float32 too;",
            "values",
            "a class 5,000 ahead, in pixels of very different size",
            "another class 10,000 ahead",
        ),
        (
            "target (N, H, W), int64: the class of each pixel, from 0 to C - 1, or ignore_index.",
            "values",
            "classes that no pixel has",
            "two classes",
        ),
        (
            "A pixel whose target is ignore_index does not count, whether ignore_index is a class or not;",
            "values",
            "class 0 is ignored",
            "the last class is ignored",
            "no pixel is ignored",
        ),
        ("at least one pixel of the batch counts.", "all pixels but one are ignored", "one image of one pixel"),
        ("Returns (loss, dlogits): loss, 0-dim, the mean over all pixels that count;", *EVERY),
        (
            "dlogits (N, C, H, W), 0 at pixels that do not.",
            *EVERY,
            "an image in which every pixel is ignored",
        ),
        (
            "Both are finite.",
            "a class 5,000 ahead, in pixels of very different size",
            "another class 10,000 ahead",
            "an image in which every pixel is ignored",
        ),
    ],
}

DETECTION = {
    "box_iou": [
        ("Intersection over union of every box of a with every box of b.", "values"),
        (
            "a (N, 4), b (M, 4): boxes (x1, y1, x2, y2);",
            "values",
            "boxes with negative corners",
            "boxes of some 0.0001",
        ),
        ("N or M may be 0.", "no box in a", "no box in b"),
        ("Returns a tensor (N, M):", *EVERY),
        (
            "the area that two boxes share, divided by the area that they cover together.",
            "values",
            "identical boxes",
            "boxes that touch",
            "a box in another",
            "boxes apart in both directions",
            "boxes beside each other",
        ),
        ("It is 0 where they cover nothing.", "boxes without area"),
    ],
    "nms": [
        ("Non-maximum suppression: the best boxes, without those that overlap a better one too much.", "values"),
        ("boxes (N, 4): (x1, y1, x2, y2);", "values", "one box"),
        ("scores (N,), any numbers;", "8 boxes, scores below 0"),
        ("N may be 0.", "no box"),
        ("Again and again the box with the highest score among those left is kept,", "values"),
        ("of equal scores the one with the lowest index,", "equal scores", "all scores equal"),
        (
            "and all boxes whose IoU with it is above iou_threshold go.",
            "values",
            "an IoU that is the threshold",
            "identical boxes",
            "boxes that touch, iou_threshold 0",
            "float64, an IoU just above",
        ),
        ("Boxes that cover nothing have the IoU 0.", "boxes without area"),
        ("Returns the indices of the boxes that are kept, int64, in the order in which they were kept.", *EVERY),
    ],
    "average_precision": [
        (
            "The area below the precision over the recall, of one class (Everingham et al. 2015).",
            "values",
        ),
        ("scores (D,): those of the detections, in any order;", "values", "scores below 0"),
        ("matched (D,), bool: which are right;", "values", "every object found", "nothing found"),
        ("D may be 0.", "no detection"),
        ("n_truth: how many objects there are.", "values", "one detection of four objects"),
        ("The detections count from the highest score down,", "values"),
        ("equal scores in the order in which they are given.", "equal scores"),
        ("At each recall the precision is the highest one at this recall or a larger one,", "values"),
        ("and 0 where none is.", "values", "one detection of four objects"),
        ("Returns a tensor without dimensions, of the dtype of scores;", *EVERY),
        ("0 for a class without objects.", "a class without objects", "no detection, no object"),
    ],
    "encode_boxes": [
        ("The deltas that lead from each anchor to its box (Girshick et al. 2014, appendix C).", "values"),
        ("anchors, boxes (N, 4): (x1, y1, x2, y2), wider and higher than 0;", "values", "one anchor"),
        ("N may be 0.", "no anchor"),
        (
            "Returns (N, 4): the move of the center to the right in widths of the anchor and down in heights of it,",
            "values",
            "boxes moved, of the same size",
        ),
        (
            "then the natural logarithms of the factors of width and height.",
            "values",
            "boxes with the same center",
            "boxes that are the anchors",
            "boxes some 100 times as wide",
        ),
    ],
    "decode_boxes": [
        ("The boxes to which deltas lead from anchors: the inverse of `encode_boxes`.", "values"),
        ("anchors (N, 4): (x1, y1, x2, y2);", "values", "one anchor"),
        ("deltas (N, 4): as `encode_boxes` returns them;", "values", "deltas of 0", "shifts alone", "sizes alone"),
        ("N may be 0.", "no anchor"),
        ("Returns the boxes (N, 4), (x1, y1, x2, y2).", *EVERY),
        (
            "Nothing is cut off: neither the deltas nor the boxes.",
            "boxes some 100 times as wide or high",
            "values",
        ),
    ],
    "smooth_l1": [
        (
            "Smooth L1 loss and its gradient (Girshick 2015, equation 3, where beta is 1).",
            "values",
        ),
        ("prediction, target: the same shape, any one;", "values", "one number"),
        ("beta: a number above 0.", "values", "beta 1/9", "beta 1"),
        (
            "A difference d counts d ** 2 / (2 * beta) where it is smaller than beta in size,",
            "values",
            "all differences below beta",
            "prediction and target equal",
        ),
        (
            "and |d| - beta / 2 elsewhere.",
            "values",
            "all differences above beta",
            "differences of exactly beta",
            "differences of some 10,000",
        ),
        (
            "Returns (loss, dprediction): the mean over all numbers, without dimensions, and its gradient with respect "
            "to prediction.",
            *EVERY,
        ),
    ],
    "spatial_pyramid_pool": [
        ("The maxima of the bins of several grids over the same maps (He et al. 2014, section 2.2).", "values"),
        ("features (N, C, H, W);", "values", "one image, one channel", "all values below 0"),
        ("levels: a list of whole numbers;", "values", "one level", "level 1 alone"),
        ("level l has l by l bins.", "values", "a level as large as the map", "more bins than pixels"),
        (
            "Bin i has the rows from i * H / l, rounded down, up to (i + 1) * H / l, rounded up and not included;",
            "values",
            "bins that share pixels",
            "more bins than pixels",
        ),
        ("the columns likewise.", "values", "bins that share pixels"),
        ("Returns (N, C * sum of l * l):", *EVERY),
        ("the levels one after the other as they are given, each flattened as (C, l, l).", "values"),
    ],
    "roi_max_pool_forward": [
        (
            "The maxima of the bins of regions of maps (Girshick 2015, section 2.1), as torchvision's roi_pool.",
            "values",
        ),
        ("features (N, C, H, W);", "values", "one image, one channel"),
        ("rois (R, 5): the number of the image, then x1, y1, x2, y2 in the image;", "values", "the whole map"),
        ("R may be 0.", "no region"),
        (
            "spatial_scale: pixels of the map for one of the image.",
            "4 regions, output_size (3, 2), spatial_scale 0.25",
            "float64, spatial_scale 0.1",
        ),
        (
            "The corners times spatial_scale are rounded to the nearest whole number, halves up.",
            "values",
            "corners halfway between two pixels",
        ),
        ("A region has the columns x1 to x2, both included,", "values", "regions of one pixel"),
        ("but at least one, and the rows likewise.", "corners exchanged"),
        ("output_size: how many rows and columns of bins, a pair.", "values", "one bin"),
        (
            "Bin i of l has the rows of the region from i * h / l, rounded down, up to (i + 1) * h / l, rounded up and "
            "not included, where h is the number of its rows;",
            "values",
            "fewer pixels than bins",
        ),
        ("the columns likewise.", "values", "fewer pixels than bins"),
        ("What lies outside the map is left out of a bin,", "regions over the border"),
        ("and a bin with no pixel is 0.", "regions over the border", "a region outside"),
        ("Returns (out, cache);", *EVERY),
        ("out is (R, C, *output_size).", *EVERY),
    ],
    "roi_max_pool_backward": [
        ("The gradient of the loss with respect to the features of `roi_max_pool_forward`.", "values"),
        ("dout (R, C, *output_size): gradient of the loss with respect to out.", *EVERY),
        ("cache: as `roi_max_pool_forward` returned it.", *EVERY, NEXT_CALL),
        ("Returns dfeatures, of the shape of the features.", *EVERY, "no region"),
        ("The gradient of a bin goes to its first maximum, row by row,", "values", "ties"),
        ("that of a bin with no pixel nowhere.", "regions over the border", "a region outside"),
    ],
    "generate_anchors": [
        ("Boxes around 0 of every scale with every ratio (Ren et al. 2015, section 3.1.1).", "values"),
        (
            "scales (S,), ratios (A,): tensors of numbers above 0.",
            "values",
            "one scale",
            "one ratio",
            "scales below 1",
            "very high and very wide",
        ),
        (
            "The area of an anchor is the square of its scale, and its height divided by its width is its ratio.",
            "values",
            "squares",
        ),
        ("Returns (S * A, 4): (x1, y1, x2, y2) with the center at 0;", "values"),
        (
            "first all ratios with the first scale, then with the second, and so on.",
            "values",
            "scales and ratios out of order",
        ),
    ],
    "anchor_grid": [
        ("The anchors of every cell of a map, in pixels of the image (Ren et al. 2015, section 3.1.1).", "values"),
        ("anchors (A, 4): boxes around 0;", "values", "one anchor"),
        ("height, width: rows and columns of cells;", "values", "one row of cells", "one cell"),
        ("stride: pixels of the image for a cell along each axis.", "values", "stride 1", "an odd stride"),
        (
            "Returns (height * width * A, 4): the anchors around the center of each cell,",
            "values",
            "an odd stride",
            "anchors that are not centered on 0",
        ),
        ("ordered by row, then column, then anchor.", "values", "as many anchors as cells in a row"),
    ],
    "assign_anchors": [
        ("What each anchor has to learn (Ren et al. 2015, section 3.1.2).", "values"),
        ("iou (A, M): of every anchor with every box;", "values", "one box", "one anchor, one box"),
        ("every box overlaps some anchor, and no two boxes have the same first best anchor.", GIVEN),
        ("low, high: numbers, low <= high.", "values", "low and high equal"),
        ("Returns (labels, matches), both (A,), int64.", *EVERY),
        (
            "With m the largest IoU of an anchor: its label is 1 where m >= high,",
            "values",
            "an overlap that is high",
            "float64, overlaps just above",
        ),
        (
            "0 where m < low, -1 between.",
            "values",
            "an overlap that is low",
            "nothing between 0 and 1",
            "float64, overlaps just above",
        ),
        ("Its match is the box with this IoU, the first of several.", "values", "boxes with the same overlap"),
        (
            "Then the anchor with the largest IoU of each box, the first of several, gets the label 1 and this box for "
            "its match.",
            "values",
            "no anchor fits",
            "anchors with the same overlap",
        ),
    ],
    "yolo_decode": [
        ("The boxes and the scores in the output of YOLO (Redmon et al. 2016, section 2).", "values"),
        (
            "output (N, grid, grid, 5 * boxes + classes): rows of cells, then columns;",
            "values",
            "as many boxes and classes as cells in a row",
            "one image, 7 by 7 cells, 20 classes",
        ),
        (
            "in a cell first the boxes, each x, y, width, height, confidence, then one number for each class.",
            "values",
        ),
        ("x and y lie in the cell, width and height are shares of the image.", "values"),
        ("boxes, classes, grid: whole numbers.", "values", "one box", "one class", "a grid of one cell"),
        (
            "Returns (corners, scores): (N, grid * grid * boxes, 4), (x1, y1, x2, y2) in shares of the image, and (N, "
            "grid * grid * boxes, classes), the confidence times the number of each class;",
            *EVERY,
        ),
        ("both ordered by row, then column, then box.", "values"),
        ("Nothing is cut off.", "numbers outside 0 and 1", "values"),
    ],
}

PROMISES = (
    ACTIVATIONS
    | BACKPROP
    | CNN_HISTORY
    | CONVOLUTION
    | DETECTION
    | NORMALIZATION
    | OPTIMIZATION
    | PREPROCESSING
    | REGULARIZATION
    | SEGMENTATION
    | SEQUENCES
    | TRANSFER
)
