"""Plans through files."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.plans.loading import load_plan
from tests.helpers.planned_net import net_plan


def test_save_and_load(tmp_path: Path) -> None:
    plan = net_plan()
    plan.save(tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == plan


def test_another_document_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"schema": "other"}')
    with pytest.raises(InputError, match=r"bad\.json: schema is 'other'"):
        load_plan(tmp_path / "bad.json")
