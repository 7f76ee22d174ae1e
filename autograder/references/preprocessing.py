"""References of the problem set `preprocessing`."""

import torch

from autograder.internals import fans_of as fans_of


def fit_standardizer(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and population standard deviation of each column; 1 in place of the latter where all numbers are equal."""
    std, mean = torch.std_mean(x, dim=0, correction=0)
    return mean, torch.where(x.amax(dim=0) == x.amin(dim=0), 1, std)


def standardize(x: torch.Tensor, mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
    """(x - mean) / std, a column with its own mean and std."""
    return torch.div(torch.sub(x, mean), std)


def channel_mean_std(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and population standard deviation of each channel of images (N, C, H, W)."""
    mean = images.mean(dim=(0, 2, 3), keepdim=True)
    # Far from 0, torch's one pass over the numbers would lose digits that two passes keep.
    return mean.flatten(), (images - mean).std(dim=(0, 2, 3), correction=0)


def min_max_scale(x: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """Each column mapped linearly: its smallest number to low, its largest to high; a constant column to low."""
    smallest, largest = x.amin(dim=0), x.amax(dim=0)
    share = (x - smallest) / torch.where(largest == smallest, 1, largest - smallest)
    return low + (high - low) * share


def pca_fit(x: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean, the first k principal components (k, D) and their unbiased variances (Pearson 1901, Hotelling 1933)."""
    variances, axes = torch.linalg.eigh(_covariance(x))
    return x.mean(dim=0), axes.T.flip(0)[:k], variances.flip(0)[:k]


def _covariance(x: torch.Tensor) -> torch.Tensor:
    """The unbiased covariances (D, D) of the columns; torch gives a number for one column."""
    return torch.cov(x.T).reshape(x.shape[1], x.shape[1])


def pca_transform(x: torch.Tensor, mean: torch.Tensor, components: torch.Tensor) -> torch.Tensor:
    """Coordinates (N, k) of the centred rows along the components."""
    return torch.nn.functional.linear(x - mean, components)


def whiten(x: torch.Tensor, eps: float) -> torch.Tensor:
    """PCA whitening: of all forms W (x - mean) with W'W = (covariance + eps I)^-1 this one has W = scaled axes."""
    variances, axes = torch.linalg.eigh(_covariance(x))
    return (x - x.mean(dim=0)) @ axes / torch.sqrt(variances + eps)


def fan_in_and_fan_out(shape: tuple[int, ...]) -> tuple[int, int]:
    """Inputs that an output sums over, outputs that an input reaches; raises ValueError below two sizes."""
    return fans_of(torch.empty(shape, device="meta"))


def xavier_normal(shape: tuple[int, ...], generator: torch.Generator, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Draws (count, *shape) with variance 2 / (fan_in + fan_out), and the first again (Glorot & Bengio 2010)."""
    return _draws(lambda weight: torch.nn.init.xavier_normal_(weight, generator=generator), shape, count)


def xavier_std(shape: tuple[int, ...]) -> float:
    """The standard deviation of `xavier_normal`."""
    return (2 / sum(fan_in_and_fan_out(shape))) ** 0.5


def kaiming_normal(shape: tuple[int, ...], generator: torch.Generator, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Draws (count, *shape) with variance 2 / fan_in, and the first again (He et al. 2015)."""
    return _draws(
        lambda weight: torch.nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=generator), shape, count
    )


def kaiming_std(shape: tuple[int, ...]) -> float:
    """The standard deviation of `kaiming_normal`."""
    return (2 / fan_in_and_fan_out(shape)[0]) ** 0.5


def _draws(fill, shape: tuple[int, ...], count: int) -> tuple[torch.Tensor, torch.Tensor]:
    draws = torch.stack([fill(torch.empty(shape, dtype=torch.float32, device="cpu")) for _ in range(count)])
    return draws, draws[0]
