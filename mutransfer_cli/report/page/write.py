"""Writes the page of some runs, and their plots as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mutransfer_cli.documents.report import ReportDocument
from mutransfer_cli.errors import InputError
from mutransfer_cli.files import replacing
from mutransfer_cli.report.page.evidence.evidence_files import split_sources
from mutransfer_cli.report.page.evidence.evidence_panels import evidence_panels
from mutransfer_cli.report.page.page_file import key_of, page_text
from mutransfer_cli.report.page.panel_plot import plot_panel
from mutransfer_cli.report.page.panels import Panel
from mutransfer_cli.report.page.run_section import run_section


def write_report(
    sources: Sequence[str],
    output: Path,
    *,
    target: Mapping[str, float | None],
    png: Path | None = None,
    svg: Path | None = None,
    refresh: int | None = None,
) -> ReportDocument:
    """Fit all runs, and write their page.

    Args:
        sources: Run directories, tables or Optuna storages, and JSON documents of checks, probes,
            laws and forecasts; those in run directories are found.
        output: The page.
        target: Sizes of the target; None: those of each recipe.
        png: Folder for a PNG of each plot; None: none.
        svg: Folder for an SVG of each plot; None: none.
        refresh: Seconds after which a browser loads the page again; None: never.

    Raises:
        InputError: A source cannot be read or fitted, or a file cannot be written.
    """
    runs, evidence = split_sources(sources)
    if not runs:
        raise InputError("report: expected a run directory or a table beside the documents")
    sections = [run_section(source, target, key_of(i)) for i, source in enumerate(runs)]
    text = page_text(sections, evidence, refresh)
    try:
        with replacing(output) as partial:
            partial.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"--output {output}: cannot be written: {error}") from error
    plots: list[str] = []
    panels = [panel for section in sections for panel in section.panels]
    for folder, suffix in ((png, "png"), (svg, "svg")):
        if folder is not None:
            plots += write_plots((*panels, *evidence_panels(evidence)), folder, suffix)
    return ReportDocument(
        file=str(output),
        bytes=len(text.encode()),
        plots=tuple(plots),
        fits=tuple(section.fit for section in sections),
        evidence=tuple(file for held in evidence.kinds for file, _ in held),
    )


def write_plots(panels: Sequence[Panel], folder: Path, suffix: str) -> list[str]:
    """Write every plot; return the paths."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--{suffix} {folder}: cannot be written: {error}") from error
    paths = []
    for panel in panels:
        path = folder / f"{panel.key}.{suffix}"
        plot_panel(panel, path)
        paths.append(str(path))
    return paths
