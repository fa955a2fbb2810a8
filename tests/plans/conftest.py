"""A plan that went through a file, as a training script gets it."""

from __future__ import annotations

import pytest

from mutransfer_cli import Plan, load_plan
from tests.helpers.planned_net import net_plan


@pytest.fixture(scope="package")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Through a file, as a script gets it."""
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    net_plan().save(path)
    return load_plan(path)
