"""Writes the page of some runs, and their plots as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mutransfer_cli.documents.report import ReportDocument
from mutransfer_cli.errors import InputError
from mutransfer_cli.files import replacing
from mutransfer_cli.report.page.page_file import key_of, page_text
from mutransfer_cli.report.page.panel_plot import plot_panel
from mutransfer_cli.report.page.run_section import RunSection, run_section


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
        sources: Run directories, tables or Optuna storages.
        output: The page.
        target: Sizes of the target; None: those of each recipe.
        png: Folder for a PNG of each plot; None: none.
        svg: Folder for an SVG of each plot; None: none.
        refresh: Seconds after which a browser loads the page again; None: never.

    Raises:
        InputError: A source cannot be read or fitted, or a file cannot be written.
    """
    sections = [run_section(source, target, key_of(i)) for i, source in enumerate(sources)]
    text = page_text(sections, refresh)
    try:
        with replacing(output) as partial:
            partial.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"--output {output}: cannot be written: {error}") from error
    plots: list[str] = []
    for folder, suffix in ((png, "png"), (svg, "svg")):
        if folder is not None:
            plots += write_plots(sections, folder, suffix)
    return ReportDocument(
        file=str(output),
        bytes=len(text.encode()),
        plots=tuple(plots),
        fits=tuple(section.fit for section in sections),
    )


def write_plots(sections: Sequence[RunSection], folder: Path, suffix: str) -> list[str]:
    """Write every plot of every run; return the paths."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--{suffix} {folder}: cannot be written: {error}") from error
    paths = []
    for panel in (panel for section in sections for panel in section.panels):
        path = folder / f"{panel.key}.{suffix}"
        plot_panel(panel, path)
        paths.append(str(path))
    return paths
