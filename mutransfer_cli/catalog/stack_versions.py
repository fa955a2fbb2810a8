"""The versions of a target stack that a format was tried with, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Evidence = Literal["trained", "built", "read"]
EVIDENCE: dict[Evidence, str] = {
    "trained": "{} took the file and trained, in its own code",
    "built": "{} took the file and built the model by its own classes; not trained",
    "read": "written from the source of {}; not run",
}


@dataclass(frozen=True, slots=True)
class TriedVersion:
    """One version of a stack that a format was tried with.

    Attributes:
        version: Release, such as `5.24.0`, or `commit b2a5e60`.
        evidence: Whether the stack's own code trained with the emitted file, or its classes built
            the model and the optimizer, or its source was read.
        when: When, such as `November 2026`.
        note: What was left out or replaced then; may be empty.
    """

    version: str
    evidence: Evidence
    when: str
    note: str = ""

    def sentence(self, package: str) -> str:
        """What was shown, and when.

        Args:
            package: Name of the distribution; empty where the version names the repository.
        """
        named = self.version if self.version.startswith("commit") else f"{package} {self.version}"
        note = f" ({self.note})" if self.note else ""
        return f"{EVIDENCE[self.evidence].format(named)}{note}, {self.when}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StackVersions:
    """What is known of a stack's versions.

    Attributes:
        package: Name of its distribution, as pip knows it; empty without one.
        tried: The versions that the format was tried with.
        others: What is known to differ in other versions; may be empty.
    """

    package: str = ""
    tried: tuple[TriedVersion, ...] = ()
    others: str = ""

    def knows(self, version: str) -> bool:
        """Whether a release is one that was tried, up to its last number."""
        return any(minor_of(t.version) == minor_of(version) for t in self.tried)


UNKNOWN_VERSIONS = StackVersions()


def minor_of(version: str) -> tuple[str, ...]:
    """The first two numbers of a release."""
    return tuple(version.partition("+")[0].split(".")[:2])


def installed_version(package: str) -> str | None:
    """The version of a package that is installed beside us, without importing it."""
    from importlib.metadata import PackageNotFoundError, version  # not for `--help`

    if not package:
        return None
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def version_warning(format: str, versions: StackVersions) -> str | None:
    """What to say of an installed version that the format was never tried with; None if nothing."""
    installed = installed_version(versions.package)
    if installed is None or versions.knows(installed):
        return None
    releases = [t.version for t in versions.tried if not t.version.startswith("commit")]
    tried = ", ".join(releases or [t.version for t in versions.tried]) or "none"
    return (
        f"{versions.package} {installed} is installed, and {format} was tried with {tried}: "
        "compare what its optimizer holds with --explain before you train"
    )


def version_lines(versions: StackVersions) -> list[str]:
    """The versions as lines for a comment."""
    lines = [tried.sentence(versions.package) for tried in versions.tried]
    return lines + ([f"other versions: {versions.others}"] if versions.others else [])
