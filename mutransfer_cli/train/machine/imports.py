"""Imports what torch imports late, before the time of a worker's first trial counts."""

from __future__ import annotations


def import_what_optimizers_import() -> None:
    """Import what torch imports when a process makes its first optimizer.

    That takes a second, and several on a busy machine, which are not part of a trial.
    """
    import torch._dynamo  # noqa: F401  # imported for its time alone
