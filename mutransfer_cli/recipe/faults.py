"""Faults of a recipe, and the translation of pydantic's errors into readable faults."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mutransfer_cli.catalog.fields import show
from mutransfer_cli.errors import InputError, suggestion
from mutransfer_cli.recipe.likely_form import likely_list, likely_mapping
from mutransfer_cli.recipe.likely_number import likely_number
from mutransfer_cli.recipe.schema_types import KeyPath, section_at, section_keys, sections_with


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a recipe.

    Attributes:
        path: Path of the key at fault.
        message: What is wrong and what is expected.
        at_key: Whether to show the position of the key instead of that of its value.
    """

    path: KeyPath
    message: str
    at_key: bool = False

    def __str__(self) -> str:
        return f"{'.'.join(self.path)}: {self.message}" if self.path else self.message

    def error(self, position: str = "") -> InputError:
        """The fault as an exception; `position` is where the key or value stands."""
        return InputError(self.message, self.path, position)


def unknown_key(word: str, known: Iterable[str], model: type[BaseModel] | None = None) -> str:
    """The message for a key that does not exist.

    Args:
        word: The key.
        known: The keys of its section.
        model: The whole recipe, whose other sections may have the key.
    """
    known_keys = list(known)
    others = [] if model is None else sections_with(model, word)
    if others:
        hint = f"; {', '.join(others)} {'has' if len(others) == 1 else 'have'} it"
    else:
        hint = suggestion(word, known_keys)
    return f"unknown key{hint} (known: {', '.join(known_keys)})"


def is_misspelt(missing: Sequence[object], unknown: Iterable[Sequence[object]]) -> bool:
    """Whether a missing key is close to an unknown one of the same section."""
    beside = [str(path[-1]) for path in unknown if path[:-1] == missing[:-1]]
    return bool(suggestion(str(missing[-1]), beside))


def _message(kind: str, context: dict[str, Any], value: Any) -> str:
    """The message for one of pydantic's error types."""
    bound = {"greater_than_equal": ("at least", "ge"), "greater_than": ("above", "gt"),
             "less_than_equal": ("at most", "le"), "less_than": ("below", "lt")}  # fmt: skip
    if kind in bound:
        word, key = bound[kind]
        return f"expected {word} {context[key]:g}, found {show(value)}"
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", str(context["expected"]))
        hint = suggestion(value, choices) if isinstance(value, str) else ""
        return f"expected {' | '.join(choices)}, found {show(value)}{hint}"
    if kind == "string_pattern_mismatch":
        rule = "expected letters, digits, '.', '_' or '-' (a letter or digit first)"
        return f"{rule}, found {show(value)}"
    expected = {
        "int_parsing": "an integer",
        "int_from_float": "an integer",
        "float_parsing": "a number",
        "string_type": "text",
        "string_too_short": "text",
        "bool_type": "true or false",
        "tuple_type": "a list",
        "list_type": "a list",
        "too_short": "a list with at least one entry",
        "dict_type": "a mapping",
        "model_type": "a mapping",
        "model_attributes_type": "a mapping",
    }
    return f"expected {expected.get(kind, 'something else')}, found {show(value)}"


def _likely(kind: str, path: KeyPath, value: Any) -> str:
    """What somebody meant who wrote a value of another kind; empty where nothing is likely."""
    if kind in ("dict_type", "model_type", "model_attributes_type"):
        return likely_mapping(path, value)
    return likely_list(value) if kind in ("tuple_type", "list_type") else ""


def _likely_number(
    model: type[BaseModel], path: KeyPath, prefix: KeyPath, item: ErrorDetails
) -> str:
    """What somebody meant who wrote no number where one stands; empty where nothing is likely."""
    found, value = item["msg"], item.get("input")
    if found.startswith("expected two numbers in brackets") and path[-1:] == ("betas",):
        return f"; write [{value}, 0.999]" if isinstance(value, float) else ""
    if not found.startswith(("expected a number, found", "expected an integer, found")):
        return ""
    section = section_at(model, path[:-1])
    field = section.model_fields.get(path[-1]) if section and path else None
    return likely_number(prefix + path, value, field is not None and field.default is None)


def value_message(error: ValidationError) -> str:
    """What is wrong with a single value, such as that of an option.

    Args:
        error: The error that pydantic raised.
    """
    first = error.errors(include_url=False)[0]
    return _message(first["type"], first.get("ctx") or {}, first.get("input"))


def faults_of(error: ValidationError, model: type[BaseModel], prefix: KeyPath = ()) -> list[Fault]:
    """All errors of a validation, as faults.

    Args:
        error: The error that pydantic raised.
        model: The section that was validated.
        prefix: The section's key path in the recipe.
    """
    result = []
    items = error.errors(include_url=False)
    unknown = [item["loc"] for item in items if item["type"] == "extra_forbidden"]
    for item in items:
        path = tuple(str(part) for part in item["loc"])
        kind = item["type"]
        if kind == "missing" and is_misspelt(item["loc"], unknown):
            continue  # the unknown key's own fault suggests it
        if kind == "extra_forbidden":
            section = section_at(model, path[:-1])
            known = section_keys(section) if section else ()
            message = unknown_key(path[-1], known, None if prefix else model)
            result.append(Fault(prefix + path, message, at_key=True))
        elif kind == "missing":
            message = "missing"
            if not prefix and len(path) == 1:
                message = "missing; a recipe needs name, model, data and base"
            result.append(Fault(prefix + path, message, at_key=True))
        elif kind == "recipe":
            likely = _likely_number(model, path, prefix, item)
            result.append(Fault(prefix + path, item["msg"] + likely))
        else:
            message = _message(kind, item.get("ctx") or {}, item.get("input"))
            message += _likely(kind, prefix + path, item.get("input"))
            result.append(Fault(prefix + path, message))
    return result
