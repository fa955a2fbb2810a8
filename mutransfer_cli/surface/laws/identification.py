"""Whether a table can determine the parameters of a law."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.laws.bootstrap import Refits
from mutransfer_cli.surface.laws.law_form import Array, LawTable

MOST_FAILED = 0.5  # share of the refits; what fewer say is in the law's description
LARGEST_EXPONENT = 5.0
SMALLEST_EXPONENT = 0.005
LEAST_OCTAVES = 0.1  # standard deviation of a size about a power of the others


def require_variation(table: LawTable, parameters: int) -> None:
    """Check that the runs differ in every size and number more than the parameters.

    Raises:
        InputError: They do not.
    """
    for name in table.sizes:
        if len(np.unique(table[name])) < 2:
            raise InputError(
                f"every run has {name} = {table[name][0]:g}: "
                f"the law needs runs that differ in {name}"
            )
    columns = np.stack([table[name] for name in table.sizes], axis=1)
    distinct = len(np.unique(columns, axis=0))
    if distinct <= parameters:
        raise InputError(
            f"{distinct} different sizes ({', '.join(table.sizes)}) for {parameters} parameters: "
            f"the law needs at least {parameters + 1}"
        )


def dependent_sizes(
    log_sizes: Array, names: tuple[str, ...], *, alone: str = "--along"
) -> str | None:
    """The reason why the effects of sizes cannot be told apart; None where they can.

    Args:
        log_sizes: Shape (rows, k).
        names: Of the sizes.
        alone: The option before the name of a size that fits a law in it.
    """
    for j, name in enumerate(names):
        others = np.delete(log_sizes, j, axis=1)
        if not others.shape[1]:
            continue
        design = np.column_stack([np.ones(len(others)), others])
        rest = log_sizes[:, j] - design @ np.linalg.lstsq(design, log_sizes[:, j], rcond=None)[0]
        if float(np.std(rest)) < LEAST_OCTAVES * np.log(2):
            given = " and ".join(n for n in names if n != name)
            shown = " or ".join(f"{alone} {n}" for n in names)
            return (
                f"{name} is the same power of {given} in all runs: their effects cannot be told "
                f"apart; add runs that vary one of them alone, or fit a law in one size ({shown})"
            )
    return None


def unbounded(exponents: Mapping[str, Interval], refits: Refits) -> list[str]:
    """The reasons why parameters are not identified by the runs."""
    reasons = []
    for name, exponent in exponents.items():
        assert exponent.low is not None and exponent.high is not None
        if exponent.low < SMALLEST_EXPONENT or exponent.high > LARGEST_EXPONENT:
            reasons.append(
                f"{name} is not identified: its interval is {exponent.low:.2g} to "
                f"{exponent.high:.2g}; add runs over a wider range of sizes"
            )
    total = len(refits.draws) + refits.failed
    if refits.failed > MOST_FAILED * total:
        reasons.append(f"{refits.failed} of {total} bootstrap refits failed")
    return reasons
