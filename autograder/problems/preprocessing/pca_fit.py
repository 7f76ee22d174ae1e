"""`pca_fit`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.measures.preprocessing import up_to_signs
from autograder.problem import Measure, Problem
from autograder.problems.forbidden import PCA
from autograder.problems.preprocessing.cases import cloud
from autograder.references import preprocessing as reference
from autograder.references import values_of


def _fitting_components(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, x, k, **how):
        # Components are right up to their signs.
        return Case(name, criterion, {"x": x, "k": k}, kept={"components": reference.pca_fit(x, k)[1]}, **how)

    # The last component, whose variance is 0, is left out: rounding alone would decide it.
    flat = cloud(generator, 9, 3, 1.2, 0.8, 0.4)
    constant = torch.cat([flat[:, :1], torch.full((9, 1), 1.5, dtype=torch.float64), flat[:, 1:]], dim=1)
    contract = (8, 4, 1.2, 0.85, 0.5, 0.2)
    return [
        case("x (12, 4), k 2", "values", cloud(generator, 12, 4, 1.2, 0.85, 0.5, 0.2), 2),
        case("x (7, 5), k 3", "values", cloud(generator, 7, 5, 1.25, 1.0, 0.75, 0.45, 0.2), 3),
        case("more features than samples: x (5, 8), k 3", "edge cases", cloud(generator, 5, 8, 1.2, 0.85, 0.5, 0.2), 3),
        case("all components: x (10, 4), k 4", "edge cases", cloud(generator, 10, 4, 1.2, 0.85, 0.5, 0.2), 4),
        case("one component: x (6, 3), k 1", "edge cases", cloud(generator, 6, 3, 1.2, 0.8, 0.4), 1),
        case("a constant feature: x (9, 4), k 3", "edge cases", constant, 3),
        case(
            "as many samples as features: x (5, 5), k 4", "edge cases", cloud(generator, 5, 5, 1.2, 0.85, 0.5, 0.2), 4
        ),
        # One component: float64's own singular vectors are exact to 60 roundings, but for the first.
        case("float64, k 1", "contract", cloud(generator, *contract), 1, dtype=torch.float64),
        case("one feature: x (6, 1), k 1", "contract", cloud(generator, 6, 1, 1.2), 1),
        case("x with gaps in memory, k 3", "contract", cloud(generator, *contract), 3, layout="strided"),
        case("x transposed in memory, k 3", "contract", cloud(generator, *contract), 3, layout="transposed"),
    ]


PROBLEMS = (
    Problem(
        name="pca_fit",
        call=function,
        returns=("mean", "components", "explained_variance"),
        cases=_fitting_components,
        expected=values_of(reference.pca_fit),
        points={"values": 10, "edge cases": 5, "contract": 2},
        shares={"mean": 1, "components (up to their signs)": 5, "explained_variance": 4},
        # Not in aten, but in torch: it is found in the source.
        forbidden=PCA,
        measured=Measure(("mean", "components (up to their signs)", "explained_variance"), up_to_signs),
        modules=(__name__,),
    ),
)


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
    variances, columns = torch.linalg.eig(torch.atleast_2d(torch.cov(x.T)))
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
    variances, columns = torch.linalg.eigh(torch.atleast_2d(torch.cov(x.T)))
    return x.mean(dim=0), columns.T[:k], variances[:k]


def pca_fit__as_they_come(x, k):
    """Two things of eigh were taken as they come: the smallest eigenvalue is the first, an eigenvector is a column."""
    variances, columns = torch.linalg.eigh(torch.atleast_2d(torch.cov(x.T)))
    return x.mean(dim=0), columns[:k], variances[:k]


def pca_fit__ascending(x, k):
    """The right components, but the largest variance comes last."""
    variances, columns = torch.linalg.eigh(torch.atleast_2d(torch.cov(x.T)))
    return x.mean(dim=0), columns.T[-k:], variances[-k:]


def pca_fit__only_variances_sorted(x, k):
    """The variances were put in order, but the components did not move with them."""
    variances, columns = torch.linalg.eigh(torch.atleast_2d(torch.cov(x.T)))
    return x.mean(dim=0), columns.T[:k], variances.flip(0)[:k]


def pca_fit__rows_of_eigenvectors(x, k):
    """The rows of the matrix of eigenvectors were taken: each eigenvector is a column."""
    variances, columns = torch.linalg.eigh(torch.atleast_2d(torch.cov(x.T)))
    return x.mean(dim=0), columns.flip(1)[:k], variances.flip(0)[:k]


def pca_fit__biased(x, k):
    """The variances were divided by the number of samples; unbiased ones are asked for."""
    variances, columns = torch.linalg.eigh(torch.atleast_2d(torch.cov(x.T, correction=0)))
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
    variances, columns = torch.linalg.eigh(torch.atleast_2d(torch.cov(x.T)))
    shares = variances / variances.sum()
    return x.mean(dim=0), columns.T.flip(0)[:k], shares.flip(0)[:k]


def pca_fit__columns(x, k):
    """The components stand in the columns; each is asked for as a row."""
    variances, columns = torch.linalg.eigh(torch.atleast_2d(torch.cov(x.T)))
    return x.mean(dim=0), columns.flip(1)[:, :k], variances.flip(0)[:k]


def pca_fit__standardized(x, k):
    """The features were divided by their standard deviations first: these are the components of other data."""
    std = x.std(dim=0)
    z = (x - x.mean(dim=0)) / torch.where(std == 0, 1, std)
    variances, columns = torch.linalg.eigh(torch.atleast_2d(torch.cov(z.T)))
    return x.mean(dim=0), columns.T.flip(0)[:k], variances.flip(0)[:k]
