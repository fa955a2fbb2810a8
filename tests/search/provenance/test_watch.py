"""Files that change while a sweep is running."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.search.provenance.inputs import Inputs
from mutransfer_cli.search.provenance.watch import UNREADABLE, Watch, digest_of


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    code, data = tmp_path / "m.py", tmp_path / "tokens.bin"
    code.write_text("x = 1")
    data.write_bytes(b"ab" * 3_000_000)
    return Watch(Inputs({"m.py": code}, {"tokens.bin": data}))


def test_nothing_changed(watch: Watch) -> None:
    for path in watch.inputs.files.values():
        os.utime(path)  # touched, as by a backup
    watch.require_unchanged()
    assert watch.note() is None


def test_one_byte_in_the_middle_with_the_old_times(watch: Watch) -> None:
    path = watch.inputs.data["tokens.bin"]
    times = path.stat()
    with path.open("r+b") as file:
        file.seek(3_000_000)
        file.write(b"x")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(InputError, match=r"^tokens\.bin: changed while the sweep was running"):
        watch.require_unchanged()


@pytest.mark.parametrize("again", [True, False])
def test_code_matters_where_it_is_read_again(watch: Watch, again: bool) -> None:
    watch.reads_code_again = again
    watch.inputs.code["m.py"].unlink()
    if again:
        with pytest.raises(InputError, match=r"^m\.py: changed"):
            watch.require_unchanged()
    else:
        watch.require_unchanged()
        assert "with the code as it was at the start" in str(watch.note())


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    assert digest_of(tmp_path / "none") == UNREADABLE
