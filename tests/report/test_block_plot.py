"""Small plots for terminals."""

from __future__ import annotations

from pathlib import Path

from mutransfer_cli.fit.run_fit import fit_run
from mutransfer_cli.fit.table_fit import fit_table
from mutransfer_cli.report.block_plot import block, loss_plot, sparkline
from mutransfer_cli.search.storage.run import Run
from tests.helpers.run_directories import finished_run


def test_blocks_grow_with_the_value() -> None:
    assert [block(v, 7.0) for v in range(8)] == list("▁▂▃▄▅▆▇█")
    assert block(100.0, 7.0) == "█" and block(0.0, 0.0) == "▁"


def test_a_sparkline_averages_neighbors() -> None:
    assert sparkline([0.0, 0.0, 7.0, 7.0], 2) == "▁█"
    assert sparkline([], 10) == "" and sparkline([3.0], 10) == "▁"


def test_the_plot_shows_the_optimum_of_every_rung(tmp_path: Path) -> None:
    """The bowls have their lowest loss at -6.2, so the grid -9, -8 … -3 has it in column 3."""
    study = fit_run(Run.open(finished_run(tmp_path / "bowls")))
    legend, ruler, *rows = loss_plot(study, 80)
    assert "diverged" not in legend and ruler.split() == ["-9", "-3"]
    assert len(rows) == 3
    for row in rows:
        columns = row.split()[2][::3]
        assert len(columns) == 7 and columns[3] == "▁" == min(columns)
        assert columns[0] > columns[1] and columns[6] > columns[5] and "best -6.20" in row
    assert max(map(len, loss_plot(study, 40)[1:])) <= 40


def test_losses_that_are_all_the_same_have_no_plot(tmp_path: Path) -> None:
    """There is no height to show; a warning of numpy came out."""
    table = tmp_path / "same.csv"
    table.write_text("width,lr,loss\n" + "".join(f"64,{lr},2.5\n" for lr in (0.1, 0.2, 0.4)))
    assert loss_plot(fit_table(str(table)), 80) == []
