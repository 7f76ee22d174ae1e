"""Programs for the problem set `preprocessing` that a grader could easily get wrong: right ones and wrong ones."""

import math

import numpy
import torch
import torch.nn.functional as F


def std_of(x, small=1e-12):
    std = x.std(dim=0, correction=0)
    return torch.where(std < small, 1, std)


def scaled(x, low, high, constant):
    smallest = x.amin(dim=0)
    length = x.amax(dim=0) - smallest
    return torch.where(length == 0, constant, low + (high - low) * (x - smallest) / length)


def eigen(x, correction=1):
    return torch.linalg.eigh(torch.atleast_2d(torch.cov(x.T, correction=correction)))


def noise_with_the_right_covariance(x, eps):
    variances, _ = eigen(x)
    noise = torch.randn(x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    noise = torch.linalg.qr(noise - noise.mean(dim=0)).Q * (len(x) - 1) ** 0.5
    out = noise.to(x.dtype) if noise.shape == x.shape else torch.zeros_like(x)
    return out * (variances / (variances + eps)).clamp(min=0).sqrt()


def whiten_by_columns_of_svd(x, eps):
    centered = x - x.mean(dim=0)
    left, lengths, _ = torch.linalg.svd(centered, full_matrices=False)
    variances = lengths**2 / (len(x) - 1)
    return left * lengths / (variances + eps).sqrt()


def whiten_by_upper_triangle(x, eps):
    covariance = torch.atleast_2d(torch.cov(x.T)) + eps * torch.eye(x.shape[1], dtype=x.dtype)
    return (x - x.mean(dim=0)) @ torch.linalg.inv(torch.linalg.cholesky(covariance))


def zca_without_the_way_back(x, eps):
    variances, axes = eigen(x)
    return (x - x.mean(dim=0)) @ (axes / (variances + eps).sqrt()) @ axes


def standardize_then_whiten(x, eps):
    z = (x - x.mean(dim=0)) / torch.where(x.std(dim=0) == 0, 1, x.std(dim=0))
    variances, axes = eigen(z)
    return z @ axes / (variances + eps).sqrt()


def pca_with(x, k, components, variances):
    return x.mean(dim=0), components[:k], variances[:k]


def pca_of_samples(x, k):
    centered = x - x.mean(dim=0)
    variances, columns = torch.linalg.eigh(centered @ centered.T / (len(x) - 1))
    components = (centered.T @ columns).T.flip(0)[:k]
    return x.mean(dim=0), components / components.norm(dim=1, keepdim=True), variances.flip(0)[:k]


def pca_of_unnormalized_samples(x, k):
    centered = x - x.mean(dim=0)
    variances, columns = torch.linalg.eigh(centered @ centered.T / (len(x) - 1))
    return x.mean(dim=0), (centered.T @ columns).T.flip(0)[:k], variances.flip(0)[:k]


def pca_median(x, k):
    variances, axes = eigen(x)
    return x.median(dim=0).values, axes.T.flip(0)[:k], variances.flip(0)[:k]


def normal(shape, generator, std):
    return std * torch.randn(shape, generator=generator)


def fans(shape):
    return math.prod(shape[1:]), shape[0] * math.prod(shape[2:])


def truncated(shape, generator):
    # Cut off at two deviations, and stretched back to the right one.
    std = (2 / fans(shape)[0]) ** 0.5 / 0.8796
    weight = torch.empty(shape)
    return torch.nn.init.trunc_normal_(weight, 0, std, -2 * std, 2 * std, generator=generator)


def laplace(shape, generator):
    u = torch.rand(shape, generator=generator, dtype=torch.float64) - 0.5
    weight = -u.sign() * torch.log1p(-2 * u.abs()) / 2**0.5
    return (weight * (2 / fans(shape)[0]) ** 0.5).float()


def next_seed(shape, generator):
    seeded = torch.Generator().manual_seed(generator.initial_seed() + 1)
    return normal(shape, seeded, (2 / sum(fans(shape))) ** 0.5)


def global_seed(shape, generator):
    torch.manual_seed(generator.initial_seed())
    return torch.randn(shape) * (2 / sum(fans(shape))) ** 0.5


def each_number_twice(shape, generator, sign=1):
    numbers = torch.randn(math.prod(shape) // 2, generator=generator)
    return torch.cat([numbers, sign * numbers]).reshape(shape) * (2 / fans(shape)[0]) ** 0.5


def half_of_it_drawn(shape, generator):
    weight = normal(shape, generator, (2 / fans(shape)[0]) ** 0.5)
    weight[: shape[0] // 2] = 0
    return weight


def no_fans(shape):
    raise ValueError("never right")


SEEDS = range(5)

WRONG = {
    "constant feature by a small number": (
        "fit_standardizer",
        [lambda x: (x.mean(0), x.std(0, correction=0) + 1e-8)],
        {"edge cases"},
    ),
    "constant feature only if it is 0": (
        "fit_standardizer",
        [lambda x: (x.mean(0), torch.where((x == 0).all(0), 1, x.std(0, correction=0)))],
        {"edge cases"},
    ),
    "a deviation of two steps that is not quite 0": (
        "fit_standardizer",
        [lambda x: [x.mean(0), (s := ((x - x.mean(0, keepdim=True)) ** 2).mean(0).sqrt()) + (s == 0)]],
        {"contract"},
    ),
    **{
        f"deviations below {small} taken for none": (
            "fit_standardizer",
            [
                lambda x, small=small: (
                    x.mean(0),
                    torch.where((s := (x - x.mean(0)).norm(dim=0) / len(x) ** 0.5) < small, 1, s),
                )
            ],
            {"contract"},
        )
        for small in (1e-12, 1e-8, 5e-7, 1e-6, 1e-5, 1e-4)
    },
    "torch's deviation of one feature, which is not 0": (
        "fit_standardizer",
        [lambda x: (x.mean(0), torch.where((s := x.std(0, correction=0)) == 0, 1, s))],
        {"contract"},
    ),
    "features by a loop, which torch rounds": (
        "fit_standardizer",
        [
            lambda x: (
                x.mean(0),
                torch.stack([c.std(correction=0) if c.std(correction=0) > 0 else c.new_ones(()) for c in x.T]),
            )
        ],
        {"contract"},
    ),
    "short ranges of 1e-5 taken for none": (
        "min_max_scale",
        [lambda x, lo, hi: torch.where(x.amax(0) - x.amin(0) < 1e-5, lo, scaled(x, lo, hi, lo))],
        {"contract"},
    ),
    "half of fan_in rounded down": (
        "kaiming_normal",
        [lambda s, g: normal(s, g, (1 / (fans(s)[0] // 2)) ** 0.5)],
        {"edge cases"},
    ),
    "the mean of the fans rounded down": (
        "xavier_normal",
        [lambda s, g: normal(s, g, (1 / (sum(fans(s)) // 2)) ** 0.5)],
        {"edge cases"},
    ),
    "fan_out of one output forgotten": (
        "fan_in_and_fan_out",
        [lambda s: (fans(s)[0], fans(s)[1] if s[0] > 1 else 1)],
        {"edge cases"},
    ),
    "pca by a covariance without dimensions": (
        "pca_fit",
        [lambda x, k: pca_with(x, k, (e := torch.linalg.eigh(torch.cov(x.T)))[1].T.flip(0)[:k], e[0].flip(0)[:k])],
        {"contract"},
    ),
    "white by a covariance without dimensions": (
        "whiten",
        [lambda x, eps: (x - x.mean(0)) @ (e := torch.linalg.eigh(torch.cov(x.T)))[1] / (e[0] + eps).sqrt()],
        {"contract"},
    ),
    "eps in single precision": (
        "whiten",
        [lambda x, eps: (x - x.mean(0)) @ eigen(x)[1] / (eigen(x)[0] + torch.tensor([eps])).sqrt()],
        {"contract"},
    ),
    "small deviations taken for none": ("fit_standardizer", [lambda x: (x.mean(0), std_of(x, 0.1))], {"edge cases"}),
    "the whole std replaced": (
        "fit_standardizer",
        [lambda x: (x.mean(0), std_of(x) if (std_of(x) != 1).all() else torch.ones_like(x[0]))],
        {"edge cases"},
    ),
    "median": ("fit_standardizer", [lambda x: (x.median(0).values, std_of(x))], {"values"}),
    "dimension kept": ("fit_standardizer", [lambda x: (x.mean(0, keepdim=True), std_of(x))], {"values"}),
    "order of the results": ("fit_standardizer", [lambda x: (std_of(x), x.mean(0))], {"values"}),
    "fitted in single precision": (
        "fit_standardizer",
        [lambda x: (x.float().mean(0).to(x.dtype), std_of(x.float()).to(x.dtype))],
        {"contract"},
    ),
    "standardized by the mean of the statistics": (
        "standardize",
        [lambda x, m, s: (x - m.mean()) / s.mean()],
        {"values"},
    ),
    "standardized twice": ("standardize", [lambda x, m, s: ((x - m) / s - m) / s], {"values"}),
    "standardized with the square root's eps": (
        "standardize",
        [lambda x, m, s: (x - m) / (s**2 + 1e-8).sqrt()],
        {"edge cases"},
    ),
    "standardized without infinities": ("standardize", [lambda x, m, s: ((x - m) / s).clamp(-1, 1)], {"values"}),
    "standardized by view": ("standardize", [lambda x, m, s: (x.view(-1).view(x.shape) - m) / s], {"contract"}),
    "channels of one image": (
        "channel_mean_std",
        [lambda i: (i[0].mean((1, 2)), i[0].std((1, 2), correction=0))],
        {"values"},
    ),
    "mean of variances": (
        "channel_mean_std",
        [lambda i: (i.mean((0, 2, 3)), i.var((2, 3), correction=0).mean(0).sqrt())],
        {"values"},
    ),
    "channels squeezed": (
        "channel_mean_std",
        [lambda i: (i.mean((0, 2, 3)).squeeze(), i.std((0, 2, 3), correction=0).squeeze())],
        {"edge cases"},
    ),
    "one range from 0": (
        "min_max_scale",
        [lambda x, low, high: low + (high - low) * x / x.amax(0)],
        {"values"},
    ),
    "constant feature at 0": ("min_max_scale", [lambda x, lo, hi: scaled(x, lo, hi, 0.0)], {"edge cases"}),
    "constant feature at high": ("min_max_scale", [lambda x, lo, hi: scaled(x, lo, hi, hi)], {"edge cases"}),
    "range by absolute values": (
        "min_max_scale",
        [lambda x, lo, hi: lo + (hi - lo) * (x.abs() - x.abs().amin(0)) / (x.abs().amax(0) - x.abs().amin(0))],
        {"values"},
    ),
    "low and high swapped": ("min_max_scale", [lambda x, lo, hi: scaled(x, hi, lo, lo)], {"values"}),
    "short ranges taken for none": (
        "min_max_scale",
        [lambda x, lo, hi: torch.where(x.amax(0) - x.amin(0) < 0.1, lo, scaled(x, lo, hi, lo))],
        {"edge cases"},
    ),
    "pca around the median": ("pca_fit", [pca_median], {"values"}),
    "pca of the samples, not brought to length 1": ("pca_fit", [pca_of_unnormalized_samples], {"values"}),
    "pca without signs": (
        "pca_fit",
        [lambda x, k: pca_with(x, k, eigen(x)[1].T.flip(0).abs(), eigen(x)[0].flip(0))],
        {"values"},
    ),
    "pca with the mean left out": (
        "pca_fit",
        [lambda x, k: (torch.zeros_like(x[0]), eigen(x)[1].T.flip(0)[:k], eigen(x)[0].flip(0)[:k])],
        {"values"},
    ),
    "pca with one component less": (
        "pca_fit",
        [lambda x, k: pca_with(x, k - 1, eigen(x)[1].T.flip(0), eigen(x)[0].flip(0))],
        {"values"},
    ),
    "pca of correlations": (
        "pca_fit",
        [
            lambda x, k: pca_with(
                x, k, torch.linalg.eigh(torch.corrcoef(x.T).nan_to_num())[1].T.flip(0), eigen(x)[0].flip(0)
            )
        ],
        {"values"},
    ),
    "pca of reduced svd, all of it": (
        "pca_fit",
        [lambda x, k: (x.mean(0), torch.linalg.svd(x - x.mean(0)).Vh, torch.linalg.svd(x).S ** 2 / (len(x) - 1))],
        {"values"},
    ),
    "coordinates without matmul's order": ("pca_transform", [lambda x, m, c: c @ (x - m).T], {"values"}),
    "coordinates of absolute components": ("pca_transform", [lambda x, m, c: (x - m) @ c.abs().T], {"values"}),
    "noise with the right covariance": ("whiten", [noise_with_the_right_covariance], {"values"}),
    "zeros": ("whiten", [lambda x, eps: torch.zeros_like(x)], {"values"}),
    "whitened by the left singular vectors": ("whiten", [whiten_by_columns_of_svd], {"edge cases"}),
    "whitened by the transposed triangle": ("whiten", [whiten_by_upper_triangle], {"values"}),
    "eps added twice": (
        "whiten",
        [lambda x, eps: (x - x.mean(0)) @ eigen(x)[1] / (eigen(x)[0] + 2 * eps).sqrt()],
        {"values"},
    ),
    "eps squared": (
        "whiten",
        [lambda x, eps: (x - x.mean(0)) @ eigen(x)[1] / (eigen(x)[0] + eps**2).sqrt()],
        {"values"},
    ),
    "features standardized first": ("whiten", [standardize_then_whiten], {"values"}),
    "a sum over the features in place of the fans": ("fan_in_and_fan_out", [lambda s: (sum(s[1:]), s[0])], {"values"}),
    "an IndexError for a bias": ("fan_in_and_fan_out", [lambda s: fans((s[0], s[1], *s[2:]))], {"edge cases"}),
    "a ValueError for everything": ("fan_in_and_fan_out", [no_fans], {"values"}),
    "floats": ("fan_in_and_fan_out", [lambda s: (float(fans(s)[0]), float(fans(s)[1]))], {"values"}),
    "transposed weights": ("xavier_normal", [lambda s, g: normal(s[::-1], g, (2 / sum(fans(s))) ** 0.5)], {"values"}),
    "another seed": ("xavier_normal", [next_seed], {"values"}),
    "the global seed set": ("xavier_normal", [global_seed], {"values"}),
    "a mean of 0.01": ("xavier_normal", [lambda s, g: 0.01 + normal(s, g, (2 / sum(fans(s))) ** 0.5)], {"values"}),
    "a geometric mean of the fans": (
        "xavier_normal",
        [lambda s, g: normal(s, g, math.prod(fans(s)) ** -0.25)],
        {"values"},
    ),
    "fan_out without the kernel": (
        "xavier_normal",
        [lambda s, g: normal(s, g, (2 / (fans(s)[0] + s[0])) ** 0.5)],
        {"values"},
    ),
    "cut off at two deviations": ("kaiming_normal", [truncated], {"values"}),
    "a Laplace distribution": ("kaiming_normal", [laplace], {"values"}),
    "absolute values": ("kaiming_normal", [lambda s, g: normal(s, g, (2 / fans(s)[0]) ** 0.5).abs()], {"values"}),
    "each number twice": ("kaiming_normal", [each_number_twice], {"values"}),
    "each number with both signs": ("kaiming_normal", [lambda s, g: each_number_twice(s, g, -1)], {"values"}),
    "half of the weights": ("kaiming_normal", [half_of_it_drawn], {"values"}),
    "rectified weights": (
        "kaiming_normal",
        [lambda s, g: normal(s, g, (2 / fans(s)[0]) ** 0.5).clamp(min=0)],
        {"values"},
    ),
    "the gain of a leaky slope of the root of 5": (
        "kaiming_normal",
        [lambda s, g: normal(s, g, (1 / 3 / fans(s)[0]) ** 0.5)],
        {"values"},
    ),
    "zeros in place of weights": ("kaiming_normal", [lambda s, g: torch.zeros(s)], {"values"}),
}


def welford(x):
    mean, squares = torch.zeros_like(x[0]), torch.zeros_like(x[0])
    for n, row in enumerate(x, start=1):
        step = row - mean
        mean = mean + step / n
        squares = squares + step * (row - mean)
    std = (squares / len(x)).sqrt()
    return mean, torch.where(std == 0, 1, std)


def fit_by_numpy(x):
    mean, std = x.numpy().mean(0), x.numpy().std(0)
    std[numpy.ptp(x.numpy(), axis=0) == 0] = 1
    return torch.from_numpy(mean), torch.from_numpy(std)


def channels_by_moments(images):
    mean = (images.double()).mean((0, 2, 3))
    square = (images.double() ** 2).mean((0, 2, 3))
    return mean.to(images.dtype), (square - mean**2).clamp(min=0).sqrt().to(images.dtype)


def pca_by_power_iteration(x, k):
    z = (x - x.mean(0)).double()
    covariance = z.T @ z / (len(x) - 1)
    components, variances = [], []
    for _ in range(k):
        v = torch.ones(x.shape[1], dtype=torch.float64) + torch.arange(x.shape[1]) / 7
        for _ in range(400):
            v = covariance @ v
            v = v / v.norm()
        variances.append(v @ covariance @ v)
        components.append(v)
        covariance = covariance - variances[-1] * torch.outer(v, v)
    return x.mean(0), torch.stack(components).to(x.dtype), torch.stack(variances).to(x.dtype)


def pca_by_numpy(x, k):
    values, vectors = numpy.linalg.eigh(numpy.atleast_2d(numpy.cov(x.numpy().T)))
    order = numpy.argsort(-values)[:k]
    made = (x.numpy().mean(0), -vectors[:, order].T, values[order])
    return tuple(torch.tensor(part.copy(), dtype=x.dtype) for part in made)


def whiten_by_inverse_root(x, eps):
    # Denman and Beavers: the root of the covariance and its inverse, without eigenvectors.
    covariance = torch.atleast_2d(torch.cov(x.T.double())) + eps * torch.eye(x.shape[1], dtype=torch.float64)
    root, inverse = covariance, torch.eye(x.shape[1], dtype=torch.float64)
    for _ in range(40):
        root, inverse = (root + torch.linalg.inv(inverse)) / 2, (inverse + torch.linalg.inv(root)) / 2
    return ((x.double() - x.double().mean(0)) @ inverse).to(x.dtype)


def whiten_by_gram_schmidt(x, eps):
    z = (x - x.mean(0)).double()
    # eps as D samples more, each of which has its own feature alone: their covariances add eps to the diagonal.
    rows = torch.cat([z, ((len(x) - 1) * eps) ** 0.5 * torch.eye(x.shape[1], dtype=torch.float64)])
    for j in range(rows.shape[1]):
        for i in range(j):
            rows[:, j] -= rows[:, i] * (rows[:, i] @ rows[:, j])
        rows[:, j] /= rows[:, j].norm()
    return (rows[: len(x)] * (len(x) - 1) ** 0.5).to(x.dtype)


def whiten_turned(x, eps):
    variances, axes = eigen(x)
    turn = torch.arange(len(axes) ** 2, dtype=torch.float64).sin().reshape(len(axes), -1)
    turn = torch.linalg.qr(turn).Q
    return (x - x.mean(0)) @ axes / (variances + eps).sqrt() @ turn.to(x.dtype)


def fans_by_numpy(shape):
    if len(shape) < 2:
        raise ValueError(f"{len(shape)} sizes; expected two or more")
    return int(numpy.prod(shape[1:])), int(numpy.prod(shape) / shape[1])


class TooFewSizesError(ValueError):
    """An error of the student's own, which is a ValueError."""


def fans_with_an_own_error(shape):
    if len(shape) < 2:
        raise TooFewSizesError(f"{len(shape)} sizes; expected two or more")
    return fans_by_numpy(shape)


def one_number_after_the_other(shape, generator):
    std = (2 / sum(fans(shape))) ** 0.5
    numbers = [torch.randn((), generator=generator) for _ in range(math.prod(shape))]
    return std * torch.stack(numbers).reshape(shape)


def by_inverse_distribution(shape, generator):
    u = torch.rand(shape, generator=generator, dtype=torch.float64).clamp(1e-12, 1 - 1e-12)
    return (torch.erfinv(2 * u - 1) * 2**0.5 * (2 / fans(shape)[0]) ** 0.5).float()


def by_own_generator(shape, generator):
    seed = int(torch.randint(2**31, (), generator=generator))
    drawn = numpy.random.default_rng(seed).standard_normal(shape)
    return torch.tensor(drawn * (2 / fans(shape)[0]) ** 0.5, dtype=torch.float32)


def box_muller_pairs(shape, generator):
    count = math.prod(shape)
    u, v = torch.rand(2, (count + 1) // 2, generator=generator)
    radius = (-2 * (1 - u).log()).sqrt() * (2 / sum(fans(shape))) ** 0.5
    return torch.cat([radius * (2 * math.pi * v).cos(), radius * (2 * math.pi * v).sin()])[:count].reshape(shape)


def transposed_weight(shape, generator):
    weight = torch.randn(shape[::-1], generator=generator).permute(*reversed(range(len(shape))))
    return weight * (2 / fans(shape)[0]) ** 0.5


RIGHT = {
    "fans with an own error": ("fan_in_and_fan_out", [fans_with_an_own_error]),
    "Welford's sums": ("fit_standardizer", [welford]),
    "fitted by numpy": ("fit_standardizer", [fit_by_numpy]),
    "fitted in float64": ("fit_standardizer", [lambda x: tuple(t.to(x.dtype) for t in welford(x.double()))]),
    "std by broadcasting": (
        "fit_standardizer",
        [
            lambda x: [
                x.mean(0),
                ((x - x.mean(0, keepdim=True)) ** 2).mean(0).sqrt() * (c := x.amax(0) > x.amin(0)) + ~c,
            ]
        ],
    ),
    "a deviation that is nothing beside the mean": (
        "fit_standardizer",
        [lambda x: (x.mean(0), torch.where((s := x.std(0, correction=0)) <= 1e-6 * x.mean(0).abs(), 1, s))],
    ),
    "standardized by addcdiv": ("standardize", [lambda x, m, s: torch.addcdiv(-m / s, x, s.expand_as(x))]),
    "standardized column by column": ("standardize", [lambda x, m, s: ((x.T - m[:, None]) / s[:, None]).T]),
    "channels last": (
        "channel_mean_std",
        [lambda i: torch.std_mean(i.permute(0, 2, 3, 1).reshape(-1, i.shape[1]), 0, correction=0)[::-1]],
    ),
    "channels by moments in float64": ("channel_mean_std", [channels_by_moments]),
    "variance of the means and mean of the variances": (
        "channel_mean_std",
        [
            lambda i: (
                i.mean((0, 2, 3)),
                (i.var((2, 3), correction=0).mean(0) + i.mean((2, 3)).var(0, correction=0)).sqrt(),
            )
        ],
    ),
    "scaled by lerp": (
        "min_max_scale",
        [
            lambda x, lo, hi: torch.lerp(
                torch.full_like(x, lo),
                torch.full_like(x, hi),
                (x - x.amin(0)) / (x.amax(0) - x.amin(0)).clamp(min=torch.finfo(x.dtype).tiny),
            )
        ],
    ),
    "scaled by sorting": (
        "min_max_scale",
        [
            lambda x, lo, hi: (
                lo + (hi - lo) * (x - (s := x.sort(0).values)[0]) / torch.where(s[-1] > s[0], s[-1] - s[0], 1.0)
            )
        ],
    ),
    "pca by power iteration": ("pca_fit", [pca_by_power_iteration]),
    "pca by numpy": ("pca_fit", [pca_by_numpy]),
    "pca of the samples": ("pca_fit", [pca_of_samples]),
    "coordinates by linear": ("pca_transform", [lambda x, m, c: F.linear(x, c, -(c @ m))]),
    "whitened by an inverse root": ("whiten", [whiten_by_inverse_root]),
    "whitened by Gram and Schmidt": ("whiten", [whiten_by_gram_schmidt]),
    "whitened and turned": ("whiten", [whiten_turned]),
    "whitened by ZCA of the left singular vectors": (
        "whiten",
        [
            lambda x, eps: (
                (z := torch.linalg.svd(x - x.mean(0), full_matrices=False)).U
                @ ((z.S / (z.S**2 / (len(x) - 1) + eps).sqrt())[:, None] * z.Vh)
            )
        ],
    ),
    "fans by numpy": ("fan_in_and_fan_out", [fans_by_numpy]),
    "one number after the other": ("xavier_normal", [one_number_after_the_other]),
    "pairs of Box and Muller": ("xavier_normal", [box_muller_pairs]),
    "torch's own Xavier": (
        "xavier_normal",
        [lambda s, g: torch.nn.init.xavier_normal_(torch.empty(s), generator=g)],
    ),
    "by the inverse distribution": ("kaiming_normal", [by_inverse_distribution]),
    "by numpy's generator, seeded by the generator": ("kaiming_normal", [by_own_generator]),
    "drawn transposed": ("kaiming_normal", [transposed_weight]),
    "torch's own Kaiming": (
        "kaiming_normal",
        [lambda s, g: torch.nn.init.kaiming_normal_(torch.empty(s), nonlinearity="relu", generator=g)],
    ),
}

IMPORTS = "import torch\nimport torch.nn.functional as F"
SOURCES = {
    "init by name": (
        "xavier_normal",
        "def xavier_normal(shape, generator):\n"
        "    return torch.nn.init.xavier_normal_(torch.empty(shape), generator=generator)",
    ),
    "init imported": (
        "kaiming_normal",
        "from torch.nn import init\n"
        "def kaiming_normal(shape, generator):\n"
        "    return init.kaiming_normal_(torch.empty(shape), generator=generator)",
    ),
    "init, the uniform one": (
        "kaiming_normal",
        "def kaiming_normal(shape, generator):\n"
        "    return torch.nn.init.kaiming_uniform_(torch.empty(shape), generator=generator)",
    ),
    "torch's pca": ("pca_fit", "def pca_fit(x, k):\n    return torch.pca_lowrank(x, k)"),
    "batch norm": ("standardize", "def standardize(x, mean, std):\n    return F.batch_norm(x, mean, std**2, eps=0)"),
}
REFUSED = {what: (name, [IMPORTS, cell], "which is the exercise itself") for what, (name, cell) in SOURCES.items()}
REFUSED["torch's fans"] = (
    "fan_in_and_fan_out",
    [
        IMPORTS,
        "def fan_in_and_fan_out(shape):\n    return torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))",
    ],
    "which exercises do not need",
)

STOPPED = {
    "F.batch_norm": ("standardize", [lambda x, m, s: F.batch_norm(x, m, s**2, eps=0.0)], "batch_norm"),
    "F.batch_norm with a weight and a bias": (
        "standardize",
        [lambda x, m, s: torch.nn.functional.batch_norm(x, m, s**2, torch.ones_like(s), torch.zeros_like(s), eps=0.0)],
        "batch_norm",
    ),
    "torch.batch_norm": (
        "standardize",
        [lambda x, m, s: torch.batch_norm(x, None, None, m, s**2, False, 0.0, 0.0, False)],
        "batch_norm",
    ),
    "torch.native_batch_norm": (
        "standardize",
        [lambda x, m, s: torch.native_batch_norm(x, None, None, m, s**2, False, 0.0, 0.0)[0]],
        "native_batch_norm",
    ),
    "torch.ops.aten": (
        "standardize",
        [lambda x, m, s: torch.ops.aten._native_batch_norm_legit_no_training(x, None, None, m, s**2, 0.0, 0.0)[0]],
        "_native_batch_norm_legit_no_training",
    ),
    "nn.BatchNorm1d": (
        "standardize",
        [lambda x, m, s: torch.nn.BatchNorm1d(x.shape[1], affine=False, device=x.device, dtype=x.dtype)(x)],
        "batch_norm",
    ),
}

ALLOWED = {
    "normal_": (
        "xavier_normal",
        [
            "import torch",
            "def xavier_normal(shape, generator):\n    return torch.empty(shape).normal_(0, 0.1, generator=generator)",
        ],
    ),
    "svd and eigh": (
        "pca_fit",
        [
            "import torch",
            "def pca_fit(x, k):\n    return torch.linalg.svd(torch.cov(x.T)), torch.linalg.eigh(x)",
        ],
    ),
    "cholesky and solve": (
        "whiten",
        [
            "import torch",
            "def whiten(x, eps):\n    return torch.linalg.cholesky(torch.cov(x.T)), torch.linalg.solve(x, x)",
        ],
    ),
    "var_mean and std_mean": (
        "fit_standardizer",
        ["import torch", "def fit_standardizer(x):\n    return torch.var_mean(x, 0), torch.std_mean(x, 0)"],
    ),
}


# Wrong programs as people post them, each in a style of its own, with words of the hint that they must get.
def scale_columns(x, low, high, per="column", zero="low", order="high - low"):
    columns = []
    for column in x.T if per == "column" else x:
        spread = column.max() - column.min()
        unit = (column - column.min()) / (spread if spread else 1)
        columns.append(unit * (high - low) + low if order == "high - low" else unit * high + low)
    return torch.stack(columns, dim=1 if per == "column" else 0)


def spread(x):
    """As a library for learning has it: the numbers of what is transformed, with a correction or not."""
    return (x - x.mean(0)) / x.std(0)


NAMED = {
    "numpy's way to a deviation": (
        "fit_standardizer",
        [lambda x: (x.sum(0) / len(x), torch.stack([c.std() for c in x.T]))],
        "one less than",
    ),
    "scaled over the samples": ("min_max_scale", [lambda x, a=0.0, b=1.0: scale_columns(x, a, b, per="row")], "sample"),
    "scaled times high": ("min_max_scale", [lambda x, a=0.0, b=1.0: scale_columns(x, a, b, order="high")], "high"),
    "multiplied by the deviation": (
        "standardize",
        [lambda x, m, s: torch.stack([(r - m) * s for r in x])],
        "multiplied",
    ),
    "divided before subtracted": ("standardize", [lambda x, m, s: x.div(s).sub(m)], "after the division"),
    "divided, and forgot the brackets": (
        "standardize",
        [lambda x, m, s: torch.stack([r - m / s for r in x])],
        "divides before",
    ),
    "not centered before the projection": (
        "pca_transform",
        [lambda x, mean, components: torch.stack([components @ r for r in x])],
        "not subtracted",
    ),
    "fitted to what is transformed": ("standardize", [lambda x, mean, std: spread(x)], "come from the training data"),
    "divided by the variance": ("standardize", [lambda x, mean, std: (x - mean) / std.square()], "no square of it"),
    **{
        f"{eps} added to the std": (
            "standardize",
            [lambda x, mean, std, eps=eps: (x - mean) / (std + eps)],
            "small number",
        )
        for eps in (1e-3, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)
    },
}
