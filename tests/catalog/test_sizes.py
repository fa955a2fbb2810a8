"""The multiplier along each axis."""

from __future__ import annotations

from mutransfer_cli.catalog.sizes import SIZES, multipliers, varying_sizes


def test_training_length_counts_examples() -> None:
    """By hand: 4 times the width, half the depth, 2 times the batch, 3 times the steps."""
    base = dict.fromkeys(SIZES, 1) | {"width": 64, "depth": 4, "batch": 16, "steps": 100}
    target = base | {"width": 256, "depth": 2, "batch": 32, "steps": 300}
    found = multipliers(base, target)
    assert {name: found[name] for name in ("width", "depth", "batch", "duration")} == {
        "width": 4.0, "depth": 0.5, "batch": 2.0, "duration": 6.0,
    }  # fmt: skip
    assert set(multipliers(base, base).values()) == {1.0}


def test_sizes_along_which_rungs_differ() -> None:
    small = {"width": 32, "depth": 2, "batch": 16, "steps": 100}
    assert varying_sizes([small, small | {"batch": 32, "steps": 50}]) == ["batch", "steps"]
    assert varying_sizes([small, small | {"experts": 8}]) == ["experts"]
    assert varying_sizes([small]) == ["width"]
