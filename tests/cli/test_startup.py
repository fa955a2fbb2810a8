"""`--help` and schemas answer without torch, optuna, scipy or matplotlib."""

from __future__ import annotations

import subprocess
import sys

import pytest


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
    heavy = "{'torch', 'optuna', 'mup', 'scipy', 'matplotlib'}"
    code = (
        "import sys, atexit\n"
        f"sys.argv = ['mutransfer', *{command!r}]\n"
        "from mutransfer_cli.cli.main import main\n"
        f"atexit.register(lambda: print('LOADED', {heavy} & set(sys.modules), file=sys.stderr))\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "LOADED set()" in done.stderr
