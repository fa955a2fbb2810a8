"""Tokens from other columns."""

from __future__ import annotations

import pytest

from mutransfer_cli.fit.tables.columns.size_ratios import is_ratio, with_tokens
from mutransfer_cli.fit.tables.content.run_table import RunTable, TableColumn


def table(**columns: list[object]) -> RunTable:
    named = tuple(TableColumn(name.replace("_over_", "/"), c) for name, c in columns.items())
    return RunTable("runs.csv", "runs.csv:1", named, ["runs.csv:2", "runs.csv:3"])


@pytest.mark.parametrize(
    "name", ["D/N", "tokens/param", "tokens_per_param", "tokens per parameter", "TPP",
             "token-to-parameter ratio"],
)  # fmt: skip
def test_names_of_the_ratio(name: str) -> None:
    assert is_ratio(name)


@pytest.mark.parametrize("name", ["N", "D", "N/D", "tokens", "loss/tokens", "tokens_per_second"])
def test_other_names(name: str) -> None:
    assert not is_ratio(name)


def test_tokens_follow_from_both() -> None:
    """20 tokens for each of 125 million parameters: 2.5 billion; a missing cell stays missing."""
    found = with_tokens(table(N=["125M", "1e9"], D_over_N=["20", ""], loss=["3.1", "2.5"]))
    assert found.names == ["N", "loss", "tokens"]
    assert found.columns[-1].values == [2.5e9, None]
    assert found.notes == ("tokens = D/N · N",)


def test_what_has_tokens_already_stays_as_it_is() -> None:
    for columns in ({"N": ["1e9"], "D": ["2e9"], "D_over_N": ["2"]}, {"D_over_N": ["2"]}):
        own = table(**columns)  # type: ignore[arg-type]  # lists of texts are lists of objects
        assert with_tokens(own) is own


def test_tokens_follow_from_steps_batch_and_sequences() -> None:
    """30,517 and 15,258 steps of 32 and 64 sequences: equal to 4e-5, so one number, the smaller."""
    found = with_tokens(
        table(steps=["30517", "15258"], bs=["32", "64"], context_length=["2k", "2k"])
    )
    assert found.columns[-1].name == "tokens"
    assert found.columns[-1].values == [15258 * 64 * 2000.0] * 2
    assert found.notes == ("tokens = steps · bs · context_length",)


def test_tokens_follow_from_compute() -> None:
    """1.5e18 = 6·1.25e8·2e9; runs whose compute differs from one to the next have no sizes."""
    columns: dict[str, list[object]] = {"N": ["125M", "125M"], "lr": ["1e-3", "2e-3"]}
    found = with_tokens(table(**columns, flops=["1.5e18", "1.5e18"]))
    assert found.columns[-1].values == [2e9, 2e9]
    assert found.notes == ("tokens = flops / (6·N)",)
    for more in ({"flops": ["1.5e18", "1.4e18"]}, {"flops": ["1e18"] * 2, "steps": ["9", "9"]}):
        own = table(**columns, **more)  # type: ignore[arg-type]  # lists of texts are lists of objects
        assert with_tokens(own) is own


def test_tokens_follow_from_steps_and_a_batch_in_tokens() -> None:
    found = with_tokens(table(iters=["1000", "-"], tokens_per_batch=["0.5M", "0.5M"]))
    assert found.columns[-1].values == [5e8, None]


@pytest.mark.parametrize("batch", ["524288", "0.5M tokens"])
def test_a_batch_in_tokens_is_seen_by_its_size_or_unit(batch: str) -> None:
    """524,288 sequences of 1024 tokens are 5e8 tokens a step: more than anybody uses."""
    found = with_tokens(
        table(steps=["1000", "2000"], total_batch_size=[batch] * 2, seq_len=["1024"] * 2)
    )
    one = found.columns[-1].values[0]
    assert isinstance(one, float) and one == pytest.approx(5.2e8, rel=0.05)
    assert found.notes == ("tokens = steps · total_batch_size",)


def test_passes_that_are_accumulated_count() -> None:
    """nanoGPT: 10 iterations of 40 passes over 12 sequences of 1024 tokens; not with a total."""
    columns: dict[str, list[object]] = {
        "max_iters": ["10", "20"],
        "block_size": ["1024", "1024"],
        "gradient_accumulation_steps": ["40", "40"],
    }
    by_pass = with_tokens(table(batch_size=["12", "12"], **columns)).columns[-1].values
    total = with_tokens(table(total_batch_size=["480", "480"], **columns)).columns[-1].values
    assert by_pass == total == [4915200.0, 9830400.0]


@pytest.mark.parametrize(
    "columns",
    [
        {"steps": ["1", "2"], "bs": ["32", "64"]},  # how long are the sequences?
        {"epochs": ["1", "2"], "bs": ["32", "64"], "seq_len": ["9", "9"]},
        {"steps": ["1", "2"], "bs": ["32", "64"], "seq_len": ["9", "9"], "n_ctx": ["8", "8"]},
        {"steps": ["1", "2"], "bs": ["32", "64"], "seq_len": ["9", "9"], "flops": ["1", "2"]},
    ],
)
def test_what_gives_no_tokens(columns: dict[str, list[object]]) -> None:
    own = table(**columns)
    assert with_tokens(own) is own
