"""Runs with the same key."""

from __future__ import annotations

from mutransfer_cli.fit.tables.content.run_table import table_of_records
from mutransfer_cli.fit.tables.repeats import assign_seeds, duplicates


def positions(n: int) -> list[str]:
    return [f"f:{i}" for i in range(n)]


def test_duplicates() -> None:
    rows: list[dict[str, object]] = [{"a": 1, "b": 2}, {"a": 1, "b": 3}, {"a": 1, "b": 2}]
    kept, ignored = duplicates(table_of_records("f", rows, positions(3)))
    assert kept == [0, 1]
    assert [row.position for row in ignored] == ["f:2"]


def test_repeats_are_numbered() -> None:
    repeats = assign_seeds("abab", [1.0, 2.0, 1.1, 2.1], None, positions(4))
    assert repeats.seeds == {0: 0, 1: 0, 2: 1, 3: 1}
    assert repeats.notes == ("2 settings were run several times: taken as repeats",)


def test_the_same_seed_twice() -> None:
    repeats = assign_seeds("aaa", [1.0, 2.0, 1.1], [0, 5, 0], positions(3))
    assert repeats.seeds == {0: 0, 1: 5, 2: 6}
    assert repeats.notes[0] == (
        "1 setting was run several times with the same seed: taken as repeats (f:0 and f:2)"
    )


def test_a_retry() -> None:
    repeats = assign_seeds("aabc", [None, 1.0, 2.0, 3.0], None, positions(4))
    assert repeats.seeds == {1: 0, 2: 0, 3: 0}
    assert [row.position for row in repeats.ignored] == ["f:0"]
    assert repeats.notes == (
        "at 1 setting a run diverged and a retry finished: kept the retry (f:0 and f:1)",
    )
    # the control: two seeds everywhere
    assert len(assign_seeds("aabb", [None, 1.0, 2.0, 3.0], None, positions(4)).seeds) == 4


def test_repeats_that_are_far_apart() -> None:
    repeats = assign_seeds("aab", [1.0, 3.0, 2.0], None, positions(3))
    assert "a column that tells them apart may be missing" in repeats.notes[1]
    assert "at f:0 and f:1;" in repeats.notes[1] and "f:2" not in " ".join(repeats.notes)
    assert len(assign_seeds("aab", [1.0, 1.1, 2.0], None, positions(3)).notes) == 1


def test_rows_of_a_few_repeats_are_named() -> None:
    repeats = assign_seeds("abcdeabcdfghijk", [1.0] * 15, None, positions(15))
    assert repeats.notes == (
        "4 settings were run several times: taken as repeats (f:0 and f:5; f:1 and f:6; f:2 and "
        "f:7; …)",
    )
    # the control: where most settings are repeated, no row stands out
    assert "f:" not in assign_seeds("abcabc", [1.0] * 6, None, positions(6)).notes[0]


def test_many_runs_with_one_key_take_linear_time() -> None:
    n = 30_000
    repeats = assign_seeds("a" * n, [float(i) for i in range(n)], [0] * n, positions(n))
    assert len(set(repeats.seeds.values())) == n
