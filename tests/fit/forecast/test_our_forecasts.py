"""The forecasts that docs/forecasts.md keeps are as they were sealed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.fit.forecast.seal import read_forecast
from tests.helpers.source import ROOT

PAGE = ROOT / "docs/forecasts.md"
FORECASTS = sorted((ROOT / "docs/forecasts").glob("*.json"))


@pytest.mark.parametrize("path", FORECASTS, ids=lambda path: path.stem)
def test_our_forecasts_are_as_they_were_sealed(path: Path) -> None:
    forecast = read_forecast(path)
    assert forecast.digest is not None and forecast.made is not None
    row = next(line for line in PAGE.read_text().splitlines() if f"forecasts/{path.name}" in line)
    assert forecast.digest[:12] in row and forecast.made[:16].replace("T", " ") in row


def test_there_are_some() -> None:
    assert len(FORECASTS) >= 2
