"""The document of `doctor`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mutransfer_cli.documents.base import Part


class DeviceDocument(Part):
    """A device that can train."""

    name: str
    what: str


class EngineDocument(Part):
    """How fast trials train on a device, one by one or as a population."""

    name: str
    device: str
    steps_per_second: float | None = Field(
        description="speed on a small MLP; null: the engine cannot run here"
    )
    note: str


class MissingDocument(Part):
    """A package that is not installed, and what it would be good for."""

    package: str
    purpose: str
    install: str = Field(description="a command for a shell")


class DoctorDocument(Part):
    """Installed versions, available devices, and the speed of each engine."""

    schema_: Literal["mutransfer/doctor/v1"] = Field(default="mutransfer/doctor/v1", alias="schema")
    versions: dict[str, str | None]
    devices: tuple[DeviceDocument, ...]
    engines: tuple[EngineDocument, ...]
    missing: tuple[MissingDocument, ...] = ()
    mismatches: tuple[str, ...] = Field(
        default=(), description="packages built for another torch, with the command that repairs it"
    )
