# %% [markdown]
# # The networks of twenty years, block by block
#
# Every famous network is one idea, repeated. You write these ideas as blocks: the connection table of LeNet, the two
# halves of AlexNet, the branches of Inception, the shortcuts of ResNet, the dense blocks of DenseNet, the gates of
# SENet, the two cheap convolutions of MobileNet, and the block of EfficientNet that has nearly all of them inside.
# Four functions say what a network costs, how often it is wrong, where it looks, and how it grows.
#
# Run the next cell first. `check` compares what you write with a reference. `when_written` is for the cells that try
# out what you have written: as long as a part is missing, it says which.
#
# A check counts points and says what went wrong. `check("LeNetC3").case()`, in a cell of your own, shows
# the first case that failed: what your function was given, what it returned, and what was expected. Put
# the name of a case between the last brackets to see that one. `check()` alone shows your points so far.
#
# What an exercise asks for is written, not taken from a library: torchvision and timm have these blocks ready-made,
# and are not allowed. The layers of `torch.nn` are allowed here, and so is autograd: you write the way forward, and
# torch finds the way back. Whatever your function uses stands in a cell of this notebook, not in a file that is
# imported or run with `%run`: the check reads your cells.
#
# The next cell is locked. Imports of your own go into a cell of your own below it.

# %% nbgrader={"grade_id": "imports", "locked": true}
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn

from autograder import check, when_written
from autograder.datasets import digits

plt.rc("axes", prop_cycle=plt.cycler(color=["#0072B2", "#D55E00", "#009E73", "#CC79A7"]))


# %% [markdown]
# ## One example done for you: a block and its names
#
# A block is a class. Its `__init__` makes the layers, its `forward` says how a batch of images goes through them. This
# one is a convolution and a shortcut in which the image is made smaller.


# %%
class Example(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=2, padding=1)
        self.shortcut = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride=2, bias=False), nn.ReLU())

    def forward(self, x):
        return F.relu(self.conv1(x)) + self.shortcut(x)


for name, tensor in Example(3, 4).state_dict().items():
    print(f"{name:20} {tuple(tensor.shape)}")

# %% [markdown]
# The list is the block's *state*. The first convolution has $4 \cdot 3 \cdot 3 \cdot 3 = 108$ weights and 4 biases.
# The layers of an `nn.Sequential` are named by numbers. The ReLU has no parameter, so it is not in the list.
#
# **How a block is checked.** The check makes your block, and copies random parameters from a reference into it *by
# name*. Then both get the same images and must give the same output, the same gradients, and the same running
# statistics. So the names in your block must be those that the text gives. A name that is missing, one too many, or
# another shape is told at once. Free are:
#
# - the order in which you make the layers;
# - the names of what has no parameters, such as a ReLU or a pooling layer, and whether you take `nn.ReLU()`, `F.relu`
#   or `torch.relu`;
# - constants. Keep a constant tensor with `self.register_buffer("name", tensor, persistent=False)`: then it goes to
#   the GPU with the block and is not in the state.
#
# The arguments of `__init__` are given by position, in the order of the stub.
#
# Four things hold everywhere:
#
# - **Numbers.** Images need not be square, and their sizes may be odd.
#   Every number that you are given is finite, and no dimension has size 0: a batch has at least one sample.
# - **Type and place.** The output has the type of the input, `float32` or `float64`, and lies on the same device.
# - **The input is not yours.** It is as it was when you return. `nn.ReLU(inplace=True)` on what you have computed
#   yourself is fine.
# - **The way back.** Gradients must reach the input and every parameter: no `detach()`, no `.data` and no
#   `torch.no_grad()` in a `forward`.

# %% [markdown]
# ## 1. LeNet's connection table
#
# The third layer of LeNet-5 makes 16 maps of 6, by convolutions of 5 by 5. It is no ordinary convolution: a map does
# not see all 6 maps before it, but some of them (LeCun et al. 1998, table I). So different maps must learn different
# things, and there is less to compute. In each row of the table is a map, and the maps that it sees:
#
# | map | sees | map | sees | map | sees | map | sees |
# | --- | --- | --- | --- | --- | --- | --- | --- |
# | 0 | 0, 1, 2 | 4 | 0, 4, 5 | 8 | 2, 3, 4, 5 | 12 | 0, 1, 3, 4 |
# | 1 | 1, 2, 3 | 5 | 0, 1, 5 | 9 | 0, 3, 4, 5 | 13 | 1, 2, 4, 5 |
# | 2 | 2, 3, 4 | 6 | 0, 1, 2, 3 | 10 | 0, 1, 4, 5 | 14 | 0, 2, 3, 5 |
# | 3 | 3, 4, 5 | 7 | 1, 2, 3, 4 | 11 | 0, 1, 2, 5 | 15 | 0, 1, 2, 3, 4, 5 |
#
# By hand: map 4 sees three maps, so its kernel has $3 \cdot 25 = 75$ weights, and a bias. Six maps see three, nine see
# four, one sees six: $(6 \cdot 3 + 9 \cdot 4 + 6) \cdot 25 + 16 = 1516$ parameters. A full convolution has
# $16 \cdot 6 \cdot 25 + 16 = 2416$. An image of 14 by 14 becomes $14 - 5 + 1 = 10$ by 10.
#
# **Names.** `maps` is an `nn.ModuleList` of 16 convolutions with bias, one for each map, each to one channel:
# `maps.4.weight` is (1, 3, 5, 5). Its channels are those of the table, in ascending order. After the convolutions
# comes nothing here: no activation function, no padding.
#
# In the book: [LeNet-5 (1998)](../../book/cnn_history/first.md#lenet-5-1998).


# %% nbgrader={"grade_id": "LeNetC3", "solution": true}
class LeNetC3(nn.Module):
    """The third layer of LeNet-5: each map sees only some of those before it (LeCun et al. 1998, table I).

    x (N, 6, H, W), H and W at least 5. Returns (N, 16, H - 4, W - 4): map i is a convolution of 5 by 5,
    with bias, of the maps that row i of the table names, in ascending order. No activation function.
    State: maps.0 to maps.15, an nn.ModuleList of convolutions to one channel.
    """

    def __init__(self):
        super().__init__()
        ### BEGIN SOLUTION
        self.table = [[(start + step) % 6 for step in range(3)] for start in range(6)]
        self.table += [[(start + step) % 6 for step in range(4)] for start in range(6)]
        self.table += [[(start + step) % 6 for step in (0, 1, 3, 4)] for start in range(3)]
        self.table += [range(6)]
        self.table = [sorted(seen) for seen in self.table]
        self.maps = nn.ModuleList(nn.Conv2d(len(seen), 1, kernel_size=5) for seen in self.table)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        return torch.cat([conv(x[:, seen]) for conv, seen in zip(self.maps, self.table, strict=True)], dim=1)
        ### END SOLUTION


# %% nbgrader={"grade_id": "check_LeNetC3", "grade": true}
check("LeNetC3")

# %% [markdown]
# ## 2. AlexNet on two GPUs
#
# In 2012 a GPU had 3 GB of memory, and AlexNet did not fit into it. So it was cut in two. The first GPU has the first
# half of the channels and makes the first half of the maps. The second GPU has the rest. In most layers neither sees
# the other's half (Krizhevsky et al. 2012, figure 2).
#
# By hand: a convolution of 3 by 3 from 4 channels to 6 has $6 \cdot 4 \cdot 9 = 216$ weights. Cut in two, it has
# $2 \cdot 3 \cdot 2 \cdot 9 = 108$: half of the weights, and half of the multiplications. What began as a makeshift
# came back later as *grouped convolution* (그룹 합성곱), `nn.Conv2d(..., groups=2)`.
#
# **Names.** `gpu1` and `gpu2`, two convolutions with bias from half of the channels to half of the maps. No ReLU.
#
# In the book: [AlexNet (2012)](../../book/cnn_history/first.md#alexnet-2012).


# %% nbgrader={"grade_id": "AlexNetGroupedConv", "solution": true}
class AlexNetGroupedConv(nn.Module):
    """A convolution on two GPUs, each with half of the channels (Krizhevsky et al. 2012, section 3.2).

    in_channels, out_channels: both even. kernel_size, stride and padding as in nn.Conv2d.
    x (N, in_channels, H, W). Returns (N, out_channels, H_out, W_out): first the maps that gpu1 makes of the
    first half of the channels, then those that gpu2 makes of the second half. No activation function.
    State: gpu1 and gpu2, convolutions with bias.
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        ### BEGIN SOLUTION
        self.gpu1 = nn.Conv2d(in_channels // 2, out_channels // 2, kernel_size, stride=stride, padding=padding)
        self.gpu2 = nn.Conv2d(in_channels // 2, out_channels // 2, kernel_size, stride=stride, padding=padding)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        first, second = x.chunk(2, dim=1)
        return torch.cat([self.gpu1(first), self.gpu2(second)], dim=1)
        ### END SOLUTION


# %% nbgrader={"grade_id": "check_AlexNetGroupedConv", "grade": true}
check("AlexNetGroupedConv")

# %% [markdown]
# ## 3. What a network costs
#
# The notes have a table of AlexNet and one of VGG: for each layer its output, its memory, its parameters. You
# write the function that makes such a table of any network. A row has five entries: the layer's name, the shape
# of its output for one image, how many numbers that is (its *activations*), its parameters, and its
# *multiply-adds* (곱셈-덧셈).
#
# A number in the output of a convolution takes one multiply-add for each weight of its filter. By hand: 64 filters of
# 3 by 3 over 3 channels, on an image of 224 by 224 with padding 1.
#
# | what | |
# | --- | --- |
# | output shape | (64, 224, 224) |
# | activations | $64 \cdot 224 \cdot 224 = 3{,}211{,}264$ |
# | parameters | $64 \cdot (3 \cdot 9 + 1) = 1792$ |
# | multiply-adds | $3{,}211{,}264 \cdot 27 = 86{,}704{,}128$ |
#
# This is the first layer of VGG-16. Biases are no multiply-adds. In a convolution in groups a filter sees only the
# channels of its group. A linear layer from 512 features to 10 takes $512 \cdot 10$. All other layers count as 0.
#
# How to see the outputs of all layers? A *hook* is a function that torch calls whenever a layer has been called:
# `handle = layer.register_forward_hook(hook)`, then `hook(layer, inputs, output)`. `handle.remove()` takes it away.
# `model.named_modules()` gives all names and layers, also those inside of others, and the model itself with the name
# `""`. Only layers that have no layers inside get a row: `list(layer.children())` is empty.
#
# - One row for each *call*, in the order of the calls. A layer that is called twice has two rows. Its parameters
#   stand in the first, so that the column adds up to the parameters of the network.
# - A zero image will do. Give it the type and the device of the parameters, if there are any.
# - Call the model in evaluation mode and without gradients. Leave it as it was: every layer in its mode, running
#   statistics, no hooks.
#
# In the book: [AlexNet (2012)](../../book/cnn_history/first.md#alexnet-2012).


# %% nbgrader={"grade_id": "cost_table", "solution": true}
def cost_table(model, input_shape):
    """Layer by layer: what a network makes of one image, and what that costs.

    model: a torch.nn.Module, in training mode or not. input_shape: the shape of one image without the
    batch, (C, H, W). Returns a list of rows (name, output_shape, activations, parameters, multiply_adds), one
    for each call of a layer without layers inside, in the order of the calls. name: as in
    model.named_modules(). output_shape: a tuple, without the batch. activations: the numbers in it.
    parameters: weights and biases at the layer's first call, 0 at a later one. multiply_adds: of an
    nn.Conv2d, groups regarded, and of an nn.Linear, without biases; 0 for all other layers. The model stays as
    it was: modes, running statistics, no hooks left.
    """
    ### BEGIN SOLUTION
    rows, counted = [], set()

    def note(name, layer, output):
        shape = tuple(output.shape[1:])
        activations = output[0].numel()
        parameters = 0 if layer in counted else sum(p.numel() for p in layer.parameters())
        counted.add(layer)
        weights_of_a_filter = layer.weight[0].numel() if isinstance(layer, (nn.Conv2d, nn.Linear)) else 0
        rows.append((name, shape, activations, parameters, activations * weights_of_a_filter))

    modes = {layer: layer.training for layer in model.modules()}
    handles = [
        layer.register_forward_hook(lambda layer, inputs, output, name=name: note(name, layer, output))
        for name, layer in model.named_modules()
        if not list(layer.children())
    ]
    like = next(model.parameters(), torch.zeros(1))
    with torch.no_grad():
        model.eval()(torch.zeros(1, *input_shape, dtype=like.dtype, device=like.device))
    for handle in handles:
        handle.remove()
    for layer, training in modes.items():
        layer.training = training
    return rows
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_cost_table", "grade": true}
check("cost_table")

# %% [markdown]
# The next cell shows the table of three layers: a full convolution, the same one in two groups, and a linear layer.


# %%
@when_written
def three_layers():
    model = nn.Sequential(nn.Conv2d(4, 6, 3), nn.Conv2d(6, 6, 3, groups=2), nn.Flatten(), nn.Linear(6 * 4 * 4, 10))
    print(f"{'name':5} {'output':12} {'activations':>11} {'parameters':>10} {'multiply-adds':>13}")
    for name, shape, *numbers in cost_table(model, (4, 8, 8)):
        print(f"{name:5} {shape!s:12} {numbers[0]:11,} {numbers[1]:10,} {numbers[2]:13,}")


# %% [markdown]
# ## 4. Top-5 error
#
# ILSVRC, the contest of these networks, has 1000 classes. Many images show more than one thing. So a network may guess
# five times: its *top-5 error* (상위 5 오류) is the share of the images whose class is not among the five with the
# greatest logits. The top-1 error is the share that the first guess gets wrong.
#
# By hand: three images, four classes, and `k` is 2.
#
# | logits | the two first | target | right? |
# | --- | --- | --- | --- |
# | 1, 5, 2, 4 | 1, 3 | 3 | yes |
# | 3, 0, 2, 1 | 0, 2 | 1 | no |
# | 2, 7, 2, 0 | 1, 0 | 2 | no |
#
# The error is $2/3$. Look at the third image: classes 0 and 2 have equal logits. Which goes first must be fixed, or
# two people would measure two errors. *Of equal logits, the lower class goes first.* `torch.topk` promises no order
# among equal ones; `torch.sort(..., stable=True)` keeps the order that they had.
#
# In the book: [Top-1 and top-5 error](../../book/cnn_history/history.md#top-1-and-top-5-error).


# %% nbgrader={"grade_id": "top_k_error", "solution": true}
def top_k_error(logits, target, k):
    """The share of images whose class is not among the k with the greatest logits (Russakovsky et al. 2015).

    logits (N, C). target (N,), int64: the true classes. k: an int from 1 to C. Returns a number from 0 to 1, or
    a tensor of one. Of classes with equal logits the lower one goes first.
    """
    ### BEGIN SOLUTION
    first = torch.sort(logits, dim=1, descending=True, stable=True).indices[:, :k]
    right = (first == target[:, None]).any(dim=1)
    return 1 - right.to(logits.dtype).mean()
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_top_k_error", "grade": true}
check("top_k_error")

# %% [markdown]
# ## 5. Where a network looks
#
# Zeiler and Fergus (2014) asked ZFNet what it looks at, without opening it. They covered a square of the image and
# watched the probability of the right class. Where it falls, the network had looked. Move the square over the whole
# image, and you have an *occlusion map* (가림 지도).
#
# A square of `patch` by `patch` pixels goes over the image in steps of `stride`, from the upper left corner. It never
# goes over the border. There are `(H - patch) // stride + 1` rows of places. By hand: an image of 9 rows, a patch of
# 3, steps of 2: the square begins in the rows 0, 2, 4 and 6, so the map has 4 rows.
#
# The square is 0 in all channels: for a normalized image that is a mean grey. Each place begins with the whole
# image. What stands in the map is the probability (the softmax of the logits) of the class `target`.
#
# In the book: [ZFNet (2013)](../../book/cnn_history/first.md#zfnet-2013).


# %% nbgrader={"grade_id": "occlusion_map", "solution": true}
def occlusion_map(model, image, target, patch, stride):
    """The probability of a class while a square of the image is covered (Zeiler & Fergus 2014, section 4.2).

    model: a torch.nn.Module in evaluation mode, images (N, C, H, W) to logits. image (C, H, W). target: the
    class, an int. patch: the side of the square, at most H and W. stride: how far it moves. The square is 0 in
    all channels and stays inside of the image. Returns (rows, columns), where rows is (H - patch) // stride + 1:
    the probability of target while the square's upper left corner is at row i * stride and column
    j * stride. image and model stay as they were.
    """
    ### BEGIN SOLUTION
    _, height, width = image.shape
    rows = []
    for top in range(0, height - patch + 1, stride):
        covered = []
        for left in range(0, width - patch + 1, stride):
            one = image.clone()
            one[:, top : top + patch, left : left + patch] = 0
            covered.append(one)
        with torch.no_grad():
            rows.append(F.softmax(model(torch.stack(covered)), dim=1)[:, target])
    return torch.stack(rows)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_occlusion_map", "grade": true}
check("occlusion_map")

# %% [markdown]
# The next cell trains a linear layer on handwritten digits for 60 steps, and asks it where it looks. Dark places are
# those that it needs: what is covered there makes the digit less likely.


# %%
@when_written
def where_it_looks():
    images, labels = digits()
    images = images - images.mean()
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=2.0)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    _, axes = plt.subplots(2, 4, figsize=(8, 4), layout="constrained")
    for column, digit in enumerate((0, 3, 4, 7)):
        image = images[labels == digit][0]
        seen = occlusion_map(model.eval(), image, digit, 3, 1).detach()
        axes[0, column].imshow(image[0], cmap="gray_r")
        axes[1, column].imshow(seen, cmap="gray")
        axes[0, column].set(title=f"a {digit}", xticks=[], yticks=[])
        axes[1, column].set(title=f"lowest {float(seen.min()):.2f}", xticks=[], yticks=[])


# %% [markdown]
# ## 6. Inception
#
# Which kernel is the best, 1 by 1, 3 by 3 or 5 by 5? GoogLeNet takes all of them at once, and a pooling, and puts
# their maps on top of each other (Szegedy et al. 2014, figure 2b). Four *branches* go out from x:
#
# ```
#         x
#   ______|__________________
#   |     |         |        |
#  1x1   1x1       1x1    max 3x3
#   |     |         |        |
#   |    3x3       5x5      1x1
#   |_____|_________|________|
#         |
#   torch.cat, dim=1
# ```
#
# Here the 1x1 convolutions in front of 3x3 and 5x5 are the trick: they reduce the channels first. By hand, for 192
# channels to 32 maps by 5 by 5: directly, $192 \cdot 32 \cdot 25 = 153{,}600$ weights. Through 16 channels,
# $192 \cdot 16 + 16 \cdot 32 \cdot 25 = 15{,}872$.
#
# All branches keep height and width: 3x3 has padding 1, 5x5 has padding 2, the pooling has stride 1 and padding 1.
# Every convolution, also a reducing one, is followed by a ReLU.
#
# **Names.** `conv1x1`; `conv3x3_reduce`, `conv3x3`; `conv5x5_reduce`, `conv5x5`; `pool_project`. All with bias.
#
# In the book: [GoogLeNet, Inception v1 (2014)](../../book/cnn_history/inception.md#googlenet-inception-v1-2014).


# %% nbgrader={"grade_id": "InceptionModule", "solution": true}
class InceptionModule(nn.Module):
    """Four branches side by side: 1x1, 3x3, 5x5 and max pooling (Szegedy et al. 2014, figure 2b).

    x (N, in_channels, H, W). Returns (N, ch1x1 + ch3x3 + ch5x5 + pool_proj, H, W), the branches in this order:
    1x1 to ch1x1 maps; 1x1 to ch3x3red maps, then 3x3 to ch3x3; 1x1 to ch5x5red maps, then 5x5 to ch5x5;
    max pooling of 3x3 with stride 1, then 1x1 to pool_proj maps. Every convolution has a bias and is
    followed by a ReLU. State: conv1x1, conv3x3_reduce, conv3x3, conv5x5_reduce, conv5x5, pool_project.
    """

    def __init__(self, in_channels, ch1x1, ch3x3red, ch3x3, ch5x5red, ch5x5, pool_proj):
        super().__init__()
        ### BEGIN SOLUTION
        self.conv1x1 = nn.Conv2d(in_channels, ch1x1, kernel_size=1)
        self.conv3x3_reduce = nn.Conv2d(in_channels, ch3x3red, kernel_size=1)
        self.conv3x3 = nn.Conv2d(ch3x3red, ch3x3, kernel_size=3, padding=1)
        self.conv5x5_reduce = nn.Conv2d(in_channels, ch5x5red, kernel_size=1)
        self.conv5x5 = nn.Conv2d(ch5x5red, ch5x5, kernel_size=5, padding=2)
        self.pool = nn.MaxPool2d(kernel_size=3, stride=1, padding=1)
        self.pool_project = nn.Conv2d(in_channels, pool_proj, kernel_size=1)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        one = F.relu(self.conv1x1(x))
        three = F.relu(self.conv3x3(F.relu(self.conv3x3_reduce(x))))
        five = F.relu(self.conv5x5(F.relu(self.conv5x5_reduce(x))))
        pool = F.relu(self.pool_project(self.pool(x)))
        return torch.cat([one, three, five, pool], dim=1)
        ### END SOLUTION


# %% nbgrader={"grade_id": "check_InceptionModule", "grade": true}
check("InceptionModule")

# %% [markdown]
# ## 7. Inception, factorized
#
# A kernel of 7 by 7 has 49 weights. One row of 7 and then one column of 7 see the same 7 by 7 pixels, with
# $7 + 7 = 14$ weights. That is an *asymmetric* factorization (비대칭 분해) (Szegedy et al. 2015, section 3.2). It is
# not the same convolution any more: it can do less, and it has a ReLU in the middle.
#
# A kernel of `(1, 7)` is 1 pixel high and 7 wide: height comes first, as in a shape. To keep the size it has the
# padding `(0, 3)`, and `(7, 1)` has `(3, 0)`. The module has four branches, which are put on top of each other in
# this order:
#
# | branch | layers |
# | --- | --- |
# | 1x1 | `branch1x1`: 1x1 |
# | 7x7 | `branch7x7_1`: 1x1, `branch7x7_2`: 1x7, `branch7x7_3`: 7x1 |
# | 7x7 twice | `branch7x7dbl_1`: 1x1, `_2`: 7x1, `_3`: 1x7, `_4`: 7x1, `_5`: 1x7 |
# | pool | average pooling of 3x3 (stride 1, padding 1, torch's default otherwise), `branch_pool`: 1x1 |
#
# Each ends in `branch_channels` maps. Inside of the second and the third there are `channels_7x7`.
#
# **Names.** Every layer of the table is a convolution without bias, its batch normalization with an `eps` of 0.001,
# and a ReLU. Such a unit is given in the next cell: its state is `conv.weight` and that of `bn`. So `branch7x7_2` has
# `branch7x7_2.conv.weight`, `branch7x7_2.bn.weight` and so on.
#
# In the book: [Inception v2, v3 and v4](../../book/cnn_history/inception.md#inception-v2-v3-and-v4).


# %% nbgrader={"grade_id": "FactorizedInception", "solution": true}
class ConvNormReLU(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class FactorizedInception(nn.Module):
    """Inception with 7x7 convolutions that are a row and a column (Szegedy et al. 2015, section 3.2, figure 6).

    x (N, in_channels, H, W). Returns (N, 4 * branch_channels, H, W), four branches in this order: 1x1; 1x1,
    1x7, 7x1; 1x1, 7x1, 1x7, 7x1, 1x7; average pooling of 3x3 with stride 1 and padding 1 (the padding
    counts), then 1x1. Each is a ConvNormReLU. There are channels_7x7 maps inside of the second and the
    third, and branch_channels at every end. State: branch1x1; branch7x7_1 to branch7x7_3;
    branch7x7dbl_1 to branch7x7dbl_5; branch_pool.
    """

    def __init__(self, in_channels, channels_7x7, branch_channels=192):
        super().__init__()
        ### BEGIN SOLUTION
        inside, out = channels_7x7, branch_channels
        self.branch1x1 = ConvNormReLU(in_channels, out, 1)
        self.branch7x7_1 = ConvNormReLU(in_channels, inside, 1)
        self.branch7x7_2 = ConvNormReLU(inside, inside, (1, 7), padding=(0, 3))
        self.branch7x7_3 = ConvNormReLU(inside, out, (7, 1), padding=(3, 0))
        self.branch7x7dbl_1 = ConvNormReLU(in_channels, inside, 1)
        self.branch7x7dbl_2 = ConvNormReLU(inside, inside, (7, 1), padding=(3, 0))
        self.branch7x7dbl_3 = ConvNormReLU(inside, inside, (1, 7), padding=(0, 3))
        self.branch7x7dbl_4 = ConvNormReLU(inside, inside, (7, 1), padding=(3, 0))
        self.branch7x7dbl_5 = ConvNormReLU(inside, out, (1, 7), padding=(0, 3))
        self.pool = nn.AvgPool2d(kernel_size=3, stride=1, padding=1)
        self.branch_pool = ConvNormReLU(in_channels, out, 1)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        one = self.branch1x1(x)
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat([one, seven, double, self.branch_pool(self.pool(x))], dim=1)
        ### END SOLUTION


# %% nbgrader={"grade_id": "check_FactorizedInception", "grade": true}
check("FactorizedInception")

# %% [markdown]
# ## 8. The residual block
#
# A *residual* block (잔차 블록) computes a correction and adds it to what it was given:
#
# $$y = \max(0, F(x) + x).$$
#
# Here $F$ is what two convolutions make of x. If $F$ is 0, the block hands on what it got. By hand, for one number:
# $x = 2$ and $F(x) = -0.5$ give $y = 1.5$; $F(x) = -3$ gives $y = 0$, because the ReLU comes *after* the sum.
#
# ```
# x ── conv1 ── bn1 ── relu ── conv2 ── bn2 ── + ── relu ── out
# └──────────────── shortcut ──────────────────┘
# ```
#
# Both convolutions are 3x3 with padding 1. The first has the stride. With stride 2, or with other channels, $F(x)$
# and x have different shapes and cannot be added. Then the shortcut is a *projection*: a 1x1 convolution with the
# same stride, and batch normalization. An image of 7 by 5 becomes 4 by 3 in both ways. Convolutions that are followed
# by batch normalization have no bias: the normalization would subtract it again.
#
# **Names.** `conv1`, `bn1`, `conv2`, `bn2`; and `downsample`, an `nn.Sequential` of the convolution (`downsample.0`)
# and the normalization (`downsample.1`), *only where the shape changes*. Elsewhere `self.downsample = None`, or
# nothing.
#
# In the book: [ResNet (2015)](../../book/cnn_history/residual.md#resnet-2015).


# %% nbgrader={"grade_id": "BasicBlock", "solution": true}
class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (He et al. 2015, figure 5, left).

    inplanes, planes: channels in and out. stride: that of the first convolution. x (N, inplanes, H, W). Returns
    (N, planes, H_out, W_out), the ReLU of the sum of the shortcut and of bn2(conv2(relu(bn1(conv1(x))))). The
    shortcut is x; where stride is not 1 or inplanes is not planes, it is downsample(x): a 1x1 convolution
    with the stride, then batch normalization. No convolution has a bias. State: conv1, bn1, conv2, bn2;
    downsample.0 and downsample.1 where there is a projection.
    """

    def __init__(self, inplanes, planes, stride=1):
        super().__init__()
        ### BEGIN SOLUTION
        self.conv1 = nn.Conv2d(inplanes, planes, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = None
        if stride != 1 or inplanes != planes:
            self.downsample = nn.Sequential(
                nn.Conv2d(inplanes, planes, kernel_size=1, stride=stride, bias=False), nn.BatchNorm2d(planes)
            )
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        shortcut = x if self.downsample is None else self.downsample(x)
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + shortcut)
        ### END SOLUTION


# %% nbgrader={"grade_id": "check_BasicBlock", "grade": true}
check("BasicBlock")

# %% [markdown]
# The next cell stacks 30 blocks, once with their shortcuts and once without, and looks at the gradient that comes back
# to the input of each block. The weights are torch's, nothing is trained. Look at the plain blocks: does the gradient
# vanish on its way back?


# %%
@when_written
def thirty_blocks():
    class Plain(BasicBlock):
        def forward(self, x):
            return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))

    torch.manual_seed(0)
    _, axis = plt.subplots(figsize=(6, 3), layout="constrained")
    for name, block in (("residual", BasicBlock), ("plain", Plain)):
        outs = [torch.randn(8, 8, 8, 8, requires_grad=True)]
        for _ in range(30):
            outs.append(block(8, 8)(outs[-1]))
        gradients = torch.autograd.grad(outs[-1].square().mean(), outs[:-1])
        axis.semilogy([float(gradient.norm()) for gradient in gradients], label=name)
    axis.set(xlabel="block", ylabel="length of the gradient", title="what comes back")
    axis.legend()


# %% [markdown]
# ## 9. The bottleneck
#
# Deep residual networks make the block cheaper: 1x1 down to few channels, 3x3 among these, 1x1 up to four times
# `planes`. That is a *bottleneck* (병목). By hand, for 256 channels: two 3x3 convolutions have
# $2 \cdot 256 \cdot 256 \cdot 9 = 1{,}179{,}648$ weights. A bottleneck with 64 inside has
# $256 \cdot 64 + 64 \cdot 64 \cdot 9 + 64 \cdot 256 = 69{,}632$.
#
# Two numbers make other networks of it. `base_width` says how wide it is inside: 64 for ResNet, 128 for Wide ResNet.
# `groups` cuts the 3x3 convolution into groups: 32 groups with `base_width` 4 are ResNeXt. The channels inside are
#
# `width = planes * base_width // 64 * groups`
#
# with a division that rounds down, from left to right. By hand: `planes` 64, `base_width` 4, 32 groups:
# $64 \cdot 4 / 64 = 4$, times 32 is 128.
#
# The 3x3 convolution has padding 1, and the stride is its own. (In the paper the first 1x1 has it; then three of four
# pixels are never looked at. Nearly all programs have moved it.) A ReLU follows `bn1`, `bn2` and the sum.
#
# **Names.** `conv1`, `bn1`, `conv2`, `bn2`, `conv3`, `bn3`, and `downsample` as in the basic block, to `4 * planes`
# channels: wherever the stride is not 1 or `inplanes` is not `4 * planes`. No convolution has a bias.
#
# In the book: [ResNet (2015)](../../book/cnn_history/residual.md#resnet-2015).


# %% nbgrader={"grade_id": "Bottleneck", "solution": true}
class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 and a shortcut (He et al. 2015, figure 5, right), also of Wide ResNet and ResNeXt.

    x (N, inplanes, H, W). Returns (N, 4 * planes, H_out, W_out), the ReLU of the sum of the shortcut and of
    bn3(conv3(...)), where a ReLU follows bn1 and bn2. Inside there are planes * base_width // 64 * groups
    channels. conv2 has the stride and the groups. The shortcut is x; where stride is not 1 or inplanes is not
    4 * planes, it is downsample(x), a 1x1 convolution with the stride, then batch normalization. No
    convolution has a bias. State: conv1, bn1, conv2, bn2, conv3, bn3; downsample.0 and downsample.1.
    """

    def __init__(self, inplanes, planes, stride=1, groups=1, base_width=64):
        super().__init__()
        ### BEGIN SOLUTION
        width = planes * base_width // 64 * groups
        self.conv1 = nn.Conv2d(inplanes, width, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, stride=stride, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * planes, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * planes)
        self.downsample = None
        if stride != 1 or inplanes != 4 * planes:
            self.downsample = nn.Sequential(
                nn.Conv2d(inplanes, 4 * planes, kernel_size=1, stride=stride, bias=False), nn.BatchNorm2d(4 * planes)
            )
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        shortcut = x if self.downsample is None else self.downsample(x)
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return F.relu(out + shortcut)
        ### END SOLUTION


# %% nbgrader={"grade_id": "check_Bottleneck", "grade": true}
check("Bottleneck")

# %% [markdown]
# ## 10. Pre-activation
#
# In the basic block a ReLU stands on the way from block to block, so the way is never quite free. One year later its
# authors moved everything into the branch: batch normalization, ReLU, convolution, and the same once more. After the
# sum there is nothing:
#
# ```
# x ── bn1 ── relu ── conv1 ── bn2 ── relu ── conv2 ── + ── out
# └──────────────────── shortcut ──────────────────────┘
# ```
#
# By hand: $x = -1$ and a branch of 0.25 give $-0.75$. Behind a basic block there is never a negative number.
#
# Where the shape stays, the shortcut is x itself. Where it changes, a 1x1 convolution with the stride projects what
# `bn1` and its ReLU have made, *not* x. It has no batch normalization of its own: it gets normalized numbers.
#
# **Names.** `bn1` (of `inplanes` channels), `conv1` (3x3, padding 1, with the stride), `bn2`, `conv2` (3x3, padding 1);
# and `downsample`, one convolution, only where the shape changes. No convolution has a bias.
#
# In the book: [Pre-activation (2016)](../../book/cnn_history/residual.md#pre-activation-2016).


# %% nbgrader={"grade_id": "PreActivationBlock", "solution": true}
class PreActivationBlock(nn.Module):
    """Batch normalization and ReLU before each convolution, nothing after the sum (He et al. 2016, figure 1b).

    inplanes, planes: channels in and out. stride: that of the first convolution. x (N, inplanes, H, W). Returns
    (N, planes, H_out, W_out), the sum of the shortcut and of conv2(relu(bn2(conv1(a)))), where a is
    relu(bn1(x)). The shortcut is x; where stride is not 1 or inplanes is not planes, it is downsample(a), a 1x1
    convolution with the stride. No convolution has a bias. State: bn1, conv1, bn2, conv2; downsample where
    there is a projection.
    """

    def __init__(self, inplanes, planes, stride=1):
        super().__init__()
        ### BEGIN SOLUTION
        self.bn1 = nn.BatchNorm2d(inplanes)
        self.conv1 = nn.Conv2d(inplanes, planes, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, kernel_size=3, padding=1, bias=False)
        self.downsample = None
        if stride != 1 or inplanes != planes:
            self.downsample = nn.Conv2d(inplanes, planes, kernel_size=1, stride=stride, bias=False)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        active = F.relu(self.bn1(x))
        out = self.conv1(active)
        out = self.conv2(F.relu(self.bn2(out)))
        return out + (x if self.downsample is None else self.downsample(active))
        ### END SOLUTION


# %% nbgrader={"grade_id": "check_PreActivationBlock", "grade": true}
check("PreActivationBlock")

# %% [markdown]
# ## 11. In words: why deeper can be worse
#
# On CIFAR-10 a plain network with 56 layers ends with a higher error than one with 20, in *training* as well as in
# test (He et al. 2015, figure 1). The authors call it *degradation* (성능 저하). Residual networks do not have it.
#
# (a) A friend says: "That is overfitting, the deep network has too many parameters." What in the numbers above says
# that it is not? **2 points.**
#
# (b) Take the trained network of 20 layers. How could 36 more layers be put into it so that its training error stays
# exactly the same? What does that say about the deep plain network? **2 points.**
#
# (c) What does a shortcut change about what the layers of a block must learn? In someone's notes you read: *residual
# networks were made because the gradient vanished in plain ones*. The plain networks of the paper had batch
# normalization. What do the authors say? **3 points.**
#
# Numbers from your own plots count as reasons.

# %% [markdown] nbgrader={"grade_id": "explain_degradation", "grade": true, "solution": true, "points": 7}
# **(a)**
#
# ### BEGIN SOLUTION
# *Training error (2 points).* A network that overfits has a low error in training and a high one in test. Here the
# deep network is worse in training, too.
# ### END SOLUTION
#
# **(b)**
#
# ### BEGIN SOLUTION
# *Identities (1 point).* Let every new layer hand on what it gets: then the network of 56 layers computes what that of
# 20 computes.
#
# *So (1 point).* A solution that is at least as good exists. The optimizer does not find it: it is a matter of
# training and not of what the network could express.
# ### END SOLUTION
#
# **(c)**
#
# ### BEGIN SOLUTION
# *The residual (1 point).* The block learns the difference from its input. To hand it on, it must only make all
# its weights small; several layers with ReLUs would have to build the identity.
#
# *The notes (1 point).* The authors do not think that vanishing gradients are the cause: with batch normalization the
# signals of the plain networks had healthy variances, forward and back (section 4.1).
#
# *All the same (1 point).* The sum does give the gradient a second, direct way back. That helps depth, but nothing is
# guaranteed: their network with 1202 layers was worse than that with 110.
# ### END SOLUTION

# %% [markdown]
# ## 12. The dense block
#
# ResNet adds; DenseNet keeps everything (Huang et al. 2017). Each layer sees the input of the block and *all* maps
# that earlier layers have made. It makes a few new ones, `growth_rate` of them, and they are put behind the others:
#
# ```
# x ────────── cat ────────── cat ── ...
# └─ layer 0 ──┘ └─ layer 1 ──┘
# ```
#
# By hand: 4 channels come in, `growth_rate` is 2, and there are three layers. They see 4, 6 and 8 channels, and 10
# come out. In general, the layer with the number `i`, counted from 0, sees `num_input_features + i * growth_rate`
# channels.
#
# A layer is batch normalization, ReLU, 1x1 convolution to `bn_size * growth_rate` maps, batch normalization, ReLU, 3x3
# convolution with padding 1 to `growth_rate` maps. Nothing comes after it. `bn_size` says how many times as many maps
# there are inside as come out; with 4 and a `growth_rate` of 2 there are 8.
#
# **Names.** `layers` is an `nn.ModuleList`, or an `nn.Sequential`, of the layers. Each has `norm1`, `conv1`, `norm2`
# and `conv2`: `layers.0.norm1.weight` and so on. So you need a second class, or an `nn.Sequential` with named parts.
# Put it into the same cell. No convolution has a bias.
#
# In the book: [DenseNet (2016)](../../book/cnn_history/residual.md#densenet-2016).


# %% nbgrader={"grade_id": "DenseBlock", "solution": true}
class DenseBlock(nn.Module):
    """Layers that each see all maps made before them (Huang et al. 2017, section 3).

    x (N, num_input_features, H, W). Returns (N, num_input_features + num_layers * growth_rate, H, W): x, then the
    new maps of one layer after the other. A layer sees all maps so far and makes growth_rate new ones: batch
    normalization, ReLU, 1x1 to bn_size * growth_rate maps, batch normalization, ReLU, 3x3. No convolution
    has a bias. State: layers.0 and so on, each with norm1, conv1, norm2, conv2.
    """

    def __init__(self, num_layers, num_input_features, bn_size, growth_rate):
        super().__init__()
        ### BEGIN SOLUTION
        self.layers = nn.ModuleList(
            DenseLayer(num_input_features + i * growth_rate, bn_size * growth_rate, growth_rate)
            for i in range(num_layers)
        )
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        for layer in self.layers:
            x = torch.cat([x, layer(x)], dim=1)
        return x


class DenseLayer(nn.Module):
    def __init__(self, seen, wide, new):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(seen)
        self.conv1 = nn.Conv2d(seen, wide, kernel_size=1, bias=False)
        self.norm2 = nn.BatchNorm2d(wide)
        self.conv2 = nn.Conv2d(wide, new, kernel_size=3, padding=1, bias=False)

    def forward(self, x):
        out = self.conv1(F.relu(self.norm1(x)))
        return self.conv2(F.relu(self.norm2(out)))
        ### END SOLUTION


# %% nbgrader={"grade_id": "check_DenseBlock", "grade": true}
check("DenseBlock")

# %% [markdown]
# ## 13. The transition
#
# In a dense block the channels only grow, and the images keep their size. Between two blocks a *transition* (전이 층)
# makes both smaller: batch normalization, ReLU, a 1x1 convolution to fewer channels, and the average of every 2 by 2
# pixels.
#
# By hand: the numbers 1, 3, 4, 8 in a square of pixels become their average 4. An image of 7 by 5 pixels becomes 3 by
# 2: the last row and the last column have no partner and are left out, as `nn.AvgPool2d(2)` does it. From 8 channels
# to 4 there are $8 \cdot 4 = 32$ weights in the convolution, and 16 in the normalization.
#
# **Names.** `norm` and `conv`, without bias.
#
# In the book: [DenseNet (2016)](../../book/cnn_history/residual.md#densenet-2016).


# %% nbgrader={"grade_id": "Transition", "solution": true}
class Transition(nn.Module):
    """Between two dense blocks: fewer channels, half of the size (Huang et al. 2017, section 3).

    x (N, num_input_features, H, W). Returns (N, num_output_features, H // 2, W // 2): batch normalization,
    ReLU, a 1x1 convolution without bias, then the average of 2x2 pixels; a last row or column without a
    partner is left out. State: norm, conv.
    """

    def __init__(self, num_input_features, num_output_features):
        super().__init__()
        ### BEGIN SOLUTION
        self.norm = nn.BatchNorm2d(num_input_features)
        self.conv = nn.Conv2d(num_input_features, num_output_features, kernel_size=1, bias=False)
        self.pool = nn.AvgPool2d(kernel_size=2)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        return self.pool(self.conv(F.relu(self.norm(x))))
        ### END SOLUTION


# %% nbgrader={"grade_id": "check_Transition", "grade": true}
check("Transition")

# %% [markdown]
# ## 14. Squeeze and excitation
#
# Not every channel matters for every image. A block of *squeeze and excitation* (압축과 활성) computes a *gate* for
# each channel, a number between 0 and 1, and multiplies the channel with it (Hu et al. 2018):
#
# - *Squeeze:* the mean of each channel over height and width, one number.
# - *Excitation:* a linear layer to fewer numbers, ReLU, a linear layer back to one for each channel, sigmoid.
# - *Scale:* x times the gates. Each image has its own.
#
# By hand: a channel with the numbers 1, 3, 4, 8 has the mean 4. If its gate is the sigmoid of 0, that is 0.5, and the
# channel becomes 0.5, 1.5, 2, 4.
#
# The two linear layers are 1x1 convolutions here. On an image of one pixel that is the same, and the shape
# (N, C, 1, 1) fits x.
#
# **Names.** `fc1`, a 1x1 convolution from `input_channels` to `squeeze_channels`, and `fc2`, one back. Both with bias.
#
# In the book:
# [SENet: squeeze and excitation (2017)](../../book/cnn_history/efficient.md#senet-squeeze-and-excitation-2017).


# %% nbgrader={"grade_id": "SqueezeExcitation", "solution": true}
class SqueezeExcitation(nn.Module):
    """A gate for each channel of each image (Hu et al. 2018, section 3).

    x (N, input_channels, H, W). Returns x times the gates, of the shape of x. A gate is the sigmoid of
    fc2(relu(fc1(s))), where s (N, input_channels, 1, 1) is the mean of each channel over height and width. State:
    fc1, a 1x1 convolution to squeeze_channels, and fc2, one back; both with bias.
    """

    def __init__(self, input_channels, squeeze_channels):
        super().__init__()
        ### BEGIN SOLUTION
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, kernel_size=1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, kernel_size=1)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        squeezed = x.mean(dim=(2, 3), keepdim=True)
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(squeezed))))
        ### END SOLUTION


# %% nbgrader={"grade_id": "check_SqueezeExcitation", "grade": true}
check("SqueezeExcitation")

# %% [markdown]
# ## 15. Depthwise, then pointwise
#
# A convolution does two things at once: it looks at neighbours, and it mixes channels. MobileNet does one after
# the other (Howard et al. 2017). *Depthwise* (깊이별): each channel has its own 3x3 kernel and sees only itself.
# *Pointwise* (점별): a 1x1 convolution mixes the channels.
#
# By hand, from 32 channels to 64: one 3x3 convolution has $32 \cdot 64 \cdot 9 = 18{,}432$ weights. The two together
# have $32 \cdot 9 + 32 \cdot 64 = 2336$, about an eighth.
#
# In `nn.Conv2d` a depthwise convolution is one with as many groups as channels. Its weight has the shape
# (C, 1, 3, 3). Each of the two is followed by batch normalization and a ReLU. The stride is that of the 3x3.
#
# **Names.** `depthwise`, `bn1`, `pointwise`, `bn2`. No convolution has a bias.
#
# In the book:
# [MobileNet](../../book/cnn_history/efficient.md#mobilenet-depthwise-separable-convolution-2017).


# %% nbgrader={"grade_id": "DepthwiseSeparableConv", "solution": true}
class DepthwiseSeparableConv(nn.Module):
    """A 3x3 convolution of each channel alone, then a 1x1 over the channels (Howard et al. 2017, figure 3).

    x (N, in_channels, H, W). Returns (N, out_channels, H_out, W_out):
    relu(bn2(pointwise(relu(bn1(depthwise(x)))))). depthwise: 3x3, padding 1, with the stride, one kernel for
    each channel. pointwise: 1x1. No convolution has a bias. State: depthwise, bn1, pointwise, bn2.
    """

    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        ### BEGIN SOLUTION
        self.depthwise = nn.Conv2d(
            in_channels, in_channels, kernel_size=3, stride=stride, padding=1, groups=in_channels, bias=False
        )
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.pointwise = nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        out = F.relu(self.bn1(self.depthwise(x)))
        return F.relu(self.bn2(self.pointwise(out)))
        ### END SOLUTION


# %% nbgrader={"grade_id": "check_DepthwiseSeparableConv", "grade": true}
check("DepthwiseSeparableConv")

# %% [markdown]
# ## 16. The inverted residual block
#
# A bottleneck is thin inside. The block of EfficientNet is the other way around: thin between the blocks, thick
# inside (MBConv; Sandler et al. 2018, Tan & Le 2019). A depthwise convolution makes the thick part cheap. One after
# the other:
#
# 1. `expand`: 1x1 to `in_channels * expand_ratio` channels, `bn1`, swish. *With `expand_ratio` 1 there is no `expand`
#    and no `bn1`.*
# 2. `depthwise`: `kernel_size` by `kernel_size`, with the stride and the padding `kernel_size // 2`, `bn2`, swish.
# 3. `se`: squeeze and excitation, to a quarter of the *block's* input, `max(1, in_channels // 4)` channels. Its
#    activation function is swish in place of ReLU. Its layers are `se.fc1` and `se.fc2`, with bias.
# 4. `project`: 1x1 to `out_channels`, `bn3`. No activation function.
# 5. x is added if the stride is 1 and `in_channels` is `out_channels`.
#
# *Swish* is x times its sigmoid; torch calls it SiLU: `F.silu`. By hand: swish of 2 is $2 \cdot 0.881 = 1.762$. With
# 4 channels and `expand_ratio` 6 there are 24 channels inside, and the gates squeeze them to $4 // 4 = 1$.
#
# `se` may be a class of your own, a class that inherits from your `SqueezeExcitation`, or an empty `nn.Module()` to
# which you give `fc1` and `fc2`.
#
# **Names.** As above. No convolution has a bias but those of `se`.
#
# In the book:
# [EfficientNet: compound scaling (2019)](../../book/cnn_history/efficient.md#efficientnet-compound-scaling-2019).


# %% nbgrader={"grade_id": "InvertedResidual", "solution": true}
class InvertedResidual(nn.Module):
    """Expand, depthwise, squeeze and excitation, project: MBConv (Tan & Le 2019, table 1).

    x (N, in_channels, H, W). Returns (N, out_channels, H_out, W_out). With hidden = in_channels * expand_ratio:
    silu(bn1(expand(x))) to hidden channels, left out where expand_ratio is 1; silu(bn2(depthwise(...))), one
    kernel of kernel_size for each channel, with the stride and the padding kernel_size // 2; se, squeeze and
    excitation with SiLU inside, to max(1, in_channels // 4) channels; bn3(project(...)), a 1x1 convolution. x
    is added where stride is 1 and in_channels is out_channels. Only the convolutions of se have a bias.
    State: expand, bn1, depthwise, bn2, se.fc1, se.fc2, project, bn3; neither expand nor bn1 where
    expand_ratio is 1.
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride, expand_ratio):
        super().__init__()
        ### BEGIN SOLUTION
        hidden, squeezed = in_channels * expand_ratio, max(1, in_channels // 4)
        self.expands = expand_ratio != 1
        if self.expands:
            self.expand = nn.Conv2d(in_channels, hidden, kernel_size=1, bias=False)
            self.bn1 = nn.BatchNorm2d(hidden)
        self.depthwise = nn.Conv2d(
            hidden, hidden, kernel_size, stride=stride, padding=kernel_size // 2, groups=hidden, bias=False
        )
        self.bn2 = nn.BatchNorm2d(hidden)
        self.se = nn.Module()
        self.se.fc1 = nn.Conv2d(hidden, squeezed, kernel_size=1)
        self.se.fc2 = nn.Conv2d(squeezed, hidden, kernel_size=1)
        self.project = nn.Conv2d(hidden, out_channels, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.adds = stride == 1 and in_channels == out_channels
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        out = F.silu(self.bn1(self.expand(x))) if self.expands else x
        out = F.silu(self.bn2(self.depthwise(out)))
        squeezed = out.mean(dim=(2, 3), keepdim=True)
        out = out * torch.sigmoid(self.se.fc2(F.silu(self.se.fc1(squeezed))))
        out = self.bn3(self.project(out))
        return out + x if self.adds else out
        ### END SOLUTION


# %% nbgrader={"grade_id": "check_InvertedResidual", "grade": true}
check("InvertedResidual")

# %% [markdown]
# ## 17. Compound scaling
#
# A network can be made larger in three ways: more layers, more channels, larger images. EfficientNet does all three at
# once, and one number says how much (Tan & Le 2019, equation 3). With every step the depth grows by the factor
# `alpha`, the width by `beta` and the resolution by `gamma`:
#
# $$\text{depth} = \alpha^\phi, \qquad \text{width} = \beta^\phi, \qquad \text{resolution} = \gamma^\phi.$$
#
# Here $\phi$ is the number of steps. Here $\alpha$, $\beta$ and $\gamma$ are the three factors. By hand, with 1.2, 1.1
# and 1.15: two steps make the network 1.44 times as deep and 1.21 times as wide, on images with 1.3225 times as many
# pixels a side. With twice the depth there are twice the multiply-adds; with twice the width or the resolution, four
# times. So a step costs about $1.2 \cdot 1.1^2 \cdot 1.15^2 = 1.92$ times as many, close to 2.
#
# In the book:
# [EfficientNet: compound scaling (2019)](../../book/cnn_history/efficient.md#efficientnet-compound-scaling-2019).


# %% nbgrader={"grade_id": "compound_scaling", "solution": true}
def compound_scaling(phi, alpha=1.2, beta=1.1, gamma=1.15):
    """How many times the depth, the width and the resolution of a network (Tan & Le 2019, equation 3).

    phi: the number of steps, an int or a float, at least 0. alpha, beta, gamma: by what a step multiplies depth,
    width and resolution, floats. Returns (depth, width, resolution), three numbers: alpha to the power phi, and so
    on; all 1 for phi = 0.
    """
    ### BEGIN SOLUTION
    return alpha**phi, beta**phi, gamma**phi
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_compound_scaling", "grade": true}
check("compound_scaling")

# %% [markdown]
# Before you hand in: restart the kernel and run all cells from the top, because that is how the notebook is graded. A
# block that needs a name from a cell you have deleted fails there and nowhere else.
