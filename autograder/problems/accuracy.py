"""How a trained network is judged: by how much comes out right of what it was not trained on."""

from collections.abc import Mapping

import torch

from autograder.calls.case import Case
from autograder.problem import CONTRACT, Measure, Target


def held_out(least: Mapping[str, float]) -> Measure:
    """Measures the logits of ``test``, against the classes that the case keeps as ``truth``.

    least: the share that must come out right, for each criterion. The contract asks for no share, but for logits that
    come again with the same seed; small differences are rounding, for on a GPU the order of a sum is not always the
    same. The ordinary cases also ask for logits and not probabilities.
    """

    def targets(case: Case) -> tuple[Target, ...]:
        contract = float(case.criterion == CONTRACT)
        accuracy = Target(torch.tensor(least[case.criterion], dtype=torch.float64), contract, at_least=True)
        return accuracy, Target(torch.tensor(0.0)), Target(torch.tensor(0.0), 1 - contract)

    return Measure(
        ("held-out accuracy", "predictions that come out differently", "rows that are probabilities"),
        _predictions,
        targets,
    )


def _predictions(case: Case, outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """How good the logits are, if they come again for the same seed, and if they are logits and not probabilities."""
    logits, repeated = outputs
    accuracy = (logits.argmax(dim=1) == case.kept["truth"].to(logits.device)).double().mean()
    differ = ((logits - repeated).abs().max() > 1e-2 * (1 + logits.abs().max())).double()
    probabilities = ((logits.sum(dim=1) - 1).abs().max() < 1e-3).double()
    return accuracy, differ, probabilities
