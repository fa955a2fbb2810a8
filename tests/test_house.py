"""Rules of the house that no linter knows: see docs/architecture.md."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from importlib import import_module

import pytest

from tests.benchmarks.given_words import given_words
from tests.helpers import source
from tests.helpers.registries import REGISTRIES

# Folders in which every module is one entry of a registry, or a command's document.
ENTRIES = {
    "catalog",
    "cli",
    "documents",
    "emit/stacks",
    "models/builtin",
    "optimizers",
    "parameterization",
    "data",
    "probes",
    "search/samplers",
    "search/executors",
    "search/pruning",
    "train/batched_optimizers",
}
# Words that are also an ordinary key, method or library somewhere.
ORDINARY = {
    "sources": {"text", "tokens"},
    "pruners": {"none", "median"},
    "stacks": {"json", "torch", "hf"},
    "commands": {"check", "fit", "init", "plan", "report", "scale", "schema", "shapes", "summary",
                 "sweep", "law", "probe", "predict", "doctor", "watch"},
    "laws": {"batch", "optimum", "power"},
}  # fmt: skip
# Two rooms may share a file name where both hold the same thing.
SAME_THING: set[str] = set()


def test_no_circles() -> None:
    assert source.circles() == []


def test_the_search_for_circles_finds_one(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}}
    monkeypatch.setattr(source, "imports", lambda: graph)
    assert source.circles() == [["b", "c"]]


def test_rooms_fit_in_a_head() -> None:
    rooms = Counter(
        str(path.parent.relative_to(source.PACKAGE))
        for path in source.PACKAGE.rglob("*.py")
        if path.name != "__init__.py"
    )
    crowded = {room: n for room, n in rooms.items() if n > 12 and room not in ENTRIES}
    assert crowded == {}, "more than 12 modules: split the room"


def test_files_fit_in_a_head() -> None:
    lengths = {p: len(p.read_text().splitlines()) for p in source.PACKAGE.rglob("*.py")}
    assert {str(p): n for p, n in lengths.items() if n > 300} == {}


def test_file_names_stand_once() -> None:
    rooms: dict[str, set[str]] = defaultdict(set)
    for path in source.PACKAGE.rglob("*.py"):
        folder = str(path.parent.relative_to(source.PACKAGE))
        if path.name != "__init__.py" and folder not in ENTRIES:
            rooms[path.name].add(folder)
    shared = {name: sorted(folders) for name, folders in rooms.items() if len(folders) > 1}
    assert set(shared) <= SAME_THING, shared


@pytest.mark.parametrize("kind", sorted(REGISTRIES.keys() - {"axes"}))
def test_no_list_of_names_stands_twice(kind: str) -> None:
    """A module names at most one entry of a kind, its own registry and its entries aside."""
    registry = getattr(import_module(f"mutransfer_cli.catalog.{kind}"), REGISTRIES[kind])
    names = {row.name for row in registry} - ORDINARY.get(kind, set())
    # what an entry's own module says of itself and its kin is no second list
    own = {row.implementation.partition(":")[0] for row in registry}
    catalog = "mutransfer_cli.catalog."
    several = {
        module: sorted(names & source.strings(module))
        for module in source.modules()
        if not module.startswith(catalog) and module not in own
    }
    assert {module: found for module, found in several.items() if len(found) > 1} == {}


def test_no_list_of_axes_stands_twice() -> None:
    """Width and depth are words of everyday; a list of three or more is a list of the axes."""
    axes = {"width", "depth", "batch", "steps", "duration"}
    lists = {}
    for module, tree in source.modules().items():
        if module == "mutransfer_cli.catalog.axes":
            continue
        for node in ast.walk(tree):
            items = getattr(node, "elts", None) or getattr(node, "keys", None) or []
            words = [item.value for item in items if isinstance(item, ast.Constant)]
            if len(axes & {word for word in words if isinstance(word, str)}) >= 3:
                lists[f"{module}:{node.lineno}"] = words
    assert lists == {}


def test_every_row_loads() -> None:
    for kind, attribute in REGISTRIES.items():
        for row in getattr(import_module(f"mutransfer_cli.catalog.{kind}"), attribute):
            assert not row.implementation or row.load() is not None, (kind, row.name)


def test_public_functions_say_what_they_take() -> None:
    """With four or more parameters: a section Args that names each, in order."""
    wrong = {}
    for name, function in source.public_functions():
        wanted = source.parameters(function)
        if len(wanted) < 4 or _is_command(function):
            continue
        text = ast.get_docstring(function) or ""
        section = re.search(r"^Args:\n((?:    .*\n?|\n)*)", text, flags=re.M)
        listed = re.findall(r"^    ([\w, *]+):", section[1], flags=re.M) if section else []
        named = [part.strip().lstrip("*") for line in listed for part in line.split(",")]
        if [n for n in named if n in wanted] != wanted:
            wrong[name] = [n for n in wanted if n not in named] or "order"
    assert wrong == {}, f"{len(wrong)} functions"


def test_public_functions_say_what_they_raise() -> None:
    """With four or more parameters: what the body itself raises stands in a section Raises."""
    wrong = {}
    for name, function in source.public_functions():
        if len(source.parameters(function)) < 4 or _is_command(function):
            continue
        raised = {
            node.exc.func.id
            for node in ast.walk(function)
            if isinstance(node, ast.Raise)
            and isinstance(node.exc, ast.Call)
            and isinstance(node.exc.func, ast.Name)
        }
        text = ast.get_docstring(function) or ""
        section = text.partition("Raises:")[2]
        missing = {error for error in raised if f"{error}:" not in section}
        if missing:
            wrong[name] = sorted(missing)
    assert wrong == {}


def _is_command(function: ast.FunctionDef) -> bool:
    """Commands: typer's help says what each option is."""
    return "typer." in ast.unparse(function.args) or "options." in ast.unparse(function.args)


def starts_unasked(text: str) -> bool:
    """Whether a program starts its work whatever its words are, `--help` among them."""
    asks = "parse_args()" in text or "given_words(__doc__)" in text
    return '__name__ == "__main__"' in text and ("sys.argv" in text or not asks)


def test_no_benchmark_starts_on_help() -> None:
    programs = sorted((source.ROOT / "tests" / "benchmarks").glob("*.py"))
    assert [p.name for p in programs if starts_unasked(p.read_text())] == []
    begins = 'def main():\n    rounds = {}\nif __name__ == "__main__":\n    main()\n'
    assert starts_unasked(begins.format("sys.argv[1:]")) and starts_unasked(begins.format(5))


def test_help_tells_what_a_benchmark_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def left_by(*words: str) -> tuple[object, str]:
        monkeypatch.setattr("sys.argv", ["benchmark", *words])
        with pytest.raises(SystemExit) as left:
            given_words("Trains all [--train] [NAME…]")
        told = capsys.readouterr()
        return left.value.code, told.out + told.err

    assert left_by("mlp", "--help") == (0, "Trains all [--train] [NAME…]\n")
    assert left_by("--trian")[0] == 2
    monkeypatch.setattr("sys.argv", ["benchmark", "mlp", "--train"])
    assert given_words("Trains all [--train] [NAME…]") == ["mlp", "--train"]
