"""The rung whose norms leave those of the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import pytest

from mutransfer_cli.fit.norm_outliers import norm_outlier_note
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.storage.run import Run


class Kept:
    """A run as far as its norms are concerned."""

    def __init__(self, readout: Mapping[int, float], seeds: int = 3) -> None:
        self.records = [
            Record(
                params={"lr": lr},
                width=width,
                depth=2,
                batch=8,
                steps=100,
                seed=seed,
                outcome="finished",
                loss=1.0 + (lr != 0.01),
                norms={"readout norm": value * (1 + 0.01 * seed) * (5 if lr != 0.01 else 1)},
            )
            for width, value in readout.items()
            for seed in range(seeds)
            for lr in (0.01, 0.02)
        ]


def note(readout: Mapping[int, float], seeds: int = 3) -> str | None:
    return norm_outlier_note(cast(Run, Kept(readout, seeds)))


def test_the_rung_is_named() -> None:
    text = note({32: 2.0, 64: 2.0, 128: 4.0, 256: 2.0, 512: 2.0})
    assert text is not None and text.startswith("width 128 leaves the other rungs")
    assert "its readout norm is 2 times" in text


@pytest.mark.parametrize(
    "readout",
    [
        {32: 2.0, 64: 2.0, 128: 2.0, 256: 2.0},
        {32: 1.0, 64: 2**0.5, 128: 2.0, 256: 2**1.5},  # a power of the size is a trend
        {32: 2.0, 64: 4.0, 128: 2.0},  # too few to tell which
    ],
)
def test_no_rung(readout: Mapping[int, float]) -> None:
    assert note(readout) is None


def test_experts_that_a_rung_lacks() -> None:
    """A rung of one active expert has no size of that name; along two axes no trend is sought."""
    run = Kept({32: 2.0})
    (first, *_) = run.records
    sizes = ({"experts": 8, "active_experts": n} for n in (1, 2, 4, 8, 16))
    run.records = [
        replace(
            first,
            seed=seed,
            norms={"readout norm": 4.0 if size["active_experts"] == 4 else 2.0},
            **size,
        )
        for size in sizes
        for seed in (0, 1)
    ]
    text = norm_outlier_note(cast(Run, run))
    assert text is not None and text.startswith("active_experts 4 leaves the other rungs")
    run.records += [replace(r, experts=16) for r in run.records]
    assert norm_outlier_note(cast(Run, run)) is None


def test_one_seed_says_nothing() -> None:
    assert note({32: 2.0, 64: 2.0, 128: 4.0, 256: 2.0, 512: 2.0}, seeds=1) is None
