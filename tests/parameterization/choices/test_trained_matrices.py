"""`optimizer.trains`: which matrices Muon trains, and the rates of those at a model's two ends.

By hand, for a vocabulary V: an orthogonalized update of the embedding (V, n) in which fewer rows
are in use than n has rows of norm 1, entries of n^-1/2; so rate × factor ∝ √n keeps their size.
The logits' change is that of a matrix of spectral norm 1 on n features of size 1, spread over V:
√(n/V), times the readout's multiplier 1/m; so rate × factor ∝ √n there too.
"""

from __future__ import annotations

from math import sqrt
from pathlib import Path

import pytest
import torch

from mutransfer_cli.coordcheck.recipe_check import width_request
from mutransfer_cli.emit.scale import scale
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.optimizers.geometry import SIGN, SPECTRAL
from mutransfer_cli.parameterization.protocol import parameterization_of
from mutransfer_cli.parameterization.rules.exponents import exponents
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.population.trainer import train_population
from mutransfer_cli.train.single_trial import train_trial
from mutransfer_cli.train.trial import Trial
from tests.helpers.emit_recipes import emit_recipe

RECIPE = """
name: t
model: {{build: gpt, args: {{vocab_size: 256, head_dim: 8, tied: {tied}}}}}
data: {{source: stdlib, seq_len: 16}}
optimizer: {{name: {name}, lr: 0.02, weight_decay: 0.1, {more}}}
base: {{width: 16, depth: 1, batch: 4, steps: 4}}
"""
EMBEDDING, READOUT = "token.weight", "readout.weight"


def recipe(more: str, tied: bool = False, name: str = "muon") -> Recipe:
    return loads(RECIPE.format(more=more, tied=str(tied).lower(), name=name)).recipe


def plan(more: str, width: int = 64, tied: bool = False, name: str = "muon") -> Plan:
    return ProxyFactory(recipe(more, tied, name)).plan(Size(width, 1, 4, 4))


@pytest.mark.parametrize(
    ("convention", "rate"),
    [
        # √max(1, 256/n) halves from n = 16 to 64; 0.2·√max(256, n) stays; the ratio halves
        ("original", 0.02 * sqrt(4) * 2),
        ("match_rms_adamw", 0.02 * sqrt(4)),
        ("spectral_unclamped", 0.02 * sqrt(4) * 2),
    ],
)
def test_rates_at_both_ends_by_hand(convention: str, rate: float) -> None:
    found = plan(f"adamw_lr: 0.004, adjust_lr: {convention}, trains: [hidden, embedding, readout]")
    for name in (EMBEDDING, READOUT):
        tensor = found.tensor(name)
        assert tensor.optimizer == "muon" and tensor.lr == pytest.approx(rate)
        assert tensor.lr * tensor.weight_decay == pytest.approx(0.02 * 0.1)
        assert tensor.eps == pytest.approx(1e-8 / sqrt(4))  # norm of the gradient: √(256 n) / n
        assert tensor.source.endswith("lr derived (2310.17813)")
    assert found.tensor("norm.weight").optimizer == "adamw"
    assert found.tensor("norm.weight").lr == 0.004


def test_a_tied_embedding_has_one_rate_for_both_uses() -> None:
    assert plan("trains: [hidden, tied]", tied=True).tensor(EMBEDDING).lr == pytest.approx(0.08)
    mup = parameterization_of("mup")
    for geometry in (SIGN, SPECTRAL):
        found = exponents(mup, geometry, "tied", grows_in=False, grows_out=True, tied=True)
        assert found.update_effect == found.logit_effect == 0.0


@pytest.mark.parametrize("rows", [8, 16])
def test_an_orthogonalized_update_of_few_rows_has_the_entries_that_the_rule_assumes(
    rows: int,
) -> None:
    sizes = {}
    for width in (16, 64):
        gradient = torch.zeros(256, width, dtype=torch.float64)
        gradient[:rows] = torch.randn(rows, width, generator=torch.Generator().manual_seed(0))
        u, s, vh = torch.linalg.svd(gradient, full_matrices=False)
        update = u[:, s > 1e-9] @ vh[s > 1e-9]
        sizes[width] = update[:rows].square().mean().sqrt().item()
    assert sizes == pytest.approx({16: 16**-0.5, 64: 64**-0.5})


def test_patterns_choose_among_hidden_matrices() -> None:
    found = plan('trains: ["*.mlp.*"]')
    assert {t.name for t in found.tensors if t.optimizer == "muon"} == {
        "blocks.0.mlp.up.weight",
        "blocks.0.mlp.down.weight",
    }


@pytest.mark.parametrize(
    ("more", "name", "message"),
    [
        ("trains: [vector]", "muon", "'vector' selects no matrix: .* has 1 dimensions"),
        ("trains: [redout]", "muon", "'redout' matches no tensor; nearest: 'readout'"),
        ("trains: [hidden]", "adamw", "trains belongs to muon or .*; adamw trains every tensor"),
        ("trains: []", "muon", "trains"),
    ],
)
def test_what_is_no_matrix_is_refused(more: str, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        plan(more, name=name)


@pytest.mark.parametrize("form", ["megatron", "torchtitan"])
def test_stacks_whose_muon_stays_inside_the_blocks_refuse(tmp_path: Path, form: str) -> None:
    path, muon = emit_recipe(tmp_path, "llama"), ["optimizer.name=muon", "clip=null"]
    sets = [*muon, "optimizer.trains=[hidden, readout]"]
    with pytest.raises(InputError, match=r"inside the blocks alone.*lm_head.weight") as raised:
        scale(path, sets=sets, width=128, format=form)
    assert "use --format json, torch, lightning, optax, hf;" in str(raised.value)
    scale(path, sets=muon, width=128, format=form)


def test_a_population_trains_both_ends_as_single_trials_do() -> None:
    factory = ProxyFactory(recipe("adamw_lr: 0.004, trains: [hidden, embedding, readout]"))
    trials = [Trial.of(factory, Size(16, 1, 4, 4), 0, {"lr": lr}) for lr in (0.01, 0.04)]
    together = dict(train_population(trials))
    for i, trial in enumerate(trials):
        assert together[i].loss == pytest.approx(train_trial(trial).loss, rel=5e-3)


@pytest.mark.parametrize("convention", ["original", "match_rms_adamw"])
def test_coupled_decay_follows_the_rate_of_each_matrix(convention: str) -> None:
    """Of the embedding √n over the factor at (256, n): n, or √n; of hidden ones 1, or n^-1/2."""
    adjust = f"adjust_lr: {convention}, trains: [hidden, embedding]"
    text = RECIPE.format(more=adjust, tied="false", name="muon")
    request = width_request(
        loads(text + "rules: {weight_decay: coupled}\n").recipe, (16, 32, 64), None
    )
    found = {n: request.expected[n].decay for n in (EMBEDDING, "blocks.0.mlp.up.weight")}
    embedding, hidden = (1.0, 0.0) if convention == "original" else (0.5, -0.5)
    assert found == pytest.approx({EMBEDDING: embedding, "blocks.0.mlp.up.weight": hidden})
