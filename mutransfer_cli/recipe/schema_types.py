"""The types in the schema along a key path."""

from __future__ import annotations

import types
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

KeyPath = tuple[str, ...]


def section_keys(model: type[BaseModel]) -> list[str]:
    """The keys of a section as a recipe writes them."""
    return [info.alias or name for name, info in model.model_fields.items()]


def _core(annotation: Any) -> Any:
    """Strip Annotated and Optional from an annotation; a union of several types becomes Any."""
    if get_origin(annotation) is Annotated:
        return _core(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [a for a in get_args(annotation) if a is not type(None)]
        return _core(rest[0]) if len(rest) == 1 else Any
    return annotation


def is_section(kind: Any) -> bool:
    """Whether a type is a section of the recipe."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def sections_with(model: type[BaseModel], key: str, above: KeyPath = ()) -> list[str]:
    """Dotted paths of the sections inside a section that have a key.

    Args:
        model: The section.
        key: The key.
        above: The section's own path.
    """
    found = []
    for name, info in model.model_fields.items():
        kind, path = _core(info.annotation), (*above, info.alias or name)
        if is_section(kind):
            found += [".".join(path)] if key in section_keys(kind) else []
            found += sections_with(kind, key, path)
    return found


def field_of(section: type[BaseModel], key: str) -> FieldInfo | None:
    """The field of a section with this key, or None."""
    for name, info in section.model_fields.items():
        if (info.alias or name) == key:
            return info
    return None


def type_below(kind: Any, part: str) -> Any:
    """The type of an entry of a section, mapping or list; None if there can be no such entry."""
    if kind is Any:
        return Any
    if is_section(kind):
        info = field_of(kind, part)
        return None if info is None else _core(info.annotation)
    origin = get_origin(kind)
    if origin is dict:
        return _core(get_args(kind)[1])
    if origin in (tuple, list) and part.isdecimal():
        entries = get_args(kind)
        if len(entries) == 2 and entries[1] is not Ellipsis and int(part) > 1:
            return None
        return _core(entries[0])
    return None


def section_at(root: type[BaseModel], path: KeyPath) -> type[BaseModel] | None:
    """The section at a path; None if something else is there."""
    kind: Any = root
    for part in path:
        kind = type_below(kind, part)
    return kind if is_section(kind) else None
