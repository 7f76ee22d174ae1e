# %% [markdown]
# # Convolution and pooling, forward and backward
#
# You write the layers of a convolutional network: convolution in two ways, three kinds of pooling, and for each of
# them the function that carries a gradient back through it. You also compute how large an output is, how far it
# sees and what it costs. At the end your own layers read handwritten digits.
#
# torch has all of this. Here you may use its arithmetic, but not its convolution, not its pooling and not its
# autograd.
#
# Run the next cell first. `check` compares your function with a reference; `device()` is the GPU if this machine
# has one, else the CPU. `when_written` is for the cells that draw with your functions: as long as one of them is
# missing, it says which.
#
# A check counts points and says what went wrong. `check("conv_output_size").case()`, in a cell of your
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
import time
from unittest.mock import patch

import matplotlib.pyplot as plt
import torch

from autograder import check, device, when_written
from autograder.datasets import digits, split_indices

plt.rc("axes", prop_cycle=plt.cycler(color=["#0072B2", "#D55E00", "#009E73", "#CC79A7"]))


# %% [markdown]
# ## One example done for you: a kernel of two numbers
#
# Take a row of four pixels, $x = (1, 3, 2, 5)$, and a *kernel* of two numbers, $w = (-1, 1)$. Lay the kernel on the
# first two pixels, multiply what lies on top of each other, and add up: $-1 \cdot 1 + 1 \cdot 3 = 2$. Move it one
# pixel to the right: $-1 \cdot 3 + 1 \cdot 2 = -1$. Once more: $-1 \cdot 2 + 1 \cdot 5 = 3$. The output is
# $(2, -1, 3)$. This kernel measures how much brighter the next pixel is.
#
# Now the way back. A network behind the output hands us `dout`, how fast the loss grows with each output. Say it is
# $(1, 10, 100)$. The pixel $x_1 = 3$ has a part in two outputs. In the first it stood under the 1, in the second
# under the −1. So its gradient is $1 \cdot 1 + 10 \cdot (-1) = -9$. In code this is easier from the other side:
# every output lays its `dout`, times the kernel, back onto the pixels that it saw, and what meets there adds up:
#
# | from output | onto $x_0$ | onto $x_1$ | onto $x_2$ | onto $x_3$ |
# | --- | --- | --- | --- | --- |
# | 0, `dout` 1 | −1 | 1 | | |
# | 1, `dout` 10 | | −10 | 10 | |
# | 2, `dout` 100 | | | −100 | 100 |
# | `dx` | −1 | −9 | −90 | 100 |
#
# The two numbers of the kernel were used by every output. Their gradients add up over the outputs:
# $1 \cdot 1 + 10 \cdot 3 + 100 \cdot 2 = 231$ and $1 \cdot 3 + 10 \cdot 2 + 100 \cdot 5 = 523$.


# %%
def row_forward(x, weight):
    windows = [x[i : i + len(weight)] for i in range(len(x) - len(weight) + 1)]
    return torch.stack([(window * weight).sum() for window in windows]), (x, weight)


def row_backward(dout, cache):
    x, weight = cache
    dx, dweight = torch.zeros_like(x), torch.zeros_like(weight)
    for i in range(len(dout)):
        dx[i : i + len(weight)] += dout[i] * weight
        dweight += dout[i] * x[i : i + len(weight)]
    return dx, dweight


out, cache = row_forward(torch.tensor([1.0, 3.0, 2.0, 5.0]), torch.tensor([-1.0, 1.0]))
out, row_backward(torch.tensor([1.0, 10.0, 100.0]), cache)

# %% [markdown]
# Three things hold for all functions of this set:
#
# - **Axes.** Images are (N, C, H, W): image, channel, row, column. Weights are (O, C, kh, kw): filter, channel, row,
#   column. Height and width are seldom equal in the checks, so a mixed-up axis shows.
#   Every number that you are given is finite, and no dimension has size 0: a batch has at least one sample.
# - **Type, place and layout.** A result has the type and the device of the inputs. A transposed tensor is an ordinary
#   input: `reshape` accepts it, `view` may not.
# - **The input is not yours.** Make new tensors. `dout` is not yours either.
#
# `stride` and `padding` are whole numbers that hold for both directions. Padding means that many rows and columns of
# zeros on each of the four sides.

# %% [markdown]
# ## 1. How large is the output?
#
# In the book: [The size of the output](../../book/convolution/shapes.md#the-size-of-the-output).
#
# A kernel of size 3 moves over 10 pixels in steps of 4 (the *stride*). It can stand at pixel 0 and at pixel 4. At
# pixel 8 it would need the pixels 8, 9 and 10, but the last one is 9. So there are 2 outputs. No window sees
# pixels 7 to 9, nor pixel 3 between the two. In general, for an input of size $H$, kernel $k$, stride $S$ and
# padding $P$ on each side,
#
# $$\left\lfloor \frac{H + 2P - k}{S} \right\rfloor + 1, \qquad
# \left\lfloor \frac{10 - 3}{4} \right\rfloor + 1 = 2,$$
#
# where $\lfloor \cdot \rfloor$ rounds down. *Dilation* $d$ pulls the kernel apart: two neighboring entries lie $d$
# pixels from each other. How many pixels does a kernel of 3 entries reach over with $d = 4$? Count them on paper; it
# is more than 3 and less than 12. Put that number in the place of $k$.
#
# Where the kernel is larger than the padded input there is no output. Beware of the formula there: $H = 4$, $k = 5$
# and $S = 2$ give $\lfloor -1/2 \rfloor + 1 = 0$, and `int(-1 / 2) + 1` even gives 1. Raise `ValueError` with a
# message that says what was got.
#
# Not allowed: asking a convolution of torch's for the size.


# %% nbgrader={"grade_id": "conv_output_size", "solution": true}
def conv_output_size(size, kernel_size, stride=1, padding=0, dilation=1):
    """The number of places of a kernel along one axis (Dumoulin & Visin 2016).

    All arguments and the result are whole numbers; padding is on each of the two sides.
    Raises ValueError, with a message, when the (dilated) kernel is larger than the padded
    input, when stride is below 1 and when padding is below 0.
    """
    ### BEGIN SOLUTION
    if stride < 1 or padding < 0:
        raise ValueError(f"stride {stride}, padding {padding}: expected at least 1 and 0")
    span = size + 2 * padding - dilation * (kernel_size - 1) - 1
    if span < 0:
        where = f"{size} pixels with padding {padding}"
        raise ValueError(f"a kernel of {kernel_size}, dilation {dilation} > {where}")
    return span // stride + 1
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_conv_output_size", "grade": true}
check("conv_output_size")

# %% [markdown]
# ## 2. Convolution
#
# In the book: [The size of the output](../../book/convolution/shapes.md#the-size-of-the-output).
#
# An image has channels, and a filter has a kernel for each of them. At every place the filter multiplies all
# pixels of the window, in all channels, with its weights, and adds everything up to *one* number, plus its bias.
# $C_{out}$ filters give $C_{out}$ channels. For image $n$, filter $k$, row $i$ and column $j$ of the output:
#
# $$\mathtt{out}_{n k i j} = \mathtt{bias}_k + \sum_{c=0}^{C-1} \sum_{p=0}^{k_h-1} \sum_{q=0}^{k_w-1}
# \mathtt{weight}_{k c p q} \cdot \mathtt{padded}_{n,\,c,\,S i + p,\,S j + q}$$
#
# $S$ is the stride, and $\mathtt{padded}$ is $x$ with its zeros around. The kernel is laid down as it is. What
# mathematics calls convolution turns it around first; what networks compute is *cross-correlation*. One window by
# hand, one channel, with bias 0.5:
#
# $$\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} \text{ under } \begin{pmatrix} 10 & 0 \\ 0 & -1 \end{pmatrix}:
# \qquad 10 \cdot 1 - 1 \cdot 4 + 0.5 = 6.5.$$
#
# | tensor | shape |
# | --- | --- |
# | `x` | (N, C, H, W) |
# | `weight`, `bias` | (O, C, kh, kw), (O,) |
# | `out` | (N, O, OH, OW), with `conv_output_size` of height and width |
#
# Loops are welcome here: the images in the check are small. But loop only where you must. Over the places, or over
# the entries of the kernel, is enough; `torch.einsum` does the rest at once.
# `torch.nn.functional.pad(x, (left, right, top, bottom))` pads.
#
# Not allowed, here and wherever you write a convolution: torch's own under any of its names (`F.conv2d`, `nn.Conv2d`,
# `F.conv_transpose2d`, `torch.ops.aten.convolution` and so on), and those of others (`np.convolve`,
# `scipy.signal.correlate2d` and so on).


# %% nbgrader={"grade_id": "conv2d_forward", "solution": true}
def conv2d_forward(x, weight, bias, stride=1, padding=0):
    """Slide O filters over images and add a bias (LeCun et al. 1998, Gradient-based learning).

    x (N, C, H, W); weight (O, C, kh, kw), kh and kw may differ; bias (O,). Returns (out,
    cache); out (N, O, OH, OW). Rows and columns at the end that no whole window reaches are
    not used.
    """
    ### BEGIN SOLUTION
    kh, kw = weight.shape[2:]
    rows = conv_output_size(x.shape[2], kh, stride, padding)
    columns = conv_output_size(x.shape[3], kw, stride, padding)
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    out = x.new_empty(len(x), len(weight), rows, columns)
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride, j * stride
            window = padded[:, :, top : top + kh, left : left + kw]
            out[:, :, i, j] = torch.einsum("ncab,ocab->no", window, weight) + bias
    return out, (padded, weight, stride, padding)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_conv2d_forward", "grade": true}
check("conv2d_forward")

# %% [markdown]
# What does such a filter see? Two kernels of three by three, made by hand, on a digit: paper is 0, ink is 1. The first
# is positive where the ink grows from left to right, the second where it grows from top to bottom. Each edge of a
# stroke shows, one side positive and the other negative.


# %%
@when_written
def edges_of_a_digit():
    digit = digits()[0][3:4].to(device())
    across = torch.tensor([[-1.0, 0.0, 1.0]] * 3, device=digit.device)
    weight = torch.stack([across, across.T])[:, None]
    out, _ = conv2d_forward(digit, weight, weight.new_zeros(2), padding=1)
    _, axes = plt.subplots(1, 3, figsize=(9, 3), layout="constrained")
    titles = ("the digit", "more ink to the right", "more ink downward")
    for axis, image, title in zip(axes, torch.cat([digit[0], out[0]]).cpu(), titles, strict=True):
        limit = image.abs().max()
        axis.imshow(image, cmap="PuOr", vmin=-limit, vmax=limit)
        axis.set(title=title, xlabel="column [pixels]", ylabel="row [pixels]")


# %% [markdown]
# ### Convolution, backward
#
# In the book: [The way back is a convolution too](../../book/convolution/fast.md#the-way-back-is-a-convolution-too).
#
# It is the table from the beginning, in two dimensions. Every output saw one window of the padded image. On the way
# back it lays `dout` times its filter onto that window, and what meets there adds up. To the filter's gradient it
# adds `dout` times the window, and to the bias's gradient `dout` itself. A filter is used at every place of every
# image, so `dweight` and `dbias` are sums over places and over images.
#
# Take the window above with `dout` $= 2$. The window gets $\begin{pmatrix} 20 & 0 \\ 0 & -2 \end{pmatrix}$,
# the filter gets $\begin{pmatrix} 2 & 4 \\ 6 & 8 \end{pmatrix}$, and the bias 2.
#
# Three places where programs go wrong. `dx` has the shape of `x`, not of the padded image: the border must go, and
# with padding 0 there is none. Windows overlap, unless the stride is large. And pixels that no window reached have
# gradient 0, but they do have one.


# %% nbgrader={"grade_id": "conv2d_backward", "solution": true}
def conv2d_backward(dout, cache):
    """The gradients of the loss with respect to the x, weight and bias of `conv2d_forward`.

    dout (N, O, OH, OW): gradient of the loss with respect to out. cache: as `conv2d_forward`
    returned it. Returns (dx, dweight, dbias), of the shapes of x, weight and bias.
    """
    ### BEGIN SOLUTION
    padded, weight, stride, padding = cache
    kh, kw = weight.shape[2:]
    dpadded, dweight = torch.zeros_like(padded), torch.zeros_like(weight)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            top, left = i * stride, j * stride
            window = (..., slice(top, top + kh), slice(left, left + kw))
            here = dout[:, :, i, j]
            dpadded[window] += torch.einsum("no,ocab->ncab", here, weight)
            dweight += torch.einsum("no,ncab->ocab", here, padded[window])
    height, width = padded.shape[2] - padding, padded.shape[3] - padding
    dx = dpadded[:, :, padding:height, padding:width]
    return dx, dweight, dout.sum(dim=(0, 2, 3))
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_conv2d_backward", "grade": true}
check("conv2d_backward")

# %% [markdown]
# ## 3. Windows as columns
#
# In the book: [How it is made fast: im2col](../../book/convolution/fast.md#how-it-is-made-fast-im2col).
#
# Your convolution is right, but Python makes a step for every place. A matrix product would do all of them at once.
# For that, each window is written into a *column*, and the columns are put side by side. An image of one channel and
# three by three pixels, with windows of two by two, has four places:
#
# $$\begin{pmatrix} 1 & 2 & 3 \\ 4 & 5 & 6 \\ 7 & 8 & 9 \end{pmatrix} \quad\mapsto\quad
# \begin{pmatrix} 1 & 2 & 4 & 5 \\ 2 & 3 & 5 & 6 \\ 4 & 5 & 7 & 8 \\ 5 & 6 & 8 & 9 \end{pmatrix}$$
#
# The first column is the window at the top left, read row by row. The places too are taken row by row. With more
# channels the windows of all channels stand below each other, first those of channel 0. So the result has $C
# \cdot k_h \cdot k_w$ rows and $L$ columns. Here $L$ is the number of places, not a loss. Nine pixels became
# sixteen numbers: the price is memory.
#
# A hint on the way: the first *row* of the result is a piece of the image too. Which piece, and how does the next row
# differ from it? With that you need a loop over the entries of a window only.
#
# Not allowed: `F.unfold`, `F.fold`, and here also `x.unfold`, `torch.as_strided` and numpy's `as_strided` and
# `sliding_window_view`.


# %% nbgrader={"grade_id": "im2col", "solution": true}
def im2col(x, kernel_size, stride=1, padding=0):
    """The windows of images as columns (Chellapilla et al. 2006), as `torch.nn.functional.unfold`.

    x (N, C, H, W); kernel_size: a whole number, or a pair (kh, kw). Returns one tensor
    (N, C * kh * kw, L): along dim 1 channel, row and column in the window, along dim 2 the
    L places, row by row.
    """
    ### BEGIN SOLUTION
    kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    rows = conv_output_size(x.shape[2], kh, stride, padding)
    columns = conv_output_size(x.shape[3], kw, stride, padding)
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    cols = x.new_empty(*x.shape[:2], kh, kw, rows, columns)
    for i in range(kh):
        for j in range(kw):
            bottom, right = i + stride * rows, j + stride * columns
            cols[:, :, i, j] = padded[:, :, i:bottom:stride, j:right:stride]
    return cols.flatten(1, 3).flatten(2)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_im2col", "grade": true}
check("im2col")

# %% [markdown]
# ### And back
#
# In the book: [How it is made fast: im2col](../../book/convolution/fast.md#how-it-is-made-fast-im2col).
#
# `col2im` takes columns and lays them back at their places. Where windows overlap, the numbers *add up*. So it does
# not undo `im2col`: with the matrix above, the 5 in the middle was in all four windows and comes back as 20, while
# the corner 1 comes back as 1. What is it good for, then? Look again at what the backward pass does to `dx`.
#
# What was laid into the padding is thrown away. Pixels that no window reaches are 0.
#
# Not allowed: `F.fold` and `F.unfold`. `x.unfold`, `as_strided` and `sliding_window_view` are forbidden in `im2col`
# only.


# %% nbgrader={"grade_id": "col2im", "solution": true}
def col2im(cols, output_size, kernel_size, stride=1, padding=0):
    """Columns added up at their places in images, as `torch.nn.functional.fold`.

    cols (N, C * kh * kw, L), ordered as `im2col` does; output_size: the pair (H, W) of the
    images without padding; kernel_size: a whole number, or a pair (kh, kw). Returns one
    tensor (N, C, H, W).
    """
    ### BEGIN SOLUTION
    kh, kw = (kernel_size,) * 2 if isinstance(kernel_size, int) else kernel_size
    height, width = (size + 2 * padding for size in output_size)
    rows = conv_output_size(height, kh, stride)
    columns = conv_output_size(width, kw, stride)
    cols = cols.reshape(len(cols), -1, kh, kw, rows, columns)
    padded = cols.new_zeros(*cols.shape[:2], height, width)
    for i in range(kh):
        for j in range(kw):
            bottom, right = i + stride * rows, j + stride * columns
            padded[:, :, i:bottom:stride, j:right:stride] += cols[:, :, i, j]
    return padded[:, :, padding : height - padding, padding : width - padding]
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_col2im", "grade": true}
check("col2im")

# %% [markdown]
# ### Convolution as one matrix product
#
# In the book: [How it is made fast: im2col](../../book/convolution/fast.md#how-it-is-made-fast-im2col).
#
# Write each filter as a row of $C \cdot k_h \cdot k_w$ numbers, in the order of the columns. Then a row times a column
# is exactly what a filter does at a place, and
#
# $$\mathtt{out}_n = W\,\mathtt{cols}_n + b, \qquad
# (C_{out} \times K)\,(K \times L) = (C_{out} \times L), \qquad K = C \cdot k_h \cdot k_w.$$
#
# Here $K$ is how many numbers a window holds.
#
# The example from above with the filter $\begin{pmatrix} 10 & 0 \\ 0 & -1 \end{pmatrix}$, without a bias:
# $(10, 0, 0, -1)$ times the four columns is $(5, 14, 32, 41)$. All that is left is to give the $L$ places their rows
# and columns back.
#
# The functions mean the same as those of section 2, and the checks ask the same. In addition they measure time, on
# an image of 60 by 64 pixels with 32 channels. You get the points for speed if your function takes at most 50 times
# as long as torch's own. A matrix product stays far below; a loop over the places does not. `F.unfold` and `F.fold`
# are allowed here, but you have your own.


# %% nbgrader={"grade_id": "conv2d_forward_fast", "solution": true}
def conv2d_forward_fast(x, weight, bias, stride=1, padding=0):
    """The same as `conv2d_forward`, as a matrix product (Chellapilla et al. 2006).

    x (N, C, H, W); weight (O, C, kh, kw); bias (O,). Returns (out, cache); out
    (N, O, OH, OW).
    """
    ### BEGIN SOLUTION
    kernel_size = tuple(weight.shape[2:])
    cols = im2col(x, kernel_size, stride, padding)
    out = weight.flatten(1) @ cols + bias[:, None]
    rows = conv_output_size(x.shape[2], kernel_size[0], stride, padding)
    return out.unflatten(2, (rows, -1)), (cols, x.shape, weight, stride, padding)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_conv2d_forward_fast", "grade": true}
check("conv2d_forward_fast")

# %% [markdown]
# ### Backward, by matrix products
#
# In the book: [The way back is a convolution too](../../book/convolution/fast.md#the-way-back-is-a-convolution-too).
#
# Give `dout` the shape $(C_{out} \times L)$ for each image. The forward pass was a linear layer for each image,
# so its gradients have the forms that you know from there: the gradient of $W$ is
# $\mathtt{dout}_n\,\mathtt{cols}_n^\top$, added up over the images, and the gradient of the columns is $W^\top
# \mathtt{dout}_n$. Check that the shapes fit. Then one step is left, from the gradient of the columns to that of
# the image. You have written it.
#
# The check calls your `conv2d_forward_fast` first and measures both together.


# %% nbgrader={"grade_id": "conv2d_backward_fast", "solution": true}
def conv2d_backward_fast(dout, cache):
    """The gradients of the loss with respect to the x, weight and bias of `conv2d_forward_fast`.

    dout (N, O, OH, OW): gradient of the loss with respect to out. cache: as
    `conv2d_forward_fast` returned it. Returns (dx, dweight, dbias), of the shapes of x,
    weight and bias.
    """
    ### BEGIN SOLUTION
    cols, (_, _, h, w), weight, stride, padding = cache
    d = dout.flatten(2)
    dweight = torch.einsum("nol,nkl->ok", d, cols).reshape(weight.shape)
    dcols = weight.flatten(1).T @ d
    dx = col2im(dcols, (h, w), tuple(weight.shape[2:]), stride, padding)
    return dx, dweight, d.sum(dim=(0, 2))
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_conv2d_backward_fast", "grade": true}
check("conv2d_backward_fast")

# %% [markdown]
# How much is gained? The same convolution by both of your functions, for images of growing size. The number of
# multiplications is the same; what differs is how often Python has to say something. The larger the image, the more
# places, and the larger the gain.


# %%
@when_written
def loops_against_columns():
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(8, 8, 3, 3, generator=generator).to(device())
    bias = torch.zeros(8, device=device())

    def seconds(forward, x):
        taken = []
        while len(taken) < 3 or sum(taken) < 0.2:
            start = time.perf_counter()
            forward(x, weight, bias, padding=1)[0].sum().item()
            taken.append(time.perf_counter() - start)
        return min(taken)

    for size in (8, 16, 32, 64):
        x = torch.randn(1, 8, size, size, generator=generator).to(device())
        ratio = seconds(conv2d_forward, x) / seconds(conv2d_forward_fast, x)
        print(f"{size:2} x {size:2} pixels: places one by one take {ratio:5.1f} times as long")


# %% [markdown]
# ## 4. Maximum pooling
#
# In the book:
# [The largest of a window, or the mean](../../book/convolution/pooling.md#the-largest-of-a-window-or-the-mean).
#
# Pooling makes images smaller. A window moves over each channel for itself, and only the largest value in it stays.
# With windows of two by two and stride 2,
#
# $$\begin{pmatrix} 1 & 2 & 0 & 3 \\ 5 & 4 & 1 & 1 \end{pmatrix} \mapsto \begin{pmatrix} 5 & 3 \end{pmatrix}.$$
#
# There are no weights. Windows are square here and may overlap: kernel size 3 with stride 2 is common. Padding can
# never win: it counts as $-\infty$, not as 0. At the border of an image whose values are all negative this makes a
# difference. `F.pad` takes a `value`.
#
# Not allowed: torch's own maximum pooling (`F.max_pool2d`, `nn.MaxPool2d`, `F.adaptive_max_pool2d` and so on).
# `amax`, `max` and `argmax` are allowed.


# %% nbgrader={"grade_id": "max_pool2d_forward", "solution": true}
def max_pool2d_forward(x, kernel_size, stride, padding=0):
    """The largest value of every window of every channel (Ranzato et al. 2007).

    x (N, C, H, W); kernel_size, stride and padding are whole numbers; padding counts as
    minus infinity and is at most half of kernel_size. Returns (out, cache); out
    (N, C, OH, OW).
    """
    ### BEGIN SOLUTION
    padded = torch.nn.functional.pad(x, (padding,) * 4, value=-torch.inf)
    windows = padded.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride)
    out, winner = windows.flatten(4).max(dim=4)
    return out, (winner, padded.shape, kernel_size, stride, padding)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_max_pool2d_forward", "grade": true}
check("max_pool2d_forward")

# %% [markdown]
# ### Maximum pooling, backward
#
# In the book: [What comes back through pooling](../../book/convolution/pooling.md#what-comes-back-through-pooling).
#
# A small change of a value that did not win changes nothing. So the whole gradient of a window goes to its winner. For
# the example above and `dout` $= (10, 20)$,
#
# $$\mathtt{dx} = \begin{pmatrix} 0 & 0 & 0 & 20 \\ 10 & 0 & 0 & 0 \end{pmatrix}.$$
#
# If two values of a window are equal and largest, the first of them wins: the one that is read first, row by row. A
# pixel that wins in several windows gets the sum.


# %% nbgrader={"grade_id": "max_pool2d_backward", "solution": true}
def max_pool2d_backward(dout, cache):
    """The gradient of the loss with respect to the x of `max_pool2d_forward`.

    dout (N, C, OH, OW): gradient of the loss with respect to out. cache: as
    `max_pool2d_forward` returned it. Returns dx, of the shape of x; of equal maxima of a
    window the first in row-major order gets the gradient.
    """
    ### BEGIN SOLUTION
    winner, padded_shape, kernel_size, stride, padding = cache
    rows, columns = dout.shape[2:]
    dpadded = dout.new_zeros(padded_shape)
    for i in range(kernel_size):
        for j in range(kernel_size):
            won = torch.where(winner == i * kernel_size + j, dout, 0)
            bottom, right = i + stride * rows, j + stride * columns
            dpadded[:, :, i:bottom:stride, j:right:stride] += won
    height, width = padded_shape[2] - padding, padded_shape[3] - padding
    return dpadded[:, :, padding:height, padding:width]
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_max_pool2d_backward", "grade": true}
check("max_pool2d_backward")

# %% [markdown]
# ## 5. Average pooling
#
# In the book:
# [The largest of a window, or the mean](../../book/convolution/pooling.md#the-largest-of-a-window-or-the-mean).
#
# In place of the largest value, the mean: the example above gives $(12/4,\; 5/4) = (3, 1.25)$. Padding is zeros, and
# they count: a window with one pixel of 8 and three of padding gives $8/4 = 2$. (torch calls this
# `count_include_pad`.)
#
# Not allowed: torch's own average pooling (`F.avg_pool2d`, `nn.AvgPool2d`, `F.adaptive_avg_pool2d` and so on).


# %% nbgrader={"grade_id": "avg_pool2d_forward", "solution": true}
def avg_pool2d_forward(x, kernel_size, stride, padding=0):
    """The mean of every window of every channel; the zeros of the padding count (LeCun et al. 1998).

    x (N, C, H, W); kernel_size, stride and padding are whole numbers; padding is at most
    half of kernel_size. Returns (out, cache); out (N, C, OH, OW).
    """
    ### BEGIN SOLUTION
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    windows = padded.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride)
    return windows.mean(dim=(4, 5)), (padded.shape, kernel_size, stride, padding)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_avg_pool2d_forward", "grade": true}
check("avg_pool2d_forward")

# %% [markdown]
# ### Average pooling, backward
#
# In the book: [What comes back through pooling](../../book/convolution/pooling.md#what-comes-back-through-pooling).
#
# Each value of a window has the same part in its mean. With `dout` $= (8, 4)$ for the example, the four pixels on the
# left get 2 each, the four on the right 1 each. Where windows overlap, the parts add up.


# %% nbgrader={"grade_id": "avg_pool2d_backward", "solution": true}
def avg_pool2d_backward(dout, cache):
    """The gradient of the loss with respect to the x of `avg_pool2d_forward`.

    dout (N, C, OH, OW): gradient of the loss with respect to out. cache: as
    `avg_pool2d_forward` returned it. Returns dx, of the shape of x.
    """
    ### BEGIN SOLUTION
    padded_shape, kernel_size, stride, padding = cache
    rows, columns = dout.shape[2:]
    dpadded = dout.new_zeros(padded_shape)
    share = dout / kernel_size**2
    for i in range(kernel_size):
        for j in range(kernel_size):
            bottom, right = i + stride * rows, j + stride * columns
            dpadded[:, :, i:bottom:stride, j:right:stride] += share
    height, width = padded_shape[2] - padding, padded_shape[3] - padding
    return dpadded[:, :, padding:height, padding:width]
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_avg_pool2d_backward", "grade": true}
check("avg_pool2d_backward")

# %% [markdown]
# ### Global average pooling
#
# In the book: [Global average pooling](../../book/convolution/pooling.md#global-average-pooling).
#
# One window as large as the image: every channel becomes a single number, its mean. Behind the last convolution it
# takes the place of a large linear layer, and the network accepts images of any size. A channel
# $\begin{pmatrix} 1 & 2 & 6 \end{pmatrix}$ becomes 3; with `dout` 9 for it, each of the three pixels gets 3.
#
# `mean` and `sum` over two dimensions are allowed, torch's pooling is not.


# %% nbgrader={"grade_id": "global_avg_pool_forward", "solution": true}
def global_avg_pool_forward(x):
    """The mean of every channel of every image (Lin et al. 2014, Network in network).

    x (N, C, H, W). Returns (out, cache); out (N, C).
    """
    ### BEGIN SOLUTION
    return x.mean(dim=(2, 3)), x.shape
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_global_avg_pool_forward", "grade": true}
check("global_avg_pool_forward")


# %% nbgrader={"grade_id": "global_avg_pool_backward", "solution": true}
def global_avg_pool_backward(dout, cache):
    """The gradient of the loss with respect to the x of `global_avg_pool_forward`.

    dout (N, C): gradient of the loss with respect to out. cache: as
    `global_avg_pool_forward` returned it. Returns dx, of the shape of x.
    """
    ### BEGIN SOLUTION
    height, width = cache[2:]
    return (dout / (height * width))[:, :, None, None].expand(cache)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_global_avg_pool_backward", "grade": true}
check("global_avg_pool_backward")

# %% [markdown]
# ## 6. How far does an output see?
#
# In the book: [The receptive field](../../book/convolution/shapes.md#the-receptive-field).
#
# One output of a kernel of size 3 sees 3 pixels. Put a second layer of size 3 on top: its output sees 3 outputs of
# the first layer, and their windows overlap. Together they are 5 pixels wide. A third one makes 7. Three small kernels
# see as much as one of 7 by 7, and have fewer weights: $3 \cdot 9 = 27$ against 49 for each pair of channels.
#
# With strides it grows faster. Between two neighbors of a layer's output lies a distance in pixels of the image; call
# it the *jump*. At the image itself it is 1. A layer with stride 2 doubles it for everything above. For
# $(5, 3)$ and then $(3, 2)$, each written as (kernel size, stride): the first layer sees 5 pixels, and its outputs are
# 3 pixels apart. The second layer looks at three of them. The outermost two lie $2 \cdot 3 = 6$ pixels apart, so the
# whole is $5 + 6 = 11$ pixels wide, and the jump is now $3 \cdot 2 = 6$.
#
# Padding plays no part, and pooling layers count as any other.


# %% nbgrader={"grade_id": "receptive_field", "solution": true}
def receptive_field(layers):
    """How far one output sees along an axis (Le & Borji 2017).

    layers: a list of pairs (kernel_size, stride), the layer next to the image first.
    Returns (size, jump), two whole numbers: the pixels from the first to the last that one
    output sees, and the pixels between the windows of two neighboring outputs. An empty
    list gives (1, 1).
    """
    ### BEGIN SOLUTION
    size, jump = 1, 1
    for kernel_size, stride in layers:
        size += (kernel_size - 1) * jump
        jump *= stride
    return size, jump
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_receptive_field", "grade": true}
check("receptive_field")

# %% [markdown]
# ## 7. What does a convolution cost?
#
# In the book: [How many parameters](../../book/convolution/channels.md#how-many-parameters).
#
# Two numbers are asked. The *parameters*: all weights of all filters, and a bias for each filter. And the
# *multiply-adds*: to make one output value, a filter multiplies each of its weights with a pixel and adds the product
# to a sum. Each such pair counts as one; the bias is left out.
#
# By hand, for an image of 3 channels and 5 by 7 pixels, and 2 filters of 3 by 3 with stride 2, without padding: the
# output is (2, 2, 3). Each filter has 27 weights, so there are $2 \cdot 27 + 2 = 56$ parameters. The 12 output values
# take 27 multiply-adds each, $324$ in all.
#
# Notice which of the two numbers depends on the size of the image.


# %% nbgrader={"grade_id": "conv_cost", "solution": true}
def conv_cost(input_shape, out_channels, kernel_size, stride, padding):
    """Output shape, parameters and multiply-adds of a convolution for one image.

    input_shape: the triple (C, H, W); the other arguments are whole numbers; kernels are
    square. Returns (output_shape, parameters, multiply_adds): a triple (C, H, W) and two
    whole numbers; parameters with the biases, multiply-adds without. Raises ValueError,
    with a message, when the kernel is larger than the padded image.
    """
    ### BEGIN SOLUTION
    channels, height, width = input_shape
    rows = conv_output_size(height, kernel_size, stride, padding)
    columns = conv_output_size(width, kernel_size, stride, padding)
    filter_weights = channels * kernel_size**2
    parameters = out_channels * (filter_weights + 1)
    multiply_adds = out_channels * rows * columns * filter_weights
    return (out_channels, rows, columns), parameters, multiply_adds
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_conv_cost", "grade": true}
check("conv_cost")

# %% [markdown]
# The network VGG-16 is a chain of convolutions of three by three, with poolings in between, and three linear layers at
# the end. The next cell goes down the chain with your two functions. Watch which part has the parameters and which
# part has the work: the linear layers behind these convolutions have 123,642,856 parameters and as few as 123,633,664
# multiply-adds. Each line stands behind one pooling; its numbers are totals from the image up to there.


# %%
@when_written
def cost_of_vgg16():
    shape, layers, parameters, work = (3, 224, 224), [], 0, 0
    for out_channels, convolutions in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(convolutions):
            shape, more, added = conv_cost(shape, out_channels, 3, 1, 1)
            parameters, work = parameters + more, work + added
            layers.append((3, 1))
        layers.append((2, 2))
        shape = (shape[0], conv_output_size(shape[1], 2, 2), conv_output_size(shape[2], 2, 2))
        size, jump = receptive_field(layers)
        print(
            f"{shape!s:14} {parameters:12,} parameters {work:15,} multiply-adds; "
            f"one output sees {size:3} pixels, the next is {jump:2} further"
        )


# %% [markdown]
# ## 8. A small network that reads digits
#
# In the book: [A small network on the digits](../../book/convolution/network.md#a-small-network-on-the-digits).
#
# The last function puts your layers together: convolutions, ReLU, and a linear layer that gives ten scores
# (*logits*), one for each digit. `train_small_cnn` draws the weights, trains them, and returns a function `predict`.
#
# The plan is yours to fill in; this much is enough: a convolution with 8 filters of 3 by 3 and padding 1, ReLU, a
# convolution with 16 filters of 3 by 3, padding 1 and stride 2, ReLU, and a linear layer. Batches of 32 images in a
# new random order for each pass, about six passes, steps of 0.05 times the gradient with momentum 0.9.
#
# The stride of 2 makes the maps smaller, as pooling does. One convolution and maximum pooling 2 by 2 is enough as
# well. But a pooling that loops over every window of every image is right and slow: with it the training takes
# minutes, and the grader does not wait so long. A convolution by loops is slow too, so use your fast one.
#
# The gradient of the loss with respect to the logits is where the backward pass begins. For the cross-entropy, the
# mean over a batch of $N$ images, it is
#
# $$\frac{\partial L}{\partial z_{nk}} = \frac{p_{nk} - y_{nk}}{N}, \qquad
# p_{nk} = \frac{e^{z_{nk}}}{\sum_j e^{z_{nj}}},$$
#
# where $z_{nk}$ is the logit of image $n$ for digit $k$. Here $y_{nk}$ is the truth and not an output: 1 for the
# right digit and 0 for the others. Subtract the largest logit of each row before you take the exponential: the
# result is the same, and nothing overflows.
#
# Some rules:
#
# - Everything random comes from `generator`. It lives on the CPU: draw there, as in
#   `torch.randn(8, 1, 3, 3, generator=generator)`, and move the result with `.to(x)`, which gives it the device and
#   the type of `x`. Twice the same seed must give twice the same network. Multiply each weight by
#   $\sqrt{2 / n_{in}}$, where $n_{in}$ is the number of inputs of one output (9 in the first layer). Biases start
#   at 0.
# - The images are not always 8 by 8 (but height and width are even). Take the sizes from `x`.
# - `predict` returns logits of shape (M, 10) for M images, not probabilities and not classes.
#
# The check trains three times, which takes some seconds. It asks for 85 % right answers on digits that were not in
# the training set. Then it moves every digit at random by up to one pixel and asks for 70 %. Without a network, on
# the bare pixels, a linear classifier passes the first and gets only about 63 % on the second: it must learn every
# pixel anew, while your filters are the same everywhere. (A network of the same kind without the convolution could
# still get there with luck and patience; the check cannot look inside.) The last training is in float64, on few
# images, and is made twice.
#
# Not allowed: torch's convolution, pooling, softmax and cross-entropy. Your own functions from above are what it is
# built from.


# %% nbgrader={"grade_id": "train_small_cnn", "solution": true}
def train_small_cnn(x, target, generator):
    """Train a small convolutional network by gradient descent with your own layers.

    x (N, 1, H, W), H and W even; target (N,), int64, digits 0 to 9; generator: a
    torch.Generator on the CPU, the only source of randomness. Returns a function predict:
    images (M, 1, H, W) to logits (M, 10), of the dtype and device of x.
    """
    ### BEGIN SOLUTION
    features = 16 * (x.shape[2] // 2) * (x.shape[3] // 2)
    first = torch.randn(8, 1, 3, 3, generator=generator).to(x) * (2 / 9) ** 0.5
    second = torch.randn(16, 8, 3, 3, generator=generator).to(x) * (2 / 72) ** 0.5
    matrix = torch.randn(10, features, generator=generator).to(x) / features**0.5
    parameters = [first, x.new_zeros(8), second, x.new_zeros(16), matrix, x.new_zeros(10)]
    velocities = [torch.zeros_like(parameter) for parameter in parameters]

    def forward(images):
        first, first_bias, second, second_bias, matrix, offset = parameters
        a, a_cache = conv2d_forward_fast(images, first, first_bias, padding=1)
        b, b_cache = conv2d_forward_fast(a.clamp(min=0), second, second_bias, stride=2, padding=1)
        flat = b.clamp(min=0).flatten(1)
        return flat @ matrix.T + offset, (a, a_cache, b, b_cache, flat)

    def backward(dlogits, cache):
        a, a_cache, b, b_cache, flat = cache
        db = (dlogits @ parameters[4]).reshape(b.shape) * (b > 0)
        da, dsecond, dsecond_bias = conv2d_backward_fast(db, b_cache)
        _, dfirst, dfirst_bias = conv2d_backward_fast(da * (a > 0), a_cache)
        return dfirst, dfirst_bias, dsecond, dsecond_bias, dlogits.T @ flat, dlogits.sum(dim=0)

    for epoch in range(6):
        right = 0
        for batch in torch.randperm(len(x), generator=generator).split(32):
            logits, cache = forward(x[batch])
            right += int((logits.argmax(dim=1) == target[batch]).sum())
            dlogits = torch.exp(logits - logits.amax(dim=1, keepdim=True))
            dlogits /= dlogits.sum(dim=1, keepdim=True)
            dlogits[torch.arange(len(batch)), target[batch]] -= 1
            gradients = backward(dlogits / len(batch), cache)
            for i, gradient in enumerate(gradients):
                velocities[i] = 0.9 * velocities[i] + gradient
                parameters[i] = parameters[i] - 0.05 * velocities[i]
        print(f"epoch {epoch + 1}: {right} of {len(x)} right")
    return lambda images: forward(images)[0]
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_train_small_cnn", "grade": true}
check("train_small_cnn")

# %% [markdown]
# What do the filters look for? The next cell trains your network once more and shows it one digit. While `predict`
# works, it keeps what your convolution returns: one *feature map* for each filter. Then come some digits that the
# network gets wrong.


# %%
@when_written
def inside_the_network():
    images, labels = (tensor.to(device()) for tensor in digits())
    train, test = split_indices(len(images), 397)
    predict = train_small_cnn(images[train], labels[train], torch.Generator().manual_seed(0))
    maps = []

    def keeping(function):
        def convolve(*arguments, **options):
            out, cache = function(*arguments, **options)
            maps.append(out[0].clamp(min=0).cpu())
            return out, cache

        return convolve

    layers = {"conv2d_forward": conv2d_forward, "conv2d_forward_fast": conv2d_forward_fast}
    with patch.dict(globals(), {name: keeping(layer) for name, layer in layers.items()}):
        predict(images[test[:1]])
    if maps:
        _, axes = plt.subplots(1, 9, figsize=(9, 1.6), layout="constrained")
        for axis, image in zip(axes, [images[test[0], 0].cpu(), *maps[0]], strict=False):
            axis.imshow(image, cmap="gray_r")
        for i, axis in enumerate(axes):
            axis.set_title(f"map {i}" if i else "digit")
            axis.axis("off")
    logits, truth = predict(images[test]).cpu(), labels[test].cpu()
    wrong = (logits.argmax(dim=1) != truth).nonzero()[:, 0]
    print(f"{len(wrong)} of {len(test)} wrong")
    _, axes = plt.subplots(1, 6, figsize=(9, 1.8), layout="constrained")
    for axis, index in zip(axes, wrong, strict=False):
        axis.imshow(images[test[index], 0].cpu(), cmap="gray_r")
        axis.set_title(f"{int(truth[index])} read as {int(logits[index].argmax())}")
    for axis in axes:
        axis.axis("off")


# %% [markdown]
# Before you hand in: restart the kernel and run all cells from the top, because that is how the notebook is graded. A
# function that needs a name from a cell you have deleted fails there and nowhere else.
