"""Five flats, and gradient descent on their prices."""

import torch

# Area in square meters and number of rooms, in the rows A to E.
flats = torch.tensor([[40, 2], [60, 1], [80, 3], [100, 5], [120, 4]], dtype=torch.float64)


def price_of(x):
    """The rule that the unit has to find, in 100 million won."""
    return 0.05 * x[:, 0] + 0.5 * x[:, 1] + 1


def forms(x):
    """The samples in the forms of this chapter; whitened with 1/N."""
    mean, std = x.mean(0), x.std(0, correction=0)
    z = (x - mean) / std
    variances, axes = torch.linalg.eigh(z.T @ z / len(z))
    white = z @ axes / variances.sqrt()
    return {
        "as they are": x,
        "centered": x - mean,
        "standardized": z,
        "PCA": z @ axes,
        "PCA, whitened": white,
        "ZCA": white @ axes.T,
    }


def with_one(x):
    """The features, and a 1 that the bias is multiplied by."""
    return torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1)


def curvature(x):
    """The mean products of the inputs: the curvature of the loss."""
    x = with_one(x)
    return x.T @ x / len(x)


def condition_number(x):
    values = torch.linalg.eigvalsh(curvature(x))
    return (values[-1] / values[0]).item()


def best_rate(x):
    values = torch.linalg.eigvalsh(curvature(x))
    return (2 / (values[0] + values[-1])).item()


def descend(x, y, rate, steps):
    """Walk from all weights 0; return the path of (w1, w2, b)."""
    x = with_one(x)
    w = torch.zeros(x.shape[1], dtype=x.dtype)
    path = [w]
    for _ in range(steps):
        w = w - rate * x.T @ (x @ w - y) / len(x)
        path.append(w)
    return torch.stack(path)


def steps_needed(x, y, rate, error=0.01):
    """Steps until the prices are right to `error`, root mean square.

    A step multiplies the distance to the best weights by I - rate * H, so
    we can ask for any step without walking there.
    """
    values, axes = torch.linalg.eigh(curvature(x))
    away = axes.T @ torch.linalg.lstsq(with_one(x), y.unsqueeze(1)).solution[:, 0]

    def wrong(step):
        factor = (1 - rate * values) ** step
        return (values * (factor * away) ** 2).sum().sqrt()

    low, high = 0, 1
    while wrong(high) > error:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if wrong(middle) > error else (low, middle)
    return high
