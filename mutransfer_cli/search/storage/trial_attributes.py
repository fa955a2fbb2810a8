"""Converts trials to and from Optuna's states, distributions and user attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from mutransfer_cli.catalog.sizes import SIZES
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.record import Key, Record, trial_key

if TYPE_CHECKING:
    import optuna
    from optuna.trial import TrialState

Ranges: TypeAlias = dict[str, tuple[float, float, bool]]  # by name: low, high, is logarithmic


def state_of(outcome: str) -> TrialState:
    """Optuna's state for an outcome."""
    from optuna.trial import TrialState

    return {"finished": TrialState.COMPLETE, "pruned": TrialState.PRUNED}.get(
        outcome, TrialState.FAIL
    )


def has_ended(trial: optuna.trial.FrozenTrial) -> bool:
    """Whether a trial has ended with an outcome, unlike a claim that was given up."""
    outcome = trial.user_attrs.get("outcome")
    return outcome is not None and trial.state == state_of(outcome)


def distributions(params: dict[str, float], ranges: Ranges) -> dict[str, Any]:
    """Optuna's distributions of a setting, widened if the grid grew past the range."""
    from optuna.distributions import FloatDistribution

    return {
        name: FloatDistribution(
            min(ranges[name][0], value), max(ranges[name][1], value), log=ranges[name][2]
        )
        for name, value in params.items()
    }


def request_attributes(record: Record) -> dict[str, Any]:
    """User attributes that a trial has from its start."""
    return {name: getattr(record, name) for name in (*SIZES, "seed")} | {"flops": record.flops}


def result_attributes(record: Record) -> dict[str, Any]:
    """User attributes of an ended trial; the outcome comes last, as it completes the trial."""
    spent = {"flops": record.flops} if record.outcome == "pruned" else {}
    made = {} if record.provenance is None else {"provenance": record.provenance}
    norms = {"norms": record.norms} if record.norms else {}
    return {
        **spent,
        **made,
        **norms,
        "seconds": record.seconds,
        "why": record.why,
        "curve": [list(point) for point in record.curve],
        "outcome": record.outcome,
    }


def record_of_trial(trial: optuna.trial.FrozenTrial) -> Record:
    """The record of a trial that has ended."""
    a = trial.user_attrs
    return Record(
        params={k: float(v) for k, v in trial.params.items()},
        **{size: a[size] for size in SIZES if size in a},
        seed=a["seed"],
        outcome=a["outcome"],
        loss=trial.value,
        seconds=a["seconds"],
        flops=a["flops"],
        why=a["why"],
        curve=tuple((int(s), float(v)) for s, v in a["curve"]),
        reports=tuple(sorted(trial.intermediate_values.items())),
        provenance=a.get("provenance"),
        norms={str(name): float(value) for name, value in a.get("norms", {}).items()},
    )


def key_of_trial(trial: optuna.trial.FrozenTrial) -> Key:
    """The key of a trial, which may still be running."""
    a = trial.user_attrs
    size = Size(**{name: a[name] for name in SIZES if name in a})
    return trial_key(size, a["seed"], {k: float(v) for k, v in trial.params.items()})
