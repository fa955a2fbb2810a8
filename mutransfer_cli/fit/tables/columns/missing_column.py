"""What is said of a table that lacks a column."""

from __future__ import annotations

from shlex import quote

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.columns.column_names import column_name, compared
from mutransfer_cli.fit.tables.columns.column_options import nearest
from mutransfer_cli.fit.tables.columns.column_roles import ColumnRoles
from mutransfer_cli.fit.tables.columns.known_names import ROLES, TABLE_SIZE_ROLES
from mutransfer_cli.fit.tables.columns.stated_columns import stated_hint
from mutransfer_cli.fit.tables.columns.wide_table import SPREAD
from mutransfer_cli.fit.tables.content.cells import cell_value
from mutransfer_cli.fit.tables.content.run_table import RunTable

MAXIMIZED = {"acc", "accuracy", "reward", "return", "score", "f1", "auc", "bleu", "rouge", "r2"}
MAXIMIZED |= {"map", "miou", "top1", "top5", "mmlu", "hellaswag", "lambada", "precision", "recall"}
PERPLEXITY = {"ppl", "perplexity"}
FEWEST_PIVOTED = 3  # columns that are named by numbers


def require(table: RunTable, roles: ColumnRoles, *names: str) -> None:
    """Require one of several roles.

    Raises:
        InputError: The table has no column for any of them.
    """
    if not any(name in roles.columns for name in names):
        raise no_column(table, *names)


def no_column(table: RunTable, *names: str) -> InputError:
    """The error of a table that has no column for any of several roles."""
    role = names[0]
    unread = text_of_role(table, role)
    if unread:
        return InputError(unread)
    present = [name or "(unnamed)" for name in table.names]
    found = ", ".join(present[:30]) + (", …" if len(present) > 30 else "") or "nothing"
    close = nearest(table, *(ROLES[role].ranks if role in ROLES else (role,)))
    hint = f"; {close}" if close.startswith("nearest") else ""
    logarithm = next((n for n in table.names if compared(n) in (f"log_{role}", f"log{role}")), None)
    if logarithm is not None:
        return InputError(
            f"{table.header}: {logarithm}: of which base? Pass --columns '{role}=10^{logarithm}', "
            f"'{role}=e^{logarithm}' or '{role}=2^{logarithm}'"
        )
    stated = stated_hint(table, *lacking(table, role)) if role in ROLES else ""
    if stated:
        return InputError(f"{table.header}: no column {role!r}; {stated}")
    numbers = [name for name in present if isinstance(cell_value(name), float)]
    if len(numbers) >= FEWEST_PIVOTED:
        return InputError(
            f"{table.header}: no column {role!r}; the columns {', '.join(numbers[:4])} look like "
            f"values of one: expected one run per row (in pandas, df.melt makes it so)"
        )
    if role == "loss":
        maximized = next((n for n in table.names if MAXIMIZED & set(compared(n).split("_"))), None)
        if maximized is not None:
            return InputError(
                f"{table.header}: no column 'loss'; {maximized} is better where it is higher: pass "
                f"--columns 'loss=1-{maximized}', with the best possible value before the minus, "
                f"or 'loss=-{maximized}' where there is none"
            )
        perplexity = next(
            (n for n in table.names if PERPLEXITY & set(compared(n).split("_"))), None
        )
        if perplexity is not None:
            return InputError(
                f"{table.header}: no column 'loss'; found {found}: pass --columns "
                f"'loss=log({perplexity})' to take the logarithm of the perplexity"
            )
    also = f" (nor {' or '.join(names[1:])})" if len(names) > 1 else ""
    rest = f", or {role}=NUMBER if all runs have one" if role in TABLE_SIZE_ROLES else ""
    if role == "lr":
        rest = f"; a law of the loss in sizes needs none: mutransfer law {quote(table.source)}"
    elif role == "width" and any(column_name(name).role == "flops" for name in table.names):
        law = f"mutransfer law {quote(table.source)} --form optimum"
        rest += f"; laws in compute alone need neither: {law}"
    return InputError(
        f"{table.header}: no column {role!r}; found {found}{hint}{also}: pass --columns "
        f"{role}=COLUMN{'' if hint else rest}"
    )


def text_of_role(table: RunTable, role: str) -> str:
    """What a column says that has the name of a role and holds text; empty if none does."""
    for column in table.columns:
        if column_name(column.name).role == role:
            for position, value in zip(table.positions, column.values, strict=True):
                if isinstance(value, str) and value.strip():
                    return (
                        f"{position}: {column.name} ({role}): expected a number, found "
                        f"{value.strip()!r}"
                    )
    return ""


def lacking(table: RunTable, role: str) -> list[str]:
    """The role, and the others of sizes, learning rate and seed for which there is no column."""
    have = {column_name(name).role for name in table.names}
    return [role, *(other for other in SPREAD if other != role and other not in have)]
