"""A package of another author, with entry points, and the command line run beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


def install(folder: Path, modules: Mapping[str, str], entry_points: Mapping[str, str]) -> None:
    """Put a package "toy" into a folder, as pip does.

    Args:
        folder: Where its modules go; `run` puts it on the path.
        modules: Source by module name.
        entry_points: `module:attribute` of a row by kind, such as {"models": "toy:ROW"}.
    """
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source)
    info = folder / "toy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "".join(f"[mutransfer.{kind}]\ntoy = {row}\n" for kind, row in entry_points.items())
    )


def run(folder: Path, *arguments: str, code: str = "") -> subprocess.CompletedProcess[str]:
    """Run `mutransfer` in a process that finds the folder's packages.

    Args:
        folder: Where packages are installed, and the current folder.
        *arguments: Of the command line.
        code: Runs first, in the same process.
    """
    main = "from mutransfer_cli.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", f"{code}\n{main}", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])},
        capture_output=True,
        text=True,
    )


def without(kind: str, registry: str, name: str, modules: Sequence[str]) -> str:
    """Code that takes a built-in entry away: its row, and the modules that implement it.

    Args:
        kind: Module of the catalog.
        registry: The registry in it.
        name: The entry.
        modules: Importing one of them raises.
    """
    return (
        f"import sys; from mutransfer_cli.catalog.{kind} import {registry} as registry\n"
        f"registry._rows = tuple(r for r in registry._rows if r.name != {name!r})\n"
        f"sys.modules.update(dict.fromkeys({list(modules)!r}))  # reads as: not installed\n"
    )
