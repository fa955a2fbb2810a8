"""Which files the trials of a recipe depend on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mutransfer_cli.recipe.load import loads
from mutransfer_cli.search.provenance.inputs import (
    files_of_callable,
    files_of_command,
    inputs_of,
)
from tests.helpers.recipes import GOOD


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "train.py": "import net\nopen('loss.json', 'w')\nopen('sizes.yaml')\n",
        "net.py": "",
        "loss.json": "{}",
        "sizes.yaml": "",
        "config.json": "{}",
        "run.sh": "# it's a comment\nsource config.env; echo 'open\npython train.py \"$@\"\n",
        "again.sh": "sh again.sh\n",
        "pack/__init__.py": "",
        "pack/__main__.py": "import net",
        "a b.txt": "",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("{python} train.py {lr} {out}", {"train.py", "net.py", "sizes.yaml"}),
        ("python net.py --config=config.json", {"net.py", "config.json"}),
        ("sh run.sh {lr}", {"run.sh", "train.py", "net.py", "sizes.yaml"}),
        ("sh -c 'python train.py --lr {lr}'", {"train.py", "net.py", "sizes.yaml"}),
        ("sh again.sh", {"again.sh"}),  # a script that names itself
        ("sh -c 'cat config.json'", {"config.json"}),
        ("cat 'a b.txt'", {"a b.txt"}),
        ("{python} -m pack {lr}", {"pack/__init__.py", "pack/__main__.py", "net.py"}),
        ("ls nothing.json", set()),
    ],
)  # fmt: skip
def test_files_of_a_command(folder: Path, command: str, expected: set[str]) -> None:
    """A JSON file that a program writes is not taken for one that it reads."""
    assert set(files_of_command(command)) == expected


def test_a_program_of_the_machine_is_none_of_them(folder: Path) -> None:
    assert files_of_command(f"{sys.executable} {{lr}}") == {}
    assert files_of_command("/bin/sh {lr}") == {}


def test_files_of_a_recipe(folder: Path) -> None:
    (folder / "tokens.bin").write_bytes(b"\0\0" * 10)
    text = GOOD.replace("head_dim: 16", "head_dim: 16, vocab_size: 64").replace(
        "{source: stdlib}", "{source: tokens, path: tokens.bin}"
    )
    recipe = loads(text).recipe
    assert set(inputs_of(recipe).files) == set(inputs_of(recipe).data) == {"tokens.bin"}
    hugging = recipe.model.model_copy(
        update={"build": "hf:config.json", "args": {"paths": ["sizes.yaml", "none.yaml"]}}
    )
    inputs = inputs_of(recipe.model_copy(update={"model": hugging}))
    assert set(inputs.code) == {"config.json", "sizes.yaml"}


def test_files_of_a_callable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = type(sys)("train")
    module.__file__ = str(folder / "train.py")
    monkeypatch.setitem(sys.modules, "train", module)
    assert set(files_of_callable("train:build")) == {
        "train.py", "net.py", "sizes.yaml", "loss.json"
    }  # fmt: skip
    package = type(sys)("pack")
    package.__file__ = str(folder / "pack" / "__init__.py")
    monkeypatch.setitem(sys.modules, "pack", package)
    assert set(files_of_callable("pack:build")) == {"pack/__init__.py"}
    assert files_of_callable("not_imported:build") == {}


def test_a_program_that_is_a_module_of_an_editable_package(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = folder / "elsewhere" / "own_training"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "train.py").write_text("from own_training import losses\nimport torch, net\n")
    (package / "losses.py").touch()
    assert files_of_command("python -m own_training.train") == {}
    monkeypatch.syspath_prepend(str(package.parent))
    expected = ["own_training/__init__.py", "own_training/train.py", "own_training/losses.py"]
    assert set(files_of_command("python -m own_training.train")) >= set(expected)
    for word in ("../up", "", "torch.distributed.run", "5"):
        assert files_of_command(f"python -m '{word}'") == {}
