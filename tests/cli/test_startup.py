"""`--help` and schemas answer without torch, optuna, scipy or matplotlib; a fit without torch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"torch", "optuna", "mup", "scipy", "matplotlib"}


def loaded_by(command: list[str], **environment: str) -> set[str]:
    """Which heavy packages a command imports."""
    return set(loading(command, **environment).stderr.splitlines()[-1].split()[1:])


def loading(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """The command, whose last line on stderr names the heavy packages that it imported."""
    code = (
        "import sys, atexit\n"
        f"sys.argv = ['mutransfer', *{command!r}]\n"
        "from mutransfer_cli.cli.main import main\n"
        f"loaded = lambda: sorted({HEAVY!r} & set(sys.modules))\n"
        "atexit.register(lambda: print('LOADED', *loaded(), file=sys.stderr))\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1].split()[0] == "LOADED"
    return done


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["sweep", "--help"],
        ["check", "--help"],
        ["schema", "check"],
        ["schema", "scale"],
    ],
)
def test_help_and_schema_load_no_torch(command: list[str]) -> None:
    assert not loaded_by(command)


def test_the_fit_of_a_table_loads_no_torch(tmp_path: Path) -> None:
    """It loads scipy, which shows that what is loaded would be seen."""
    table = tmp_path / "runs.csv"
    rows = [
        f"{width},{2.0**x},{3 + 0.03 * (x + 8 + 0.1 * rung) ** 2}"
        for rung, width in enumerate((32, 64, 128))
        for x in range(-11, -4)
    ]
    table.write_text("\n".join(["width,lr,loss", *rows]))
    assert loaded_by(["fit", str(table)]) == {"scipy"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_shown_without_torch(shell: str) -> None:
    done = loading(["--show-completion", shell], _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert "_MUTRANSFER_COMPLETE=complete_" in done.stdout
    assert done.stderr.splitlines()[-1] == "LOADED"


def test_a_command_is_completed_without_torch() -> None:
    words = {"COMP_WORDS": "mutransfer sw", "COMP_CWORD": "1"}
    done = loading([], _MUTRANSFER_COMPLETE="complete_bash", **words)
    assert done.stdout.split() == ["sweep"]
    assert done.stderr.splitlines()[-1] == "LOADED"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("mutransfer probe ent", ["entangle"]),
        ("mutransfer scale r --format megat", ["megatron"]),
        ("mutransfer schema reci", ["recipe"]),
    ],
)
def test_a_name_is_completed(line: str, expected: list[str]) -> None:
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    done = loading([], _MUTRANSFER_COMPLETE="complete_bash", **words)
    assert done.stdout.split() == expected
    assert done.stderr.splitlines()[-1] == "LOADED"
