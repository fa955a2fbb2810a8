"""Inits that a stack has for several tensors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import sqrt

from mutransfer_cli.emit.core.abc_symmetry import Numbers, differ
from mutransfer_cli.emit.core.capability_check import refusal
from mutransfer_cli.emit.core.protocol import EmitRequest


def share_init_of_keys(request: EmitRequest, planned: dict[str, Numbers]) -> bool:
    """Give keys the init of the values: the queries absorb the ratio, since q·k is linear in both.

    Returns:
        Whether a ratio is absorbed.

    Raises:
        InputError: One of them starts at zero.
    """
    t, absorbed = request.decoder, False
    for q, k, v in zip(t.names("q"), t.names("k"), t.names("v"), strict=True):
        a, b = planned[k].init_std or 0.0, planned[v].init_std or 0.0
        if not differ(a, b, max(planned[k].init_tolerance, planned[v].init_tolerance)):
            continue
        if not a or not b:
            raise refusal(
                request, f"one of {k} and {v} starts at zero, and torchtitan has one init for both"
            )
        planned[k] = replace(planned[k], multiplier=planned[k].multiplier * b / a)
        planned[q] = replace(planned[q], multiplier=planned[q].multiplier * a / b)
        absorbed = True
    return absorbed


def with_common_init(actual: dict[str, Numbers], names: Iterable[str]) -> None:
    """Replace inits that were measured, and differ by the accuracy of that alone, by their RMS."""
    stds = {name: actual[name].init_std for name in names if name in actual}
    known = [std for std in stds.values() if std is not None]
    if not known:
        return
    rms = sqrt(sum(std**2 for std in known) / len(known))
    if any(differ(actual[name].init_std, rms, actual[name].init_tolerance) for name in stds):
        return
    for name in stds:
        actual[name] = replace(actual[name], init_std=rms)
