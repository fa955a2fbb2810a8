"""The places of a document that can hold text, and those that do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel


def text_fields(model: type[BaseModel]) -> set[str]:
    """Every place of a document that can hold text, derived from the classes of its parts.

    `[]` stands for the entries of a list or mapping, `{}` for the keys of a mapping.
    """
    found: set[str] = set()
    for name, info in model.model_fields.items():
        found |= _text_places(info.annotation, name)
    return found


def _text_places(annotation: Any, path: str) -> set[str]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {f"{path}.{inner}" for inner in text_fields(annotation)}
    if annotation is str:
        return {path}
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal or not inner:
        return set()
    if origin in (dict, Mapping):
        keys = {f"{path}{{}}"} if inner[0] is str else set()
        return keys | _text_places(inner[1], f"{path}[]")
    entries = f"{path}[]" if origin in (list, tuple) else path
    return set().union(*(_text_places(part, entries) for part in inner))


def places_of(value: Any, text: str, path: str = "") -> set[str]:
    """The places of a document, in the words of `text_fields`, that hold a text."""
    if isinstance(value, str):
        return {path} if text in value else set()
    if isinstance(value, BaseModel):
        before = f"{path}." if path else ""
        parts = (places_of(getattr(value, name), text, before + name)
                 for name in type(value).model_fields)  # fmt: skip
        return set().union(*parts)
    if isinstance(value, Mapping):
        keys = {f"{path}{{}}"} if any(text in str(key) for key in value) else set()
        return keys.union(*(places_of(inner, text, f"{path}[]") for inner in value.values()))
    if isinstance(value, list | tuple):
        return set().union(*(places_of(inner, text, f"{path}[]") for inner in value))
    return set()
