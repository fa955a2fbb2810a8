"""Tells installed modules from modules of the user's that lie elsewhere on Python's path."""

from __future__ import annotations

import sysconfig
from importlib.util import find_spec
from pathlib import Path

INSTALLERS_FOLDERS = ("site-packages", "dist-packages")
INSTALLED_BESIDE = "*.dist-info"  # of a folder into which `pip install --target` has written


def is_installed(path: Path) -> bool:
    """Whether a file or folder belongs to an installed package or to the standard library."""
    folders = {sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib")}
    return any(name in path.parts for name in INSTALLERS_FOLDERS) or any(
        path.is_relative_to(f) for f in folders
    )


def folders_of(name: str) -> list[Path]:
    """The folders from which a top-level module is imported that is not installed.

    They are on PYTHONPATH, or of a package that is installed as editable; several are those of a
    package without `__init__.py`.
    """
    try:
        spec = find_spec(name)
    except (ImportError, ValueError, AttributeError):  # ValueError: __main__, and modules half made
        return []
    if spec is None:
        return []
    inside = spec.submodule_search_locations
    if inside is None:
        files = [spec.origin] if spec.has_location and spec.origin else []
    else:
        files = list(inside)
    folders = [Path(file).resolve().parent for file in files]
    return [f for f in dict.fromkeys(folders) if not is_installed(f) and not holds_installed(f)]


def holds_installed(folder: Path) -> bool:
    """Whether packages were installed into a folder that is not Python's own."""
    return next(folder.glob(INSTALLED_BESIDE), None) is not None
