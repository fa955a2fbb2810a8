"""Tokens that a table gives in other columns: for each parameter, as steps and batch, or FLOPs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from mutransfer_cli.fit.tables.columns.column_names import column_name
from mutransfer_cli.fit.tables.content.cells import Value
from mutransfer_cli.fit.tables.content.run_table import RunTable, TableColumn
from mutransfer_cli.fit.tables.rung_sizes import merged

SEQUENCE_LENGTHS = {
    *("seq_len", "seqlen", "seq_length", "sequence_length", "sequence_len", "max_seq_len"),
    *("max_seq_length", "max_sequence_length", "context_length", "context_len", "context_size"),
    *("context", "ctx", "ctx_len", "n_ctx", "block_size", "train_seq_len", "tokens_per_sequence"),
}
FLOPS = 6.0  # for each parameter and token: Kaplan et al. 2020 (arXiv 2001.08361), section 2.1
LARGEST_BATCH = 1e8  # tokens; published runs have up to 7e7 (assumption)
# nanoGPT and others state the batch of one pass beside it
ACCUMULATION = {"gradient_accumulation_steps", "grad_accum_steps", "accumulation_steps"}
ACCUMULATION |= {"gradient_accumulation", "grad_accum", "grad_acc_steps"}

_RATIO = re.compile(
    r"D\s*/\s*N|(?:tokens?|toks?)\s*(?:/|per|_per_|[ -]to[ -]|_to_)\s*(?:params?|parameters?)"
    r"(?:[ _]ratio)?|tpp",
    re.IGNORECASE,
)


def is_ratio(name: str) -> bool:
    """Whether a column holds tokens for each parameter, by its name."""
    return _RATIO.fullmatch(name.strip()) is not None and name.strip() != "d/n"


def with_tokens(table: RunTable) -> RunTable:
    """The table with its tokens, where other columns give them.

    Args:
        table: A table of runs.
    """
    if any(column_name(column.name).role == "tokens" for column in table.columns):
        return table
    return tokens_of_flops(tokens_of_steps(tokens_of_ratio(table)))


def tokens_of_ratio(table: RunTable) -> RunTable:
    """The table with tokens, where it has parameters and tokens for each of them.

    Args:
        table: A table of runs without tokens.
    """
    ratios = [column for column in table.columns if is_ratio(column.name)]
    others = [column for column in table.columns if not is_ratio(column.name)]
    roles = [(column, column_name(column.name)) for column in others]
    params = [(column, name.scale) for column, name in roles if name.role == "params"]
    if len(ratios) != 1 or len(params) != 1:
        return table
    (ratio,), ((size, scale),) = ratios, params
    cells = [
        r * n * scale if isinstance(r, float) and isinstance(n, float) else None
        for r, n in zip(ratio.values, size.values, strict=True)
    ]
    note = f"tokens = {ratio.name} · {size.name}"
    return replace(
        table, columns=(*others, TableColumn("tokens", cells)), notes=(*table.notes, note)
    )


def tokens_of_steps(table: RunTable) -> RunTable:
    """The table with tokens, where it has steps, a batch and the length of its sequences.

    Numbers of steps are rounded; tokens that differ by it alone are made equal.

    Args:
        table: A table of runs.
    """
    named = [(column, column_name(column.name)) for column in table.columns]
    by_role = {
        role: [(column, name) for column, name in named if name.role == role]
        for role in ("tokens", "flops", "steps", "batch")
    }
    lengths = [column for column, name in named if name.key in SEQUENCE_LENGTHS]
    if by_role["tokens"] or by_role["flops"]:
        return table
    if len(by_role["steps"]) != 1 or len(by_role["batch"]) != 1:
        return table
    ((steps, of_steps),), ((batch, of_batch),) = by_role["steps"], by_role["batch"]
    in_tokens = is_in_tokens(batch, of_batch.key, lengths)
    if "epoch" in of_steps.key or (not in_tokens and len(lengths) != 1):
        return table
    accumulated = [c for c, name in named if name.key in ACCUMULATION and not in_tokens]
    if any(word in of_batch.key for word in ("global", "total", "effective")):
        accumulated = []
    factors = [steps, batch, *([] if in_tokens else lengths), *accumulated]
    scale = of_steps.scale * of_batch.scale
    counts = [product(values, scale) for values in zip(*(f.values for f in factors), strict=True)]
    stands_for, _ = merged([count for count in counts if count is not None])
    cells = [None if count is None else stands_for[count] for count in counts]
    note = f"tokens = {' · '.join(factor.name for factor in factors)}"
    return replace(
        table,
        columns=(*table.columns, TableColumn("tokens", cells)),
        notes=(*table.notes, note),
    )


def tokens_of_flops(table: RunTable) -> RunTable:
    """The table with tokens, where it has parameters and training FLOPs, and no steps.

    FLOPs that differ from run to run, as those of runs that ended early do, describe no sizes: each
    size has to occur twice on average.

    Args:
        table: A table of runs.
    """
    named = [(column, column_name(column.name)) for column in table.columns]
    have = {name.role for _, name in named}
    params = [(column, name.scale) for column, name in named if name.role == "params"]
    flops = [(column, name.scale) for column, name in named if name.role == "flops"]
    if have & {"tokens", "steps"} or len(params) != 1 or len(flops) != 1:
        return table
    ((size, of_size),), ((compute, of_compute),) = params, flops
    cells = [
        c * of_compute / (FLOPS * n * of_size)
        if isinstance(c, float) and isinstance(n, float) and n > 0
        else None
        for c, n in zip(compute.values, size.values, strict=True)
    ]
    stands_for, _ = merged([cell for cell in cells if cell is not None])
    tokens = [None if cell is None else stands_for[cell] for cell in cells]
    if 2 * len(set(zip(size.values, tokens, strict=True))) > len(cells):
        return table
    return replace(
        table,
        columns=(*table.columns, TableColumn("tokens", tokens)),
        notes=(*table.notes, f"tokens = {compute.name} / (6·{size.name})"),
    )


def is_in_tokens(batch: TableColumn, key: str, lengths: Sequence[TableColumn]) -> bool:
    """Whether a batch is in tokens: by its name, its unit, or since no batch of sequences fits it.

    Args:
        batch: The column of the batch.
        key: Its name, as names are compared.
        lengths: Columns of the length of sequences.
    """
    if "token" in key or any("tok" in str(cell).lower() for cell in batch.cells):
        return True
    sizes = (product(values, 1.0) for values in zip(*(c.values for c in (batch, *lengths)),
                                                    strict=True))  # fmt: skip
    return bool(lengths) and max((size or 0.0 for size in sizes), default=0.0) > LARGEST_BATCH


def product(values: Sequence[Value], scale: float) -> float | None:
    """The product of numbers; None where one is missing."""
    total = scale
    for value in values:
        if not isinstance(value, float):
            return None
        total *= value
    return total
