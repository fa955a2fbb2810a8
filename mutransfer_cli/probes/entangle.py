"""How far the optimum of one hyperparameter moves with another, or with an axis."""

from __future__ import annotations

from mutransfer_cli.documents.fit import FitDocument
from mutransfer_cli.documents.probe import Measure, Verdict
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.run_fit import fit_run
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.probe_run import ProbeRequest, ProbeResult

FREE = 0.25  # largest correlation, and octaves of drift per doubling, that count as none
METHOD = (
    "correlation of the response surface's curvature between two hyperparameters, and drift of "
    "each optimum per doubling of every axis, from the surface that `mutransfer fit` fits"
)


def probe_entangle(request: ProbeRequest) -> ProbeResult:
    """Read the entanglement off the response surface of a run.

    Args:
        request: What to measure: a run.

    Raises:
        InputError: The run has neither two hyperparameters nor an axis with several rungs.
    """
    run = request.measured.run
    assert run is not None
    return judge(fit_run(run, confidence=request.confidence).document())


def judge(document: FitDocument) -> ProbeResult:
    """The verdict on the response surface of a study.

    Args:
        document: Its fit.

    Raises:
        InputError: The study has neither two hyperparameters nor an axis with several rungs.
    """
    pairs = _pairs(document)
    if not pairs:
        raise InputError(
            "probe entangle: needs two searched hyperparameters, or rungs along an axis, whose "
            "optima are inside their ranges"
        )
    entangled = {p: v for p, v in pairs.items() if _beyond(v)}
    open_pairs = {p: v for p, v in pairs.items() if not _beyond(v) and not _within(v)}
    verdict: Verdict
    if entangled:
        verdict = "fail"
        reason = "entangled: " + "; ".join(_told(p, v) for p, v in entangled.items())
    elif open_pairs:
        verdict = "inconclusive"
        reason = "not decided: " + "; ".join(_told(p, v) for p, v in open_pairs.items())
    else:
        verdict = "pass"
        reason = "each can be tuned by itself: " + "; ".join(_told(p, v) for p, v in pairs.items())
    order = _order(pairs)
    return ProbeResult(
        verdict,
        reason,
        tuple(
            Measure(
                name="drift per doubling" if across else "correlation of curvature",
                at={"hyperparameter": first, "with": second},
                estimate=value,
                expected=0.0,
            )
            for (first, second, across), value in pairs.items()
        ),
        METHOD,
        advice=f"tune in this order: {', '.join(order)}" if len(order) > 1 else None,
        notes=document.notes,
    )


Pair = tuple[str, str, bool]  # hyperparameter, the other or an axis, whether it is an axis


def _pairs(document: FitDocument) -> dict[Pair, Interval]:
    """The estimate of every pair of hyperparameters, and of each with every axis."""
    pairs: dict[Pair, Interval] = {}
    matrix = document.entanglement or {}
    names = list(matrix)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            pairs[(first, second, False)] = matrix[first][second]
    for axis, found in document.axes.items():
        for name, drift in found.drift.items():
            pairs[(name, axis, True)] = drift
    return pairs


def _beyond(value: Interval) -> bool:
    """Whether the interval lies outside of what counts as none."""
    low = value.value if value.low is None else value.low
    high = value.value if value.high is None else value.high
    return low > FREE or high < -FREE


def _within(value: Interval) -> bool:
    """Whether the interval lies inside of what counts as none."""
    return (
        value.low is not None and value.high is not None and -FREE < value.low < value.high < FREE
    )


def _told(pair: Pair, value: Interval) -> str:
    first, second, across = pair
    return f"{first} with {second} {value}" + (" octaves per doubling" if across else "")


def _order(pairs: dict[Pair, Interval]) -> list[str]:
    """Hyperparameters, those first whose optimum depends least on the others."""
    weight: dict[str, float] = {}
    for (first, second, across), value in pairs.items():
        for name in (first,) if across else (first, second):
            weight[name] = weight.get(name, 0.0) + (0.0 if across else abs(value.value))
    return sorted(weight, key=lambda name: weight[name])
