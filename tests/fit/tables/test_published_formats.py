"""One sweep in the shapes in which tools export it; each file is read as it is.

Shapes: W&B's runs table and the program in its documentation that writes `summary`, `config` and
`name`; MLflow's "Download CSV" (`CsvUtils.ts`) and `mlflow experiments csv`; pandas' `to_csv` and
`to_json` (orient `split` and `columns`); Optuna's storages and its `trials_dataframe`.
"""

from __future__ import annotations

import math
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState, create_trial

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.number_table import read_numbers
from mutransfer_cli.fit.tables.table_runs import TableRuns, read_runs

EXAMPLES = Path(__file__).with_name("examples")
# width, log2 of the learning rate, seed, loss; what every file holds
SWEEP = [
    (64, -8, 0, 2.91),
    (64, -7, 0, 2.84),
    (64, -6, 0, 2.97),
    (128, -8, 0, 2.75),
    (128, -7, 0, 2.71),
    (128, -6, 0, None),
]


def sweep_of(runs: TableRuns) -> list[tuple[int | None, float, int, float | None]]:
    assert all(o.params == {} and o.further_sizes == {} for o in runs.observations)
    return [(o.width, math.log2(o.lr), o.seed, o.loss) for o in runs.observations]


@pytest.mark.parametrize(
    ("file", "columns", "rows"),
    [
        ("plain.csv", "width, lr, loss and seed by name", []),
        (
            "tabs.tsv",
            "width from d_model, lr from learning_rate, loss from val_loss, seed by name; "
            "ignored: train_loss (another loss)",
            ["tabs.tsv:7: loss is OOM"],
        ),
        (
            "semicolons.csv",
            "width, lr, loss and seed by name; ignored: Breite (follows from width), notes (notes)",
            [],
        ),
        (
            "records.json",
            "width from n_embd, loss from eval/loss, lr and seed by name; "
            "ignored: use_bias (constant)",
            ["records.json: entry 6: no loss"],
        ),
        ("split.json", "width from hidden_size, lr, loss and seed by name", []),
        ("columns.json", "width, lr, loss and seed by name", []),
        (
            "lines.jsonl",
            "width, lr, loss and seed by name",
            ["lines.jsonl:7: truncated: not a complete JSON object"],
        ),
        (
            "table.md",
            "width from Width, lr from Learning rate, loss from Val. loss, seed from Seed; "
            "ignored: Tokens/s (hardware)",
            ["table.md:12: no loss"],
        ),
        (
            "wandb_export.csv",
            "width from d_model, loss from val/loss, state from State, lr and seed by name; "
            "ignored: train/loss (another loss), Name (identity), Notes (notes), User (identity), "
            "Tags (notes), Created (date), Runtime (time), Sweep (identity), optimizer (constant), "
            "_step (last step logged), _timestamp (date), grad_norm (result)",
            ["wandb_export.csv:6: state is crashed"],
        ),
        (
            "wandb_api.csv",
            "width from config.d_model, lr from config.lr, loss from summary.val_loss, "
            "seed from config.seed; ignored: (unnamed) (index), "
            "summary._step (last step logged), summary._runtime (time), "
            "summary._timestamp (date), summary._wandb.runtime (tag), config.betas (constant), "
            "name (identity)",
            [],
        ),
        (
            "wandb_runs.json",
            "width from config.model.d_model, lr from config.lr, loss from summary.eval.loss, "
            "seed from config.seed, state by name; ignored: id (identity), name (identity), "
            "config._wandb.python_version (tag), summary._runtime (time)",
            ["wandb_runs.json:6: state is running"],
        ),
        (
            "mlflow_ui.csv",
            "width from hidden_size, lr from learning_rate, loss from val_loss, "
            "state from Status, seed by name; ignored: Start Time (date), Duration (time), "
            "Run ID (identity), Name (identity), Source Type (identity), Source Name (identity), "
            "User (identity), accuracy (result), group (identity)",
            ["mlflow_ui.csv:6: state is failed"],
        ),
        (
            "mlflow_experiment.csv",
            "width from params.hidden_size, lr from params.learning_rate, "
            "loss from metrics.val_loss, seed from params.seed, state from status; "
            "ignored: run_id (identity), experiment_id (identity), artifact_uri (identity), "
            "start_time (date), end_time (date), metrics.accuracy (result), "
            "params.optimizer (constant), tags.mlflow.user (tag), "
            "tags.mlflow.source.name (tag), tags.mlflow.runName (tag)",
            ["mlflow_experiment.csv:6: state is running"],
        ),
        (
            "pandas_index.csv",
            "width from n_embd, depth from num_layers, loss from final_loss, lr and seed by name; "
            "ignored: (unnamed) (index)",
            [],
        ),
    ],
)
def test_every_format_holds_the_same_sweep(file: str, columns: str, rows: list[str]) -> None:
    runs = read_runs(str(EXAMPLES / file))
    assert sweep_of(runs) == SWEEP
    assert runs.understanding.line == columns
    folder = f"{EXAMPLES}/"
    ignored = [f"{r.position}: {r.reason}" for r in runs.understanding.rows]
    assert [text.removeprefix(folder) for text in ignored] == rows


@pytest.mark.parametrize("file", sorted(path.name for path in EXAMPLES.iterdir()))
def test_laws_get_the_same_numbers(file: str) -> None:
    table = read_numbers(str(EXAMPLES / file), ["width", "loss"])
    assert table.columns["width"] == (64, 64, 64, 128, 128)
    assert table.columns["loss"] == (2.91, 2.84, 2.97, 2.75, 2.71)
    assert "diverged" in [row.reason for row in table.understanding.rows]


def trials() -> list[optuna.trial.FrozenTrial]:
    """The sweep as an Optuna study holds it: Optuna stores no NaN, such trials fail."""
    lr = optuna.distributions.FloatDistribution(1e-5, 1.0, log=True)
    made = [
        create_trial(
            state=TrialState.COMPLETE if loss is not None else TrialState.FAIL,
            value=loss,
            params={"lr": 2.0**x},
            distributions={"lr": lr},
            user_attrs={"width": width, "seed": seed, "outcome": "finished", "seconds": 1.5},
        )
        for width, x, seed, loss in SWEEP
    ]
    pruned = create_trial(
        state=TrialState.PRUNED,
        params={"lr": 0.5},
        distributions={"lr": lr},
        user_attrs={"width": 64, "seed": 0},
    )
    return [*made, pruned]


def test_optuna_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    study = optuna.create_study(storage=f"sqlite:///{path}", study_name="one")
    study.add_trials(trials())
    for source in (f"sqlite:///{path}", str(path)):
        runs = read_runs(source)
        *finished, pruned = runs.observations
        assert [(o.width, math.log2(o.lr), o.seed, o.loss) for o in finished] == SWEEP[:-1]
        assert pruned.pruned and pruned.loss is None and pruned.lr == 0.5
        assert [row.reason for row in runs.understanding.rows] == ["state is fail"]
    optuna.create_study(storage=f"sqlite:///{path}", study_name="two")
    with pytest.raises(InputError, match=r"holds 2 studies; pass --study one \| two"):
        read_runs(str(path))
    assert len(read_runs(str(path), study="one").observations) == 6
    with pytest.raises(InputError, match="no study three; found one, two"):
        read_runs(str(path), study="three")


def test_optuna_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.log"
    storage = JournalStorage(JournalFileBackend(str(path)))
    optuna.create_study(storage=storage, study_name="one").add_trials(trials())
    for source in (f"journal:{path}", str(path)):
        assert len(read_runs(source).observations) == 6


def test_a_maximized_study_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    optuna.create_study(storage=url, direction="maximize").add_trials(trials())
    with pytest.raises(InputError, match="maximizes its value"):
        read_runs(url)


def test_what_is_no_storage_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "none.db"
    with pytest.raises(InputError, match="cannot be read: no such file"):
        read_runs(f"sqlite:///{missing}")
    assert not missing.exists()
    with pytest.raises(InputError, match=r"--study one: .*plain.csv is not an Optuna storage"):
        read_runs(str(EXAMPLES / "plain.csv"), study="one")


def test_optuna_data_frame(tmp_path: Path) -> None:
    """The columns of `study.trials_dataframe().to_csv()`."""
    header = (
        ",number,value,datetime_start,datetime_complete,duration,params_lr,user_attrs_width,state"
    )
    lines = [
        f"{i},{i},{'' if loss is None else loss},2024-03-01 10:00:00.1,2024-03-01 10:01:00.1,"
        f"0 days 00:01:00,{2.0**x},{width},{'FAIL' if loss is None else 'COMPLETE'}"
        for i, (width, x, _, loss) in enumerate(SWEEP)
    ]
    path = tmp_path / "trials.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    runs = read_runs(str(path))
    assert sweep_of(runs) == SWEEP[:-1]
    assert "lr from params_lr" in runs.understanding.line
