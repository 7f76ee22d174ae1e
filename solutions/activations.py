# %% [markdown]
# # Activation functions, forward and backward
#
# You write eight activation functions, and for each one the function that carries a gradient back through it.
# torch has them all. Here you may use its arithmetic but not its activations and not its autograd, so every
# gradient that a network of these layers would learn from comes from your own lines.
#
# Run the next cell first. `check` compares your function with a reference; `device()` is the GPU if this
# machine has one, else the CPU. `when_written` is for the cells that draw with your functions: as long as one
# of them is missing, it says which.
#
# A check counts points and says what went wrong. `check("sigmoid_forward").case()`, in a cell of your
# own, shows the first case that failed: what your function was given, what it returned, and what was
# expected. Put the name of a case between the last brackets to see that one. `check()` alone shows your
# points so far.
#
# What an exercise asks for is written, not taken from a library: not from torch, and not from numpy, `math`, scipy,
# scikit-learn or any other. Simpler functions of theirs, such as `math.sqrt` or `np.exp`, are allowed. Autograd is
# not. Whatever your function uses stands in a cell of this notebook, not in a file that is imported or run with `%run`:
# the check reads your cells.
#
# The next cell is locked. Imports of your own go into a cell of your own below it.

# %% nbgrader={"grade_id": "imports", "locked": true}

import matplotlib.pyplot as plt
import torch

from autograder import check, device, when_written

plt.rc("axes", prop_cycle=plt.cycler(color=["#0072B2", "#D55E00", "#009E73", "#CC79A7"]))


# %% [markdown]
# ## One function done for you: squaring
#
# Take $y = x^2$ on three numbers, $x = (-2, 0, 3)$. The forward pass gives $y = (4, 0, 9)$.
#
# Now imagine a whole network behind $y$, ending in a loss $L$. That network hands us one number for each
# entry of $y$: how fast the loss grows when that entry grows, $\partial L / \partial y$. We call this tensor
# `dout`. Say it is $(1, 1, 0.5)$. The backward pass must answer the same question for $x$. Each $y_i$ depends
# on its own $x_i$ only, and grows $2 x_i$ times as fast as $x_i$, so the chain rule is a product, entry by
# entry:
#
# $$\frac{\partial L}{\partial x_i} = \frac{\partial L}{\partial y_i} \cdot \frac{d y_i}{d x_i}
# = \mathtt{dout}_i \cdot 2 x_i, \qquad (1 \cdot (-4),\; 1 \cdot 0,\; 0.5 \cdot 6) = (-4, 0, 3).$$
#
# The backward pass needs $x$, but it is called later and sees only `dout`. So the forward pass returns a
# second thing, the *cache*: whatever you want to find again. Here it is `x`.


# %%
def square_forward(x):
    return x * x, x


def square_backward(dout, cache):
    x = cache
    return dout * 2 * x


out, cache = square_forward(torch.tensor([-2.0, 0.0, 3.0]))
out, square_backward(torch.tensor([1.0, 1.0, 0.5]), cache)

# %% [markdown]
# All your functions have this form. Four things hold for each of them:
#
# - **Shapes.** `out` and `dx` have the shape of `x`; maxout, the last one, has an `out` of its own shape. A
#   function with weights returns their gradients after `dx`, in the order of its arguments.
#   Every number that you are given is finite, and no dimension has size 0: a batch has at least one sample.
# - **Type and place.** float32 in, float32 out; float64 in, float64 out; a result lies on the device of its
#   input.
# - **The input is not yours.** `x[x < 0] = 0` and methods that end in an underscore, such as
#   `x.clamp_(min=0)`, write into the caller's tensor. Make a new one. `dout` is not yours either.
# - **Any layout.** A transposed tensor is an ordinary input, although its numbers do not lie in memory row
#   after row. `reshape` accepts it; `view` may not.

# %% [markdown]
# ## 1. Sigmoid
#
# In the book: [Sigmoid](../../book/activations/sigmoid_tanh.md#sigmoid).
#
# The sigmoid maps every number to one between 0 and 1. That makes it the output for a yes-or-no question, and
# the gate of an LSTM: 0 is closed, 1 is open. For an input entry $x$ it is
#
# $$\sigma(x) = \frac{1}{1 + e^{-x}} = \frac{e^{x}}{1 + e^{x}}.$$
#
# By hand, at $x = 2$: $e^{-2} = 0.1353$, so $\sigma(2) = 1 / 1.1353 = 0.8808$.
#
# On paper the two fractions are equal. In float32 they are not, because the largest number is about
# $3.4 \cdot 10^{38}$ and `torch.exp` answers `inf` for 89 already. Put $x = 10\,000$ and $x = -10\,000$ into
# both fractions, with $e^{10\,000} = \infty$ and $e^{-10\,000} = 0$. One of them contains $\infty / \infty$,
# which is `nan`, for one of the two inputs. Your function must be right for both.
#
# Not allowed: torch's own sigmoid under any of its names (`torch.sigmoid`, `x.sigmoid()`,
# `torch.special.expit`, `F.sigmoid`, `nn.Sigmoid`, scipy's `expit`) and what contains it (`F.logsigmoid`, `F.silu`,
# `F.glu`).
# `torch.exp` is allowed.


# %% nbgrader={"grade_id": "sigmoid_forward", "solution": true}
def sigmoid_forward(x):
    """1 / (1 + exp(-x)) of every entry (LeCun et al. 1998, Efficient BackProp, section 4.4).

    x: any shape, entries up to 1e4 in size, in float32 too. Returns (out, cache); out has
    the shape of x, and no entry of it is nan or inf.
    """
    ### BEGIN SOLUTION
    out = 1 / (1 + torch.exp(-x))
    return out, out
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_sigmoid_forward", "grade": true}
check("sigmoid_forward")

# %% [markdown]
# ### Sigmoid, backward
#
# Here $u$ is $1 + e^{-x}$, so $\sigma = 1/u$. The outer slope is $-1/u^2$, the inner one is $-e^{-x}$, and the
# chain rule multiplies them:
#
# $$\sigma'(x) = \frac{e^{-x}}{(1 + e^{-x})^2}, \qquad \sigma'(2) = \frac{0.1353}{1.1353^2} = 0.1050.$$
#
# If `dout` is 10 at this entry, then `dx` is 1.050 there.
#
# Typed like this, it gives `nan` at $x = -10\,000$. But split the fraction into two factors,
# $\frac{1}{1 + e^{-x}} \cdot \frac{e^{-x}}{1 + e^{-x}}$. The first is $\sigma(x)$. The second is what
# $\sigma(x)$ lacks to reach 1. So the slope follows from the *output* alone, and no exponential is needed on
# the way back. Choose your cache with this in mind.


# %% nbgrader={"grade_id": "sigmoid_backward", "solution": true}
def sigmoid_backward(dout, cache):
    """The gradient of the loss with respect to the x of `sigmoid_forward`.

    dout: gradient of the loss with respect to out, of its shape. cache: as
    `sigmoid_forward` returned it. Returns dx, of the shape of x, finite for entries of x up
    to 1e4 in size.
    """
    ### BEGIN SOLUTION
    out = cache
    return dout * out * (1 - out)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_sigmoid_backward", "grade": true}
check("sigmoid_backward")

# %% [markdown]
# ## 2. Tanh
#
# In the book: [tanh](../../book/activations/sigmoid_tanh.md#tanh).
#
# A sigmoid's outputs are all positive. The hyperbolic tangent has the same S shape, but runs from −1 to 1 and
# passes through 0, so the outputs of a layer can average to 0:
#
# $$\tanh(x) = \frac{e^{x} - e^{-x}}{e^{x} + e^{-x}} = 2\,\sigma(2x) - 1.$$
#
# By hand, at $x = 1$: $(2.7183 - 0.3679) / (2.7183 + 0.3679) = 2.3504 / 3.0862 = 0.7616$.
#
# Both forms have a weakness in floating point. The first is $\infty / \infty$ at $x = 100$ in float32. The
# second is finite everywhere, but near 0 it subtracts two almost equal numbers: at $x = 0.0001$ it gives
# 0.00010002 in float32, four right digits in place of seven.
#
# A way around both: for $x \ge 0$ divide the first fraction above and below by $e^{x}$. Only $e^{-2x}$ is left.
# Here $t$ is this number. It lies between 0 and 1. For $x < 0$ use that tanh is odd, $\tanh(-x) = -\tanh(x)$. The
# numerator contains $t - 1$, for which torch has a function of its own that keeps all digits when $t$ is near 1:
# `torch.expm1(x)` is $e^{x} - 1$.
#
# Not allowed: tanh itself under any of its names (`torch.tanh`, `x.tanh()`, `F.tanh`, `nn.Tanh`, `np.tanh`,
# `math.tanh`) and what contains it (`F.tanhshrink`).


# %% nbgrader={"grade_id": "tanh_forward", "solution": true}
def tanh_forward(x):
    """The hyperbolic tangent of every entry (LeCun et al. 1998, Efficient BackProp, section 4.4).

    x: any shape, entries up to 1e4 in size, in float32 too. Returns (out, cache); out has
    the shape of x, and no entry of it is nan or inf.
    """
    ### BEGIN SOLUTION
    t_minus_1 = torch.expm1(-2 * x.abs())
    out = torch.copysign(t_minus_1 / (t_minus_1 + 2), x)
    return out, out
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_tanh_forward", "grade": true}
check("tanh_forward")

# %% [markdown]
# ### Tanh, backward
#
# You know the slope of $\sigma$, and $\tanh(x) = 2\,\sigma(2x) - 1$. There are two factors 2 in it: one
# stands outside, the other inside and comes out by the chain rule, so
#
# $$\tanh'(x) = 4\,\sigma(2x)\,\bigl(1 - \sigma(2x)\bigr).$$
#
# Now replace $\sigma(2x)$ by $\tfrac{1}{2}(1 + \tanh(x))$ and multiply out. As for the sigmoid, the result
# needs only the output. Two values to test it on paper: the slope is 1 at $x = 0$, and at $x = 1$, where the
# output is 0.7616, it is 0.4200.


# %% nbgrader={"grade_id": "tanh_backward", "solution": true}
def tanh_backward(dout, cache):
    """The gradient of the loss with respect to the x of `tanh_forward`.

    dout: gradient of the loss with respect to out, of its shape. cache: as `tanh_forward`
    returned it. Returns dx, of the shape of x, finite for entries of x up to 1e4 in size.
    """
    ### BEGIN SOLUTION
    out = cache
    return dout * (1 - out**2)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_tanh_backward", "grade": true}
check("tanh_backward")

# %% [markdown]
# Look at what you wrote. With a `dout` of ones, a backward pass returns the slope itself. Find the highest
# point of each slope in the right panel, and see how much is left of it at $x = 4$.


# %%
def plot_activations(*pairs):
    """Draw each (forward, backward) pair: the outputs on the left, the slopes on the right."""
    x = torch.linspace(-5, 5, 1001, device=device())
    curves = []
    for forward, backward in pairs:
        out, cache = forward(x)
        slope = backward(torch.ones_like(x), cache)
        curves.append((forward.__name__.removesuffix("_forward"), out.cpu(), slope.cpu()))
    _, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for name, out, slope in curves:
        left.plot(x.cpu(), out, label=name)
        right.plot(x.cpu(), slope, label=name)
    left.set(xlabel="x", ylabel="output")
    right.set(xlabel="x", ylabel="slope")
    right.legend()


@when_written
def sigmoid_and_tanh():
    plot_activations((sigmoid_forward, sigmoid_backward), (tanh_forward, tanh_backward))


# %% [markdown]
# ## 3. ReLU
#
# In the book: [ReLU](../../book/activations/relu.md#relu).
#
# The rectified linear unit lets positive numbers through and replaces negative ones by 0:
#
# $$\mathrm{ReLU}(x) = \max(0, x), \qquad (-1.5,\; 0,\; 2) \mapsto (0,\; 0,\; 2).$$
#
# There is no exponential in it, and nothing that levels off for large $x$.
#
# Not allowed: torch's own ReLU (`torch.relu`, `x.relu()`, `F.relu`, `nn.ReLU`) and those that contain it
# (`F.leaky_relu`, `F.prelu`, `F.rrelu`, `F.elu`, `F.threshold`, `F.hardtanh`, `F.relu6`, `F.softplus`, `F.silu`,
# `F.gelu`, `F.mish`, `F.hardswish`). There are at least three other
# ways to write it; `torch.clamp`, `torch.maximum` and `torch.where` are the beginnings of three.


# %% nbgrader={"grade_id": "relu_forward", "solution": true}
def relu_forward(x):
    """max(0, x) of every entry (Nair & Hinton 2010; in deep networks Glorot et al. 2011).

    x: any shape. Returns (out, cache); out has the shape of x, and x is left as it was.
    """
    ### BEGIN SOLUTION
    return x.clamp(min=0), x > 0
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_relu_forward", "grade": true}
check("relu_forward")

# %% [markdown]
# ### ReLU, backward
#
# Where $x > 0$ the output moves exactly as $x$ does: slope 1, and `dout` passes unchanged. Where $x < 0$ the
# output does not move at all: slope 0, and `dout` stops there. At $x = 0$ there is a corner without a slope.
# torch takes 0, and so do we. For the three numbers above and `dout` $= (10, 20, 30)$, `dx` is $(0, 0, 30)$.
#
# The size of $x$ is of no use here, only on which side of 0 it lies. A cache of booleans takes a quarter of
# the memory of one in float32.


# %% nbgrader={"grade_id": "relu_backward", "solution": true}
def relu_backward(dout, cache):
    """The gradient of the loss with respect to the x of `relu_forward`.

    dout: gradient of the loss with respect to out, of its shape. cache: as `relu_forward`
    returned it. Returns dx, of the shape of x; it is 0 where x is exactly 0.
    """
    ### BEGIN SOLUTION
    positive = cache
    return torch.where(positive, dout, 0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_relu_backward", "grade": true}
check("relu_backward")

# %% [markdown]
# ### Twenty layers deep
#
# In the book:
# [Signal and gradient, layer by layer](../../book/activations/depth.md#signal-and-gradient-layer-by-layer).
#
# Now your functions carry a gradient through twenty layers. Each layer computes $f(hW + b)$ on 64 rows of
# width 256. A random gradient enters behind layer 20 and goes back to layer 1. The plot shows its typical
# size (the root of its mean square) at the input of each layer, on a logarithmic axis.
#
# The weights are random, with standard deviation $\mathtt{gain} / \sqrt{256}$. The gain is $\sqrt{2}$ for
# ReLU, which silences half of its inputs, and 1 for the other two. On the left all biases are 0. On the right
# they are random with standard deviation 3, so that many units work far away from $x = 0$.


# %%
def gradient_sizes(forward, backward, gain, bias_std, depth=20, width=256):
    """Root mean square of the gradient with respect to the input of each layer, layer 1 first."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(shape, generator=generator).to(device())

    weights = [gain / width**0.5 * normal(width, width) for _ in range(depth)]
    biases = [bias_std * normal(width) for _ in range(depth)]
    h, caches = normal(64, width), []
    for weight, bias in zip(weights, biases, strict=True):
        h, cache = forward(h @ weight + bias)
        caches.append(cache)
    dh, sizes = normal(64, width), []
    for weight, cache in zip(reversed(weights), reversed(caches), strict=True):
        dh = backward(dh, cache) @ weight.T
        sizes.append(dh.square().mean().sqrt().item())
    return sizes[::-1]


@when_written
def gradient_through_depth():
    layers = [
        ("sigmoid", sigmoid_forward, sigmoid_backward, 1),
        ("tanh", tanh_forward, tanh_backward, 1),
        ("relu", relu_forward, relu_backward, 2**0.5),
    ]
    sizes = {(name, std): gradient_sizes(*layer, std) for name, *layer in layers for std in (0, 3)}
    _, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True, layout="constrained")
    for axis, std in zip(axes, (0, 3), strict=True):
        for name, *_ in layers:
            axis.semilogy(range(1, 21), sizes[name, std], marker=".", label=name)
        axis.set(xlabel="layer (1 is next to the input)", title=f"biases of standard deviation {std}")
        axis.set_xticks(range(2, 21, 3))
    axes[0].set_ylabel("size of the gradient")
    axes[1].legend()
    for (name, std), size in sizes.items():
        print(f"{name:8} biases {std}: {size[0]:8.1e} at layer 1")


# %% [markdown]
# Now halve the gain of ReLU: write `0.5 * 2**0.5` in its line of `layers` and run the cell again. Its slopes
# are still 0 and 1. What happened to its gradient? Put the gain back before you go on.
#
# ### Question: which of them vanish, and why? (10 points)
#
# In the book: [The exam question](../../book/activations/summary.md#the-exam-question).
#
# When the gradient gets smaller from layer to layer until the first layers no longer learn, it *vanishes*
# (기울기 소실). Answer in the cell below, in your own words. A person marks it.
#
# (a) Divide sigmoid, tanh and ReLU into those that cause the vanishing gradient problem and those that do
# not. **2 points.**
#
# (b) Explain for each of the three why it does or does not. **8 points:** 2 for each function, if you say
# what its slope is, where it is large and where it is small; 1 for how the slopes of many layers act
# together; 1 for a case in which the gradient of a ReLU network becomes 0 or very small all the same.
#
# Numbers from your own plots count as reasons.

# %% [markdown] nbgrader={"grade_id": "explain_vanishing", "grade": true, "solution": true, "points": 10}
# **(a)**
#
# ### BEGIN SOLUTION
# Sigmoid and tanh cause it; ReLU does not. (1 point for the first two, 1 for ReLU.)
# ### END SOLUTION
#
# **(b)**
#
# ### BEGIN SOLUTION
# *Sigmoid (2 points).* The slope is σ(1 − σ): at most 1/4, at x = 0, and close to 0 where the output is close
# to 0 or 1 (0.0066 at x = ±5). Even in the best case a layer leaves a quarter of the gradient.
#
# *Tanh (2 points).* The slope is 1 − tanh². It is 1 at x = 0, so tanh is better than the sigmoid, but only
# there: where the output is close to −1 or 1 it is close to 0 (0.0099 at x = ±3). In the left plot the units
# stay near 0 and the gradient loses a factor of about five; in the right plot they saturate and it falls to
# about 2e-8.
#
# *ReLU (2 points).* The slope is exactly 1 for every x > 0, however large, and 0 for x < 0. A gradient that
# goes through active units is not made smaller by them. It does not saturate on the positive side.
#
# *Many layers (1 point).* The chain rule multiplies the slopes, and the weights, of all layers on the way.
# Twenty sigmoid slopes multiply to at most (1/4)^20, about 1e-12; twenty ReLU slopes of 1 multiply to 1.
#
# *ReLU can fail all the same (1 point for one of these).* A unit whose pre-activation is negative for every
# input of the data set passes no gradient at all, its weights do not move, it is dead; or weights that are
# too small make the product small: with half the gain the gradient at layer 1 falls to 7e-7.
# ### END SOLUTION

# %% [markdown]
# ## 4. Leaky ReLU
#
# In the book: [Leaky ReLU](../../book/activations/relu.md#leaky-relu).
#
# A ReLU unit whose $x$ is negative for every input of the data set has slope 0 for all of them. Its weights
# get gradient 0 and stay where they are: the unit is dead. The leaky ReLU keeps a small slope $\alpha$
# (`negative_slope`) on the negative side:
#
# $$f(x) = \begin{cases} x & x > 0 \\ \alpha\,x & x \le 0 \end{cases}
# \qquad \alpha = 0.01: \quad (-3,\; 0,\; 2) \mapsto (-0.03,\; 0,\; 2).$$
#
# You will often see it as $\max(\alpha x, x)$. Test that with $\alpha = 1.5$ and $x = -2$: the cases give −3, the
# maximum gives −2. The short form is right for $\alpha \le 1$ only, and your function is called with other slopes
# too.
#
# Not allowed: torch's own leaky ReLU and its relatives (`F.leaky_relu`, `nn.LeakyReLU`, `F.prelu`,
# `F.rrelu`).


# %% nbgrader={"grade_id": "leaky_relu_forward", "solution": true}
def leaky_relu_forward(x, negative_slope=0.01):
    """x where x > 0, negative_slope * x elsewhere (Maas et al. 2013).

    x: any shape. negative_slope: a number, which may be larger than 1. Returns (out,
    cache); out has the shape of x.
    """
    ### BEGIN SOLUTION
    positive = x > 0
    return torch.where(positive, x, negative_slope * x), (positive, negative_slope)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_leaky_relu_forward", "grade": true}
check("leaky_relu_forward")

# %% [markdown]
# ### Leaky ReLU, backward
#
# Differentiate the two cases one by one. At the corner we follow torch: $x = 0$ belongs to the negative side,
# so its slope there is $\alpha$. With $\alpha = 0.01$, the three inputs above and `dout` $= (10, 20, 30)$ give `dx`
# $= (0.1, 0.2, 30)$.


# %% nbgrader={"grade_id": "leaky_relu_backward", "solution": true}
def leaky_relu_backward(dout, cache):
    """The gradient of the loss with respect to the x of `leaky_relu_forward`.

    dout: gradient of the loss with respect to out, of its shape. cache: as
    `leaky_relu_forward` returned it. Returns dx, of the shape of x; the slope at exactly 0
    is negative_slope.
    """
    ### BEGIN SOLUTION
    positive, negative_slope = cache
    return torch.where(positive, dout, negative_slope * dout)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_leaky_relu_backward", "grade": true}
check("leaky_relu_backward")

# %% [markdown]
# Here is a dead unit. Its bias is −100, so all 1000 inputs land on the negative side. The cell sends a `dout`
# of ones back to the bias. With ReLU the sum is 0 and the bias will stay at −100; with the leaky ReLU it is
# $1000 \cdot 0.01$, and gradient descent can move it.


# %%
@when_written
def a_dead_unit():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(1000, 20, generator=generator).to(device())
    unit = torch.randn(20, generator=generator).to(device())
    z = inputs @ unit - 100
    for forward, backward in ((relu_forward, relu_backward), (leaky_relu_forward, leaky_relu_backward)):
        _, cache = forward(z)
        dbias = backward(torch.ones_like(z), cache).sum()
        print(f"{forward.__name__:19} active: {(z > 0).sum()} of 1000, gradient of the bias: {dbias:.2f}")


# %% [markdown]
# ## 5. PReLU
#
# In the book: [PReLU](../../book/activations/relu.md#prelu).
#
# Why should the negative slope be 0.01? The parametric ReLU makes it a weight that training adjusts, usually
# one for each channel: $f(x) = x$ for $x > 0$, else $\alpha_c\,x$, where $c$ is the channel of the entry.
#
# Two samples with two channels, and `weight` $= (0.25, 0.5)$:
#
# $$x = \begin{pmatrix} -1 & 2 \\ -3 & -4 \end{pmatrix} \quad\mapsto\quad
# \begin{pmatrix} -0.25 & 2 \\ -0.75 & -2 \end{pmatrix}.$$
#
# | tensor | shape | meaning |
# | --- | --- | --- |
# | `x` | (N, C), (N, C, H, W) or any (N, C, …) | channels along dim 1 |
# | `weight` | (C,) | one slope for each channel |
# | `weight` | (1,) | one slope for all of them |
#
# Broadcasting compares shapes from the *last* dimension. For images, a weight of shape (C,) would lie along
# the width W, not along the channels. If the images happen to be C pixels wide, nobody complains and every
# number is wrong. Give the weight a shape in which C stands in the right place.
#
# Not allowed: torch's own versions (`F.prelu`, `torch.prelu`, `nn.PReLU`, `F.leaky_relu`). Your functions
# from above are allowed, here and everywhere below.


# %% nbgrader={"grade_id": "prelu_forward", "solution": true}
def prelu_forward(x, weight):
    """x where x > 0, elsewhere x times the weight of its channel (He et al. 2015, section 2.1).

    x (N, C) or (N, C, ...); weight (C,), one slope for each channel of dim 1, or (1,), one
    for all; a slope may be larger than 1. Returns (out, cache); out has the shape of x.
    """
    ### BEGIN SOLUTION
    slope = weight.reshape(-1, *[1] * (x.dim() - 2))
    return torch.where(x > 0, x, slope * x), (x, slope, weight.shape)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_prelu_forward", "grade": true}
check("prelu_forward")

# %% [markdown]
# ### PReLU, backward
#
# `dx` is that of the leaky ReLU, with the slope of the channel. New is the gradient of the weight. One slope
# $\alpha_c$ acts on many entries, and through each of them it changes the loss. The chain rule adds up all these
# ways:
#
# $$\frac{\partial L}{\partial \alpha_c} = \sum_{\text{entries of channel } c} \mathtt{dout} \cdot
# \frac{\partial f}{\partial \alpha_c}, \qquad \frac{\partial f}{\partial \alpha_c} =
# \begin{cases} 0 & x > 0 \\ x & x \le 0 \end{cases}$$
#
# Take the $x$ from above and `dout` $= \begin{pmatrix} 1 & 1 \\ 2 & 10 \end{pmatrix}$. Channel 1 collects
# $1 \cdot (-1) + 2 \cdot (-3) = -7$. Channel 2 collects $0 + 10 \cdot (-4) = -40$; its positive entry adds
# nothing. So `dweight` is $(-7, -40)$. If one slope served both channels, its `dweight` would be $(-47)$, of
# shape (1,).


# %% nbgrader={"grade_id": "prelu_backward", "solution": true}
def prelu_backward(dout, cache):
    """The gradients of the loss with respect to the x and the weight of `prelu_forward`.

    dout: gradient of the loss with respect to out, of its shape. cache: as `prelu_forward`
    returned it. Returns (dx, dweight), of the shapes of x and weight. At exactly 0 the
    slope is that of the negative side, and dweight gets nothing.
    """
    ### BEGIN SOLUTION
    x, slope, weight_shape = cache
    dx = torch.where(x > 0, dout, slope * dout)
    dweight = (dout * x.clamp(max=0)).sum_to_size(slope.shape)
    return dx, dweight.reshape(weight_shape)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_prelu_backward", "grade": true}
check("prelu_backward")

# %% [markdown]
# ## 6. ELU
#
# In the book: [ELU](../../book/activations/smooth.md#elu).
#
# A leaky ReLU goes down forever: at $x = -1000$ it gives −10. The exponential linear unit bends instead and
# levels off at $-\alpha$, so a very negative input does not weigh more than a rather negative one:
#
# $$f(x) = \begin{cases} x & x > 0 \\ \alpha\,(e^{x} - 1) & x \le 0 \end{cases}$$
#
# By hand, with $\alpha = 1$: $f(-1) = 0.3679 - 1 = -0.6321$ and $f(-10) = -0.99995$. You choose $\alpha$
# before training; it is not learned, as PReLU's slope is.
#
# For $x = 1000$ the lower line is infinite, although you do not want it there. `torch.where(condition, a, b)`
# computes both `a` and `b` and then picks, so an `inf` that is not picked does no harm. Multiplying by a mask
# does not pick: $0 \cdot \infty$ is `nan`.
#
# Not allowed: torch's own versions (`F.elu`, `F.celu`, `F.selu`, `nn.ELU` and so on). `torch.exp` and
# `torch.expm1` are allowed.


# %% nbgrader={"grade_id": "elu_forward", "solution": true}
def elu_forward(x, alpha=1.0):
    """x where x > 0, alpha * (exp(x) - 1) elsewhere (Clevert et al. 2016).

    x: any shape, with entries of any size. alpha: a number. Returns (out, cache); out has
    the shape of x, and no entry of it is nan or inf.
    """
    ### BEGIN SOLUTION
    out = torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0)))
    return out, (x, alpha)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_elu_forward", "grade": true}
check("elu_forward")

# %% [markdown]
# ### ELU, backward
#
# Differentiate the lower line: the constant −1 disappears and the exponential stays. With $\alpha = 1$ the
# slope at $x = -1$ is 0.3679, at $x = -10$ it is 0.000045: small, but not 0, so a unit can come back. And it
# joins the slope 1 of the positive side without a corner. With any other $\alpha$ there is a corner at 0,
# where torch takes the lower line's slope, $\alpha$. Beware of `inf` again: which exponentials do you compute
# for $x = 1000$?


# %% nbgrader={"grade_id": "elu_backward", "solution": true}
def elu_backward(dout, cache):
    """The gradient of the loss with respect to the x of `elu_forward`.

    dout: gradient of the loss with respect to out, of its shape. cache: as `elu_forward`
    returned it. Returns dx, of the shape of x; the slope at exactly 0 is alpha.
    """
    ### BEGIN SOLUTION
    x, alpha = cache
    return torch.where(x > 0, dout, dout * alpha * torch.exp(x.clamp(max=0)))
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_elu_backward", "grade": true}
check("elu_backward")

# %% [markdown]
# ## 7. SELU
#
# In the book: [SELU](../../book/activations/smooth.md#selu).
#
# The scaled ELU is an ELU with one fixed $\alpha = 1.6733$, multiplied by one fixed $\text{scale} = 1.0507$:
#
# $$\mathrm{SELU}(x) = \text{scale} \cdot \mathrm{ELU}(x, \alpha).$$
#
# By hand: $\mathrm{SELU}(2) = 1.0507 \cdot 2 = 2.1014$ and
# $\mathrm{SELU}(-1) = 1.0507 \cdot 1.6733 \cdot (-0.6321) = -1.1113$.
#
# The two constants solve two equations: if $x$ is normally distributed with mean 0 and variance 1, then
# $\mathrm{SELU}(x)$ has mean 0 and variance 1 again. They stand in the cell below with all the digits that
# float64 can hold. With the rounded ones above, every negative output would be off by 2 parts in 100 000,
# more than a hundred times the rounding error of float32.
#
# Not allowed: `F.selu`, `F.elu` and their relatives. You do not need them: you have an ELU.

# %% nbgrader={"grade_id": "selu_forward", "solution": true}
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def selu_forward(x):
    """SELU_SCALE * ELU(x, SELU_ALPHA) of every entry (Klambauer et al. 2017, equation 2).

    x: any shape. Returns (out, cache); out has the shape of x.
    """
    ### BEGIN SOLUTION
    out, cache = elu_forward(x, SELU_ALPHA)
    return SELU_SCALE * out, cache
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_selu_forward", "grade": true}
check("selu_forward")

# %% [markdown]
# ### SELU, backward
#
# Two steps forward are two steps back, in the opposite order. The last step forward was
# $y = \text{scale} \cdot h$, where $h$ is the ELU's output. So first turn `dout`, the gradient at $y$, into
# the gradient at $h$. Then send that through the ELU. At exactly 0 the slope is that of the negative side,
# $\text{scale} \cdot \alpha = 1.7581$.


# %% nbgrader={"grade_id": "selu_backward", "solution": true}
def selu_backward(dout, cache):
    """The gradient of the loss with respect to the x of `selu_forward`.

    dout: gradient of the loss with respect to out, of its shape. cache: as `selu_forward`
    returned it. Returns dx, of the shape of x; the slope at exactly 0 is SELU_SCALE *
    SELU_ALPHA.
    """
    ### BEGIN SOLUTION
    return elu_backward(SELU_SCALE * dout, cache)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_selu_backward", "grade": true}
check("selu_backward")

# %% [markdown]
# Four of your rectifiers together. For $x > 0$ they are the same, except that SELU's slope is 1.0507 in place
# of 1. What tells them apart is the negative side; look closely for the 0.01 of the leaky ReLU.


# %%
@when_written
def four_rectifiers():
    plot_activations(
        (relu_forward, relu_backward),
        (leaky_relu_forward, leaky_relu_backward),
        (elu_forward, elu_backward),
        (selu_forward, selu_backward),
    )


# %% [markdown]
# And what the two constants are good for. The inputs start with mean 0.5 and standard deviation 2, and go
# through 32 layers with weights of standard deviation $1/\sqrt{256}$. Follow the two numbers down the table:
# SELU pulls them to 0 and 1 by itself, while with ELU the signal fades.


# %%
@when_written
def elu_and_selu_through_depth():
    generator = torch.Generator().manual_seed(0)
    h_elu = h_selu = (0.5 + 2 * torch.randn(512, 256, generator=generator)).to(device())
    lines = ["layer ELU mean     std   SELU mean     std"]
    for layer in range(33):
        if layer in (0, 1, 2, 4, 8, 16, 32):
            elu_numbers = f"{h_elu.mean():8.3f} {h_elu.std():7.3f}"
            lines.append(f"{layer:5} {elu_numbers} {h_selu.mean():11.3f} {h_selu.std():7.3f}")
        weight = torch.randn(256, 256, generator=generator).to(device()) / 256**0.5
        h_elu, _ = elu_forward(h_elu @ weight)
        h_selu, _ = selu_forward(h_selu @ weight)
    print("\n".join(lines))


# %% [markdown]
# ## 8. Maxout
#
# In the book: [Maxout](../../book/activations/relu.md#maxout).
#
# A maxout unit has no fixed shape. It computes $K$ linear functions of its input, called *pieces*, and
# outputs the largest. With the two pieces $x$ and $0$ it is ReLU; with $x$ and $-x$ it is $\lvert x \rvert$.
# Which shape it takes is learned, at the price of $K$ times the weights of a linear layer. For sample $n$ and
# output unit $j$:
#
# $$\mathtt{out}_{nj} = \max_{k} \; z_{nkj}, \qquad z_{nkj} = \sum_{i} \mathtt{weight}_{kji}\, x_{ni} +
# \mathtt{bias}_{kj}.$$
#
# Here $z_{nkj}$ is the value of piece $k$.
#
# | tensor | shape | letters |
# | --- | --- | --- |
# | `x` | (N, D) | N samples of D features |
# | `weight`, `bias` | (K, M, D), (K, M) | K pieces for each of M units |
# | `out` | (N, M) | |
#
# One sample $x = (1, 2)$, one unit, two pieces: weights $(1, 0)$ and bias 0 give $z_1 = 1$; weights $(0, 1)$
# and bias −0.5 give $z_2 = 1.5$. The second piece wins and `out` is 1.5. If two pieces tie, the first of them
# wins.
#
# torch has no maxout, so nothing is forbidden here but autograd. `torch.einsum` computes a sum from the
# letters of its formula: `torch.einsum("ij,kj->ik", x, y)` is $\sum_j x_{ij}\, y_{kj}$, which is `x @ y.T`.
# The letter that is missing after the arrow is summed over.


# %% nbgrader={"grade_id": "maxout_forward", "solution": true}
def maxout_forward(x, weight, bias):
    """The largest of K linear functions of x, for each of M units (Goodfellow et al. 2013, section 3).

    x (N, D); weight (K, M, D); bias (K, M). Returns (out, cache); out (N, M). In a tie the
    first piece wins.
    """
    ### BEGIN SOLUTION
    pieces = torch.einsum("nd,kmd->nkm", x, weight) + bias
    out, winner = pieces.max(dim=1)
    return out, (x, weight, winner)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_maxout_forward", "grade": true}
check("maxout_forward")

# %% [markdown]
# ### Maxout, backward
#
# Go back in two steps, as for SELU. First the maximum: a small change of a piece that lost does not change
# the output. So the gradient at $z$ is `dout` at the winner and 0 at all other pieces, also at those that
# tied with it. Then the linear part: $z_{nkj}$ depends on $\mathtt{bias}_{kj}$ with slope 1. In
# $\mathtt{weight}_{kji}$ its slope is the number $x_{ni}$, and in $x_{ni}$ it is $\mathtt{weight}_{kji}$. Each
# gradient sums over the letters that its tensor does not have; for `dbias` that is $n$.
#
# In the example above with `dout` $= 2$, the gradient at $z$ is $(0, 2)$. Then `dbias` is $(0, 2)$, `dweight`
# is $(0, 0)$ for the first piece and $2 \cdot (1, 2) = (2, 4)$ for the second, and `dx` is
# $2 \cdot (0, 1) = (0, 2)$.


# %% nbgrader={"grade_id": "maxout_backward", "solution": true}
def maxout_backward(dout, cache):
    """The gradients of the loss with respect to the x, the weight and the bias of `maxout_forward`.

    dout (N, M): gradient of the loss with respect to out. cache: as `maxout_forward`
    returned it. Returns (dx, dweight, dbias), of the shapes (N, D), (K, M, D), (K, M). Only
    the winning piece gets a gradient; in a tie that is the first.
    """
    ### BEGIN SOLUTION
    x, weight, winner = cache
    piece = torch.arange(len(weight), device=winner.device)[:, None]
    dpieces = torch.where(winner[:, None] == piece, dout[:, None], 0)
    dx = torch.einsum("nkm,kmd->nd", dpieces, weight)
    dweight = torch.einsum("nkm,nd->kmd", dpieces, x)
    return dx, dweight, dpieces.sum(dim=0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_maxout_backward", "grade": true}
check("maxout_backward")

# %% [markdown]
# One maxout unit with five pieces, trained by your two functions alone. It is asked for $y = x^2$, and its
# five straight lines (dotted) settle along the curve.


# %%
@when_written
def maxout_learns_a_parabola():
    x = torch.linspace(-1, 1, 101, device=device())[:, None]
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(5, 1, 1, generator=generator).to(device())
    bias = torch.zeros(5, 1, device=device())
    for _ in range(500):
        out, cache = maxout_forward(x, weight, bias)
        _, dweight, dbias = maxout_backward(2 * (out - x**2) / len(x), cache)
        weight, bias = weight - 0.5 * dweight, bias - 0.5 * dbias
    _, axis = plt.subplots(figsize=(5, 3.2), layout="constrained")
    axis.plot(x.cpu(), x.cpu() ** 2, label="wanted: x²")
    axis.plot(x.cpu(), out.cpu(), label="one maxout unit")
    axis.plot(x.cpu(), (x @ weight[:, 0].T + bias[:, 0]).cpu(), color="gray", linewidth=0.7, linestyle=":")
    axis.set(xlabel="x", ylabel="output", ylim=(-0.3, 1.1))
    axis.legend()


# %% [markdown]
# Before you hand in: restart the kernel and run all cells from the top, because that is how the notebook is
# graded. A function that needs a name from a cell you have deleted fails there and nowhere else.
