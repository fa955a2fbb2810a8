"""The plot of a check."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli import InputError, check
from mutransfer_cli.report.coordcheck_plot import MARKERS, draw_curves, plot
from mutransfer_cli.report.figure import VERDICT_COLORS, figure
from tests.helpers.check_subjects import WIDTHS, subject, unscaled_second


def test_a_plot_is_written(tmp_path: Path) -> None:
    report = check(subject(lr=unscaled_second), WIDTHS)
    plot(report.document, tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 1000


def test_a_plot_that_cannot_be_written(tmp_path: Path) -> None:
    document = check(subject(), [64, 256]).document  # too few widths: nothing is measured
    with pytest.raises(InputError, match=r"--plot .* cannot be written"):
        plot(document, tmp_path / "p.drawing")


def test_sizes_are_the_ticks_and_verdicts_differ_by_their_markers(tmp_path: Path) -> None:
    with figure(tmp_path / "p.png", panels=1, size=(4, 3)) as (axes,):
        draw_curves(axes, [{64: 0.5, 128: 0.25, 256: 0.125}])
        assert [text.get_text() for text in axes.get_xticklabels()] == ["64", "128", "256"]
        assert list(axes.get_xticks(minor=True)) == []
    drawn = [MARKERS.get(verdict, "D") for verdict in VERDICT_COLORS]
    assert len(set(drawn)) == len(VERDICT_COLORS)
