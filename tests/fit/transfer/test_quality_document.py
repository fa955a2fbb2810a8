"""The quality of a study in the document of `fit`."""

from __future__ import annotations

import pytest

from mutransfer_cli.fit.study_fit import fit, fit_study
from mutransfer_cli.fit.transfer.quality_document import findings, main_hyperparameter
from tests.helpers.quadratic_ladders import ladder


def test_the_quality_of_a_drifting_ladder() -> None:
    quality = fit(ladder([-8 - 0.5 * z for z in range(4)])).quality
    assert quality is not None
    assert quality.fast is False
    assert quality.asymptotic_penalty is None
    assert "power law" in quality.reasons["asymptotic_penalty"]
    assert quality.fit_error is not None and quality.fit_error.value < 0.03
    assert quality.fit_errors == {"lr": quality.fit_error}
    assert "fit_error" not in quality.reasons and "fast" in quality.reasons


def test_the_penalty_is_a_share_of_the_loss() -> None:
    # the optimum goes from -8 to -6 as -6 - 2/n: log loss + a/2 x 2² = .04, e^.04 - 1 = 4.08 %
    quality = fit(ladder([-6 - 2 * 2.0**-z for z in range(4)])).quality
    assert quality is not None and quality.asymptotic_penalty is not None
    assert quality.asymptotic_penalty.value == pytest.approx(0.0408, rel=0.25)
    assert quality.fast is True


def test_one_rung_has_reasons_only() -> None:
    quality = fit(ladder([-8.0])).quality
    assert quality is not None
    assert quality.fit_error is None and quality.robustness is None
    assert quality.asymptotic_penalty is None and quality.fast is None
    assert set(quality.reasons) == {"fit_error", "robustness", "asymptotic_penalty", "fast"}


def test_the_learning_rate_comes_first() -> None:
    fitted = fit_study(ladder([-8.0] * 3)).surface
    assert fitted is not None and main_hyperparameter(fitted) == 0
    assert set(findings(fitted)) == {"fit_error", "robustness", "asymptotic_penalty"}
