"""What was understood of a table: the columns that are used, and what is ignored and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mutransfer_cli.fit.tables.content.run_table import IgnoredRow

EXCLUDED = "excluded by --where"
SHOWN_ROWS = 3  # positions of ignored rows that a line names


@dataclass(frozen=True, slots=True)
class IgnoredColumn:
    """A column that is not used.

    Attributes:
        name: Its name as it stands in the file.
        reason: Why it is not used.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class Understanding:
    """How a table was read.

    Attributes:
        used: The column by the role or hyperparameter for which it is used.
        columns: The columns that are ignored.
        rows: The rows that are ignored.
        notes: What else was noticed, such as repeated runs.
    """

    used: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[IgnoredColumn, ...] = ()
    rows: tuple[IgnoredRow, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """One line such as `width from d_model, loss from val_loss; ignored: runtime (time)`."""
        renamed = [f"{role} from {name}" for role, name in self.used.items() if role != name]
        named = [role for role, name in self.used.items() if role == name]
        parts = [", ".join([*renamed, *([f"{joined(named)} by name"] if named else [])])]
        if self.columns:
            parts.append("ignored: " + ", ".join(f"{c.name} ({c.reason})" for c in self.columns))
        return "; ".join(parts)

    @property
    def row_lines(self) -> list[str]:
        """One line for each reason for which rows are ignored."""
        counts = Counter(row.reason for row in self.rows)
        lines = []
        for reason, count in counts.items():
            positions = [row.position for row in self.rows if row.reason == reason]
            more = ", …" if count > SHOWN_ROWS else ""
            rows = "row" if count == 1 else "rows"
            where = f" ({', '.join(positions[:SHOWN_ROWS])}{more})" if reason != EXCLUDED else ""
            lines.append(f"ignored {count} {rows}: {reason}{where}")
        return lines


def joined(words: Sequence[str]) -> str:
    """Words as a phrase: `width, lr and loss`."""
    return " and ".join([*[", ".join(words[:-1])] * (len(words) > 1), words[-1]])


def alternatives(names: Iterable[str]) -> str:
    """Names in quotes as alternatives: `'loss_a' or 'loss_b'`."""
    return " or ".join(repr(name) for name in names)
