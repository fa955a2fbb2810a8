"""The HTML of one run: sentences, decision, plots, configuration, cost, and how to repeat it."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from mutransfer_cli.confidence import percentage
from mutransfer_cli.documents.fit import FitDocument
from mutransfer_cli.fit.decision.wording import percent, signed_interval, size_text, spoken
from mutransfer_cli.interval import Interval
from mutransfer_cli.report.page.evidence.panel_html import figure, interval
from mutransfer_cli.report.page.markup import Child, commands, details, element, sentence, table
from mutransfer_cli.report.page.run_section import RunSection
from mutransfer_cli.report.page.sentences import answer, next_step, question


def section_html(section: RunSection, key: str) -> Element:
    """The part of the page about one run.

    Args:
        section: The run.
        key: Its anchor.
    """
    document = section.fit
    return element(
        "section",
        element("h2", section.source, id=key),
        answer_box(section),
        element("h3", "Decision"),
        decision_table(document),
        verdict_lines(document),
        element("h3", "Rungs"),
        rung_table(document),
        element("h3", "Plots"),
        element("div", *(figure(panel) for panel in section.panels), class_="plots"),
        element("h3", "Configuration of the target"),
        configuration(section),
        element("h3", "Cost, and how to repeat it"),
        cost(section),
        repeat(section),
        aria_labelledby=key,
    )


def answer_box(section: RunSection) -> Element:
    """The three sentences."""
    document = section.fit
    return element(
        "div",
        element("p", question(document, sum(section.trials.values()), section.setup)),
        element("p", element("strong", answer(document))),
        sentence(next_step(document, section.source, is_run=bool(section.setup))),
        class_="answer",
    )


def verdict_lines(document: FitDocument) -> Element:
    """The verdicts, each a word and its reason, and the notes."""
    lines = [verdict_line("transfer", document.verdict, document.reason)]
    there = document.separate_target
    if there is not None:
        lines.append(verdict_line("target", there.verdict, there.reason))
    lines.append(verdict_line("drift", document.drift_verdict, document.drift_reason))
    lines += [element("li", f"note: {note}") for note in document.notes]
    lines += [
        element("li", f"assumed along {a.axis}: {a.rule} ({a.source}); {a.settle}")
        for a in document.assumptions
    ]
    return element("ul", *lines)


def verdict_line(what: str, verdict: str, reason: str) -> Element:
    """One verdict."""
    word = element("span", verdict, class_=f"verdict {verdict}")
    return element("li", f"{what} ", word, f": {reason}")


def decision_table(document: FitDocument) -> Element:
    """Every hyperparameter: value, interval, drift along every axis, cost of a factor of two."""
    if document.decision is None:
        return element("p", "No rung has an optimum inside the values that ran.")
    rows: list[Sequence[Child]] = []
    for name, decided in document.decided.items():
        drifts = (
            signed_interval(axis.drift[name]) if name in axis.drift else "-"
            for axis in document.axes.values()
        )
        cells = (interval(decided.low, decided.high), *drifts)
        costs = (cost_text(decided.cost_of_half), cost_text(decided.cost_of_double))
        rows.append((spoken(name), f"{decided.value:.4g}", *cells, *costs))
    drift_names = (f"drift per doubling of {axis}" for axis in document.axes)
    head = ("hyperparameter", "value", "interval", *drift_names, "cost of half", "cost of double")
    return table("What to set, quoted at the base", head, rows)


def cost_text(cost: Interval | None) -> str:
    """A cost, or a dash."""
    return "-" if cost is None else percent(cost)


def rung_table(document: FitDocument) -> Element:
    """Every rung with its optimum and loss."""
    names = list(document.decided) or sorted({n for r in document.rungs for n in r.optimum or {}})
    sizes = [name for name in document.axes] or ["width"]
    rows: list[Sequence[Child]] = []
    for rung in document.rungs:
        known = {n: float(v) for n in sizes if (v := getattr(rung, n, None)) is not None}
        optima = (
            str(rung.optimum[n]) if rung.optimum and n in rung.optimum else "-" for n in names
        )
        loss = "-" if rung.loss is None else f"{rung.loss:.4g}"
        counts = (str(rung.points), str(rung.censored), str(rung.seeds))
        title = size_text(known, sizes)
        rows.append((title, *optima, loss, *counts, cost_text(rung.extra_loss), rung.note or ""))
    head = (
        "rung",
        *(f"best {spoken(n)}" for n in names),
        "loss",
        "settings",
        "diverged",
        "seeds",
        "extra loss with the smallest rung's optimum",
        "note",
    )
    return table(f"Optima with intervals at {percentage(document.confidence)}", head, rows)


def configuration(section: RunSection) -> Element:
    """The target's plan, or why there is none."""
    if section.no_plan is not None:
        return sentence(f"None: {section.no_plan}.", class_="note")
    rows: list[Sequence[Child]] = []
    for group in section.tensors:
        t = group.tensor
        rows.append(
            (
                element("code", group.pattern),
                str(group.count),
                t.role,
                number(t.init_std),
                f"{t.multiplier:.4g}",
                f"{t.lr:.4g}",
                f"{t.weight_decay:.4g}",
                number(t.eps),
                t.source,
            )
        )
    head = ("tensors", "count", "role", "init std", "multiplier", "lr", "weight decay", "eps")
    return table("Numbers of every tensor at the target", (*head, "source"), rows)


def number(value: float | None) -> str:
    """A number, or a dash."""
    return "-" if value is None else f"{value:.4g}"


def cost(section: RunSection) -> Element:
    """What the sweep has cost."""
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in section.trials.items())
    text = f"{sum(section.trials.values())} trials: {outcomes}"
    if section.flops is not None and section.seconds is not None:
        text += f"; {section.flops:.3g} FLOPs, {section.seconds:.0f} s of training"
    return element("p", f"{text}.")


def repeat(section: RunSection) -> Element:
    """Commands, versions and the recipe."""
    lines = [
        f"mutransfer fit {section.source}",
        f"mutransfer report {section.source} -o report.html",
    ]
    if section.recipe is not None:
        lines.insert(0, f"mutransfer sweep {section.source}/recipe.yaml --run {section.source}")
    versions = ", ".join(f"{k} {v}" for k, v in section.versions.items())
    return element(
        "div",
        commands("\n".join(lines)),
        element("p", versions, class_="note") if versions else None,
        details("Recipe", commands(section.recipe)) if section.recipe is not None else None,
    )
