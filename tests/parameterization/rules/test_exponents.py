"""Exponents of all quantities, against numbers from the papers; none of them from the code.

TP5: Tensor Programs V, arXiv 2203.03466, Table 8 and appendix J; EV: Everett et al., 2407.05872.
"""

from __future__ import annotations

import pytest

from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.optimizers.geometry import GRADIENT, RELATIVE, SIGN, SPECTRAL, Geometry
from mutransfer_cli.parameterization.protocol import parameterization_of
from mutransfer_cli.parameterization.rules.exponents import Exponents, clip_exponent, exponents

GROWS = {"input": (False, True), "hidden": (True, True), "readout": (True, False)}


def of(name: str, geometry: Geometry, role: str, **options: object) -> Exponents:
    grows_in, grows_out = GROWS.get(role, (False, True))
    return exponents(
        parameterization_of(name),
        geometry,
        role,
        grows_in=grows_in,
        grows_out=grows_out,
        **options,  # type: ignore[arg-type]
    )


# The gradient that reaches hidden layers is W_outᵀ ∂L, W_out with its multiplier: entries 1/n where
# the readout is that of muP or mean-field (TP5 appendix J.1: "∇_h f = Θ(1/n)"), 1/√n in sp and ntk.
@pytest.mark.parametrize(
    ("name", "expected"),
    [("mup", -1), ("completep", -1), ("mean-field", -1), ("sp", -0.5), ("ntk", -0.5)],
)
@pytest.mark.parametrize("geometry", [GRADIENT, SIGN], ids=lambda g: g.name)
def test_gradient_of_a_hidden_output(name: str, expected: float, geometry: Geometry) -> None:
    for role in ("input", "hidden", "vector", "convolution", "expert"):
        assert of(name, geometry, role).output_gradient == expected
    for role in ("readout", "scalar"):  # at the logits it does not depend on the width
        assert of(name, geometry, role).output_gradient == 0


def test_gradient_of_a_hidden_output_of_a_tied_model() -> None:
    """The tied readout is an embedding of entries 1, so δ is the multiplier on the logits."""
    assert of("mup", SIGN, "hidden", tied=True).output_gradient == -1
    assert of("sp", SIGN, "hidden", tied=True).output_gradient == 0


# TP5 Table 8, entries of the gradient: the readout's is its multiplier 1/n times activations of
# size 1, the others' δ = 1/n times activations; sp: readout 1, others 1/√n.
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mup", {"input": -1, "hidden": -1, "readout": -1}),
        ("sp", {"input": -0.5, "hidden": -0.5, "readout": 0}),
    ],
)
def test_gradient_of_a_tensor(name: str, expected: dict[str, float]) -> None:
    for role, exponent in expected.items():
        assert of(name, GRADIENT, role).gradient == exponent


# init, multiplier and learning rate of TP5 Table 8
@pytest.mark.parametrize(
    ("geometry", "role", "expected"),
    [
        (SIGN, "input", (0, 0, 0)),
        (SIGN, "hidden", (-0.5, 0, -1)),
        (SIGN, "readout", (0, -1, 0)),
        (GRADIENT, "input", (0, 0, 1)),
        (GRADIENT, "hidden", (-0.5, 0, 0)),
        (GRADIENT, "readout", (0, -1, 1)),
    ],
)
def test_table_8(geometry: Geometry, role: str, expected: tuple[float, float, float]) -> None:
    found = of("mup", geometry, role)
    assert (found.init, found.multiplier, found.lr) == expected


@pytest.mark.parametrize("geometry", [SIGN, GRADIENT, SPECTRAL, RELATIVE], ids=lambda g: g.name)
@pytest.mark.parametrize("role", GROWS)
def test_mup_updates_every_layer_by_a_constant(role: str, geometry: Geometry) -> None:
    """TP5 desiderata: every tensor's update changes its layer's output by Θ(1), at any width."""
    for readout in ("multiplier", "absorbed"):
        assert of("mup", geometry, role, readout=readout).update_effect == 0


@pytest.mark.parametrize(
    ("role", "expected"),
    # one rate for all under SP: hidden and readout updates blow up as n (TP5 section 5)
    [("input", 0), ("hidden", 1), ("readout", 1)],
)
def test_sp_with_one_rate_blows_up(role: str, expected: float) -> None:
    assert of("sp", SIGN, role).update_effect == expected


@pytest.mark.parametrize("name", PARAMETERIZATIONS.names)
def test_hidden_layers_keep_the_size_of_activations_at_init(name: str) -> None:
    assert of(name, SIGN, "hidden").init_effect == 0


@pytest.mark.parametrize(
    ("name", "expected"), [("mup", -0.5), ("mean-field", -0.5), ("sp", 0), ("ntk", 0)]
)
def test_logits_at_init(name: str, expected: float) -> None:
    """EV: at init logits vanish as 1/√n in muP and mean-field, and are Θ(1) in sp and ntk."""
    assert of(name, SIGN, "readout").init_effect == expected


@pytest.mark.parametrize(
    ("name", "readout", "expected"),
    # measured: the norm of the readout's gradient grows as √m where its multiplier is absorbed
    [("mup", "multiplier", 0), ("mup", "absorbed", 0.5), ("sp", "multiplier", 0.5)],
)
def test_clipping_threshold(name: str, readout: str, expected: float) -> None:
    assert clip_exponent(parameterization_of(name), readout) == expected
