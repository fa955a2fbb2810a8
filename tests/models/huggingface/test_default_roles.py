"""Roles that the use of a tensor does not show."""

from __future__ import annotations

from mutransfer_cli.models.huggingface.default_roles import default_roles
from tests.helpers.hf_recipes import hf_recipe


def test_a_state_space_s_own_tensors_are_fixed() -> None:
    assert ("*.A_log", "fixed") in default_roles(hf_recipe("mamba").model.build)
    assert default_roles(hf_recipe("llama").model.build) == ()
