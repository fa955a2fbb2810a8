"""The terminal output of `mutransfer fit`: verdicts, decision, plot, rungs, notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mutransfer_cli.catalog.sizes import SIZES, TABLE_SIZES
from mutransfer_cli.cli.output import interval, line_width, number, show_line, show_verdict, table

if TYPE_CHECKING:
    from pathlib import Path

    from mutransfer_cli.documents.decision import Decided
    from mutransfer_cli.documents.fit import FitDocument
    from mutransfer_cli.documents.quality import Tuned
    from mutransfer_cli.fit.study_fit import StudyFit
    from mutransfer_cli.interval import Interval

DRIFT = {
    "holds": "the optimum moves by at most 0.25 octaves per doubling",
    "fails": "the optimum moves by more than 0.25 octaves per doubling",
    "inconclusive": "the interval crosses ±0.25 octaves per doubling; add rungs to narrow it",
}


def show(study: StudyFit, document: FitDocument, target: Path) -> None:
    """Print the verdicts, the decision, a plot, the rungs and the notes.

    Args:
        study: The fit, for the plot.
        document: Its document.
        target: The file to which it was saved.
    """
    from mutransfer_cli.report.block_plot import loss_plot

    show_verdicts(document)
    show_decision(document)
    plot = loss_plot(study, line_width())
    for line in (*plot, *([""] if plot else [])):
        show_line(line)
    show_rungs(document)
    show_quality(document)
    show_advice(document)
    show_comparison(document)
    show_embedding_rule(document)
    for note in document.notes:
        if note != document.reason:
            show_line(f"note: {note}")
    show_line(f"wrote {target}")


def show_embedding_rule(document: FitDocument) -> None:
    """Print which rule for the rate of embeddings the runs support."""
    rule = document.embedding_rule
    if rule is not None:
        show_line(
            f"embedding rate {rule.verdict}: exponent of the width {interval(rule.exponent)} "
            f"(mup: 0, large-vocab: -0.5); set {rule.settings}"
        )


def show_verdicts(document: FitDocument) -> None:
    """Print the verdicts on the transfer, the target and the drift, each with its reason."""
    show_verdict(document.verdict, f": {document.reason}")
    if document.separate_target is not None:
        show_line(f"target {document.separate_target.verdict}: {document.separate_target.reason}")
    if any(axis.drift for axis in document.axes.values()):
        known = any(rung.optimum for rung in document.rungs)
        reason = DRIFT[document.drift_verdict] if known else "no rung has an optimum to compare"
        show_line(f"drift {document.drift_verdict}: {reason}")
    show_line("")


def show_decision(document: FitDocument) -> None:
    """Print the choice of each hyperparameter, with its interval, drift and price of an error."""
    if document.decision is None:
        return
    axes = [name for name, axis in document.axes.items() if axis.drift]
    table(
        f"choice: {document.choice_reason}",
        (
            "hyperparameter",
            "value",
            *(f"drift per doubling of {name}" for name in axes),
            "cost of half",
            "cost of double",
            "note",
        ),
        (
            (
                name,
                estimate(d),
                *(signed(document.axes[axis].drift.get(name)) for axis in axes),
                percent(d.cost_of_half),
                percent(d.cost_of_double),
                f"at the {d.at_end} end of the values that were run" if d.at_end else "",
            )
            for name, d in document.decided.items()
        ),
    )


def show_rungs(document: FitDocument) -> None:
    """Print the optimum of every rung."""
    sizes = (*SIZES, *TABLE_SIZES)
    varied = [s for s in sizes if len({getattr(r, s) for r in document.rungs}) > 1]
    shown = varied or [next((s for s in sizes if getattr(document.rungs[0], s)), SIZES[0])]
    names = list(dict.fromkeys(n for r in document.rungs for n in r.optimum or ())) or ["lr"]
    diverged = any(r.censored for r in document.rungs)
    pruned = any(r.pruned for r in document.rungs)
    table(
        f"optimum of each rung, at {document.confidence:.0%} confidence",
        (
            *shown,
            *names,
            "loss",
            "points",
            *(["diverged"] if diverged else []),
            *(["pruned"] if pruned else []),
            "extra loss with the smallest rung's optimum",
            "note",
        ),
        (
            (
                *("-" if (size := getattr(r, s)) is None else number(size) for s in shown),
                *(estimate((r.optimum or {}).get(name)) for name in names),
                number(r.loss),
                str(r.points),
                *([str(r.censored)] if diverged else []),
                *([str(r.pruned)] if pruned else []),
                percent(r.extra_loss),
                r.note or "",
            )
            for r in document.rungs
        ),
    )


def signed(drift: Interval | None) -> str:
    """A drift with its sign and interval."""
    if drift is None:
        return "-"
    spread = "" if drift.low is None else f" ({drift.low:+.2f} to {drift.high:+.2f})"
    return f"{drift.value:+.2f}{spread}"


def percent(cost: Interval | None) -> str:
    """A cost with its interval."""
    return "-" if cost is None else f"{cost.value:.2%}{percent_range(cost.low, cost.high)}"


def percent_range(low: float | None, high: float | None) -> str:
    """An interval of a cost, or nothing without one."""
    return "" if low is None or high is None else f" ({100 * low:.2f} to {high:.2%})"


def estimate(value: Interval | Decided | None) -> str:
    """A value with four digits, and its interval with three."""
    if value is None or value.low is None or value.high is None:
        return "-" if value is None else f"{value.value:.4g}"
    return f"{value.value:.4g} ({value.low:.3g} to {value.high:.3g})"


def show_quality(document: FitDocument) -> None:
    """Print how well the hyperparameters transfer, on one line."""
    quality = document.quality
    if quality is None or len(document.rungs) < 2:
        return
    reasons = set(quality.reasons.values())
    if quality.fit_error is None and quality.fast is None and len(reasons) == 1:
        show_line(f"transfer quality: not shown: {reasons.pop()}")
        return
    fast = {True: "fast", False: "slow", None: "fast or slow: not shown"}[quality.fast]
    penalty = "-" if quality.asymptotic_penalty is None else percent(quality.asymptotic_penalty)
    show_line(
        f"transfer quality: {fast}; fit error {interval(quality.fit_error)} octaves; robustness "
        f"{interval(quality.robustness)}; asymptotic penalty {penalty}"
    )


def show_advice(document: FitDocument) -> None:
    """Print the proxies, and which one suffices."""
    if document.advice is None:
        return
    table(
        "proxies for the target",
        ("proxy", "trials", "cost of the sweep, target runs", "promised regret", ""),
        (
            (
                sizes_text(document, proxy.sizes),
                str(proxy.trials),
                f"{proxy.cost:.3g}",
                f"at most {proxy.regret.high or 0.0:.2%}",
                "cheapest within the tolerance" if proxy.advised else "",
            )
            for proxy in document.advice
        ),
    )
    if not any(proxy.advised for proxy in document.advice):
        show_line(f"no proxy promises {document.tolerance:.2%}: take the choice above")


def show_comparison(document: FitDocument) -> None:
    """Print the losses of both sides over the budget, and what they show."""
    found = document.against
    if found is None:
        return
    table(
        f"expected loss at the target after tuning, {document.source} against {found.fit.source}",
        ("tuning, target runs", "this", "by", "other", "by", "difference", "in regret"),
        (
            (
                f"{point.relative:.3g}",
                *best_way(document, point.this),
                *best_way(document, point.other),
                percent(point.difference),
                percent(point.regret_difference),
            )
            for point in found.curve
        ),
    )
    show_line(f"cost of a trial: {found.unit}")
    show_line(found.conclusion)
    for reason in found.reasons.values():
        show_line(f"note: {reason}")


def sizes_text(document: FitDocument, sizes: dict[str, float]) -> str:
    """Those of some sizes along which the rungs differ."""
    return ", ".join(f"{name} {number(sizes[name])}" for name in document.axes if name in sizes)


def best_way(document: FitDocument, tuned: Tuned) -> tuple[str, str]:
    """The lower loss of one side, and how it is reached."""
    proxy, direct = tuned.by_proxy, tuned.direct
    if direct is not None and (proxy is None or direct.value < proxy.value):
        return interval(direct), "the target"
    if proxy is None or tuned.proxy is None:
        return "-", "-"
    return interval(proxy), f"{tuned.trials} trials at {sizes_text(document, tuned.proxy)}"
