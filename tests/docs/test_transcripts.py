"""A transcript shows what its commands print.

`<!-- transcript -->` before a block of `$ command` lines marks it; the word `slow` leaves it to
`make slow`. A line `…` stands for any lines, `…` within a line for any text. Commands are run in
a copy of what they read, in one folder for each block, so nothing in the repository changes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.pages import Block, all_blocks, blocks_of
from tests.helpers.source import ROOT

READ = ("recipes", "examples", "tests/data")
BLOCKS = [b for b in all_blocks() if b.marks is not None]


def pattern(expected: str) -> re.Pattern[str]:
    """What the output has to match."""
    lines = (
        r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*?") + r"\n"
        for line in expected.strip("\n").split("\n")
    )
    return re.compile("".join(lines) + r"\n*")


def exchanges(block: Block) -> list[tuple[str, str]]:
    """Commands and the output after each."""
    parts = re.split(r"(?m)^\$ (.*)\n", block.text)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def run(command: str, folder: Path) -> str:
    """What a shell prints for a command, with `mutransfer` as the code of this repository."""
    bin_folder = folder / ".bin"
    bin_folder.mkdir(exist_ok=True)
    script = bin_folder / "mutransfer"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mutransfer_cli "$@"\n')
    script.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }
    environment.pop("COLUMNS", None)
    return subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    ).stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that has what the commands of the manual read."""
    for name in READ:
        shutil.copytree(ROOT / name, tmp_path / name)
    page = "docs/check.md"
    code = next(
        b.text
        for b in blocks_of(page, (ROOT / page).read_text())
        if b.language == "python" and "def build" in b.text
    )
    header = (ROOT / "tests/docs/own_training_header.py").read_text()
    (tmp_path / "own_training.py").write_text(header + "\n\n" + code)
    return tmp_path


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(
            b,
            id=f"{b.page}:{b.line}",
            marks=[pytest.mark.slow, pytest.mark.timeout(3600)]
            if "slow" in (b.marks or ())
            else [],
        )
        for b in BLOCKS
    ],
)
def test_a_transcript_is_what_is_printed(block: Block, folder: Path) -> None:
    for command, expected in exchanges(block):
        printed = run(command, folder)
        assert pattern(expected).fullmatch(printed), f"$ {command}\n{printed}"


def test_there_are_transcripts() -> None:
    assert len(BLOCKS) >= 4
    assert all(b.language == "console" for b in BLOCKS)


def test_every_output_that_is_shown_is_a_transcript() -> None:
    shown = [
        (b.page, b.line)
        for b in all_blocks()
        if b.language == "console"
        and b.marks is None
        and any(output.strip() for _, output in exchanges(b))
    ]
    assert shown == []


def test_a_wrong_transcript_is_found(tmp_path: Path) -> None:
    assert pattern("one\n…\nthree … five\n").fullmatch("one\ntwo\nthree four five\n")
    assert not pattern("one\n…\nthree\n").fullmatch("one\ntwo\n")
    assert not pattern("one\n").fullmatch("one\ntwo\n")
    block = Block("p", 1, "console", "$ echo one\ntwo\n", ())
    ((command, expected),) = exchanges(block)
    assert not pattern(expected).fullmatch(run(command, tmp_path))
