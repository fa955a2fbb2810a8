"""The keys of a JSON Schema as a list for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]
PLURALS = {
    "a section": "sections",
    "a list": "lists",
    "number": "numbers",
    "integer": "integers",
    "text": "texts",
}
BOUNDS = {  # by JSON Schema's keyword, and by pydantic's where it knows no type for it
    "minimum": "at least", "ge": "at least", "exclusiveMinimum": "above", "gt": "above",
    "maximum": "at most", "le": "at most", "exclusiveMaximum": "below", "lt": "below",
}  # fmt: skip


@dataclass(frozen=True)
class Key:
    """One key.

    Attributes:
        path: Its path, such as `search.space.NAME.log2`.
        meaning: What it says; empty where the code does not describe it.
        facts: Its type, its default or that it is required, and an example.
    """

    path: str
    meaning: str
    facts: str


def keys_of(schema: Schema, example: Any = None) -> list[Key]:
    """Every key of a schema, those of sections below them.

    Args:
        schema: The schema of a pydantic model, with its `$defs`.
        example: A document of which the values are shown as examples; None for none.
    """
    return list(_keys(schema, schema.get("$defs", {}), "", example, ()))


def _keys(
    section: Schema, parts: dict[str, Schema], prefix: str, example: Any, inside: tuple[str, ...]
) -> Iterator[Key]:
    required = section.get("required", ())
    for name, own in section.get("properties", {}).items():
        path = f"{prefix}{name}"
        value = example.get(name) if isinstance(example, dict) else None
        facts = [type_text(own, parts)]
        if name in required:
            facts.append("required")
        elif "default" in own:
            facts.append(f"default {json.dumps(own['default'], ensure_ascii=False)}")
        if value is not None and not isinstance(value, dict):
            facts.append(f"example {json.dumps(value, ensure_ascii=False)}")
        meaning = own.get("description") or _section_of(own, parts).get("description", "")
        yield Key(path, " ".join(meaning.split()), "; ".join(facts))
        for part, suffix in _sections(own):
            if part not in inside:  # a document may hold one of its own kind
                below = value
                if suffix and isinstance(value, dict):
                    below = next(iter(value.values()), None)
                yield from _keys(parts[part], parts, f"{path}{suffix}.", below, (*inside, part))


def _section_of(own: Schema, parts: dict[str, Schema]) -> Schema:
    """The section that a key refers to, which describes it where the key does not."""
    return parts.get(own.get("$ref", "").rpartition("/")[2], {})


def _sections(own: Schema) -> list[tuple[str, str]]:
    """Names of the sections that a value may hold, and what stands between its key and theirs."""
    found = []
    if "$ref" in own:
        found.append((own["$ref"].rpartition("/")[2], ""))
    for option in (*own.get("anyOf", ()), *own.get("allOf", ())):
        found += _sections(option)
    for key, suffix in (("items", "[]"), ("additionalProperties", ".NAME")):
        if isinstance(own.get(key), dict):
            found += [(part, suffix + rest) for part, rest in _sections(own[key])]
    return list(dict.fromkeys(found))


def type_text(own: Schema, parts: dict[str, Schema]) -> str:
    """The type of a value in words, with its bounds.

    Args:
        own: The schema of the value.
        parts: The sections that it may refer to.
    """
    options = own.get("anyOf") or own.get("allOf")
    if options:
        return " or ".join(dict.fromkeys(type_text(option, parts) for option in options))
    if "enum" in own:
        return " | ".join(map(str, own["enum"]))
    if "const" in own:
        return json.dumps(own["const"])
    if "$ref" in own:
        part = _section_of(own, parts)
        return "a section" if "properties" in part else type_text(part, parts)
    kind = own.get("type")
    if kind == "array":
        return f"a list of {many(type_text(own['items'], parts))}" if "items" in own else "a list"
    if kind == "object":
        below = own.get("additionalProperties")
        if not isinstance(below, dict):
            return "a mapping"
        return f"a mapping of names to {many(type_text(below, parts))}"
    words = {"string": "text", "boolean": "true or false", "null": "null", None: "any value"}
    limits = [f"{word} {own[bound]:g}" for bound, word in BOUNDS.items() if bound in own]
    text = words.get(kind, str(kind))
    return f"{text}, {', '.join(limits)}" if limits else text


def many(text: str) -> str:
    """The words for several values of a type."""
    for one, several in PLURALS.items():
        if text == one or text.startswith((f"{one},", f"{one} ")):
            return several + text.removeprefix(one)
    return text


def recipe_example() -> Any:
    """The values of the recipe that `mutransfer init` writes."""
    import yaml

    from mutransfer_cli.recipe.starter.template import template

    return yaml.safe_load(template("gpt", "my-study"))
