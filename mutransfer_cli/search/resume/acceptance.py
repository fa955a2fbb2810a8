"""Decides whether a sweep may add trials to a study that was made with something else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mutransfer_cli.errors import InputError
from mutransfer_cli.search.provenance.provenance import Provenance, joined
from mutransfer_cli.search.storage.provenances import provenances, store_provenance
from mutransfer_cli.search.storage.study import Study

OPTION = "--accept-changes"
DATA_DIGEST = "data_digest"


def accept(
    study: Study,
    provenance: Provenance,
    run: Path,
    before: Mapping[str, Any],
    data_digest: str,
    accept_changes: bool,
) -> tuple[str, ...]:
    """Store what new trials are made with; returns notes on changes.

    A study without trials takes anything. One that was made before provenances were stored goes
    on with a note, unless its data have changed.

    Args:
        study: The study.
        provenance: What new trials are made with.
        run: The run directory, for messages.
        before: What is known from an earlier start of the sweep, such as its data digest.
        data_digest: Digest of the data source.
        accept_changes: Whether trials of another provenance may be added.

    Raises:
        InputError: Something has changed, and that was not accepted.
    """
    stored = provenances(study.attributes())
    if any(entry.provenance.id == provenance.id for entry in stored):
        return ()
    ended = len(study.records())
    notes: tuple[str, ...] = ()
    if ended:
        if stored:
            changes = stored[-1].provenance.changes_to(provenance)
        else:
            digest = before.get(DATA_DIGEST, data_digest)
            changes = [] if digest == data_digest else ["the data have changed"]
            notes = (
                f"{ended} trials were made by a version of mutransfer that did not store what "
                "they were made with; changes since then cannot be seen",
            )
        if changes and not accept_changes:
            raise InputError(
                f"--run {run}: since its {ended} trials were made, {joined(changes)}; {OPTION} "
                "adds trials all the same, and every trial keeps what it was made with; or "
                "choose another --run"
            )
        if changes:
            notes = (f"{OPTION}: {ended} trials were made before: {joined(changes)}",)
    store_provenance(study, provenance)
    return notes
