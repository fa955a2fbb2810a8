"""The verdict on sharpness, by the sizes that were measured; what measuring is expected to cost."""

from __future__ import annotations

import pytest
from torch import Tensor

from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.curvature.critical_rate import CriticalRate
from mutransfer_cli.probes.curvature.hessian import Hessian
from mutransfer_cli.probes.sharpness import judged, ratios_of
from mutransfer_cli.probes.subject.proxies import proxies_of_recipe
from mutransfer_cli.probes.subject.trained_sharpness import (
    PRODUCT_STEPS,
    Point,
    measured_run,
    measuring_steps,
)
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import Size

SMALL, LARGE = Size(32, 1, 8, 10), Size(256, 1, 8, 10)


def test_nothing_passes_without_the_largest_width() -> None:
    stable = Interval(value=0.3, low=0.2, high=0.4)
    alone = Interval(value=0.3)  # one seed
    beyond = Interval(value=2.0, low=1.5, high=2.5)
    assert judged({SMALL: stable, LARGE: stable}, LARGE)[0] == "pass"
    for measured in ({SMALL: stable}, {SMALL: stable, LARGE: alone}):
        verdict, reason, advice = judged(measured, LARGE)
        assert verdict == "inconclusive" and "width 256" in reason and "--minutes" in advice
    assert judged({SMALL: beyond}, LARGE)[0] == "fail"  # the control: one width is enough for this


def test_what_to_do_at_the_edge() -> None:
    """A quadratic diverges at 1.05 of its threshold; below 1, and between .3 and 2, it need not."""
    above, below = Interval(value=1.05, low=1.04, high=1.06), Interval(value=0.95, low=0.9, high=1)
    verdict, reason, advice = judged({LARGE: above}, LARGE)
    assert verdict == "pass" and "above it" in reason and "divide the rate by 1.1" in advice
    assert "just below" in judged({LARGE: below}, LARGE)[1]
    wide = Interval(value=0.8, low=0.3, high=2.0)
    verdict, _, advice = judged({LARGE: wide}, LARGE)
    assert verdict == "inconclusive" and "0.5 times this learning rate" in advice


def test_an_update_that_lowers_the_loss_at_no_length_says_nothing_of_curvature() -> None:
    """Its ratio was infinite, and its interval no number; the control has one of 1/2."""
    lost, found = CriticalRate(0.0, 2**-15, 16), CriticalRate(2.0, 2.0, 5)
    run = [Point(step, None, rate, "-") for step, rate in ((1, found), (9, lost))]
    assert ratios_of(run, known=False) == {1: 0.5}
    assert ratios_of(run[1:], known=False) == {}


RECIPE = """
name: small
model: {{build: mlp, args: {{activation: tanh}}}}
optimizer: {{name: {optimizer}, lr: 0.003}}
data: {{source: teacher, d_in: 8, d_out: 2}}
base: {{width: 16, depth: 2, batch: 16, steps: 30}}
ladder: {{width: [16, 32, 64]}}
"""


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "lion", "muon"])
def test_measuring_costs_what_is_planned_for_it(
    optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted: products with the Hessian, and gradients, which cost a step each."""
    proxies = proxies_of_recipe(loads(RECIPE.format(optimizer=optimizer)).recipe, "small")
    trainee = proxies.train(proxies.base, 0, {})
    planned = measuring_steps(trainee.optimizer)
    counted = 0.0
    product, gradient = Hessian.product, Hessian.gradient

    def counted_product(self: Hessian, vector: Tensor) -> Tensor:
        nonlocal counted
        counted += PRODUCT_STEPS
        return product(self, vector)

    def counted_gradient(self: Hessian) -> Tensor:
        nonlocal counted
        counted += 1
        return gradient(self)

    monkeypatch.setattr(Hessian, "product", counted_product)
    monkeypatch.setattr(Hessian, "gradient", counted_gradient)
    measured_run(trainee)
    assert 0.4 * planned < counted < 1.2 * planned
