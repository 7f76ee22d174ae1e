"""How a trained network is judged: by how much comes out right of what it was not trained on."""

from collections.abc import Mapping

import torch

from autograder.calls.case import Case
from autograder.measures.accuracy import predictions
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
        predictions,
        targets,
    )
