"""Which files a module's source leads to."""

from __future__ import annotations

from pathlib import Path

from mutransfer_cli.search.provenance.source_files import module_files


def written(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def names(folder: Path, first: str, root: Path | None = None) -> set[str]:
    return set(module_files(folder / first, root or folder))


def test_imports_are_followed_in_the_own_folder_only(tmp_path: Path) -> None:
    written(
        tmp_path,
        {
            "model.py": "import torch, numpy\nimport blocks.mlp as m\nfrom tools import norm\n",
            "blocks/__init__.py": "",
            "blocks/mlp.py": "from . import gates\nfrom .deep.inner import x\n",
            "blocks/gates.py": "",
            "blocks/deep/__init__.py": "",
            "blocks/deep/inner.py": "from ...tools import other\n",
            "tools.py": "def norm():\n    import lazily\n",
            "lazily.py": "import importlib\nimportlib.import_module('by_name')\n",
            "by_name.py": "import model\n",  # a circle
            "unrelated.py": "",
        },
    )
    assert names(tmp_path, "model.py") == {
        "model.py", "blocks/__init__.py", "blocks/mlp.py", "blocks/gates.py",
        "blocks/deep/__init__.py", "blocks/deep/inner.py", "tools.py", "lazily.py", "by_name.py",
    }  # fmt: skip


def test_files_that_the_source_names(tmp_path: Path) -> None:
    written(
        tmp_path,
        {
            "model.py": "import json\nsizes = json.load(open('sizes.json'))\nopen('missing.json')\n"
            "text = 'no file.py'\n",
            "sizes.json": "{}",
            "other.json": "{}",
        },
    )
    assert names(tmp_path, "model.py") == {"model.py", "sizes.json"}


def test_a_source_that_cannot_be_parsed_counts_itself(tmp_path: Path) -> None:
    written(tmp_path, {"model.py": "import other\n def", "other.py": ""})
    assert names(tmp_path, "model.py") == {"model.py"}


def test_only_the_own_package_of_an_installed_one(tmp_path: Path) -> None:
    written(
        tmp_path,
        {"own/__init__.py": "import own.part, foreign\n", "own/part.py": "", "foreign.py": ""},
    )
    files = module_files(tmp_path / "own/__init__.py", tmp_path, top="own")
    assert set(files) == {"own/__init__.py", "own/part.py"}
