"""Commands run in the process of the test."""

from __future__ import annotations

import sys

from mutransfer_cli.cli.main import main


def run(*arguments: object) -> int:
    """The command in this process; its exit code."""
    before, sys.argv = sys.argv, ["mutransfer", *map(str, arguments)]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.argv = before
    return 0
