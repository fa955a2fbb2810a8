"""Text quoted for a language is read back as the same text by that language's own parser."""

from __future__ import annotations

import ast
import io
import json
import math
import shlex
import shutil
import subprocess
from xml.etree import ElementTree

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mutransfer_cli import quoting
from mutransfer_cli.errors import InputError
from tests.helpers.hostile_text import TEXTS

ANY = st.text(st.characters(exclude_categories=[]), max_size=40)  # surrogates among them
UNICODE = st.text(max_size=40)


@given(ANY)
def test_one_line(text: str) -> None:
    line = quoting.one_line(text)
    assert len(line.splitlines()) <= 1
    assert not any(not c.isprintable() and c.isascii() for c in line)
    line.encode()  # no half characters
    if text.isprintable():
        assert line == text


def test_one_line_names_what_does_not_print() -> None:
    assert quoting.one_line("a\nb\x1b\u2028\x00\u202e") == r"a\nb\x1b\u2028\x00\u202e"
    assert quoting.one_line("Θ × √ 中 é") == "Θ × √ 中 é"
    assert quoting.one_line("abcdef", limit=4) == "abc…"


@given(ANY)
def test_python(text: str) -> None:
    values = {text: [text, (1, 2.5, None, True)], "b": {text: text * 3}}
    literal = quoting.python(values)
    assert ast.literal_eval(literal) == values
    assert all(c.isprintable() or c == "\n" for c in literal)


def test_numbers_without_a_literal() -> None:
    values = eval(quoting.python({"a": [math.inf, -math.inf, math.nan, "inf"]}))["a"]
    assert values[:2] == [math.inf, -math.inf] and math.isnan(values[2]) and values[3] == "inf"


def bash(words: list[str]) -> list[str]:
    """The words that bash reads."""
    program = shutil.which("bash")
    assert program is not None
    script = f"printf '%s\\0' {' '.join(words)}\n"
    done = subprocess.run(
        [program], input=script.encode(), capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}
    )
    assert done.stderr == b""
    return done.stdout.decode().split("\0")[:-1]


def test_shell() -> None:
    texts = [t for t in [*TEXTS, "", "plain", "a b"] if t != "\ud800"]
    assert bash(list(map(quoting.shell, texts))) == [t.replace("\x00", "") for t in texts]
    printable = [t for t in texts if t.isprintable()]
    assert shlex.split(" ".join(map(quoting.shell, printable))) == printable


def test_a_shell_word_without_quotes_is_found() -> None:
    assert bash(["$(echo", "injected)"]) == ["injected"]


@given(UNICODE.filter(lambda t: all(ord(c) < 0xD800 or ord(c) > 0xDFFF for c in t)))
def test_yaml(text: str) -> None:
    if all(ord(c) < 0x10000 for c in text):  # PyYAML reads no pairs of surrogates
        assert yaml.safe_load(f"a: {quoting.yaml_scalar(text)}\n") == {"a": text}


@given(ANY)
def test_xml(text: str) -> None:
    case = ElementTree.Element("testcase", name=quoting.xml(text))
    case.text = quoting.xml(text)
    read = ElementTree.fromstring(ElementTree.tostring(case, encoding="unicode"))
    assert (read.text or "").replace("\r", "\n") == quoting.xml(text).replace("\r\n", "\n").replace(
        "\r", "\n"
    )


def test_xml_without_quotes_is_found() -> None:
    case = ElementTree.Element("testcase", name="\x1b")
    with pytest.raises(ElementTree.ParseError):
        ElementTree.fromstring(ElementTree.tostring(case, encoding="unicode"))


@given(ANY)
def test_github(text: str) -> None:
    """Only the command that we write begins a line: the runner splits lines before it reads."""
    line = f"::error title={quoting.github(text, parameter=True)}::{quoting.github(text)}"
    assert len(line.splitlines()) == 1
    parameters = line.removeprefix("::").split("::")[0]
    assert ":" not in parameters and "," not in parameters
    assert quoting.github("50%\n") == "50%25%0A"


@pytest.mark.parametrize("text", TEXTS)
def test_terminal(text: str) -> None:
    line = quoting.terminal(text)
    assert not line.lstrip().startswith("::") and "##[" not in line
    assert len(line.splitlines()) <= 1 and "\x1b" not in line


@pytest.mark.parametrize("text", [*TEXTS, "[/red]", "[bold", "\\[/]"])
def test_rich(text: str) -> None:
    from rich.console import Console
    from rich.table import Table

    out = io.StringIO()
    table = Table(title=quoting.rich(text), caption=quoting.rich(text))
    table.add_column(quoting.rich(text))
    table.add_row(quoting.rich(text))
    Console(file=out, width=8000, force_terminal=False).print(table)
    shown = out.getvalue()
    assert "\x1b" not in shown
    if text == "[/red]":
        assert shown.count("[/red]") == 4


def test_markup_without_quotes_is_found() -> None:
    from rich.console import Console
    from rich.errors import MarkupError

    with pytest.raises(MarkupError):
        Console(file=io.StringIO()).print("[/red]")


@pytest.mark.parametrize("text", TEXTS)
def test_markdown(text: str) -> None:
    for line in (quoting.markdown(text), quoting.markdown_code(text)):
        assert len(line.splitlines()) <= 1
    assert "<" not in quoting.markdown(text)
    assert quoting.markdown_code(text).count("`") == 2


@pytest.mark.parametrize("text", TEXTS)
def test_a_label_of_a_figure(text: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.add_subplot()
    axes.set_title(quoting.plain_label(text))
    figure.savefig(io.BytesIO(), format="svg")


@given(ANY)
def test_errors_are_one_line(text: str) -> None:
    error = InputError(text, (text,), text)
    assert len(str(error).splitlines()) <= 1 and len(str(error)) < 20_000
    json.dumps(str(error)).encode()
