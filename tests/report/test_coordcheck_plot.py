"""The plot of a check."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli import InputError, check
from mutransfer_cli.report.coordcheck_plot import plot
from tests.helpers.check_subjects import WIDTHS, subject, unscaled_second


def test_a_plot_is_written(tmp_path: Path) -> None:
    report = check(subject(lr=unscaled_second), WIDTHS)
    plot(report.document, tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 1000


def test_a_plot_that_cannot_be_written(tmp_path: Path) -> None:
    document = check(subject(), [64, 256]).document  # too few widths: nothing is measured
    with pytest.raises(InputError, match=r"--plot .* cannot be written"):
        plot(document, tmp_path / "p.drawing")
