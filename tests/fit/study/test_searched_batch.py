"""A batch that is searched, and one that is a size."""

from __future__ import annotations

from itertools import product

from mutransfer_cli.fit.study.searched_batch import with_searched_batch
from mutransfer_cli.surface.observation import Observation


def grid(widths: tuple[int, ...], batches: tuple[int, ...]) -> list[Observation]:
    """Runs of 3200 examples each."""
    return [
        Observation(w, lr, 0, 2.0, batch=b, steps=3200 // b)
        for w, b, lr in product(widths, batches, (0.1, 0.2))
    ]


def test_a_batch_on_every_rung_is_searched() -> None:
    moved, note = with_searched_batch(grid((32, 64), (8, 16, 32)))
    assert note is not None and "--batch" in note
    assert {o.params["batch"] for o in moved} == {8.0, 16.0, 32.0}
    assert {(o.batch, o.steps, o.size("tokens")) for o in moved} == {(None, None, 3200)}


def test_a_ladder_of_batches_is_an_axis() -> None:
    one_width = grid((32,), (8, 16, 32))
    assert with_searched_batch(one_width) == (one_width, None)
    lines = [*one_width, *grid((64, 128), (16,))]  # lines through width 32, batch 16
    assert with_searched_batch(lines) == (lines, None)


def test_a_named_batch_is_a_size() -> None:
    runs = grid((32, 64), (8, 16, 32))
    assert with_searched_batch(runs, ["width", "batch"]) == (runs, None)


def test_steps_that_were_rounded_are_one_number_of_tokens() -> None:
    """10,000 examples: 476 steps of 21, 322 of 31 and 244 of 41 are 9,996, 9,982 and 10,004."""
    runs = [
        Observation(w, lr, 0, 2.0, batch=b, steps=10_000 // b + (b == 41))
        for w, b, lr in product((32, 64), (21, 31, 41), (0.1, 0.2))
    ]
    moved, note = with_searched_batch(runs)
    assert note is not None and "batch times steps" in note
    assert len({o.size("tokens") for o in moved}) == 1
