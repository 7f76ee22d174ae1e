# %% [markdown]
# # Preprocessing and initialization
#
# Before the first step of training, two things are decided: which numbers go into the network, and which
# weights they meet there. You write both. First you bring features to one scale, find the directions in which
# they vary most, and remove their correlations. Then you draw weights so that a signal is as large behind the
# tenth layer as in front of the first.
#
# Run the next cell first. `check` compares your function with a reference; `device()` is the GPU if this
# machine has one, else the CPU. `when_written` is for the cells that draw with your functions: as long as one
# of them is missing, it says which.
#
# A check counts points and says what went wrong. `check("fit_standardizer").case()`, in a cell of your
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

from autograder import check, datasets, device, when_written

plt.rc("axes", prop_cycle=plt.cycler(color=["#0072B2", "#D55E00", "#009E73", "#CC79A7"]))
plt.rc("image", cmap="gray_r")


# %% [markdown]
# ## One function done for you: centering
#
# Four people, two features: height in cm and shoe size in mm. Each person is a row, each feature is a column.
# The mean of each column is the mean *over dim 0*, the dimension that counts the people: 175 and 255. We
# subtract it, and now every feature has the mean 0. In the formula $n$ counts the $N$ samples and $j$ the
# features:
#
# $$\mathtt{out}_{nj} = x_{nj} - \mu_j, \qquad \mu_j = \frac{1}{N} \sum_{n=1}^{N} x_{nj}.$$
#
# `x` has the shape (4, 2), the mean has the shape (2,). Broadcasting compares shapes from the last dimension,
# so each row of `x` meets the whole mean.


# %%
def center(x):
    return x - x.mean(dim=0)


people = torch.tensor([[160.0, 240.0], [170.0, 250.0], [180.0, 260.0], [190.0, 270.0]])
center(people)

# %% [markdown]
# Four things hold for each function that takes a tensor:
#
# - **Shapes.** `x` is (N, D): N samples of D features. Every feature is treated by itself unless the text says
#   otherwise.
#   Every number that you are given is finite, and no dimension has size 0: a batch has at least one sample.
# - **Type and place.** float32 in, float32 out; float64 in, float64 out; a result lies on the device of its
#   input.
# - **The input is not yours.** `x -= x.mean(dim=0)` writes into the caller's tensor. Make a new one.
# - **Any layout.** A transposed tensor is an ordinary input, although its numbers do not lie in memory row
#   after row. `reshape` accepts it; `view` may not.

# %% [markdown]
# ## 1. Fit a standardizer
#
# In the book:
# [Subtract the mean](../../book/preprocessing/standardize.md#subtract-the-mean-divide-by-the-standard-deviation).
#
# Height varies by centimeters, income by thousands. A network that sees both at first sees little but the
# income. *Standardization* (표준화) gives every feature the mean 0 and the standard deviation 1. It has two
# steps. The first looks at the training data and keeps two numbers for each feature, its mean $\mu_j$ and its
# standard deviation $\sigma_j$:
#
# $$\sigma_j = \sqrt{\frac{1}{N} \sum_{n=1}^{N} (x_{nj} - \mu_j)^2}.$$
#
# By hand, for feature 1, the heights 160, 170, 180, 190: the mean is 175, the distances from it are −15, −5, 5, 15,
# their squares add up to 500, and $\sigma_1 = \sqrt{500 / 4} = 11.18$.
#
# With the formula alone most features are right. Three things remain. Take them one at a time, and run the check
# after each.
#
# **Divide by $N$.** The formula is the *population* standard deviation. torch divides by $N - 1$ unless you say
# otherwise and gives 12.91 here; look up `correction` in the documentation of `torch.std`.
#
# **A feature that never changes.** If all numbers of a feature are equal, its standard deviation is 0, and the
# second step would divide by 0. For such a feature return 1. With a single sample, every feature is such a feature.
# Look at the numbers themselves: are they all equal? The standard deviation is no safe sign. In float32 the mean
# may be rounded, and for seven times 0.1 torch finds about $10^{-8}$; another feature may be that small and not
# constant.
#
# **Not from the squares.** On paper $\sigma_j^2$ is also the mean of the squares minus the square of the mean. Do
# not use that here. For numbers near 1000 the squares are near $10^6$, where float32 moves in steps of 0.06, and
# their small difference is what you want to know.


# %% nbgrader={"grade_id": "fit_standardizer", "solution": true}
def fit_standardizer(x):
    """Mean and standard deviation of each feature (LeCun et al. 1998, Efficient BackProp).

    x (N, D). Returns (mean, std), both (D,), over dim 0. std is the population standard
    deviation; it is 1 for a feature whose numbers are all equal. Any other feature keeps its
    own, however small.
    """
    ### BEGIN SOLUTION
    std, mean = torch.std_mean(x, dim=0, correction=0)
    constant = x.amax(dim=0) == x.amin(dim=0)
    return mean, torch.where(constant, 1, std)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_fit_standardizer", "grade": true}
check("fit_standardizer")

# %% [markdown]
# ## 2. Standardize
#
# In the book: [Fit on the training data only](../../book/preprocessing/standardize.md#fit-on-the-training-data-only).
#
# The second step uses the two numbers, on the training data and later on every new sample:
#
# $$\mathtt{out}_{nj} = \frac{x_{nj} - \mu_j}{\sigma_j}.$$
#
# By hand: with $\mu_1 = 175$ and $\sigma_1 = 11.18$, a person of 190 cm becomes $15 / 11.18 = 1.342$.
#
# `mean` and `std` are arguments, because they come from the training data. If the test data were standardized
# by their own mean, the same person would become one number among the training data and another among the
# test data, and a single test sample would always become 0.
#
# Not allowed: `F.batch_norm` and scikit-learn's `StandardScaler`, which contain this formula.


# %% nbgrader={"grade_id": "standardize", "solution": true}
def standardize(x, mean, std):
    """Shift and scale each feature by the numbers that `fit_standardizer` found.

    x (N, D); mean, std (D,), no entry of std is 0. Returns a tensor of the shape of x.
    """
    ### BEGIN SOLUTION
    return (x - mean) / std
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_standardize", "grade": true}
check("standardize")

# %% [markdown]
# ### The digits, standardized
#
# 1797 handwritten digits of 8 by 8 pixels, as rows of 64 features. The mean and the standard deviation of each
# pixel are drawn as images. The black squares in the second are pixels that never change. They would have been
# divided by 0; the 1 that you put there is larger than all other standard deviations.


# %%
def digits_as_rows():
    """The digits as rows (1797, 64), and their labels."""
    images, labels = datasets.digits()
    return images.flatten(1).to(device()), labels


def show_rows(rows, titles, **limits):
    """Draw rows of 64 numbers as images of 8 by 8 pixels, side by side."""
    _, axes = plt.subplots(1, len(rows), figsize=(1.3 * len(rows), 1.7), layout="constrained")
    for axis, row, title in zip(axes, rows, titles, strict=True):
        axis.imshow(row.reshape(8, 8).cpu(), **limits)
        axis.set_title(title, fontsize=8)
        axis.axis("off")


@when_written
def digits_standardized():
    x, _ = digits_as_rows()
    train, test = datasets.split_indices(len(x), 400)
    mean, std = fit_standardizer(x[train])
    z = standardize(x[test], mean, std)
    show_rows([mean, std, x[test[0]], z[0]], ["mean", "std", "a test digit", "standardized"])
    constant = x[train].amax(0) == x[train].amin(0)
    print(f"{int(constant.sum())} of 64 pixels are the same in all training images")
    print(f"test digits: mean {z.mean():.3f}, standard deviation {z.std():.3f}, largest {z.max():.1f}")


# %% [markdown]
# The test digits do not have exactly mean 0 and standard deviation 1, and need not: the numbers come from
# other digits. Look at the largest value. A pixel at the border is nearly always white. Its standard deviation
# is tiny, and the one digit that has ink there gets a huge number.
#
# ## 3. One mean for each channel
#
# In the book:
# [Images](../../book/preprocessing/standardize.md#images-one-mean-and-one-standard-deviation-for-each-channel).
#
# For photographs one does not give every pixel a mean of its own. A cat may sit anywhere, so all positions are
# alike. But red, green and blue are not. So there are two numbers for each *channel*, over all images and all
# positions. In the formula $i$ is the row of a pixel in image $n$, and $j$ its column:
#
# $$\mu_c = \frac{1}{N H W} \sum_{n,i,j} x_{ncij}, \qquad
# \sigma_c = \sqrt{\frac{1}{N H W} \sum_{n,i,j} (x_{ncij} - \mu_c)^2}.$$
#
# By hand, with one channel and two images of two pixels each, $(0, 2)$ and $(10, 12)$: the mean is 6, the
# distances are −6, −4, 4, 6, and $\sigma_1 = \sqrt{104 / 4} = 5.10$. Inside each image the standard deviation
# is 1, and the mean of the two is 1 as well. That number does not know that one image is dark and the other
# bright, so do not average standard deviations.


# %% nbgrader={"grade_id": "channel_mean_std", "solution": true}
def channel_mean_std(images):
    """Mean and standard deviation of each channel (what torchvision's Normalize is given).

    images (N, C, H, W), floating point. Returns (mean, std), both (C,). std is the
    population standard deviation; a constant channel has 0.
    """
    ### BEGIN SOLUTION
    pixels = images.transpose(0, 1).flatten(1)
    return pixels.mean(dim=1), pixels.std(dim=1, correction=0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_channel_mean_std", "grade": true}
check("channel_mean_std")

# %% [markdown]
# ## 4. Scale to a range
#
# In the book: [Min-max scaling](../../book/preprocessing/standardize.md#min-max-scaling-and-what-one-outlier-does).
#
# Sometimes the numbers must lie in a given range, say because a network's output is a tanh and is to be
# compared with them. *Min-max scaling* maps the smallest number of a feature to `low`, its largest to `high`,
# and everything between on a straight line.
#
# By hand, 10, 20, 40 to the range from −1 to 1: the feature is 30 long, 20 lies $10/30 = 1/3$ of the way, and
# one third of the way from −1 to 1 is $-1/3$. So the result is $-1, -1/3, 1$.
#
# A constant feature has no length. Return `low` for all its numbers.
#
# One wild sample decides the whole range here, and presses all others together. Standardization is not safe from
# it either, so look at the data first.


# %% nbgrader={"grade_id": "min_max_scale", "solution": true}
def min_max_scale(x, low, high):
    """Map each feature linearly, its smallest number to low and its largest to high.

    x (N, D); low, high: numbers, low < high. Returns a tensor of the shape of x. A feature
    whose numbers are all equal becomes low.
    """
    ### BEGIN SOLUTION
    smallest = x.amin(dim=0)
    length = x.amax(dim=0) - smallest
    share = (x - smallest) / torch.where(length == 0, 1, length)
    return low + share * (high - low)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_min_max_scale", "grade": true}
check("min_max_scale")

# %% [markdown]
# ## 5. Principal component analysis
#
# In the book:
# [The directions of the largest variance](../../book/preprocessing/pca.md#the-directions-of-the-largest-variance).
#
# Take four samples of two features: $(14, 23)$, $(6, 17)$, $(8.5, 22)$ and $(11.5, 18)$. Their mean is
# $(10, 20)$, and from there they lie at $\pm(4, 3)$ and $\pm(-1.5, 2)$. Draw them: they form a cross. Its long
# arm points along $(0.8, 0.6)$ and its short arm along $(-0.6, 0.8)$.
#
# *Principal component analysis* (주성분 분석, PCA) finds these arms for any cloud of points. The first
# component is the unit vector along which the samples vary most. The second is the one at right angles to it
# along which they vary most, and so on. The variances are unbiased, so the sums are divided by $N - 1 = 3$:
#
# $$\lambda_1 = \frac{5^2 + 5^2 + 0 + 0}{3} = 16.67, \qquad
# \lambda_2 = \frac{0 + 0 + 2.5^2 + 2.5^2}{3} = 4.17.$$
#
# There are two ways to compute them.
#
# - *Eigenvectors.* The covariance matrix of the centered samples is
#   $\Sigma = \frac{1}{N-1} \sum_n (x_n - \mu)(x_n - \mu)^\top$. Here it is
#   $\begin{pmatrix} 12.17 & 6 \\ 6 & 8.67 \end{pmatrix}$. The components are its eigenvectors, the variances
#   its eigenvalues. Read in the documentation of `torch.linalg.eigh` in which order the eigenvalues come, and
#   whether an eigenvector is a row or a column. (Of a single feature `torch.cov` gives a number, not a matrix.)
# - *Singular values.* Write the centered samples as $U S V^\top$ with `torch.linalg.svd`. The rows of
#   $V^\top$ are the components. Here $S$ is a diagonal matrix, with the singular values on the diagonal. Here $U$ is
#   a matrix whose columns are unit vectors at right angles; you do not need it. A singular value is not yet a
#   variance: it is the root of a sum that was not divided.
#
# A component may point either way, $(0.8, 0.6)$ or $(-0.8, -0.6)$. Both are right, and the check accepts both.
#
# Not allowed: `torch.pca_lowrank` and scikit-learn's `PCA`.


# %% nbgrader={"grade_id": "pca_fit", "solution": true}
def pca_fit(x, k):
    """The first k principal components (Pearson 1901; Hotelling 1933).

    x (N, D), with N smaller or larger than D, which may be 1; 1 <= k <= min(N - 1, D).
    Returns (mean, components, explained_variance): mean (D,); components (k, D), each row a
    unit vector; explained_variance (k,), the unbiased variances along them, the largest first.
    """
    ### BEGIN SOLUTION
    mean = x.mean(dim=0)
    _, singular_values, rows = torch.linalg.svd(x - mean, full_matrices=False)
    return mean, rows[:k], singular_values[:k] ** 2 / (len(x) - 1)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_pca_fit", "grade": true}
check("pca_fit")

# %% [markdown]
# ### Coordinates along the components
#
# In the book: [On the digits: eigen-images](../../book/preprocessing/pca.md#on-the-digits-eigen-images).
#
# Where does a sample lie, counted along the components? Subtract the mean and take the inner product with each
# of them. Write $x_n$ for a sample, $v_i$ for the component number $i$, and $z_{ni}$ for the coordinate:
#
# $$z_{ni} = (x_n - \mu) \cdot v_i.$$
#
# For $(14, 23)$ that is $(4, 3) \cdot (0.8, 0.6) = 5$ and $(4, 3) \cdot (-0.6, 0.8) = 0$. With `components` of
# the shape (k, D), one matrix product does this for all samples. As with the standardizer, the mean is the one
# from the training data.


# %% nbgrader={"grade_id": "pca_transform", "solution": true}
def pca_transform(x, mean, components):
    """The coordinates of the samples along the principal components.

    x (N, D); mean (D,); components (k, D), as `pca_fit` returned them. Returns (N, k).
    """
    ### BEGIN SOLUTION
    return (x - mean) @ components.T
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_pca_transform", "grade": true}
check("pca_transform")

# %% [markdown]
# ### Eigen-images
#
# A component of the digits has 64 numbers, so it is an image too. Above are the first eight; gray is 0, dark
# and light are the two signs. Below is one digit put together from its first k coordinates. How many does it
# take until you can read it? And in the last picture, two coordinates of 64 are enough to separate some of the
# digits.


# %%
@when_written
def eigen_images():
    x, labels = digits_as_rows()
    mean, components, variances = pca_fit(x, 32)
    z = pca_transform(x, mean, components)
    titles = [f"component {i + 1}" for i in range(8)]
    show_rows(components[:8], titles, vmin=-0.4, vmax=0.4)
    counts = (1, 2, 4, 8, 16, 32)
    rebuilt = [mean + z[0, :k] @ components[:k] for k in counts]
    show_rows([x[0], *rebuilt], ["original", *(f"k = {k}" for k in counts)], vmin=0, vmax=1)
    total = x.var(dim=0).sum()
    for k in counts:
        print(f"{k:2} components hold {100 * variances[:k].sum() / total:4.1f} % of the variance")
    _, axis = plt.subplots(figsize=(5, 3.6), layout="constrained")
    dots = axis.scatter(z[:, 0].cpu(), z[:, 1].cpu(), c=labels, s=6, cmap="tab10", vmin=-0.5, vmax=9.5)
    axis.set(xlabel="coordinate along component 1", ylabel="along component 2")
    plt.colorbar(dots, ticks=range(10), label="digit")


# %% [markdown]
# ## 6. Whitening
#
# In the book: [Whitening](../../book/preprocessing/pca.md#whitening-decorrelated-and-of-size-1).
#
# PCA coordinates are *uncorrelated*, but they still have different variances: 16.67 and 4.17 in the cross
# above. *Whitening* (백색화) makes them equal as well. Divide each coordinate by its own standard deviation,
# and $(14, 23)$, at $5$ along the long arm, comes to $5 / \sqrt{16.67} = 1.22$. The end of the short arm, at
# 2.5, comes to $2.5 / \sqrt{4.17} = 1.22$. The long cross has become a square one.
#
# If a variance is 0, or nearly 0, dividing by its root blows up what is only noise. So a number $\epsilon$ is
# added to each variance before the root is taken. Here $\lambda$ is the variance of a coordinate before the
# division. Afterwards the coordinate has the variance
#
# $$\frac{\lambda}{\lambda + \epsilon}.$$
#
# This is nearly 1 if $\lambda$ is much larger than $\epsilon$, and nearly 0 if it is much smaller. With
# $\epsilon = 4.17$ the short arm of the cross would end up with the variance $\frac{1}{2}$. As above, the
# variances are unbiased.
#
# A rotated white cloud is white too, so there are many right answers. With $\Sigma$ for the covariance and $I$
# for the identity matrix:
#
# - *PCA whitening* stays in the coordinates along the components.
# - *ZCA whitening* turns them back to the old axes, so that a whitened image still looks like an image.
# - *Cholesky whitening* solves $L y_n = x_n - \mu$ for each sample. Here $L$ is a triangular matrix and not a loss.
#   It is chosen such that $L L^\top = \Sigma + \epsilon I$.
#
# All of these earn everything. The check looks at the mean, at the variances along the principal axes of your
# result, and at the inner products of its rows, which no rotation changes.
#
# Uncorrelated does not mean independent. Take $z$ from the standard normal distribution and put $z^2$
# beside it: they are uncorrelated, and yet $z$ decides $z^2$.


# %% nbgrader={"grade_id": "whiten", "solution": true}
def whiten(x, eps):
    """Center and decorrelate the features and bring them to variance 1 (Kessy et al. 2018).

    x (N, D), with N smaller or larger than D, which may be 1; eps > 0 is added to the
    unbiased variances. Returns a tensor of the shape of x; a direction of variance v has
    v / (v + eps) in it.
    """
    ### BEGIN SOLUTION
    centered = x - x.mean(dim=0)
    variances, axes = torch.linalg.eigh(centered.T @ centered / (len(x) - 1))
    return centered @ (axes / torch.sqrt(variances + eps)) @ axes.T
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_whiten", "grade": true}
check("whiten")

# %% [markdown]
# The covariances of all 64 pixels with each other, before and after. Little is left off the diagonal.
# On it stands nearly 1 for most pixels, and less where a variance is as small as `eps`: nearly 0 for pixels at
# the border that never or hardly vary. If you did not turn the result back to the old axes, its
# features are no pixels, and the whitened pictures show no digits. Raise `eps` to 0.1 and look again: which
# directions lose most?


# %%
@when_written
def whitened_digits():
    x, _ = digits_as_rows()
    white = whiten(x, eps=1e-3)
    _, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
    for axis, rows, title in zip(axes, (x, white), ("digits", "whitened digits"), strict=True):
        covariance = torch.cov(rows.T).cpu()
        limit = float(covariance.abs().max())
        picture = axis.imshow(covariance, cmap="PuOr", vmin=-limit, vmax=limit)
        axis.set(title=title, xlabel="feature", ylabel="feature")
        plt.colorbar(picture, ax=axis, label="covariance")
    show_rows([*x[:4], *white[:4]], ["digit"] * 4 + ["whitened"] * 4)


# %% [markdown]
# ## 7. Fan-in and fan-out
#
# In the book: [Convolutions](../../book/preprocessing/weights.md#convolutions-torchs-own-start-and-other-functions).
#
# Now the weights. Each output of a layer is a sum of products, and its size depends on how many terms the sum
# has. That number is the *fan-in*. The *fan-out* is the number of sums in which one input appears.
#
# | layer | shape of the weight | fan-in | fan-out |
# | --- | --- | --- | --- |
# | linear | (M, D) | D | M |
# | convolution | (O, I, kh, kw) | I · kh · kw | O · kh · kw |
#
# By hand: a convolution from 3 to 64 channels with kernels of 5 by 7 has a weight of the shape (64, 3, 5, 7).
# A kernel covers 35 positions, so the fan-in is $3 \cdot 35 = 105$ and the fan-out $64 \cdot 35 = 2240$.
#
# Kernels may also have one size, as for sound, or three, as for video: (O, I, k) and (O, I, kd, kh, kw). A
# shape with fewer than two sizes, such as that of a bias, has no fans. Raise a `ValueError` with a message
# that says what you got and what you expected.
#
# Not allowed: torch's own private function for it in `torch.nn.init`.


# %% nbgrader={"grade_id": "fan_in_and_fan_out", "solution": true}
def fan_in_and_fan_out(shape):
    """The fan-in and the fan-out of a weight.

    shape: a tuple, (M, D) for a linear layer, (O, I, ...) with any number of kernel sizes
    for a convolution. Returns two ints, (fan_in, fan_out). Raises ValueError for fewer than
    two sizes.
    """
    ### BEGIN SOLUTION
    if len(shape) < 2:
        raise ValueError(f"The shape is {tuple(shape)}; expected at least two sizes.")
    positions = 1
    for size in shape[2:]:
        positions *= size
    return shape[1] * positions, shape[0] * positions
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_fan_in_and_fan_out", "grade": true}
check("fan_in_and_fan_out")

# %% [markdown]
# ## 8. Xavier initialization
#
# In the book: [Xavier](../../book/preprocessing/weights.md#xavier-one-over-the-mean-of-fan-in-and-fan-out).
#
# Let the inputs of a linear layer have mean square 1, and let its weights be random with mean 0. Here $\alpha$ is
# the standard deviation of the weights, so $\alpha^2$ is their variance. An output is a sum of $\text{fan-in}$
# terms, each of variance $\alpha^2$, so it has the variance $\text{fan-in} \cdot \alpha^2$. To keep it at 1, take
# $\alpha^2 = 1 / \text{fan-in}$. Going backward, the gradient at an input is a sum of $\text{fan-out}$ terms, which
# asks for $\alpha^2 = 1 / \text{fan-out}$. Both cannot be had, so Glorot and Bengio took the mean of the two fans:
#
# $$\alpha^2 = \frac{2}{\text{fan-in} + \text{fan-out}}.$$
#
# The weights are drawn from the normal distribution with mean 0 and this variance.
#
# By hand, for a weight of the shape (300, 100), with fan-in 100 and fan-out 300:
# $\alpha = \sqrt{2 / 400} = 0.0707$. You will also meet
# $1/\sqrt{\text{fan-in} + \text{fan-out}}$; it forgets the 2, and each square layer leaves 0.71 of the size.
#
# All randomness comes from `generator`. `torch.randn(shape, generator=generator)` draws standard normal
# numbers with it. The same seed must give the same weights, and a second call with the same generator must
# give other ones. So do not set a seed inside.
#
# Not allowed: the functions of `torch.nn.init`, here and in the next exercise. Your `fan_in_and_fan_out` is
# allowed.


# %% nbgrader={"grade_id": "xavier_normal", "solution": true}
def xavier_normal(shape, generator):
    """Random normal weights of variance 2 / (fan_in + fan_out) (Glorot & Bengio 2010).

    shape: a tuple, as for `fan_in_and_fan_out`. generator: a torch.Generator on the CPU.
    Returns a tensor of that shape, float32, on the CPU.
    """
    ### BEGIN SOLUTION
    std = (2 / sum(fan_in_and_fan_out(shape))) ** 0.5
    return std * torch.randn(shape, generator=generator)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_xavier_normal", "grade": true}
check("xavier_normal")

# %% [markdown]
# ## 9. Kaiming initialization
#
# In the book: [He: ReLU throws half away](../../book/preprocessing/weights.md#he-relu-throws-half-away).
#
# Behind a ReLU the count is different. It sets about half of its inputs to 0, so it halves their mean square.
# Ten square layers of Xavier weights with ReLU leave $1/2^{10}$ of the mean square, and $1/32$ of the size. So He and
# colleagues put a 2 in front, the square of the *gain* $\sqrt{2}$ of ReLU, and look at the forward direction
# alone. Here $\alpha$ is again the standard deviation of the weights, which are normal with mean 0:
#
# $$\alpha^2 = \frac{2}{\text{fan-in}}.$$
#
# By hand, for the same weight with fan-in 100: $\alpha = \sqrt{2 / 100} = 0.1414$, twice as much as above.


# %% nbgrader={"grade_id": "kaiming_normal", "solution": true}
def kaiming_normal(shape, generator):
    """Random normal weights of variance 2 / fan_in, for ReLU (He et al. 2015, section 2.2).

    shape: a tuple, as for `fan_in_and_fan_out`. generator: a torch.Generator on the CPU.
    Returns a tensor of that shape, float32, on the CPU.
    """
    ### BEGIN SOLUTION
    fan_in, _ = fan_in_and_fan_out(shape)
    return (2 / fan_in) ** 0.5 * torch.randn(shape, generator=generator)
    ### END SOLUTION


# %% nbgrader={"grade_id": "check_kaiming_normal", "grade": true}
check("kaiming_normal")

# %% [markdown]
# ### Ten layers
#
# 512 random inputs of width 256 go through ten layers, with tanh on the left and ReLU on the right. The lines
# show the size of the activations (the root of their mean square) behind each layer. Two fixed standard
# deviations are there for comparison. With 0.01 the signal dies out. With 0.2 the tanh units are pushed to −1
# and 1, where their slope is nearly 0, and the ReLU network explodes.


# %%
def activation_sizes(activation, draw, depth=10, width=256):
    """Root mean square of the activations behind each layer, the input first."""
    generator = torch.Generator().manual_seed(0)
    h = torch.randn(512, width, generator=generator).to(device())
    sizes = [h.square().mean().sqrt().item()]
    for _ in range(depth):
        h = activation(h @ draw((width, width), generator).to(device()).T)
        sizes.append(h.square().mean().sqrt().item())
    return sizes


@when_written
def scale_through_ten_layers():
    draws = {
        "std 0.01": lambda shape, generator: 0.01 * torch.randn(shape, generator=generator),
        "std 0.2": lambda shape, generator: 0.2 * torch.randn(shape, generator=generator),
        "Xavier": xavier_normal,
        "Kaiming": kaiming_normal,
    }
    _, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for axis, activation in zip(axes, (torch.tanh, torch.relu), strict=True):
        for name, draw in draws.items():
            sizes = activation_sizes(activation, draw)
            axis.semilogy(range(11), sizes, marker=".", label=name)
            print(f"{activation.__name__}, {name:8}: {sizes[-1]:8.2g} behind layer 10")
        axis.set(xlabel="layer (0 is the input)", ylabel="size of the activations", title=activation.__name__)
    axes[0].legend()


# %% [markdown]
# Find Xavier in the right panel: after ten layers it should be near $1/32$. Then change `width` to 64 and run
# the cell again. The two fixed standard deviations now do something else, and your two functions do not:
# they know the width.
#
# Before you hand in: restart the kernel and run all cells from the top, because that is how the notebook is
# graded. A function that needs a name from a cell you have deleted fails there and nowhere else.
