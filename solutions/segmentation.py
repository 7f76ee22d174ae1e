# %% [markdown]
# # Segmentation: a class for every pixel
#
# A classifier says what is in a picture. *Semantic segmentation* (의미론적 분할) says it of every pixel. You write how
# such an answer is measured, how a classifier becomes a network for pictures of any size, how its small maps become
# large again, and the loss that trains it.
#
# Run the next cell first. `check` compares your function with a reference; `device()` is the GPU if this
# machine has one, else the CPU. `when_written` is for the cells that experiment with your functions: as long as
# one of them is missing, it says which.
#
# A check counts points and says what went wrong. `check("confusion_matrix").case()`, in a cell of your
# own, shows the first case that failed: what your function was given, what it returned, and what was
# expected. Put the name of a case between the last brackets to see that one. `check()` alone shows your
# points so far.
#
# What an exercise asks for is written, not taken from a library: not from torch, and not from numpy, `math`, scipy,
# scikit-learn or any other. Simpler functions of theirs, such as `torch.einsum` or `np.exp`, are allowed. Autograd is
# not. Whatever your function uses stands in a cell of this notebook, not in a file that is imported or run with `%run`:
# the check reads your cells. A function may use functions of earlier cells.
#
# The next cell is locked. Imports of your own go into a cell of your own below it.

# %% nbgrader={"grade_id": "imports", "locked": true}
import matplotlib.pyplot as plt
import torch

from autograder import check, device, when_written
from autograder.datasets import digits

plt.rc("axes", prop_cycle=plt.cycler(color=["#0072B2", "#D55E00", "#009E73", "#CC79A7"]))


# %% [markdown]
# ## One function done for you: an image of larger pixels
#
# The simplest way to make an image larger repeats each pixel. With the factor 2 the row 1, 3 becomes 1, 1, 3, 3, and
# the same is done with the rows.
#
# Now the way back. A pixel has a part in four outputs. What comes back to them, `dout`, is added up for the pixel.
#
# - **Images are (N, C, H, W)**: image, channel, row, column. Height and width are seldom equal in the checks.
# - **The cache** hands on what the way back needs. Here it is the factor.


# %%
def repeat_forward(x, factor):
    return x.repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3), factor


def repeat_backward(dout, cache):
    n, c, height, width = dout.shape
    blocks = dout.reshape(n, c, height // cache, cache, width // cache, cache)
    return blocks.sum(dim=(3, 5))


out, cache = repeat_forward(torch.tensor([[[[1.0, 3.0]]]]), 2)
out, repeat_backward(torch.tensor([[[[1.0, 2.0, 0.0, 0.0], [3.0, 4.0, 0.0, 5.0]]]]), cache)

# %% [markdown]
# Four things hold for all your functions:
#
# - **Labels are whole numbers.** A target (N, H, W) holds the class of each pixel, int64, and the first class is 0.
#   Every number that you are given is finite, and no dimension has size 0: a batch has at least one sample.
# - **Type and place.** float32 in, float32 out; float64 in, float64 out; a result lies on the device of its
#   input.
# - **The inputs are not yours.** `target[mask] = 0` and methods that end in an underscore write into the caller's
#   tensor. Make a new one.
# - **Any layout.** A transposed tensor is an ordinary input, although its numbers do not lie in memory row
#   after row. `reshape` accepts it; `view` may not.

# %% [markdown]
# ## 1. The confusion matrix
#
# In the book: [Who is taken for whom](../../book/segmentation/measures.md#who-is-taken-for-whom).
#
# Which classes are taken for which? The *confusion matrix* (혼동 행렬) has a row for each true class and a column for
# each class that was given. The entry $n_{ij}$, in row $i$ and column $j$, counts the pixels of class $i$ that were
# given class $j$. On the diagonal stand the pixels that are right.
#
# By hand, six pixels and three classes:
#
# | | | | | | | |
# | --- | --- | --- | --- | --- | --- | --- |
# | target | 0 | 0 | 0 | 1 | 1 | 2 |
# | prediction | 0 | 0 | 1 | 1 | 2 | 2 |
#
# $$\begin{pmatrix} 2 & 1 & 0 \\ 0 & 1 & 1 \\ 0 & 0 & 1 \end{pmatrix}$$
#
# Data sets also have labels that are no class. A pixel on the border of two objects is often labelled 255, which
# means: do not ask here. Such a pixel is counted nowhere.
#
# Not allowed: `confusion_matrix` of scikit-learn, `pandas.crosstab` and their like.


# %% nbgrader={"grade_id": "confusion_matrix", "solution": true}
def confusion_matrix(prediction, target, classes):
    """Pixels counted by their true class and by the class that they were given (Long et al. 2015).

    prediction and target: int64, of one shape, which may be any; classes: how many there are,
    whether they occur or not. A prediction is one of 0 to classes - 1. A pixel whose target is
    none of these, such as 255 or -1, is not counted. Returns an int64 tensor (classes, classes)
    on the device of target: row i, column j has the number of pixels of class i that were
    given class j.
    """
    ### BEGIN SOLUTION
    counts = (target >= 0) & (target < classes)
    pairs = target[counts] * classes + prediction[counts]
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_confusion_matrix", "grade": true}
check("confusion_matrix")

# %% [markdown]
# ## 2. The mean of intersection over union
#
# In the book: [Intersection over union](../../book/segmentation/measures.md#intersection-over-union).
#
# For one class there are two areas: the pixels that have it, and the pixels that were given it. Their *intersection*
# over their *union*, IoU (합집합 대비 교집합 비율), is 1 if the areas are equal, and 0 if they do not meet. The mean
# over the classes is the *mean IoU* (평균 IoU).
#
# All that is needed stands in the confusion matrix. By hand, with the matrix above: three pixels have class 0 and two
# were given it. Two pixels are in both areas, so three are in the union, and the IoU is 2/3. Class 1 has 1/3, class 2
# has 1/2. The mean is 0.5. The share of pixels that are right is another number, 4/6.
#
# A class may occur neither in the target nor in the prediction. Its union is empty, and 0/0 says nothing: it is left
# out of the mean. A class that occurs on one side only has a union. Its IoU is 0, and that counts.


# %% nbgrader={"grade_id": "mean_iou", "solution": true}
def mean_iou(confusion):
    """The mean over the classes of intersection over union (Everingham et al. 2010).

    confusion (K, K): int64, rows are the true classes, as `confusion_matrix` returns it; at
    least one entry is above 0. Classes with an empty union are left out of the mean. Returns
    one number: a float, or a 0-dim tensor of floating-point type.
    """
    ### BEGIN SOLUTION
    intersection = confusion.diagonal()
    union = confusion.sum(dim=0) + confusion.sum(dim=1) - intersection
    present = union > 0
    return (intersection[present] / union[present]).mean()
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_mean_iou", "grade": true}
check("mean_iou")

# %% [markdown]
# ### Two measures part
#
# Three answers to the same picture: a digit, its pixels of much ink and its pixels of little. One answer sees paper
# everywhere, one moves the digit by a pixel, and one is nearly right. Which numbers would you show to somebody who
# wants to use the digit?


# %%
@when_written
def two_measures():
    ink = digits()[0][10, 0]
    target = torch.zeros(16, 16, dtype=torch.int64)
    target[4:12, 4:12] = (ink > 0.2).long() + (ink > 0.7).long()
    nearly = target.clone()
    nearly[4:7][nearly[4:7] == 2] = 1
    answers = {"paper everywhere": target * 0, "moved by a pixel": target.roll(1, 1), "nearly right": nearly}
    _, axes = plt.subplots(1, 4, figsize=(9, 3.2), layout="constrained", sharey=True)
    axes[0].set(title="target", ylabel="row [pixels]")
    for axis, (name, answer) in zip(axes, {"target": target, **answers}.items(), strict=True):
        axis.imshow(answer, cmap="viridis", vmin=0, vmax=2)
        axis.set_xlabel("column [pixels]")
        if name == "target":
            continue
        confusion = confusion_matrix(answer, target, 3)
        right = confusion.diagonal().sum() / confusion.sum()
        axis.set_title(f"{name}\n{right:.2f} right\nmean IoU {mean_iou(confusion):.2f}")


# %% [markdown]
# ## 3. A linear layer is a convolution
#
# In the book:
# [A linear layer](../../book/segmentation/dense.md#a-fully-connected-layer-is-a-convolution-as-large-as-its-map).
#
# A classifier ends in a linear layer. It takes features of a fixed size, here (C, H, W), as one long row of numbers.
# `flatten` writes that row: channel after channel, in each channel row after row. Each output has one weight for each
# of the numbers.
#
# A convolution whose kernels are as large as the features does the same sum. It needs the same weights, as kernels.
# On features of that size it has one place, and it gives what the linear layer gives. On a larger picture it has more
# places: it gives a map for each class, a *heat map* (히트맵).
#
# By hand: one output, one channel of two by two, the weights 1, 2, 3, 4 in this order, and the bias 0.5. The features
# $\begin{pmatrix} 5 & 0 \\ 1 & 0 \end{pmatrix}$ are the row 5, 0, 1, 0, and the layer gives $5 + 3 + 0.5 = 8.5$. Which
# kernel gives 8.5, too?


# %% nbgrader={"grade_id": "linear_to_conv", "solution": true}
def linear_to_conv(weight, bias, channels, height, width):
    """A linear layer on flattened features, written as a convolution (Long et al. 2015).

    weight (M, channels * height * width) and bias (M,) are those of a linear layer behind
    features of shape (channels, height, width), flattened as torch does. Returns (weight,
    bias): weight (M, channels, height, width) and bias (M,) of the convolution that gives the
    same M numbers on these features.
    """
    ### BEGIN SOLUTION
    return weight.reshape(len(weight), channels, height, width), bias
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_linear_to_conv", "grade": true}
check("linear_to_conv")

# %% [markdown]
# ### A heat map
#
# The next cell trains a linear classifier on the digits, 8 by 8 pixels each. Your function makes a convolution of it,
# and this reads a strip that is much wider than any picture of the training. Each row of the second plot is a class,
# each column is a place of the kernel. Nothing was trained for the places between two digits: what does the classifier
# say there?


# %%
@when_written
def a_heat_map():
    images, labels = digits()
    layer = torch.nn.Linear(64, 10)
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    optimizer = torch.optim.Adam(layer.parameters(), 0.02)
    for _ in range(150):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(layer(images.flatten(1)), labels).backward()
        optimizer.step()
    weight, bias = linear_to_conv(layer.weight.detach(), layer.bias.detach(), 1, 8, 8)
    gap = torch.zeros(8, 4)
    strip = torch.cat([part for image in images[:5, 0] for part in (gap, image)] + [gap], dim=1)
    logits = torch.nn.functional.conv2d(strip[None, None], weight, bias)[0, :, 0]
    _, axes = plt.subplots(2, 1, figsize=(8, 3.6), layout="constrained", sharex=True, height_ratios=(1, 2))
    axes[0].imshow(strip, cmap="gray_r")
    axes[0].set_ylabel("row [pixels]")
    axes[1].imshow(logits.softmax(dim=0), cmap="viridis", vmin=0, vmax=1)
    axes[1].set(xlabel="column of the strip, left edge of the kernel [pixels]", ylabel="class", yticks=range(10))
    axes[1].set_xlim(-0.5, strip.shape[1] - 0.5)


# %% [markdown]
# ## 4. Transposed convolution
#
# In the book: [Each input is a stamp](../../book/segmentation/transposed.md#each-input-is-a-stamp).
#
# A convolution with a stride makes maps smaller. To answer for every pixel, they must become large again. A
# *transposed convolution* (전치 합성곱) learns how. Each number of the input is multiplied by the whole kernel, and the
# product is laid down in the output. The stride says how far apart two neighbors lay theirs. Where products meet, they
# are added up.
#
# By hand, in one dimension, with stride 2:
#
# | | | | | | | | |
# | --- | --- | --- | --- | --- | --- | --- | --- |
# | input 1, kernel 1, 10, 100 | 1 | 10 | 100 | | | | |
# | input 3 | | | 3 | 30 | 300 | | |
# | input 2 | | | | | 2 | 20 | 200 |
# | sum | 1 | 10 | 103 | 30 | 302 | 20 | 200 |
#
# *Padding* here takes away: with padding 1 the first and the last number go, and 10, 103, 30, 302, 20 is left. So
# along each axis the output has
#
# $$(\mathtt{size} - 1) \cdot \mathtt{stride} - 2 \cdot \mathtt{padding} + \mathtt{kernel\_size}$$
#
# numbers: $2 \cdot 2 - 2 + 3 = 5$. The bias is added to each output once, whether many products met there or none.
#
# With channels, every input channel has a kernel for every output channel, and what all input channels give is added
# up. Mind the order in the weight: the *input* channel comes first. The weight of a convolution has it second.
#
# | tensor | shape |
# | --- | --- |
# | `x` | (N, C, H, W) |
# | `weight`, `bias` | (C, O, kh, kw), (O,) |
# | `out` | (N, O, OH, OW), by the formula |
#
# Loops are welcome: the images in the check are small. Over the places of `x`, or over the entries of the kernel, is
# enough; `torch.einsum` does the rest at once.
#
# Not allowed, here and on the way back: a convolution of torch's or of another library, transposed or not
# (`F.conv_transpose2d`, `F.conv2d`, `nn.ConvTranspose2d`, `torch.ops.aten.convolution`, `scipy.signal.convolve2d` and
# so on). `F.fold`, `F.unfold` and `F.pad` are allowed.


# %% nbgrader={"grade_id": "conv_transpose2d_forward", "solution": true}
def conv_transpose2d_forward(x, weight, bias, stride=1, padding=0):
    """Spread each number of x over a kernel, and add up (Dumoulin & Visin 2016, section 4).

    x (N, C, H, W); weight (C, O, kh, kw), the input channel first, kh and kw may differ; bias
    (O,). stride, and padding on each of the four sides, are whole numbers, for both directions.
    Returns (out, cache); out (N, O, OH, OW) with OH = (H - 1) * stride - 2 * padding + kh, which
    is at least 1, and OW likewise.
    """
    ### BEGIN SOLUTION
    (n, _, h, w), (_, o, kh, kw) = x.shape, weight.shape
    rows, columns = (h - 1) * stride + kh, (w - 1) * stride + kw
    out = x.new_zeros(n, o, rows, columns)
    for i in range(h):
        for j in range(w):
            top, left = i * stride, j * stride
            product = torch.einsum("nc,coab->noab", x[:, :, i, j], weight)
            out[:, :, top : top + kh, left : left + kw] += product
    out = out[:, :, padding : rows - padding, padding : columns - padding]
    return out + bias[:, None, None], (x, weight, stride, padding)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_conv_transpose2d_forward", "grade": true}
check("conv_transpose2d_forward")

# %% [markdown]
# ### Where products meet
#
# An input of ones and a kernel of ones: each output then counts the products that met there. Both maps have stride 2.
# One kernel is 3 wide, the other 4. Look away from the border: in which of them do all pixels have an equal chance?


# %%
@when_written
def how_many_products_meet():
    _, axes = plt.subplots(1, 2, figsize=(7, 3.4), layout="constrained")
    for axis, kernel_size in zip(axes, (3, 4), strict=True):
        x, weight = torch.ones(1, 1, 5, 5), torch.ones(1, 1, kernel_size, kernel_size)
        out, _ = conv_transpose2d_forward(x, weight, torch.zeros(1), stride=2)
        axis.imshow(out[0, 0], cmap="viridis", vmin=0, vmax=4)
        for (i, j), count in zip(torch.cartesian_prod(*map(torch.arange, out.shape[2:])), out.flatten(), strict=True):
            axis.text(j, i, f"{count:g}", ha="center", va="center", color="black" if count > 2 else "white", fontsize=7)
        axis.set(xlabel="column [pixels]", ylabel="row [pixels]", title=f"kernel_size {kernel_size}, stride 2")


# %% [markdown]
# ### Transposed convolution, backward
#
# In the book:
# [It is the gradient of a convolution](../../book/segmentation/transposed.md#it-is-the-gradient-of-a-convolution).
#
# Go through the table above from below. A number of `x` was multiplied by each entry of the kernel, and each product
# went to one output. What do these outputs hand back, and what is done with it? An entry of the kernel was multiplied
# by every number of `x`. And some outputs were cut off by padding. What comes back from them?
#
# By hand, with padding 1 and a `dout` of 1, 2, 0, 0, 0. Around it belongs what was cut off: 0, 1, 2, 0, 0, 0, 0. The
# first input had laid its products on the first three of these, so its gradient is
# $0 \cdot 1 + 1 \cdot 10 + 2 \cdot 100 = 210$. The second one had its products on the third to the fifth: 2. The first
# entry of the kernel met the inputs 1, 3, 2 at the first, the third and the fifth place:
# $1 \cdot 0 + 3 \cdot 2 + 2 \cdot 0 = 6$.
#
# Have you seen sums such as that of 210 before? Compare them with those of a layer that you know.


# %% nbgrader={"grade_id": "conv_transpose2d_backward", "solution": true}
def conv_transpose2d_backward(dout, cache):
    """The gradients of the loss with respect to the x, weight and bias of `conv_transpose2d_forward`.

    dout (N, O, OH, OW): gradient of the loss with respect to out. cache: as
    `conv_transpose2d_forward` returned it. Returns (dx, dweight, dbias), of the shapes of x,
    weight and bias.
    """
    ### BEGIN SOLUTION
    x, weight, stride, padding = cache
    kh, kw = weight.shape[2:]
    padded = torch.nn.functional.pad(dout, (padding,) * 4)
    dx, dweight = torch.zeros_like(x), torch.zeros_like(weight)
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            top, left = i * stride, j * stride
            window = padded[:, :, top : top + kh, left : left + kw]
            dx[:, :, i, j] = torch.einsum("noab,coab->nc", window, weight)
            dweight += torch.einsum("noab,nc->coab", window, x[:, :, i, j])
    return dx, dweight, dout.sum(dim=(0, 2, 3))
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_conv_transpose2d_backward", "grade": true}
check("conv_transpose2d_backward")

# %% [markdown]
# ## 5. A kernel to begin with
#
# In the book: [A start that draws no pattern](../../book/segmentation/transposed.md#a-start-that-draws-no-pattern).
#
# With random weights a transposed convolution begins as noise. A better beginning is known: *bilinear interpolation*
# (이중 선형 보간), which fills in between pixels along straight lines. It is a transposed convolution, too. Its kernel
# is a tent: high in the middle, lower to all sides.
#
# In one dimension, the tent falls along straight lines from 1 in the middle of the kernel. The middle of the pixels
# 0, 1, 2 is pixel 1. The middle of 0, 1, 2, 3 is 1.5, between two pixels. The tent reaches 0 at a distance of half the
# kernel's size, rounded up to a whole number. Two by hand:
#
# - kernel_size 4: the middle is 1.5 and the tent reaches 0 at a distance of 2. Pixel 0 is 1.5 away, so three quarters
#   of the height are gone: 0.25, 0.75, 0.75, 0.25.
# - kernel_size 3: the middle is 1 and the tent reaches 0 at a distance of 2: 0.5, 1, 0.5.
#
# In two dimensions the weight at row $i$ and column $j$ is the tent at $i$ times the tent at $j$. With channels, each
# goes to itself: the kernel from a channel to another one is zeros.


# %% nbgrader={"grade_id": "bilinear_kernel", "solution": true}
def bilinear_kernel(channels, kernel_size):
    """The weight of a transposed convolution that interpolates each channel by itself (Long et al. 2015).

    channels and kernel_size: whole numbers from 1. Returns a float32 tensor (channels,
    channels, kernel_size, kernel_size): from each channel to itself the product of a tent over
    the rows and a tent over the columns, and from a channel to another one zeros. A tent is 1
    in the middle of the kernel and falls along straight lines to 0 at a distance of kernel_size
    / 2, rounded up.
    """
    ### BEGIN SOLUTION
    reach = (kernel_size + 1) // 2
    distance = (torch.arange(kernel_size) - (kernel_size - 1) / 2).abs()
    tent = 1 - distance / reach
    return torch.einsum("co,i,j->coij", torch.eye(channels), tent, tent)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_bilinear_kernel", "grade": true}
check("bilinear_kernel")

# %% [markdown]
# ### A digit, four times as large
#
# Your transposed convolution makes a digit larger, with a random kernel and with yours, kernel_size 8 and stride 4. In
# the third picture each pixel is repeated. Change the kernel_size to 4, with padding 0: what do you see, and why?


# %%
@when_written
def a_digit_made_large():
    digit = digits()[0][2:3].to(device())
    kernel_size, stride, padding = 8, 4, 2
    zero = digit.new_zeros(1)
    noise = torch.rand(1, 1, kernel_size, kernel_size, generator=torch.Generator().manual_seed(0)).to(digit)
    kernels = {"a random kernel": noise, "bilinear": bilinear_kernel(1, kernel_size).to(digit)}
    images = {
        name: conv_transpose2d_forward(digit, kernel, zero, stride, padding)[0] for name, kernel in kernels.items()
    }
    images = {"the digit": digit, **images, "pixels repeated": repeat_forward(digit, stride)[0]}
    _, axes = plt.subplots(1, 4, figsize=(9, 2.6), layout="constrained")
    for axis, (name, image) in zip(axes, images.items(), strict=True):
        axis.imshow(image[0, 0].cpu(), cmap="gray_r")
        axis.set(title=name, xlabel="column [pixels]")
    axes[0].set_ylabel("row [pixels]")


# %% [markdown]
# ## 6. A loss over pixels
#
# In the book: [A loss over all pixels](../../book/segmentation/fcn.md#a-loss-over-all-pixels).
#
# Each pixel is a sample: its scores for the classes, the *logits*, stand along dimension 1. The loss of one pixel is
# minus the logarithm of the probability of its true class, as in any classifier. The loss of the batch is the mean
# over the pixels, over all images together.
#
# Over the pixels that *count*: those whose label is `ignore_index` do not. They are missing in the sum, in the number
# that it is divided by, and on the way back. `ignore_index` is often 255. It may also be a class, if that class is not
# to be asked.
#
# By hand: three pixels. One gives its true class the probability 0.5, one 0.25, and the third is ignored. The loss is
# $(0.693 + 1.386) / 2 = 1.040$. If two pixels gave that loss, what is the gradient at each of them divided by?
#
# Logits can be large. $e^{10000}$ is no number any more, and the logarithm of a probability that was rounded to 0 is
# none either.
#
# Not allowed: `F.cross_entropy`, `F.nll_loss` and their like. A softmax, a log-softmax and `logsumexp` are allowed
# here.


# %% nbgrader={"grade_id": "pixel_cross_entropy", "solution": true}
def pixel_cross_entropy(logits, target, ignore_index):
    """The mean cross-entropy over the pixels that count, and its gradient (Long et al. 2015).

    logits (N, C, H, W), entries up to 1e4 in size, in float32 too; target (N, H, W), int64: the
    class of each pixel, from 0 to C - 1, or ignore_index. A pixel whose target is ignore_index
    does not count, whether ignore_index is a class or not; at least one pixel of the batch
    counts. Returns (loss, dlogits): loss, 0-dim, the mean over all pixels that count; dlogits
    (N, C, H, W), 0 at pixels that do not. Both are finite.
    """
    ### BEGIN SOLUTION
    mask = target != ignore_index
    label = torch.where(mask, target, 0)[:, None]
    log_p = torch.log_softmax(logits, dim=1)
    loss = -log_p.gather(1, label)[:, 0][mask].mean()
    one_hot = torch.zeros_like(logits).scatter(1, label, 1.0)
    dlogits = torch.where(mask[:, None], log_p.exp() - one_hot, 0)
    return loss, dlogits / mask.sum()
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_pixel_cross_entropy", "grade": true}
check("pixel_cross_entropy")

# %% [markdown]
# ## 7. Explain it
#
# In someone's notes you read: *without the dense layer at the end the network gives an output of 1 by 1 by the number
# of labels; the number of parameters is exactly the same*, and *deconvolution: strictly speaking it is not exactly the
# reverse*. Answer in your own words. Numbers from your plots count as reasons. A person marks it.
#
# (a) A street is 90 % road. One network says road everywhere, another finds half of the people and no more than 85 % of
# the road. Which measure prefers which, and which one would you ask for? **2 points.**
#
# (b) Why is the number of parameters the same, and what is gained? **2 points.**
#
# (c) In what sense is a transposed convolution the reverse of a convolution, and in what sense is it not?
# **2 points.**
#
# (d) Where does a checkerboard come from? Which kernel sizes avoid it, and what does a bilinear kernel do about it?
# **2 points.**

# %% [markdown] nbgrader={"grade_id": "explain_upsampling", "grade": true, "solution": true, "points": 8}
# **(a)**
#
# ### BEGIN SOLUTION
# *What each prefers (1 point).* The share of right pixels prefers the first: 0.9 against less than 0.9. The mean IoU
# gives the first 0.9 for the road and 0 for every other class, so 0.45 with two classes. The second one, with road and
# people alone, has 0.81 for the road and 0.21 for the people, 0.51 in the mean: it gains more there than it loses.
#
# *Which one (1 point).* With an argument: every class weighs the same in the mean IoU, so rare classes that matter
# are not drowned by the large ones.
# ### END SOLUTION
#
# **(b)**
#
# ### BEGIN SOLUTION
# *The same (1 point).* Each output of the linear layer has a weight for each number of the features and a bias; its
# kernel has the same numbers in another shape.
#
# *Gained (1 point).* The convolution has no fixed input size. On a larger picture the kernel has more places, and the
# output is a map; the overlapping part of the features is computed once.
# ### END SOLUTION
#
# **(c)**
#
# ### BEGIN SOLUTION
# *It is (1 point).* It leads from the shape of the output back to that of the input. As a matrix it is the transpose:
# its forward is the way back of the convolution with respect to its input, and the other way round.
#
# *It is not (1 point).* The values do not come back: a transpose is not an inverse. What the convolution added up is
# lost, and no kernel can tell the summands.
# ### END SOLUTION
#
# **(d)**
#
# ### BEGIN SOLUTION
# *From unequal overlaps (1 point).* If the kernel's size is not a multiple of the stride, some outputs are sums of more
# products than their neighbors. With stride 2 a kernel of 3 gives 1, 2 and 4 products in turns; a kernel of 4 gives
# 4 everywhere inside.
#
# *Bilinear (1 point).* What all inputs give to an output adds up to 1 at every place inside, as its size fits the
# stride: a flat map stays flat. Training may leave that again.
# ### END SOLUTION

# %% [markdown]
# ## 8. Your functions, in a network for pixels
#
# Every picture holds two digits, a zero and a one, on noise. Which pixels belong to which? A pixel alone cannot say:
# ink is ink. The network looks at it through three convolutions, two of them with stride 2. Your transposed
# convolution makes the maps four times as large again, and it begins as your bilinear kernel. Your loss ignores pixels
# that are neither ink nor paper, and your measure is the last word.
#
# torch differentiates its own layers. Between them stand yours: `Upsample` tells torch how to go through your
# function, there and back.
#
# Change things: a random kernel in place of the bilinear one, nothing ignored, fewer steps.


# %%
@when_written
def a_network_for_pixels():
    generator = torch.Generator().manual_seed(0)
    images, labels = digits()
    void = 255

    class Upsample(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, weight, bias):
            out, ctx.kept = conv_transpose2d_forward(x, weight, bias, 4, 2)
            return out

        @staticmethod
        def backward(ctx, dout):
            return conv_transpose2d_backward(dout, ctx.kept)

    def scenes(n):
        """Pictures (n, 1, 16, 24) and their classes: 0 is paper, 1 a zero, 2 a one."""
        x, target = torch.zeros(n, 1, 16, 24), torch.zeros(n, 16, 24, dtype=torch.int64)
        for digit in (0, 1):
            chosen = (labels == digit).nonzero()[:, 0]
            for i in range(n):
                ink = images[chosen[torch.randint(len(chosen), (), generator=generator)], 0]
                top, left = torch.randint(9, (), generator=generator), torch.randint(5, (), generator=generator)
                # In half of the pictures the one stands on the left.
                left = left + 12 * (digit ^ (i % 2))
                x[i, 0, top : top + 8, left : left + 8] = ink
                target[i, top : top + 8, left : left + 8] = torch.where(
                    ink > 0.5, digit + 1, torch.where(ink > 0.2, void, 0)
                )
        return x + 0.1 * torch.randn(x.shape, generator=generator), target

    torch.manual_seed(0)
    nn = torch.nn
    layers = [nn.Conv2d(1, 12, 3, 2, 1), nn.Conv2d(12, 24, 3, 2, 1), nn.Conv2d(24, 24, 3, 1, 1), nn.Conv2d(24, 3, 1)]
    body = nn.Sequential(*(part for layer in layers[:-1] for part in (layer, nn.ReLU())), layers[-1])
    weight, bias = bilinear_kernel(3, 8).requires_grad_(), torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.Adam([*body.parameters(), weight, bias], 0.01)
    test_x, test_target = scenes(60)

    def predictions():
        with torch.no_grad():
            return Upsample.apply(body(test_x), weight, bias).argmax(dim=1)

    for step in range(201):
        if step % 50 == 0:
            confusion = confusion_matrix(predictions(), test_target, 3)
            right = confusion.diagonal().sum() / confusion.sum()
            print(f"after {step:3} steps: {right:.3f} right, mean IoU {mean_iou(confusion):.3f}")
        x, target = scenes(16)
        logits = Upsample.apply(body(x), weight, bias)
        _, dlogits = pixel_cross_entropy(logits.detach(), target, void)
        optimizer.zero_grad()
        logits.backward(dlogits)
        optimizer.step()

    _, axes = plt.subplots(3, 4, figsize=(8, 4.4), layout="constrained", sharex=True, sharey=True)
    for column, answer in enumerate(predictions()[:4]):
        axes[0, column].imshow(test_x[column, 0], cmap="gray_r")
        axes[1, column].imshow(test_target[column].where(test_target[column] != void, -1), cmap="viridis", vmin=-1)
        axes[2, column].imshow(answer, cmap="viridis", vmin=-1, vmax=2)
        axes[2, column].set_xlabel("column [pixels]")
    for axis, name in zip(axes[:, 0], ("picture", "target", "prediction"), strict=True):
        axis.set_ylabel(name)


# %% [markdown]
# Before you hand in: restart the kernel and run all cells from the top, because that is how the notebook is
# graded. A function that needs a name from a cell you have deleted fails there and nowhere else.
