from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.laws.forms.chinchilla import CHINCHILLA
from mutransfer_cli.surface.laws.law_form import LawOptions
from tests.helpers.law_tables import loss_table


def test_prediction_intervals_cover_new_runs() -> None:
    """Fitted to one draw of a table, 95 % intervals hold .90 to .99 of the runs of another."""
    law = CHINCHILLA.fit(loss_table(noise=0.003, seed=1), LawOptions(resamples=300))
    score = law.score(loss_table(noise=0.003, seed=2))
    assert score.points == 48
    assert 0.90 <= score.inside / score.points <= 1.0
    assert score.error < 0.005


def test_the_score_notices_runs_of_another_law() -> None:
    """The control: losses that are 5 % higher are outside."""
    law = CHINCHILLA.fit(loss_table(noise=0.003, seed=1), LawOptions(resamples=300))
    other = loss_table(noise=0.003, seed=2)
    other.columns["loss"][:] *= 1.05  # type: ignore[index]
    assert law.score(other).inside == 0


def test_the_residual_is_relative() -> None:
    law = CHINCHILLA.fit(loss_table(noise=0.003, seed=1, repeats=12), LawOptions(resamples=100))
    assert law.residual == pytest.approx(0.003, rel=0.15)
    assert law.predict({"params": 1e9, "tokens": 3e10})["loss"].value == pytest.approx(
        1.7 + 400 * 1e9**-0.34 + 900 * 3e10**-0.30, rel=0.003
    )
    assert [np.ndim(p.points[0].x) for p in law.pictures()] == [1, 1]
