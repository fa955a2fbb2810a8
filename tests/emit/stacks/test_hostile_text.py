"""In every format, text of a recipe, a fit or a model arrives as data, whatever it says.

A file made from hostile text has to have the structure of the one made from harmless text: the same
syntax tree, the same words of a shell, the same nodes of YAML and JSON, only other texts in them.
"""

from __future__ import annotations

import ast
import builtins
import json
import shutil
import subprocess
import symtable
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml

from mutransfer_cli.catalog.stacks import STACKS
from mutransfer_cli.documents.scale import ScaleDocument
from mutransfer_cli.emit import scale as scale_module
from mutransfer_cli.emit.core import comments
from mutransfer_cli.emit.core.protocol import EmitRequest, ResolvedConfig
from mutransfer_cli.emit.scale import EmitResult, scale
from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.load import override
from mutransfer_cli.recipe.schema.recipe import Recipe
from tests.helpers.emit_recipes import CASES, emit_recipe
from tests.helpers.hostile_text import (
    CLOSED,
    TEXTS,
    mixed_config,
    mixed_document,
    mixed_request,
    with_every_field,
)
from tests.helpers.text_fields import places_of, text_fields

HARMLESS = "x"
Parts = tuple[EmitRequest, ResolvedConfig, ScaleDocument]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Parts]:
    """What every format of the catalog is rendered from, for the first recipe that it takes."""
    found: dict[str, Parts] = {}
    with pytest.MonkeyPatch.context() as patch:
        captured: list[tuple[EmitRequest, ScaleDocument]] = []

        def capture(
            request: EmitRequest, document: ScaleDocument, with_keys: bool = False
        ) -> EmitResult:
            captured.append((request, document))
            resolved = STACKS[request.format].load().resolve(request)
            found[request.format] = (request, resolved, with_every_field(document))
            return EmitResult(document, {"x": ""})

        patch.setattr(scale_module, "emit", capture)
        for row in STACKS:
            for case in ("llama", "gpt", "gpt-tied"):
                folder = tmp_path_factory.mktemp("recipe")
                width = 256 if "model" in CASES[case] else 64
                try:
                    scale(emit_recipe(folder, case), width=width, format=row.name)
                    break
                except InputError:
                    continue
    assert found.keys() == {row.name for row in STACKS}
    return found


def rendered(parts: Parts, text: str) -> dict[str, str]:
    """The files of a format, with a text in every field."""
    request, resolved, document = parts
    files: dict[str, str] = (
        STACKS[request.format]
        .load()
        .render(
            mixed_request(request, text),
            mixed_config(resolved, text),
            mixed_document(document, text),
        )
    )
    return files


def structure(name: str, text: str, folder: Path) -> object:
    """What a file consists of, without its texts."""
    unseen = [c for c in text if not c.isprintable() and c != "\n"]
    assert unseen == [], "a character that moves the cursor or ends a line"
    match Path(name).suffix:
        case ".py":
            compile(text, name, "exec")
            return [blank(node) for node in ast.parse(text).body]
        case ".json":
            return shape(json.loads(text))
        case ".yaml" | ".bsh":
            return shape(yaml.safe_load(text))
        case ".sh":
            return words(text, folder)
    raise AssertionError(f"{name}: no reader for this kind of file: add one")


def blank(node: ast.AST) -> str:
    """A syntax tree as text, with one word in place of every text of it."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            inner.value = "text"
    return ast.dump(node)


def shape(value: Any) -> Any:
    """Plain data with one word in place of every text, keys too."""
    if isinstance(value, dict):
        return [("text" if isinstance(k, str) else k, shape(v)) for k, v in value.items()]
    if isinstance(value, list):
        return [shape(item) for item in value]
    return "text" if isinstance(value, str) else value


def words(text: str, folder: Path) -> list[str]:
    """The words that a shell makes of a script that it sources, without their values' texts."""
    (folder / "args.sh").write_text(text)
    shell = shutil.which("bash")
    assert shell is not None
    script = 'source ./args.sh && printf "%s\\0" "${MUTRANSFER_ARGS[@]}"'
    done = subprocess.run(
        [shell, "-c", script], cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert [p.name for p in folder.iterdir()] == ["args.sh"], "a command was run"
    return done.stdout.split("\0")


@pytest.mark.parametrize("name", [row.name for row in STACKS])
def test_text_arrives_as_data(name: str, parts: dict[str, Parts], tmp_path: Path) -> None:
    expected = {
        file: structure(file, text, tmp_path)
        for file, text in rendered(parts[name], HARMLESS).items()
    }
    for hostile in TEXTS:
        files = rendered(parts[name], hostile)
        assert files.keys() == expected.keys()
        for file, text in files.items():
            assert structure(file, text, tmp_path) == expected[file], (file, hostile)


def undefined(text: str) -> set[str]:
    """Names that a Python file reads and nothing defines, as a linter finds them (F821)."""
    tables = [symtable.symtable(text, "file.py", "exec")]
    defined = {*vars(builtins), "__file__"}
    defined |= {s.get_name() for s in tables[0].get_symbols() if s.is_assigned() or s.is_imported()}
    defined |= {s.get_name() for s in tables[0].get_symbols() if s.is_namespace()}
    read = set()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        read |= {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
    return read - defined


@pytest.mark.parametrize("name", [row.name for row in STACKS])
def test_python_files_define_what_they_read(name: str, parts: dict[str, Parts]) -> None:
    assert undefined("def f(): return x") == {"x"}
    for file, text in rendered(parts[name], HARMLESS).items():
        assert file.endswith((".json", ".yaml", ".sh", ".bsh")) or undefined(text) == set()


@pytest.mark.parametrize("name", [row.name for row in STACKS])
def test_no_text_field_is_left_out(name: str, parts: dict[str, Parts]) -> None:
    """Derived from the classes of the documents: a field that is added has to be filled here."""
    mark = "MARK"
    assert text_fields(ScaleDocument) <= places_of(mixed_document(parts[name][2], mark), mark)


@pytest.mark.parametrize("name", [row.name for row in STACKS])
def test_no_text_of_a_recipe_is_left_out(name: str, parts: dict[str, Parts]) -> None:
    """Every field of a recipe, but those that refuse such texts."""
    mark = "MARK"
    fields = text_fields(Recipe) - CLOSED
    open_fields = {f for f in fields if f"{f}[]" not in fields}  # one text or several: several
    assert open_fields <= places_of(mixed_request(parts[name][0], mark).recipe, mark)


@pytest.mark.parametrize("field", sorted(CLOSED))
def test_closed_fields_of_a_recipe_refuse_such_texts(field: str, parts: dict[str, Parts]) -> None:
    recipe = parts["torch"][0].recipe
    now = reduce(getattr, field.split("."), recipe)
    override(recipe, {field: now})  # the control
    for text in TEXTS:
        with pytest.raises(InputError):
            override(recipe, {field: f"{now}{text}"})


def test_a_text_field_that_is_left_out_is_found(parts: dict[str, Parts]) -> None:
    class Longer(ScaleDocument):
        remarks: dict[str, tuple[str, ...]] | None = None

    assert text_fields(Longer) - text_fields(ScaleDocument) == {"remarks{}", "remarks[][]"}
    document = Longer.model_construct(**dict(parts["torch"][2]))
    assert not {"remarks{}", "remarks[][]"} & places_of(mixed_document(document, "MARK"), "MARK")


def test_names_arrive_unchanged(parts: dict[str, Parts]) -> None:
    """The text is not only harmless: a program that reads the file finds the name of the tensor."""
    for hostile in TEXTS:
        (text,) = rendered(parts["torch"], hostile).values()
        values = next(
            node.value
            for node in ast.parse(text).body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TENSORS"
        )
        names = {t.name + hostile for t in parts["torch"][0].plan.tensors}
        assert ast.literal_eval(values).keys() == names
        (shapes,) = rendered(parts["bsh"], hostile).values()
        expected = {t.name + hostile for t in parts["bsh"][0].plan.tensors}
        if hostile != "\ud800":  # PyYAML reads no half characters
            assert yaml.safe_load(shapes).keys() == expected
        (document,) = rendered(parts["json"], hostile).values()
        assert json.loads(document)["notes"][-1] == "a note" + hostile


@pytest.mark.parametrize("name", [row.name for row in STACKS if not row.is_document])
def test_an_emitter_without_quotes_is_found(
    name: str, parts: dict[str, Parts], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comments, "one_line", str)
    with pytest.raises((AssertionError, SyntaxError, ValueError, yaml.YAMLError, OSError,
                        subprocess.CalledProcessError)):  # fmt: skip
        test_text_arrives_as_data(name, parts, tmp_path)


def test_a_shell_that_runs_text_is_found(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="a command was run"):
        words("MUTRANSFER_ARGS=(\n  --lr $(touch PWNED)\n)\n", tmp_path)
