# %% [markdown]
# # Regularization
#
# A network with many weights can learn its training data by heart. *Regularization* (정칙화) is whatever makes it do
# better on new data. You write the tools: penalties on the weights, noise in the network, soft labels, changed images,
# and many models in place of one.
#
# Run the next cell first. `check` compares your function with a reference; `device()` is the GPU if this
# machine has one, else the CPU. `when_written` is for the cells that draw with your functions: as long as one
# of them is missing, it says which.
#
# A check counts points and says what went wrong. `check("bias_variance").case()`, in a cell of your own,
# shows the first case that failed: what your function was given, what it returned, and what was
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

from autograder import check, datasets, device, when_written

plt.rc("axes", prop_cycle=plt.cycler(color=["#0072B2", "#D55E00", "#009E73", "#CC79A7"]))
plt.rc("image", cmap="gray_r")


# %% [markdown]
# ## One function done for you: noise
#
# The simplest noise is added to the input. Two things of this function come back in the exercises.
#
# - **It draws from the generator it is given**, and from nothing else. A `torch.Generator` is a source of random
#   numbers with a seed: the same seed gives the same numbers. So an experiment can be repeated. Do not set the seed
#   inside a function; the second call would draw the same numbers again.
# - **The generator is on the CPU.** Draw there, then move what was drawn to the device of the input.


# %%
def add_noise(x, size, generator):
    noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
    return x + size * noise.to(x.device)


add_noise(torch.zeros(3), 0.1, torch.Generator().manual_seed(0))

# %% [markdown]
# Six things hold for all your functions:
#
# - **Shapes.** Images are (N, C, H, W).
#   Every number that you are given is finite, and no dimension has size 0: a batch has at least one sample.
# - **Type and place.** float32 in, float32 out; float64 in, float64 out; a result lies on the device of its
#   input.
# - **The inputs are not yours.** `x *= mask` and methods that end in an underscore write into the caller's
#   tensor. Make a new one.
# - **Any layout.** A transposed tensor is an ordinary input, although its numbers do not lie in memory row
#   after row. `reshape` accepts it; `view` may not.
# - **Forward and backward.** A forward function returns a second thing, the *cache*: whatever its backward function
#   needs. What it holds is up to you.
# - **Random functions are judged by what they promise**: by frequencies, by correlations, and by the same seed giving
#   the same result. Your way of drawing need not be ours. A right program fails by bad luck less than once in a
#   million checks.

# %% [markdown]
# ## 1. Bias and variance
#
# Train the same network on several training sets of the same kind. Here $M$ counts the models that come out. Model $k$
# predicts $y_{kn}$ at point $n$. Here $t_n$ is the truth at this point. There are $N$ points. Two things can go wrong.
# The models may be wrong *together*: their mean $\bar y_n$ is not the truth. That is *bias* (편향). Or they may
# *disagree*: that is *variance* (분산).
#
# $$\text{bias}^2 = \frac{1}{N} \sum_n (\bar y_n - t_n)^2, \qquad
# \text{variance} = \frac{1}{N} \sum_n \frac{1}{M} \sum_k (y_{kn} - \bar y_n)^2.$$
#
# By hand: two models say $(1, 5)$ and $(3, 5)$ at two points, and the truth is $(1, 4)$. The means are $(2, 5)$. The
# squared bias is $(1^2 + 1^2)/2 = 1$. The variance is $1$ at the first point and $0$ at the second, on average $0.5$.
# Together they are the mean squared error of the models: $(0 + 1 + 4 + 1)/4 = 1.5$.
#
# In the book: [Two ways to be wrong](../../book/regularization/overfitting.md#two-ways-to-be-wrong).


# %% nbgrader={"grade_id": "bias_variance", "solution": true}
def bias_variance(predictions, truth):
    """Squared bias and variance of several models (Geman et al. 1992).

    predictions (models, N): what each model says at each point; truth (N,). Returns (squared
    bias, variance), both 0-dim, the means over the points. The variance is the population
    variance over the models.
    """
    ### BEGIN SOLUTION
    mean = predictions.mean(dim=0)
    return (mean - truth).square().mean(), predictions.var(dim=0, correction=0).mean()
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_bias_variance", "grade": true}
check("bias_variance")

# %% [markdown]
# ## 2. Early stopping
#
# After every epoch the loss on the *validation data* is measured. When it has not improved for `patience` epochs, the
# training stops, and one goes back to the weights of the best epoch.
#
# Epochs are counted from 0. Only a loss *lower* than all before is an improvement. The training stops at the first
# epoch with `epoch - best == patience`. If there is none, it runs to the last epoch.
#
# By hand, with patience 2 and the losses 9, 7, 8, 6, 7, 8, 5: epoch 1 is better, epoch 2 is not, epoch 3 is better
# again. Epochs 4 and 5 are not: at epoch 5 two epochs have passed since the best. So the answer is $(5, 3)$. The 5 at
# epoch 6 is never seen: that is the price.
#
# In the book: [Early stopping](../../book/regularization/overfitting.md#early-stopping).


# %% nbgrader={"grade_id": "early_stopping", "solution": true}
def early_stopping(losses, patience):
    """Where a training with early stopping ends (Prechelt 1998).

    losses: a list of numbers, the validation loss after each epoch; patience: a whole number,
    at least 1. Returns two ints, (stop_epoch, best_epoch), counted from 0: the first epoch at
    which the best one so far lies patience epochs back, or the last epoch; and the best epoch
    until then. An equal loss is no improvement.
    """
    ### BEGIN SOLUTION
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        if epoch - best == patience:
            break
    return epoch, best
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_early_stopping", "grade": true}
check("early_stopping")

# %% [markdown]
# ## 3. The L1 penalty
#
# A *penalty* (벌점) is added to the loss. It makes large weights expensive. L1 sums their absolute values and
# puts a number in front. Here $\lambda$ is this number, the strength of the penalty. Return the penalty and its slope:
#
# $$\text{penalty} = \lambda \sum_i |w_i|, \qquad
# \frac{\partial\, \text{penalty}}{\partial w_i} = \lambda\, \mathrm{sign}(w_i).$$
#
# By hand: $w = (3, -1, 0)$ and $\lambda = 0.5$ give the penalty $0.5 \cdot 4 = 2$ and `dweight` $= (0.5, -0.5, 0)$. At
# a weight of 0 there is a corner; take 0 there, as torch does.
#
# In the book: [A price on large weights](../../book/regularization/penalties.md#a-price-on-large-weights).


# %% nbgrader={"grade_id": "l1_penalty", "solution": true}
def l1_penalty(weight, strength):
    """The L1 penalty and its gradient (Tibshirani 1996).

    weight: any shape; strength: a number, at least 0. Returns (penalty, dweight): penalty
    0-dim, the strength times the sum of the absolute values; dweight of the shape of weight.
    Where a weight is 0, dweight is 0.
    """
    ### BEGIN SOLUTION
    return strength * weight.abs().sum(), strength * weight.sign()
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_l1_penalty", "grade": true}
check("l1_penalty")

# %% [markdown]
# ### The L2 penalty
#
# L2 sums squares: $\lambda \sum_i w_i^2$. There is no root, and no half in front. What is its slope? For
# $w = (3, -1, 0)$ and $\lambda = 0.5$ the penalty is $0.5 \cdot 10 = 5$. Move the first weight from 3 to 3.01 and the
# penalty grows by about $0.03$. So the first entry of `dweight` is 3.
#
# Compare the two slopes. L2 pulls a weight of 3 three times as hard as a weight of 1. L1 pulls both alike.


# %% nbgrader={"grade_id": "l2_penalty", "solution": true}
def l2_penalty(weight, strength):
    """The L2 penalty and its gradient (Hoerl & Kennard 1970; Krogh & Hertz 1991).

    weight: any shape; strength: a number, at least 0. Returns (penalty, dweight): penalty
    0-dim, the strength times the sum of the squares; dweight of the shape of weight.
    """
    ### BEGIN SOLUTION
    return strength * weight.square().sum(), 2 * strength * weight
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_l2_penalty", "grade": true}
check("l2_penalty")

# %% [markdown]
# ### What the two do to weights
#
# Eight weights go downhill on the penalty alone. Under L2 each shrinks by the same *factor* in a step, and none
# arrives. Under L1 each shrinks by the same *amount*, and arrives: the small ones first.


# %%
@when_written
def weights_under_a_penalty():
    _, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained", sharey=True)
    for axis, penalty in zip(axes, (l1_penalty, l2_penalty), strict=True):
        weight = torch.linspace(0.2, 1.6, 8, device=device())
        path = [weight]
        for _ in range(60):
            _, dweight = penalty(weight, 0.2)
            # A step of L1 would jump over 0 and back; it ends there.
            weight = torch.where(weight.abs() <= 0.1 * dweight.abs(), 0, weight - 0.1 * dweight)
            path.append(weight)
        axis.plot(torch.stack(path).cpu(), color="C0")
        axis.set(xlabel="step", ylabel="weight", title=penalty.__name__)


# %% [markdown]
# ## 4. Dropout
#
# In training, *dropout* (드롭아웃) sets some numbers to 0. Here $p$ is the probability that a number is dropped, every
# one by itself. What is kept is divided by $1 - p$. Here $m$ is the *mask*, which says what is kept:
#
# $$\mathtt{out}_i = \frac{m_i}{1 - p}\, x_i, \qquad m_i = \begin{cases} 0 & \text{with probability } p \\
# 1 & \text{else.} \end{cases}$$
#
# By hand, with $p = 0.25$: a number 3 becomes 0 in one of four cases and $3 / 0.75 = 4$ in the other three. On average
# it is $0.25 \cdot 0 + 0.75 \cdot 4 = 3$. The mean is what it was. So in *evaluation* nothing has to be done: `out` is
# `x`. (The first paper did not divide in training and multiplied by $1 - p$ in evaluation. What is asked for here
# is called *inverted* dropout; torch does the same.)
#
# Not allowed: `F.dropout` and its family. `torch.rand` and `torch.bernoulli` with a generator are allowed.
#
# In the book: [Nodes that are missing](../../book/regularization/dropout.md#nodes-that-are-missing).


# %% nbgrader={"grade_id": "dropout_forward", "solution": true}
def dropout_forward(x, p, training, generator):
    """Set entries to 0 at random and scale the others (Srivastava et al. 2014, section 10).

    x: any shape. p: the probability of dropping, 0 <= p < 1. In training each entry is dropped
    by itself, and what is kept is divided by 1 - p; in evaluation out is x. generator: a
    torch.Generator on the CPU; equal seeds give equal results, and the next call draws anew.
    Returns (out, cache); out has the shape of x.
    """
    ### BEGIN SOLUTION
    if not training:
        return x, torch.ones_like(x)
    kept = torch.rand(x.shape, generator=generator) >= p
    mask = kept.to(x.device, x.dtype) / (1 - p)
    return x * mask, mask
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_dropout_forward", "grade": true}
check("dropout_forward")

# %% [markdown]
# ### Dropout, backward
#
# Once the mask is drawn, dropout is a multiplication by known numbers. What does a number that was set to 0 have to do
# with the loss? Nothing. What does a kept one have to do with it?
#
# The mask of the forward pass is needed, the same one. If you draw again, the gradient belongs to another network. And
# do not read it from `out`: behind a ReLU many numbers are 0 that nobody has dropped.


# %% nbgrader={"grade_id": "dropout_backward", "solution": true}
def dropout_backward(dout, cache):
    """The gradient of the loss with respect to the x of `dropout_forward`.

    dout: gradient of the loss with respect to out, of its shape. cache: as `dropout_forward`
    returned it. Returns dx, of the shape of x.
    """
    ### BEGIN SOLUTION
    return dout * cache
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_dropout_backward", "grade": true}
check("dropout_backward")

# %% [markdown]
# ## 5. DropConnect
#
# Dropout removes nodes. *DropConnect* removes the *weights* between them. Here $p$ is the probability that a weight is
# dropped. Here $m$ is the *mask*. It has the shape of the weight: 0 where a weight is dropped, 1 where it is kept. A
# linear layer becomes
#
# $$\mathtt{out} = x \left( \frac{m \odot W}{1 - p} \right)^{\!\top} + b.$$
#
# By hand: $x = (1, 2)$, $W = (3, 4)$, $b = 10$ and $p = 0.5$. If the first weight is dropped and the second kept, then
# `out` is $2 \cdot 4 / 0.5 + 10 = 26$. Over all four masks the mean is 21, which is also what the whole weight gives.
#
# Here one mask serves all samples of a call. (The paper draws one for each sample, which costs more memory.) The bias
# is never dropped and never scaled.
#
# In the book: [Weights that are missing](../../book/regularization/dropout.md#weights-that-are-missing).


# %% nbgrader={"grade_id": "drop_connect_forward", "solution": true}
def drop_connect_forward(x, weight, bias, p, training, generator):
    """A linear layer that loses weights at random (Wan et al. 2013).

    x (N, D), weight (M, D), bias (M,). p: the probability of dropping, 0 <= p < 1. In training
    each weight is dropped by itself, once for all samples of the call, and what is kept is
    divided by 1 - p; the bias is kept. In evaluation this is a linear layer. generator: a
    torch.Generator on the CPU; equal seeds give equal results, and the next call draws anew.
    Returns (out, cache); out (N, M).
    """
    ### BEGIN SOLUTION
    mask = torch.ones_like(weight)
    if training:
        kept = torch.rand(weight.shape, generator=generator) >= p
        mask = kept.to(weight.device, weight.dtype) / (1 - p)
    return x @ (weight * mask).T + bias, (x, weight, mask)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_drop_connect_forward", "grade": true}
check("drop_connect_forward")

# %% [markdown]
# ### DropConnect, backward
#
# Here $V$ is the weight that was used, $V = m \odot W / (1 - p)$. With $V$ in place of $W$ this is a linear layer. You
# know its gradients. One step is left: from $V$ to $W$. Which entries of `dweight` are 0?


# %% nbgrader={"grade_id": "drop_connect_backward", "solution": true}
def drop_connect_backward(dout, cache):
    """The gradients of the loss with respect to x, weight and bias of `drop_connect_forward`.

    dout (N, M): gradient of the loss with respect to out. cache: as `drop_connect_forward`
    returned it. Returns (dx, dweight, dbias), of the shapes of x, weight and bias.
    """
    ### BEGIN SOLUTION
    x, weight, mask = cache
    return dout @ (weight * mask), dout.T @ x * mask, dout.sum(0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_drop_connect_backward", "grade": true}
check("drop_connect_backward")

# %% [markdown]
# ## 6. Label smoothing
#
# With a target of $(0, 1, 0, 0, 0)$ the loss falls as long as the logit of the right class grows: the network is never
# sure enough. *Label smoothing* (레이블 스무딩) mixes the target with the uniform one. Here $\varepsilon$ is the share
# of the uniform target, in code `smoothing`. Here $K$ counts the classes. Each class gets $\varepsilon / K$, and the
# right class gets $1 - \varepsilon$ on top. Here $q_{nk}$ is the target of sample $n$ and class $k$:
#
# $$q_{nk} = \begin{cases} \frac{\varepsilon}{K} + 1 - \varepsilon & \text{for the right class} \\
# \frac{\varepsilon}{K} & \text{for the others,} \end{cases}$$
#
# $$L = -\frac{1}{N} \sum_n \sum_k q_{nk} \log p_{nk}, \qquad
# \frac{\partial L}{\partial z_{nk}} = \frac{p_{nk} - q_{nk}}{N}.$$
#
# Here $z$ and $p$ are the logits and their softmax. By hand: $K = 5$ and $\varepsilon = 0.1$ give $0.02$ to each wrong
# class and $0.92$ to the right one. Together: $4 \cdot 0.02 + 0.92 = 1$.
#
# Not allowed: `F.cross_entropy`, `F.nll_loss` and `F.kl_div`. Softmax, log-softmax and logsumexp are allowed. A logit
# may be 10,000 behind another.
#
# In the book: [Labels that are not quite sure](../../book/regularization/dropout.md#labels-that-are-not-quite-sure).


# %% nbgrader={"grade_id": "label_smoothing_cross_entropy", "solution": true}
def label_smoothing_cross_entropy(logits, target, smoothing):
    """Cross-entropy with smoothed labels (Szegedy et al. 2016, section 7), and its gradient.

    logits (N, K); target (N,) int64, the right classes; smoothing from 0 to 1: its K-th part
    goes to each class, the rest to the right one. Returns (loss, dlogits): loss 0-dim, the
    mean over the batch, finite for logits that are 1e4 apart; dlogits (N, K).
    """
    ### BEGIN SOLUTION
    n, classes = logits.shape
    log_p = torch.log_softmax(logits, dim=1)
    soft = torch.full_like(logits, smoothing / classes)
    soft[torch.arange(n), target] += 1 - smoothing
    return -(soft * log_p).sum() / n, (log_p.exp() - soft) / n
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_label_smoothing_cross_entropy", "grade": true}
check("label_smoothing_cross_entropy")

# %% [markdown]
# ## 7. Flips
#
# A dog that looks to the left is a dog. *Data augmentation* (데이터 증강) changes the images and keeps the label. The
# first change is the mirror: left and right are exchanged. For each image a bool says whether it is done.
#
# By hand: the row $(1, 2, 3)$ becomes $(3, 2, 1)$. The rows stay in their order.
#
# In the book: [The same cat](../../book/regularization/images.md#the-same-cat).


# %% nbgrader={"grade_id": "horizontal_flip", "solution": true}
def horizontal_flip(images, flip):
    """Mirror some of the images left to right.

    images (N, C, H, W); flip (N,), bool: which ones. Returns a tensor of the shape of images.
    """
    ### BEGIN SOLUTION
    return torch.where(flip[:, None, None, None], images.flip(-1), images)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_horizontal_flip", "grade": true}
check("horizontal_flip")

# %% [markdown]
# ## 8. Random crops
#
# Put a border of zeros around the image, `padding` wide. Then cut out a square window of `size` by `size`. Its corner
# is drawn: every place at which the window fits is equally likely, and each image of the batch gets a corner of its
# own.
#
# By hand: an image of 4 by 5 with padding 1 is 6 by 7. A window of 4 by 4 fits at $6 - 4 + 1 = 3$ rows and at 4
# columns. That makes 12 corners; each is drawn with probability $1/12$. Note that `torch.randint(3, ...)` gives 0, 1
# and 2.


# %% nbgrader={"grade_id": "random_crop", "solution": true}
def random_crop(images, size, padding, generator):
    """Cut a square window out of each padded image, at a random place.

    images (N, C, H, W). They are padded with zeros by padding on all four sides; size is not
    larger than the padded images. Each image has a corner of its own, drawn from all places
    where the window fits, each equally likely. generator: a torch.Generator on the CPU; equal
    seeds give equal results, and the next call draws anew. Returns (N, C, size, size).
    """
    ### BEGIN SOLUTION
    padded = torch.nn.functional.pad(images, [padding] * 4)
    rows = torch.randint(padded.shape[2] - size + 1, (len(images),), generator=generator)
    columns = torch.randint(padded.shape[3] - size + 1, (len(images),), generator=generator)
    corners = zip(padded, rows.tolist(), columns.tolist(), strict=True)
    return torch.stack([image[:, r : r + size, c : c + size] for image, r, c in corners])
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_random_crop", "grade": true}
check("random_crop")

# %% [markdown]
# ## 9. Color jitter
#
# The same dog in other light is a dog. Two numbers for each image change its light. First the *brightness*: every value
# is multiplied by it. Then the *contrast*: the distances from the image's mean are multiplied by it. The mean is one
# number for an image, over its channels, rows and columns, and it is that of the brightened image. At the end, once,
# values are cut off at 0 and 1.
#
# By hand: an image of two pixels, $(0.2, 0.6)$, with brightness 1.5 becomes $(0.3, 0.9)$, whose mean is 0.6. Contrast 2
# doubles the distances of $\mp 0.3$: $(0, 1.2)$. Cut off: $(0, 1)$.


# %% nbgrader={"grade_id": "color_jitter", "solution": true}
def color_jitter(images, brightness, contrast):
    """Change brightness and contrast of each image by factors of its own.

    images (N, C, H, W), values from 0 to 1; brightness, contrast (N,), factors of at least 0.
    First brightness; then contrast about the image's mean over C, H and W, that of the
    brightened image; one clamp to [0, 1] at the end. Returns a tensor of the shape of images.
    """
    ### BEGIN SOLUTION
    bright = images * brightness[:, None, None, None]
    mean = bright.mean(dim=(1, 2, 3), keepdim=True)
    return (mean + contrast[:, None, None, None] * (bright - mean)).clamp(0, 1)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_color_jitter", "grade": true}
check("color_jitter")

# %% [markdown]
# ## 10. Cutout
#
# *Cutout* sets a square of the image to zero. The network cannot rely on one part of it alone. The square of `size` by
# `size` begins `size // 2` above and to the left of its center. What lies outside the image is cut off.
#
# By hand: in an image of 7 rows a hole of size 3 around row 0 begins at row $0 - 1 = -1$. Rows $-1, 0, 1$ are meant,
# and rows 0 and 1 become zero. Be careful: in Python a negative index counts from the end.
#
# In the book: [Cutout, mixup, CutMix](../../book/regularization/images.md#cutout-mixup-cutmix).


# %% nbgrader={"grade_id": "cutout", "solution": true}
def cutout(images, centers, size):
    """A square of zeros in each image (DeVries & Taylor 2017).

    images (N, C, H, W); centers (N, 2) int64: row and column, inside the image; size: a whole
    number, at least 0. The square has size rows and columns, begins at center - size // 2 and is
    clipped at the border; it goes through all channels. Returns a tensor of the shape of images.
    """
    ### BEGIN SOLUTION
    out = images.clone()
    for image, (row, column) in zip(out, centers.tolist(), strict=True):
        top, left = row - size // 2, column - size // 2
        image[:, max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)] = 0
    return out
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_cutout", "grade": true}
check("cutout")

# %% [markdown]
# ## 11. Mixup
#
# *Mixup* averages two images, and their targets with the same weights. Image $n$ meets image $j$ of the same batch: $j$
# is `permutation[n]`. Here $\lambda$ is the share of image $n$, in code `lam`. The new image and the new target are
#
# $$\lambda x_n + (1 - \lambda)\, x_j \quad\text{and}\quad \lambda t_n + (1 - \lambda)\, t_j.$$
#
# Here $t_n$ is the target of image $n$. It has one number for each class.
#
# By hand, with $\lambda = 0.7$: a dog $(1, 0)$ and a cat $(0, 1)$ give the target $(0.7, 0.3)$. A pixel that is 1.0 in
# one and 0.0 in the other becomes 0.7.


# %% nbgrader={"grade_id": "mixup", "solution": true}
def mixup(images, targets, lam, permutation):
    """Weighted averages of images and of their targets (Zhang et al. 2018).

    images (N, C, H, W); targets (N, K), one-hot or soft; lam from 0 to 1, the share of an
    image's own; permutation (N,) int64: image n is mixed with image permutation[n]. Returns
    (images, targets), of the shapes of the inputs.
    """
    ### BEGIN SOLUTION
    mixed = lam * images + (1 - lam) * images[permutation]
    return mixed, lam * targets + (1 - lam) * targets[permutation]
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_mixup", "grade": true}
check("mixup")

# %% [markdown]
# ## 12. CutMix
#
# *CutMix* pastes a box of the other image into this one. The targets are mixed by area. A box is given by its corners,
# `x1, y1, x2, y2`: columns from `x1` to below `x2`, rows from `y1` to below `y2`. It may reach over the border; only
# what lies inside is pasted, and only that counts.
#
# By hand: in an image of 5 rows and 6 columns the box $(4, 3, 9, 8)$ asks for 25 pixels. Inside are columns 4 and 5 and
# rows 3 and 4: four pixels. The target is $26/30$ of the own one and $4/30$ of the other.


# %% nbgrader={"grade_id": "cutmix", "solution": true}
def cutmix(images, targets, boxes, permutation):
    """Paste a box of another image into each image, and mix the targets by area (Yun et al. 2019).

    images (N, C, H, W); targets (N, K), one-hot or soft; boxes (N, 4) int64: x1, y1, x2, y2 with
    x1 <= x2 and y1 <= y2, half-open, perhaps beyond the border or empty; permutation (N,) int64:
    image n gets its box from image permutation[n], at the same place. The share of the other
    target is the area that was pasted. Returns (images, targets), of the shapes of the inputs.
    """
    ### BEGIN SOLUTION
    height, width = images.shape[2:]
    mixed, soft = images.clone(), targets.clone()
    for n, (x1, y1, x2, y2) in enumerate(boxes.clamp(min=0).tolist()):
        x2, y2 = min(x2, width), min(y2, height)
        other = int(permutation[n])
        mixed[n, :, y1:y2, x1:x2] = images[other, :, y1:y2, x1:x2]
        share = max(x2 - x1, 0) * max(y2 - y1, 0) / (height * width)
        soft[n] = (1 - share) * targets[n] + share * targets[other]
    return mixed, soft
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_cutmix", "grade": true}
check("cutmix")

# %% [markdown]
# ### One digit, eight ways
#
# A digit and what your functions make of it. Which of these would you not use on digits? A mirrored 3 is no 3. What
# may be changed depends on what the label means.


# %%
@when_written
def one_digit_eight_ways():
    images, labels = datasets.digits()
    pair = images[[3, 4]].to(device())
    targets = torch.eye(10, device=device())[labels[[3, 4]]]
    generator = torch.Generator().manual_seed(0)
    swap = torch.tensor([1, 0], device=device())
    light = torch.full((2,), 0.6, device=device())
    ways = {
        "as it is": pair,
        "flipped": horizontal_flip(pair, torch.tensor([True, True], device=device())),
        "cropped": random_crop(pair, 8, 2, generator),
        "less light": color_jitter(pair, light, light),
        "dropout": dropout_forward(pair, 0.3, True, generator)[0],
        "cutout": cutout(pair, torch.tensor([[3, 3], [3, 3]], device=device()), 3),
        "mixup": mixup(pair, targets, 0.6, swap)[0],
        "CutMix": cutmix(pair, targets, torch.tensor([[0, 4, 8, 8]] * 2, device=device()), swap)[0],
    }
    _, axes = plt.subplots(1, 8, figsize=(10, 1.7), layout="constrained")
    for axis, (name, made) in zip(axes, ways.items(), strict=True):
        axis.imshow(made[0, 0].cpu(), vmin=0, vmax=1)
        axis.set_title(name, fontsize=8)
        axis.axis("off")


# %% [markdown]
# ## 13. Bagging
#
# *Bagging* (배깅) trains many models and averages them. To make them different, each gets a training set of its own:
# $n$ samples drawn *with replacement* from the $n$ that there are. Some come twice, some not at all.
#
# By hand, with $n = 4$: one sample stays out of four draws with probability $(3/4)^4 = 0.32$. For large $n$ this is
# $1/e = 0.37$, so a model sees about 63 % of the samples.
#
# In the book: [Bagging](../../book/regularization/ensembles.md#bagging).


# %% nbgrader={"grade_id": "bagging_indices", "solution": true}
def bagging_indices(n, models, generator):
    """The samples that each of several models is trained on (Breiman 1996).

    n: how many samples there are; models: how many models. Each model gets n samples, drawn
    with replacement, each equally likely. generator: a torch.Generator on the CPU; equal seeds
    give equal results, and the next call draws anew. Returns (models, n), int64, on the CPU.
    """
    ### BEGIN SOLUTION
    return torch.randint(n, (models, n), generator=generator)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_bagging_indices", "grade": true}
check("bagging_indices")

# %% [markdown]
# ### An ensemble's answer
#
# Each model says probabilities; the *ensemble* (앙상블) says their mean. By hand: one model says $(0.9, 0.1)$, two say
# $(0.4, 0.6)$. The mean is $(0.57, 0.43)$, so the answer is the first class, although two of three would vote for the
# second.
#
# What comes in are logits. Average the probabilities, not the logits: a model that is very sure has huge logits and
# would drown the others.
#
# In the book: [The mean of many](../../book/regularization/ensembles.md#the-mean-of-many).


# %% nbgrader={"grade_id": "ensemble_predict", "solution": true}
def ensemble_predict(logits):
    """The mean of the probabilities that several models give.

    logits (models, N, K), perhaps 1e4 apart. Returns (N, K): the mean over the models of the
    softmax over the classes.
    """
    ### BEGIN SOLUTION
    return torch.softmax(logits, dim=2).mean(dim=0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_ensemble_predict", "grade": true}
check("ensemble_predict")

# %% [markdown]
# Before you hand in: restart the kernel and run all cells from the top, because that is how the notebook is
# graded. A function that needs a name from a cell you have deleted fails there and nowhere else.
