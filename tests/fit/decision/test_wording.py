"""Rungs in messages."""

from __future__ import annotations

from mutransfer_cli.fit.decision.wording import rungs_text


def widths(*sizes: int) -> list[dict[str, float]]:
    return [{"width": float(size), "batch": 8.0} for size in sizes]


def test_rungs_along_one_axis() -> None:
    assert rungs_text(widths(64), ["width"]) == "width 64"
    assert rungs_text(widths(64, 128), ["width"]) == "width 64 and 128"
    assert rungs_text(widths(64, 128, 256, 512), ["width"]) == "width 64, 128, 256 and 512"
    five = rungs_text(widths(64, 128, 256, 512, 1024, 2048), ["width"])
    assert five == "width 64, 128, 256, 512 and 2 more"


def test_rungs_along_several_axes() -> None:
    both = rungs_text(widths(64, 128), ["width", "batch"])
    assert both == "width 64, batch 8; width 128, batch 8"
