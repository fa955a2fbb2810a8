"""Adds the sizes of further axes to every class that holds sizes.

The classes declare the sizes that every model has, for readers and type checkers; these decorators
add the others. What a model does not have stays at its default, and is left out of documents.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field, make_dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, Field, SerializerFunctionWrapHandler, create_model, model_serializer

from mutransfer_cli.catalog.axes import AxisEntry
from mutransfer_cli.catalog.sizes import FURTHER_AXES

C = TypeVar("C")
M = TypeVar("M", bound=BaseModel)


class LeavesOutDefaults(BaseModel):
    """A model whose further sizes are left out of its values where they are at their defaults."""

    @model_serializer(mode="wrap")
    def _without_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        fields = type(self).model_fields
        for row in FURTHER_AXES:
            if row.size in fields and getattr(self, row.size) == fields[row.size].default:
                values.pop(row.size, None)
        return values


def further_fields(
    annotation: Any, default: Callable[[AxisEntry], Any], only: Callable[[AxisEntry], bool] = bool
) -> Callable[[type[M]], type[M]]:
    """Add a field for each further size to a pydantic model.

    Args:
        annotation: The type of the added fields.
        default: Returns the default value of an axis's field.
        only: Returns whether an axis gets a field.
    """

    def extend(model: type[M]) -> type[M]:
        fields: dict[str, Any] = {
            row.size: (annotation, Field(default=default(row), description=row.summary))
            for row in FURTHER_AXES
            if only(row)
        }
        if not fields:
            return model
        module, text = model.__module__, model.__doc__
        bases: Any = (LeavesOutDefaults, model)
        return create_model(  # type: ignore[no-any-return]  # pydantic has no type for two bases
            model.__name__,
            __base__=bases,
            __module__=module,
            __doc__=text,
            **fields,
        )

    return extend


def further_attributes(default: Callable[[AxisEntry], Any]) -> Callable[[type[C]], type[C]]:
    """Add an attribute for each further size to a frozen dataclass with slots.

    Args:
        default: Returns the default value of an axis's attribute.
    """

    def extend(cls: type[C]) -> type[C]:
        if not FURTHER_AXES:
            return cls
        extended = make_dataclass(
            cls.__name__,
            [(row.size, "int", field(default=default(row))) for row in FURTHER_AXES],
            bases=(cls,),
            frozen=True,
            slots=True,
            order="__lt__" in vars(cls),
        )
        extended.__module__, extended.__qualname__ = cls.__module__, cls.__qualname__
        extended.__doc__ = cls.__doc__
        return extended

    return extend
