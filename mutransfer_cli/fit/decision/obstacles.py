"""The verdict on a study's transfer, or why there can be none yet."""

from __future__ import annotations

from collections.abc import Sequence

from mutransfer_cli.fit.decision.next_runs import next_runs, short_ladder
from mutransfer_cli.fit.decision.rungs.rung_answers import RungAnswer, judged_rungs, size_names
from mutransfer_cli.fit.decision.transfer import (
    SMALLEST,
    TargetVerdict,
    TransferCost,
    Verdict,
    verdict_on_drift,
    verdict_on_transfer,
    worst,
)
from mutransfer_cli.fit.decision.unknown_axes import cost_of
from mutransfer_cli.fit.decision.wording import rungs_text, setting_text, size_text
from mutransfer_cli.fit.study.size_axes import SAME, Sizes
from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.fit.target.support import extents, unknown_drift, unsupported


def transfer_costs(
    fitted: StudySurface, rungs: Sequence[RungAnswer], target: Sizes | None
) -> tuple[TransferCost, ...]:
    """The costs of the smallest judged rung's optimum, where it and the largest are in the fit."""
    fitted_sizes = [dict(sizes) for sizes in fitted.study.rungs]
    smallest, largest = judged_rungs(rungs)[0].sizes, rungs[-1].sizes
    names = size_names(rungs)
    costs = []
    if dict(smallest) not in fitted_sizes:
        return ()
    if len(rungs) > 1 and dict(largest) in fitted_sizes:
        cost = fitted.transfer_regret(smallest, largest)
        costs.append(TransferCost(size_text(largest, names), cost))
    if target is not None:
        there = fitted.study.full(target)
        reach = extents(fitted.study.rungs, fitted.study.axes, there)
        distance = abs(fitted.study.size(there) - fitted.study.size(largest)).max()
        if distance > SAME or unknown_drift(reach):
            cost = cost_of(fitted, fitted.optimum_draws(smallest), there)
            further = [e.axis for e in reach if e.beyond and e.axis not in names]
            where = f"the target ({size_text(there, [*names, *further])})"
            costs.append(TransferCost(where, cost, predicted=True))
    return tuple(costs)


def study_verdict(
    fitted: StudySurface,
    rungs: Sequence[RungAnswer],
    costs: Sequence[TransferCost],
    target: Sizes | None,
    tolerance: float,
) -> tuple[Verdict, str]:
    """The verdict on the cost of the transfer, and the reason.

    Args:
        fitted: The surface.
        rungs: All rungs.
        costs: The costs at the largest rung and at the target.
        target: The target, if one is named.
        tolerance: Largest cost at which a transfer holds.
    """
    obstacle = _obstacle(fitted, rungs)
    if obstacle is not None:
        return "inconclusive", obstacle
    verdict, reason = verdict_on_transfer(costs, tolerance, _transferred(rungs))
    if verdict == "inconclusive":
        reason = f"{reason}; {next_runs(fitted, rungs, costs, target, tolerance)}"
    return verdict, reason


def left_out_notes(rungs: Sequence[RungAnswer]) -> list[str]:
    """Names the small rungs that the verdict leaves out, and why."""
    names = size_names(rungs)
    left = rungs[: len(rungs) - len(judged_rungs(rungs))]
    return [
        f"the verdict leaves out {size_text(answer.sizes, names)}, the smallest "
        f"{'rung' if len(left) == 1 else 'rungs'}: {answer.note}"
        for answer in left
    ]


def _transferred(rungs: Sequence[RungAnswer]) -> str:
    """The setting of which costs are judged, in words."""
    first = judged_rungs(rungs)[0]
    if first is rungs[0]:
        return SMALLEST
    return f"the optimum of {size_text(first.sizes, size_names(rungs))}"


def target_verdict(
    fitted: StudySurface,
    rungs: Sequence[RungAnswer],
    costs: Sequence[TransferCost],
    target: Sizes | None,
    tolerance: float,
    *,
    judged: bool,
) -> TargetVerdict | None:
    """The verdict on the transfer to the target alone; None without one beyond the rungs.

    A cost there that is shown to exceed the tolerance always counts, so that a study never holds
    beside it.

    Args:
        fitted: The surface.
        rungs: All rungs.
        costs: The costs at the largest rung and at the target.
        target: The target, if one is named.
        tolerance: Largest cost at which a transfer holds.
        judged: Whether the verdict on the study counts it whatever it is.
    """
    there = [c for c in costs if c.predicted]
    if target is None or not there:
        return None
    obstacle = _obstacle(fitted, rungs)
    if obstacle is not None:
        return TargetVerdict(there[0], "inconclusive", obstacle, counted=judged)
    verdict, reason = verdict_on_transfer(there, tolerance, _transferred(rungs))
    if verdict == "inconclusive":
        far = unsupported(extents(fitted.study.rungs, fitted.study.axes, fitted.study.full(target)))
        because = "" if far is None else f", because {far}"
        reason = f"{reason}{because}; {next_runs(fitted, rungs, there, target, tolerance)}"
    return TargetVerdict(there[0], verdict, reason, counted=judged or verdict == "fails")


def _obstacle(fitted: StudySurface, rungs: Sequence[RungAnswer]) -> str | None:
    """Why there can be no verdict on the cost, and what to run; None if there can be one."""
    names = size_names(rungs)
    valleys = two_optima(fitted)
    if all(r.optimum is None for r in rungs):
        return valleys or no_optimum(rungs, len({o.lr for o in fitted.study.observations}))
    if len(rungs) == 1:
        return f"an optimum at one {names[0]} only; add a {names[0]} to the ladder"
    judged = judged_rungs(rungs)
    ends = {id(r): r for r in (judged[0], judged[-1])}.values()
    if valleys is not None:
        return valleys
    unknown = _by_note([r for r in ends if not r.comparable], names)
    if unknown:
        return "the transfer cannot be judged, because " + "; ".join(unknown)
    return short_ladder(fitted, [r.sizes for r in judged])


def unresolved_optimum(rungs: Sequence[RungAnswer]) -> str | None:
    """Why no optimum can be named beyond the rungs, and what to run; None if one can.

    No rung has that of a hyperparameter inside its range, or the largest rung has none.
    Hyperparameters that hardly change the loss are no reason.

    Args:
        rungs: All rungs, from the cheapest trial to the most expensive.
    """
    judged = judged_rungs(rungs)
    nowhere = {
        name: why
        for rung in (judged[0], judged[-1])
        for name, why in rung.unresolved.items()
        if name not in rung.flat and all(name in other.unresolved for other in rungs)
    }
    if nowhere:
        said = "; ".join(dict.fromkeys(nowhere.values()))
        return (
            f"the optimum of {', '.join(nowhere)} is not predicted, because no rung has one inside "
            f"its range: {said}"
        )
    if rungs[-1].comparable:
        return None
    said = "; ".join(_by_note(rungs[-1:], size_names(rungs)))
    return f"the optimum is not predicted, because {said}"


def no_optimum(rungs: Sequence[RungAnswer], rates: int = 0) -> str:
    """Says why no rung has an optimum.

    Args:
        rungs: All rungs.
        rates: Number of different learning rates of all runs that finished.
    """
    notes = {r.note for r in rungs if r.note}
    single = ""
    if len(rungs) > 1 and rates > 1 and all(r.points == 1 for r in rungs):
        single = "; of one tuned run a size, `mutransfer law --form optimum` makes a law"
        if size_names(rungs) == ("steps",):
            single += (
                "; where the steps are a result, as of a fixed time, pass --columns ignore=steps"
            )
    said = "no rung has an optimum inside its range"
    if len(notes) == 1:
        return f"{said}: {notes.pop()}{single}"
    return f"{said}: {'; '.join(_by_note(rungs, size_names(rungs)))}{single}"


def _by_note(rungs: Sequence[RungAnswer], names: Sequence[str]) -> list[str]:
    """What is said about rungs, each text with all its rungs.

    Args:
        rungs: The rungs.
        names: The sizes by which they are named.
    """
    by_note: dict[str, list[Sizes]] = {}
    for r in rungs:
        if r.note:
            by_note.setdefault(r.note, []).append(r.sizes)
    return [f"at {rungs_text(at, names)}, {note}" for note, at in by_note.items()]


def two_optima(fitted: StudySurface) -> str | None:
    """Says that the loss has two optima, and what to run; None if it has one."""
    second = fitted.second
    if second is None:
        return None
    study = fitted.study
    sizes = study.rungs[second.rung]
    near, far = (setting_text(study, setting) for setting in (second.lower, second.other))
    names = [axis.name for axis in study.axes]
    return (
        f"the loss has two optima at {size_text(sizes, names)}, near {near} and near {far}, with "
        "worse settings between them; run more seeds and finer values around both"
    )


def drift_verdict(fitted: StudySurface, rungs: Sequence[RungAnswer]) -> Verdict:
    """The verdict on the drift of the learning rate (else of the first hyperparameter).

    Args:
        fitted: The surface.
        rungs: All rungs; where none has an optimum, there is nothing to compare.
    """
    if len(fitted.study.rungs) < 2 or all(r.optimum is None for r in rungs):
        return "inconclusive"
    name = "lr" if "lr" in fitted.names else fitted.names[0]
    drifts = [fitted.drift(axis.name).get(name) for axis in fitted.study.axes]
    if all(drift is None for drift in drifts):
        return "holds"  # 0 on every rung
    return worst([verdict_on_drift(drift) for drift in drifts])
