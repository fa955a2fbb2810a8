from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.laws.forms.noise_scale import NOISE_SCALE, SHARED
from mutransfer_cli.surface.laws.law_form import LawOptions, LawTable

EPSILON, NOISE = 0.02, 256.0


def optima(batches: list[float], scatter: float = 0.05) -> LawTable:
    """ε = .02/(1 + 256/B), with scatter in octaves; at B = 256 it is half of ε_max."""
    batch = np.array(batches)
    rate = EPSILON / (1 + NOISE / batch)
    rate = rate * 2.0 ** (scatter * np.random.default_rng(3).standard_normal(len(batch)))
    return LawTable({"batch": batch, "lr": rate}, ("batch",), ("lr",))


def test_parameters_and_prediction() -> None:
    law = NOISE_SCALE.fit(optima([2.0**k for k in range(3, 13)]), LawOptions())
    for name, truth in (("epsilon_max", EPSILON), ("B_noise", NOISE)):
        parameter = law.parameters[name]
        assert isinstance(parameter, Interval)
        assert parameter.low is not None and parameter.high is not None
        assert parameter.low < truth < parameter.high
        assert parameter.high / parameter.low < 2
    assert law.predict({"batch": 256.0})["lr"].value == pytest.approx(EPSILON / 2, rel=0.1)
    assert law.unidentified == ()


@pytest.mark.parametrize(
    ("batches", "reason"),
    [
        ([1, 2, 4, 8, 16], "B_noise has no upper bound"),
        ([2**k for k in range(13, 18)], "B_noise has no lower bound"),
    ],
)
def test_one_regime_does_not_identify_the_noise_scale(batches: list[float], reason: str) -> None:
    assert reason in NOISE_SCALE.fit(optima(batches), LawOptions()).unidentified[0]


def test_the_optimum_of_each_batch_from_its_runs() -> None:
    """loss = 2·exp(.01·(log2 lr − log2 ε)²): quadratic bowls around the form."""
    rows = []
    for batch in 2.0 ** np.arange(4, 13):
        best = np.log2(EPSILON / (1 + NOISE / batch))
        for x in np.arange(np.floor(best) - 3, np.floor(best) + 5):
            rows.append((batch, 2.0**x, 2 * np.exp(0.01 * (x - best) ** 2)))
    batch, lr, loss = np.array(rows).T
    table = LawTable({"batch": batch, "lr": lr, "loss": loss}, ("batch",), ("lr",))
    noise = NOISE_SCALE.fit(table, LawOptions()).parameters["B_noise"]
    assert isinstance(noise, Interval) and noise.value == pytest.approx(NOISE, rel=0.1)


def test_three_batches_are_too_few() -> None:
    with pytest.raises(InputError, match="3 different batches"):
        NOISE_SCALE.fit(optima([8, 16, 32]), LawOptions())


@pytest.mark.parametrize(("shared", "inside"), [(SHARED, True), (0.0, False)])
def test_an_error_that_all_optima_share(
    monkeypatch: pytest.MonkeyPatch, shared: float, inside: bool
) -> None:
    """Lopsided bowls about 2^-7/(1 + 256/B): the optima of all batches come out too low alike."""
    rng, rows = np.random.default_rng(1), []
    for batch in 2.0 ** np.arange(4, 12):
        u = np.arange(-13.0, -3.0) + 7 + np.log2(1 + 256 / batch)
        for x in u[np.abs(u) < 3]:
            rise = 0.01 * x * x * (1 + 0.4 * np.tanh(x)) + 0.003 * rng.standard_normal()
            rows.append((batch, 2.0 ** (x - 7) / (1 + 256 / batch), 2.5 * np.exp(rise)))
    columns = dict(zip(("batch", "lr", "loss"), np.array(rows).T, strict=True))
    monkeypatch.setattr("mutransfer_cli.surface.laws.forms.noise_scale.SHARED", shared)
    law = NOISE_SCALE.fit(LawTable(columns, ("batch",), ("lr",)), LawOptions())
    rate = law.parameters["epsilon_max"]
    assert isinstance(rate, Interval) and rate.low is not None and rate.high is not None
    assert (rate.low < 2**-7 < rate.high) == inside
