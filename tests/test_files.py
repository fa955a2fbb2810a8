"""Files are written as a whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.files import ABANDONED_AFTER, PARTIAL, read_json, replacing, write_text


def test_folders_are_made_and_nothing_is_left_beside(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.txt"
    write_text(path, "√2\n")
    assert path.read_bytes() == "√2\n".encode()
    assert list(path.parent.iterdir()) == [path]


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    """As root, a device such as /dev/null would otherwise be a plain file for everybody."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_text(pipe, "text")
    assert os.read(reader, 10) == b"text"
    os.close(reader)
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_an_error_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "kept.txt"
    write_text(path, "before")
    with pytest.raises(RuntimeError), replacing(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_and_a_reader(tmp_path: Path) -> None:
    """Two processes write different texts again and again; every read is one of them."""
    path, count = tmp_path / "values.json", 300
    write_text(path, "0" * 60_000)
    program = (
        "import sys; from pathlib import Path; from mutransfer_cli.files import write_text\n"
        f"for _ in range({count}): write_text(Path(sys.argv[1]), sys.argv[2] * 60_000)"
    )
    command = [sys.executable, "-c", program, str(path)]
    writers = [subprocess.Popen([*command, letter]) for letter in "ab"]
    seen, reads = set(), 0
    while any(writer.poll() is None for writer in writers):
        text = path.read_text()
        assert len(text) == 60_000 and len(set(text)) == 1
        seen.add(text[0])
        reads += 1
    assert [writer.returncode for writer in writers] == [0, 0]
    assert reads > 10 and seen & {"a", "b"}
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_have_partial_files_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with replacing(path) as one, replacing(path) as two:
        assert one != two and one.parent == two.parent == tmp_path
        one.write_text("one")
        two.write_text("two")
    assert path.read_text() == "one"  # which ended last


def test_what_a_killed_writer_left_is_removed_later(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    for name, age in (("old", 2 * ABANDONED_AFTER), ("new", 0.0)):
        left = tmp_path / f".a.txt.{name}{PARTIAL}"
        left.write_text("half")
        os.utime(left, (time.time() - age,) * 2)
    (tmp_path / f".b.txt.old{PARTIAL}").write_text("of another file")
    write_text(path, "all")
    names = sorted(entry.name for entry in tmp_path.iterdir())
    assert names == [f".a.txt.new{PARTIAL}", f".b.txt.old{PARTIAL}", "a.txt"]


def test_a_name_of_255_bytes_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    write_text(path, "text")
    assert path.read_text() == "text"


def test_what_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written: "):
        write_text(tmp_path / "file" / "below.txt", "")


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read: No such file"), ("{", "not a JSON file: ")],
)
def test_json_that_cannot_be_read(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "values.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_json(path)
