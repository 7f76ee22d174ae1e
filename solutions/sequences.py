# %% [markdown]
# # Sequences: networks with a memory
#
# A word, a song and a day of weather have one thing in common: nobody says how long they are. A network that reads them
# goes step by step and keeps a *state* (상태), a memory of what came before. You count a Markov model, and you write a
# recurrent network and an LSTM, forward and backward through time.
#
# Run the next cell first. `check` compares your function with a reference; `device()` is the GPU if this
# machine has one, else the CPU. `when_written` is for the cells that experiment with your functions: as long as
# one of them is missing, it says which.
#
# A check counts points and says what went wrong. `check("markov_fit").case()`, in a cell of your own,
# shows the first case that failed: what your function was given, what it returned, and what was
# expected. Put the name of a case between the last brackets to see that one. `check()` alone shows your
# points so far.
#
# What an exercise asks for is written, not taken from a library: not from torch, and not from numpy, `math`, scipy,
# scikit-learn or any other. Simpler functions of theirs, such as `torch.tanh` or `np.exp`, are allowed. The networks of
# `torch.nn` for sequences are not, and autograd is not. Whatever your function uses stands in a cell of this notebook,
# not in a file that is imported or run with `%run`: the check reads your cells. A function may use functions of earlier
# cells.
#
# The next cell is locked. Imports of your own go into a cell of your own below it.

# %% nbgrader={"grade_id": "imports", "locked": true}
import re
from pydoc_data import topics

import matplotlib.pyplot as plt
import torch

from autograder import check, device, when_written

plt.rc("axes", prop_cycle=plt.cycler(color=["#0072B2", "#D55E00", "#009E73", "#CC79A7"]))


# %% [markdown]
# ## One function done for you: a leaky sum
#
# A bucket with a hole: at each step a part of the water stays, and something is poured in. What is in it is the state.
# With `keep` = 0.5, an empty bucket and the inputs 4, 0, 0, it holds 4, 2 and 1.
#
# - **Time is the first dimension.** `x` is (T, N, D): T steps, N sequences, D numbers at each step. So `x[0]` is the
#   first step of all sequences, and `for x_t in x` goes through the steps.
# - **Keep a new tensor for each step.** The states go into a list, and `torch.stack` makes one tensor of it. If one
#   tensor is overwritten at every step, all entries of the list are the last state.
# - **The state before the first step is none of the results.** T steps give T states.


# %%
def leaky_sum(x, h0, keep):
    states, h = [], h0
    for x_t in x:
        h = keep * h + x_t
        states.append(h)
    return torch.stack(states)


leaky_sum(torch.tensor([[[4.0]], [[0.0]], [[0.0]]]), torch.zeros(1, 1), 0.5).flatten()

# %% [markdown]
# Five things hold for all your functions:
#
# - **Shapes.** One step gets `x` (N, D) and `h` (N, H): N sequences at a time, D numbers that come in, H units.
#   Every number that you are given is finite, and no dimension has size 0: a batch has at least one sample.
# - **Weights as in torch.** `w_ih` leads from the input to the state, `w_hh` from the old state to the new one. Each
#   row belongs to one unit that is computed. There are two biases, `b_ih` and `b_hh`, because torch has two.
# - **Type and place.** float32 in, float32 out; float64 in, float64 out; a result lies on the device of its
#   input.
# - **The inputs are not yours.** `h *= f` and methods that end in an underscore write into the caller's
#   tensor. Make a new one.
# - **Any layout.** A transposed tensor is an ordinary input, although its numbers do not lie in memory row
#   after row. `reshape` accepts it; `view` may not.

# %% [markdown]
# ## 1. A Markov model
# In the book: [Markov: only what came last](../../book/sequences/data.md#markov-only-what-came-last).
#
#
# The simplest memory is one step long. In a *Markov model* (마르코프 모형) the next state depends on the present one,
# and on nothing before it. It is fitted by counting how often state $j$ comes right after state $i$: $n_{ij}$ times.
# The *transition matrix* (전이 행렬) $P$ has their shares among all steps that leave state $i$:
#
# $$P_{ij} = \frac{n_{ij}}{\sum_k n_{ik}}.$$
#
# By hand: the sequence 0, 1, 0, 0, 1 has four pairs: 01, 10, 00, 01. State 0 is left three times, once to 0 and twice
# to 1. State 1 is left once, to 0. At the end it is there, but it is not left. So
#
# $$P = \begin{pmatrix} 1/3 & 2/3 \\ 1 & 0 \end{pmatrix}.$$
#
# Nothing is known of a state that is never left. Its row is zeros.


# %% nbgrader={"grade_id": "markov_fit", "solution": true}
def markov_fit(sequence, states):
    """The transition matrix of a Markov chain, counted in one sequence (Markov 1913).

    sequence (T,), int64: states from 0 to states - 1, in the order of time; states: how many
    there are, whether they occur or not. Returns a float32 tensor (states, states) on the device
    of sequence: row i has the share of each next state among all steps that leave state i. The
    row of a state that is never left is zeros.
    """
    ### BEGIN SOLUTION
    pairs = sequence[:-1] * states + sequence[1:]
    counts = torch.bincount(pairs, minlength=states * states).reshape(states, states)
    return counts.float() / counts.sum(dim=1, keepdim=True).clamp(min=1)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_markov_fit", "grade": true}
check("markov_fit")

# %% [markdown]
# ### What the model writes
#
# Python carries its own manual. The next cell fits your function to the letters of some pages, and draws new text from
# it, letter by letter. Look at pairs of letters, then at words. What does it know, and what can it not know?


# %%
@when_written
def text_from_a_markov_model():
    letters = " abcdefghijklmnopqrstuvwxyz"
    pages = " ".join(topics.topics[name] for name in ("for", "while", "if", "class", "with", "try", "function"))
    text = re.sub("[^a-z]+", " ", pages.lower())
    sequence = torch.tensor([letters.index(letter) for letter in text])
    transition = markov_fit(sequence, len(letters))
    generator = torch.Generator().manual_seed(0)
    drawn = [0]
    for _ in range(200):
        drawn.append(int(torch.multinomial(transition[drawn[-1]], 1, generator=generator)))
    print(len(text), "letters were read. New ones:")
    print("".join(letters[state] for state in drawn))


# %% [markdown]
# ## 2. One step of a recurrent network
# In the book: [One step](../../book/sequences/rnn.md#one-step).
#
#
# A *recurrent neural network* (순환 신경망), RNN, keeps many numbers between two steps. The
# state $h_t$ after step $t$ is made from the input of this step and from the state before it:
#
# $$h_t = \tanh(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh}).$$
#
# This is for one sequence, with columns. Your tensors hold N sequences, a row each, as in a linear layer: there
# $W x$ is written `x @ w.T`.
#
# By hand, with one unit and one input: `w_ih` = 2, `w_hh` = −1, `b_ih` = 0.5, `b_hh` = 0.25. With `x` = 0.5 and
# `h` = 0.75 the sum is $1 + 0.5 - 0.75 + 0.25 = 1$. The new state is $\tanh 1 = 0.762$.


# %% nbgrader={"grade_id": "rnn_step_forward", "solution": true}
def rnn_step_forward(x, h, w_ih, w_hh, b_ih, b_hh):
    """One step of a recurrent network with tanh (Elman 1990).

    x (N, D): the input, perhaps so large that units saturate; h (N, H): the old state. w_ih
    (H, D), w_hh (H, H), b_ih (H,) and b_hh (H,), as in torch.nn.RNNCell. Returns (out, cache);
    out (N, H) is the new state.
    """
    ### BEGIN SOLUTION
    out = torch.tanh(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh)
    return out, (x, h, w_ih, w_hh, out)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_rnn_step_forward", "grade": true}
check("rnn_step_forward")

# %% [markdown]
# ### The step, backward
#
# First go back through tanh. Its slope is easy to find from what comes *out* of it. Then you stand at the sum.
# Here $z$ is this sum. In it are two linear layers, one of $x$ and one of the old state. You know their gradients. Both
# biases are added to the same sum: what does that say about their gradients?
#
# By hand, with the numbers above and `dout` = 2: the slope is $1 - 0.762^2 = 0.420$, so the gradient at $z$ is $0.840$.
# One of the six gradients is `dx` $= 0.840 \cdot 2 = 1.680$.


# %% nbgrader={"grade_id": "rnn_step_backward", "solution": true}
def rnn_step_backward(dout, cache):
    """The gradients of the loss with respect to all arguments of `rnn_step_forward`.

    dout (N, H): gradient of the loss with respect to out. cache: as `rnn_step_forward` returned
    it. Returns (dx, dh, dw_ih, dw_hh, db_ih, db_hh), of the shapes of the arguments.
    """
    ### BEGIN SOLUTION
    x, h, w_ih, w_hh, out = cache
    dz = dout * (1 - out**2)
    db = dz.sum(dim=0)
    return dz @ w_ih, dz @ w_hh, dz.T @ x, dz.T @ h, db, db
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_rnn_step_backward", "grade": true}
check("rnn_step_backward")

# %% [markdown]
# ## 3. Through time
# In the book: [Through time, and back](../../book/sequences/rnn.md#through-time-and-back).
#
#
# One step after the other: the new state of a step is the old state of the next. The weights are the *same* at every
# step. That is why the network does not care how long the sequence is. Drawn side by side, the steps look like a deep
# network whose layers share their weights. The network is *unrolled* (펼친).
#
# By hand, with one unit, `w_ih` = 1, `w_hh` = 0.5, no biases, `h0` = 0 and the inputs 1, 0, 0:
#
# $$h_1 = \tanh 1 = 0.762, \qquad h_2 = \tanh(0.5 \cdot 0.762) = 0.363, \qquad h_3 = \tanh(0.5 \cdot 0.363) = 0.180.$$
#
# The input of the first step is still there two steps later, but there is less of it.


# %% nbgrader={"grade_id": "rnn_forward", "solution": true}
def rnn_forward(x, h0, w_ih, w_hh, b_ih, b_hh):
    """A recurrent network with tanh over whole sequences (Elman 1990).

    x (T, N, D): the inputs of T steps, perhaps so large that units saturate; h0 (N, H): the state
    before the first step. w_ih (H, D), w_hh (H, H), b_ih (H,) and b_hh (H,) are those of every
    step. Returns (out, cache); out (T, N, H) has the state after each step, without h0.
    """
    ### BEGIN SOLUTION
    states, caches = [], []
    h = h0
    for x_t in x:
        h, cache = rnn_step_forward(x_t, h, w_ih, w_hh, b_ih, b_hh)
        states.append(h)
        caches.append(cache)
    return torch.stack(states), caches
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_rnn_forward", "grade": true}
check("rnn_forward")

# %% [markdown]
# ### Backpropagation through time
#
# A state goes two ways. It is a part of `out`, and it is the old state of the next step. So two gradients come back
# to it: `dout` of its step, and what the next step hands back. They meet *before* they go through tanh. To know what
# the next step hands back, begin at the end. This is *backpropagation through time* (시간 역전파).
#
# The weights take part in every step. What must be done with the gradients of all these steps? And what does the first
# step hand back?
#
# By hand, with the numbers above and a `dout` of 0, 0, 1: only the last state is asked for. At the sum of step 3 the
# gradient is its slope, $1 - 0.180^2 = 0.968$. The way to the sum of step 2 adds the factors `w_hh` $= 0.5$ and
# $1 - 0.363^2 = 0.868$: $0.420$ is left. The way to step 1 adds $0.5$ and $1 - 0.762^2 = 0.420$: $0.088$ is left. As
# `w_ih` is 1, these are also the three entries of `dx`, the last one first.


# %% nbgrader={"grade_id": "rnn_backward", "solution": true}
def rnn_backward(dout, cache):
    """The gradients through time with respect to all arguments of `rnn_forward` (Werbos 1990).

    dout (T, N, H): gradient of the loss with respect to out. cache: as `rnn_forward` returned it.
    Returns (dx, dh0, dw_ih, dw_hh, db_ih, db_hh), of the shapes of the arguments; what all steps
    give to a weight or a bias is added up.
    """
    ### BEGIN SOLUTION
    dh, dxs, totals = torch.zeros_like(dout[0]), [], [0, 0, 0, 0]
    for dout_t, step in zip(dout.flip(0), cache[::-1], strict=True):
        dx, dh, *of_step = rnn_step_backward(dout_t + dh, step)
        dxs.append(dx)
        totals = [total + grad for total, grad in zip(totals, of_step, strict=True)]
    return torch.stack(dxs[::-1]), dh, *totals
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_rnn_backward", "grade": true}
check("rnn_backward")

# %% [markdown]
# ### How far back it reaches
#
# The loss looks at the last of 40 states alone. How large is its gradient at the inputs before? Three networks differ
# in one thing: how large `w_hh` is. Read the axis: it counts in powers of ten.


# %%
@when_written
def gradient_over_the_distance():
    steps, n, units = 40, 8, 32
    generator = torch.Generator().manual_seed(0)
    x, w_hh, w_ih = (
        torch.randn(shape, generator=generator).to(device()) for shape in ((steps, n, 4), (units, units), (units, 4))
    )
    zeros = w_hh.new_zeros(units)
    dout = x.new_zeros(steps, n, units)
    dout[-1] = 1
    _, axis = plt.subplots(figsize=(6, 3.4), layout="constrained")
    for factor in (0.5, 1.0, 2.0):
        weight = factor * w_hh / units**0.5
        _, cache = rnn_forward(0.1 * x, x.new_zeros(n, units), w_ih / 2, weight, zeros, zeros)
        dx = rnn_backward(dout, cache)[0]
        axis.semilogy(range(steps), dx.norm(dim=(1, 2)).flip(0).cpu(), label=f"w_hh times {factor}")
    axis.set(xlabel="steps back", ylabel="norm of dx at that step")
    axis.legend()


# %% [markdown]
# ## 4. Clipping
# In the book: [Clipping: not so far in one step](../../book/sequences/gradients.md#clipping-not-so-far-in-one-step).
#
#
# A gradient that explodes throws the weights far away in one step. *Clipping* (그래디언트 클리핑) makes it shorter
# and keeps its direction. All gradients of a network, one after the other, are one long vector. Here $v$ is
# this vector, and $\|v\|$ its length, the *norm* (노름): the root of the sum of the squares of all entries.
# Here $m$ is the largest length that is allowed, in code `max_norm`. Every entry is multiplied by the same
# number:
#
# $$\min\left(1, \frac{m}{\|v\| + 10^{-6}}\right).$$
#
# The small number is torch's: so nothing is divided by 0.
#
# By hand: two tensors hold $(3, 0)$ and $(4)$. The squares are 9, 0 and 16, so the norm is $\sqrt{25} = 5$. With
# `max_norm` 1 the factor is $0.2$ (with the small number, 0.19999996). The clipped tensors hold $(0.6, 0)$ and
# $(0.8)$: their norm is 1. The first tensor alone has the norm 3, but it was not clipped alone. With `max_norm` 10
# nothing changes.


# %% nbgrader={"grade_id": "clip_gradients", "solution": true}
def clip_gradients(grads, max_norm):
    """Shorten gradients if they are too long, all by one factor (Pascanu et al. 2013).

    grads: a list of tensors; max_norm: a number above 0. norm is the root of the sum of the
    squares of all entries of all tensors, before clipping. Every tensor is multiplied by max_norm
    / (norm + 1e-6), but by no more than 1, as in torch.nn.utils.clip_grad_norm_. Returns (grads,
    norm): a list of tensors of the same shapes, and norm, 0-dim.
    """
    ### BEGIN SOLUTION
    norm = torch.cat([grad.flatten() for grad in grads]).norm()
    factor = (max_norm / (norm + 1e-6)).clamp(max=1)
    return [grad * factor for grad in grads], norm
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_clip_gradients", "grade": true}
check("clip_gradients")

# %% [markdown]
# ## 5. One step of an LSTM
# In the book: [Two states and four numbers](../../book/sequences/lstm.md#two-states-and-four-numbers).
#
#
# *Long Short-Term Memory* (장단기 메모리), LSTM, has two states. The *cell state* (셀 상태) is the memory that stays
# inside. The *hidden state* (은닉 상태) is what the step says to the outside. *Gates* (게이트) are numbers from 0 to 1.
# They say which share is kept, let in and let out.
#
# After step $t$, $c_t$ is the cell state and $h_t$ the hidden state. The input gate $i_t$ says which share of the new
# is let in, the forget gate $f_t$ which share of the old stays, and the output gate $o_t$ which share is let out.
# What could be new in the memory is the *candidate* (후보), $g_t$. For each unit there are four sums. Here $z$ is all
# of them together, four times as many as there are units:
#
# $$z = W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh}.$$
#
# The first block of rows, as many as there are units, belongs to $i_t$, the next to $f_t$, then $g_t$, then $o_t$.
# Three go through a sigmoid, the candidate through tanh. Then, for each unit by itself,
#
# $$c_t = f_t \, c_{t-1} + i_t \, g_t, \qquad h_t = o_t \tanh c_t.$$
#
# By hand, with one unit: the four sums are 0, 2, 1 and −1, and the old cell state is 1.5. So $i_t = 0.5$,
# $f_t = 0.881$, $g_t = 0.762$ and $o_t = 0.269$. The new cell state is $0.881 \cdot 1.5 + 0.5 \cdot 0.762 = 1.702$. The
# new hidden state is $0.269 \cdot \tanh 1.702 = 0.252$: the memory is full, and the output gate lets little of it out.


# %% nbgrader={"grade_id": "lstm_step_forward", "solution": true}
def lstm_step_forward(x, h, c, w_ih, w_hh, b_ih, b_hh):
    """One step of an LSTM with a forget gate (Hochreiter & Schmidhuber 1997; Gers et al. 2000).

    x (N, D): the input, perhaps so large that gates saturate; h, c (N, H): the old hidden state
    and the old cell state. w_ih (4H, D), w_hh (4H, H), b_ih (4H,) and b_hh (4H,): the rows of the
    input gate, the forget gate, the candidate and the output gate, in this order, as in
    torch.nn.LSTMCell. Returns ((h, c), cache): the new hidden state and the new cell state, (N, H).
    """
    ### BEGIN SOLUTION
    z = x @ w_ih.T + b_ih + h @ w_hh.T + b_hh
    i, f, g, o = z.chunk(4, dim=1)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    new_c = f * c + i * g
    squashed = new_c.tanh()
    return (o * squashed, new_c), (x, h, c, w_ih, w_hh, i, f, g, o, squashed)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_lstm_step_forward", "grade": true}
check("lstm_step_forward")

# %% [markdown]
# ### The LSTM's step, backward
#
# Two gradients come in: `dh` for the new hidden state and `dc` for the new cell state. The new cell state goes two
# ways: into the new hidden state, and out of the step as it is. So two gradients meet at it. From there on, each
# product hands to one factor what came in, times the other factor. At the end stand the slopes of four blocks, in the
# order of the rows.
#
# By hand, with the numbers above, `dh` = 1 and `dc` = 0: what reaches the new cell state has been through the output
# gate and the slope of tanh, $0.269 \cdot (1 - 0.936^2) = 0.0335$. To the old cell state it goes through the forget
# gate alone: `dc` is $0.0335 \cdot 0.881 = 0.0295$. There is no weight on this way, and no tanh. That is what the
# LSTM was made for.
#
# In the book: [The way back along the cell](../../book/sequences/lstm.md#the-way-back-along-the-cell).


# %% nbgrader={"grade_id": "lstm_step_backward", "solution": true}
def lstm_step_backward(dh, dc, cache):
    """The gradients of the loss with respect to all arguments of `lstm_step_forward`.

    dh, dc (N, H): gradients of the loss with respect to the new hidden state and the new cell
    state. cache: as `lstm_step_forward` returned it. Returns (dx, dh, dc, dw_ih, dw_hh, db_ih,
    db_hh), of the shapes of the arguments; these dh and dc belong to the old states.
    """
    ### BEGIN SOLUTION
    x, h, c, w_ih, w_hh, i, f, g, o, squashed = cache
    dcell = dc + dh * o * (1 - squashed**2)
    dz = torch.cat(
        [
            dcell * g * i * (1 - i),
            dcell * c * f * (1 - f),
            dcell * i * (1 - g**2),
            dh * squashed * o * (1 - o),
        ],
        dim=1,
    )
    db = dz.sum(dim=0)
    return dz @ w_ih, dz @ w_hh, dcell * f, dz.T @ x, dz.T @ h, db, db
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_lstm_step_backward", "grade": true}
check("lstm_step_backward")

# %% [markdown]
# ## 6. Explain it
#
# In someone's notes you read about the RNN: *the further back a piece of information lies, the harder it is for it to
# get through*, and *because of the exploding gradient, ReLU is rarely used in an RNN*. Answer in your own words.
# Numbers from your plots count as reasons. A person marks it.
#
# (a) What is the gradient at a step 40 steps back made of? Why does it vanish in one network and explode in another?
# **2 points.**
#
# (b) Can the gradient of an RNN with tanh explode? What is worse with ReLU, and what helps? **2 points.**
#
# (c) What does clipping do to a gradient that explodes, and what to one that vanishes? Why are all tensors shortened by
# one factor? **2 points.**
#
# (d) On which way does the gradient of an LSTM get far back, and when does it not get far there either? **2 points.**

# %% [markdown] nbgrader={"grade_id": "explain_memory", "grade": true, "solution": true, "points": 8}
# **(a)**
#
# ### BEGIN SOLUTION
# *A product (1 point).* For every step on the way it has one more factor: the recurrent weights, and the slope of tanh.
# It is the same matrix every time, so what is stretched in one step is stretched in all of them.
#
# *Smaller or larger than 1 (1 point).* Where a step shrinks the gradient on average, 40 steps leave about a power of 40
# of that: with 0.5 it is about 1e-12. Where a step stretches it, it grows in the same way. In the plot the three lines
# differ in the size of `w_hh` alone.
# ### END SOLUTION
#
# **(b)**
#
# ### BEGIN SOLUTION
# *Yes (1 point).* tanh bounds the state, not the gradient. As long as the units do not saturate, their slopes are
# near 1, and a large `w_hh` wins.
#
# *ReLU (1 point, with one remedy).* The slope of an active unit is always 1, and the state has no bound: state and
# gradient explode together. A `w_hh` that begins as the identity, small steps and clipping make it trainable.
# ### END SOLUTION
#
# **(c)**
#
# ### BEGIN SOLUTION
# *Explodes and vanishes (1 point).* Clipping bounds the length of the step; the direction stays. It does nothing for a
# gradient that vanishes: below the bound the factor is 1, and a larger factor would enlarge everything alike, not what
# comes from far back.
#
# *One factor (1 point).* Then the direction of the whole step stays the same. With a factor for each tensor some
# weights would move further than others against what the loss asks for.
# ### END SOLUTION
#
# **(d)**
#
# ### BEGIN SOLUTION
# *From cell state to cell state (1 point).* There is only a product with the forget gate: no weight matrix and no
# tanh. If the gate is open, near 1, next to nothing is lost.
#
# *When not (1 point).* If the forget gate is clearly below 1: 0.9 leaves 1.5 % after 40 steps. At the start of a
# training with biases near 0 the gates are half open; that is why one begins with a larger bias for the forget gate.
# ### END SOLUTION

# %% [markdown]
# ## 7. Your networks, on a task for a long memory
#
# A sequence begins with +1 or −1. Then come 29 numbers that mean nothing. After the last one the network must say how
# the sequence began. Both networks are yours, forward and backward, with your clipping. Three trainings of each are
# drawn. The forget gates of the LSTM begin open, by a bias of 3.
#
# Change things: 20 steps, another rate, a forget bias of 0, another seed. Is there a rate with which the RNN gets
# there, too? The two networks need not have the same one.


# %%
@when_written
def a_long_memory():
    steps, n, units, rate, forget_bias = 30, 32, 16, 0.01, 3.0

    def last_state(x, weights, is_lstm):
        """The last hidden state, and a function that takes a gradient for it back to the weights."""
        h = c = torch.zeros(n, units)
        if not is_lstm:
            out, cache = rnn_forward(x, h, *weights)
            before = torch.zeros_like(out[1:])
            return out[-1], lambda dh: rnn_backward(torch.cat([before, dh[None]]), cache)[2:]
        caches = []
        for x_t in x:
            (h, c), cache = lstm_step_forward(x_t, h, c, *weights)
            caches.append(cache)

        def backward(dh):
            dc, totals = torch.zeros_like(dh), [0, 0, 0, 0]
            for cache in caches[::-1]:
                _, dh, dc, *of_step = lstm_step_backward(dh, dc, cache)
                totals = [total + grad for total, grad in zip(totals, of_step, strict=True)]
            return totals

        return h, backward

    def train(is_lstm, seed):
        """The share of right answers in each batch."""
        generator = torch.Generator().manual_seed(seed)
        rows = 4 * units if is_lstm else units
        shapes = (rows, 2), (rows, units), (rows,), (rows,), (units,)
        params = [(2 * torch.rand(shape, generator=generator) - 1) / units**0.5 for shape in shapes]
        if is_lstm:
            params[2][units : 2 * units] = forget_bias
        optimizer = torch.optim.Adam(params, rate)
        shares = []
        for _ in range(100):
            sign = 2.0 * torch.randint(2, (n,), generator=generator) - 1
            # The second input is 1 at the first step alone: it says that this is the beginning.
            x = torch.zeros(steps, n, 2)
            x[:, :, 0] = torch.randn(steps, n, generator=generator) / 2
            x[0] = torch.stack([sign, torch.ones(n)], dim=1)
            last, backward = last_state(x, params[:4], is_lstm)
            score = last @ params[4]
            shares.append(((score > 0) == (sign > 0)).float().mean().item())
            dscore = -sign * torch.sigmoid(-sign * score) / n
            grads = [*backward(dscore[:, None] * params[4]), dscore @ last]
            for param, grad in zip(params, clip_gradients(grads, 1.0)[0], strict=True):
                param.grad = grad
            optimizer.step()
        return torch.tensor(shares).unfold(0, 10, 1).mean(dim=1)

    _, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained", sharey=True)
    for axis, name in zip(axes, ("RNN", "LSTM"), strict=True):
        for seed in range(3):
            axis.plot(train(name == "LSTM", seed), label=f"seed {seed}")
        axis.set(xlabel="batch", title=name, ylim=(0.3, 1.02))
    axes[0].set_ylabel("share right, of 10 batches")
    axes[1].legend()


# %% [markdown]
# Before you hand in: restart the kernel and run all cells from the top, because that is how the notebook is
# graded. A function that needs a name from a cell you have deleted fails there and nowhere else.
