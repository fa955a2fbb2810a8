"""The words after a benchmark's name; `--help` tells what it does and does not start it."""

from __future__ import annotations

import sys


def given_words(description: str | None) -> list[str]:
    """The words of the command line after the module.

    Args:
        description: The benchmark's docstring: `--help` prints it, and it names all options.

    Raises:
        SystemExit: After `--help` (0), or where an option is not in the description (2).
    """
    words = sys.argv[1:]
    if {"-h", "--help"} & set(words):
        print((description or "").strip())
        raise SystemExit(0)
    unknown = [w for w in words if w.startswith("--") and f"[{w}]" not in (description or "")]
    if unknown:
        print(f"no option {unknown[0]}; --help tells what there is", file=sys.stderr)
        raise SystemExit(2)
    return words
