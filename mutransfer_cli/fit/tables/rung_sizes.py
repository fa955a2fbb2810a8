"""The sizes of runs: equal where they differ by rounding, and without those that follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

from mutransfer_cli.catalog.sizes import TABLE_SIZES

# Counts that come from dividing one number by another, such as steps from tokens.
ROUNDED = ("steps", *TABLE_SIZES)
STEP_ROUNDING = 0.01  # steps that differ by one are equal if that is less than this share
RELATIVE_ROUNDING = 1e-3
PARAMETERS, TOKENS = TABLE_SIZES


def merged(sizes: Sequence[float]) -> tuple[dict[float, float], list[tuple[float, float]]]:
    """The size that stands for each one, where sizes differ by rounding only.

    Returns:
        The most frequent of the sizes that are equal up to rounding, by size; and the smallest
        and largest of each group with more than one.
    """
    counts = Counter(sizes)
    groups: list[list[float]] = []
    for size in sorted(counts):
        if groups and equal(groups[-1][0], size):
            groups[-1].append(size)
        else:
            groups.append([size])
    stands_for = {}
    for group in groups:
        common = max(group, key=lambda size: (counts[size], -size))
        stands_for.update(dict.fromkeys(group, common))
    return stands_for, [(group[0], group[-1]) for group in groups if len(group) > 1]


def equal(small: float, large: float) -> bool:
    """Whether two sizes differ by rounding only."""
    difference = large - small
    return difference <= RELATIVE_ROUNDING * large or (
        difference <= 1 and difference <= STEP_ROUNDING * large
    )


def independent_sizes(
    sizes: Mapping[str, Sequence[float]], named: Collection[str] = ()
) -> tuple[list[str], dict[str, str]]:
    """The sizes that tell rungs apart, and those that follow from them, with the reason.

    Parameters follow from width and depth, tokens from batch and steps, unless they differ
    between runs in which those are equal. Where the parameters or tokens are what was designed,
    width and depth, or steps, are left out instead.

    Args:
        sizes: Each size of all runs.
        named: The sizes that a target names.
    """
    dropped: dict[str, str] = {}
    for count, described_by, designed in (
        (PARAMETERS, ("width", "depth"), _models_of_any_shape(sizes)),
        (TOKENS, ("steps",), _fixed_tokens(sizes)),
    ):
        present = [name for name in described_by if name in sizes]
        if count not in sizes or described_by[0] not in sizes or not _follows(count, sizes):
            continue
        if (designed or count in named) and not set(present) & set(named):
            dropped |= dict.fromkeys(present, f"{count} is the size")
        else:
            dropped[count] = f"follows from {described_by[0]}"
    return [name for name in sizes if name not in dropped], dropped


def _follows(count: str, sizes: Mapping[str, Sequence[float]]) -> bool:
    """Whether a count is equal wherever all sizes are that are no counts."""
    others = [values for name, values in sizes.items() if name not in TABLE_SIZES]
    known: dict[tuple[float, ...], float] = {}
    keys = zip(*others, strict=True)
    return all(
        equal(*sorted((known.setdefault(key, size), size)))
        for key, size in zip(keys, sizes[count], strict=True)
    )


def _fixed_tokens(sizes: Mapping[str, Sequence[float]]) -> bool:
    """Whether runs of several batches have a few numbers of tokens, and steps that follow."""
    if not {"batch", "steps", TOKENS} <= sizes.keys():
        return False
    tokens, steps = set(sizes[TOKENS]), set(sizes["steps"])
    return len(set(sizes["batch"])) > 1 and len(tokens) < len(steps)


def _models_of_any_shape(sizes: Mapping[str, Sequence[float]]) -> bool:
    """Whether models get wider and deeper in no order, so that parameters describe them best.

    Models on a line, each wider and deeper than the one before, and a grid of widths and depths
    are described by these.
    """
    if not {"width", "depth", PARAMETERS} <= sizes.keys():
        return False
    models = sorted(set(zip(sizes["width"], sizes["depth"], strict=True)))
    widths, depths = {w for w, _ in models}, {d for _, d in models}
    grid = 2 * len(models) >= len(widths) * len(depths)
    line = all(d >= before for (_, before), (_, d) in pairwise(models))
    return not grid and not line
