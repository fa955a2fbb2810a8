"""Norms of weights and updates against torch.linalg and by hand."""

from __future__ import annotations

from math import atan2
from pathlib import Path

import pytest
import torch

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import load
from mutransfer_cli.train.norms.readouts import Readout
from mutransfer_cli.train.norms.tensor_norms import (
    READOUT,
    is_matrix,
    spectral_norms,
    update_norms,
)
from mutransfer_cli.train.population.trainer import train_population
from mutransfer_cli.train.single_trial import train_trial
from mutransfer_cli.train.trial import Trial

RECIPE = """
name: small
model: {build: mlp}
optimizer: {name: adamw, lr: 0.01}
data: {source: teacher, d_in: 8, d_out: 3}
base: {width: 16, depth: 1, batch: 8, steps: 20}
ladder: {width: [16, 32]}
"""


def test_spectral_norms_are_the_largest_singular_values() -> None:
    """Of products with a dominant direction, as of weights that have learned; one per trial."""
    torch.manual_seed(0)
    matrices = torch.randn(3, 40, 60) + 5 * torch.randn(3, 40, 1) @ torch.randn(3, 1, 60)
    right = torch.linalg.matrix_norm(matrices, ord=2)
    assert spectral_norms(matrices).tolist() == pytest.approx(right.tolist(), rel=1e-3)
    noise = torch.randn(3, 40, 60)  # no gap: the hard case
    right = torch.linalg.matrix_norm(noise, ord=2)
    assert spectral_norms(noise).tolist() == pytest.approx(right.tolist(), rel=0.05)
    assert float(spectral_norms(torch.zeros(1, 4, 4))) == 0.0


def test_the_readout_norm_is_the_largest_output() -> None:
    """Of x = √3 w/|w| for the row w = (1, 2, 2), RMS 1: w·x = √3·3."""
    matrix = torch.tensor([[[1.0, 2.0, 2.0], [0.0, 1.0, 0.0]]])
    assert float(Readout("w").norms(matrix)) == pytest.approx(3**0.5 * 3)


@pytest.mark.parametrize(
    ("shape", "right"),
    [((2, 1, 3), True), ((2, 3), False), ((2, 4, 3), True), ((2, 1, 1, 3), False)],
)
def test_what_counts_as_a_matrix(shape: tuple[int, ...], right: bool) -> None:
    """Of two trials: the row of a readout is one, a vector and a token (1, 1, 3) are not."""
    assert is_matrix(torch.zeros(shape)) is right


def test_an_update_by_hand() -> None:
    """From (3, 0, 0, 0) by (0, 4, 0, 0): length ratio 4/3, angle atan(4/3)."""
    before = {"w": torch.tensor([[[3.0, 0.0], [0.0, 0.0]]]), "bias": torch.ones(1, 2)}
    after = {"w": torch.tensor([[[3.0, 4.0], [0.0, 0.0]]]), "bias": torch.ones(1, 2)}
    (norms,) = update_norms(before, after)
    assert norms["update ratio w"] == pytest.approx(4 / 3)
    assert norms["rotation w"] == pytest.approx(atan2(4, 3))
    assert norms["update norm w"] == pytest.approx(4.0)
    assert not any("bias" in name for name in norms)


def test_a_population_has_the_norms_of_its_trials(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE)
    factory = ProxyFactory(load(path, []).recipe)
    trials = [Trial.of(factory, factory.base, s, {"lr": lr}) for s in (0, 1) for lr in (0.01, 0.02)]
    together = dict(train_population(trials))
    for i, trial in enumerate(trials):
        single = train_trial(trial)
        assert together[i].norms == pytest.approx(single.norms, rel=1e-2)
        assert {READOUT, "spectral norm input.weight", "rotation hidden.0.weight"} <= set(
            single.norms
        )
    assert together[0].norms["update ratio input.weight"] != pytest.approx(
        together[1].norms["update ratio input.weight"], rel=0.1
    )  # the control: another rate, another update
