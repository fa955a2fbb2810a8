"""How far the optimum of one hyperparameter moves with another, or with an axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import log2

from mutransfer_cli.documents.fit import FitDocument
from mutransfer_cli.documents.probe import Measure, Series, Verdict
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.decision.wording import percent
from mutransfer_cli.fit.run_fit import fit_run
from mutransfer_cli.fit.study_fit import StudyFit
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.estimates.pair_judgement import FREE, LOOSE, Pair
from mutransfer_cli.probes.probe_run import ProbeRequest, ProbeResult

OCTAVES = 1.0  # that the others are off while one is tuned
METHOD = (
    "correlation of the response surface's curvature between two hyperparameters, and drift of "
    "each optimum per doubling of every axis, from the surface that `mutransfer fit` fits; cost of "
    f"tuning one alone: its best value while each of the others is off by {OCTAVES:g} octave (by "
    "the curvature, in the direction that moves it most), used after these are tuned (derived); "
    f"free: certainly within ±{FREE:g}, or within ±{LOOSE:g} with 0 possible, where the cost is "
    "certainly within the tolerance of `fit`"
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
    return judge(fit_run(run, confidence=request.confidence))


def judge(fit: StudyFit) -> ProbeResult:
    """The verdict on the response surface of a study.

    Args:
        fit: Its fit.

    Raises:
        InputError: The study has neither two hyperparameters nor an axis with several rungs.
    """
    document = fit.document()
    bare = _pairs(document)
    if not bare:
        raise InputError(
            "probe entangle: needs two searched hyperparameters, or rungs along an axis, whose "
            "optima are inside their ranges"
        )
    alone, smallest = _costs(fit, bare)
    pairs = [_with_cost(p, document, alone, smallest) for p in bare]
    entangled = [p for p in pairs if p.entangled]
    undecided = [p for p in pairs if not p.entangled and not p.free]
    verdict: Verdict
    if entangled:
        verdict, reason = "fail", "entangled: " + "; ".join(map(str, entangled))
    elif undecided:
        verdict, reason = "inconclusive", "not decided: " + "; ".join(map(str, undecided))
    else:
        verdict, reason = "pass", "each can be tuned by itself: " + "; ".join(map(str, pairs))
    at_smallest = {p.first: smallest[p.first] for p in pairs if p.across and p.first in smallest}
    measures = [
        Measure(
            name="drift per doubling" if p.across else "correlation of curvature",
            at={"hyperparameter": p.first, "with": p.second},
            estimate=p.value,
            expected=0.0,
        )
        for p in pairs
    ]
    for name, costs in (
        ("extra loss of tuning it alone", alone),
        ("extra loss, at the largest rung, of its optimum at the smallest", at_smallest),
    ):
        measures += [
            Measure(name=name, at={"hyperparameter": h}, estimate=cost, unit="share of the loss")
            for h, cost in costs.items()
        ]
    return ProbeResult(
        verdict,
        reason,
        tuple(measures),
        METHOD,
        _series(document),
        _advice(pairs, alone, document.tolerance, len({o.seed for o in fit.observations})),
        document.notes,
    )


def _pairs(document: FitDocument) -> list[Pair]:
    """Every pair of hyperparameters, and each hyperparameter with every axis."""
    pairs = []
    matrix = document.entanglement or {}
    names = list(matrix)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            pairs.append(Pair(first, second, across=False, value=matrix[first][second]))
    for axis, found in document.axes.items():
        for name, drift in found.drift.items():
            pairs.append(Pair(name, axis, across=True, value=drift))
    return pairs


def _with_cost(
    pair: Pair,
    document: FitDocument,
    alone: Mapping[str, Interval],
    smallest: Mapping[str, Interval],
) -> Pair:
    """A pair with what it costs to tune one without the other.

    Of several axes, the rungs at both ends of the ladder do not tell which of them costs.
    """
    if pair.across:
        cost = smallest.get(pair.first) if len(document.axes) == 1 else None
    else:
        both = [alone[n] for n in (pair.first, pair.second) if n in alone]
        known = [c for c in both if c.high is not None]
        cost = max(known, key=lambda c: c.high or 0.0) if len(known) == 2 else None
    return replace(pair, cost=cost, tolerance=document.tolerance)


def _costs(fit: StudyFit, pairs: Sequence[Pair]) -> tuple[dict[str, Interval], dict[str, Interval]]:
    """Cost of tuning each hyperparameter alone, least first, and at the smallest rung alone."""
    surface = fit.surface
    if surface is None:
        return {}, {}
    names = [n for j, n in enumerate(surface.names) if j not in surface.held]
    several = any(not p.across for p in pairs)
    alone = {n: surface.cost_alone(n, OCTAVES) for n in names if several}
    ordered = sorted(alone, key=lambda name: alone[name].value)
    return {n: alone[n] for n in ordered}, {n: surface.cost_of_smallest(n) for n in names}


def _advice(
    pairs: Sequence[Pair], alone: Mapping[str, Interval], tolerance: float, seeds: int
) -> str | None:
    """What to do.

    Args:
        pairs: All pairs.
        alone: Cost of tuning each alone, least first.
        tolerance: The cost that counts as none.
        seeds: Seeds that the study ran.
    """
    parts = []
    entangled = [p for p in pairs if p.entangled]
    undecided = [p for p in pairs if not p.entangled and not p.free]
    joint = {n: None for p in entangled if not p.across for n in (p.first, p.second)}
    if alone:
        order = ", then ".join(alone)
        costs = ", ".join(f"{n} {percent(c)}" for n, c in alone.items())
        costs = f"tuning one alone, the others {OCTAVES:g} octave off, costs of the loss: {costs}"
        dear = [n for n in joint if (alone[n].high or alone[n].value) > tolerance]
        if joint and dear:
            parts.append(f"search {' and '.join(joint)} at once, not one after the other ({costs})")
        else:
            parts.append(f"tune {order} ({costs})")
    moving = {(p.first, p.second): None for p in entangled if p.across}
    for name, axis in moving:
        parts.append(
            f"the best {name} changes with the {axis}: tune it at the target's {axis}, or "
            "extrapolate with `mutransfer fit`; `mutransfer check` names a tensor whose scaling is "
            "at fault"
        )
    still = list(dict.fromkeys(p.first for p in pairs if p.across and p.free))
    if still and not entangled and not undecided:
        parts.append(
            f"tune {' and '.join(still)} at the smallest rung: the best values hold at the larger "
            "ones (`mutransfer scale` gives the target's configuration)"
        )
        if any(p.across and p.free_by_cost for p in pairs):
            parts.append("beyond these, `mutransfer fit --width N` says what they cost at a target")
    if undecided and not entangled:
        parts.append(_what_decides(undecided, seeds))
    return "; ".join(parts) or None


def _what_decides(undecided: Sequence[Pair], seeds: int) -> str:
    """What to run to decide pairs, from how far their intervals reach."""
    needed = [p.seeds_needed(seeds) for p in undecided]
    across = any(p.across for p in undecided)
    ladder = ", or a longer ladder (drift per doubling is known in proportion)" if across else ""
    if None in needed:
        return f"seeds alone will hardly decide it: take finer steps of the search{ladder}"
    most = max(n for n in needed if n is not None)
    return (
        f"it takes about {most} seeds instead of {seeds} (search.seeds: {most}) if the interval "
        f"shrinks as 1/√seeds; where it shrinks less, finer steps{ladder}"
    )


def _series(document: FitDocument) -> tuple[Series, ...]:
    """The optimum of every hyperparameter over the rungs of every axis."""
    found = []
    for axis, answer in document.axes.items():
        for name in answer.drift:
            optima = {
                float(size): r.optimum[name]
                for r in document.rungs
                if (size := getattr(r, axis, None)) and r.optimum and name in r.optimum
            }
            rungs = sorted((size, o) for size, o in optima.items() if o.value > 0)
            if len(rungs) > 1:
                found.append(
                    Series(
                        name=name,
                        panel=f"optimum of {name} over the {axis}",
                        x_name=axis,
                        y_name=f"log2 of the best {name}",
                        x=tuple(size for size, _ in rungs),
                        y=tuple(log2(o.value) for _, o in rungs),
                        low=tuple(log2(o.low if o.low else o.value) for _, o in rungs),
                        high=tuple(log2(o.high or o.value) for _, o in rungs),
                        expected=tuple(log2(rungs[0][1].value) for _ in rungs),
                        expected_name="without drift",
                    )
                )
    return tuple(found)
