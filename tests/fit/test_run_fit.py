"""What an unfinished sweep changes in its fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mutransfer_cli.fit.study_fit import StudyFit, fit_study
from tests.helpers.loss_curves import sweep


def study(optima: dict[int, float]) -> StudyFit:
    return fit_study(sweep(np.random.default_rng(1), optima))


def test_an_answer_stays_beside_the_note() -> None:
    finished = study({32: -6.1, 64: -6.1, 128: -6.1})
    assert finished.verdict == "holds" and finished.document().notes == ()
    provisional = replace(finished, unfinished="n of m").document()
    assert provisional.reason == finished.reason
    assert provisional.notes == ("n of m",)


def test_no_advice_for_a_recipe_whose_sweep_is_unfinished() -> None:
    finished = study({64: -6.1})
    assert finished.verdict == "inconclusive" and "add a width" in finished.reason
    provisional = replace(finished, unfinished="n of m").document()
    assert provisional.reason == "n of m" and provisional.notes == ("n of m",)
