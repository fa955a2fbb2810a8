"""How runs ended, by a column such as `State`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.content.cells import DIVERGED, FAILED
from mutransfer_cli.fit.tables.content.run_table import RunTable, TableColumn

Ending: TypeAlias = Literal["finished", "diverged", "pruned", "failed"]

WORDS: dict[Ending, set[str]] = {
    "finished": {"finished", "complete", "completed", "done", "success", "succeeded", "ok", "ended"}
    | {"terminated", "trialstate.complete", "converged"},
    "pruned": {"pruned", "trialstate.pruned", "early stopped", "early_stopped"},
    "diverged": DIVERGED | {"nan"},
    "failed": FAILED | {"trialstate.fail", "trialstate.running"},
}
ENDINGS = {word: ending for ending, words in WORDS.items() for word in words}
ORDER: tuple[Ending, ...] = ("failed", "diverged", "pruned", "finished")  # the first one decides
MARKS = re.compile(r"^\W+|\W+$")  # ✅ done


# Columns of yes and no: the states that they stand for.
FLAGS: dict[str, tuple[str, str]] = {
    "diverged": ("diverged", ""),
    "is_diverged": ("diverged", ""),
    "crashed": ("crashed", ""),
    "failed": ("failed", ""),
    "oom": ("OOM", ""),
    "completed": ("finished", "unfinished"),
    "finished": ("finished", "unfinished"),
}
YES, NO = {"true", "yes", "1", "1.0"}, {"false", "no", "0", "0.0", ""}


def flag_states(column: TableColumn, key: str) -> TableColumn | None:
    """A column of yes and no, such as `diverged`, as states; None if it is no such column.

    Args:
        column: The column.
        key: Its name, as names are compared.
    """
    words = ["" if cell is None else str(cell).strip().lower() for cell in column.cells]
    if key not in FLAGS or not set(words) <= YES | NO:
        return None
    yes, no = FLAGS[key]
    return replace(column, cells=[yes if w in YES else no if w else "" for w in words])


def is_state_column(column: TableColumn) -> bool:
    """Whether a column holds states: some of its cells name one."""
    return any(
        word in ENDINGS for word in {c.strip().lower() for c in column.cells if isinstance(c, str)}
    )


def endings(table: RunTable, columns: Sequence[TableColumn]) -> list[tuple[Ending, str]]:
    """How each run ended, with the word that says so; the worst of several columns counts.

    Raises:
        InputError: A cell holds no known state.
    """
    found: list[tuple[Ending, str]] = [("finished", "")] * len(table.positions)
    for column in columns:
        for row, cell in enumerate(column.cells):
            word = str(cell if cell is not None else "").strip()
            if not word:
                continue
            ending = ENDINGS.get(word.lower()) or ENDINGS.get(MARKS.sub("", word.lower()))
            if ending is None:
                raise InputError(
                    f"{table.positions[row]}: {column.name}: expected a state such as finished, "
                    f"crashed, running or diverged, found {word!r}; pass --columns "
                    f"ignore={column.name} if the column holds none"
                )
            if ORDER.index(ending) < ORDER.index(found[row][0]):
                found[row] = (ending, word)
    return found
