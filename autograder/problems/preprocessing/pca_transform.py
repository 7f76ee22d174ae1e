"""`pca_transform`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.problem import Problem
from autograder.problems.drawing import normal, uniform
from autograder.problems.forbidden import PCA_CLASSES
from autograder.problems.preprocessing.cases import contract
from autograder.references import preprocessing as reference
from autograder.references import value_of


def _projecting(generator: torch.Generator) -> list[Case]:
    def arguments(n, d, k):
        # Not the mean and the components of this x: they come from other samples.
        axes = torch.linalg.qr(normal(generator, d, d)).Q
        return {"x": 1 + 2 * normal(generator, n, d), "mean": uniform(generator, -3, 3, d), "components": axes[:k]}

    return [
        Case("x (6, 4), two components", "values", arguments(6, 4, 2)),
        Case("x (5, 3), all three components", "values", arguments(5, 3, 3)),
        Case("one component", "edge cases", arguments(5, 3, 1)),
        Case("one sample", "edge cases", arguments(1, 4, 3)),
        Case("as many samples as features", "edge cases", arguments(4, 4, 4)),
        *contract(lambda: arguments(6, 4, 3)),
    ]


PROBLEMS = (
    Problem(
        name="pca_transform",
        call=function,
        returns=("out",),
        cases=_projecting,
        expected=value_of(reference.pca_transform),
        points={"values": 4, "edge cases": 1, "contract": 1},
        forbidden=PCA_CLASSES,
        modules=(__name__,),
    ),
)


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
