"""Base shapes of the mup package (`.bsh`): each tensor's shape at the base, null where finite.

The files are YAML as mup.shape.save_base_shapes writes it, and are read with a safe loader.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from mutransfer_cli.errors import InputError
from mutransfer_cli.files import write_text
from mutransfer_cli.plans.types import PlanData

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
    text: str = yaml.safe_dump({name: list(shape) for name, shape in shapes.items()}, indent=4)
    return text


def read_base_shapes(path: Path) -> BaseShapes:
    """Read a file of base shapes, such as mup.save_base_shapes writes.

    Raises:
        InputError: The file cannot be read, or does not hold base shapes.
    """
    try:
        shapes = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        message = " ".join(str(error).split())
        raise InputError(f"{path}: not a file of base shapes: {message}") from error
    if not isinstance(shapes, dict):
        raise InputError(f"{path}: expected a mapping of parameter names to base shapes")
    for name, shape in shapes.items():
        if not isinstance(shape, list) or not all(n is None or isinstance(n, int) for n in shape):
            raise InputError(f"{path}: {name}: expected a list of sizes and nulls, found {shape!r}")
    return {str(name): tuple(shape) for name, shape in shapes.items()}


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
