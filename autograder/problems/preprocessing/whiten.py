"""`whiten`: cases, reference, right and wrong programs."""

import torch

from autograder.calls.case import Case
from autograder.calls.kinds import function
from autograder.measures.preprocessing import whiteness
from autograder.problem import Measure, Problem
from autograder.problems.forbidden import WHITENING
from autograder.problems.preprocessing.cases import cloud, contract
from autograder.references import preprocessing as reference
from autograder.references import value_of


def _whitening(generator: torch.Generator) -> list[Case]:
    def case(name, criterion, x, eps, **how):
        return Case(name, criterion, {"x": x, "eps": eps}, **how)

    flat = cloud(generator, 10, 3, 2.5, 1.5, 0.8)
    constant = torch.cat([flat[:, :1], torch.full((10, 1), 1.5, dtype=torch.float64), flat[:, 1:]], dim=1)
    few = cloud(generator, 4, 6, 2.5, 1.5, 0.8)
    return [
        case("x (12, 4), eps 1e-6", "values", cloud(generator, 12, 4, 2.5, 1.6, 1.1, 0.7), 1e-6),
        case("x (9, 3), eps of the size of the variances", "values", cloud(generator, 9, 3, 2, 1.2, 0.7), 0.9),
        case("a constant feature, eps 0.1", "edge cases", constant, 0.1),
        case("two features, eps 0.5", "edge cases", cloud(generator, 5, 2, 2, 0.8), 0.5),
        case("fewer samples than features: x (4, 6), eps 1", "edge cases", few, 1.0),
        case("eps larger than all variances", "edge cases", cloud(generator, 8, 3, 2, 1.2, 0.7), 20.0),
        *contract(lambda: {"x": cloud(generator, 9, 4, 2, 1.5, 1.1, 0.8), "eps": 1.5}),
        case("one feature: x (6, 1), eps 0.5", "contract", cloud(generator, 6, 1, 2), 0.5),
        # Float32 cannot hold it.
        case("float64, eps 1.4", "contract", cloud(generator, 9, 3, 2, 1.5, 1.1), 1.4, dtype=torch.float64),
    ]


PROBLEMS = (
    Problem(
        name="whiten",
        call=function,
        returns=("out",),
        cases=_whitening,
        expected=value_of(reference.whiten),
        points={"values": 9, "edge cases": 5, "contract": 2},
        measured=Measure(
            ("mean of the columns", "variances along the principal axes of the result", "inner product of rows"),
            whiteness,
        ),
        forbidden=WHITENING,
        modules=(__name__,),
    ),
)


def whiten__pca(x, eps):
    centred = x - x.mean(dim=0)
    _, lengths, rows = torch.linalg.svd(centred)
    variances = torch.zeros_like(rows[0])
    variances[: len(lengths)] = lengths**2 / (len(x) - 1)
    return centred @ rows.T / (variances + eps) ** 0.5


def whiten__zca(x, eps):
    variances, axes = torch.linalg.eigh(torch.atleast_2d(torch.cov(x.T)))
    return (x - x.mean(dim=0)) @ (axes @ torch.diag((variances + eps) ** -0.5) @ axes.T)


def whiten__cholesky_of_covariance(x, eps):
    centred = x - x.mean(dim=0)
    covariance = centred.T @ centred / (len(x) - 1)
    covariance = covariance + eps * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    return torch.linalg.solve_triangular(torch.linalg.cholesky(covariance), centred.T, upper=False).T


def whiten__cholesky_of_precision(x, eps):
    centred = x - x.mean(dim=0)
    precision = torch.linalg.inv(
        torch.atleast_2d(torch.cov(x.T)) + eps * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    )
    return centred @ torch.linalg.cholesky(precision)


def whiten__only_rotated(x, eps):
    """The features are uncorrelated now, but their variances were not brought to the same size."""
    _, axes = torch.linalg.eigh(torch.atleast_2d(torch.cov(x.T)))
    return (x - x.mean(dim=0)) @ axes


def whiten__only_scaled(x, eps):
    """Each feature was divided by its own deviation: they are as correlated as before."""
    variance, mean = torch.var_mean(x, dim=0)
    return (x - mean) / (variance + eps).sqrt()


def whiten__not_centred(x, eps):
    """The mean is still there."""
    variances, axes = torch.linalg.eigh(torch.atleast_2d(torch.cov(x.T)))
    return x @ axes / (variances + eps).sqrt()


def whiten__no_root(x, eps):
    """The coordinates were divided by their variances; a scale is divided by a standard deviation."""
    variances, axes = torch.linalg.eigh(torch.atleast_2d(torch.cov(x.T)))
    return (x - x.mean(dim=0)) @ axes / (variances + eps)


def whiten__eps_forgotten(x, eps):
    """eps is not used."""
    variances, axes = torch.linalg.eigh(torch.atleast_2d(torch.cov(x.T)))
    return (x - x.mean(dim=0)) @ axes / variances.clamp(min=1e-6).sqrt()


def whiten__eps_outside_the_root(x, eps):
    """eps was added to the standard deviations; it belongs to the variances."""
    variances, axes = torch.linalg.eigh(torch.atleast_2d(torch.cov(x.T)))
    return (x - x.mean(dim=0)) @ axes / (variances.clamp(min=0).sqrt() + eps)


def whiten__eps_as_lower_limit(x, eps):
    """eps was taken as a lower limit of the variances; it has to be added to them."""
    variances, axes = torch.linalg.eigh(torch.atleast_2d(torch.cov(x.T)))
    return (x - x.mean(dim=0)) @ axes / variances.clamp(min=eps).sqrt()


def whiten__biased(x, eps):
    """The covariance was divided by the number of samples; the unbiased one is asked for."""
    variances, axes = torch.linalg.eigh(torch.atleast_2d(torch.cov(x.T, correction=0)))
    return (x - x.mean(dim=0)) @ axes / (variances + eps).sqrt()


def whiten__eigenvectors_transposed(x, eps):
    """The samples were multiplied by the transposed eigenvectors: each eigenvector is a column of its matrix."""
    variances, axes = torch.linalg.eigh(torch.atleast_2d(torch.cov(x.T)))
    return (x - x.mean(dim=0)) @ axes.T / (variances + eps).sqrt()


def whiten__order(x, eps):
    """Each coordinate was divided by the deviation of another one: their orders differ."""
    variances, axes = torch.linalg.eigh(torch.atleast_2d(torch.cov(x.T)))
    return (x - x.mean(dim=0)) @ axes / (variances.flip(0) + eps).sqrt()


def whiten__by_singular_values(x, eps):
    """The singular values of the samples were taken for variances."""
    centred = x - x.mean(dim=0)
    _, lengths, rows = torch.linalg.svd(centred)
    variances = torch.cat([lengths, torch.zeros_like(rows[0])])[: x.shape[1]]
    return centred @ rows.T / (variances + eps).sqrt()
