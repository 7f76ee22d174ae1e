# %% [markdown]
# # Optimization: steps downhill, and how long they are
#
# You have gradients. Now you walk. First you deal the samples out in small batches. Then you write four rules for
# one step: plain descent, momentum, RMSProp and Adam. Four short functions say how long a step is as the training
# goes on. At the end you train a classifier of handwritten digits with batches of your own.
#
# Run the next cell first. `check` compares your function with a reference; `device()` is the GPU if this
# machine has one, else the CPU. `when_written` is for the cells that experiment with your functions: as long as
# one of them is missing, it says which.
#
# A check counts points and says what went wrong. `check("minibatches").case()`, in a cell of your own,
# shows the first case that failed: what your function was given, what it returned, and what was
# expected. Put the name of a case between the last brackets to see that one. `check()` alone shows your
# points so far.
#
# What an exercise asks for is written, not taken from a library: not from torch, and not from numpy, `math`, scipy,
# scikit-learn or any other. Simpler functions of theirs, such as `math.cos` or `torch.randperm`, are allowed.
# `torch.optim` is not, and autograd is not. Whatever your function uses stands in a cell of this notebook, not in a
# file that is imported or run with `%run`: the check reads your cells.
#
# The next cell is locked. Imports of your own go into a cell of your own below it.

# %% nbgrader={"grade_id": "imports", "locked": true}
import math

import matplotlib.pyplot as plt
import torch

from autograder import check, datasets, device, when_written

plt.rc("axes", prop_cycle=plt.cycler(color=["#0072B2", "#D55E00", "#009E73", "#CC79A7"]))


# %% [markdown]
# ## One function done for you: the gradient of a valley
#
# The loss $f(x, y) = \frac{1}{2} (x^2 + 20 y^2)$ is a long valley: flat along $x$, steep along $y$. Here $y$
# is the second input, not the output. The gradient is $(x, 20 y)$. At the point $(-4, 1)$ the loss is
# $\frac{1}{2} (16 + 20) = 18$ and the gradient is $(-4, 20)$.
#
# A network has not one tensor of parameters but a list of them. So everything below takes lists: `params[i]` has the
# gradient `grads[i]`, of the same shape. The valley has one parameter with two entries.


# %%
def valley(params):
    x, y = params[0]
    steepness = torch.tensor([1.0, 20.0])
    return 0.5 * (x**2 + 20 * y**2), [steepness * params[0]]


valley([torch.tensor([-4.0, 1.0])])

# %% [markdown]
# Five things hold for all functions that take tensors:
#
# - **Lists.** What is given as a list comes back as a list, in the same order. Every tensor keeps its shape.
#   Every number that you are given is finite, and no dimension has size 0: a batch has at least one sample.
# - **Nothing is kept.** What a step must remember is an argument, and its new value is returned. At the start of a
#   training it is a list of zeros.
# - **Type and place.** float32 in, float32 out; float64 in, float64 out; a result lies on the device of its input.
# - **The input is not yours.** `p -= lr * g`, and methods that end in an underscore, write into the caller's tensor.
#   Make a new one.
# - **Any layout.** A transposed tensor is an ordinary input, although its numbers do not lie in memory row after row.

# %% [markdown]
# ## 1. Mini-batches
#
# A gradient of all samples is slow, and a gradient of one is noisy. So one takes some at a time: a *mini-batch*
# (미니배치). One pass over all samples is an *epoch* (에포크). Each step, or *iteration*, uses one batch.
#
# By hand: 10 samples in batches of 3. The order is drawn, say 7, 2, 9, 0, 4, 1, 8, 3, 6, 5. The batches are
# (7, 2, 9), (0, 4, 1), (8, 3, 6) and (5). Every sample comes once. The last batch is short, and it counts: without
# it sample 5 would not be seen in this epoch. So an epoch has $\lceil 10 / 3 \rceil = 4$ iterations.
#
# The order comes from `generator` alone (look up `torch.randperm`). The next call with the same generator deals
# another order, because drawing moves the generator on. A new generator with the same seed deals the first one again.
#
# Not allowed: the classes of `torch.utils.data`.
#
# In the book: [Epoch, iteration, batch](../../book/optimization/batches.md#epoch-iteration-batch).


# %% nbgrader={"grade_id": "minibatches", "solution": true}
def minibatches(n, batch_size, generator):
    """The indices of n samples, in random order, cut into batches (Robbins & Monro 1951; Bottou 2012).

    n, batch_size: whole numbers, 1 or more; generator: a torch.Generator on the CPU, the only
    source of randomness. Returns a list of int64 tensors on the CPU, each with one dimension.
    Every index from 0 to n - 1 is in one of them, once. All have batch_size entries but the
    last, which may be short. Every order is as likely as another.
    """
    ### BEGIN SOLUTION
    order = torch.randperm(n, generator=generator)
    return [order[start : start + batch_size] for start in range(0, n, batch_size)]
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_minibatches", "grade": true}
check("minibatches")

# %% [markdown]
# ## 2. A step of plain descent
#
# The loss falls fastest against the gradient. *Stochastic gradient descent* (확률적 경사 하강법, SGD) takes the
# gradient $g$ of a batch and steps against it, as far as the *learning rate* (학습률) $\eta$ says. In the code $\eta$
# is `lr`:
#
# $$w \leftarrow w - \eta \, (g + \lambda w).$$
#
# The second term is *weight decay* (가중치 감쇠): every parameter is pulled toward 0, the more the larger it is. Its
# strength $\lambda$ is `weight_decay`. Both terms use the old $w$.
#
# By hand: $w = 2$, $g = 3$, $\eta = 0.1$. Without decay: $2 - 0.1 \cdot 3 = 1.7$. With $\lambda = 0.5$ the
# decay adds $0.5 \cdot 2 = 1$ to the gradient: $2 - 0.1 \cdot 4 = 1.6$.
#
# In the book: [One step downhill](../../book/optimization/landscape.md#one-step-downhill).


# %% nbgrader={"grade_id": "sgd_step", "solution": true}
def sgd_step(params, grads, lr, weight_decay=0.0):
    """One step of gradient descent, as `torch.optim.SGD`.

    params, grads: lists of tensors, each gradient of the shape of its parameter; lr > 0;
    weight_decay >= 0, what is added to a gradient for each unit of its parameter. Returns the
    list of the new parameters.
    """
    ### BEGIN SOLUTION
    return [p - lr * (g + weight_decay * p) for p, g in zip(params, grads, strict=True)]
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_sgd_step", "grade": true}
check("sgd_step")

# %% [markdown]
# ### Your step in the valley
#
# The steepest direction of the valley bends 20 times as much as $x^2 / 2$. A step along it multiplies $y$ by
# $1 - 20 \eta$. At $\eta = 0.1$ that is $-1$: $y$ jumps from side to side and never comes nearer. Beyond, it flies
# away. The next cell walks 30 steps with three rates. Which of them is best along $x$, and which along $y$?


# %%
def draw_paths(paths):
    """Draw paths (steps, 2) over the levels of the valley, side by side."""
    _, axes = plt.subplots(1, len(paths), figsize=(4 * len(paths), 2.4), layout="constrained", squeeze=False)
    xs, ys = torch.meshgrid(torch.linspace(-5, 2, 80), torch.linspace(-1.6, 1.6, 80), indexing="xy")
    for axis, (title, path) in zip(axes[0], paths.items(), strict=True):
        axis.contour(xs, ys, (xs**2 + 20 * ys**2) / 2, levels=[0.3, 1, 3, 6, 10, 15, 21], colors="0.6", linewidths=0.8)
        axis.plot(*torch.stack(path).T, ".-")
        axis.set(title=title, xlim=(-5, 2), ylim=(-1.6, 1.6), xlabel="x", ylabel="y")


@when_written
def down_the_valley():
    paths = {}
    for lr in (0.01, 0.09, 0.1):
        params, path = [torch.tensor([-4.0, 1.0])], []
        for _ in range(30):
            path.append(params[0])
            params = sgd_step(params, valley(params)[1], lr)
        paths[f"lr {lr:g}: loss {float(valley(params)[0]):.2g}"] = path
    draw_paths(paths)


# %% [markdown]
# ## 3. Momentum
#
# In the valley the gradient along $y$ changes its sign from step to step, and along $x$ it never does. *Momentum*
# (모멘텀) keeps a running sum of the gradients, the *velocity* $v$. Along $y$ the terms cancel; along $x$ they add up.
# With a factor $\mu$ (`momentum`) the old gradients are forgotten step by step:
#
# $$v \leftarrow \mu v + g, \qquad w \leftarrow w - \eta v.$$
#
# The step uses the *new* velocity. By hand: $w = 1$, $g = 2$, $v = 4$, $\mu = 0.5$, $\eta = 0.1$. The new
# velocity is $0.5 \cdot 4 + 2 = 4$ and the new parameter $1 - 0.1 \cdot 4 = 0.6$.
#
# *Nesterov's momentum* looks one step further. It moves along the velocity that would come next if the
# gradient stayed the same:
#
# $$v \leftarrow \mu v + g, \qquad w \leftarrow w - \eta \, (g + \mu v).$$
#
# With the same numbers: $g + \mu v = 2 + 0.5 \cdot 4 = 4$. Here the old and the new velocity happen to be equal, so
# both rules give 0.6. With $v = 0$ before, the new velocity is 2: the plain step is $0.1 \cdot 2 = 0.2$, Nesterov's
# $0.1 \cdot (2 + 1) = 0.3$. What is returned as velocity is $v$ in both.
#
# There are other ways to write it in books, with $\eta$ or $1 - \mu$ inside of $v$. This is torch's.
#
# In the book: [Momentum](../../book/optimization/steps.md#momentum-a-sum-that-cancels-the-zigzag).


# %% nbgrader={"grade_id": "momentum_step", "solution": true}
def momentum_step(params, grads, velocities, lr, momentum, nesterov=False):
    """One step of gradient descent with momentum (Polyak 1964; Sutskever et al. 2013), as `torch.optim.SGD`.

    params, grads, velocities: lists of tensors, of the same shapes; velocities start as zeros;
    lr > 0; 0 < momentum < 1; nesterov: whether the step looks ahead. Returns
    (params, velocities), the lists of the new ones.
    """
    ### BEGIN SOLUTION
    velocities = [momentum * v + g for v, g in zip(velocities, grads, strict=True)]
    steps = [g + momentum * v for v, g in zip(velocities, grads, strict=True)] if nesterov else velocities
    return [p - lr * step for p, step in zip(params, steps, strict=True)], velocities
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_momentum_step", "grade": true}
check("momentum_step")


# %%
@when_written
def down_the_valley_with_momentum():
    paths = {}
    for momentum, nesterov in ((0.5, False), (0.8, False), (0.8, True)):
        params, velocities, path = [torch.tensor([-4.0, 1.0])], [torch.zeros(2)], []
        for _ in range(30):
            path.append(params[0])
            params, velocities = momentum_step(params, valley(params)[1], velocities, 0.05, momentum, nesterov)
        name = f"momentum {momentum:g}{', nesterov' if nesterov else ''}"
        paths[f"{name}: loss {float(valley(params)[0]):.2g}"] = path
    draw_paths(paths)


# %% [markdown]
# ## 4. RMSProp
#
# One rate for all parameters is too large for the steep ones and too small for the flat ones. *RMSProp* gives each
# entry a rate of its own: it divides by the size that this entry's gradient usually has. That size is a root mean
# square. The mean forgets, with a factor $\alpha$:
#
# $$s \leftarrow \alpha s + (1 - \alpha) \, g^2, \qquad
# w \leftarrow w - \eta \, \frac{g}{\sqrt{s} + \epsilon}.$$
#
# All operations work on each entry by itself. By hand, with $\alpha = 0.75$: $s = 4$ and $g = 4$ give
# $s = 0.75 \cdot 4 + 0.25 \cdot 16 = 7$. With $\eta = 0.1$ the step is $0.1 \cdot 4 / 2.646 = 0.151$. Ten times the
# gradient, and a hundred times the old mean, would give the same step.
#
# $\epsilon$ is added to the root, not under it. It prevents 0 / 0 where there has never been a gradient.
#
# In the book: [RMSProp: a rate for every weight](../../book/optimization/steps.md#rmsprop-a-rate-for-every-weight).


# %% nbgrader={"grade_id": "rmsprop_step", "solution": true}
def rmsprop_step(params, grads, square_avgs, lr, alpha=0.99, eps=1e-8):
    """One step of RMSProp (Tieleman & Hinton 2012), as `torch.optim.RMSprop`.

    params, grads, square_avgs: lists of tensors, of the same shapes; square_avgs start as zeros,
    no entry is below 0; lr > 0; alpha: the share of the old mean square that is kept, between 0
    and 1; eps > 0, added to the root. Returns (params, square_avgs), the lists of the new ones.
    """
    ### BEGIN SOLUTION
    square_avgs = [alpha * s + (1 - alpha) * g * g for s, g in zip(square_avgs, grads, strict=True)]
    return [p - lr * g / (s.sqrt() + eps) for p, g, s in zip(params, grads, square_avgs, strict=True)], square_avgs
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_rmsprop_step", "grade": true}
check("rmsprop_step")

# %% [markdown]
# ## 5. Adam
#
# *Adam* does both: it averages the gradients as momentum does, and divides by their root mean square as RMSProp does.
# Two averages are kept, with the factors $\beta_1$ and $\beta_2$:
#
# $$m \leftarrow \beta_1 m + (1 - \beta_1) \, g, \qquad s \leftarrow \beta_2 s + (1 - \beta_2) \, g^2.$$
#
# Both start at 0, so both are too small at first. *Bias correction* (편향 보정) divides by the share of the weights
# that real gradients have got after $t$ steps. Here $t$ counts the steps, from 1 on:
#
# $$\hat m = \frac{m}{1 - \beta_1^t}, \qquad \hat s = \frac{s}{1 - \beta_2^t}, \qquad
# w \leftarrow w - \eta \, \frac{\hat m}{\sqrt{\hat s} + \epsilon}.$$
#
# By hand, the first step ($t = 1$) with $g = 3$: $m = 0.1 \cdot 3 = 0.3$ and $s = 0.001 \cdot 9 = 0.009$. Corrected,
# $\hat m = 0.3 / 0.1 = 3$ and $\hat s = 0.009 / 0.001 = 9$. The step is $\eta \cdot 3 / 3 = \eta$. Without the
# correction it would be $\eta \cdot 0.3 / 0.0949 = 3.16 \, \eta$.
#
# What is returned, and comes back in the next call, is $m$ and $s$, not the corrected ones.
#
# In the book: [Adam, and its first steps](../../book/optimization/steps.md#adam-and-its-first-steps).


# %% nbgrader={"grade_id": "adam_step", "solution": true}
def adam_step(params, grads, exp_avgs, exp_avg_sqs, step, lr, betas=(0.9, 0.999), eps=1e-8):
    """One step of Adam (Kingma & Ba 2015, algorithm 1), as `torch.optim.Adam`.

    params, grads, exp_avgs, exp_avg_sqs: lists of tensors, of the same shapes; the averages of
    the gradients and of their squares start as zeros; step: the number of this step, 1 for the
    first one; lr > 0; betas: the shares of the two old averages that are kept; eps > 0, added to
    the root of the corrected average. Returns (params, exp_avgs, exp_avg_sqs), the lists of the
    new ones, the averages as they are before the correction.
    """
    ### BEGIN SOLUTION
    beta1, beta2 = betas
    exp_avgs = [beta1 * m + (1 - beta1) * g for m, g in zip(exp_avgs, grads, strict=True)]
    exp_avg_sqs = [beta2 * s + (1 - beta2) * g * g for s, g in zip(exp_avg_sqs, grads, strict=True)]
    moved = []
    for p, m, s in zip(params, exp_avgs, exp_avg_sqs, strict=True):
        mean, square = m / (1 - beta1**step), s / (1 - beta2**step)
        moved.append(p - lr * mean / (square.sqrt() + eps))
    return moved, exp_avgs, exp_avg_sqs
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_adam_step", "grade": true}
check("adam_step")

# %% [markdown]
# ### Two valleys, one of them turned
#
# Along the axes Adam does not care how steep the valley is: it scales each entry by itself. Turn the valley by 45
# degrees, and the steep direction is no entry any more. The cell walks 60 steps in both.


# %%
@when_written
def adam_in_two_valleys():
    half = math.sqrt(0.5)
    for name, turn in (("along the axes", torch.eye(2)), ("turned", half * torch.tensor([[1.0, -1.0], [1.0, 1.0]]))):
        params, averages, squares = [turn @ torch.tensor([-4.0, 1.0])], [torch.zeros(2)], [torch.zeros(2)]
        for step in range(1, 61):
            grads = [turn @ valley([turn.T @ params[0]])[1][0]]
            params, averages, squares = adam_step(params, grads, averages, squares, step, 0.2)
        print(f"{name}: loss {float(valley([turn.T @ params[0]])[0]):.3f} after 60 steps")


# %% [markdown]
# ## 6. The rate over time
#
# Large steps are fast far away and too coarse near the goal. So the rate falls. In the simplest way it falls in
# stairs: it stays for `step_size` epochs and is then multiplied by a factor below 1, again and again. Here $\gamma$ is
# this factor.
#
# By hand, $\eta_0 = 0.8$, `step_size` 10, $\gamma = 0.5$: in the epochs 0 to 9 the rate is 0.8, in 10 to 19 it is
# 0.4, in 20 to 29 it is 0.2. In epoch 25, two stairs lie behind: $0.8 \cdot 0.5^2 = 0.2$.
#
# In the book: [Stairs, a cosine, a line](../../book/optimization/rates.md#stairs-a-cosine-a-line).


# %% nbgrader={"grade_id": "step_decay", "solution": true}
def step_decay(lr, epoch, step_size, gamma):
    """The learning rate of an epoch when it falls in stairs, as `torch.optim.lr_scheduler.StepLR`.

    lr: the rate at the start; epoch: a whole number, 0 for the first one; step_size: the epochs
    of one stair, 1 or more; gamma: what the rate is multiplied by at its end. Returns a number.
    """
    ### BEGIN SOLUTION
    return lr * gamma ** (epoch // step_size)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_step_decay", "grade": true}
check("step_decay")

# %% [markdown]
# Half of a cosine wave has no stairs. It falls slowly at first, fast in the middle and slowly at the end:
#
# $$\eta_t = \eta_{\min} + \tfrac{1}{2} (\eta_0 - \eta_{\min}) \left( 1 + \cos \frac{\pi t}{T} \right).$$
#
# Here $t$ is the number of the epoch or, below, of the step. Here $T$ is the last epoch, `total_epochs`.
# The rate ends at $\eta_{\min}$, which is `min_lr`. By hand, from 1 to 0.2 in 10 epochs: in epoch 0 the cosine is 1 and
# the rate 1. In epoch 5 the cosine is 0 and the rate $0.2 + 0.4 = 0.6$. In epoch 10 the cosine is −1 and the rate 0.2.


# %% nbgrader={"grade_id": "cosine_decay", "solution": true}
def cosine_decay(lr, epoch, total_epochs, min_lr=0.0):
    """The learning rate along half a cosine wave (Loshchilov & Hutter 2017, equation 5).

    lr: the rate of epoch 0; epoch: a whole number from 0 to total_epochs; min_lr: the rate of
    the epoch total_epochs. Returns a number.
    """
    ### BEGIN SOLUTION
    angle = torch.tensor(torch.pi * epoch / total_epochs, dtype=torch.float64)
    return min_lr + (lr - min_lr) * (1 + float(angle.cos())) / 2
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_cosine_decay", "grade": true}
check("cosine_decay")

# %% [markdown]
# A network's first gradients are its largest, and its averages of squares know next to nothing yet. So the rate may
# start at 0 and climb: a *warm-up*. It takes $n$ steps (`warmup_steps`), and in step $t$ the rate is
#
# $$\eta_t = \eta \cdot \min\left(1, \frac{t}{n}\right).$$
#
# By hand, $\eta = 0.4$ and $n = 100$: step 0 has the rate 0, step 25 has 0.1, step 100 and all later ones have 0.4.
#
# In the book: [Warm-up](../../book/optimization/rates.md#warm-up-when-large-is-too-large-at-first).


# %% nbgrader={"grade_id": "warmup", "solution": true}
def warmup(lr, step, warmup_steps):
    """The learning rate of a step when it climbs from 0 along a line, then stays (Goyal et al. 2017, section 2.2).

    lr: the rate after the climb; step: a whole number from 0 on; warmup_steps: the first step
    with the full rate, 1 or more. Returns a number.
    """
    ### BEGIN SOLUTION
    return lr * min(1, step / warmup_steps)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_warmup", "grade": true}
check("warmup")

# %% [markdown]
# Larger batches mean fewer steps an epoch. To come as far, each step must be longer: the *linear scaling rule* makes
# the rate grow with the batch. By hand: 0.1 is right for batches of 256. For batches of 1024, four times as large,
# take 0.4. For batches of 64 take 0.025. The rule has limits; the book measures where it ends.
#
# In the book: [Larger batch](../../book/optimization/rates.md#larger-batch-larger-rate-how-far).


# %% nbgrader={"grade_id": "linear_scaling", "solution": true}
def linear_scaling(lr, batch_size, base_batch_size):
    """The learning rate for another batch size (Goyal et al. 2017, section 2.1).

    lr: a rate that is good for batches of base_batch_size, a whole number; batch_size: the size
    that is used, smaller or larger. Returns a number.
    """
    ### BEGIN SOLUTION
    return lr * batch_size / base_batch_size
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_linear_scaling", "grade": true}
check("linear_scaling")


# %%
@when_written
def rates_over_time():
    epochs = range(31)
    _, axis = plt.subplots(figsize=(6, 2.6), layout="constrained")
    axis.step(epochs, [step_decay(0.4, epoch, 10, 0.3) for epoch in epochs], where="post", label="stairs")
    axis.plot(epochs, [cosine_decay(0.4, epoch, 30, 0.01) for epoch in epochs], label="cosine")
    both = [warmup(cosine_decay(0.4, epoch, 30, 0.01), epoch, 5) for epoch in epochs]
    axis.plot(epochs, both, "--", label="cosine after a warm-up of 5")
    axis.set(xlabel="epoch", ylabel="learning rate")
    axis.legend()


# %% [markdown]
# ### Explain it
#
# In someone's notes you read: *the learning rate is large at first and becomes smaller step by step. Why?* Answer in
# your own words; numbers from your plots count as reasons.
#
# (a) Why large first? **1 point.**
#
# (b) Why small later? Think of gradients from batches, not only of the shape of the loss. **2 points.**
#
# (c) When would you begin with a warm-up, against the sentence above? **1 point.**
#
# (d) The notes go on: *larger batch, larger learning rate*. Give the reason, and one limit. **1 point.**

# %% [markdown] nbgrader={"grade_id": "explain_learning_rate", "grade": true, "solution": true, "points": 5}
# **(a)**
#
# ### BEGIN SOLUTION
# *Speed (1 point).* Far from the minimum the direction is good for a long way, so a large rate needs fewer steps. The
# rate is bounded by the steepest direction: beyond 2 divided by its curvature the steps grow.
# ### END SOLUTION
#
# **(b)**
#
# ### BEGIN SOLUTION
# *Noise (1 point).* A batch's gradient is the true one plus noise. Near the minimum the true one is nearly 0 and the
# noise is not, so with a constant rate the parameters keep jumping in a cloud whose size grows with the rate.
#
# *Decay (1 point).* A smaller rate makes the cloud smaller; the steps average over more batches.
# ### END SOLUTION
#
# **(c)**
#
# ### BEGIN SOLUTION
# *Warm-up (1 point).* When the first gradients are large or the averages of an optimizer are not reliable yet: deep
# networks, large batches with a large rate, Adam.
# ### END SOLUTION
#
# **(d)**
#
# ### BEGIN SOLUTION
# *Scaling (1 point).* Fewer steps an epoch with less noise in each, so each may be longer in proportion; it ends where
# the rate comes near the bound of the curvature, or at very large batches.
# ### END SOLUTION

# %% [markdown]
# ## 7. Train a classifier
#
# Everything together, on the digits. A linear classifier has a weight $W$ (classes, D) and a bias $b$. It gives each
# class a *logit*. Here $z$ is the list of the logits, $z = W x + b$. The softmax makes probabilities $p$ of them. The
# loss of a sample is minus the logarithm of the probability of the right class. Here $y$ is the truth and not an
# output: it has a 1 at the right class and 0 elsewhere. For one sample, the gradient with respect to the logits is
#
# $$\frac{\partial L}{\partial z} = p - y.$$
#
# The loss of a batch is the mean over its $B$ samples, so with $n$ for the sample
#
# $$\frac{\partial L}{\partial W} = \frac{1}{B} \sum_n (p_n - y_n) \, x_n^\top, \qquad
# \frac{\partial L}{\partial b} = \frac{1}{B} \sum_n (p_n - y_n).$$
#
# By hand, one sample $x = 2$ of class 0 of two, all weights 0: $p = (0.5, 0.5)$, the loss is $-\log 0.5 = 0.693$ and
# $p - y = (-0.5, 0.5)$. So the gradient of $W$ is $(-1, 1)$. With $\eta = 0.5$ the new weight is $(0.5, -0.5)$.
#
# For each epoch, deal new batches from `generator`. For each batch, compute the gradient and step. Keep the loss of
# each epoch: the mean over its samples, each one computed *before* the step of its batch. (The mean over its batches is
# accepted, too. Where the last batch is short, it differs a little.) So the loss of the first batch of all is the
# logarithm of the number of classes, $\ln 10 = 2.303$ for the digits: at weights of 0 every class is as likely.
#
# Logits may be large: subtract the largest of a row before you take the exponential, or use `logsumexp`. Some lines
# of progress are welcome: `print` shows them.
#
# The check asks for 70 % right answers on digits that were not in the training set (expect about 90). With all samples
# in one batch nothing random is left, so there it compares your numbers.
#
# Not allowed: torch's softmax and cross-entropy, `torch.optim`, and the classifiers of scikit-learn.
#
# In the book: [The notes' table, measured](../../book/optimization/batches.md#the-notes-table-measured).


# %% nbgrader={"grade_id": "train_softmax_classifier", "solution": true}
def train_softmax_classifier(x, target, epochs, batch_size, lr, generator):
    """Train a linear classifier by mini-batch gradient descent on the mean cross-entropy.

    x (N, D); target (N,), int64, labels from 0; epochs: how often all samples are used, 1 or
    more; batch_size: samples in a batch, which may be more than N; lr: the learning rate;
    generator: a torch.Generator on the CPU, the only source of randomness: every epoch has new
    batches. Weight and bias start at 0. Returns (weight, bias, losses): weight (C, D) and bias
    (C,), where C is the largest label plus 1, of the dtype and device of x; losses: a list of
    epochs numbers, each the mean loss over an epoch, of every sample before its batch's step.
    """
    ### BEGIN SOLUTION
    classes = int(target.max()) + 1
    params = [x.new_zeros(classes, x.shape[1]), x.new_zeros(classes)]
    losses = []
    for epoch in range(epochs):
        total = 0.0
        for batch in minibatches(len(x), batch_size, generator):
            rows = torch.arange(len(batch))
            logits = x[batch] @ params[0].T + params[1]
            log_p = logits - logits.logsumexp(dim=1, keepdim=True)
            total -= float(log_p[rows, target[batch]].sum())
            d = log_p.exp()
            d[rows, target[batch]] -= 1
            d = d / len(batch)
            params = sgd_step(params, [d.T @ x[batch], d.sum(dim=0)], lr)
        losses.append(total / len(x))
        print(f"epoch {epoch + 1}: loss {losses[-1]:.3f}")
    return params[0], params[1], losses
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_train_softmax_classifier", "grade": true}
check("train_softmax_classifier")

# %% [markdown]
# ### What the classifier looks for
#
# A row of the weight has 64 numbers, so it is an image of 8 by 8. Blue speaks against the class, red for it. The loss
# is that of each epoch, for three sizes of the batch at the same rate.


# %%
@when_written
def what_it_looks_for():
    images, labels = (part.to(device()) for part in datasets.digits())
    x = images.flatten(1)
    train, test = datasets.split_indices(len(x), 597)
    _, axis = plt.subplots(figsize=(6, 2.6), layout="constrained")
    for batch_size in (1200, 128, 16):
        settings = 10, batch_size, 0.2, torch.Generator().manual_seed(0)
        weight, bias, losses = train_softmax_classifier(x[train], labels[train], *settings)
        right = ((x[test] @ weight.T + bias).argmax(dim=1) == labels[test]).double().mean()
        axis.plot(range(1, 11), losses, ".-", label=f"batches of {batch_size}: {100 * right:.0f} % right")
    axis.set(xlabel="epoch", ylabel="loss in nats")
    axis.legend()
    _, axes = plt.subplots(1, 10, figsize=(9, 1.2), layout="constrained")
    for digit, (axis, row) in enumerate(zip(axes, weight.cpu(), strict=True)):
        axis.imshow(row.reshape(8, 8), cmap="coolwarm", vmin=-2, vmax=2)
        axis.set_title(str(digit))
        axis.axis("off")


# %% [markdown]
# Before you hand in: restart the kernel and run all cells from the top, because that is how the notebook is graded. A
# function that needs a name from a cell you have deleted fails there and nowhere else.
