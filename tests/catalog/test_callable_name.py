"""Names of a user's own callables."""

from __future__ import annotations

import pytest

from mutransfer_cli.catalog.callable_name import is_callable


@pytest.mark.parametrize("text", ["module:build", "my.package.module:Class.method", "_a:b1", "ä:ö"])
def test_callables(text: str) -> None:
    assert is_callable(text)


@pytest.mark.parametrize(
    "text",
    ["gpt", "a.b", "a:", ":b", "a:b:c", "1a:b", "a:1b", "a..b:c", "a:b()", "hf:llama", "a b:c", ""],
)
def test_no_callables(text: str) -> None:
    assert not is_callable(text)
