"""The sizes of runs: equal where they differ by rounding, and without those that follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from mutransfer_cli.catalog.sizes import TABLE_SIZES

# Counts that come from dividing one number by another, such as steps from tokens.
ROUNDED = ("steps", *TABLE_SIZES)
STEP_ROUNDING = 0.01  # steps that differ by one are equal if that is less than this share
RELATIVE_ROUNDING = 1e-3


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


def independent_sizes(sizes: Mapping[str, Sequence[float]]) -> tuple[list[str], dict[str, str]]:
    """The sizes that tell rungs apart, and those that follow from them, with the reason.

    Parameters follow from width and depth, tokens from batch and steps, unless they differ
    between runs in which those are equal.
    """
    dropped = {}
    for count, described_by in ((TABLE_SIZES[0], "width"), (TABLE_SIZES[1], "steps")):
        if count not in sizes or described_by not in sizes:
            continue
        others = [values for name, values in sizes.items() if name not in TABLE_SIZES]
        known: dict[tuple[float, ...], float] = {}
        keys = zip(*others, strict=True)
        if all(
            equal(*sorted((known.setdefault(key, size), size)))
            for key, size in zip(keys, sizes[count], strict=True)
        ):
            dropped[count] = f"follows from {described_by}"
    return [name for name in sizes if name not in dropped], dropped
