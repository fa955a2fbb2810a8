"""The exponents that are expected of the loss along each axis."""

from __future__ import annotations

from mutransfer_cli.fit.study.study_runs import study_runs
from mutransfer_cli.fit.transfer.loss_levels import loss_exponents
from mutransfer_cli.surface.observation import Observation


def test_the_loss_is_expected_to_fall_faster_with_the_width_than_with_the_training_length() -> None:
    runs = [
        Observation(width=w, depth=2, batch=16, steps=s, seed=0, lr=lr, loss=2 + (lr - 0.1) ** 2)
        for w, s in ((32, 100), (64, 200), (128, 200))
        for lr in (0.05, 0.1, 0.2)
    ]
    study = study_runs(runs)
    by_axis = dict(zip([axis.name for axis in study.axes], loss_exponents(study), strict=True))
    assert by_axis == {"width": 0.55, "steps": 0.4}  # from the rows of catalog/axes.py
