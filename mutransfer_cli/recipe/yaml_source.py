"""Reads YAML into plain data and remembers the position of every key and value."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

import yaml

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.faults import Fault
from mutransfer_cli.recipe.schema_types import KeyPath

MOST_VALUES = 20_000  # of a recipe, which takes seconds; nested aliases can expand to billions
MOST_LEVELS = 50  # of a recipe; what reads one may call itself for each
_TAG = "tag:yaml.org,2002:"

# The core schema of YAML 1.2, in which 1e-8 is a number and yes, on, 1:30 and dates are text.
RESOLVERS: list[tuple[str, re.Pattern[str], str]] = [
    (_TAG + "bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"),
    (_TAG + "int", re.compile(r"^(?:[-+]?[0-9][0-9_]*|0x[0-9a-fA-F]+|0o[0-7]+)$"), "-+0123456789"),
    (
        _TAG + "float",
        re.compile(
            r"^(?:[-+]?(?:\.[0-9]+|[0-9][0-9_]*\.[0-9]*)(?:[eE][-+]?[0-9]+)?"
            r"|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
        ),
        "-+.0123456789",
    ),
    (_TAG + "null", re.compile(r"^(?:~|null|Null|NULL|)$"), "~nN"),
    (_TAG + "merge", re.compile(r"^(?:<<)$"), "<"),
]


def implicit_resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """The resolvers by first character, as PyYAML expects them."""
    table: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for tag, pattern, first in RESOLVERS:
        for character in [*first, *([""] if tag.endswith("null") else [])]:
            table.setdefault(character, []).append((tag, pattern))
    return table


class _Loader(yaml.SafeLoader):
    """Stops as soon as there are more nodes than `most` values with their keys."""

    yaml_implicit_resolvers = implicit_resolvers()
    file, most, nodes = "", MOST_VALUES, 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.nodes += 1
        if self.nodes > 2 * self.most + 1:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # in its stubs
            position = f"{self.file}:{mark.line + 1}:{mark.column + 1}"
            raise InputError(f"more than {self.most} values", position=position)
        return super().compose_node(parent, index)


@dataclass(frozen=True, slots=True)
class Position:
    """The position of a key or value.

    Attributes:
        text: `file:line:column`, or the command-line option.
        rank: Sort key; positions on the command line come before those in the file.
        origin: Whether the position is in the recipe or on the command line.
    """

    text: str
    rank: tuple[int, int]
    origin: Literal["recipe", "command line"] = "recipe"


@dataclass(slots=True)
class YamlSource:
    """Plain data and the positions of its keys and values.

    Attributes:
        name: Name of the file in positions.
        data: The plain data.
        keys: Position of the key at the end of each path.
        values: Position of the value at each path.
    """

    name: str
    data: Any = None
    keys: dict[KeyPath, Position] = field(default_factory=dict)
    values: dict[KeyPath, Position] = field(default_factory=dict)

    def position(self, fault: Fault) -> Position:
        """The position of a fault; if its key has none, that of the nearest key above."""
        own = (self.keys if fault.at_key else self.values).get(fault.path)
        if own is not None:
            return own
        for length in range(len(fault.path), 0, -1):
            above = self.keys.get(fault.path[:length]) or self.values.get(fault.path[:length])
            if above is not None:
                return above
        return Position(f"{self.name}:1:1", (1, 1))

    def forget(self, path: KeyPath) -> None:
        """Drop the positions of a value that is being replaced, and of everything below it."""
        for table in (self.keys, self.values):
            for known in [p for p in table if p[: len(path)] == path]:
                del table[known]


class _Reader:
    """Turns the nodes of one document into data."""

    def __init__(self, source: YamlSource, most: int) -> None:
        self.source, self.most = source, most
        self.ancestors: set[int] = set()  # ids of the nodes that are being read
        self.count = 0  # values read so far; aliases count every time

    def position(self, node: yaml.Node) -> Position:
        """Where a node starts."""
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        return Position(f"{self.source.name}:{line}:{column}", (line, column))

    def fail(self, node: yaml.Node, path: KeyPath, message: str) -> NoReturn:
        """Raise the error of a node at a path."""
        raise InputError(message, path, self.position(node).text)

    def read(self, node: yaml.Node, path: KeyPath) -> Any:
        """Read a node of any kind and record positions."""
        self.count_value(node, path)
        if id(node) in self.ancestors:
            self.fail(node, path, "an anchor that contains itself")
        if len(path) > MOST_LEVELS:
            self.fail(node, path[:3], "brackets nested too deeply")
        self.source.values[path] = self.position(node)
        self.ancestors.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
                return self.mapping(node, path)
            if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
                return [self.read(n, (*path, str(i))) for i, n in enumerate(node.value)]
            if isinstance(node, yaml.ScalarNode):
                return self.scalar(node, path)
        finally:
            self.ancestors.discard(id(node))
        self.fail(node, path, f"the tag {_short(node.tag)} is not allowed in a recipe")

    def count_value(self, node: yaml.Node, path: KeyPath, number: int = 1) -> None:
        """Count values, also those that a mapping merges: each alias to one counts again.

        Raises:
            InputError: There are too many.
        """
        self.count += number
        if self.count > self.most:
            self.fail(node, path, f"more than {self.most} values, those of aliases counted")

    def mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        """Read a mapping, including merged keys."""
        result: dict[str, Any] = {}
        merged: list[tuple[yaml.ScalarNode, yaml.Node]] = []
        for key, value in self.pairs(node, path, merged):
            child = (*path, key.value)
            if key.value in result:
                line, column = self.source.keys[child].rank
                self.fail(key, child, f"given twice (first at {line}:{column})")
            self.source.keys[child] = self.position(key)
            result[key.value] = self.read(value, child)
        for key, value in merged:  # from `<<: *anchor`; the mapping's own keys win
            if key.value not in result:
                child = (*path, key.value)
                self.source.keys[child] = self.position(key)
                result[key.value] = self.read(value, child)
        return result

    def pairs(
        self,
        node: yaml.MappingNode,
        path: KeyPath,
        merged: list[tuple[yaml.ScalarNode, yaml.Node]],
    ) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
        """A mapping's own keys and values; those that it merges are added to `merged`."""
        own = []
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.fail(key, path, "expected a word as key, found a list or mapping")
            if key.tag == _TAG + "merge":
                several = isinstance(value, yaml.SequenceNode)
                for part in value.value if several else [value]:
                    self.count_value(value, path)
                    if not isinstance(part, yaml.MappingNode):
                        self.fail(value, path, "expected a mapping after <<")
                    if id(part) in self.ancestors:
                        self.fail(value, path, "an anchor that contains itself")
                    self.ancestors.add(id(part))
                    try:
                        inner: list[tuple[yaml.ScalarNode, yaml.Node]] = []
                        merged += self.pairs(part, path, inner) + inner
                        self.count_value(value, path, len(part.value))
                    finally:
                        self.ancestors.discard(id(part))
            else:
                own.append((key, value))
        return own

    def scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Any:
        """Read a scalar."""
        kind = node.tag.removeprefix(_TAG)
        text = str(node.value)
        try:
            if kind == "str":
                text.encode()  # half a character could not be written again
                return text
            if kind == "null":
                return None
            if kind == "bool":
                return {"true": True, "false": False}[text.lower()]
            if kind == "int":
                return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
            if kind == "float":
                return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        except (ValueError, KeyError):
            cut = text if len(text) <= 40 else text[:37] + "..."
            self.fail(node, path, f"not a value of type {kind}: {cut!r}")
        if kind == "merge":
            return text
        self.fail(node, path, f"the tag {_short(node.tag)} is not allowed in a recipe")


def _short(tag: str) -> str:
    return "!!" + tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag


def _flat(text: str) -> str:
    return " ".join(text.split())


def parse(text: str, name: str, most: int = MOST_VALUES) -> YamlSource:
    """Read one YAML document.

    Args:
        text: The document.
        name: Name of the document in positions: `recipe.yaml` gives `recipe.yaml:12:7`.
        most: How many keys and values it may have.

    Raises:
        InputError: The document is not YAML, or contains more than plain data.
    """
    source = YamlSource(name)
    try:
        loader = _Loader(text)
        loader.file, loader.most = name, most
        node = loader.get_single_node()
        if node is not None:
            source.data = _Reader(source, most).read(node, ())
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise InputError(
            f"not YAML: the character {error.character!r} is not allowed",
            position=f"{name}:{line}:{column}",
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f":{mark.line + 1}:{mark.column + 1}" if mark is not None else ""
        words = ", ".join(_flat(str(w)) for w in (error.context, error.problem) if w)
        raise InputError(f"not YAML: {words}", position=f"{name}{at}") from None
    except yaml.YAMLError as error:
        raise InputError(f"not YAML: {_flat(str(error))}", position=name) from None
    except RecursionError:
        raise InputError("not YAML: brackets nested too deeply", position=f"{name}:1:1") from None
    return source
