"""The HTML of checks, probes, laws and forecasts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from xml.etree.ElementTree import Element

from mutransfer_cli.confidence import percentage
from mutransfer_cli.documents.check import CheckDocument, Slope, TensorReport
from mutransfer_cli.documents.law import LawDocument
from mutransfer_cli.documents.predict import PredictDocument
from mutransfer_cli.documents.probe import ProbeDocument
from mutransfer_cli.documents.tensor_groups import grouped
from mutransfer_cli.fit.decision.wording import percent, spoken
from mutransfer_cli.interval import Interval
from mutransfer_cli.report.page.evidence.evidence_files import Evidence
from mutransfer_cli.report.page.evidence.panel_html import figure
from mutransfer_cli.report.page.markup import Child, details, element, table
from mutransfer_cli.report.page.panels import Panel

SHOWN = 40  # rows of one table; the document has all
FIRST = 8  # predictions that are shown without a click
ORDER = {"fail": 0, "inconclusive": 1, "warn": 2, "not judged": 3, "pass": 4}


def evidence_html(evidence: Evidence, panels: Sequence[Panel]) -> Element:
    """The part of the page about checks, probes, laws and forecasts.

    Args:
        evidence: The documents.
        panels: Their plots.
    """
    return element(
        "section",
        element("h2", "Checks, probes and laws", id="further"),
        *(part for file, d in evidence.checks for part in check_html(file, d)),
        *(part for file, d in evidence.probes for part in probe_html(file, d)),
        *(part for file, d in evidence.laws for part in law_html(file, d)),
        *(part for file, d in evidence.forecasts for part in forecast_html(file, d)),
        element("div", *map(figure, panels), class_="plots") if panels else None,
        aria_labelledby="further",
    )


def verdict_text(verdict: str, reason: str) -> Element:
    """A verdict and its reason."""
    return element("p", element("span", verdict, class_=f"verdict {verdict}"), f": {reason}")


def note_list(notes: Iterable[str]) -> Element | None:
    """Notes as a list; None where there are none."""
    items = [element("li", note) for note in notes]
    return element("ul", *items) if items else None


def check_html(file: str, document: CheckDocument) -> Iterator[Element | None]:
    """A coordinate check: verdict, faults, and the tensors, worst first."""
    yield element("h3", f"Coordinate check ({file})")
    yield verdict_text(document.verdict, document.reason)
    yield note_list(str(fault) for fault in document.faults)
    rows: list[Sequence[Child]] = []
    tensors = sorted(document.tensors, key=lambda t: (ORDER.get(t.verdict, 3), -deviation(t)))
    for label, group in grouped(tensors, lambda t: (t.role, t.verdict, t.finding)):
        t = max(group, key=deviation)
        s = t.update_slope
        expected = "-" if s is None or s.expected is None else f"{s.expected:+.1f}"
        rows.append(
            (
                element("code", label),
                t.role,
                "-" if s is None else slope_text(s),
                expected,
                element("span", t.verdict, class_=f"verdict {t.verdict.replace(' ', '-')}"),
                t.finding or "",
                t.fix or "",
            )
        )
    head = ("tensors", "role", "slope", "expected", "verdict", "finding", "repair")
    sizes = ", ".join(map(str, document.sizes))
    caption = (
        f"Slope in {document.axis} of each tensor's own effect; {document.axis}s {sizes}, "
        f"{document.seeds} seeds; of several tensors the one farthest from the expected"
    )
    yield table(caption, head, rows)


def deviation(t: TensorReport) -> float:
    """How far a tensor's slope is from what the theory predicts."""
    s = t.update_slope
    return 0.0 if s is None or s.expected is None else abs(s.value - s.expected)


def slope_text(s: Slope) -> str:
    """A slope with its interval."""
    reach = "" if s.low is None or s.high is None else f" ({s.low:+.2f} to {s.high:+.2f})"
    return f"{s.value:+.2f}{reach}"


def probe_html(file: str, document: ProbeDocument) -> Iterator[Element | None]:
    """A probe: question, verdict, advice and numbers."""
    yield element("h3", f"Probe {document.probe} ({file})")
    yield element("p", document.question)
    yield verdict_text(document.verdict, document.reason)
    yield element("p", document.advice) if document.advice else None
    absent = "-" if any(m.expected is not None for m in document.measures) else ""
    rows: list[Sequence[Child]] = [
        (
            f"{m.name} ({m.unit})" if m.unit else m.name,
            m.place or "-",
            str(m.estimate),
            absent if m.expected is None else f"{m.expected:.4g}",
        )
        for m in document.measures[:SHOWN]
    ]
    more = len(document.measures) - len(rows)
    caption = f"Measures, with intervals at {percentage(document.confidence)}"
    caption += f"; {more} further ones are in the document" if more > 0 else ""
    yield table(caption, ("measure", "at", "value", "expected"), rows)
    yield note_list((*document.notes, f"method: {document.method}"))


def law_html(file: str, document: LawDocument) -> Iterator[Element | None]:
    """A scaling law: parameters, predictions, and how it did on sizes held out."""
    yield element("h3", f"Law {document.form} ({file})")
    rows: list[Sequence[Child]] = []
    for name, value in document.parameters.items():
        if isinstance(value, Interval):
            rows.append((name, str(value)))
        else:
            rows += [(f"{name}: {part}", str(own)) for part, own in value.items()]
    caption = (
        f"Parameters, fitted to {document.points} points, at {percentage(document.confidence)}"
    )
    yield table(caption, ("parameter", "value"), rows)
    if document.predictions:
        shown = document.predictions[:SHOWN]
        names = tuple(dict.fromkeys(name for row in shown for name in row))
        cells = [tuple(prediction_text(row.get(name)) for name in names) for row in shown]
        yield table("Predictions for new runs", names, cells[:FIRST])
        if cells[FIRST:]:
            yield details("Further predictions", table("Further predictions", names, cells[FIRST:]))
    held = document.held_out
    if held is not None:
        yield element(
            "p",
            f"Held out ({held.rule}): {held.inside} of {held.points} inside their intervals, "
            f"median error {held.error:.3g}.",
        )
    yield note_list((*document.unidentified, *document.notes, f"method: {document.method}"))


def prediction_text(value: float | Interval | None) -> str:
    """A size, or a prediction with its interval."""
    return "-" if value is None else str(value) if isinstance(value, Interval) else f"{value:.4g}"


def forecast_html(file: str, document: PredictDocument) -> Iterator[Element | None]:
    """A forecast: loss and optimum at the target, and what came true."""
    sizes = ", ".join(f"{k} {v:g}" for k, v in document.target.items() if v is not None)
    yield element("h3", f"Forecast for {sizes} ({file})")
    rows: list[Sequence[Child]] = []
    if document.loss is not None:
        rows.append(("loss", str(document.loss)))
    rows += [(spoken(name), str(value)) for name, value in document.optimum.items()]
    if document.regret is not None:
        rows.append(("extra loss of this choice", percent(document.regret)))
    day = f", made on {document.made}" if document.made else ""
    yield table(f"At {percentage(document.confidence)}{day}", ("quantity", "value"), rows)
    if document.score is not None:
        inside = {True: "inside", False: "outside", None: "without an interval"}
        score = document.score
        yield element("p", f"Measured: {score.loss:.4g}, {inside[score.inside]}.")
    reason = (document.reason,) if document.reason else ()
    yield note_list((*reason, *document.notes))
