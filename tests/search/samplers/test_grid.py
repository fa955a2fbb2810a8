"""The grid: all combinations, grown along lr until two points lie on each side of the best."""

from __future__ import annotations

from math import log2

from mutransfer_cli.recipe.schema.search import Search
from mutransfer_cli.recipe.schema.space import Space
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import missing
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.samplers.grid import GridSampler
from mutransfer_cli.search.samplers.growing_grid import grid_jobs
from mutransfer_cli.search.samplers.protocol import SearchProblem
from tests.helpers.sweeps import record_with

SIZE = Size(32, 2, 16, 200)


def search(**options: object) -> Search:
    space = {"lr": Space(log2=(-6.0, -4.0), step=1.0)}
    return Search(**{"space": space, "seeds": 1, "extend": 3, **options})  # type: ignore[arg-type]


def driven(s: Search, optimum: float, diverges_at: float = 99.0) -> list[float]:
    """Run the grid to its end on |log2(lr) - optimum|; the positions that were tried."""
    records: list[Record] = []
    while jobs := missing(grid_jobs(s, [SIZE], [0], records), records):
        for job in jobs:
            x = log2(job.params["lr"])
            records.append(record_with(job, None if x >= diverges_at else abs(x - optimum)))
    return sorted(round(log2(r.params["lr"]), 6) for r in records)


def test_an_optimum_inside_needs_two_more_points_around_it() -> None:
    # -6, -5, -4 tried, best -5: one more on each side makes two
    assert driven(search(), -5.0) == [-7, -6, -5, -4, -3]


def test_it_says_by_how_much_it_has_grown() -> None:
    """By hand: three rates of one seed; with the best at the upper end, two more above it."""
    sampler = GridSampler(SearchProblem(search(), (SIZE,), 0, {"lr": 0.01}))
    records = [record_with(job, 1.0 - job.params["lr"]) for job in sampler.propose([])]
    assert sampler.growth(records[:2]) is None
    assert str(sampler.growth(records)).startswith(
        "the grid of learning rates has grown from 3 to 5"
    )


def test_it_grows_towards_an_edge_until_bracketed() -> None:
    assert driven(search(extend=4), -7.0) == [-9, -8, -7, -6, -5, -4]


def test_growth_is_bounded() -> None:
    assert driven(search(extend=2), -20.0) == [-8, -7, -6, -5, -4]
    assert driven(search(extend=0), -20.0) == [-6, -5, -4]
    problem = SearchProblem(search(), (SIZE,), 0, {})
    assert GridSampler(problem).count_trials().at_most == 3 + 6


def test_divergence_brackets_from_above() -> None:
    # -4 diverges: one divergent point above the best, and one more is asked for
    assert driven(search(), -5.0, diverges_at=-4.0) == [-7, -6, -5, -4, -3]


def test_where_everything_diverges_it_grows_downwards() -> None:
    assert driven(search(extend=4), -8.0, diverges_at=-6.5)[0] == -10


def test_combinations_and_common_seeds() -> None:
    s = search(extend=0, seeds=2)
    s = s.model_copy(update={"space": {**s.space, "init_std": Space(choice=(0.1, 0.2))}})
    jobs = grid_jobs(s, [SIZE, Size(64, 2, 16, 200)], [0, 1], [])
    assert len({j.key for j in jobs}) == 3 * 2 * 2 * 2
    assert missing(jobs, [])[0].size.width == 64  # the longest first


WIDE = Space(log2=(-12.0, -3.0), step=1.0)


def started(optimum: float, start: float, **options: object) -> tuple[list[float], list[float]]:
    """The positions of the first trials of a grid that begins at 2^start, and of all of them."""
    problem = SearchProblem(
        search(space={"lr": WIDE}, **options), (SIZE,), 0, {"lr": 2.0**start}, start_rate=2.0**start
    )
    sampler, records = GridSampler(problem), list[Record]()
    while jobs := missing(sampler.propose(records), records):
        records += [record_with(j, abs(log2(j.params["lr"]) - optimum)) for j in jobs]
        if len(records) == len(jobs):
            first = sorted(round(log2(r.params["lr"])) for r in records)
            assert len(first) == sampler.count_trials().each
    return first, sorted(round(log2(r.params["lr"])) for r in records)


def test_a_grid_begins_two_steps_to_either_side_of_a_rate() -> None:
    five = [-9, -8, -7, -6, -5]
    assert started(-7.2, -7.4) == (five, five)
    assert started(-6.0, -11.8) == ([-12, -11, -10, -9, -8], list(range(-12, -3)))  # still found
    assert started(-3.0, -8.0)[1] == list(range(-10, 0))  # two beyond the range


def test_a_grid_that_began_at_a_rate_grows_no_further_than_its_range_does() -> None:
    assert started(9.0, -7.0, extend=1)[1] == list(range(-9, -1))  # to -3 + 1
    assert started(-20.0, -7.0, extend=0)[1] == list(range(-12, -4))
    assert started(-7.0, 5.0, extend=0)[0] == [-7, -6, -5, -4, -3]  # the end that is nearest
