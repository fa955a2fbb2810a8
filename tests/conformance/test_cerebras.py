"""Cerebras-GPT muP (arXiv 2304.03208; the model zoo's yaml files, release 2.1.0), by its formulas.

Base width 256, learning rate 6e-3, init std 0.08: hidden std σ/√m, attention and FFN outputs
σ/√(2·m·L), embedding std σ, hidden learning rate η/m, logits × 1/m.
"""

from __future__ import annotations

import pytest

from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import base_size, target_size
from tests.helpers.proxies import plan_for

RECIPE = """
name: cerebras
model: {{build: gpt, args: {{vocab_size: 256, head_dim: 64}}}}
optimizer: {{name: adamw, lr: 0.006, betas: [0.9, 0.95], eps: 1.0e-8, weight_decay: 0.1}}
init: {{std: 0.08, embedding_std: 0.08, readout_std: 0.08, residual: gpt2}}
data: {{source: stdlib, seq_len: 8}}
base: {{width: 256, depth: {depth}}}
"""
CASES = {
    # width, depth: hidden std, output std, logit scale, hidden learning rate
    (768, 10): (0.046188021535170064, 0.010327955589886445, 1 / 3, 0.002),
    (1088, 14): (0.03880570000581328, 0.0073335879762256905, 0.23529411764705882, 0.006 / 4.25),
}


@pytest.mark.parametrize(("size", "numbers"), CASES.items(), ids=["111M", "256M"])
def test_published_configurations(
    size: tuple[int, int], numbers: tuple[float, float, float, float]
) -> None:
    width, depth = size
    recipe = loads(RECIPE.format(depth=depth)).recipe
    assert base_size(recipe).depth == depth
    plan = plan_for(recipe, target_size(recipe, width=width))
    hidden, output, logits, lr = numbers
    up, down = plan.tensor("blocks.0.mlp.up.weight"), plan.tensor("blocks.0.mlp.down.weight")
    assert plan.tensor("token.weight").init_std == pytest.approx(0.08, rel=1e-12)
    assert up.init_std == pytest.approx(hidden, rel=1e-12)
    assert down.init_std == pytest.approx(output, rel=1e-12)
    assert plan.forward["logit_scale"] == pytest.approx(logits, rel=1e-12)
    assert up.lr == pytest.approx(lr, rel=1e-12)
    assert plan.tensor("token.weight").lr == 0.006
