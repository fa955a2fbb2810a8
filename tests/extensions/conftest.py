"""The toy package, installed for the commands that a test runs."""

from __future__ import annotations

import os
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers.source import ROOT
from tests.helpers.warm_start import WarmStart

PACKAGE = Path(__file__).parent / "package"
Command = Callable[..., subprocess.CompletedProcess[str]]


def write_metadata(folder: Path) -> None:
    """What an installer leaves beside a package: its name, version and entry points."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    info = folder / "mutransfer_toys-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    groups = (
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in points.items())
        for group, points in project["entry-points"].items()
    )
    (info / "entry_points.txt").write_text("\n".join(groups))


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the toy package is installed."""
    folder = tmp_path_factory.mktemp("site")
    write_metadata(folder)
    path = os.pathsep.join([str(ROOT), str(PACKAGE), str(folder)])
    return {**os.environ, "PYTHONPATH": path}


@pytest.fixture(scope="session")
def warm(toys: dict[str, str]) -> Iterator[WarmStart]:
    """A process that has imported the package, with the toys installed."""
    process = WarmStart(toys)
    yield process
    process.close()


@pytest.fixture
def mutransfer(warm: WarmStart, tmp_path: Path) -> Command:
    """Run a command in an empty folder, with the toys installed."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return warm.run(*arguments, folder=tmp_path)

    return run
