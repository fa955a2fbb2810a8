"""The whole page as one file: nothing is fetched when it is opened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from mutransfer_cli.documents.base import as_values
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.decision.wording import signed_interval
from mutransfer_cli.report.page.evidence.evidence_files import NO_EVIDENCE, Evidence
from mutransfer_cli.report.page.evidence.evidence_html import evidence_html
from mutransfer_cli.report.page.evidence.evidence_panels import evidence_panels
from mutransfer_cli.report.page.markup import Child, data_script, element, html, table
from mutransfer_cli.report.page.plotly_figure import plotly_figure
from mutransfer_cli.report.page.run_section import RunSection
from mutransfer_cli.report.page.section_html import section_html
from mutransfer_cli.version import __version__

WORDS = (
    "A rung is one of the sizes that were trained, the base the size at which numbers are quoted, "
    "the target the large run. Regret is the loss that a setting gives away against the best one; "
    "drift is how far the best setting moves when a size doubles; an octave is a factor of two."
)


def page_text(
    sections: Sequence[RunSection],
    evidence: Evidence = NO_EVIDENCE,
    refresh: int | None = None,
) -> str:
    """The page.

    Args:
        sections: The runs, side by side at the top where there are several.
        evidence: Checks, probes, laws and forecasts.
        refresh: Seconds after which a browser loads the page again; None: never.

    Raises:
        InputError: Plotly is not installed.
    """
    panels = evidence_panels(evidence)
    shown = [*(p for section in sections for p in section.panels), *panels]
    figures = {p.key: plotly_figure(p) for p in shown}
    documents = [d for held in evidence.kinds for _, d in held]
    names = ", ".join(Path(section.source).name for section in sections)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"mutransfer: {names}"),
        raw("style", resource("page.css")),
    )
    day = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    body = element(
        "body",
        element(
            "header", element("h1", f"mutransfer: {names}"), element("p", WORDS, class_="note")
        ),
        element(
            "main",
            comparison(sections) if len(sections) > 1 else None,
            *(section_html(section, key_of(i)) for i, section in enumerate(sections)),
            evidence_html(evidence, panels) if evidence else None,
        ),
        element(
            "footer",
            element(
                "p",
                f"mutransfer {__version__}, {day}. Every interval is at the confidence that its "
                "table names.",
                class_="note",
            ),
        ),
        data_script("figures", figures),
        data_script("documents", [s.fit.model_dump(mode="json", by_alias=True) for s in sections]),
        data_script("evidence", [as_values(d) for d in documents]),
        raw("script", plotly_script()),
        raw("script", resource("page.js")),
    )
    again = {"data_refresh": str(refresh)} if refresh else {}  # page.js reads it
    return html(element("html", head, body, lang="en", **again))


def key_of(index: int) -> str:
    """Anchor of a run, which begins the keys of its panels."""
    return f"run{index + 1}"


def comparison(sections: Sequence[RunSection]) -> Element:
    """All runs in one table, with links to their parts."""
    rows: list[Sequence[Child]] = []
    for i, section in enumerate(sections):
        document = section.fit
        link = element("a", section.source, href=f"#{key_of(i)}")
        values = ", ".join(f"{n} {d.value:.4g}" for n, d in document.decided.items())
        drift = "-" if document.drift is None else signed_interval(document.drift)
        losses = [rung.loss for rung in document.rungs if rung.loss is not None]
        lowest = f"{min(losses):.4g}" if losses else "-"
        word = element("span", document.verdict, class_=f"verdict {document.verdict}")
        rows.append((link, section.setup, word, values, drift, lowest))
    head = (
        "run",
        "setup",
        "transfer",
        "choice",
        "drift per doubling of width, octaves",
        "lowest loss",
    )
    return table("The runs of this page", head, rows)


def raw(tag: str, text: str) -> Element:
    """An element whose text HTML does not escape: a script or a style."""
    made = Element(tag)
    made.text = text.replace("</script", "<\\/script")
    return made


def resource(name: str) -> str:
    """A file of this folder."""
    return (files(__package__) / name).read_text(encoding="utf-8")


def plotly_script() -> str:
    """Plotly's script, out of its Python package, which need not be imported.

    Raises:
        InputError: It is not installed.
    """
    found = find_spec("plotly")
    places: Any = found.submodule_search_locations if found is not None else None
    for place in places or ():
        script = Path(place) / "package_data" / "plotly.min.js"
        if script.is_file():
            return script.read_text(encoding="utf-8")
    raise InputError("report: Plotly is not installed; pip install plotly")
