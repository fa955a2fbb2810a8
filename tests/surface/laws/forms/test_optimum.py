from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from mutransfer_cli.errors import Inconclusive, InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.laws.forms.optimum import OPTIMUM
from mutransfer_cli.surface.laws.law_form import LawOptions, LawTable
from mutransfer_cli.surface.laws.optima.size_optima import SHARED
from tests.helpers.law_tables import TOKENS, optimal, optimum_table

EXPONENTS = {("lr", "params"): -0.5, ("lr", "tokens"): 0.25,
             ("batch", "params"): 0.0, ("batch", "tokens"): 0.5}  # fmt: skip


def test_exponents_and_optima() -> None:
    law = OPTIMUM.fit(optimum_table(), LawOptions())
    for (name, size), truth in EXPONENTS.items():
        own = law.parameters[name]
        assert isinstance(own, Mapping)
        bound = own[size]
        assert bound.low is not None and bound.high is not None
        assert bound.low < truth < bound.high, (name, size)
        assert bound.value == pytest.approx(truth, abs=0.05)
    assert law.points == 12 and law.unidentified == ()


def test_larger_sizes_are_predicted() -> None:
    table = optimum_table()
    law = OPTIMUM.fit(table.rows(table["params"] < 3e8), LawOptions())
    for tokens in TOKENS:
        predicted = law.predict({"params": 1e9, "tokens": tokens})
        for name, truth in zip(("lr", "batch"), 2.0 ** optimal(1e9, tokens), strict=True):
            bound = predicted[name]
            assert bound.low is not None and bound.high is not None
            assert bound.low < truth < bound.high
    score = law.score(table.rows(table["params"] > 3e8))
    assert score.points == 12 and score.inside >= 11
    assert score.regret is not None and len(score.regret) == 6
    assert max(score.regret) < 0.01


def test_a_size_whose_optimum_is_at_an_edge_is_left_out() -> None:
    """The smallest size was run below its optimum only: 2^−7 and more lie above 2^−8."""
    table = optimum_table()
    edge = (table["params"] == 1e8) & (table["tokens"] == 8e9)
    kept = ~edge | (np.log2(table["lr"]) < optimal(1e8, 8e9)[0] - 0.6)
    law = OPTIMUM.fit(table.rows(kept), LawOptions())
    assert law.points == 11
    assert any("the best lr is at the high end of the range" in note for note in law.notes)


def test_all_at_an_edge_is_inconclusive() -> None:
    table = optimum_table()
    best = np.array([optimal(n, d)[0] for n, d in zip(table["params"], table["tokens"],
                                                      strict=True)])  # fmt: skip
    with pytest.raises(Inconclusive, match="no size has an optimum inside the range"):
        OPTIMUM.fit(table.rows(np.log2(table["lr"]) < best - 0.6), LawOptions())


def test_batches_below_every_optimum_name_the_law_beside_their_end() -> None:
    """All batches that were run are an octave or more below the best one, at every size."""
    table = optimum_table()
    best = [optimal(n, d)[1] for n, d in zip(table["params"], table["tokens"], strict=True)]
    end = np.floor(min(best)) - 1
    below = table.rows(np.log2(table["batch"]) <= end)
    assert len(np.unique(below["batch"])) >= 3
    with pytest.raises(Inconclusive, match=f"--where 'batch={2**end:.0f}' fits the law of lr besi"):
        OPTIMUM.fit(below, LawOptions())


def test_one_run_a_size_is_its_optimum() -> None:
    """A table of published choices: lr = 2^−8·(N/4e8)^−0.5 exactly."""
    params = np.geomspace(1e8, 1e10, 8)
    columns = {"params": params, "lr": 2.0**-8 * (params / 4e8) ** -0.5}
    law = OPTIMUM.fit(LawTable(columns, ("params",), ("lr",)), LawOptions())
    own = law.parameters["lr"]
    assert isinstance(own, Mapping) and own["params"].value == pytest.approx(-0.5, abs=0.01)
    several = {name: np.tile(values, 2) for name, values in columns.items()}
    several["lr"][: len(params)] *= 2  # two settings of each size: which is the better one?
    with pytest.raises(InputError, match="no column loss"):
        OPTIMUM.fit(LawTable(several, ("params",), ("lr",)), LawOptions())


def test_a_narrow_span_does_not_identify_an_exponent() -> None:
    """Sizes within a thirtieth of an octave: the exponent is that of published laws."""
    table = optimum_table(sizes=(4.0e8, 4.04e8, 4.08e8), noise=2e-3)
    law = OPTIMUM.fit(table, LawOptions())
    assert any("exponent of lr in params is not identified" in r for r in law.unidentified)
    assert not any("in tokens" in reason for reason in law.unidentified)
    lr = law.parameters["lr"]
    assert isinstance(lr, Mapping) and isinstance(lr["params"], Interval)


def test_sizes_within_an_octave_identify_no_exponent() -> None:
    widths = np.repeat([64.0, 80.0, 96.0, 112.0], 7)
    x = np.tile(np.arange(-11.0, -4.0), 4)
    table = LawTable(
        {"width": widths, "lr": 2.0**x, "loss": 3 * np.exp(0.01 * (x + 8) ** 2)},
        ("width",),
        ("lr",),
    )
    (reason,) = OPTIMUM.fit(table, LawOptions()).unidentified
    assert "the sizes span 0.81 octaves, less than one; run sizes farther apart" in reason


def test_one_tuned_setting_of_each_size_with_several_seeds() -> None:
    """lr = 0.1·width^-0.5 exactly, twice at each of four widths."""
    widths = np.repeat([64.0, 128.0, 256.0, 512.0], 2)
    columns = {"width": widths, "lr": 0.1 * widths**-0.5, "loss": np.tile([2.0, 2.01], 4)}
    law = OPTIMUM.fit(LawTable(columns, ("width",), ("lr",)), LawOptions())
    own = law.parameters["lr"]
    assert isinstance(own, Mapping) and law.points == 4
    assert own["width"].value == pytest.approx(-0.5, abs=0.02)


@pytest.mark.parametrize(("shared", "inside"), [(SHARED, True), (0.0, False)])
def test_an_error_that_all_sizes_share(
    monkeypatch: pytest.MonkeyPatch, shared: float, inside: bool
) -> None:
    """Lopsided bowls about 2^-9 N^-1/2, N about 1: the optima of all sizes come out too low alike.

    So many sizes know the level of the law to .02 octaves, and it is .04 octaves low.
    """
    rng, rows = np.random.default_rng(1), []
    for log2_size in np.arange(-6, 6.1, 0.4):
        u = np.arange(-15.0, -2.0) + 9 + log2_size / 2
        for x in u[np.abs(u) < 4]:
            rise = 0.01 * x * x * (1 + 0.4 * np.tanh(x / 2)) + 0.001 * rng.standard_normal()
            rows.append((2.0**log2_size, 2.0 ** (x - 9 - log2_size / 2), 2.5 * np.exp(rise)))
    columns = dict(zip(("params", "lr", "loss"), np.array(rows).T, strict=True))
    monkeypatch.setattr("mutransfer_cli.surface.laws.forms.optimum.SHARED", shared)
    law = OPTIMUM.fit(LawTable(columns, ("params",), ("lr",)), LawOptions())
    parameters = law.parameters["lr"]
    assert isinstance(parameters, Mapping)
    level = parameters["c"]
    assert level.low is not None and level.high is not None
    assert (level.low < 2**-9 < level.high) == inside
    assert parameters["params"].value == pytest.approx(-0.5, abs=0.01)
