"""Which column has which role."""

from __future__ import annotations

import contextlib

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.columns.column_options import column_options
from mutransfer_cli.fit.tables.columns.column_roles import assign_roles, follows_from
from mutransfer_cli.fit.tables.columns.missing_column import require
from mutransfer_cli.fit.tables.content.cells import Spread
from mutransfer_cli.fit.tables.content.run_table import RunTable, table_of_records


def table(*rows: dict[str, object]) -> RunTable:
    return table_of_records("f", rows, [f"f:{i}" for i in range(len(rows))], "f:1")


def test_settings_beat_what_was_logged() -> None:
    """The logged rate has decayed to zero, or to the same number in all runs."""
    rows = table({"config.lr": 0.1, "summary.lr": 1e-5}, {"config.lr": 0.2, "summary.lr": 1e-5})
    roles = assign_roles(rows)
    assert roles.columns["lr"].name == "config.lr"
    assert [column.reason for column in roles.ignored] == ["logged during training"]


def test_powers_of_ten_are_undone_or_asked_for() -> None:
    rows = table({"lr (×10⁻³)": 2.0, "weight decay (×10⁻²)": 5.0, "loss": Spread(3.0, 0.1)})
    roles = assign_roles(rows)
    assert roles.columns["lr"].values == pytest.approx([0.002])
    assert [column.values for column in roles.others] == [pytest.approx([0.05])]
    message = "'lr x 1e3': are its cells lr times 1000, or lr in units of 1000[?] Write the numbers"
    unclear = table({"width": 64, "lr x 1e3": 2.0, "loss": 3.0})
    for options in ((), column_options(["lr=lr x 1e3"])):
        with pytest.raises(InputError, match=message):
            assign_roles(unclear, options)
    assert assign_roles(unclear, column_options(["ignore=lr x 1e3"])).columns.keys() == {
        "width", "loss",
    }  # fmt: skip


def test_a_loss_beats_one_that_is_a_setting() -> None:
    roles = assign_roles(table({"config.loss": 1.0, "summary.val_loss": 2.5}))
    assert roles.columns["loss"].name == "summary.val_loss"


def test_the_same_values_twice() -> None:
    roles = assign_roles(table({"d_model": 64, "n_embd": 64}, {"d_model": 128, "n_embd": 128}))
    assert roles.columns["width"].name == "d_model"
    assert roles.ignored[0].reason == "the same as d_model"


def test_names_without_numbers_have_no_role() -> None:
    roles = assign_roles(table({"width": 64, "size": "small"}, {"width": 128, "size": "large"}))
    assert set(roles.columns) == {"width"}
    # the control: sizes as numbers are parameters
    assert "params" in assign_roles(table({"size": "125M"}, {"size": "1B"})).columns


def test_options_come_first() -> None:
    rows = table({"lr": 0.1, "eta": 0.2, "wd": 1})
    roles = assign_roles(rows, column_options(["lr=eta,decay=wd"]))
    assert roles.columns["lr"].name == "eta"
    assert list(roles.hyperparameters) == ["decay"]
    assert [(c.name, c.reason) for c in roles.ignored] == [("lr", "lr is another column")]


def test_the_only_loss_is_taken_by_its_name() -> None:
    roles = assign_roles(table({"c4_loss": 2.5, "z_loss_weight": 1e-4, "loss_std": 0.1}))
    assert roles.columns["loss"].name == "c4_loss"


def test_counts_need_a_deviation() -> None:
    assert "runs" not in assign_roles(table({"loss": 2.5, "n": 3})).columns
    assert "runs" in assign_roles(table({"loss": 2.5, "loss_std": 0.1, "n": 3})).columns


def test_follows_from() -> None:
    assert follows_from([1.0, 1.0, 2.0, 2.0], ["a", "a", "b", "b"])
    assert follows_from([1.0, 1.0 + 1e-9], ["a", "a"])  # written with different precision
    assert not follows_from([1.0, 2.0, 2.0, 2.0], ["a", "a", "b", "b"])
    assert not follows_from([1.0, 2.0], ["a", "b"])  # no key repeats


def test_a_required_role() -> None:
    rows = table({"learning rat": 0.1, "loss": 2.5})
    with pytest.raises(
        InputError, match=r"f:1: no column 'lr'; found learning rat, loss; nearest: le"
    ):
        require(rows, assign_roles(rows), "lr")
    require(rows, assign_roles(rows), "lr", "loss")


def test_a_smoothed_loss_beats_that_of_the_last_step() -> None:
    row: dict[str, object] = {"lr": "0.1", "loss": "2.9", "smooth loss": "3.0"}
    roles = assign_roles(table(row))
    assert roles.columns["loss"].name == "smooth loss"
    assert [(c.name, c.reason) for c in roles.ignored] == [("loss", "another loss")]
    # the control: beside a validation loss, either is one of training
    assert assign_roles(table(row | {"val_loss": "3.1"})).columns["loss"].name == "val_loss"


def test_a_loss_on_held_out_data_in_a_path_beats_that_of_training() -> None:
    """W&B logs an evaluation on a named set as eval/<set>/loss, beside train/loss."""
    row: dict[str, object] = {"lr": "0.1", "train/loss": "2.9", "eval/paloma/c4_en/loss": "3.0"}
    row |= {"eval/paloma/c4_en/bpb": "1.0"}
    assert assign_roles(table(row)).columns["loss"].name == "eval/paloma/c4_en/loss"
    assert assign_roles(table(row | {"eval/loss": "3"})).columns["loss"].name == "eval/loss"
    with pytest.raises(InputError, match="loss could be 'eval/paloma/c4_en/loss' or 'eval/wiki/lo"):
        assign_roles(table(row | {"eval/wiki/loss": "3.1"}))
    # the control: a part of the loss in training is none
    part: dict[str, object] = {"lr": "0.1", "train/loss": "2.9", "train/router/loss": "0.1"}
    assert assign_roles(table(part)).columns["loss"].name == "train/loss"


def test_the_deviation_beside_a_mean_that_is_named() -> None:
    """`frame.groupby(...)["val_loss"].agg(["mean", "std", "count"])` of pandas names no loss."""
    options = column_options(["loss=mean"])
    roles = assign_roles(
        table({"width": 64, "lr": 0.1, "mean": 2.0, "std": 0.1, "count": 3}), options
    )
    assert roles.columns["loss_sd"].name == "std" and roles.columns["runs"].name == "count"
    own = assign_roles(table({"width": 64, "lr": 0.1, "loss": 2.0, "std": 0.1}))
    assert "loss_sd" not in own.columns


def test_the_status_of_mlflow_is_a_state() -> None:
    """Its REST interface has it under `info`, beside labels that are none."""
    roles = assign_roles(table({"info.status": "FAILED", "tags.status": "FAILED"}))
    assert [column.name for column in roles.states] == ["info.status"]


def test_a_moving_average_comes_before_the_last_steps_loss() -> None:
    both = table({"final_loss": 2.9, "loss_ema": 2.5}, {"final_loss": 2.1, "loss_ema": 2.6})
    assert assign_roles(both).columns["loss"].name == "loss_ema"
    alone = table({"final_loss": 2.9, "lr_ema": 0.1}, {"final_loss": 2.1, "lr_ema": 0.2})
    assert assign_roles(alone).columns["loss"].name == "final_loss"
    validated = table({"val_loss": 2.9, "loss_ema": 2.5}, {"val_loss": 2.1, "loss_ema": 2.6})
    assert assign_roles(validated).columns["loss"].name == "val_loss"


@pytest.mark.parametrize("name", ["val_bpb", "val_bpc", "Val BPB", "bits_per_byte"])
def test_bits_per_byte_are_a_loss(name: str) -> None:
    assert assign_roles(table({name: 1.9}, {name: 1.8})).columns["loss"].name == name


@pytest.mark.parametrize("name", ["D/N", "D_N", "D per N"])
def test_a_quotient_of_two_columns_has_no_role(name: str) -> None:
    """The tables of arXiv 2503.04715 have D and N beside D/N: 4e9/2e8 = 20, 1.14e10/2e8 = 57."""
    rows = table({"N": 2e8, "D": 4e9, name: 20.0}, {"N": 2e8, "D": 1.14e10, name: 57.0})
    roles = assign_roles(rows)
    assert (roles.columns["params"].name, roles.columns["tokens"].name) == ("N", "D")
    assert [(c.name, c.reason) for c in roles.ignored] == [(name, "D divided by N")]
    assert not roles.others
    # the controls: other numbers under the name, and names that only look like a quotient
    other = table({"N": 2e8, "D": 4e9, name: 21.0}, {"N": 2e8, "D": 1.14e10, name: 57.0})
    with contextlib.suppress(InputError):
        assert not assign_roles(other).ignored
    path = table({"train": 1.0, "loss": 2.0, "train/loss": 3.0})
    assert not any("divided" in c.reason for c in assign_roles(path).ignored)
