"""A batch size that a table searched on every rung, like a learning rate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from math import log2

from mutransfer_cli.fit.study.size_axes import TOKENS, merged, sizes_of
from mutransfer_cli.surface.observation import Observation

BATCH = "batch"
FEWEST_BATCHES = 3  # on a rung that shows the best of them
FEWEST_RUNGS = 2  # with as many; a single one is a ladder of batches


def with_searched_batch(
    observations: Sequence[Observation], named: Sequence[str] = ()
) -> tuple[list[Observation], str | None]:
    """The runs with their batch as a hyperparameter, where it varies on the rungs themselves.

    A rung is then a model and a number of tokens (or examples), with several batches each. A
    ladder along the batch, where each other size has one or the ladder has one line, keeps it as
    a size.

    Args:
        observations: The runs of a table.
        named: The sizes that a target names: a batch that is named is a size.

    Returns:
        The runs, and a note that says so; None where nothing changed.
    """
    if BATCH in named or any(BATCH in o.params for o in observations):
        return list(observations), None
    moved = _with_equal_tokens([_without_batch(o) for o in observations])
    batches: dict[tuple[tuple[str, float], ...], set[float]] = defaultdict(set)
    for o in moved:
        if BATCH in o.params:
            batches[tuple(sizes_of(o).items())].add(o.params[BATCH])
    several = [rung for rung, values in batches.items() if len(values) >= FEWEST_BATCHES]
    if len(several) < FEWEST_RUNGS or 2 * len(several) < len(batches):
        return list(observations), None
    note = (
        "batch is searched on every rung, so it has an optimum like the learning rate; name it "
        "with --batch to take it as a size"
    )
    if not any(TOKENS in o.further_sizes for o in observations):
        note += "; tokens are batch times steps, in the unit of the batch"
    return moved, note


def _with_equal_tokens(moved: Sequence[Observation]) -> list[Observation]:
    """The runs with one number of tokens where theirs differ because steps are whole numbers."""
    lengths = [tokens for o in moved if (tokens := o.size(TOKENS)) is not None and tokens > 0]
    same = merged([log2(tokens) for tokens in lengths])
    at = {round(log2(tokens), 9): tokens for tokens in lengths}
    equal = {tokens: at[same[log2(tokens)]] for tokens in lengths}
    return [
        replace(o, further_sizes={**o.further_sizes, TOKENS: equal[tokens]})
        if (tokens := o.size(TOKENS)) in equal
        else o
        for o in moved
    ]


def _without_batch(o: Observation) -> Observation:
    """A run at its number of tokens, with the batch among its hyperparameters."""
    batch, steps, sizes = o.size(BATCH), o.size("steps"), dict(o.further_sizes)
    if batch is None:
        return o
    sizes.pop(BATCH, None)
    if steps is not None:
        sizes.setdefault(TOKENS, batch * steps)
    return replace(
        o, batch=None, steps=None, further_sizes=sizes, params={**o.params, BATCH: float(batch)}
    )
