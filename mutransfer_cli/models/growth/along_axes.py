"""The dimensions of a model that grow along further axes, and its factors that follow them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

from torch import nn

from mutransfer_cli.catalog.axes import AxisEntry
from mutransfer_cli.catalog.sizes import FURTHER_AXES
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.builder import build
from mutransfer_cli.models.growth.adapter_factors import measured_powers
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.tracing.family import Family
from mutransfer_cli.tracing.roles import Shape
from mutransfer_cli.tracing.skeleton import shapes_of, skeleton

Shapes: TypeAlias = Mapping[str, Shape]
Traceable: TypeAlias = Callable[[Size], tuple[nn.Module, Callable[[], object]]]


def followed_axes(recipe: Recipe) -> tuple[AxisEntry, ...]:
    """The further axes along which the recipe's model grows."""
    return tuple(a for a in FURTHER_AXES if a.grows_model and getattr(recipe.model, a.name))


def doubled(size: Size, axis: AxisEntry) -> Size:
    """The size with twice as much along one further axis."""
    return replace(size, **{axis.size: 2 * getattr(size, axis.size)})


def widened(recipe: Recipe, size: Size) -> Size:
    """The size with twice as much along every axis that is a width of its own."""
    for axis in followed_axes(recipe):
        if axis.widens:
            size = doubled(size, axis)
    return size


def shapes_at(recipe: Recipe, size: Size) -> dict[str, Shape]:
    """The shapes of the model's tensors at a size, without allocating them."""
    return shapes_of(skeleton(lambda: build(recipe, size).model))


def growing_dims(base: Shapes, other: Shapes) -> dict[str, Shape]:
    """By tensor that both have, the dimensions in which they differ."""
    differing = {
        name: tuple(d for d, (a, b) in enumerate(zip(shape, other[name], strict=True)) if a != b)
        for name, shape in base.items()
        if name in other and len(other[name]) == len(shape)
    }
    return {name: dims for name, dims in differing.items() if dims}


def with_growth(
    recipe: Recipe, family: Family, base: Size, width: int, traceable: Traceable
) -> Family:
    """A family that was traced at one other width, with what grows along further axes.

    Args:
        recipe: The recipe.
        family: The family, for whose roles the axes that are widths of their own grew as well.
        base: The size at which it was traced.
        width: The other width.
        traceable: Returns a model at a size, and a call of its forward pass.
    """
    axes = followed_axes(recipe)
    if not axes:
        return family
    shapes = {t.name: t.base_shape for t in family.tensors}
    growth = {}
    for axis in axes:
        try:
            growth[axis.name] = growing_dims(shapes, shapes_at(recipe, doubled(base, axis)))
        except InputError:  # twice as many active experts as there are: no tensor has that size
            growth[axis.name] = {}
    if any(axis.widens for axis in axes):
        along_width = growing_dims(shapes, shapes_at(recipe, replace(base, width=width)))
        tensors = tuple(replace(t, growing=along_width.get(t.name, ())) for t in family.tensors)
        family = replace(family, tensors=tensors)
    in_dims = {t.name: t.in_dims for t in family.tensors}
    powers = {
        axis.name: measured_powers(
            traceable(base),
            traceable(doubled(base, axis)),
            [n for n, dims in growth[axis.name].items() if set(dims) & set(in_dims[n])],
        )
        for axis in axes
        if axis.traced
    }
    return replace(family, growth=growth, axis_powers=powers)
