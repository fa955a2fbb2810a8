"""The base class of all JSON documents, and how they are serialized."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from mutransfer_cli.errors import InputError

Document = TypeVar("Document", bound=BaseModel)


class Part(BaseModel):
    """Base class of documents and their parts: immutable, and unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        """The JSON Schema, with its properties at the top also where a part contains itself."""
        schema = super().model_json_schema(*args, **options)
        own = schema.pop("$ref", "").rpartition("/")[2]
        return {**schema["$defs"][own], **schema} if own else schema


def validated(kind: type[Document], values: Any, path: Path, what: str) -> Document:
    """A document from the values of a file.

    Args:
        kind: The document's class.
        values: What the file holds.
        path: The file, for messages.
        what: What the file should be, such as `a fit`.

    Raises:
        InputError: The values are not such a document, or a number in it is NaN or infinite.
    """
    try:
        document = kind.model_validate(values)
        as_json(document)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "document"
        raise InputError(f"{path}: not {what}: {key}: {first['msg']}") from error
    except ValueError as error:
        raise InputError(f"{path}: not {what}: {error}") from error
    return document


def as_values(document: BaseModel) -> dict[str, Any]:
    """The document as plain JSON values, `schema` first."""
    try:
        values: dict[str, Any] = document.model_dump(mode="json", by_alias=True)
    except UnicodeEncodeError:  # the name of a file that is not UTF-8; json escapes it
        values = document.model_dump(mode="python", by_alias=True)
    return {"schema": values.pop("schema"), **values} if "schema" in values else values


def as_json(document: BaseModel) -> str:
    """The document as JSON text, `schema` first.

    Raises:
        ValueError: A number is NaN or infinite.
    """
    return json.dumps(as_values(document), indent=2, allow_nan=False)
