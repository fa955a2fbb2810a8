"""Numbers in the notations of people."""

from __future__ import annotations

import math

import pytest

from mutransfer_cli.fit.tables.content.cells import (
    Failure,
    Spread,
    absent,
    cell_value,
    value_reader,
)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("2.5", 2.5),
        (" 1e-3 ", 1e-3),
        ("2^-10", 2.0**-10),
        ("2**-10", 2.0**-10),
        ("$2^{-10}$", 2.0**-10),
        ("2⁻¹⁰", 2.0**-10),
        ("10^-3", 1e-3),
        ("3x10^-4", 3e-4),
        ("3×10⁻⁴", 3e-4),
        (r"3 \cdot 10^{-4}", 3e-4),
        ("1/64", 1 / 64),
        ("1,024", 1024),
        ("1_024", 1024),
        ("1,234,567.5", 1234567.5),
        ("125M", 1.25e8),
        ("2.5B tokens", 2.5e9),
        ("~3.12", 3.12),
        ("1 000 000", 1e6),
        ("1\u00a0024", 1024),
        ("12'500.5", 12500.5),
        ("1e‑3", 1e-3),  # a hyphen that does not break
        ("3.12*", 3.12),
        ("3.12†", 3.12),
        ("0.5 M tokens", 5e5),
        ("1.3B params", 1.3e9),
        ("3B", 3e9),
        ("10k", 1e4),
        ("1.5 T", 1.5e12),
        ("50%", 0.5),
        ("−3.5", -3.5),
        (7, 7.0),
        (2.5, 2.5),
    ],
)
def test_numbers(cell: object, value: float) -> None:
    assert cell_value(cell) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    "cell",
    [
        "nan",
        "-inf",
        "1e400",
        "Diverged",
        math.inf,
        10**400,
        "nan ± nan",
        ">10",
        "> 1e3",
        "blew up",
        "∞",
        "div.",
        "diverged @ 100",
        "NaN (step 7)",
        "diverged after 3k",
    ],
)
def test_diverged(cell: object) -> None:
    value = cell_value(cell)
    assert isinstance(value, float) and math.isnan(value)


@pytest.mark.parametrize("cell", ["", " ", "-", "—", "N/A", "null", "<NA>", None])
def test_missing(cell: object) -> None:
    assert cell_value(cell) is None


@pytest.mark.parametrize(
    ("cell", "mean", "deviation"),
    [
        ("2.31 ± 0.02", 2.31, 0.02),
        ("2.31±.02", 2.31, 0.02),
        ("2.31 +/- .02", 2.31, 0.02),
        (r"$2.31 \pm 0.02$", 2.31, 0.02),
        ("2.31 (0.02)", 2.31, 0.02),
        ("2.31(2)", 2.31, 0.02),  # in units of the last digit
        ("2.310(25)", 2.31, 0.025),
    ],
)
def test_a_mean_with_its_deviation(cell: str, mean: float, deviation: float) -> None:
    value = cell_value(cell)
    assert isinstance(value, Spread)
    assert value == pytest.approx((mean, deviation))


@pytest.mark.parametrize("cell", ["64 128 256", "1e-3, 2e-3", "64x64", "<0.01", "nanometers at 5"])
def test_what_is_no_number_stays_text(cell: str) -> None:
    assert cell_value(cell) == cell


def test_a_mean_of_one_run_has_no_deviation() -> None:
    assert cell_value("2.31 ± nan") == 2.31


@pytest.mark.parametrize("cell", ["OOM", "Crashed", "running", "CUDA OOM"])
def test_failures(cell: str) -> None:
    value = cell_value(cell)
    assert isinstance(value, Failure) and value == cell


@pytest.mark.parametrize(
    "cell", ["low", "2.3.4", "12,34", "gpt-2", "1e", "2^", "1/0", "10:30", True]
)
def test_everything_else_is_text(cell: object) -> None:
    assert cell_value(cell) == str(cell)


@pytest.mark.parametrize(
    ("cell", "value"),
    [("2,31", 2.31), ("0,001", 0.001), ("1.024", 1024), ("1.024,5", 1024.5), ("1,5e-3", 1.5e-3)],
)
def test_decimal_commas(cell: str, value: float) -> None:
    read = value_reader(decimal_comma=True)
    assert read(cell) == read(cell) == pytest.approx(value)


def test_decimal_commas_leave_the_rest_alone() -> None:
    read = value_reader(decimal_comma=True)
    assert [read(c) for c in ("64", "2^-8", "", "OOM", "a, b")] == [64, 2**-8, None, "OOM", "a, b"]
    assert read("2,31 ± 0,02") == Spread(2.31, 0.02)


def test_absent() -> None:
    assert [absent(v) for v in (None, math.nan, Failure("OOM"), 0.0, "x", Spread(1, 1))] == [
        True, True, True, False, False, False,
    ]  # fmt: skip
