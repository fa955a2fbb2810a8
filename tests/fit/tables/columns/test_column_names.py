"""What names of columns say."""

from __future__ import annotations

import math

import pytest

from mutransfer_cli.fit.tables.columns.column_names import column_name, compared


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("width", "width"), ("d_model", "width"), ("dModel", "width"), ("n_embd", "width"),
        ("Hidden Size", "width"), ("config.model.d_model", "width"), ("dim", "width"),
        ("n_layer", "depth"), ("Num-Layers", "depth"), ("Learning Rate", "lr"),
        ("optimizer.lr", "lr"), ("params.learning_rate", "lr"), ("params_lr", "lr"), ("η", "lr"),
        ("eval/loss", "loss"), ("Val. loss", "loss"), ("metrics.val_loss", "loss"),
        ("data.metrics.val_loss", "loss"), ("data.params.lr", "lr"), ("data.loss_scale", None),
        ("N", "params"), ("N_total", "params"), ("D_tokens", "tokens"), ("params (M)", "params"),
        ("non-embedding params", "params"),
        ("tokens_seen", "tokens"), ("D", "tokens"), ("bs", "batch"), ("max_iters", "steps"),
        ("C", "flops"), ("throughput/gflops", None), ("State", "state"), ("config/seed", "seed"),
        ("loss_std", "loss_sd"), ("total_tflops", "flops"), ("log2lr", "lr"), ("c4/loss", None),
        ("d", None), ("model.loss_scale", None), ("val loss (mean ± std, n=3)", "loss"),
        ("LR (peak)", "lr"), ("lr (x 1e-3)", "lr"),
        ("config.model.d_model.value", "width"), ("config.lr.value", "lr"),
        ("n_heads", None), ("lr_decay", None), ("", None),
    ],
)  # fmt: skip
def test_roles(name: str, role: str | None) -> None:
    assert column_name(name).role == role


def test_origins() -> None:
    names = ("config.lr", "summary.lr", "metrics.acc", "tags.a", "lr", "summary._runtime")
    assert [column_name(f"data.{n}").origin for n in ("params.lr", "metrics.lr")] == [
        "setting", "outcome",
    ]  # fmt: skip
    assert column_name("system_attrs_grid_id").origin == "tag"  # of Optuna's data frame
    assert [column_name(n).origin for n in names] == [
        "setting", "outcome", "outcome", "tag", "", "outcome",
    ]  # fmt: skip
    assert column_name("summary._runtime").key == "_runtime"


def test_units_and_logarithms() -> None:
    scales = {"params (M)": 1e6, "tokens [B]": 1e9, "tokens in billions": 1e9, "params_M": 1e6}
    assert {name: column_name(name).scale for name in scales} == scales
    assert column_name("tokens billions").scale == 1e9
    for name, scale in (("compute_pf_days", 8.64e19), ("C (PF-days)", 8.64e19), ("EFLOPs", 1e18),
                        ("throughput/total_gflops", 1e9)):  # fmt: skip
        assert (column_name(name).role, column_name(name).scale) == ("flops", scale)
    assert column_name("TFLOPs").role is None  # a speed, as often as not
    bases = {"log2(lr)": 2.0, "log10 lr": 10.0, "ln_lr": math.e, "lr_log2": 2.0, "log_lr": None}
    assert {name: column_name(name).base for name in bases} == bases


def test_powers_of_ten_are_units_where_they_cannot_be_factors() -> None:
    """Rates in units of 1000 and counts in units of 10⁻⁶ would be absurd."""
    units = {"lr (×10⁻³)": 1e-3, "lr (x10^-3)": 1e-3, "lr [1e-3]": 1e-3, "lr / 1e-3": 1e-3}
    units |= {"lr ($10^{-3}$)".replace("$", ""): 1e-3, "params (×10⁶)": 1e6, "width (100)": 100}
    units |= {"weight_decay (×10⁻²)": 1e-2, "loss (×10^-2)": 1e-2, "lr": 1, "max1e3": 1}
    units |= {"loss (1e-3)": 1}  # the loss at this rate
    for name, scale in units.items():
        found = column_name(name)
        assert (found.scale, found.unclear) == (pytest.approx(scale), None), name
    for name in ("lr x 1e3", "lr × 10³", "lr*1000", "1e3*lr", "lr_x1e3", "lr (×10^3)"):
        assert (column_name(name).role, column_name(name).unclear) == ("lr", 1000), name
    assert column_name("params × 1e-6").unclear == 1e-6


def test_single_letters_keep_their_case() -> None:
    assert [compared(name) for name in ("N", "n", "LR", " Eval/Loss ", "_step")] == [
        "N", "n", "lr", "eval_loss", "_step",
    ]  # fmt: skip
