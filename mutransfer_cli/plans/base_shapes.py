"""Base shapes of the mup package (`.bsh`): each tensor's shape at the base, null where finite.

The files are YAML as mup.shape.save_base_shapes writes it, and are read with a safe loader.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from mutransfer_cli.catalog.fields import LARGEST, show
from mutransfer_cli.errors import InputError
from mutransfer_cli.files import write_text
from mutransfer_cli.plans.types import PlanData
from mutransfer_cli.recipe.yaml_source import parse

MOST_VALUES = 300_000  # of a file: a hundred thousand vectors have fewer
BaseShapes = dict[str, tuple[int | None, ...]]


def base_shapes(plan: PlanData) -> BaseShapes:
    """The base shapes of a plan's tensors, for mup.set_base_shapes."""
    return {
        t.name: tuple(n if d in t.growing else None for d, n in enumerate(t.base_shape))
        for t in plan.tensors
    }


def write_base_shapes(shapes: Mapping[str, tuple[int | None, ...]], path: Path) -> None:
    """Write a file that mup.load_base_shapes and mup.set_base_shapes read."""
    head = "# Base shapes for the mup package, written by mutransfer; null: does not grow.\n"
    write_text(path, head + base_shapes_text(shapes))


def base_shapes_text(shapes: Mapping[str, tuple[int | None, ...]]) -> str:
    """The text of a file of base shapes, without the comment at its top."""
    text: str = yaml.safe_dump(
        {name: list(shape) for name, shape in shapes.items()}, indent=4, width=float("inf")
    )
    return text


def read_base_shapes(path: Path) -> BaseShapes:
    """Read a file of base shapes, such as mup.save_base_shapes writes.

    Raises:
        InputError: The file cannot be read, or does not hold base shapes.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a file of base shapes: {error}") from error
    try:  # nothing in it is expanded or constructed without a limit
        shapes = parse(text, str(path), MOST_VALUES).data
    except InputError as error:
        message = f"not a file of base shapes: {error.message}"
        raise InputError(message, position=error.position) from error
    if not isinstance(shapes, dict):
        raise InputError(f"{path}: expected a mapping of parameter names to base shapes")
    for name, shape in shapes.items():
        if not isinstance(shape, list) or not all(map(is_size, shape)):
            raise InputError(
                f"{path}: {name}: expected a list of sizes and nulls, found {show(shape)}"
            )
    return {str(name): tuple(shape) for name, shape in shapes.items()}


def is_size(value: object) -> bool:
    """Whether a value is a size, or null for a dimension that does not grow."""
    return value is None or (
        isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST
    )


def base_shape_differences(ours: BaseShapes, theirs: BaseShapes) -> list[str]:
    """Sentences on each tensor that two sets of base shapes scale differently."""
    sentences = []
    for name in sorted(ours.keys() | theirs.keys()):
        a, b = ours.get(name), theirs.get(name)
        if a is None or b is None:
            sentences.append(f"{name}: only in {'the file' if a is None else 'the recipe'}")
        elif a != b:
            sentences.append(f"{name}: {list(a)} in the recipe, {list(b)} in the file")
    return sentences
