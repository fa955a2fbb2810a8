"""Finds a pattern's last match in a program's output, in a process of its own with a time limit.

A pattern with nested repetitions can take longer than any sweep, and Python cannot interrupt it.
The process runs this file as a script, so it imports nothing but the standard library.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

LIMIT = 60.0  # seconds
NOT_FINITE = re.compile(r"\b(nan|inf|infinity)\b", re.IGNORECASE)

Match = tuple[str, int, int]


def last_match(pattern: str, output: Path, limit: float = LIMIT) -> Match | None:
    """The last line that matches a pattern, with the start and end of its first group there.

    Args:
        pattern: A regular expression with a group.
        output: The file.
        limit: Seconds after which the search is given up.

    Raises:
        TimeoutError: The search took too long.
    """
    command = [sys.executable, "-I", "-S", "-X", "utf8", __file__, pattern, str(output)]
    try:
        done = subprocess.run(  # Ctrl-C is for the sweep
            command, capture_output=True, check=False, timeout=limit, start_new_session=True
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    if done.returncode != 0:  # such as a Python that starts in no other process
        return search(pattern, output)
    found = json.loads(done.stdout)
    return None if found is None else (found[0], found[1], found[2])


def search(pattern: str, output: Path) -> Match | None:
    """What `last_match` returns, in this process.

    A pattern of digits does not match `nan`. Therefore zeros stand for it while lines are matched,
    so that the loss before it is not taken for the last.
    """
    compiled, last = re.compile(pattern), None
    for line in _lines(output):
        substituted = NOT_FINITE.sub(lambda match: "0" * len(match[0]), line)
        matches = list(compiled.finditer(substituted)) or list(compiled.finditer(line))
        if matches:
            last = line, *matches[-1].span(1)
    return last


def _lines(output: Path) -> Iterator[str]:
    """Lines of the output; a carriage return ends one too, as progress bars write them."""
    with output.open(encoding="utf-8", errors="replace") as handle:
        for line in handle:
            yield line.rstrip("\n")


if __name__ == "__main__":
    json.dump(search(sys.argv[1], Path(sys.argv[2])), sys.stdout)
