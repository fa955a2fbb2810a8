"""The verdict on sharpness, by the sizes that were measured."""

from __future__ import annotations

from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.sharpness import judged
from mutransfer_cli.recipe.size import Size

SMALL, LARGE = Size(32, 1, 8, 10), Size(256, 1, 8, 10)


def test_nothing_passes_without_the_largest_width() -> None:
    stable = Interval(value=0.3, low=0.2, high=0.4)
    alone = Interval(value=0.3)  # one seed
    beyond = Interval(value=2.0, low=1.5, high=2.5)
    assert judged({SMALL: stable, LARGE: stable}, LARGE)[0] == "pass"
    for measured in ({SMALL: stable}, {SMALL: stable, LARGE: alone}):
        verdict, reason, advice = judged(measured, LARGE)
        assert verdict == "inconclusive" and "width 256" in reason and "--minutes" in advice
    assert judged({SMALL: beyond}, LARGE)[0] == "fail"  # the control: one width is enough for this
