"""Losses that count as diverged, although a fault of the logging is as likely."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mutransfer_cli.fit.tables.content.cells import DIVERGED
from mutransfer_cli.fit.tables.content.run_table import TableColumn
from mutransfer_cli.fit.tables.content.understanding import SHOWN_ROWS, joined

USUAL_MARKS = DIVERGED | {"nan", "inf", "+inf"}


def odd_loss(column: TableColumn, row: int) -> str | None:
    """The text of a loss that is no finite number and not a usual mark of divergence; else None.

    Such as `-inf` or `1e400`: the run counts as diverged, but a fault of its logging is as likely.
    """
    value = column.values[row]
    if not isinstance(value, float) or not math.isnan(value):
        return None
    text = str(column.cells[row]).strip()
    return None if text.lower() in USUAL_MARKS else text


def odd_loss_notes(odd: Sequence[tuple[str, str]]) -> list[str]:
    """A note that names the rows whose loss is no finite number, if there are any.

    Args:
        odd: The text of each such loss and its position.
    """
    if not odd:
        return []
    texts = joined(list(dict.fromkeys(text for text, _ in odd)))
    shown = ", ".join([*(at for _, at in odd[:SHOWN_ROWS]), *["…"] * (len(odd) > SHOWN_ROWS)])
    counted = "1 run counts" if len(odd) == 1 else f"{len(odd)} runs count"
    return [f"{counted} as diverged: the loss is {texts} ({shown})"]
