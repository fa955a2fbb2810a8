"""Which columns are searched."""

from __future__ import annotations

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.columns.column_roles import assign_roles
from mutransfer_cli.fit.tables.columns.hyperparameter_columns import searched_columns
from mutransfer_cli.fit.tables.content.run_table import table_of_records


def searched(rows: list[dict[str, object]]) -> tuple[list[str], dict[str, str]]:
    table = table_of_records("f", rows, [f"f:{i}" for i in range(len(rows))], "f:1")
    columns, ignored = searched_columns(table, assign_roles(table))
    return list(columns), {column.name: column.reason for column in ignored}


def grid(**further: list[object]) -> list[dict[str, object]]:
    """Two widths times four rates, and a value of each further column for each row."""
    points = [(w, 2.0**x) for w in (64, 128) for x in range(4)]
    return [
        {"width": w, "lr": lr, "loss": 2.5 + i / 9} | {n: v[i] for n, v in further.items()}
        for i, (w, lr) in enumerate(points)
    ]


def test_hyperparameters_by_name() -> None:
    values: list[object] = [0.1, 0.2, 0.3, 0.5, 0.7, 1.1, 1.3, 1.7]
    rows = grid(wd=values, adam_beta2=values[::-1], output_mult=values)
    assert searched(rows) == (["weight_decay", "beta2", "output_mult"], {})


def test_results_by_name() -> None:
    values: list[object] = [0.1, 0.2, 0.3, 0.5, 0.7, 1.1, 1.3, 1.7]
    rows = grid(ppl=values, gpu_mem=values, wall_hours=values, test_acc=values, z_loss=values)
    assert searched(rows) == (
        ["z_loss"],
        {"ppl": "result", "gpu_mem": "hardware", "wall_hours": "time", "test_acc": "result"},
    )


def test_what_follows_from_sizes_is_no_setting() -> None:
    rows = grid(heads=[4] * 4 + [8] * 4, warmup_steps=[10] * 8, wd=[0.1] * 4 + [0.05] * 4)
    reasons = {
        "heads": "follows from width",
        "warmup_steps": "constant",
        "wd": "follows from width",
    }
    assert searched(rows) == ([], reasons)


def test_a_settings_prefix_makes_a_hyperparameter() -> None:
    values: list[object] = [0.1, 0.2, 0.3, 0.5, 0.7, 1.1, 1.3, 1.7]
    assert searched(grid(**{"config.gain": values})) == (["gain"], {})
    with pytest.raises(InputError, match=r"f:1: 'gain': hyperparameter or result\?"):
        searched(grid(gain=values))


def test_std_is_asked_for_unless_there_are_seeds() -> None:
    values: list[object] = [0.1, 0.2, 0.3, 0.5, 0.7, 1.1, 1.3, 1.7]
    with pytest.raises(InputError, match="'std': hyperparameter or result"):
        searched(grid(std=values))
    assert searched(grid(std=values, seed=[0] * 8)) == (["std"], {})


def test_random_settings_that_each_rung_repeats() -> None:
    """As a Sobol sequence: each rate stands beside one value of every other hyperparameter."""
    drawn: list[object] = [0.3, 0.1, 0.7, 0.5] * 2
    assert searched(grid(wd=drawn)) == (["weight_decay"], {})
    computed: list[object] = [0.1, 0.1, 0.3, 0.5] * 2  # never falls as the rate rises
    assert searched(grid(min_lr=computed, wd=computed[::-1])) == (
        [],
        {"min_lr": "follows from lr", "wd": "follows from lr"},
    )
