"""Parameterizations of the catalog, and one that is made of nothing but rows."""

from __future__ import annotations

import pytest

from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS, ParameterizationEntry
from mutransfer_cli.errors import InputError
from mutransfer_cli.optimizers.geometry import SIGN
from mutransfer_cli.optimizers.protocol import optimizer_spec
from mutransfer_cli.parameterization.protocol import Parameterization, parameterization_of
from mutransfer_cli.parameterization.rows.depth_rule import CONSTANT_IN_DEPTH
from mutransfer_cli.parameterization.rows.powers import IN, ONE, Row
from tests.helpers import registries

ROWS_ONLY = Parameterization(
    name="rows-only",
    rows={
        "input": Row(ONE, ONE, "here"),
        "hidden": Row(IN**-0.5, ONE, "here"),
        "readout": Row(ONE, IN**-1, "here"),
        "vector": Row(ONE, ONE, "here"),
    },
)


@pytest.mark.parametrize("name", PARAMETERIZATIONS.names)
def test_an_entry_has_the_name_of_its_row(name: str) -> None:
    assert parameterization_of(name).name == name


@pytest.mark.parametrize("name", PARAMETERIZATIONS.names)
def test_rows_say_what_the_implementation_does(name: str) -> None:
    row, found = PARAMETERIZATIONS[name], parameterization_of(name)
    in_block = found.depth_rule(SIGN, 0.5, True, False)
    assert row.depth_rules == (in_block != CONSTANT_IN_DEPTH)
    assert row.depth_exponent == (found.branch_power(0.5) != 0)
    assert row.unit_scaled == found.unit_scaled


def test_rows_are_all_that_a_parameterization_needs() -> None:
    assert ROWS_ONLY.signal() == -1
    assert ROWS_ONLY.row("readout", "absorbed").init == IN**-1
    assert ROWS_ONLY.row("expert").source == "here"
    assert ROWS_ONLY.depth_rule(SIGN, 1.0, True, True) == CONSTANT_IN_DEPTH
    assert ROWS_ONLY.attention_scale(None, 0.5, 16, 4.0) == 0.125
    assert ROWS_ONLY.lr_source(optimizer_spec("adamw"), "multiplier", None) == "derived"
    assert ROWS_ONLY.residual_coefficients(3, 1.0) == {}
    assert ROWS_ONLY.notes(None) == () and ROWS_ONLY.depth_choice(1.0) is None


def test_an_unknown_parameterization_is_named_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"found 'mop'.*did you mean 'mup'") as raised:
        parameterization_of("mop")
    assert raised.value.path == ("parameterization",)


def test_an_implementation_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    row = ParameterizationEntry(name="wrong", summary="", implementation="torch.optim:SGD")
    registries.add(monkeypatch, PARAMETERIZATIONS, row)
    with pytest.raises(InputError, match="wrong: its implementation is not a Parameterization"):
        parameterization_of("wrong")
