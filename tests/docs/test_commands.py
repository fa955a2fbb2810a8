"""What a page tells its reader to type exists: commands, options, targets of make, modules."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest
from typer.main import get_command

from mutransfer_cli.catalog.commands import COMMANDS
from mutransfer_cli.cli.main import app
from tests.helpers.pages import all_blocks
from tests.helpers.source import ROOT

GROUP = get_command(app)
SHELL = ("sh", "console")


def lines() -> Iterator[tuple[str, str]]:
    """Where a command stands, and the command, without comments."""
    for block in all_blocks():
        if block.language not in SHELL:
            continue
        text = block.text.replace("\\\n", " ")
        for number, line in enumerate(text.splitlines(), block.line + 1):
            if block.language == "sh" or line.startswith("$ "):
                yield f"{block.page}:{number}", line.removeprefix("$ ")


def commands_of(line: str) -> Iterator[list[str]]:
    """The words of each command of a line, without redirections."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;>")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set("|&;"):
            if ">" in words:
                words = words[: words.index(">")]
            if words:
                yield words
            words = []
        else:
            words.append(word)


def fault_of(words: list[str]) -> str | None:
    """What is wrong with a command; None if it can be typed."""
    program, *arguments = words
    if program == "mutransfer":
        return fault_of_options(arguments)
    if program == "make":
        targets = re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text())
        unknown = [a for a in arguments if "=" not in a and a not in targets]
        return f"no target {unknown[0]}" if unknown else None
    if "-m" in arguments and (module := arguments[arguments.index("-m") + 1]).startswith("tests."):
        path = ROOT / module.replace(".", "/")
        exists = path.with_suffix(".py").exists() or (path / "__main__.py").exists()
        return None if exists else f"no module {module}"
    return None


def fault_of_options(arguments: list[str]) -> str | None:
    """What the command line refuses of the arguments of `mutransfer`."""
    if not arguments or arguments[0].startswith("-"):
        return None
    commands = GROUP.commands  # type: ignore[attr-defined] - a group
    if arguments[0] not in commands and not arguments[0].isupper():
        return f"no command {arguments[0]}"
    if arguments[0].isupper():
        return None
    command = commands[arguments[0]]
    known = {option for parameter in command.params for option in parameter.opts}
    given = {a.split("=")[0] for a in arguments[1:] if a.startswith("--")}
    if unknown := given - known - {"--help"}:
        return f"{arguments[0]} has no option {sorted(unknown)[0]}"
    if any(a.isupper() or "…" in a for a in arguments):
        return None  # placeholders stand for values
    try:
        command.make_context(command.name, arguments[1:])
    except Exception as error:  # click's own, wherever typer has it from
        return f"{type(error).__name__}: {getattr(error, 'message', error)}"
    return None


def test_commands_can_be_typed() -> None:
    faults = [
        (where, " ".join(words), fault)
        for where, line in lines()
        for words in commands_of(line)
        if (fault := fault_of(words))
    ]
    assert faults == []


def test_every_command_is_shown_somewhere() -> None:
    shown = {words[1] for _, line in lines() for words in commands_of(line) if len(words) > 1}
    assert {row.name for row in COMMANDS} - shown - {
        "schema",
        "summary",
        "doctor",
        "watch",
    } == set()


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("mutransfer fit runs/my --wide 4096", "no option --wide"),
        ("mutransfer train my.yaml", "no command train"),
        ("mutransfer sweep", "MissingParameter"),
        ("mutransfer fit runs/my --width large", "valid integer"),
        ("make everything", "no target everything"),
        ("python -m tests.benchmarks.nothing 3", "no module"),
    ],
)
def test_a_wrong_command_is_found(line: str, fault: str) -> None:
    (words,) = commands_of(line)
    assert fault in (fault_of(words) or "")


def test_shell_blocks_are_marked() -> None:
    """A block that begins with a command of ours is marked as one, so that it is checked."""
    bare = [
        (b.page, b.line)
        for b in all_blocks()
        if b.language not in SHELL and re.match(r"(\$ )?(mutransfer|make) ", b.text)
    ]
    assert bare == []
