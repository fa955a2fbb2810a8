"""Which files a module's source leads to."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

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


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("HERE / 'conf' / 'a.json'", {"conf/a.json"}),
        ("os.path.join(HERE, 'conf', 'a.json')", {"conf/a.json"}),
        ("f'{HERE}/conf/a.json'", {"conf/a.json"}),
        ("HERE + '/conf/a.json'", {"conf/a.json"}),
        ("HERE.joinpath('conf', 'a.json')", {"conf/a.json"}),
        ("(HERE / 'conf').glob('*.yaml')", {"conf/b.yaml", "conf/c.yaml"}),
        ("glob.glob(HERE + '/conf/*.yaml')", {"conf/b.yaml", "conf/c.yaml"}),
        ("(HERE / 'conf').rglob('c.yaml')", {"conf/c.yaml"}),
        ("HERE.rglob('c.yaml')", set()),
        ("HERE.glob(pattern or '*.yaml')", set()),
        ("np.memmap('tokens.bin')", {"tokens.bin"}),
        ("HERE / 'conf' / name", set()),
        ("HERE / 'conf' / name / 'a.json'", set()),
        ("open('conf/other.log')", set()),
        ("'../../..' / '*' / 'a.json'", set()),
    ],
)
def test_files_that_the_source_names_in_parts(
    tmp_path: Path, expression: str, expected: set[str]
) -> None:
    folder = tmp_path / "deep" / "deeper"  # what lies above does not match the last pattern
    files = {"conf/a.json": "", "conf/b.yaml": "", "conf/c.yaml": "", "tokens.bin": "",
             "conf/other.log": "", "model.py": f"x = {expression}\n"}  # fmt: skip
    written(folder, files)
    assert names(folder, "model.py") == {"model.py"} | expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("import_module('parts.one')", {"parts/__init__.py", "parts/one.py"}),
        ("import_module(f'parts.{name}')", {"parts/__init__.py", "parts/one.py", "parts/two.py"}),
        ("import_module('parts.' + name)", {"parts/__init__.py", "parts/one.py", "parts/two.py"}),
        ("import_module('parts.%s' % name)", {"parts/__init__.py", "parts/one.py", "parts/two.py"}),
        ("import_module(name)", {"beside.py"}),
        ("import_module('elsewhere.' + name)", set()),
    ],
)
def test_modules_that_are_imported_by_a_name_in_parts(
    tmp_path: Path, expression: str, expected: set[str]
) -> None:
    files = dict.fromkeys(["parts/__init__.py", "parts/one.py", "parts/two.py", "beside.py"], "")
    written(tmp_path, {**files, "model.py": f"{expression}\n"})
    assert names(tmp_path, "model.py") == {"model.py"} | expected


def test_a_package_that_imports_all_its_modules(tmp_path: Path) -> None:
    text = "for name in names():\n    import_module('.' + name, __package__)\n"
    written(tmp_path, {"model.py": "import parts", "parts/__init__.py": text, "parts/one.py": ""})
    assert names(tmp_path, "model.py") == {"model.py", "parts/__init__.py", "parts/one.py"}


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


def test_modules_elsewhere_on_the_path_unless_they_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # an editable package in src/, a folder on PYTHONPATH, and one with `pip install --target`
    written(
        tmp_path,
        {
            "here/model.py": "import own_library.deep\nimport one_file, installed_there\n",
            "src/own_library/__init__.py": "",
            "src/own_library/deep.py": "from . import beside\nimport one_file\n",
            "src/own_library/beside.py": "open('sizes.json')\n",
            "src/own_library/sizes.json": "{}",
            "src/own_library/unrelated.py": "",
            "path/one_file.py": "import os, sys, json, torch, mutransfer_cli\n",
            "target/installed_there.py": "",
            "target/installed_there-1.0.dist-info/METADATA": "",
            "site-packages/own_library.py": "",
        },
    )
    for folder in ("site-packages", "target", "path", "src"):
        monkeypatch.syspath_prepend(str(tmp_path / folder))
    expected = {
        "model.py", "own_library/__init__.py", "own_library/deep.py", "own_library/beside.py",
        "own_library/sizes.json", "one_file.py",
    }  # fmt: skip
    assert names(tmp_path / "here", "model.py") == expected
    # the negative control: without the folder on the path nothing of it is found
    monkeypatch.setattr("sys.path", [p for p in sys.path if p != str(tmp_path / "path")])
    assert names(tmp_path / "here", "model.py") == expected - {"one_file.py"}
