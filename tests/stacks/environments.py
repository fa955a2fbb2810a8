"""One environment for each stack, on top of the packages of the Python that runs the command."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from tests.stacks.registry import StackRow

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".stacks"


class NotAvailable(Exception):
    """A stack cannot be run here; the message says why."""


@dataclass(frozen=True)
class Environment:
    """A Python that imports the stack.

    Attributes:
        python: Its interpreter.
        checkout: The checkout whose code is imported first; None: the installed package.
    """

    python: Path
    checkout: Path | None

    def variables(self) -> dict[str, str]:
        """The environment variables of its processes."""
        paths = [ROOT, *([self.checkout] if self.checkout else [])]
        path = os.pathsep.join(str(p) for p in paths)
        return {
            **os.environ,
            "PYTHONPATH": path,
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
        }


def environment_of(row: StackRow) -> Environment:
    """The environment of a stack, created if it is missing or out of date.

    Raises:
        NotAvailable: There is no checkout, or pip fails.
    """
    checkout = checkout_of(row)
    if not row.requirements:
        return Environment(Path(sys.executable), checkout)
    folder = FOLDER / (row.folder or row.name)
    python = folder / "bin" / "python"
    installed, wanted = folder / "requirements.txt", "\n".join(row.requirements)
    if not installed.is_file() or installed.read_text() != wanted:
        venv.create(folder, clear=True, with_pip=False, symlinks=True)
        site = next((folder / "lib").glob("python*/site-packages"))
        shared = [p for p in sys.path if p.endswith(("site-packages", "dist-packages"))]
        (site / "shared.pth").write_text("\n".join(shared) + "\n")
        command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
        command += ["--disable-pip-version-check", "--no-deps", *row.requirements]
        if row.python:
            command += ["--target", str(site), "--python-version", row.python]
            command += ["--only-binary=:all:", "--ignore-requires-python"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise NotAvailable(f"pip: {done.stderr.strip().splitlines()[-1]}")
        installed.write_text(wanted)
    return Environment(python, checkout)


def checkout_of(row: StackRow) -> Path | None:
    """The checkout that the user names, if any.

    Raises:
        NotAvailable: The stack has no package, and no folder is named.
    """
    value = os.environ.get(row.variable)
    if value:
        if not Path(value).is_dir():
            raise NotAvailable(f"{row.variable}={value}: no such folder")
        return Path(value).resolve()
    if row.checkout:
        raise NotAvailable(f"it has no package: set {row.variable} to a checkout")
    return None
