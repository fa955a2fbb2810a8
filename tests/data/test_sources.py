"""Batches depend on seed and step alone; the validation set is fixed and held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mutransfer_cli.data.labelled import Teacher, digits
from mutransfer_cli.data.opening import open_source
from mutransfer_cli.data.stdlib import stdlib
from mutransfer_cli.data.token_stream import text, token_file
from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.load import loads


def test_windows_and_targets(tmp_path: Path) -> None:
    path = tmp_path / "t.bin"
    np.arange(1000, dtype=np.uint16).tofile(path)
    source = token_file(path, 8, 1000)
    x, y = source.batch(0, 0, 4)
    assert x.shape == y.shape == (4, 8)
    assert torch.equal(y, x + 1)  # the file counts up
    assert int(y.max()) < 900  # the last tenth is held out
    held = torch.cat([x for x, _ in source.validation(64)])
    assert int(held.min()) >= 900


def test_batches_are_common_random_numbers() -> None:
    source = stdlib(16)
    assert torch.equal(source.batch(1, 2, 4)[0], source.batch(1, 2, 4)[0])
    assert not torch.equal(source.batch(1, 2, 4)[0], source.batch(1, 3, 4)[0])
    assert not torch.equal(source.batch(1, 2, 4)[0], source.batch(2, 2, 4)[0])


def test_teacher_is_fixed_and_can_be_learned() -> None:
    a, b = (Teacher(8, 4).batch(0, 0, 16) for _ in range(2))
    assert torch.equal(a[0], b[0]) and torch.equal(a[1], b[1])
    assert len(set(a[1].tolist())) > 1


def test_digits() -> None:
    pytest.importorskip("sklearn")
    source = digits()
    x, y = source.batch(0, 0, 32)
    assert x.shape == (32, 64) and float(x.min()) >= 0 and float(x.max()) <= 1
    assert sum(len(x) for x, _ in source.validation(100)) == 360  # every fifth of 1797, rounded up
    assert set(y.tolist()) <= set(range(10))


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.txt: no such file in"):
        text(tmp_path / "none.txt", 8)
    (tmp_path / "odd.bin").write_bytes(b"abc")
    with pytest.raises(InputError, match=r"odd\.bin: 3 bytes are no uint16"):
        token_file(tmp_path / "odd.bin", 8, 256)
    np.full(100, 300, np.uint16).tofile(tmp_path / "high.bin")
    with pytest.raises(InputError, match=r"holds token 300, but model\.args\.vocab_size is 256"):
        token_file(tmp_path / "high.bin", 8, 256)
    (tmp_path / "short.txt").write_text("hello")
    with pytest.raises(InputError, match=r"fewer than data\.seq_len \+ 1 = 65"):
        text(tmp_path / "short.txt", 64)


def test_a_relative_path_is_the_file_that_it_names_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two folders, one name; then the file is written anew; unchanged, it is opened once."""
    made = loads(
        "name: a\nmodel: {build: gpt, args: {head_dim: 16}}\n"
        "data: {source: text, path: a.txt, seq_len: 8}\n"
        "base: {width: 32, depth: 1, batch: 2, steps: 2}\nladder: {width: [32]}\n"
    ).recipe
    found = []
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.txt").write_text(folder * 500)
        monkeypatch.chdir(tmp_path / folder)
        found.append(open_source(made))
    assert found[0].digest != found[1].digest
    assert open_source(made) is found[1]
    Path("a.txt").write_text("again" * 500)
    assert open_source(made).digest not in {s.digest for s in found}
