"""`scale --explain`: which key carries a number, what is written there, and what is trained with.

The keys are looked up in the emitted text; the numbers that result are read from the files by the
independent readers of helpers/emit_readers.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mutransfer_cli.catalog.stacks import STACKS
from mutransfer_cli.cli.printed.explained_keys import show_explanation
from mutransfer_cli.documents.scale import KeyMapping
from mutransfer_cli.emit.scale import EmitResult, scale
from mutransfer_cli.errors import InputError
from tests.helpers.commands import run
from tests.helpers.emit_readers import READERS, Model
from tests.helpers.emit_recipes import CASES, emit_recipe
from tests.helpers.hostile_text import TEXTS

NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d*)?(?:e[-+]?\d+)?(?![\w.])")
EXPLAINED = ("llama", "gpt-tied", "gpt-multipliers", "llama-completep")
BY_USER = {"bsh"}  # the user installs the multipliers; its reader reads no forward pass


def explained(folder: Path, format: str, case: str) -> EmitResult | None:
    """The files of a format with their explanation; None where the format refuses the recipe."""
    width = 256 if "model" in CASES[case] else 64
    depth = CASES[case].get("depth")
    recipe = emit_recipe(folder, case)
    try:
        return scale(recipe, width=width, depth=depth, format=format, explain=True)
    except InputError:
        return None


def rows_of(found: EmitResult) -> tuple[KeyMapping, ...]:
    assert found.document.explanation is not None
    return found.document.explanation


def stands_in(row: KeyMapping, files: dict[str, str]) -> bool:
    """Whether a line of the files has the last word of the key, and the number soon after it."""
    assert row.key is not None
    word = re.findall(r"[\w-]+", row.key)[-1]
    for text in files.values():
        for match in re.finditer(rf"(?<![\w]){re.escape(word)}(?![\w])", text):
            nearby = text[match.end() : match.end() + 200]
            numbers = [float(n) for n in NUMBER.findall(nearby)]
            if row.written is None or any(n == pytest.approx(row.written) for n in numbers):
                return True
    return False


@pytest.mark.parametrize("case", EXPLAINED)
@pytest.mark.parametrize("format", [row.name for row in STACKS])
def test_every_key_stands_in_the_file(tmp_path: Path, format: str, case: str) -> None:
    found = explained(tmp_path, format, case)
    if found is None:
        return
    rows, files = rows_of(found), dict(found.files)
    assert {row.tensor for row in rows} >= {t.name for t in found.document.tensors}
    for row in rows:
        if row.key is not None:
            assert stands_in(row, files), row
        assert row.match != "missing" or row.trained is None
    carried = {row.quantity for row in rows if row.key is not None}
    assert carried >= {"lr", "weight_decay", "init_std"}


def test_a_number_that_is_not_in_the_file_is_noticed(tmp_path: Path) -> None:
    found = explained(tmp_path, "megatron", "gpt-tied")
    assert found is not None
    row = next(r for r in rows_of(found) if r.quantity == "lr")
    assert stands_in(row, dict(found.files))
    assert row.written is not None
    for wrong in ({"written": row.written * 3}, {"key": "--learning-rate"}):
        assert not stands_in(row.model_copy(update=wrong), dict(found.files))


@pytest.mark.parametrize("case", EXPLAINED)
@pytest.mark.parametrize("format", [name for name in READERS if name in STACKS])
def test_the_trained_numbers_are_those_that_the_stack_makes_of_the_file(
    tmp_path: Path, format: str, case: str
) -> None:
    found = explained(tmp_path, format, case)
    another = ("torchtitan", "automodel", "hf-granite")  # architecture than the built-in gpt's
    if found is None or (case.startswith("gpt") and format in another):
        return
    tensors = found.document.tensors
    model = Model(
        {t.name: t.shape for t in tensors},
        {t.name: t.base_shape for t in tensors},
        16 if "model" in CASES[case] else 32,
        any(t.role == "tied" for t in tensors),
    )
    reading = READERS[format](found.files, model)
    for row in rows_of(found):
        read = reading.tensors.get(row.tensor or "")
        if row.tensor is None or read is None or row.trained is None:
            continue
        if row.quantity == "multiplier" and format in BY_USER:
            continue
        value = getattr(read, row.quantity)
        # the init of a Hugging Face model is told from a sample, layer by layer
        sampled = row.quantity == "init_std" and "model" in CASES[case]
        if value is not None:
            assert row.trained == pytest.approx(value, rel=0.1 if sampled else 1e-6), row


def test_deviations_and_equivalent_numbers_are_told_apart(tmp_path: Path) -> None:
    """Granite has one init: embedding and readout trade theirs for their multipliers."""
    found = explained(tmp_path, "hf-granite", "llama")
    assert found is not None
    rows = {(r.tensor, r.quantity): r for r in rows_of(found)}
    embedding = rows["model.embed_tokens.weight", "init_std"]
    assert embedding.match in ("equivalent", "exact")
    assert rows["model.layers.0.mlp.up_proj.weight", "lr"].match == "exact"
    found = explained(tmp_path, "megatron", "gpt-tied")
    assert found is not None
    rows = {(r.tensor, r.quantity): r for r in rows_of(found)}
    # m = 4: independent decay is 0.1 · 4 at the target; Megatron has 0.1 for all matrices
    decay = rows["blocks.0.mlp.up.weight", "weight_decay"]
    assert (decay.planned, decay.trained, decay.match) == (
        pytest.approx(0.4),
        pytest.approx(0.1),
        "deviates",
    )
    # the stack divides by m: 0.04 is written, 0.01 trains
    lr = rows["blocks.0.mlp.up.weight", "lr"]
    assert lr.key == "--lr" and lr.written == pytest.approx(4 * (lr.trained or 0))


def test_the_table_fits_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for format in (row.name for row in STACKS):
        found = explained(tmp_path, format, "llama")
        if found is None:
            continue
        for every in (False, True):
            show_explanation(rows_of(found), every)
            lines = capsys.readouterr().out.splitlines()
            assert max(map(len, lines)) <= 80, max(lines, key=len)
            layers = [line for line in lines if re.match(r"model\.layers\.\d+\.mlp\.up", line)]
            assert len(layers) == (2 if every else 0)


def test_the_command_shows_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = emit_recipe(tmp_path, "gpt-tied")
    arguments = ("scale", recipe, "--width", "64", "--format", "megatron")
    assert run(*arguments, "--explain") == 0
    shown = capsys.readouterr().out
    assert "blocks.*.mlp.up.weight (2 tensors)" in shown
    assert "MUTRANSFER_ARGS" not in shown
    assert run(*arguments, "--explain", "-o", tmp_path / "m.sh") == 0
    assert "MUTRANSFER_ARGS" in (tmp_path / "m.sh").read_text()
    assert run(*arguments, "--explain", "--json") == 0
    assert '"quantity": "lr"' in capsys.readouterr().out
    assert run(*arguments, "--all") == 2
    assert "--all: it belongs to --explain" in capsys.readouterr().err


def shown_mapping(text: str, every: bool, capsys: pytest.CaptureFixture[str]) -> str:
    """What is shown of a tensor whose name ends in a text."""
    row = KeyMapping(
        tensor=f"a.0.b{text}", quantity="lr", planned=1.0, key=f"TENSORS['a.0.b{text}']['lr']",
        written=2.0, trained=1.0, match="exact",
    )  # fmt: skip
    show_explanation([row], every)
    return capsys.readouterr().out


def test_names_from_outside_move_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    """None begins a line; a mapping takes up to five lines: heading, name, numbers, key, value."""
    for text in TEXTS:
        for every in (False, True):
            shown = shown_mapping(text, every, capsys)
            lines = shown.splitlines()
            assert all(c.isprintable() for c in shown.replace("\n", ""))
            for part in filter(None, text.splitlines()[1:]):
                assert not any(line.lstrip().startswith(part) for line in lines)
            assert len(lines) <= 5 + len(text) // 10
