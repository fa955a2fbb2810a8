"""Reads `--tolerance`."""

from __future__ import annotations

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.decision.transfer import TOLERANCE


def tolerance_of(text: str | None) -> float:
    """A share of the loss such as `0.5%` or `0.005`.

    Raises:
        InputError: The text is no share between 0 and 1.
    """
    if text is None:
        return TOLERANCE
    digits = text.strip()
    try:
        share = float(digits.removesuffix("%")) / (100 if digits.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 < share < 1:
        raise InputError(f"--tolerance {text}: expected a share of the loss, such as 0.5%")
    return share
