"""Loads recipes from files and text; every error is one line that begins with its position."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mutransfer_cli.errors import InputError, suggestion
from mutransfer_cli.recipe.faults import Fault, faults_of
from mutransfer_cli.recipe.key_paths import key_path as key_path
from mutransfer_cli.recipe.key_paths import resolve, set_value
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.schema_types import KeyPath
from mutransfer_cli.recipe.validation.consistency import size_faults
from mutransfer_cli.recipe.validation.search_space import space_faults
from mutransfer_cli.recipe.validation.supported import support_faults
from mutransfer_cli.recipe.yaml_source import Position, YamlSource, parse

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadedRecipe:
    """A recipe, and the origin of each of its values.

    Attributes:
        recipe: The recipe.
        path: The file that it was read from.
        origins: "command line", "recipe" or "default" by the dotted path of each leaf. Leaves of
            lists have an index (`optimizer.betas.0`); an empty list or mapping is a leaf.
    """

    recipe: Recipe
    path: Path
    origins: dict[str, str]


def leaves(data: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Every scalar and every empty container of plain data, with its path."""
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from leaves(value, (*path, str(key)))
    elif isinstance(data, list | tuple) and data:
        for index, value in enumerate(data):
            yield from leaves(value, (*path, str(index)))
    else:
        yield path, data


def validate(data: Any) -> tuple[Recipe | None, list[Fault]]:
    """Validate data: return the recipe and no faults, or None and the faults."""
    try:
        recipe = Recipe.model_validate(data)
    except ValidationError as error:
        return None, faults_of(error, Recipe)
    faults = [*size_faults(recipe), *support_faults(recipe)]
    return (None, faults) if faults else (recipe, [])


def _apply_setting(source: YamlSource, index: int, setting: str) -> None:
    """Put one `key.path=value` of the command line into the source's data."""
    text = f"--set {' '.join(setting.split())}"
    name, equals, value = setting.partition("=")
    if not equals or not name.strip():
        raise InputError("expected key.path=value, such as --set optimizer.lr=0.01", position=text)
    try:
        path = resolve(name.strip())
        parsed = parse(value, "value")
        set_value(source.data, path, parsed.data)
    except InputError as error:
        # the line and column inside the value would not help
        raise InputError(error.message, error.path, text) from None
    source.forget(path)
    # The command line comes before the file, also in the order of errors.
    position = Position(text, (0, index), "command line")
    for leaf, _ in leaves(parsed.data):
        for length in range(len(leaf) + 1):
            source.keys[(*path, *leaf[:length])] = position
            source.values[(*path, *leaf[:length])] = position


def _origins(recipe: Recipe, source: YamlSource) -> dict[str, str]:
    given = dict(leaves(source.data))
    origins: dict[str, str] = {}
    for path, value in leaves(recipe.model_dump(mode="json", by_alias=True)):
        position = source.values.get(path)
        # null stands for the default, unless null is the value itself
        kept = path in given and (given[path] is not None or value is None)
        origins[".".join(path)] = position.origin if position is not None and kept else "default"
    return origins


def _build(source: YamlSource, sets: Sequence[str], path: Path) -> LoadedRecipe:
    if source.data is None:
        raise InputError(
            "the recipe is empty; `mutransfer init` writes one", position=f"{source.name}:1:1"
        )
    if not isinstance(source.data, dict):
        position = source.values[()].text
        raise InputError("expected a mapping such as `name: my-model`", position=position)
    for index, setting in enumerate(sets):
        _apply_setting(source, index, setting)
    recipe, faults = validate(source.data)
    if recipe is not None:
        faults = list(space_faults(recipe, lambda changes: _change(recipe, changes)[1]))
    if recipe is None or faults:
        # min is stable: of several faults at one position, the first that was detected
        first = min(faults, key=lambda fault: source.position(fault).rank)
        raise first.error(source.position(first).text)
    log.debug("recipe %s: %s, %d values set on the command line", recipe.name, path, len(sets))
    return LoadedRecipe(recipe, path, _origins(recipe, source))


def loads(text: str, name: str = "recipe", sets: Sequence[str] = ()) -> LoadedRecipe:
    """Read a recipe from text.

    Args:
        text: The YAML document.
        name: Name of the text in errors, in place of a file.
        sets: Overrides `key.path=value`, whose values are read as YAML.

    Raises:
        InputError: The recipe is wrong; one line with position, key, what was found and what was
            expected.
    """
    return _build(parse(text, name), sets, Path(name))


def load(path: Path, sets: Sequence[str] = ()) -> LoadedRecipe:
    """Read a recipe from a file.

    Args:
        path: The YAML file.
        sets: Overrides `key.path=value`, whose values are read as YAML.

    Raises:
        InputError: The recipe is wrong; one line with position, key, what was found and what was
            expected.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: a directory; expected a recipe file such as recipe.yaml")
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        hint = suggestion(path.stem, (near.stem for near in path.parent.glob("*.yaml")))
        raise InputError(f"{path}: no such file{hint}; `mutransfer init` writes a recipe") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{path}: cannot be read: {reason}") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        raise InputError(
            f"not UTF-8 text (byte 0x{raw[error.start]:02x})", position=f"{path}:{line}:{column}"
        ) from None
    return _build(parse(text, str(path)), sets, path)


def _change(recipe: Recipe, changes: Mapping[str, Any]) -> tuple[Recipe | None, list[Fault]]:
    data = recipe.model_dump(mode="json", by_alias=True)
    for name, value in changes.items():
        set_value(data, resolve(name), value)
    return validate(data)


def override(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The recipe with some values replaced, validated again.

    Args:
        recipe: A validated recipe.
        changes: New values by searchable name or dotted path; entries of lists by index.

    Raises:
        InputError: There is no such key, or a value is not allowed.
    """
    changed, faults = _change(recipe, changes)
    if changed is None:
        raise faults[0].error()
    return changed
