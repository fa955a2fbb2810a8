"""Adds the sizes of axes from other packages to every class that holds sizes.

The classes declare the sizes of the built-in axes themselves, for readers and type checkers; these
decorators add the others. Most installations have none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field, make_dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, Field, create_model

from mutransfer_cli.catalog.axes import AxisEntry
from mutransfer_cli.catalog.sizes import FURTHER_AXES

C = TypeVar("C")
M = TypeVar("M", bound=BaseModel)


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
        return create_model(
            model.__name__, __base__=model, __module__=module, __doc__=text, **fields
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
