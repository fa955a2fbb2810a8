"""Section `data`: what the proxies train on."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from mutransfer_cli.catalog.callable_name import CALLABLE, is_callable
from mutransfer_cli.catalog.fields import Positive, Section, Text, refuse
from mutransfer_cli.catalog.sources import SOURCES
from mutransfer_cli.errors import suggestion


def _known_source(text: str) -> str:
    if text in SOURCES or is_callable(text):
        return text
    names = " | ".join(SOURCES.names)
    hint = suggestion(text, SOURCES.names)
    raise refuse(f"expected {names} | package.module:callable, found {text!r}{hint}")


def _list_sources(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [{"enum": list(SOURCES.names)}, {"pattern": f"^{CALLABLE.pattern}$"}]


class Data(Section):
    """What the proxies train on."""

    source: Annotated[str, AfterValidator(_known_source), Field(json_schema_extra=_list_sources)]
    """A data source, or package.module:callable."""
    path: Text | None = None
    """The file, relative to the current folder, of a source that reads one."""
    seq_len: Positive = 64
    """Tokens per example, of a source of tokens."""
    d_in: Positive | None = None
    """Numbers per input; null: what the source has, and for tokens none."""
    d_out: Positive | None = None
    """Number of classes; null: what the source has, and for tokens none."""
    shape: Annotated[list[Positive], Field(min_length=1)] | None = None
    """The shape of each input, such as [3, 32, 32] for an image; null: as the source has it."""

    @property
    def is_tokens(self) -> bool:
        """Is an example a sequence of seq_len tokens?"""
        return self.source in SOURCES and SOURCES[self.source].yields == "tokens"
