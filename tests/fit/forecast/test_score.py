"""Scores: inside or outside, the error, and which forecasts come too late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mutransfer_cli.errors import Inconclusive, InputError
from mutransfer_cli.fit.forecast.forecasting import score_forecast
from mutransfer_cli.fit.forecast.ladder_runs import TableOptions
from mutransfer_cli.fit.forecast.score import (
    Measured,
    error_of,
    measured_at_target,
    parse_started,
    scored,
)
from mutransfer_cli.fit.forecast.seal import write_forecast
from mutransfer_cli.fit.study.size_axes import sizes_of
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.observation import Observation
from tests.helpers.forecasts import MADE, forecast

PATH = Path("f.json")


@pytest.mark.parametrize(
    ("loss", "inside", "error"),
    [(2.0, True, 0.0), (2.1, True, 0.05), (2.11, False, 0.055), (1.8, False, -0.1)],
)
def test_inside_and_error(loss: float, inside: bool, error: float) -> None:
    score = scored(forecast(), Measured(loss), PATH).score
    assert score is not None
    assert score.inside is inside
    assert score.error == pytest.approx(error)  # loss / 2 - 1


def test_losses_that_are_not_positive_have_a_difference_as_error() -> None:
    assert error_of(-0.5, 0.25) == -0.75
    assert error_of(0.5, 0.25) == 1.0
    assert error_of(0.5, 5e-324) == 0.5  # their ratio is no number


def test_without_an_interval_nothing_is_inside() -> None:
    score = scored(forecast(loss=Interval(value=2.0)), Measured(2.0), PATH).score
    assert score is not None and score.inside is None
    with pytest.raises(InputError, match="predicts no loss"):
        scored(forecast(loss=None), Measured(2.0), PATH)


def test_a_forecast_younger_than_the_run_is_refused() -> None:
    late, early = MADE + timedelta(seconds=1), MADE - timedelta(seconds=1)
    assert scored(forecast(), Measured(2.0, started=late), PATH).score is not None
    for started in (early, MADE):
        with pytest.raises(InputError, match="after the run of its target had started"):
            scored(forecast(), Measured(2.0, started=started), PATH)


def test_an_unknown_start_is_noted() -> None:
    assert any("--started" in note for note in scored(forecast(), Measured(2.0), PATH).notes)
    known = Measured(2.0, started=MADE + timedelta(days=1))
    assert not any("--started" in note for note in scored(forecast(), known, PATH).notes)


def test_dates() -> None:
    assert parse_started("2026-03-01") == datetime(2026, 3, 1, tzinfo=UTC)
    assert parse_started("2026-03-01T13:00+02:00") == datetime(2026, 3, 1, 11, tzinfo=UTC)
    with pytest.raises(InputError, match="--started tomorrow"):
        parse_started("tomorrow")


def run(width: int, lr: float, loss: float | None, seed: int = 0) -> Observation:
    return Observation(width=width, lr=lr, seed=seed, loss=loss, depth=2, batch=16, steps=100)


def measured(*runs: Observation) -> Measured:
    return measured_at_target(forecast(), [(sizes_of(o), o) for o in runs], "there", None)


def test_the_loss_at_the_predicted_setting_counts() -> None:
    # 0.01 is the predicted rate; 0.02 happens to be better
    result = measured(
        run(256, 0.01, 2.0), run(256, 0.01, 2.2, seed=1), run(256, 0.02, 1.9), run(128, 0.01, 3.0)
    )
    assert result.loss == pytest.approx(2.1)  # mean of two seeds
    assert result.runs == 2 and result.setting == {"lr": 0.01}


def test_else_the_best_setting_with_all_seeds_counts() -> None:
    result = measured(
        run(256, 0.02, 2.3), run(256, 0.02, 2.1, seed=1), run(256, 0.04, 2.4),
        run(256, 0.04, 2.6, seed=1), run(256, 0.005, 1.0),
    )  # fmt: skip
    assert result.loss == pytest.approx(2.2) and result.setting == {"lr": 0.02}


def test_runs_elsewhere_or_diverged_do_not_count() -> None:
    with pytest.raises(InputError, match="no run at the forecast's target, width 256"):
        measured(run(128, 0.01, 2.0))
    with pytest.raises(Inconclusive, match="no run at the target finished"):
        measured(run(256, 0.01, None))


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_refused(loss: float, tmp_path: Path) -> None:
    """A run that diverged has no loss that an interval could hold."""
    path = tmp_path / "forecast.json"
    write_forecast(forecast(), path)
    with pytest.raises(InputError, match=r"--loss .*expected a finite loss"):
        score_forecast(path, None, loss=loss, table=TableOptions())
