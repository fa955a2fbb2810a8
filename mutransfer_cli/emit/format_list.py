"""The formats as a document, with the versions of their stacks."""

from __future__ import annotations

from mutransfer_cli.catalog.refused_stacks import REFUSED_STACKS
from mutransfer_cli.catalog.stack_entry import StackEntry
from mutransfer_cli.catalog.stack_versions import installed_version, version_warning
from mutransfer_cli.catalog.stacks import STACKS
from mutransfer_cli.documents.scale import (
    FormatDocument,
    FormatsDocument,
    RefusedFormat,
    TriedVersionDocument,
    VersionsDocument,
)


def versions_document(row: StackEntry) -> VersionsDocument:
    """The versions that a format was tried with, and the one that is installed here."""
    v = row.versions
    return VersionsDocument(
        package=v.package or None,
        installed=installed_version(v.package),
        tried=tuple(
            TriedVersionDocument(version=t.version, evidence=t.evidence, when=t.when, note=t.note)
            for t in v.tried
        ),
        others=v.others,
        warning=version_warning(row.name, v),
    )


def formats_document() -> FormatsDocument:
    """All formats, and the stacks that are refused."""
    return FormatsDocument(
        formats=tuple(
            FormatDocument(
                format=row.name,
                summary=row.summary,
                files=row.files,
                versions=versions_document(row),
            )
            for row in STACKS
        ),
        refused=tuple(
            RefusedFormat(
                format=row.name,
                reason=row.reason,
                instead=tuple(name for name in row.instead if name in STACKS),
            )
            for row in REFUSED_STACKS
        ),
    )
