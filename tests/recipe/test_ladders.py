"""The ladders of recipes/ladders, and the tables that they are trained into."""

from __future__ import annotations

import math

import pytest

from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job
from tests.benchmarks.ladder_table import LADDERS, Ladder
from tests.benchmarks.ladders import TABLES, Table, center, dense_jobs, record

SIZE = Size(width=32, depth=2, batch=16, steps=100)


@pytest.mark.parametrize("ladder", LADDERS, ids=lambda ladder: ladder.name)
def test_a_table_holds_the_rungs_of_its_ladder(ladder: Ladder) -> None:
    recipe = ladder.load()
    sizes = ladder.rungs(recipe)
    path = TABLES / f"{ladder.name}.csv"
    table = Table(path, list(recipe.search.space))
    assert 4 <= len(sizes) <= 9
    assert 1 <= len(table.names) <= 4
    assert {r.size for r in table.records("search")} == set(sizes)
    assert {r.size for r in table.records("dense")} == set(sizes[-2:])
    assert path.stat().st_size < 60_000


def test_a_diagonal_grows_both_axes_at_once() -> None:
    ladder = next(ladder for ladder in LADDERS if ladder.name == "mlp-mup-width-steps")
    sizes = ladder.rungs(ladder.load())
    assert [(s.width, s.steps) for s in sizes] == [
        (16, 50), (32, 100), (64, 200), (128, 400), (256, 800)
    ]  # fmt: skip


def test_a_table_goes_on_where_it_ended(tmp_path) -> None:
    path = tmp_path / "table.csv"
    first = record(SIZE, 3, {"lr": 2.0**-7}, 1.25)
    diverged = record(SIZE, 4, {"lr": 0.5}, None)
    Table(path, ["lr"]).append("search", [first, diverged])
    again = Table(path, ["lr"])
    assert again.records() == [first, diverged]
    assert path.read_text().splitlines()[0] == "stage,width,depth,batch,steps,lr,seed,loss"
    again.append("dense", [first])
    assert len(Table(path, ["lr"]).records("search")) == 2
    assert Table(path, ["lr"]).records("search")[1].outcome == "diverged"


def test_the_centre_of_a_parabola_is_its_vertex() -> None:
    """Loss 1 + (log2 lr + 6.3)² / 10, at octaves: three points determine the parabola."""
    records = [record(SIZE, 0, {"lr": 2.0**x}, 1 + (x + 6.3) ** 2 / 10) for x in range(-9, -2)]
    assert center(records, ["lr"])["lr"] == pytest.approx(-6.3)


def test_dense_trials_surround_the_centre() -> None:
    records = [record(SIZE, 0, {"lr": 2.0**x}, 1 + (x + 6.3) ** 2 / 10) for x in range(-9, -2)]
    jobs: list[Job] = dense_jobs(SIZE, records, ["lr"])
    assert len(jobs) == 5 * 6
    rates = sorted({math.log2(job.params["lr"]) for job in jobs})
    assert rates == pytest.approx([-7.3, -6.8, -6.3, -5.8, -5.3], abs=1e-4)
