"""Short names and dotted paths of hyperparameters."""

from __future__ import annotations

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.key_paths import key_path

NAMES = {
    "lr": "optimizer.lr",
    "init_std": "init.std",
    "embedding_std": "init.embedding_std",
    "readout_std": "init.readout_std",
    "weight_decay": "optimizer.weight_decay",
    "eps": "optimizer.eps",
    "momentum": "optimizer.momentum",
    "beta1": "optimizer.betas.0",
    "beta2": "optimizer.betas.1",
    "clip": "clip",
    "warmup": "schedule.warmup",
    "embedding_multiplier": "multipliers.embedding",
    "logit_multiplier": "multipliers.logit",
    "attention_multiplier": "multipliers.attention",
    "residual_multiplier": "multipliers.residual",
    "optimizer.lr": "optimizer.lr",
    "lr_factors.readout": "lr_factors.readout",
}


@pytest.mark.parametrize(("name", "path"), NAMES.items())
def test_names_of_hyperparameters(name: str, path: str) -> None:
    assert key_path(name) == path


@pytest.mark.parametrize("name", ["optimizer", "optimizer.betas", "lrr", "", "base.widht", "roles"])
def test_names_of_nothing(name: str) -> None:
    with pytest.raises(InputError):
        key_path(name)
