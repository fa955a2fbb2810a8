"""What is built can be installed, runs without the repository, and leaves an installed torch."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import tarfile
import tomllib
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

from mutransfer_cli.version import __version__

pytest.importorskip("setuptools", minversion="77", reason="setuptools 77 or newer builds it")

ROOT = Path(__file__).parents[2]
NEEDED = ("mutransfer_cli", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE")
READ_BY_TESTS = ("docs", "examples", "recipes", "tests", "Makefile", "CHANGELOG.md", "CITATION.cff")
GENERATED = (
    *("docs/_build/index.html", "docs/reference/keys.md", "tests/__pycache__/kept.pyc"),
    *("examples/runs/own-model/study.db", "examples/own_program/runs/own-program/study.db"),
)
BUILD = "import sys; from setuptools import build_meta as b; print(getattr(b, sys.argv[1])('out'))"
DATA = ("py.typed", "report/page/page.css", "report/page/page.js")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the distributions are built from."""
    folder = tmp_path_factory.mktemp("source")
    ignored = shutil.ignore_patterns("__pycache__", "_build", "reference", "runs")
    for name in (*NEEDED, *READ_BY_TESTS):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder)
    return folder


def files_of(path: Path) -> list[Path]:
    return [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]


def built(source: Path, hook: str) -> Path:
    done = subprocess.run(
        [sys.executable, "-c", BUILD, hook], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return source / "out" / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def wheel(source: Path) -> Path:
    return built(source, "build_wheel")


def test_the_wheel_holds_the_package_and_what_it_reads(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (info,) = {n.partition("/")[0] for n in names if ".dist-info/" in n}
        metadata = Parser().parsestr(archive.read(f"{info}/METADATA").decode())
        points = archive.read(f"{info}/entry_points.txt").decode()
    assert {f"mutransfer_cli/{name}" for name in DATA} <= names
    modules = {str(p.relative_to(ROOT)) for p in (ROOT / "mutransfer_cli").rglob("*.py")}
    assert modules <= names
    assert not [n for n in names if n.startswith("tests/")]
    assert "mutransfer = mutransfer_cli.cli.main:main" in points
    assert metadata["Version"] == __version__
    kinds = metadata.get_all("Classifier") or []
    for minor in (11, 12, 13):
        assert f"Programming Language :: Python :: 3.{minor}" in kinds
    assert "Typing :: Typed" in kinds


def test_torch_has_no_upper_bound() -> None:
    """An installed torch would be replaced by one that fits the bound."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (torch,) = (line for line in project["dependencies"] if line.startswith("torch"))
    assert torch == "torch>=2.6"
    extras = project["optional-dependencies"].values()
    assert not [line for lines in extras for line in lines if line.startswith("torch")]


def test_the_source_distribution_builds_the_same_wheel(source: Path, wheel: Path) -> None:
    for name in GENERATED:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("")
    archive = built(source, "build_sdist")
    with tarfile.open(archive) as files:
        files.extractall(source / "unpacked", filter="data")
    (folder,) = (source / "unpacked").iterdir()
    held = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    given = {str(p.relative_to(source)) for n in READ_BY_TESTS for p in files_of(source / n)}
    assert given - set(GENERATED) <= held and "LICENSE" in held
    assert not held & set(GENERATED)  # the control: what is generated was there, and stays
    again = built(folder, "build_wheel")
    with ZipFile(wheel) as first, ZipFile(again) as second:
        assert set(first.namelist()) == set(second.namelist())


@pytest.mark.slow
def test_the_wheel_runs_in_an_environment_of_its_own(wheel: Path, tmp_path: Path) -> None:
    """On top of the packages that are here, pip among them, and without an index."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PIP_"))}
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    (packages,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    # a link to the folder would bring this checkout's own installation along
    (packages / "here.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    python = str(tmp_path / "env" / "bin" / "python")

    def run(*command: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, *map(str, command)],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    version = "import importlib.metadata as m, torch; print(m.version('torch'), torch.__file__)"
    before = run("-c", version).stdout
    assert before
    install = ("-m", "pip", "install", "--no-index", "--force-reinstall", "--no-deps")
    done = run(*install, wheel)
    assert done.returncode == 0, done.stderr
    done = run("-m", "pip", "install", "--no-index", "--dry-run", wheel)
    assert done.returncode == 0 and "torch-" not in done.stdout, done.stdout + done.stderr
    assert run("-c", version).stdout == before
    # the control: an index would be asked for another torch
    assert run("-m", "pip", "install", "--no-index", "--dry-run", "torch<2").returncode != 0
    command = tmp_path / "env" / "bin" / "mutransfer"
    done = subprocess.run(
        [command, "--version"], cwd=tmp_path, env=environment, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout.strip() == __version__
    where = run("-c", "import mutransfer_cli; print(mutransfer_cli.__file__)").stdout
    assert where.startswith(str(tmp_path))
    (tmp_path / "tiny.yaml").write_text(
        "name: tiny\nmodel: {build: mlp}\ndata: {source: teacher, d_in: 8, d_out: 3}\n"
        "base: {width: 8, depth: 1, batch: 4, steps: 2}\n"
    )
    done = run("-m", "mutransfer_cli", "shapes", "tiny.yaml", "--width", 64)
    assert done.returncode == 0 and "readout.weight" in done.stdout, done.stderr
