"""What the trials of a study were made with, as the study itself stores it.

Each provenance is an attribute of its own, so that several sweeps can add one at the same time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mutransfer_cli.search.provenance.provenance import Provenance
from mutransfer_cli.search.storage.study import Study

PREFIX = "provenance:"


@dataclass(frozen=True, slots=True)
class StoredProvenance:
    """A provenance with the time since when trials are made with it.

    Attributes:
        provenance: Code, files, versions and device.
        since: UTC, ISO 8601.
    """

    provenance: Provenance
    since: str


def provenances(attributes: Mapping[str, Any]) -> list[StoredProvenance]:
    """What a study has been made with, the oldest first.

    Args:
        attributes: The study's attributes.
    """
    found = [
        StoredProvenance(Provenance.from_dict(value), str(value.get("since", "")))
        for name, value in attributes.items()
        if name.startswith(PREFIX) and isinstance(value, Mapping)
    ]
    return sorted(found, key=lambda stored: stored.since)


def store_provenance(study: Study, provenance: Provenance) -> None:
    """Store what trials are made with from now on."""
    values = {**provenance.as_dict(), "since": datetime.now(UTC).isoformat()}
    study.set_attributes({PREFIX + provenance.id: values})
