"""Registries of the catalog with an entry more or less, for the time of a test."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from mutransfer_cli.catalog.registry import Entry, Registry

# Each kind's module in the catalog, and the registry in it.
REGISTRIES = {
    "optimizers": "OPTIMIZERS",
    "lr_adjustments": "LR_ADJUSTMENTS",
    "parameterizations": "PARAMETERIZATIONS",
    "models": "MODELS",
    "sources": "SOURCES",
    "samplers": "SAMPLERS",
    "executors": "EXECUTORS",
    "pruners": "PRUNERS",
    "stacks": "STACKS",
    "commands": "COMMANDS",
    "loggers": "LOGGERS",
    "axes": "AXES",
    "laws": "LAWS",
    "probes": "PROBES",
}


def choices(registry: Registry[Any], without: str = "") -> str:
    """The names of a registry, in order, as error messages list them.

    Args:
        registry: The registry.
        without: A name that is left out, as if the entry had been removed.
    """
    return " | ".join(name for name in registry.names if name != without)


def _set(monkeypatch: pytest.MonkeyPatch, registry: Registry[Any], rows: Iterable[Entry]) -> None:
    assert registry.names  # loads them, so that there is something to put back
    monkeypatch.setitem(registry.__dict__, "_loaded", ({row.name: row for row in rows}, ()))


def add(monkeypatch: pytest.MonkeyPatch, registry: Registry[Any], row: Entry) -> None:
    """The registry with one more row, as if another package had brought it."""
    assert row.name not in registry
    _set(monkeypatch, registry, [*registry, row])


def remove(monkeypatch: pytest.MonkeyPatch, registry: Registry[Any], name: str) -> None:
    """The registry without one of its rows."""
    assert name in registry
    _set(monkeypatch, registry, [row for row in registry if row.name != name])
