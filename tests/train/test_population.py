"""A population trains each of its trials as one-by-one training does."""

from __future__ import annotations

import pytest

from mutransfer_cli.models.planned import plan_for
from mutransfer_cli.recipe.load import loads, override
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.population import Member, train_together
from mutransfer_cli.train.trial import train

TEXT = """
name: t
model: {build: mlp}
optimizer: OPTIMIZER
data: {source: teacher, d_in: 16, d_out: 4}
base: {width: 16, depth: 2, batch: 8, steps: 100}
clip: 1.0
"""
SIZE = Size(32, 2, 8, 100)
TRIALS = [(1.0, 0.1, 0), (0.25, 0.2, 0), (0.5, 0.1, 1), (1.0, 0.3, 1)]  # rate, init, seed


@pytest.mark.parametrize(
    "optimizer",
    [
        "{name: sgd, lr: 0.1, momentum: 0.9, nesterov: true}",
        "{name: adam, lr: 0.005, weight_decay: 0}",
        "{name: adamw, lr: 0.005}",
        "{name: lion, lr: 0.0005}",
    ],
)
def test_it_agrees_with_one_by_one_and_divergence_touches_nobody(optimizer: str) -> None:
    recipe = loads(TEXT.replace("OPTIMIZER", optimizer)).recipe
    members = []
    for rate, std, seed in [*TRIALS, (1e30, 0.1, 1)]:
        own = override(recipe, {"lr": recipe.optimizer.lr * rate, "init_std": std})
        members.append(Member(own, seed, plan_for(own, SIZE)))
    together = dict(train_together(members, SIZE))
    assert together[4].outcome == "diverged"
    calm = dict(train_together(members[:4], SIZE))
    for i, member in enumerate(members[:4]):
        alone = train(member.recipe, SIZE, member.seed)
        assert together[i].loss == pytest.approx(alone.loss, rel=1e-4)
        assert together[i].loss == calm[i].loss  # bit for bit, with and without the NaN
