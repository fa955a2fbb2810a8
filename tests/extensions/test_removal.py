"""With one built-in entry of a kind removed, its module and its row, everything else works.

The number of files that the removal touches is the number that adding the entry took.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tests.extensions.conftest import Command
from tests.helpers.registries import REGISTRIES
from tests.helpers.source import PACKAGE
from tests.helpers.warm_start import WarmStart

# One entry of each kind, and how many files it may consist of: its row and its modules.
REMOVED = {
    "optimizers": ("lion", 3),
    "parameterizations": ("mean-field", 2),
    "models": ("convnet", 2),
    "sources": ("teacher", 2),
    "samplers": ("gp", 2),
    "executors": ("ray", 2),
    "pruners": ("median", 2),
    "loggers": ("mlflow", 2),
    "stacks": ("lm-engine", 2),
    "commands": ("init", 3),
    "laws": ("isoflop", 2),
    "probes": ("noise", 2),
}

RECIPE = """\
name: rest
model: {build: mlp, args: {d_in: 64, d_out: 10}}
data: {source: digits}
optimizer: {name: adamw, lr: 0.01}
base: {width: 16, depth: 1, batch: 8, steps: 6}
ladder: {width: [16, 32, 64]}
search: {space: {lr: {log2: [-8, -5], step: 1.0}}, seeds: 2, extend: 0, prune: halving}
"""


def remove(kind: str, name: str, package: Path) -> list[Path]:
    """Delete the row and the modules that it names; the files that were touched."""
    row = getattr(import_module(f"mutransfer_cli.catalog.{kind}"), REGISTRIES[kind])[name]
    paths = [getattr(row, field, None) for field in ("implementation", "batched", "document")]
    modules = [
        package.parent / (path.partition(":")[0].replace(".", "/") + ".py")
        for path in paths
        if path is not None
    ]
    catalog = package / "catalog" / f"{kind}.py"
    text = catalog.read_text()
    (call,) = (
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and any(k.arg == "name" and ast.unparse(k.value) == repr(name) for k in node.keywords)
    )
    lines = text.splitlines(keepends=True)
    assert call.end_lineno is not None
    del lines[call.lineno - 1 : call.end_lineno]
    catalog.write_text("".join(lines))
    for module in modules:
        module.unlink()
    return [catalog, *modules]


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package without one entry of each kind."""
    folder = tmp_path_factory.mktemp("rest")
    package = folder / "mutransfer_cli"
    shutil.copytree(PACKAGE, package)  # with the bytecode: compiling it takes seconds
    for kind, (name, most) in REMOVED.items():
        touched = remove(kind, name, package)
        assert len(touched) <= most, (kind, touched)
    return folder


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )


def test_every_module_and_every_row_loads(rest: Path) -> None:
    code = f"""
import importlib, pathlib
for path in sorted(pathlib.Path("mutransfer_cli").rglob("*.py")):
    name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    if name != "mutransfer_cli.__main__":
        importlib.import_module(name)
for kind, attribute in {REGISTRIES!r}.items():
    for row in getattr(importlib.import_module("mutransfer_cli.catalog." + kind), attribute):
        if row.implementation:
            row.load()
import mutransfer_cli
print(mutransfer_cli.__file__)
"""
    done = run(rest, "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(rest))


@pytest.fixture(scope="module")
def mutransfer(rest: Path) -> Iterator[Command]:
    """The commands of the copy."""
    started = WarmStart({**os.environ, "PYTHONPATH": str(rest)})
    yield lambda *words: started.run(*words, folder=rest)
    started.close()


def test_the_main_job_works(rest: Path, mutransfer: Command) -> None:
    (rest / "recipe.yaml").write_text(RECIPE)
    for command, codes in (
        (("check", "recipe.yaml"), {0}),
        (("sweep", "recipe.yaml", "--run", "run"), {0}),
        (("fit", "run"), {0, 1, 3}),
        (("scale", "recipe.yaml", "--width", "256", "--format", "torch", "-o", "target.py"), {0}),
        (("summary", "run"), {0}),
        (("probe",), {0}),
        (("probe", "norms", "run"), {0, 1, 3}),
        (("probe", "all", "recipe.yaml", "--minutes", "0.1"), {0, 1, 3}),
    ):
        done = mutransfer(*command)
        assert done.returncode in codes, done.stderr


def test_what_was_removed_is_unknown(rest: Path, mutransfer: Command) -> None:
    """The control: the copy is really without them."""
    (rest / "recipe.yaml").write_text(RECIPE)
    for setting in (
        "optimizer.name=lion",
        "parameterization=mean-field",
        "model={build: convnet}",
        "data={source: teacher}",
        "search.sampler=gp",
        "search.prune=median",
    ):
        done = mutransfer("shapes", "recipe.yaml", "--set", setting)
        assert done.returncode == 2, setting
        assert "Traceback" not in done.stderr, done.stderr
    listing = mutransfer("--help").stdout
    assert "\n  init " not in listing and "\n  sweep " in listing
    assert mutransfer("sweep", "recipe.yaml", "--executor", "ray").returncode == 2
    assert mutransfer("sweep", "recipe.yaml", "--log", "mlflow").returncode == 2
    scale = ("scale", "recipe.yaml", "--format", "lm-engine")
    assert mutransfer(*scale).returncode == 2
    assert mutransfer("probe", "noise", "recipe.yaml").returncode == 2
    schema = json.loads(mutransfer("schema", "recipe").stdout)
    assert "lion" not in json.dumps(schema)
