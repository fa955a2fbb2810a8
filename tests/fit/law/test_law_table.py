from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.catalog.laws import LAWS
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.law.law_table import law_table, with_derived
from mutransfer_cli.fit.law.run_columns import RunColumns


def runs(**columns: list[float]) -> RunColumns:
    return RunColumns("runs.csv", {name: np.array(c, float) for name, c in columns.items()})


def test_what_follows_from_two_of_three() -> None:
    """C = 6·N·D: 6·1e8·2e9 = 1.2e18."""
    n, d, c = np.array([1e8]), np.array([2e9]), np.array([1.2e18])
    assert with_derived({"params": n, "tokens": d})[0]["flops"] == pytest.approx(c)
    assert with_derived({"params": n, "flops": c})[0]["tokens"] == pytest.approx(d)
    columns, notes = with_derived({"tokens": d, "flops": c})
    assert columns["params"] == pytest.approx(n) and notes == ("params = flops / (6·tokens)",)
    assert with_derived({"params": n})[1] == ()


def test_the_size_that_varies_is_chosen() -> None:
    table = runs(width=[1, 2, 4], params=[5, 5, 5], loss=[3, 2, 1])
    assert law_table(table, LAWS["power"])[0].sizes == ("width",)
    assert law_table(table, LAWS["power"], along=["params"])[0].sizes == ("params",)


def test_hyperparameters_are_those_that_vary_within_a_size() -> None:
    """The batch is the same in all runs of a size: it is no searched hyperparameter."""
    table = runs(params=[1, 1, 2, 2], tokens=[9, 9, 9, 9], lr=[1, 2, 1, 2], batch=[4, 4, 8, 8],
                 loss=[1, 2, 1, 2])  # fmt: skip
    made, _ = law_table(table, LAWS["optimum"])
    assert (made.sizes, made.hyperparameters) == (("params",), ("lr",))
    made, _ = law_table(table, LAWS["optimum"], of=["lr", "batch"])
    assert made.hyperparameters == ("lr", "batch")


def test_tokens_that_differ_by_rounding_are_one_size() -> None:
    """5370·32·4096 = 703856640 and 2684·64·4096 = 703594496 are 7.04e8 tokens, 0.04 % apart."""
    columns: dict[str, list[float]] = {"params": [1, 1, 2, 2], "lr": [1, 2, 1, 2]}
    columns |= {"loss": [1, 2, 1, 2]}
    counted = runs(**columns, tokens=[703856640, 703594496, 2e9, 2e9])
    made, notes = law_table(counted, LAWS["optimum"])
    assert made["tokens"].tolist() == [703594496, 703594496, 2e9, 2e9]
    said = "tokens that differ by rounding are one size: 703594496 to 703856640"
    assert said in notes and made.hyperparameters == ("lr",)
    # the controls: 1 % apart; a law of the loss, which groups nothing
    apart = runs(**columns, tokens=[7.04e8, 7.11e8, 2e9, 2e9])
    assert law_table(apart, LAWS["optimum"])[0]["tokens"].tolist() == [7.04e8, 7.11e8, 2e9, 2e9]
    assert law_table(counted, LAWS["chinchilla"])[0]["tokens"].tolist()[:2] == [
        703856640,
        703594496,
    ]


def test_compute_is_the_size_where_its_factors_have_no_column() -> None:
    columns: dict[str, list[float]] = {"flops": [1, 1, 4, 4], "lr": [1, 2, 1, 2], "loss": [1] * 4}
    assert law_table(runs(**columns), LAWS["optimum"])[0].sizes == ("flops",)
    beside = runs(**columns, params=[1, 1, 2, 2])  # the control
    assert law_table(beside, LAWS["optimum"])[0].sizes == ("params", "tokens")


def test_a_hyperparameter_that_is_left_to_noise_is_named() -> None:
    """Its effect widens the scatter about the bowls in the learning rate."""
    table = runs(params=[1, 1, 2, 2], lr=[1, 2, 1, 2], weight_decay=[1, 2, 2, 1], loss=[1, 2, 1, 2])
    _, notes = law_table(table, LAWS["optimum"])
    assert notes[-1] == "weight_decay: varied, but not fitted: --of lr,weight_decay does so"
    assert law_table(table, LAWS["optimum"], of=["lr", "weight_decay"])[1] == ()


def test_a_batch_that_was_searched_too_is_fitted_jointly() -> None:
    """Three batches at both sizes; two are no search, and stay with the noise."""
    lr, batch = [1, 2, 4] * 6, [4] * 3 + [8] * 3 + [16] * 3
    table = runs(params=[1] * 9 + [2] * 9, lr=lr, batch=batch * 2, loss=[2] * 18)
    made, notes = law_table(table, LAWS["optimum"], of=["lr"])
    assert made.hyperparameters == ("lr", "batch")
    assert notes == ("batch: searched at each size too, so fitted jointly",)
    two = runs(params=[1] * 9 + [2] * 9, lr=lr, batch=[4] * 5 + [8] * 4 + [4] * 9, loss=[2] * 18)
    assert law_table(two, LAWS["optimum"], of=["lr"])[0].hyperparameters == ("lr",)
    along = law_table(table, LAWS["optimum"], along=["params", "batch"], of=["lr"])[0]
    assert (along.sizes, along.hyperparameters) == (("params", "batch"), ("lr",))


def test_weight_decay_and_beta2_that_were_searched_too_are_fitted_jointly() -> None:
    """Three values of each at both sizes; beta2 has a law in 1 - beta2: .1, .05, .02."""
    lr, decay, beta2 = [1, 2, 4] * 3, [0.1] * 3 + [0.2] * 3 + [0.4] * 3, [0.9, 0.95, 0.98] * 3
    columns = dict(params=[1] * 9 + [2] * 9, lr=lr * 2, loss=[2] * 18)
    table = runs(**columns, weight_decay=decay * 2, beta2=(beta2[1:] + beta2[:1]) * 2)
    made, notes = law_table(table, LAWS["optimum"])
    assert made.hyperparameters == ("lr", "weight_decay", "1-beta2")
    assert made["1-beta2"][:3] == pytest.approx([0.05, 0.02, 0.1])
    assert notes == ("weight_decay, 1-beta2: searched at each size too, so fitted jointly",)
    assert law_table(table, LAWS["optimum"], of=["beta2"])[0].hyperparameters[0] == "1-beta2"
    alone, _ = law_table(table, LAWS["optimum"], further=False)
    assert alone.hyperparameters == ("lr",)
    # the controls: a decay that is a power of the rate, one that is 0 in some runs, and one model
    for other in ([x**-0.5 for x in lr], [0.0] * 3 + decay[3:]):
        made, _ = law_table(runs(**columns, weight_decay=other * 2), LAWS["optimum"])
        assert made.hyperparameters == ("lr",)
    batches = runs(batch=[1] * 9 + [2] * 9, lr=lr * 2, loss=[2] * 18, weight_decay=decay * 2)
    assert law_table(batches, LAWS["batch"])[0].hyperparameters == ("lr",)


def test_rows_without_a_number_are_ignored() -> None:
    table = runs(params=[1, 2, 4], tokens=[1, np.nan, 2], loss=[3, 2, 1])
    made, notes = law_table(table, LAWS["chinchilla"])
    assert len(made) == 2 and "ignored 1 row: no" in notes[-1]


@pytest.mark.parametrize(
    ("table", "form", "message"),
    [
        (runs(params=[1, 2], loss=[1, 2]), "chinchilla", "no column tokens"),
        (runs(param=[1, 2], tokens=[1, 2], loss=[1, 2]), "chinchilla", "nearest: param"),
        (runs(params=[1, 2], tokens=[1, 2], loss=[-1, 2]), "chinchilla", "loss: expected positive"),
        (runs(params=[1, 2], tokens=[1, 2], loss=[1, 2]), "optimum", "no column lr"),
        (
            runs(params=[1, 1], lr=[1, 2], loss=[1, 2]),
            "optimum",
            "every run has params 1; .* differ in params, width, tokens or steps",
        ),
        (runs(params=[1, np.nan], tokens=[np.nan, 1], loss=[1, 2]), "chinchilla", "no row has"),
    ],
)
def test_what_is_missing_is_named(table: RunColumns, form: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        law_table(table, LAWS[form])


def test_rows_at_zero_have_no_logarithm() -> None:
    table = runs(params=[1, 1, 1, 2, 2, 2], weight_decay=[0, 0.1, 0.2, 0, 0.1, 0.2], lr=[1] * 6,
                 loss=[1, 2, 3, 1, 2, 3])  # fmt: skip
    made, notes = law_table(table, LAWS["optimum"], of=["weight_decay"])
    assert len(made) == 4
    assert "ignored 2 rows: weight_decay is 0, which has no logarithm" in notes
    with pytest.raises(InputError, match="no row has positive numbers"):
        law_table(runs(params=[1, 2], lr=[0, 0], loss=[1, 2]), LAWS["optimum"], of=["lr"])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"params": [1, 1, 2, 2]}, r"params differs between runs \(1, 2\).*--where 'params=1'"),
        ({"tokens": [100, 200, 200, 400]}, "tokens differs between runs"),
    ],
)
def test_the_noise_scale_is_that_of_one_model(
    columns: dict[str, list[float]], message: str
) -> None:
    """Of two rows at each batch; tokens that follow from the batch, at 10 steps, are no other."""
    own: dict[str, list[float]] = {"batch": [10, 10, 20, 20], "lr": [1, 2, 1, 2]}
    with pytest.raises(InputError, match=message):
        law_table(runs(**own, **columns), LAWS["batch"])
    law_table(runs(**own, tokens=[100, 100, 200, 200], params=[1, 1, 1, 1]), LAWS["batch"])


def test_runs_of_one_size_that_differ_in_the_rate_are_named_or_left_out() -> None:
    """A chinchilla law of all of them is that of no tuned model."""
    table = runs(params=[1, 1, 2, 2], tokens=[5, 5, 5, 5], lr=[1, 2, 1, 2], loss=[4, 3, 2, 2.5])
    every, notes = law_table(table, LAWS["chinchilla"])
    assert len(every) == 4 and "runs of one size differ in lr" in notes[-1]
    made, notes = law_table(table, LAWS["chinchilla"], best=True)
    assert made["loss"].tolist() == [3, 2] and "2 of 4 rows" in notes[-1]
    seeds = runs(params=[1, 1, 2, 2], tokens=[5] * 4, lr=[1] * 4, loss=[4, 3, 2, 2.5])
    assert law_table(seeds, LAWS["chinchilla"])[1] == ()


def test_a_negative_hyperparameter_is_refused_by_its_row() -> None:
    """`fit` refuses it alike; rows at 0 are left out by both."""
    columns = {
        "params": np.array([1.0, 1, 2, 2]), "lr": np.array([1.0, -2, 1, 2]),
        "loss": np.array([1.0, 2, 1, 2]),
    }  # fmt: skip
    table = RunColumns("runs.csv", columns, positions=tuple(f"runs.csv:{i}" for i in (2, 3, 4, 5)))
    message = r"runs\.csv:3: lr: expected a positive number, found -2; .*10\^lr"
    with pytest.raises(InputError, match=message):
        law_table(table, LAWS["optimum"], of=["lr"])
