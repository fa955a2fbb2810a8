"""Executors: what runs the trials."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.catalog.registry import Entry, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorEntry(Entry):
    """A row for an executor."""


EXECUTORS = Registry(
    "executors",
    ExecutorEntry,
    [
        ExecutorEntry(
            name="local",
            summary="worker processes on this machine",
            implementation="mutransfer_cli.search.executors.local:LocalExecutor",
        ),
        ExecutorEntry(
            name="ray",
            summary="tasks on a Ray cluster",
            implementation="mutransfer_cli.search.executors.ray:RayExecutor",
        ),
    ],
)
