"""Which targets a ladder supports."""

from __future__ import annotations

import pytest

from mutransfer_cli.fit.study.size_axes import size_axes
from mutransfer_cli.fit.target.support import Extent, extents, unsupported


def fault(widths: list[int], target: dict[str, float]) -> str | None:
    rungs = [{"width": float(w), "depth": 2.0, "batch": 16.0, "steps": 100.0} for w in widths]
    full = {**rungs[0], **target}
    return unsupported(extents(rungs, size_axes(rungs), full))


@pytest.mark.parametrize("width", [64, 128, 256, 1024])
def test_as_far_as_the_ladder_spans_is_supported(width: int) -> None:
    assert fault([16, 32, 64, 128], {"width": width}) is None  # spans 3 octaves; 1024 is 3 beyond


@pytest.mark.parametrize(
    ("widths", "target", "reason"),
    [
        ([16, 32, 64, 128], {"width": 2048}, "4 octaves beyond the runs in width, which span 3"),
        ([100, 150], {"width": 200}, "span 0.58 octaves of width, less than one"),
        ([64], {"width": 128}, "do not vary width"),
        ([16, 32, 64, 128], {"width": 256, "steps": 800}, "do not vary steps"),
        ([16, 32, 64, 128], {"width": 256, "depth": 4}, "do not vary depth"),
        ([16, 32, 64, 128], {"width": 256, "batch": 32, "steps": 50}, "do not vary batch"),
    ],
)
def test_what_is_not_supported(widths: list[int], target: dict[str, float], reason: str) -> None:
    found = fault(widths, target)
    assert found is not None and reason in found


def test_training_length_is_in_examples() -> None:
    # twice the batch at half the steps is the same length: only the batch is at fault
    found = fault([16, 32, 64, 128], {"batch": 32, "steps": 50})
    assert found is not None and "steps" not in found


def test_tokens_of_a_table_count() -> None:
    rungs = [{"params": n, "tokens": 1e9} for n in (1e6, 2e6, 4e6)]
    axes = size_axes(rungs)
    assert unsupported(extents(rungs, axes, {"params": 1e7, "tokens": 1e9})) is None
    found = unsupported(extents(rungs, axes, {"params": 1e7, "tokens": 8e9}))
    assert found is not None and "do not vary tokens" in found


def test_a_target_within_the_span_needs_no_octave() -> None:
    assert Extent("width", span=0.5, beyond=0.0).fault is None
    assert Extent("width", span=0.5, beyond=0.5).fault is not None


def test_steps_without_a_batch_are_an_axis() -> None:
    """A table with one number of steps says nothing of a longer target, batch or none."""
    rungs = [{"width": width, "steps": 1000.0} for width in (64.0, 128.0, 256.0)]
    target = {"width": 256.0, "steps": 16000.0}
    found = {extent.axis: extent for extent in extents(rungs, size_axes(rungs), target)}
    assert found["steps"].beyond == 4.0 and found["steps"].unvaried
    assert "the runs do not vary steps" in (unsupported(list(found.values())) or "")
    # the control: a target as long as the runs
    same = extents(rungs, size_axes(rungs), {**target, "steps": 1000.0})
    assert unsupported(same) is None
