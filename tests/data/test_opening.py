"""A recipe's data are opened once; a path is the file that it names now."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from mutransfer_cli.data.opening import input_and_class_counts, open_source
from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.schema.recipe import Recipe


def test_a_relative_path_is_the_file_that_it_names_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Two folders, one name; then the file is replaced; unchanged, it is opened once."""
    recipe = loads(
        "name: a\nmodel: {build: gpt, args: {head_dim: 16}}\n"
        "data: {source: text, path: a.txt, seq_len: 8}\n"
        "base: {width: 32, depth: 1, batch: 2, steps: 2}\nladder: {width: [32]}\n"
    ).recipe
    sources = []
    caplog.set_level(logging.INFO, "mutransfer_cli.data")
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.txt").write_text(folder * 500)
        monkeypatch.chdir(tmp_path / folder)
        sources.append(open_source(recipe))
    assert sources[0].digest != sources[1].digest
    assert open_source(recipe) is sources[1]
    opened = [r.getMessage() for r in caplog.records]
    assert len(opened) == 2 and "1500 bytes" in opened[0] and sources[0].digest in opened[0]
    Path("a.txt").write_text("again" * 500)
    assert open_source(recipe).digest not in {s.digest for s in sources}


def table(folder: Path, said: str = "") -> Recipe:
    """A recipe whose data are a file of 20 inputs of 6 numbers in 3 classes."""
    path = folder / "t.npz"
    np.savez(path, x=np.zeros((20, 2, 3)), y=np.arange(20) % 3)
    return loads(
        f"name: t\nmodel: {{build: mlp}}\ndata: {{source: tensors, path: {path}{said}}}\n"
        "base: {width: 32, depth: 1, batch: 2, steps: 2}\nladder: {width: [32]}\n"
    ).recipe


def test_sizes_of_a_file_are_read_from_it(tmp_path: Path) -> None:
    assert input_and_class_counts(table(tmp_path)) == (6, 3)
    assert input_and_class_counts(table(tmp_path, ", d_out: 5")) == (6, 5)  # some never occur


@pytest.mark.parametrize(
    ("said", "line"), [(", d_in: 7", "d_in: .*has 6, .* 7"), (", d_out: 2", "d_out: .*has 3, .* 2")]
)
def test_sizes_that_the_file_does_not_have(tmp_path: Path, said: str, line: str) -> None:
    with pytest.raises(InputError, match=rf"data\.{line}"):
        input_and_class_counts(table(tmp_path, said))


def test_inputs_of_another_shape(tmp_path: Path) -> None:
    """The same numbers in the order of the file; a shape of 5 numbers is refused."""
    flat, shaped = open_source(table(tmp_path)), open_source(table(tmp_path, ", shape: [3, 1, 2]"))
    assert flat.digest == shaped.digest
    (x, y), (as_image, classes) = flat.batch(1, 2, 4), shaped.batch(1, 2, 4)
    assert as_image.shape == (4, 3, 1, 2)
    assert as_image.flatten().equal(x.flatten()) and y.equal(classes)
    assert {x.shape[1:] for x, _ in shaped.validation(2)} == {(3, 1, 2)}
    with pytest.raises(InputError, match=r"data\.shape: 1×5 are 5 numbers, .* tensors has 6"):
        open_source(table(tmp_path, ", shape: [1, 5]"))
