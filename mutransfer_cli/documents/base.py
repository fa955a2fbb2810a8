"""The base class of all JSON documents, and how they are serialized."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """Base class of documents and their parts: immutable, and unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        """The JSON Schema, with its properties at the top also where a part contains itself."""
        schema = super().model_json_schema(*args, **options)
        own = schema.pop("$ref", "").rpartition("/")[2]
        return {**schema["$defs"][own], **schema} if own else schema


def as_values(document: BaseModel) -> dict[str, Any]:
    """The document as plain JSON values, `schema` first."""
    values: dict[str, Any] = document.model_dump(mode="json", by_alias=True)
    return {"schema": values.pop("schema"), **values} if "schema" in values else values


def as_json(document: BaseModel) -> str:
    """The document as JSON text, `schema` first.

    Raises:
        ValueError: A number is NaN or infinite.
    """
    return json.dumps(as_values(document), indent=2, allow_nan=False)
