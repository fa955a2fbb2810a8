"""The columns of a table of logged steps: the step, and the loss of one run or of several."""

from __future__ import annotations

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.columns.column_names import compared
from mutransfer_cli.fit.tables.content.cells import absent
from mutransfer_cli.fit.tables.content.run_table import RunTable, TableColumn

# In order of preference; names of Lightning, Hugging Face, W&B and Megatron among them
STEP = (
    "step", "steps", "iteration", "iterations", "iter", "iters", "global_step", "_step", "tokens",
    "tokens_seen", "num_tokens", "consumed_tokens", "samples", "consumed_samples", "epoch",
)  # fmt: skip
LOSS = (
    "loss", "train_loss", "training_loss", "train_loss_step", "loss_step", "lm_loss",
    "train_lm_loss", "val_loss", "eval_loss",
)  # fmt: skip
TENSORBOARD = ("wall_time", "value")  # its CSV of one curve: Wall time, Step, Value
RUN_AND_METRIC = " - "  # W&B's chart export: `run - train/loss`, with __MIN and __MAX
RANGES = ("__MIN", "__MAX")


def step_column(table: RunTable) -> TableColumn:
    """The column of steps, tokens or epochs.

    Raises:
        InputError: There is none.
    """
    for known in STEP:
        for column in table.columns:
            if known in _names(column.name) and _filled(column):
                return column
    raise InputError(_missing(table, "step", STEP))


def loss_columns(table: RunTable) -> dict[str, TableColumn]:
    """The column of the loss by the name of its run, which is empty where there is only one.

    Raises:
        InputError: There is none.
    """
    columns = [c for c in table.columns if not c.name.endswith(RANGES) and _filled(c)]
    for known in LOSS:
        for column in columns:
            if RUN_AND_METRIC not in column.name and known in _names(column.name):
                return {"": column}
    by_metric: dict[str, dict[str, TableColumn]] = {}
    for column in columns:
        run, _, metric = column.name.rpartition(RUN_AND_METRIC)
        if run:
            for name in _names(metric):
                by_metric.setdefault(name, {})[run.strip()] = column
    for known in LOSS:
        if known in by_metric:
            return by_metric[known]
    by_name = {compared(c.name): c for c in columns}
    if set(TENSORBOARD) <= set(by_name):
        return {"": by_name[TENSORBOARD[1]]}
    raise InputError(_missing(table, "loss", LOSS))


def _names(name: str) -> tuple[str, ...]:
    """A name in the form in which names are compared, whole and without what groups it."""
    return compared(name), compared(name.replace(".", "/").rpartition("/")[2])


def _filled(column: TableColumn) -> bool:
    return not column.values or not all(map(absent, column.values))


def _missing(table: RunTable, what: str, known: tuple[str, ...]) -> str:
    found = ", ".join(map(repr, table.names))
    return f"{table.header}: no column {what!r} ({', '.join(known[1:5])}, …); found {found}"
