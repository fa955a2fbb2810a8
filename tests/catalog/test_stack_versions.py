"""Versions of stacks: what was tried is said everywhere, and an unknown version gets a warning."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import pytest

from mutransfer_cli.catalog.stack_versions import (
    StackVersions,
    TriedVersion,
    version_lines,
    version_warning,
)
from mutransfer_cli.catalog.stacks import STACKS
from mutransfer_cli.emit.scale import scale
from mutransfer_cli.errors import InputError
from tests.helpers.commands import run
from tests.helpers.emit_recipes import CASES, emit_recipe

TRIED = StackVersions(
    package="transformers",
    tried=(
        TriedVersion("5.24.0", "trained", "November 2026"),
        TriedVersion("commit abc of transformers", "built", "May 2026", "without a GPU"),
    ),
    others="4 has other names",
)


def pretend(monkeypatch: pytest.MonkeyPatch, versions: dict[str, str]) -> None:
    def version(name: str) -> str:
        if name not in versions:
            raise importlib.metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(importlib.metadata, "version", version)


@pytest.mark.parametrize(
    ("installed", "warns"),
    [("5.24.0", False), ("5.24.3", False), ("5.24.0+cpu", False), ("5.25.0", True), ("4.9", True)],
)
def test_an_unknown_version_beside_us_is_named(
    monkeypatch: pytest.MonkeyPatch, installed: str, warns: bool
) -> None:
    pretend(monkeypatch, {"transformers": installed})
    warning = version_warning("hf", TRIED)
    assert (warning is not None) == warns
    if warning is not None:
        assert warning.startswith(f"transformers {installed} is installed, and hf was tried with")
        assert "5.24.0" in warning


PACKAGED = [row.name for row in STACKS if row.versions.package]


@pytest.mark.parametrize("format", PACKAGED)
def test_every_format_warns_of_an_unknown_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], format: str
) -> None:
    """In the list of formats, and with its file; nothing is said of releases that were tried."""
    versions = STACKS[format].versions
    released = [t.version for t in versions.tried if not t.version.startswith("commit")]
    recipe, width = accepted_recipe(tmp_path, format)  # imports what asks for real versions
    arguments = ("scale", recipe, "--width", width, "--format", format, "-o", tmp_path / "f")
    for version, warns in (("99.1.0", True), *((v, False) for v in released)):
        pretend(monkeypatch, {versions.package: version})
        assert run("scale", "--list-formats", "--json") == 0
        formats = json.loads(capsys.readouterr().out)["formats"]
        (listed,) = (f["versions"] for f in formats if f["format"] == format)
        assert (listed["installed"], listed["warning"] is not None) == (version, warns)
        assert run(*arguments) == 0
        shown = capsys.readouterr().err
        assert (f"warning: {versions.package} 99.1.0 is installed" in shown) == warns


def accepted_recipe(folder: Path, format: str) -> tuple[Path, str]:
    """A recipe that a format takes, and the target's width."""
    for case in ("llama", "gpt-tied", "gpt"):
        recipe, width = emit_recipe(folder, case), "256" if "model" in CASES[case] else "64"
        try:
            scale(recipe, width=int(width), format=format)
        except InputError:
            continue
        return recipe, width
    raise AssertionError(f"no recipe for {format}")


def test_nothing_is_said_of_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, {})
    assert version_warning("hf", TRIED) is None
    assert version_warning("toy", StackVersions()) is None


def test_the_lines_say_what_was_shown() -> None:
    assert version_lines(TRIED) == [
        "transformers 5.24.0 took the file and trained, in its own code, November 2026",
        "commit abc of transformers took the file and built the model by its own classes; not "
        "trained (without a GPU), May 2026",
        "other versions: 4 has other names",
    ]
    assert version_lines(StackVersions()) == []


def test_every_format_names_its_versions() -> None:
    for row in STACKS:
        assert bool(row.versions.tried) != row.is_document, row.name
        for tried in row.versions.tried:
            assert any(c.isdigit() for c in tried.version) and tried.when, row.name


@pytest.mark.parametrize("format", [row.name for row in STACKS if not row.is_document])
def test_every_file_names_them_at_its_head(tmp_path: Path, format: str) -> None:
    for case in ("llama", "gpt-tied", "gpt"):
        try:
            width = 256 if "model" in CASES[case] else 64
            found = scale(emit_recipe(tmp_path, case), width=width, format=format)
        except InputError:
            continue
        text = found.text()
        head = text[: text.index("\n\n")] if "\n\n" in text else text
        words = " ".join(line.lstrip("# ") for line in head.splitlines())
        for tried in STACKS[format].versions.tried:
            assert tried.version in words
        return
    raise AssertionError(f"no recipe for {format}")


def test_the_list_of_formats(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("scale", "--list-formats") == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert run("scale", "--list-formats", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert next(iter(document)) == "schema" and document["schema"] == "mutransfer/scale/v1"
    assert [f["format"] for f in document["formats"]] == list(STACKS.names)
    for entry in document["formats"]:
        assert f"{entry['format']}: " in shown
        for tried in entry["versions"]["tried"]:
            assert tried["version"].split()[0] in shown
            assert tried["evidence"] in ("trained", "built", "read")
    assert {"litgpt", "maxtext"} <= {f["format"] for f in document["refused"]}


def test_a_warning_reaches_the_terminal_and_the_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = emit_recipe(tmp_path, "gpt")
    arguments = ("scale", recipe, "--width", "64", "--format", "torch", "-o", tmp_path / "p.py")
    for version, warns in (("2.13.0+cpu", False), ("1.4.0", True)):
        pretend(monkeypatch, {"torch": version})
        assert run(*arguments, "--json") == 0
        shown = capsys.readouterr()
        versions = json.loads(shown.out)["versions"]
        assert (versions["installed"], versions["warning"] is not None) == (version, warns)
        assert ("warning: torch 1.4.0 is installed" in shown.err) == warns
        assert "1.4.0" not in (tmp_path / "p.py").read_text()  # the same file on every machine


def test_the_list_imports_no_torch() -> None:
    program = (
        "import sys; sys.argv = ['mutransfer', 'scale', '--list-formats']\n"
        "from mutransfer_cli.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "bad = {'torch', 'transformers', 'numpy', 'lightning'} & set(sys.modules)\n"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
