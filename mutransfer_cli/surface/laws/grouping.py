"""Groups the runs of a table by their size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mutransfer_cli.surface.laws.law_form import Array, Indices, LawTable

ROUNDING = 1e-3  # octaves; sizes closer than this are equal


@dataclass(frozen=True)
class Groups:
    """The different sizes of a table.

    Attributes:
        sizes: Shape (groups, k), in the order of the first column, then the others.
        index: The group of each row, shape (rows,).
    """

    sizes: Array
    index: Indices

    def label(self, group: int, names: tuple[str, ...]) -> str:
        """A group as text, such as `params=1.2e+08, tokens=2e+09`."""
        pairs = zip(names, self.sizes[group], strict=True)
        return ", ".join(f"{name}={value:.4g}" for name, value in pairs)


def group_sizes(table: LawTable) -> Groups:
    """The different sizes of a table, and the size of each row."""
    logs = np.stack([table.logs(name) for name in table.sizes], axis=1) / np.log(2)
    rounded = np.round(logs / ROUNDING)
    _, first, index = np.unique(rounded, axis=0, return_index=True, return_inverse=True)
    columns = np.stack([table[name] for name in table.sizes], axis=1)
    return Groups(columns[first], np.asarray(index).reshape(-1))


def log_product(table: LawTable) -> Array:
    """Logarithm of the product of all sizes of each row, rounded so that equal sizes are equal.

    The largest by this order are held out where the user does not say what is.
    """
    logs = np.stack([table.logs(name) for name in table.sizes])
    return np.asarray(np.round(logs.sum(axis=0) / np.log(2), 6))
