"""The rule for the rate of embeddings that the drift of its factor supports."""

from __future__ import annotations

import pytest

from mutransfer_cli.documents.fit import Axis, FitDocument
from mutransfer_cli.fit.study_fit import fit
from mutransfer_cli.fit.transfer.embedding_rule import embedding_rule
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.observation import Observation


def document(low: float, high: float, name: str = "lr_factors.embedding") -> FitDocument:
    """A fit whose hyperparameter drifts by this interval per doubling of the width."""
    runs = [Observation(32, lr, 0, 1.0 + lr**2, "finished") for lr in (0.1, 0.2, 0.3)]
    drift = {name: Interval(value=(low + high) / 2, low=low, high=high)}
    return fit(runs).model_copy(update={"axes": {"width": Axis(drift=drift, regret=())}})


@pytest.mark.parametrize(
    ("low", "high", "exponent", "verdict"),
    [
        (-0.1, 0.1, 0.0, "mup"),
        (-0.6, -0.4, 0.0, "large-vocab"),
        (-0.6, 0.1, 0.0, "undecided"),
        (-0.4, -0.2, 0.0, "neither"),
        (-0.1, 0.1, -0.5, "large-vocab"),  # the runs followed large-vocab, and nothing drifts
        (0.4, 0.6, -0.5, "mup"),
    ],
)
def test_the_only_exponent_in_the_interval_decides(
    low: float, high: float, exponent: float, verdict: str
) -> None:
    found = embedding_rule(document(low, high), exponent)
    assert found is not None and found.verdict == verdict
    if verdict in ("mup", "large-vocab"):
        assert found.settings == f"rules: {{embedding: {verdict}}}"
    else:
        value = (low + high) / 2
        assert found.settings.endswith(f"embedding_exponent: {value:.2g}}}")


def test_without_the_factor_nothing_is_said() -> None:
    assert embedding_rule(document(-0.1, 0.1, "lr"), 0.0) is None
