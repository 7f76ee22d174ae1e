"""The problem set `preprocessing`: features made comparable, decorrelated, and weights that keep their scale.

Principal components, whitened data and random weights are right in many forms. They are measured; everything else is
compared number by number.
"""

import torch

from autograder.calls import draws, function, numbers
from autograder.problem import Case, Measure, Problem, Target, programs
from autograder.references import numbers_of, value_of, values_of
from autograder.references import preprocessing as reference

# Standard errors from what is right to what is refused: a right program goes further once in 10^11 draws.
STANDARD_ERRORS = 7.0


def _normal(generator: torch.Generator, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def _uniform(generator: torch.Generator, low: float, high: float, *shape: int) -> torch.Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)


def _features(generator: torch.Generator, n: int, d: int) -> torch.Tensor:
    """n samples of d features, each with a mean and a scale of its own."""
    scale, offset = _uniform(generator, 0.5, 3, d), _uniform(generator, -2, 2, d)
    return offset + scale * _normal(generator, n, d)


def _constant_in(x: torch.Tensor, constants: dict[int, float]) -> torch.Tensor:
    """x with some columns constant.

    The constants are sums of few powers of two and the samples are 8 or 16: mean and deviations are exact in any order.
    """
    x = x.clone()
    for column, constant in constants.items():
        x[:, column] = constant
    return x


def _contract(arguments) -> list[Case]:
    """The contract's cases; `arguments` draws the arguments of one."""
    return [
        Case("float64", "contract", arguments(), dtype=torch.float64),
        Case("inputs with gaps in memory", "contract", arguments(), layout="strided"),
        Case("inputs transposed in memory", "contract", arguments(), layout="transposed"),
    ]


# Standardizing


def _fitting(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, x, **how):
        return Case(name, criterion, {"x": x}, **how)

    far = 150 + 4 * _normal(generator, 11, 8)
    small = _features(generator, 9, 4) * torch.tensor([1.0, 1e-3, 1.0, 1.0], dtype=torch.float64)
    return [
        case("x (7, 3)", "values", _features(generator, 7, 3)),
        case("x (4, 6)", "values", _features(generator, 4, 6)),
        case("constant features", "edge cases", _constant_in(_features(generator, 8, 5), {0: 0.0, 1: 2.5, 3: -0.75})),
        case("a feature of small scale", "edge cases", small),
        case("features far from 0", "edge cases", far),
        case("one sample", "edge cases", _features(generator, 1, 4)),
        *_contract(lambda: {"x": _features(generator, 6, 4)}),
    ]


def fit_standardizer__from_variance(x):
    variance, mean = torch.var_mean(x, dim=0, correction=0)
    return mean, torch.where(variance == 0, torch.ones_like(variance), variance.sqrt())


def fit_standardizer__loops(x):
    n, d = x.shape
    mean, std = torch.zeros_like(x[0]), torch.ones_like(x[0])
    for j in range(d):
        column = [float(value) for value in x[:, j]]
        center = sum(column) / n
        mean[j] = center
        if min(column) < max(column):
            std[j] = (sum((value - center) ** 2 for value in column) / n) ** 0.5
    return mean, std


def fit_standardizer__by_matrix_product(x):
    weights = torch.full((1, len(x)), 1 / len(x), dtype=x.dtype, device=x.device)
    mean = (weights @ x)[0]
    std = (weights @ (x - mean) ** 2)[0].sqrt()
    std[std < 1e-8] = 1
    return mean, std


def fit_standardizer__unbiased(x):
    """The squares were divided by one less than the number of samples: that is the sample's standard deviation."""
    std = x.std(dim=0) if len(x) > 1 else torch.zeros_like(x[0])
    return x.mean(dim=0), torch.where(std == 0, 1, std)


def fit_standardizer__unbiased_and_constant_feature(x):
    """The squares were divided by one less than the number of samples; and look at what a constant feature gets."""
    mean = x.mean(dim=0)
    return mean, (((x - mean) ** 2).sum(dim=0) / (len(x) - 1)).sqrt()


def fit_standardizer__over_the_features(x):
    """There is one number for each sample: mean and std belong to each feature."""
    std = x.std(dim=1, correction=0)
    return x.mean(dim=1), torch.where(std == 0, 1, std)


def fit_standardizer__over_everything(x):
    """All features got the same mean and the same std; each has its own."""
    mean, std = x.mean(), x.std(correction=0)
    return mean.expand(x.shape[1]), std.expand(x.shape[1])


def fit_standardizer__constant_feature(x):
    """The std of a constant feature is 0 or almost 0: the text says what stands in its place."""
    return x.mean(dim=0), x.std(dim=0, correction=0)


def fit_standardizer__at_least_one(x):
    """Features of small scale got a std of 1 although they are not constant."""
    return x.mean(dim=0), x.std(dim=0, correction=0).clamp(min=1)


def fit_standardizer__variance(x):
    """The second result is the variance; its root is missing."""
    variance = x.var(dim=0, correction=0)
    return x.mean(dim=0), torch.where(variance == 0, 1, variance)


def fit_standardizer__absolute_deviation(x):
    """The second result is the mean distance from the mean: the distances were not squared."""
    mean = x.mean(dim=0)
    std = (x - mean).abs().mean(dim=0)
    return mean, torch.where(std == 0, 1, std)


def fit_standardizer__digits_lost(x):
    """For features far from 0 two large, almost equal numbers are subtracted, and few right digits are left."""
    mean = x.mean(dim=0)
    variance = ((x * x).mean(dim=0) - mean * mean).clamp(min=0)
    constant = x.amax(dim=0) == x.amin(dim=0)
    return mean, torch.where(constant, 1, variance.sqrt())


def fit_standardizer__in_place(x):
    """x itself was changed: operations such as -= work in place."""
    mean = x.mean(dim=0)
    x -= mean
    std = (x * x).mean(dim=0).sqrt()
    return mean, torch.where(std == 0, 1, std)


FIT_STANDARDIZER = Problem(
    name="fit_standardizer",
    call=function,
    returns=("mean", "std"),
    cases=_fitting,
    expected=values_of(reference.fit_standardizer),
    points={"values": 5, "edge cases": 4, "contract": 1},
    mistakes=programs(
        fit_standardizer__unbiased,
        fit_standardizer__unbiased_and_constant_feature,
        fit_standardizer__over_the_features,
        fit_standardizer__over_everything,
        fit_standardizer__constant_feature,
        fit_standardizer__at_least_one,
        fit_standardizer__variance,
        fit_standardizer__absolute_deviation,
        fit_standardizer__digits_lost,
        fit_standardizer__in_place,
    ),
    alternatives=programs(
        fit_standardizer__from_variance,
        fit_standardizer__loops,
        fit_standardizer__by_matrix_product,
    ),
)


def _standardizing(generator: torch.Generator) -> list[Case]:
    def arguments(n, d, scale=1.0):
        # Not the mean and the std of this x: they come from other samples.
        mean, std = _uniform(generator, -3, 3, d), scale * _uniform(generator, 0.4, 3, d)
        return {"x": mean + 1 + 2 * std * _normal(generator, n, d), "mean": mean, "std": std}

    return [
        Case("x (5, 3)", "values", arguments(5, 3)),
        Case("x (4, 4)", "values", arguments(4, 4)),
        Case("features of small scale", "edge cases", arguments(6, 3, scale=1e-3)),
        Case("one sample", "edge cases", arguments(1, 4)),
        *_contract(lambda: arguments(6, 4)),
    ]


def standardize__two_steps(x, mean, std):
    centred = x - mean
    return centred / std


def standardize__reciprocal(x, mean, std):
    return x * (1 / std).expand_as(x) - mean / std


def standardize__loop_over_features(x, mean, std):
    return torch.stack([(x[:, j] - mean[j]) / std[j] for j in range(x.shape[1])], dim=1)


def standardize__own_statistics(x, mean, std):
    """The mean and the std of this x were used; those that are given come from the training data."""
    spread = x.std(dim=0, correction=0)
    return (x - x.mean(dim=0)) / torch.where(spread == 0, 1, spread)


def standardize__order(x, mean, std):
    """The mean was subtracted after the division: look at what the parentheses hold."""
    return x / std - mean


def standardize__parentheses(x, mean, std):
    """Python divides before it subtracts: only the mean was divided by the std."""
    return x - mean / std


def standardize__not_centred(x, mean, std):
    """The mean was not subtracted."""
    return x / std


def standardize__not_scaled(x, mean, std):
    """The mean was subtracted, but the std is not used."""
    return x - mean


def standardize__multiplied(x, mean, std):
    """The std was multiplied by: a feature with a large scale gets an even larger one."""
    return (x - mean) * std


def standardize__variance(x, mean, std):
    """What is given is the std already, not the variance: no root and no square of it is needed."""
    return (x - mean) / std.sqrt()


def standardize__epsilon(x, mean, std):
    """A small number was added to the std: for features of small scale it shows."""
    return (x - mean) / (std + 1e-5)


def standardize__in_place(x, mean, std):
    """x itself was changed: operations such as -= and /= work in place."""
    x -= mean
    x /= std
    return x


STANDARDIZE = Problem(
    name="standardize",
    call=function,
    returns=("out",),
    cases=_standardizing,
    expected=value_of(reference.standardize),
    points={"values": 4, "edge cases": 1, "contract": 1},
    forbidden=frozenset(
        {
            "batch_norm",
            "native_batch_norm",
            "cudnn_batch_norm",
            "_batch_norm_impl_index",
            "_batch_norm_no_update",
            "_native_batch_norm_legit",
            "_native_batch_norm_legit_functional",
            "_native_batch_norm_legit_no_training",
        }
    ),
    mistakes=programs(
        standardize__own_statistics,
        standardize__order,
        standardize__parentheses,
        standardize__not_centred,
        standardize__not_scaled,
        standardize__multiplied,
        standardize__variance,
        standardize__epsilon,
        standardize__in_place,
    ),
    alternatives=programs(standardize__two_steps, standardize__reciprocal, standardize__loop_over_features),
)


# Images


def _images(generator: torch.Generator, n: int, c: int, h: int, w: int) -> torch.Tensor:
    """Each image and each channel has a brightness of its own, as photographs have."""
    brightness = _normal(generator, n, c, 1, 1) + _uniform(generator, -1, 1, c, 1, 1)
    return brightness + _uniform(generator, 0.5, 2, c, 1, 1) * _normal(generator, n, c, h, w)


def _channels(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, images, **how):
        return Case(name, criterion, {"images": images}, **how)

    constant = _images(generator, 2, 3, 4, 8)
    constant[:, 1] = 0.5
    bytes_ = (120 + 40 * _images(generator, 3, 2, 5, 4)).clamp(0, 255)
    faint = _images(generator, 2, 5, 5, 6)
    faint[:, 1:] = 10 + 0.02 * faint[:, 1:]
    return [
        case("images (5, 3, 4, 6)", "values", _images(generator, 5, 3, 4, 6)),
        case("images (3, 4, 6, 2)", "values", _images(generator, 3, 4, 6, 2)),
        case("one image", "edge cases", _images(generator, 1, 3, 4, 5)),
        case("one channel", "edge cases", _images(generator, 4, 1, 3, 5)),
        case("as many images as channels, square", "edge cases", _images(generator, 3, 3, 3, 3)),
        case("a constant channel", "edge cases", constant),
        case("grey values from 0 to 255", "edge cases", bytes_),
        case("bright channels of little contrast", "edge cases", faint),
        *_contract(lambda: {"images": _images(generator, 4, 3, 2, 5)}),
    ]


def channel_mean_std__flattened(images):
    pixels = images.transpose(0, 1).flatten(1)
    return pixels.mean(dim=1), pixels.std(dim=1, correction=0)


def channel_mean_std__loop_over_channels(images):
    means, stds = [], []
    for c in range(images.shape[1]):
        channel = images[:, c]
        mean = channel.sum() / channel.numel()
        means.append(mean)
        stds.append(((channel - mean) ** 2).mean().sqrt())
    return torch.stack(means), torch.stack(stds)


def channel_mean_std__einsum(images):
    count = images.numel() / images.shape[1]
    mean = torch.einsum("nchw->c", images) / count
    centred = images - mean[:, None, None]
    return mean, torch.sqrt(torch.einsum("nchw,nchw->c", centred, centred) / count)


def channel_mean_std__mean_of_stds(images):
    """The std of each image was taken, and then their mean: how the images differ from each other is lost."""
    return images.mean(dim=(0, 2, 3)), images.std(dim=(2, 3), correction=0).mean(dim=0)


def channel_mean_std__std_of_means(images):
    """The std is that of the images' means: how the pixels of an image differ is lost."""
    means = images.mean(dim=(2, 3))
    return means.mean(dim=0), means.std(dim=0, correction=0)


def channel_mean_std__unbiased(images):
    """The squares were divided by one less than the number of pixels: that is the sample's standard deviation."""
    return images.mean(dim=(0, 2, 3)), images.std(dim=(0, 2, 3))


def channel_mean_std__of_each_image(images):
    """There is one number for each image: the channels lie along another dimension."""
    return images.mean(dim=(1, 2, 3)), images.std(dim=(1, 2, 3), correction=0)


def channel_mean_std__channels_last(images):
    """There is one number for each column of pixels: the channels are not the last dimension."""
    return images.mean(dim=(0, 1, 2)), images.std(dim=(0, 1, 2), correction=0)


def channel_mean_std__over_everything(images):
    """All channels got the same two numbers; each has its own."""
    mean, std = images.mean(), images.std(correction=0)
    return mean.expand(images.shape[1]), std.expand(images.shape[1])


def channel_mean_std__kept_dimensions(images):
    """The numbers are right, but the dimensions of size 1 were kept: one number for each channel is asked for."""
    mean = images.mean(dim=(0, 2, 3), keepdim=True)
    return mean, images.std(dim=(0, 2, 3), correction=0, keepdim=True)


def channel_mean_std__variance(images):
    """The second result is the variance; its root is missing."""
    return images.mean(dim=(0, 2, 3)), images.var(dim=(0, 2, 3), correction=0)


def channel_mean_std__reshaped(images):
    """The numbers of different channels were mixed: a reshape to one row for each channel does not sort them."""
    rows = images.reshape(images.shape[1], -1)
    return rows.mean(dim=1), rows.std(dim=1, correction=0)


def channel_mean_std__constant_channel(images):
    """The std of a constant channel was replaced: here it stays what it is."""
    std = images.std(dim=(0, 2, 3), correction=0)
    return images.mean(dim=(0, 2, 3)), torch.where(std == 0, 1, std)


def channel_mean_std__digits_lost(images):
    """Two large numbers were subtracted that are almost equal, and digits were lost: subtract the mean first."""
    mean = images.mean(dim=(0, 2, 3))
    return mean, ((images**2).mean(dim=(0, 2, 3)) - mean**2).clamp(min=0).sqrt()


CHANNEL_MEAN_STD = Problem(
    name="channel_mean_std",
    call=function,
    returns=("mean", "std"),
    cases=_channels,
    expected=values_of(reference.channel_mean_std),
    points={"values": 5, "edge cases": 2, "contract": 1},
    mistakes=programs(
        channel_mean_std__mean_of_stds,
        channel_mean_std__std_of_means,
        channel_mean_std__unbiased,
        channel_mean_std__of_each_image,
        channel_mean_std__channels_last,
        channel_mean_std__over_everything,
        channel_mean_std__kept_dimensions,
        channel_mean_std__variance,
        channel_mean_std__reshaped,
        channel_mean_std__constant_channel,
        channel_mean_std__digits_lost,
    ),
    alternatives=programs(
        channel_mean_std__flattened,
        channel_mean_std__loop_over_channels,
        channel_mean_std__einsum,
    ),
)


# Scaling to a range


def _scaling(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, x, low, high, **how):
        return Case(name, criterion, {"x": x, "low": low, "high": high}, **how)

    constant = _constant_in(_features(generator, 5, 4), {0: 0.1, 2: -3.0})
    positive = _features(generator, 6, 3).abs() + 1
    return [
        case("x (6, 3), from -1 to 1", "values", _features(generator, 6, 3), -1.0, 1.0),
        case("x (4, 5), from 0.5 to 3", "values", _features(generator, 4, 5), 0.5, 3.0),
        case("from 0 to 1", "edge cases", _features(generator, 5, 3), 0.0, 1.0),
        case("constant features, from -1 to 2", "edge cases", constant, -1.0, 2.0),
        case("one sample, from 0.25 to 2", "edge cases", _features(generator, 1, 3), 0.25, 2.0),
        case("all numbers positive, from -2 to -1", "edge cases", positive, -2.0, -1.0),
        case("all numbers negative, from 3 to 7", "edge cases", -positive, 3.0, 7.0),
        case("features of small scale, from 0 to 4", "edge cases", 1e-3 * _features(generator, 6, 3), 0.0, 4.0),
        *_contract(lambda: {"x": _features(generator, 6, 4), "low": -0.3, "high": 0.9}),
    ]


def min_max_scale__by_amin(x, low, high):
    smallest = x.amin(dim=0, keepdim=True)
    span = x.amax(dim=0, keepdim=True) - smallest
    return low + (high - low) * (x - smallest) / torch.where(span > 0, span, torch.ones_like(span))


def min_max_scale__not_a_number(x, low, high):
    smallest, largest = x.min(dim=0).values, x.max(dim=0).values
    return torch.nan_to_num((x - smallest) / (largest - smallest), nan=0.0) * (high - low) + low


def min_max_scale__two_weights(x, low, high):
    columns = []
    for column in x.T:
        smallest, largest = column.min(), column.max()
        if smallest == largest:
            columns.append(torch.full_like(column, low))
        else:
            columns.append((low * (largest - column) + high * (column - smallest)) / (largest - smallest))
    return torch.stack(columns, dim=1)


def min_max_scale__over_everything(x, low, high):
    """The smallest and the largest number of all features were taken; each feature has its own."""
    return low + (high - low) * (x - x.min()) / (x.max() - x.min())


def min_max_scale__of_each_sample(x, low, high):
    """Each sample was scaled by itself: the samples are the rows, the features the columns."""
    smallest = x.amin(dim=1, keepdim=True)
    span = x.amax(dim=1, keepdim=True) - smallest
    return low + (high - low) * (x - smallest) / torch.where(span == 0, 1, span)


def min_max_scale__to_one(x, low, high):
    """The results go from 0 to 1 whatever low and high are."""
    smallest = x.amin(dim=0)
    span = x.amax(dim=0) - smallest
    return (x - smallest) / torch.where(span == 0, 1, span)


def min_max_scale__times_high(x, low, high):
    """The length of the range from low to high is not high, unless low is 0."""
    smallest = x.amin(dim=0)
    span = x.amax(dim=0) - smallest
    return low + high * (x - smallest) / torch.where(span == 0, 1, span)


def min_max_scale__starts_at_zero(x, low, high):
    """The range has the right length, but starts at 0."""
    smallest = x.amin(dim=0)
    span = x.amax(dim=0) - smallest
    return (high - low) * (x - smallest) / torch.where(span == 0, 1, span)


def min_max_scale__by_the_largest(x, low, high):
    """The distance from the smallest number was divided by the largest one, not by the feature's range."""
    smallest, largest = x.amin(dim=0), x.amax(dim=0)
    return low + (high - low) * (x - smallest) / torch.where(largest == 0, 1, largest)


def min_max_scale__constant_feature(x, low, high):
    """A constant feature gives 0 / 0, which is NaN: the text says what it becomes."""
    smallest, largest = x.amin(dim=0), x.amax(dim=0)
    return low + (high - low) * (x - smallest) / (largest - smallest)


def min_max_scale__constant_feature_kept(x, low, high):
    """A constant feature was left as it is: the text says what it becomes."""
    smallest = x.amin(dim=0)
    span = x.amax(dim=0) - smallest
    return torch.where(span == 0, x, low + (high - low) * (x - smallest) / span)


def min_max_scale__constant_feature_at_zero(x, low, high):
    """A constant feature became 0: the text says what it becomes."""
    smallest, largest = x.amin(dim=0), x.amax(dim=0)
    return torch.nan_to_num(low + (high - low) * (x - smallest) / (largest - smallest), nan=0.0)


def min_max_scale__constant_feature_in_the_middle(x, low, high):
    """A constant feature was put in the middle of the range: the text says what it becomes."""
    smallest = x.amin(dim=0)
    span = x.amax(dim=0) - smallest
    return torch.where(span == 0, (low + high) / 2, low + (high - low) * (x - smallest) / span)


def min_max_scale__clipped(x, low, high):
    """Numbers outside the range were cut off: all have to be moved and stretched."""
    return x.clamp(low, high)


def min_max_scale__epsilon(x, low, high):
    """A small number was added to the range that is divided by: in float64 it shows."""
    smallest = x.amin(dim=0)
    return low + (high - low) * (x - smallest) / (x.amax(dim=0) - smallest + 1e-12)


MIN_MAX_SCALE = Problem(
    name="min_max_scale",
    call=function,
    returns=("out",),
    cases=_scaling,
    expected=value_of(reference.min_max_scale),
    points={"values": 5, "edge cases": 3, "contract": 1},
    mistakes=programs(
        min_max_scale__over_everything,
        min_max_scale__of_each_sample,
        min_max_scale__to_one,
        min_max_scale__times_high,
        min_max_scale__starts_at_zero,
        min_max_scale__by_the_largest,
        min_max_scale__constant_feature,
        min_max_scale__constant_feature_kept,
        min_max_scale__constant_feature_at_zero,
        min_max_scale__constant_feature_in_the_middle,
        min_max_scale__clipped,
        min_max_scale__epsilon,
    ),
    alternatives=programs(
        min_max_scale__by_amin,
        min_max_scale__not_a_number,
        min_max_scale__two_weights,
    ),
)


# Principal components


def _cloud(generator: torch.Generator, n: int, d: int, *deviations: float) -> torch.Tensor:
    """n samples of d features whose covariance has these standard deviations, along random axes.

    Exactly these: components whose variances come close to each other would turn with every rounding. One
    mean is large, for the largest number in a result sets the tolerance. Every number is one that float32 can hold.
    """
    scores = _normal(generator, n, len(deviations))
    scores = torch.linalg.qr(scores - scores.mean(dim=0)).Q * (n - 1) ** 0.5
    axes = torch.linalg.qr(_normal(generator, d, len(deviations))).Q
    spread = _uniform(generator, 0.9, 1.1) * torch.tensor(deviations, dtype=torch.float64)
    mean = _uniform(generator, 0.3, 1, d) * _signs(generator, d)
    mean[0] = _uniform(generator, 2.5, 3)
    samples = scores * spread @ axes.T + mean
    return samples.float().double()


def _signs(generator: torch.Generator, count: int) -> torch.Tensor:
    return 2 * torch.randint(0, 2, (count,), generator=generator).double() - 1


def _fitting_components(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, x, k, **how):
        return Case(name, criterion, {"x": x, "k": k}, **how)

    # The last component, whose variance is 0, is left out: rounding alone would decide it.
    flat = _cloud(generator, 9, 3, 1.2, 0.8, 0.4)
    constant = torch.cat([flat[:, :1], torch.full((9, 1), 1.5, dtype=torch.float64), flat[:, 1:]], dim=1)
    contract = (8, 4, 1.2, 0.85, 0.5, 0.2)
    return [
        case("x (12, 4), k 2", "values", _cloud(generator, 12, 4, 1.2, 0.85, 0.5, 0.2), 2),
        case("x (7, 5), k 3", "values", _cloud(generator, 7, 5, 1.25, 1.0, 0.75, 0.45, 0.2), 3),
        case(
            "more features than samples: x (5, 8), k 3", "edge cases", _cloud(generator, 5, 8, 1.2, 0.85, 0.5, 0.2), 3
        ),
        case("all components: x (10, 4), k 4", "edge cases", _cloud(generator, 10, 4, 1.2, 0.85, 0.5, 0.2), 4),
        case("one component: x (6, 3), k 1", "edge cases", _cloud(generator, 6, 3, 1.2, 0.8, 0.4), 1),
        case("a constant feature: x (9, 4), k 3", "edge cases", constant, 3),
        case(
            "as many samples as features: x (5, 5), k 4", "edge cases", _cloud(generator, 5, 5, 1.2, 0.85, 0.5, 0.2), 4
        ),
        # One component: float64's own singular vectors are exact to 60 roundings, but for the first.
        case("float64, k 1", "contract", _cloud(generator, *contract), 1, dtype=torch.float64),
        case("x with gaps in memory, k 3", "contract", _cloud(generator, *contract), 3, layout="strided"),
        case("x transposed in memory, k 3", "contract", _cloud(generator, *contract), 3, layout="transposed"),
    ]


def _up_to_signs(case: Case, outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Mean, components and variances, each component turned to the side of the reference's."""
    mean, components, variances = outputs
    x = case.arguments["x"].to(case.dtype).double()
    _, right, _ = reference.pca_fit(x, case.arguments["k"])
    opposite = (components * right).sum(dim=1, keepdim=True) < 0
    return mean, torch.where(opposite, -components, components), variances


def pca_fit__by_svd(x, k):
    mean = x.mean(dim=0)
    _, lengths, rows = torch.linalg.svd(x - mean, full_matrices=False)
    return mean, rows[:k], lengths[:k] ** 2 / (len(x) - 1)


def pca_fit__by_eigh(x, k):
    mean = x.sum(dim=0) / len(x)
    centred = x - mean
    variances, columns = torch.linalg.eigh(centred.T @ centred / (len(x) - 1))
    best = variances.argsort(descending=True)[:k]
    return mean, columns[:, best].T, variances[best]


def pca_fit__general_eigenvectors(x, k):
    variances, columns = torch.linalg.eig(torch.cov(x.T))
    variances, order = variances.real.sort(descending=True)
    return x.mean(dim=0), columns.real.T[order][:k], variances[:k]


def pca_fit__one_after_the_other(x, k):
    mean = x.mean(dim=0)
    rest = x - mean
    components, variances = [], []
    for _ in range(k):
        _, lengths, rows = torch.linalg.svd(rest, full_matrices=False)
        components.append(-rows[0])
        variances.append(lengths[0] ** 2 / (len(x) - 1))
        rest = rest - torch.outer(rest @ rows[0], rows[0])
    return mean, torch.stack(components), torch.stack(variances)


def pca_fit__not_centred(x, k):
    """The mean was not subtracted before the components were looked for."""
    variances, columns = torch.linalg.eigh(x.T @ x / (len(x) - 1))
    return x.mean(dim=0), columns.T.flip(0)[:k], variances.flip(0)[:k]


def pca_fit__smallest_first(x, k):
    """The directions of least variance were kept: look at the order in which eigenvalues come."""
    variances, columns = torch.linalg.eigh(torch.cov(x.T))
    return x.mean(dim=0), columns.T[:k], variances[:k]


def pca_fit__ascending(x, k):
    """The right components, but the largest variance comes last."""
    variances, columns = torch.linalg.eigh(torch.cov(x.T))
    return x.mean(dim=0), columns.T[-k:], variances[-k:]


def pca_fit__only_variances_sorted(x, k):
    """The variances were put in order, but the components did not move with them."""
    variances, columns = torch.linalg.eigh(torch.cov(x.T))
    return x.mean(dim=0), columns.T[:k], variances.flip(0)[:k]


def pca_fit__rows_of_eigenvectors(x, k):
    """The rows of the matrix of eigenvectors were taken: each eigenvector is a column."""
    variances, columns = torch.linalg.eigh(torch.cov(x.T))
    return x.mean(dim=0), columns.flip(1)[:k], variances.flip(0)[:k]


def pca_fit__biased(x, k):
    """The variances were divided by the number of samples; unbiased ones are asked for."""
    variances, columns = torch.linalg.eigh(torch.cov(x.T, correction=0))
    return x.mean(dim=0), columns.T.flip(0)[:k], variances.flip(0)[:k]


def pca_fit__singular_values(x, k):
    """These are singular values: one step is missing from them to the variances."""
    mean = x.mean(dim=0)
    _, lengths, rows = torch.linalg.svd(x - mean, full_matrices=False)
    return mean, rows[:k], lengths[:k]


def pca_fit__squared_singular_values(x, k):
    """The squares along each direction were added up, but not divided: a variance is a mean."""
    mean = x.mean(dim=0)
    _, lengths, rows = torch.linalg.svd(x - mean, full_matrices=False)
    return mean, rows[:k], lengths[:k] ** 2


def pca_fit__standard_deviations(x, k):
    """These are standard deviations; variances are asked for."""
    mean = x.mean(dim=0)
    _, lengths, rows = torch.linalg.svd(x - mean, full_matrices=False)
    return mean, rows[:k], lengths[:k] / (len(x) - 1) ** 0.5


def pca_fit__shares(x, k):
    """These are shares of the whole variance; the variances themselves are asked for."""
    variances, columns = torch.linalg.eigh(torch.cov(x.T))
    shares = variances / variances.sum()
    return x.mean(dim=0), columns.T.flip(0)[:k], shares.flip(0)[:k]


def pca_fit__columns(x, k):
    """The components stand in the columns; each is asked for as a row."""
    variances, columns = torch.linalg.eigh(torch.cov(x.T))
    return x.mean(dim=0), columns.flip(1)[:, :k], variances.flip(0)[:k]


def pca_fit__standardized(x, k):
    """The features were divided by their standard deviations first: these are the components of other data."""
    std = x.std(dim=0)
    z = (x - x.mean(dim=0)) / torch.where(std == 0, 1, std)
    variances, columns = torch.linalg.eigh(torch.cov(z.T))
    return x.mean(dim=0), columns.T.flip(0)[:k], variances.flip(0)[:k]


PCA_FIT = Problem(
    name="pca_fit",
    call=function,
    returns=("mean", "components", "explained_variance"),
    cases=_fitting_components,
    expected=values_of(reference.pca_fit),
    points={"values": 10, "edge cases": 5, "contract": 2},
    # Not in aten, but in torch: it is found in the source.
    forbidden=frozenset({"pca_lowrank"}),
    measured=Measure(("mean", "components (up to their signs)", "explained_variance"), _up_to_signs),
    mistakes=programs(
        pca_fit__not_centred,
        pca_fit__smallest_first,
        pca_fit__ascending,
        pca_fit__only_variances_sorted,
        pca_fit__rows_of_eigenvectors,
        pca_fit__biased,
        pca_fit__singular_values,
        pca_fit__squared_singular_values,
        pca_fit__standard_deviations,
        pca_fit__shares,
        pca_fit__columns,
        pca_fit__standardized,
    ),
    alternatives=programs(
        pca_fit__by_svd,
        pca_fit__by_eigh,
        pca_fit__general_eigenvectors,
        pca_fit__one_after_the_other,
    ),
)


def _projecting(generator: torch.Generator) -> list[Case]:
    def arguments(n, d, k):
        # Not the mean and the components of this x: they come from other samples.
        axes = torch.linalg.qr(_normal(generator, d, d)).Q
        return {"x": 1 + 2 * _normal(generator, n, d), "mean": _uniform(generator, -3, 3, d), "components": axes[:k]}

    return [
        Case("x (6, 4), two components", "values", arguments(6, 4, 2)),
        Case("x (5, 3), all three components", "values", arguments(5, 3, 3)),
        Case("one component", "edge cases", arguments(5, 3, 1)),
        Case("one sample", "edge cases", arguments(1, 4, 3)),
        Case("as many samples as features", "edge cases", arguments(4, 4, 4)),
        *_contract(lambda: arguments(6, 4, 3)),
    ]


def pca_transform__einsum(x, mean, components):
    return torch.einsum("nd,kd->nk", x - mean, components)


def pca_transform__mean_projected_too(x, mean, components):
    return x @ components.T - components @ mean


def pca_transform__loop_over_components(x, mean, components):
    return torch.stack([((x - mean) * component).sum(dim=1) for component in components], dim=1)


def pca_transform__not_centred(x, mean, components):
    """The mean was not subtracted."""
    return x @ components.T


def pca_transform__own_mean(x, mean, components):
    """The mean of this x was subtracted; the one that is given belongs to the components."""
    return (x - x.mean(dim=0)) @ components.T


def pca_transform__mean_added(x, mean, components):
    """The mean was added where it has to be subtracted."""
    return (x + mean) @ components.T


def pca_transform__not_transposed(x, mean, components):
    """The components are rows: multiplied like this, columns were taken for them."""
    square = components.shape[0] == components.shape[1]
    return (x - mean) @ (components if square else components.T)


def pca_transform__back_again(x, mean, components):
    """The result has as many features as x: the coordinates were turned back into samples."""
    return (x - mean) @ components.T @ components + mean


def pca_transform__scaled(x, mean, components):
    """The coordinates were divided by their standard deviation: that is whitening, not asked for here."""
    out = (x - mean) @ components.T
    std = out.std(dim=0, correction=0)
    return out / torch.where(std == 0, 1, std)


def pca_transform__squeezed(x, mean, components):
    """A dimension of size 1 was lost: one sample or one component is still a matrix."""
    return ((x - mean) @ components.T).squeeze()


def pca_transform__in_place(x, mean, components):
    """x itself was changed: operations such as -= work in place."""
    x -= mean
    return x @ components.T


PCA_TRANSFORM = Problem(
    name="pca_transform",
    call=function,
    returns=("out",),
    cases=_projecting,
    expected=value_of(reference.pca_transform),
    points={"values": 4, "edge cases": 1, "contract": 1},
    mistakes=programs(
        pca_transform__not_centred,
        pca_transform__own_mean,
        pca_transform__mean_added,
        pca_transform__not_transposed,
        pca_transform__back_again,
        pca_transform__scaled,
        pca_transform__squeezed,
        pca_transform__in_place,
    ),
    alternatives=programs(
        pca_transform__einsum,
        pca_transform__mean_projected_too,
        pca_transform__loop_over_components,
    ),
)


# Whitening


def _whitening(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, x, eps, **how):
        return Case(name, criterion, {"x": x, "eps": eps}, **how)

    flat = _cloud(generator, 10, 3, 2.5, 1.5, 0.8)
    constant = torch.cat([flat[:, :1], torch.full((10, 1), 1.5, dtype=torch.float64), flat[:, 1:]], dim=1)
    few = _cloud(generator, 4, 6, 2.5, 1.5, 0.8)
    return [
        case("x (12, 4), eps 1e-6", "values", _cloud(generator, 12, 4, 2.5, 1.6, 1.1, 0.7), 1e-6),
        case("x (9, 3), eps of the size of the variances", "values", _cloud(generator, 9, 3, 2, 1.2, 0.7), 0.9),
        case("a constant feature, eps 0.1", "edge cases", constant, 0.1),
        case("two features, eps 0.5", "edge cases", _cloud(generator, 5, 2, 2, 0.8), 0.5),
        case("fewer samples than features: x (4, 6), eps 1", "edge cases", few, 1.0),
        case("eps larger than all variances", "edge cases", _cloud(generator, 8, 3, 2, 1.2, 0.7), 20.0),
        *_contract(lambda: {"x": _cloud(generator, 9, 4, 2, 1.5, 1.1, 0.8), "eps": 1.5}),
    ]


def _whiteness(case: Case, outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """What all forms of whitening have in common.

    The products of the rows fix the rows up to a rotation or reflection, which is what the forms differ by. The mean
    and the variances follow from them, and are there to be told first.
    """
    (out,) = outputs
    mean = out.mean(dim=0)
    variances = torch.linalg.eigvalsh(torch.cov(out.T))
    # The reference's own mean is 0 but for its rounding in float64: to be told so.
    return torch.where(mean.abs() < 1e-14, 0, mean), variances.flip(0), out @ out.T


def whiten__pca(x, eps):
    centred = x - x.mean(dim=0)
    _, lengths, rows = torch.linalg.svd(centred)
    variances = torch.zeros_like(rows[0])
    variances[: len(lengths)] = lengths**2 / (len(x) - 1)
    return centred @ rows.T / (variances + eps) ** 0.5


def whiten__zca(x, eps):
    variances, axes = torch.linalg.eigh(torch.cov(x.T))
    return (x - x.mean(dim=0)) @ (axes @ torch.diag((variances + eps) ** -0.5) @ axes.T)


def whiten__cholesky_of_covariance(x, eps):
    centred = x - x.mean(dim=0)
    covariance = centred.T @ centred / (len(x) - 1)
    covariance = covariance + eps * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    return torch.linalg.solve_triangular(torch.linalg.cholesky(covariance), centred.T, upper=False).T


def whiten__cholesky_of_precision(x, eps):
    centred = x - x.mean(dim=0)
    precision = torch.linalg.inv(torch.cov(x.T) + eps * torch.eye(x.shape[1], dtype=x.dtype, device=x.device))
    return centred @ torch.linalg.cholesky(precision)


def whiten__only_rotated(x, eps):
    """The features are uncorrelated now, but their variances were not brought to the same size."""
    _, axes = torch.linalg.eigh(torch.cov(x.T))
    return (x - x.mean(dim=0)) @ axes


def whiten__only_scaled(x, eps):
    """Each feature was divided by its own deviation: they are as correlated as before."""
    variance, mean = torch.var_mean(x, dim=0)
    return (x - mean) / (variance + eps).sqrt()


def whiten__not_centred(x, eps):
    """The mean is still there."""
    variances, axes = torch.linalg.eigh(torch.cov(x.T))
    return x @ axes / (variances + eps).sqrt()


def whiten__no_root(x, eps):
    """The coordinates were divided by their variances; a scale is divided by a standard deviation."""
    variances, axes = torch.linalg.eigh(torch.cov(x.T))
    return (x - x.mean(dim=0)) @ axes / (variances + eps)


def whiten__eps_forgotten(x, eps):
    """eps is not used."""
    variances, axes = torch.linalg.eigh(torch.cov(x.T))
    return (x - x.mean(dim=0)) @ axes / variances.clamp(min=1e-6).sqrt()


def whiten__eps_outside_the_root(x, eps):
    """eps was added to the standard deviations; it belongs to the variances."""
    variances, axes = torch.linalg.eigh(torch.cov(x.T))
    return (x - x.mean(dim=0)) @ axes / (variances.clamp(min=0).sqrt() + eps)


def whiten__eps_as_lower_limit(x, eps):
    """eps was taken as a lower limit of the variances; it has to be added to them."""
    variances, axes = torch.linalg.eigh(torch.cov(x.T))
    return (x - x.mean(dim=0)) @ axes / variances.clamp(min=eps).sqrt()


def whiten__biased(x, eps):
    """The covariance was divided by the number of samples; the unbiased one is asked for."""
    variances, axes = torch.linalg.eigh(torch.cov(x.T, correction=0))
    return (x - x.mean(dim=0)) @ axes / (variances + eps).sqrt()


def whiten__eigenvectors_transposed(x, eps):
    """The samples were multiplied by the transposed eigenvectors: each eigenvector is a column of its matrix."""
    variances, axes = torch.linalg.eigh(torch.cov(x.T))
    return (x - x.mean(dim=0)) @ axes.T / (variances + eps).sqrt()


def whiten__order(x, eps):
    """Each coordinate was divided by the deviation of another one: their orders differ."""
    variances, axes = torch.linalg.eigh(torch.cov(x.T))
    return (x - x.mean(dim=0)) @ axes / (variances.flip(0) + eps).sqrt()


def whiten__by_singular_values(x, eps):
    """The singular values of the samples were taken for variances."""
    centred = x - x.mean(dim=0)
    _, lengths, rows = torch.linalg.svd(centred)
    variances = torch.cat([lengths, torch.zeros_like(rows[0])])[: x.shape[1]]
    return centred @ rows.T / (variances + eps).sqrt()


WHITEN = Problem(
    name="whiten",
    call=function,
    returns=("out",),
    cases=_whitening,
    expected=value_of(reference.whiten),
    points={"values": 9, "edge cases": 5, "contract": 2},
    measured=Measure(
        ("mean of the columns", "variances along the principal axes of the result", "inner product of rows"),
        _whiteness,
    ),
    mistakes=programs(
        whiten__only_rotated,
        whiten__only_scaled,
        whiten__not_centred,
        whiten__no_root,
        whiten__eps_forgotten,
        whiten__eps_outside_the_root,
        whiten__eps_as_lower_limit,
        whiten__biased,
        whiten__eigenvectors_transposed,
        whiten__order,
        whiten__by_singular_values,
    ),
    alternatives=programs(
        whiten__pca,
        whiten__zca,
        whiten__cholesky_of_covariance,
        whiten__cholesky_of_precision,
    ),
)


# Random weights


def _counting(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, *shape):
        said = f"{name}, shape {shape}" if name else f"shape {shape}"
        return Case(said, criterion, {"shape": shape})

    def size(low, high):
        return int(torch.randint(low, high + 1, (), generator=generator))

    return [
        case("linear", "values", size(20, 39), size(60, 99)),
        case("linear", "values", size(60, 99), size(20, 39)),
        case("convolution", "values", size(10, 19), size(4, 9), 3, 5),
        case("convolution", "values", size(4, 9), size(20, 29), 7, 2),
        case("1 by 1 kernel", "edge cases", size(10, 19), size(4, 9), 1, 1),
        case("one input channel", "edge cases", size(4, 9), 1, 5, 3),
        case("one kernel size", "edge cases", size(10, 19), size(4, 9), 3),
        case("three kernel sizes", "edge cases", size(10, 19), size(4, 9), 2, 3, 5),
        case("one size", "edge cases", size(4, 9)),
        case("no size", "edge cases"),
    ]


def fan_in_and_fan_out__product(shape):
    if len(shape) < 2:
        raise ValueError(f"shape is {shape}; expected at least two sizes.")
    area = 1
    for size in shape[2:]:
        area *= size
    return shape[1] * area, shape[0] * area


def fan_in_and_fan_out__from_a_tensor(shape):
    weight = torch.zeros(shape)
    if weight.dim() < 2:
        raise ValueError("fan_in and fan_out need a weight of two dimensions or more.")
    return weight[0].numel(), weight[:, 0].numel()


def fan_in_and_fan_out__swapped(shape):
    """The two are swapped: the first size of a weight counts its outputs."""
    if len(shape) < 2:
        raise ValueError("too few sizes")
    area = int(torch.tensor(shape[2:]).prod())
    return shape[0] * area, shape[1] * area


def fan_in_and_fan_out__no_kernel(shape):
    """The size of the kernel is not counted."""
    if len(shape) < 2:
        raise ValueError("too few sizes")
    return shape[1], shape[0]


def fan_in_and_fan_out__kernel_for_the_inputs_only(shape):
    """An input reaches more than one position: the kernel counts for the outputs too."""
    if len(shape) < 2:
        raise ValueError("too few sizes")
    return shape[1] * int(torch.tensor(shape[2:]).prod()), shape[0]


def fan_in_and_fan_out__square_kernel(shape):
    """The height of the kernel was taken for its width as well."""
    if len(shape) < 2:
        raise ValueError("too few sizes")
    area = shape[2] ** len(shape[2:]) if len(shape) > 2 else 1
    return shape[1] * area, shape[0] * area


def fan_in_and_fan_out__sizes_added(shape):
    """The sizes of the kernel were added; look at how many numbers a kernel has."""
    if len(shape) < 2:
        raise ValueError("too few sizes")
    area = sum(shape[2:]) if len(shape) > 2 else 1
    return shape[1] * area, shape[0] * area


def fan_in_and_fan_out__all_weights(shape):
    """This is the number of all weights; a fan belongs to one output or to one input."""
    if len(shape) < 2:
        raise ValueError("too few sizes")
    count = int(torch.tensor(shape).prod())
    return count, count


def fan_in_and_fan_out__one_size(shape):
    """A shape with fewer than two sizes has no fans: the text asks for an error."""
    area = int(torch.tensor(shape[2:]).prod())
    sizes = (*shape[:2], 1, 1)
    return sizes[1] * area, sizes[0] * area


def fan_in_and_fan_out__matrices_and_images_only(shape):
    """A kernel may have one size or three: the text does not limit their number to two."""
    if len(shape) not in (2, 4):
        raise ValueError("expected a linear or a convolutional weight")
    area = shape[2] * shape[3] if len(shape) == 4 else 1
    return shape[1] * area, shape[0] * area


FAN_IN_AND_FAN_OUT = Problem(
    name="fan_in_and_fan_out",
    call=numbers,
    returns=("a ValueError is raised", "fan_in", "fan_out"),
    cases=_counting,
    expected=numbers_of(reference.fan_in_and_fan_out, 2),
    points={"values": 5, "edge cases": 3},
    mistakes=programs(
        fan_in_and_fan_out__swapped,
        fan_in_and_fan_out__no_kernel,
        fan_in_and_fan_out__kernel_for_the_inputs_only,
        fan_in_and_fan_out__square_kernel,
        fan_in_and_fan_out__sizes_added,
        fan_in_and_fan_out__all_weights,
        fan_in_and_fan_out__one_size,
        fan_in_and_fan_out__matrices_and_images_only,
    ),
    alternatives=programs(fan_in_and_fan_out__product, fan_in_and_fan_out__from_a_tensor),
)

# More than that many standard deviations from the mean lies this share of a normal distribution. A uniform one has
# nothing there, nor has one that is cut off at two deviations and stretched to the right one.
FAR, SHARE = 2.5, 0.0124193
LAYERS, WIDTH, SAMPLES = 10, 56, 32


def _initializing(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, shape, count, **kept):
        seed = int(torch.randint(2**31, (), generator=generator))
        seeded = torch.Generator().manual_seed(seed)
        return Case(name, criterion, {"shape": shape, "generator": seeded, "count": count}, kept=kept)

    # About 30 000 numbers in the draws of a case: the standard deviation is known to 3 %, and torch needs one thread.
    inputs = _normal(generator, SAMPLES, WIDTH)
    return [
        case("linear weight (60, 260)", "values", (60, 260), 2),
        case("linear weight (260, 60)", "values", (260, 60), 2),
        case("convolution weight (40, 10, 5, 7)", "values", (40, 10, 5, 7), 2),
        case("convolution weight (8, 60, 6, 5)", "edge cases", (8, 60, 6, 5), 2),
        case("kernel of one size (60, 36, 7)", "edge cases", (60, 36, 7), 2),
        case("one output (1, 16000)", "edge cases", (1, 16000), 2),
        case(f"ten layers of weights ({WIDTH}, {WIDTH})", "edge cases", (WIDTH, WIDTH), LAYERS, inputs=inputs),
        case("linear weight (120, 130)", "contract", (120, 130), 2),
    ]


def _statistics(relu: bool):
    def measure(case: Case, outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        """What random weights have in common; the layers' scale only where there are inputs to send through them."""
        drawn, again = outputs
        std, mean = torch.std_mean(drawn, correction=0)
        far = ((drawn - mean).abs() > FAR * std).double().mean()
        repeated = (drawn[0] == again).double().mean()
        earlier, later = drawn[:-1] - mean, drawn[1:] - mean
        correlation = (earlier * later).mean() / std.square()
        numbers = (drawn - mean).flatten(1)
        first, second = numbers.tensor_split([numbers.shape[1] // 2, numbers.shape[1] // 2 * 2], dim=1)[:2]
        halves = (first * second).mean() / std.square()
        return std, mean, far, repeated, correlation, halves, _growth(case, drawn, relu)

    return measure


def _growth(case: Case, weights: torch.Tensor, relu: bool) -> torch.Tensor:
    """How often the activations double from the first layer's input to the last one's output; empty without inputs."""
    if "inputs" not in case.kept:
        return torch.empty(0, dtype=torch.float64)
    h = inputs = case.kept["inputs"]
    for weight in weights:
        h = h @ weight.T
        h = h.clamp(min=0) if relu else h
    return (h.square().mean() / inputs.square().mean()).log2() / 2


def _wanted(std_of, growth_tolerance: float):
    def targets(case: Case) -> tuple[Target, ...]:
        """Tolerances from sampling theory: standard errors of as many independent numbers as there are."""
        shape, count = case.arguments["shape"], case.arguments["count"]
        n, std = count * torch.Size(shape).numel(), std_of(shape)
        growth = torch.zeros((0,) if "inputs" not in case.kept else (), dtype=torch.float64)

        def target(value, standard_error):
            return Target(torch.tensor(value, dtype=torch.float64), STANDARD_ERRORS * standard_error)

        return (
            target(std, std / (2 * n) ** 0.5),
            target(0.0, std / n**0.5),
            target(SHARE, (SHARE * (1 - SHARE) / n) ** 0.5),
            Target(torch.tensor(1.0, dtype=torch.float64), 1e-3),
            target(0.0, (count / (count - 1) / n) ** 0.5),
            target(0.0, (2 / n) ** 0.5),
            Target(growth, growth_tolerance),
        )

    return targets


MEASURED = (
    "standard deviation of the weights",
    "mean of the weights",
    f"share of weights further than {FAR} standard deviations from the mean",
    "share of weights that come again with the same seed",
    "correlation of two draws from one generator",
    "correlation of the two halves of a weight",
    "number of times that the activations double in ten layers",
)

INITIALIZERS = frozenset({"xavier_normal", "xavier_uniform", "kaiming_normal", "kaiming_uniform"})


def xavier_normal__torch_normal(shape, generator):
    receptive_field = 1
    for size in shape[2:]:
        receptive_field *= size
    std = (2 / ((shape[0] + shape[1]) * receptive_field)) ** 0.5
    return torch.normal(0.0, std, size=shape, generator=generator)


def xavier_normal__in_place(shape, generator):
    weight = torch.empty(shape)
    fans = weight[0].numel() + weight[:, 0].numel()
    return weight.normal_(0, (2 / fans) ** 0.5, generator=generator)


def xavier_normal__double(shape, generator):
    weight = torch.randn(shape, generator=generator, dtype=torch.float64)
    fans = weight[0].numel() + weight[:, 0].numel()
    return (weight * (2 / fans) ** 0.5).float()


def xavier_normal__fan_in_alone(shape, generator):
    """The variance depends on fan_in alone: going backward, fan_out counts as much."""
    weight = torch.randn(shape, generator=generator)
    return weight / weight[0].numel() ** 0.5


def xavier_normal__sum_of_fans(shape, generator):
    """The weights are too small by the root of 2: it is the mean of the two fans that counts, not their sum."""
    weight = torch.randn(shape, generator=generator)
    return weight / (weight[0].numel() + weight[:, 0].numel()) ** 0.5


def xavier_normal__variance(shape, generator):
    """The variance was taken for the standard deviation: its root is missing."""
    weight = torch.randn(shape, generator=generator)
    return weight * 2 / (weight[0].numel() + weight[:, 0].numel())


def xavier_normal__uniform(shape, generator):
    """The standard deviation is right, but the weights are uniformly distributed."""
    weight = torch.rand(shape, generator=generator)
    fans = weight[0].numel() + weight[:, 0].numel()
    return (2 * weight - 1) * (6 / fans) ** 0.5


def xavier_normal__uniform_up_to_the_deviation(shape, generator):
    """The weights are uniformly distributed, and the standard deviation was taken for their bound."""
    weight = torch.rand(shape, generator=generator)
    fans = weight[0].numel() + weight[:, 0].numel()
    return (2 * weight - 1) * (2 / fans) ** 0.5


def xavier_normal__global_state(shape, generator):
    """The generator is not used: the same seed gives other weights."""
    weight = torch.randn(shape)
    fans = weight[0].numel() + weight[:, 0].numel()
    return weight * (2 / fans) ** 0.5


def xavier_normal__same_every_time(shape, generator):
    """Two calls in a row gave the same weights: the seed was set anew inside the function."""
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(generator.initial_seed()))
    fans = weight[0].numel() + weight[:, 0].numel()
    return weight * (2 / fans) ** 0.5


def xavier_normal__no_kernel(shape, generator):
    """The size of the kernel is not counted in the fans."""
    weight = torch.randn(shape, generator=generator)
    return weight * (2 / (shape[0] + shape[1])) ** 0.5


def xavier_normal__gain_of_relu(shape, generator):
    """The weights are too large by the root of 2: that gain belongs to ReLU."""
    weight = torch.randn(shape, generator=generator)
    fans = weight[0].numel() + weight[:, 0].numel()
    return weight * 2 / fans**0.5


def xavier_normal__double_precision(shape, generator):
    """The weights are float64; float32 is asked for."""
    weight = torch.randn(shape, generator=generator, dtype=torch.float64)
    fans = weight[0].numel() + weight[:, 0].numel()
    return weight * (2 / fans) ** 0.5


XAVIER_NORMAL = Problem(
    name="xavier_normal",
    call=draws,
    returns=("weight", "weight drawn again"),
    cases=_initializing,
    expected=values_of(reference.xavier_normal),
    points={"values": 6, "edge cases": 3, "contract": 1},
    forbidden=INITIALIZERS,
    # In 400 simulations of these layers the number of doublings had a standard deviation of 0.16.
    measured=Measure(MEASURED, _statistics(relu=False), _wanted(reference.xavier_std, growth_tolerance=1.2)),
    mistakes=programs(
        xavier_normal__fan_in_alone,
        xavier_normal__sum_of_fans,
        xavier_normal__variance,
        xavier_normal__uniform,
        xavier_normal__uniform_up_to_the_deviation,
        xavier_normal__global_state,
        xavier_normal__same_every_time,
        xavier_normal__no_kernel,
        xavier_normal__gain_of_relu,
        xavier_normal__double_precision,
    ),
    alternatives=programs(xavier_normal__torch_normal, xavier_normal__in_place, xavier_normal__double),
)


def kaiming_normal__torch_normal(shape, generator):
    fan_in = 1
    for size in shape[1:]:
        fan_in *= size
    return torch.normal(torch.zeros(shape), (2 / fan_in) ** 0.5, generator=generator)


def kaiming_normal__box_muller(shape, generator):
    radius = (-2 * torch.log(1 - torch.rand(shape, generator=generator))).sqrt()
    weight = radius * torch.cos(2 * torch.pi * torch.rand(shape, generator=generator))
    return weight * (2 / weight[0].numel()) ** 0.5


def kaiming_normal__row_by_row(shape, generator):
    weight = torch.zeros(shape)
    for row in weight:
        row.normal_(generator=generator)
        row /= (row.numel() / 2) ** 0.5
    return weight


def kaiming_normal__fan_out(shape, generator):
    """fan_out was taken for fan_in."""
    weight = torch.randn(shape, generator=generator)
    return weight * (2 / weight[:, 0].numel()) ** 0.5


def kaiming_normal__no_gain(shape, generator):
    """The weights are too small by the root of 2: ReLU's gain is missing."""
    weight = torch.randn(shape, generator=generator)
    return weight / weight[0].numel() ** 0.5


def kaiming_normal__xavier(shape, generator):
    """This is Xavier's standard deviation, which depends on fan_out too."""
    weight = torch.randn(shape, generator=generator)
    fans = weight[0].numel() + weight[:, 0].numel()
    return weight * (2 / fans) ** 0.5


def kaiming_normal__gain_squared(shape, generator):
    """The gain was applied twice: it is the root of 2, not 2."""
    weight = torch.randn(shape, generator=generator)
    return 2 * weight / weight[0].numel() ** 0.5


def kaiming_normal__variance(shape, generator):
    """The variance was taken for the standard deviation: its root is missing."""
    weight = torch.randn(shape, generator=generator)
    return weight * 2 / weight[0].numel()


def kaiming_normal__uniform(shape, generator):
    """The standard deviation is right, but the weights are uniformly distributed."""
    weight = torch.rand(shape, generator=generator)
    return (2 * weight - 1) * (6 / weight[0].numel()) ** 0.5


def kaiming_normal__uniform_up_to_the_deviation(shape, generator):
    """The weights are uniformly distributed, and the standard deviation was taken for their bound."""
    weight = torch.rand(shape, generator=generator)
    return (2 * weight - 1) * (2 / weight[0].numel()) ** 0.5


def kaiming_normal__global_state(shape, generator):
    """The generator is not used: the same seed gives other weights."""
    weight = torch.randn(shape)
    return weight * (2 / weight[0].numel()) ** 0.5


def kaiming_normal__same_every_time(shape, generator):
    """Two calls in a row gave the same weights: the seed was set anew inside the function."""
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(generator.initial_seed()))
    return weight * (2 / weight[0].numel()) ** 0.5


def kaiming_normal__no_kernel(shape, generator):
    """The size of the kernel is not counted in fan_in."""
    weight = torch.randn(shape, generator=generator)
    return weight * (2 / shape[1]) ** 0.5


def kaiming_normal__double_precision(shape, generator):
    """The weights are float64; float32 is asked for."""
    weight = torch.randn(shape, generator=generator, dtype=torch.float64)
    return weight * (2 / weight[0].numel()) ** 0.5


KAIMING_NORMAL = Problem(
    name="kaiming_normal",
    call=draws,
    returns=("weight", "weight drawn again"),
    cases=_initializing,
    expected=values_of(reference.kaiming_normal),
    points={"values": 6, "edge cases": 3, "contract": 1},
    forbidden=INITIALIZERS,
    # In 400 simulations of these layers the number of doublings had a mean of -0.18 and a standard deviation
    # of 0.49.
    measured=Measure(MEASURED, _statistics(relu=True), _wanted(reference.kaiming_std, growth_tolerance=4.0)),
    mistakes=programs(
        kaiming_normal__fan_out,
        kaiming_normal__no_gain,
        kaiming_normal__xavier,
        kaiming_normal__gain_squared,
        kaiming_normal__variance,
        kaiming_normal__uniform,
        kaiming_normal__uniform_up_to_the_deviation,
        kaiming_normal__global_state,
        kaiming_normal__same_every_time,
        kaiming_normal__no_kernel,
        kaiming_normal__double_precision,
    ),
    alternatives=programs(
        kaiming_normal__torch_normal,
        kaiming_normal__box_muller,
        kaiming_normal__row_by_row,
    ),
)


PROBLEMS = (
    FIT_STANDARDIZER,
    STANDARDIZE,
    CHANNEL_MEAN_STD,
    MIN_MAX_SCALE,
    PCA_FIT,
    PCA_TRANSFORM,
    WHITEN,
    FAN_IN_AND_FAN_OUT,
    XAVIER_NORMAL,
    KAIMING_NORMAL,
)
