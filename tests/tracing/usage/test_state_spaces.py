"""Tensors of state spaces, by the names that Mamba and the layers after it give them."""

from __future__ import annotations

from mutransfer_cli.tracing.usage.state_spaces import state_space_roles


def test_own_tensors_of_layers_with_a_transition() -> None:
    """As in transformers' falcon_h1 and jamba; a D without a transition beside it is another's."""
    mamba = {f"layers.0.mamba.{n}" for n in ("A_log", "D", "dt_bias", "dt_proj.weight")}
    others = {"layers.0.mamba.in_proj.weight", "layers.0.mlp.D", "head.dt_bias", "dt_proj.weight"}
    assert state_space_roles(mamba | others) == dict.fromkeys(mamba, "fixed")
    assert state_space_roles(others) == {}


def test_a_layer_is_a_model() -> None:
    assert state_space_roles(["A_log", "D", "x.D"]).keys() == {"A_log", "D"}
