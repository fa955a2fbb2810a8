"""Generates the reference from the code: recipe keys, commands, JSON documents, Python API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mutransfer_cli import __all__ as public_names
from mutransfer_cli.catalog.commands import COMMANDS
from mutransfer_cli.cli.printed.schema_keys import Key, keys_of, recipe_example
from mutransfer_cli.cli.schema import NAMES, document_model

if TYPE_CHECKING:
    from click import Command


def write_reference(folder: Path) -> None:
    """Write all pages; one that has not changed keeps its date, so that Sphinx reads it once."""
    folder.mkdir(exist_ok=True)
    for name, text in reference_pages().items():
        path = folder / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def reference_pages() -> dict[str, str]:
    """The pages by file name."""
    return {
        "recipe.md": recipe(),
        "commands.md": commands(),
        "documents.md": documents(),
        "python.md": python(),
    }


def recipe() -> str:
    """Every key of a recipe."""
    schema = document_model("recipe").model_json_schema(by_alias=True)
    keys = keys_of(schema, recipe_example())
    head = (
        "# Keys of a recipe\n\n`mutransfer schema recipe --keys` prints this list, `mutransfer "
        "schema recipe` the JSON Schema. Unknown keys are errors, which suggest the nearest one.\n"
    )
    return head + "".join(sections(keys))


def sections(keys: list[Key]) -> Iterator[str]:
    """A table for each section of the recipe."""
    names = dict.fromkeys(key.path.split(".")[0].split("[")[0] for key in keys)
    for name in names:
        own = [key for key in keys if key.path.split(".")[0].split("[")[0] == name]
        yield f"\n## {name}\n\n{table(own)}"


def table(keys: list[Key]) -> str:
    """Keys as a table."""
    rows = (f"| `{key.path}` | {cell(key.meaning)} | {cell(key.facts)} |\n" for key in keys)
    return "| key | meaning | values |\n| --- | --- | --- |\n" + "".join(rows)


def documents() -> str:
    """The fields of every JSON document."""
    parts = [
        "# JSON documents\n\nWhat the commands print under `--json`. Each document carries its "
        "schema and version in `schema`; `mutransfer schema COMMAND` prints the JSON Schema.\n"
    ]
    for name in NAMES:
        if name != "recipe":
            model = document_model(name)
            keys = keys_of(model.model_json_schema(by_alias=True))
            parts.append(f"\n## {name}\n\n{(model.__doc__ or '').strip()}\n\n{table(keys)}")
    return "".join(parts)


def commands() -> str:
    """What `--help` says of every command."""
    from typer.main import get_command

    from mutransfer_cli.cli.main import app

    group = get_command(app)
    parts = ["# Commands\n\nAs `mutransfer COMMAND --help` describes them.\n"]
    for row in COMMANDS:
        parts.append(f"\n## {row.name}\n\n```text\n{help_text(group.commands[row.name])}\n```\n")  # type: ignore[attr-defined] - a group
    return "".join(parts)


def help_text(command: Command) -> str:
    """The help text of one command, 80 columns wide."""
    name = f"mutransfer {command.name}"
    with command.make_context(name, [], resilient_parsing=True, terminal_width=80) as context:
        return command.get_help(context).rstrip()


def python() -> str:
    """The public names, which Sphinx describes by their docstrings."""
    head = "# Python API\n\nThe names that `mutransfer_cli` exports.\n"
    kinds = {name: "autoclass" if name[0].isupper() else "autofunction" for name in public_names}
    blocks = (
        f"\n## {name}\n\n```{{eval-rst}}\n.. {kind}:: mutransfer_cli.api.{name}\n"
        + ("   :members:\n" if kind == "autoclass" else "")
        + "```\n"
        for name, kind in kinds.items()
    )
    return head + "".join(blocks)


def cell(text: str) -> str:
    """Text that is safe in a cell of a table."""
    for mark in "\\|<>*_[]{}$":
        text = text.replace(mark, f"\\{mark}")
    return text
