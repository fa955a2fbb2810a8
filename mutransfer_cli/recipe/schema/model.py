"""Sections `model`, `roles` and `data`: what is trained, and on what."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field

from mutransfer_cli.catalog.fields import Positive, PositiveNumber, Section, Text, refuse

RoleName: TypeAlias = Literal[
    "input", "hidden", "readout", "vector", "scalar", "tied", "convolution", "expert", "fixed"
]
BUILT_IN = ("mlp", "gpt", "convnet")
TOKEN_SOURCES = ("stdlib", "text", "tokens")
VECTOR_SOURCES = ("digits", "teacher", "tensors")
_CALLABLE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def is_callable(text: str) -> bool:
    """Does it read package.module:callable?"""
    return _CALLABLE.fullmatch(text) is not None and not text.startswith("hf:")


def _build(text: str) -> str:
    if text in BUILT_IN or is_callable(text) or re.fullmatch(r"hf:\S+", text):
        return text
    raise refuse(
        f"expected mlp | gpt | convnet | hf:TYPE | hf:config.json | package.module:callable, "
        f"found {text!r}"
    )


def _source(text: str) -> str:
    if text in TOKEN_SOURCES or text in VECTOR_SOURCES or is_callable(text):
        return text
    raise refuse(
        f"expected {' | '.join((*TOKEN_SOURCES, *VECTOR_SOURCES))} | package.module:callable, "
        f"found {text!r}"
    )


class Model(Section):
    """The model, and which of its arguments grow along an axis."""

    build: Annotated[str, AfterValidator(_build)]
    """mlp | gpt | convnet | hf:TYPE | hf:path/config.json | package.module:callable."""
    args: dict[str, Any] = Field(default_factory=dict)
    """Arguments that do not grow; for built-in models every default is written in."""
    width: dict[str, PositiveNumber] = Field(default_factory=dict)
    """Argument: how many times the width it is. Default d_model, d_hidden, channels or width: 1;
    of an hf: model every size of its config that follows the hidden size, in its own ratio."""
    depth: dict[str, PositiveNumber] = Field(default_factory=dict)
    """Argument: how many times the depth it is. Default n_layer: 1 for built-in models; of an hf:
    model its number of layers."""


class RoleMatch(Section):
    """One line of `roles`: tensors whose name matches the pattern have this role."""

    match: Text
    """Shell-style pattern on parameter names."""
    role: RoleName
    """The role, instead of the one read off from use."""


class Data(Section):
    """What the proxies train on."""

    source: Annotated[str, AfterValidator(_source)]
    """stdlib | text | tokens | digits | teacher | tensors | package.module:callable."""
    path: Text | None = None
    """File of text, tokens or tensors, from the current folder."""
    seq_len: Positive = 64
    """Tokens per example; used by stdlib, text and tokens."""
    d_in: Positive | None = None
    """Numbers per input: 256 for teacher, 64 for digits, null for token data."""
    d_out: Positive | None = None
    """Number of classes: 10 for teacher and digits, null for token data."""

    @property
    def is_tokens(self) -> bool:
        """Is an example a sequence of seq_len tokens?"""
        return self.source in TOKEN_SOURCES
