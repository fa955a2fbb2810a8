"""The terminal output of `mutransfer fit` about the transfer: quality, proxies, comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mutransfer_cli.cli.terminal.output import interval, number, percent, show_line, table

if TYPE_CHECKING:
    from mutransfer_cli.documents.fit import FitDocument
    from mutransfer_cli.documents.quality import Tuned

QUALITIES = {
    "fast": "whether it is fast",
    "fit_error": "fit error",
    "robustness": "robustness",
    "asymptotic_penalty": "asymptotic penalty",
}


def show_quality(document: FitDocument) -> None:
    """Print how well the hyperparameters transfer, on one line."""
    quality = document.quality
    if quality is None or len(document.rungs) < 2:
        return
    reasons = set(quality.reasons.values())
    if quality.fit_error is None and quality.fast is None and len(reasons) == 1:
        show_line(f"transfer quality: not shown: {reasons.pop()}")
        return
    fast = {True: "fast", False: "slow", None: None}[quality.fast]
    error, robustness = quality.fit_error, quality.robustness
    penalty = quality.asymptotic_penalty
    known = {
        "fast": fast,
        "fit_error": None if error is None else f"fit error {interval(error)} octaves",
        "robustness": None if robustness is None else f"robustness {interval(robustness)}",
        "asymptotic_penalty": None if penalty is None else f"asymptotic penalty {percent(penalty)}",
    }
    shown = [text for text in known.values() if text is not None]
    unknown = [
        f"{QUALITIES[name]} ({quality.reasons[name]})"
        for name, text in known.items()
        if text is None and name in quality.reasons
    ]
    left = [f"not known: {', '.join(unknown)}"] if unknown else []
    show_line(f"transfer quality: {'; '.join([*shown, *left])}")


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
    this, other = document.source, found.fit.source
    show_line(f"comparison: {found.conclusion}")
    show_line(f"transfer of {other}: {found.fit.verdict}: {found.fit.reason}")
    table(
        f"loss at the target after tuning, this: {this}, other: {other}; budgets in target runs",
        ("budget", "this", "other", "difference", "better", "trials of this", "trials of other"),
        (
            (
                f"{point.relative:.3g}",
                best_loss(point.this),
                best_loss(point.other),
                percent(point.difference),
                point.better or "-",
                trials_text(document, point.this),
                trials_text(document, point.other),
            )
            for point in found.curve
        ),
    )
    show_line(f"cost of a trial: {found.unit}")
    for name, reason in found.reasons.items():
        what = f"{QUALITIES[name]} is not compared: " if name in QUALITIES else ""
        show_line(f"note: {what}{reason}")


def sizes_text(document: FitDocument, sizes: dict[str, float]) -> str:
    """Those of some sizes along which the rungs differ."""
    return ", ".join(f"{name} {number(sizes[name])}" for name in document.axes if name in sizes)


def direct_is_better(tuned: Tuned) -> bool:
    """Whether trials at the target itself reach the lower loss."""
    proxy, direct = tuned.by_proxy, tuned.direct
    return direct is not None and (proxy is None or direct.value < proxy.value)


def best_loss(tuned: Tuned) -> str:
    """The lower loss of one side."""
    reached = tuned.direct if direct_is_better(tuned) else tuned.by_proxy
    return "-" if reached is None else number(reached.value)


def trials_text(document: FitDocument, tuned: Tuned) -> str:
    """The trials by which one side reaches its lower loss."""
    if direct_is_better(tuned):
        return "the target"
    if tuned.by_proxy is None or tuned.proxy is None:
        return "-"
    return f"{tuned.trials} at {sizes_text(document, tuned.proxy)}"


def show_embedding_rule(document: FitDocument) -> None:
    """Print which rule for the rate of embeddings the runs support."""
    rule = document.embedding_rule
    if rule is not None:
        show_line(
            f"embedding rate {rule.verdict}: exponent of the width {interval(rule.exponent)} "
            f"(mup: 0, large-vocab: -0.5); set {rule.settings}"
        )
