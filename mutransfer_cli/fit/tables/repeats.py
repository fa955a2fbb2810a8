"""Runs at the same sizes, hyperparameters and seed: repeats, retries and duplicates."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from mutransfer_cli.fit.tables.content.run_table import IgnoredRow, RunTable
from mutransfer_cli.fit.tables.content.understanding import SHOWN_ROWS, joined

FAR = 0.5  # repeats whose losses differ by more than this share of all losses' span


@dataclass(frozen=True)
class Repeats:
    """What becomes of runs that have the same key.

    Attributes:
        seeds: The seed of each run that is kept, by its row.
        ignored: The rows that are not kept.
        notes: What was assumed.
    """

    seeds: Mapping[int, int]
    ignored: tuple[IgnoredRow, ...]
    notes: tuple[str, ...]


def duplicates(table: RunTable) -> tuple[list[int], list[IgnoredRow]]:
    """The rows without those that repeat another one cell by cell, and the latter."""
    rows: list[int] = []
    ignored: list[IgnoredRow] = []
    first: dict[tuple[str, ...], int] = {}
    texts = [list(map(str, column.cells)) for column in table.columns]
    for row, cells in enumerate(zip(*texts, strict=True)):
        earlier = first.setdefault(cells, row)
        if earlier == row:
            rows.append(row)
        else:
            ignored.append(IgnoredRow(table.positions[row], "duplicate of another row"))
    return rows, ignored


def assign_seeds(
    keys: Sequence[Hashable],
    losses: Sequence[float | None],
    seeds: Sequence[int] | None,
    positions: Sequence[str],
) -> Repeats:
    """Give each run a seed of its own among the runs with its key.

    Where most settings were run several times, runs with the same key are repeats with other
    seeds. Otherwise a diverged run beside a finished one is the first try of a retry.

    Args:
        keys: Sizes and hyperparameters of each run.
        losses: Loss of each run; None if it diverged.
        seeds: Seed of each run; None if the table has no seeds.
        positions: Position of each run, for messages.
    """
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        groups[key if seeds is None else (key, seeds[row])].append(row)
    sizes = Counter(len(rows) for rows in groups.values())
    by_design = 2 * sizes[1] < len(groups)
    used: dict[Hashable, set[int]] = defaultdict(set)
    if seeds is not None:
        for key, seed in zip(keys, seeds, strict=True):
            used[key].add(seed)
    kept: dict[int, int] = {}
    ignored: list[IgnoredRow] = []
    repeated: list[list[str]] = []
    far: list[list[str]] = []
    retried: list[list[str]] = []
    finite = [loss for loss in losses if loss is not None]
    span = max(finite, default=0.0) - min(finite, default=0.0)
    for rows in groups.values():
        finished = [row for row in rows if losses[row] is not None]
        if finished and len(finished) < len(rows) and not (by_design and seeds is None):
            retried.append([positions[row] for row in rows])
            ignored += [
                IgnoredRow(positions[row], "diverged, and finished when run again")
                for row in rows
                if losses[row] is None
            ]
            rows = finished
        if len(rows) > 1:
            same = [positions[row] for row in rows]
            repeated.append(same)
            group = [loss for row in rows if (loss := losses[row]) is not None]
            if group and max(group) - min(group) > FAR * span:
                far.append(same)
        for number, row in enumerate(rows):
            seed = number if seeds is None else seeds[row]
            if seeds is not None and number:
                seed = max(used[keys[row]]) + 1
                used[keys[row]] = {seed}
            kept[row] = seed
    kept = dict(sorted(kept.items()))
    notes = repeat_notes(repeated, far, retried, seeds is not None, by_design)
    return Repeats(kept, tuple(ignored), notes)


def repeat_notes(
    repeated: Sequence[Sequence[str]],
    far: Sequence[Sequence[str]],
    retried: Sequence[Sequence[str]],
    seeded: bool,
    by_design: bool,
) -> tuple[str, ...]:
    """What was assumed about runs with the same key.

    Args:
        repeated: The positions of the runs of each setting that has several.
        far: Those whose losses are far apart.
        retried: Those of settings with a diverged run and a finished one.
        seeded: Whether the table has seeds.
        by_design: Whether most settings have several runs, so that no row is named for it.
    """
    notes = []
    if repeated:
        settings = "setting was" if len(repeated) == 1 else "settings were"
        same = " with the same seed" if seeded else ""
        rows = "" if by_design else f" ({named_rows(repeated)})"
        notes.append(f"{len(repeated)} {settings} run several times{same}: taken as repeats{rows}")
    if far:
        notes.append(
            f"repeats differ by more than half of the range of all losses at {named_rows(far)}; "
            f"a column that tells them apart may be missing"
        )
    if retried:
        settings = "setting" if len(retried) == 1 else "settings"
        notes.append(
            f"at {len(retried)} {settings} a run diverged and a retry finished: kept the retry "
            f"({named_rows(retried)})"
        )
    return tuple(notes)


def named_rows(groups: Sequence[Sequence[str]]) -> str:
    """The positions of the first groups of rows: `a.csv:5 and a.csv:6; a.csv:10 and a.csv:11`."""
    shown = [
        joined(group) if len(group) <= SHOWN_ROWS else f"{', '.join(group[:SHOWN_ROWS])}, …"
        for group in groups[:SHOWN_ROWS]
    ]
    return "; ".join([*shown, *["…"] * (len(groups) > SHOWN_ROWS)])
