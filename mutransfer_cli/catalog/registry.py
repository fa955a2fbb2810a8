"""Registries: the entries of one kind, built in or added by other packages."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mutransfer_cli.errors import InputError, suggestion

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row of a registry.

    Attributes:
        name: Name in recipes and on the command line.
        summary: One line for help texts.
        implementation: `package.module:attribute` of the implementation, which is imported on use.
    """

    name: str
    summary: str
    implementation: str

    def load(self) -> Any:
        """Import the implementation.

        Raises:
            InputError: A package that the implementation needs is not installed.
        """
        return self.load_object(self.implementation)

    def load_object(self, path: str) -> Any:
        """Import the object at `package.module:attribute`, a path from one of the row's fields.

        Raises:
            InputError: A package that the object needs is not installed.
        """
        module, _, attribute = path.partition(":")
        try:
            return getattr(import_module(module), attribute)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] == "mutransfer_cli":
                raise
            raise InputError(f"{self.name}: needs the package {error.name}") from error


def _has_our_group(file: Path) -> bool:
    """Whether a file of entry points, perhaps an unreadable one, names one of our groups."""
    try:
        return b"[mutransfer." in file.read_bytes()
    except OSError:
        return False


@cache
def _entry_points() -> tuple[EntryPoint, ...]:
    """The entry points of all installed packages in our groups, read once per process.

    Importing importlib.metadata takes half as long as all of `mutransfer --help`, so the files are
    searched first: most installations have no such entry point.
    """
    names = ("*.dist-info/entry_points.txt", "*.egg-info/entry_points.txt")
    files = (file for folder in sys.path for name in names for file in Path(folder).glob(name))
    if not any(_has_our_group(file) for file in files):
        return ()
    from importlib.metadata import entry_points

    points = entry_points()
    groups = [group for group in points.groups if group.startswith("mutransfer.")]
    return tuple(point for group in groups for point in points.select(group=group))


E = TypeVar("E", bound=Entry)


class Registry(Generic[E]):
    """The entries of one kind: the package's own rows, then the entry points of other packages.

    A package adds an entry through an entry point in the group `mutransfer.<kind>`, whose object is
    a row of the registry's row type.
    """

    def __init__(self, kind: str, row: type[E], rows: Sequence[E]) -> None:
        """Make a registry.

        Args:
            kind: The kind in the plural, as in the entry point group, such as "optimizers".
            row: The type of the rows.
            rows: The package's own entries, in the order in which help texts list them.
        """
        self.kind = kind
        self._row = row
        self._rows = tuple(rows)

    @property
    def group(self) -> str:
        """The entry point group of this kind."""
        return f"mutransfer.{self.kind}"

    @cached_property
    def _loaded(self) -> tuple[dict[str, E], tuple[str, ...]]:
        """All entries by name, and the reason for each entry point that was ignored."""
        entries = {row.name: row for row in self._rows}
        broken = []
        for point in (p for p in _entry_points() if p.group == self.group):
            package = point.dist.name if point.dist is not None else "?"
            try:
                row = point.load()
            except Exception as error:  # another package's bug must not break ours
                broken.append(f"{point.name} of package {package}: {error}")
                continue
            if not isinstance(row, self._row):
                broken.append(f"{point.name} of package {package}: not a {self._row.__name__}")
            elif row.name in entries:
                broken.append(f"{point.name} of package {package}: {row.name} exists already")
            else:
                entries[row.name] = row
        for line in broken:
            log.warning("entry point of %s ignored: %s", self.group, line)
        return entries, tuple(broken)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all entries, the package's own first."""
        return tuple(self._loaded[0])

    def __contains__(self, name: object) -> bool:
        return name in self._loaded[0]

    def __iter__(self) -> Iterator[E]:
        return iter(self._loaded[0].values())

    def __len__(self) -> int:
        return len(self._loaded[0])

    def __getitem__(self, name: str) -> E:
        return self._loaded[0][name]

    def get(self, name: object) -> E | None:
        """The entry of this name, or None."""
        return self._loaded[0].get(name) if isinstance(name, str) else None

    def unknown(self, name: str) -> str:
        """The error message for an unknown name, which suggests the closest one."""
        ignored = "".join(f"; ignored: {line}" for line in self._loaded[1])
        hint = suggestion(name, self.names)
        return f"expected {' | '.join(self.names)}, found {name!r}{hint}{ignored}"

    def require(self, name: str, path: Sequence[str] = ()) -> E:
        """The entry of this name.

        Args:
            name: As the user wrote it.
            path: Key path in the recipe, for the error; empty for an option.

        Raises:
            InputError: There is no such entry.
        """
        if name not in self:
            raise InputError(self.unknown(name), path)
        return self[name]
