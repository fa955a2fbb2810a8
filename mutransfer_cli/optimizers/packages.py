"""Optimizer classes from other packages, imported on use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.optim import Optimizer


def class_of(module: str, name: str) -> type[Optimizer] | None:
    """The class of an optional package; None where the package is not installed.

    Args:
        module: The package's module, such as schedulefree.
        name: The name of the class.
    """
    try:
        found: type[Optimizer] = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        return None
    return found
