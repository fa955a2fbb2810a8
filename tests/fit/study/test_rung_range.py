"""Whether a rung brackets its optimum."""

from __future__ import annotations

import pytest

from mutransfer_cli.fit.study.rung_range import falling_to_an_end
from mutransfer_cli.surface.observation import Observation


def rung(losses: list[float | None]) -> list[Observation]:
    return [Observation(64, 2.0**i, 0, loss) for i, loss in enumerate(losses)]


@pytest.mark.parametrize(
    ("losses", "end"),
    [
        ([1.0, 2.0, 3.0, 4.0], "low"),
        ([4.0, 3.0, 2.0, 1.0], "high"),
        ([4.0, 3.0, 2.0, 1.0, None], None),  # between the best and divergence
        ([3.0, 1.0, 2.0, 4.0], None),
        ([1.0, 2.0, 3.0], None),  # three values may do so by chance
    ],
)
def test_falling_to_an_end(losses: list[float | None], end: str | None) -> None:
    assert falling_to_an_end(rung(losses), "lr") == end
