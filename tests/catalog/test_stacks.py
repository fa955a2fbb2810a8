"""Formats by name: rows that load, refusals with a reason, hints for other names."""

from __future__ import annotations

import pytest

from mutransfer_cli.catalog.refused_stacks import REFUSED_STACKS
from mutransfer_cli.catalog.stacks import STACKS, require_stack
from mutransfer_cli.emit.core.protocol import Stack
from mutransfer_cli.errors import InputError


def test_every_format_has_a_line_of_help_and_an_implementation() -> None:
    for row in STACKS:
        assert row.summary and row.files and isinstance(row.load(), Stack), row.name


@pytest.mark.parametrize("name", ["gpt-neox", "litgpt", "maxtext", "torchtune", "levanter"])
def test_refused_with_the_reason_and_the_nearest(name: str) -> None:
    with pytest.raises(InputError, match=f"--format {name}: refused: .*use "):
        require_stack(name)


def test_formats_named_instead_exist() -> None:
    for refused in REFUSED_STACKS:
        assert refused.name not in STACKS
        assert all(name in STACKS for name in refused.instead), refused.name


@pytest.mark.parametrize(
    ("name", "meant"), [("megatorn", "megatron"), ("granite", "hf-granite"), ("JSON", "json")]
)
def test_another_name_is_told_the_right_one(name: str, meant: str) -> None:
    with pytest.raises(InputError, match=f"did you mean '{meant}'"):
        require_stack(name)


def test_aliases_of_refused_formats() -> None:
    with pytest.raises(InputError, match="--format neox: refused: its use-mup is broken"):
        require_stack("neox")
