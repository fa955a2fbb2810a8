"""The regime of a model, and whether the parameterization that it is compared with predicts it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mutransfer_cli.coordcheck.measure.width_training import Measurement
from mutransfer_cli.coordcheck.verdict.expected_exponents import Expectation
from mutransfer_cli.coordcheck.verdict.slopes import EXPONENT_TOLERANCE, fit_slope
from mutransfer_cli.documents.check import Regime

HIDDEN_ROLES = frozenset({"hidden", "convolution", "expert"})
MEANING = {
    "unstable": "hidden layers change the more the wider the model is, so that a learning rate "
    "tuned at a small width is too large at a large one",
    "lazy": "hidden layers change the less the wider the model is, so that wide models learn no "
    "features",
}


def hidden_updates(expected: Mapping[str, Expectation]) -> list[float]:
    """Expected exponents of the updates of the hidden layers."""
    return [e.update for e in expected.values() if e.role in HIDDEN_ROLES]


def regime_fault(
    regime: Regime | None, expected: Mapping[str, Expectation], parameterization: str
) -> str:
    """Why a model whose tensors pass does not pass, because of its regime; empty if there is none.

    A pass beside a regime that the parameterization does not have would contradict itself.

    Args:
        regime: The measured regime.
        expected: The expected exponents of each tensor.
        parameterization: Name of the parameterization that the model is compared with.
    """
    contradiction = regime_contradiction(regime, hidden_updates(expected), parameterization)
    if not contradiction:
        return ""
    return (
        f"{contradiction}, though no tensor's own effect does: look for a factor of the width "
        "between the modules, or for a layer that reads a few features that do not grow joined to "
        "many that do (give them a matrix of their own)"
    )


def regime_remark(regime: Regime | None, updates: Sequence[float], parameterization: str) -> str:
    """What a regime means that the parameterization predicts; empty if the model learns features.

    Args:
        regime: The measured regime.
        updates: Expected exponents of the updates of the hidden layers.
        parameterization: Name of the parameterization that the model is compared with.
    """
    if regime not in MEANING or regime_contradiction(regime, updates, parameterization):
        return ""
    return f"as {parameterization} predicts, {MEANING[regime]} (regime: {regime})"


def regime_contradiction(
    regime: Regime | None, updates: Sequence[float], parameterization: str
) -> str:
    """How a regime contradicts a parameterization; empty if it does not.

    Args:
        regime: The measured regime.
        updates: Expected exponents of the updates of the hidden layers.
        parameterization: Name of the parameterization that the model is compared with.
    """
    mean = sum(updates) / len(updates) if updates else 0.0
    if regime in {None, "feature-learning", regime_at(mean)}:
        return ""
    return (
        f"the changes of hidden layers {'grow' if regime == 'unstable' else 'shrink'} with the "
        f"width (regime: {regime}), which {parameterization} does not allow"
    )


def regime_of(
    expected: Mapping[str, Expectation], measurements: Sequence[Measurement]
) -> Regime | None:
    """The regime, from the slope of the change of the hidden layers' outputs."""
    modules = [module_of(n) for n, e in expected.items() if e.role in HIDDEN_ROLES]
    fits = [
        fit_slope(measurements, lambda m, name=name: m.changes.get(name))  # type: ignore[misc]  # bound early; mypy has no type for such a lambda
        for name in modules
    ]
    measured = [fit for fit in fits if fit is not None]
    if not measured:
        return None
    slope = sum(fit.value for fit in measured) / len(measured)
    error = sum(fit.error for fit in measured) / len(measured)
    return regime_at(slope, error)


def regime_at(slope: float, error: float = 0.0) -> Regime:
    """The regime of hidden layers whose outputs change as width^slope.

    Args:
        slope: The slope.
        error: Its standard error; changes under SGD scatter between seeds.
    """
    if abs(slope) - error <= EXPONENT_TOLERANCE:
        return "feature-learning"
    return "lazy" if slope < 0 else "unstable"


def module_of(tensor: str) -> str:
    """Name of the module that uses a tensor, also where it computes its weight from it."""
    return tensor.rpartition(".")[0].partition(".parametrizations.")[0]
