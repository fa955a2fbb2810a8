"""The base class of recipe sections and model arguments, and the types of their fields."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict
from pydantic_core import PydanticCustomError

LARGEST = 10**18  # of any whole number; products of several fit a float
LARGEST_WIDTH = 1 << 27  # of a matrix of this many rows and columns the bytes can be counted
LARGEST_DEPTH = 100_000  # each layer takes time and memory, also where no weights are allocated


class Section(BaseModel):
    """Base class of user input: immutable, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def show(value: Any) -> str:
    """A value as it would be written in the recipe, cut to a readable length."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping" if value else "{}"
    if isinstance(value, list | tuple):
        return "a list" if value else "[]"
    try:
        text = repr(value)
    except ValueError:  # more digits than Python converts to text
        return "a number of thousands of digits"
    return text if len(text) <= 60 else text[:57] + "..."


def refuse(message: str) -> PydanticCustomError:
    """An error whose message reaches the user as it is."""
    return PydanticCustomError("recipe", "{message}", {"message": message})


def _integer(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse(f"expected an integer, found {show(value)}")
    if abs(value) > LARGEST:
        raise refuse(f"expected an integer of at most {LARGEST:.0e}, found {show(value)}")
    if isinstance(value, int):
        return value
    if value.is_integer():  # 2.0e+10 tokens
        return int(value)
    raise refuse(f"expected an integer, found {show(value)}")


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse(f"expected a number, found {show(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise refuse(f"expected a finite number, found {show(value)}")
    return number


def _pair(value: Any) -> Any:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise refuse(f"expected two numbers in brackets, found {show(value)}")
    return tuple(value)


Positive = Annotated[int, BeforeValidator(_integer), Field(ge=1)]
Width = Annotated[Positive, Field(le=LARGEST_WIDTH)]
Depth = Annotated[Positive, Field(le=LARGEST_DEPTH)]
Natural = Annotated[int, BeforeValidator(_integer), Field(ge=0)]
Number = Annotated[float, BeforeValidator(_number)]
PositiveNumber = Annotated[float, BeforeValidator(_number), Field(gt=0)]
NonNegative = Annotated[float, BeforeValidator(_number), Field(ge=0)]
Fraction = Annotated[float, BeforeValidator(_number), Field(ge=0, le=1)]
Momentum = Annotated[float, BeforeValidator(_number), Field(ge=0, lt=1)]
Betas = Annotated[tuple[Momentum, Momentum], BeforeValidator(_pair)]
Bounds = Annotated[tuple[Number, Number], BeforeValidator(_pair)]
Switch = Annotated[bool, Strict()]
Text = Annotated[str, Field(min_length=1)]
