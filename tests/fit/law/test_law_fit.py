from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import numpy.typing as npt
import pytest

from mutransfer_cli.catalog.laws import LAWS
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.law.law_fit import LawRequest, fit_law, parse_sizes
from mutransfer_cli.fit.law.run_columns import RunColumns
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.laws.law_form import LawOptions
from tests.helpers.law_tables import loss_table, optimum_table

QUICK = LawOptions(resamples=100)
CHINCHILLA = LAWS["chinchilla"]


def chinchilla_runs() -> RunColumns:
    return RunColumns("runs.csv", loss_table(noise=0.003).columns)


def test_by_default_all_rows_are_fitted_and_the_largest_sizes_checked() -> None:
    """Twelve sizes: two of them, of four runs each, are held out of the second fit."""
    document = fit_law(chinchilla_runs(), LawRequest(CHINCHILLA, QUICK)).document
    assert document.points == 48
    assert document.held_out is not None and document.held_out.points == 8
    assert len(document.predictions) == 2
    assert set(document.predictions[0]) == {"params", "tokens", "loss"}


def test_the_document_holds_what_a_plot_shows() -> None:
    pictures = fit_law(chinchilla_runs(), LawRequest(LAWS["chinchilla"])).document.pictures
    assert [picture.x_name for picture in pictures] == ["params", "tokens"]
    points, law = pictures[0].points[0], pictures[0].lines[0]
    assert len(points.x) == len(points.y) == 48 and points.x == tuple(sorted(points.x))
    assert law.y == tuple(sorted(law.y, reverse=True))  # more parameters, less loss


def test_with_a_condition_the_law_is_fitted_to_the_rest() -> None:
    request = LawRequest(CHINCHILLA, QUICK, hold_out="N>4e8", at=({"N": 7e9, "tokens": 1e12},))
    document = fit_law(chinchilla_runs(), request).document
    assert document.points == 36
    assert document.held_out is not None and document.held_out.points == 12
    first = document.predictions[0]
    assert first["params"] == 7e9 and isinstance(first["loss"], Interval)
    assert len(document.predictions) == 4


def test_the_regret_of_predicted_settings() -> None:
    runs = RunColumns("runs.csv", optimum_table().columns)
    request = LawRequest(LAWS["optimum"], QUICK, hold_out="params>4e8")
    held_out = fit_law(runs, request).document.held_out
    assert held_out is not None and held_out.regret is not None
    assert len(held_out.regret) == 3 and max(held_out.regret) < 0.01
    assert set(held_out.by_quantity) == {"lr", "batch"}


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (LawRequest(CHINCHILLA, QUICK, hold_out="params>1"), "all of the 48 rows meet it"),
        (LawRequest(CHINCHILLA, QUICK, hold_out="params>1e20"), "none of the 48 rows meet it"),
        (LawRequest(CHINCHILLA, QUICK, hold_out="depth>1"), "no column depth"),
        (LawRequest(CHINCHILLA, QUICK, at=({"params": 1.0},)), "tokens is missing"),
        (LawRequest(CHINCHILLA, QUICK, at=({"params": 1.0, "tokens": 1.0, "lr": 1.0},)), "lr"),
        (LawRequest(CHINCHILLA, QUICK, at=({"params": 0.0, "tokens": 1.0},)), "positive"),
    ],
)
def test_wrong_options(request_: LawRequest, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit_law(chinchilla_runs(), request_)


def test_a_table_too_small_to_check_is_fitted_all_the_same() -> None:
    """Four sizes for three parameters: without the largest nothing can be fitted."""
    size = np.array([1e6, 1e7, 1e8, 1e9])
    loss = 1.5 + 30 * size**-0.25
    runs = RunColumns("runs.csv", {"flops": size, "loss": loss * [1, 1.001, 0.999, 1]})
    document = fit_law(runs, LawRequest(LAWS["power"], QUICK)).document
    assert document.held_out is None and document.points == 4


def test_sizes_as_text() -> None:
    assert parse_sizes("params=7e9, tokens=1e12") == {"params": 7e9, "tokens": 1e12}
    for text in ("params", "params=many"):
        with pytest.raises(InputError, match="expected sizes such as"):
            parse_sizes(text)


def swept(optimum: Callable[[float, float], float], params: Sequence[float]) -> RunColumns:
    """Rates half an octave apart about 2 octaves on both sides, at each size and batch.

    loss = (2 + 100/N^.3)·exp(.02 u²(1 + .05 u)) with u = log2(lr/optimum) and noise .2 %.
    """
    rng = np.random.default_rng(1)
    rows = []
    for size, batch in product(params, 2.0 ** np.arange(4, 14)):
        best = np.log2(optimum(size, batch))
        for x in np.floor(best) + np.arange(-2.5, 3.5, 0.5):
            u = x - best
            bowl = 0.02 * u**2 * (1 + 0.05 * u)
            rows.append((size, batch, 2.0**x, (2 + 100 / size**0.3) * np.exp(bowl)))
    n, b, lr, loss = np.array(rows).T
    loss = loss * np.exp(rng.normal(0, 0.002, len(loss)))
    return RunColumns("sweep.csv", {"params": n, "batch": b, "lr": lr, "loss": loss})


def test_exponents_of_the_learning_rate_in_size_and_batch() -> None:
    """lr* = .01·(N/2e7)^-.4·(B/64)^.5, as square-root scaling of Adam has it."""
    runs = swept(lambda n, b: 0.01 * (n / 2e7) ** -0.4 * (b / 64) ** 0.5, (2e7, 5e7, 1.2e8, 3e8))
    request = LawRequest(LAWS["optimum"], QUICK, along=("params", "batch"), of=("lr",))
    found = fit_law(runs, request).document.parameters["lr"]
    assert isinstance(found, dict)
    for size, truth in (("params", -0.4), ("batch", 0.5)):
        low, high = found[size].low, found[size].high
        assert low is not None and high is not None and low < truth < high
        assert high - low < 0.1


def test_a_batch_that_was_searched_is_fitted_with_the_learning_rate() -> None:
    """lr* = 2^-8·(N/4e8)^-.5·(D/8e9)^.25 at the best batch, which grows as D^.5."""
    table = RunColumns("runs.csv", optimum_table().columns)
    document = fit_law(table, LawRequest(LAWS["optimum"], QUICK, of=("lr",))).document
    assert document.points == 12
    found = document.parameters["lr"]
    assert isinstance(found, dict)
    for size, truth in (("params", -0.5), ("tokens", 0.25)):
        low, high = found[size].low, found[size].high
        assert low is not None and high is not None and low < truth < high
    assert any("fitted jointly" in note for note in document.notes)


def test_a_decay_that_was_searched_is_fitted_with_the_learning_rate() -> None:
    """lr* = 2^-8/N beside a decay, best at 2^-4, whose effect is 20 times as large as the noise.

    Where the loss falls up to the end of the decays there is no optimum for it at any size: the law
    is that of the rate alone, and says why.
    """
    rng = np.random.default_rng(3)
    rows = [(n, x, y) for n in (1, 4, 16, 64) for x, y in rng.uniform(-3, 3, (14, 2))]
    n, x, y = np.array(rows).T
    columns = {"params": n, "lr": 2.0 ** (-8 + x) / n, "weight_decay": 2.0 ** (-4 + y)}
    noise = np.exp(0.002 * rng.standard_normal(len(n)))
    request = LawRequest(LAWS["optimum"], QUICK, hold_out="params>16")

    def exponent(of_decay: npt.NDArray[np.float64]) -> tuple[float, float, str]:
        loss = 3 * n**-0.1 * np.exp(0.01 * x**2 + of_decay) * noise
        table = RunColumns("runs.csv", columns | {"loss": loss})
        document = fit_law(table, request).document
        found = document.parameters["lr"]
        assert isinstance(found, dict)
        low, high = found["params"].low, found["params"].high
        assert low is not None and high is not None
        return low, high, "; ".join(document.notes)

    low, high, said = exponent(0.01 * y**2)
    assert low < -1 < high and high - low < 0.6 and "fitted jointly" in said
    low, high, said = exponent(-0.01 * y)
    assert low < -1 < high and "weight_decay is at the high end" in said
    assert "not fitted jointly" in said and "--of lr,weight_decay" not in said


def test_the_noise_scale_of_a_sweep_over_rates_and_batches() -> None:
    """lr* = .02/(1 + 512/B): equation 2.8 of arXiv 1812.06162 with B_noise = 512."""
    document = fit_law(
        swept(lambda n, b: 0.02 / (1 + 512 / b), (1.2e8,)), LawRequest(LAWS["batch"], QUICK)
    ).document
    noise = document.parameters["B_noise"]
    assert isinstance(noise, Interval) and noise.low is not None and noise.high is not None
    assert noise.low < 512 < noise.high and noise.high / noise.low < 1.5
    assert document.held_out is not None and document.held_out.inside == document.held_out.points
    with pytest.raises(InputError, match="params differs between runs"):
        fit_law(swept(lambda n, b: 0.02 / (1 + n / 1e6 / b), (1e8, 5e8)), LawRequest(LAWS["batch"]))
