"""Small files that ask for endless time or memory are refused in one line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import target_size
from tests.fuzz import calls
from tests.helpers.run_directories import RECIPE

SECONDS = 10  # of processor time; a hang would take hours


def refused(path: Path, content: str, read: object) -> str:
    """The one line with which a file is refused."""
    path.write_text(content)
    started = time.process_time()
    with pytest.raises(InputError) as caught:
        read(path)  # type: ignore[operator]  # one of the calls
    assert time.process_time() - started < SECONDS
    message = str(caught.value)
    assert len(message.splitlines()) == 1 and len(message) < 2000
    return message


def laughs(levels: int, merge: bool, leaf: str) -> str:
    """Each level names the one below ten times."""
    lines = [f"a0: &a0 {leaf}"]
    for level in range(1, levels + 1):
        names = ", ".join([f"*a{level - 1}"] * 10)
        value = f"{{<<: [{names}]}}" if merge else f"[{names}]"
        lines.append(f"a{level}: &a{level} {value}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("leaf", ["{}", "{x: 1}", "{x: 1, y: 2}"])
@pytest.mark.parametrize("levels", [8, 12])
def test_merges_of_aliases(tmp_path: Path, leaf: str, levels: int) -> None:
    message = refused(tmp_path / "r.yaml", laughs(levels, True, leaf), calls.recipe)
    assert "values, those of aliases counted" in message


@pytest.mark.parametrize("merge", [True, False])
def test_nested_aliases_of_base_shapes(tmp_path: Path, merge: bool) -> None:
    text = laughs(9, merge, "{x: 1}" if merge else "[1]")
    assert "base shapes" in refused(tmp_path / "b.bsh", text, calls.base_shapes)


def test_a_few_aliases_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "b.bsh"
    path.write_text("a: &x [1, null]\nb: *x\n")
    calls.base_shapes(path)


@pytest.mark.parametrize("bracket", ["[", "{a: ", "- "])
@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("r.yaml", calls.recipe),
        ("b.bsh", calls.base_shapes),
        ("p.json", calls.plan),
        ("f.json", calls.fit),
        ("f.json", calls.forecast),
        ("t.json", calls.table),
        ("b.json", calls.baseline),
        ("e.json", calls.engine),
        ("config.json", calls.config),
    ],
)
def test_a_hundred_thousand_brackets(tmp_path: Path, name: str, read: object, bracket: str) -> None:
    refused(tmp_path / name, bracket * 100_000, read)


DIGITS = "9" * 400


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ("width: 8,", f"width: {DIGITS},", "base.width"),
        ("depth: 2,", f"depth: {DIGITS},", "base.depth"),
        ("depth: 2,", "depth: 1000000000,", "base.depth"),
        ("width: 8,", "width: 1000000000000,", "base.width"),
        ("steps: 40", f"steps: {DIGITS}", "base.steps"),
        ("[8, 16, 32]", f"[8, {DIGITS}]", "ladder.width"),
        ("step: 1}", "step: 1.0e-9}", "search.space.lr"),
        ("step: 1}", "step: 1.0e-300}", "search.space.lr"),
        ("seeds: 2", "seeds: 1000000000", "search.seeds"),
        ("extend: 0", "extend: 1000000000", "search.extend"),
        ("seeds: 2, extend: 0", "seeds: 9999, extend: 9999", "search"),
        (
            "{lr: {log2: [-9, -3], step: 1}}",
            "{lr: {log2: [-9, -3], step: 0.001}, beta1: {linear: [0.1, 0.9], step: 0.001}, "
            "beta2: {linear: [0.1, 0.9], step: 0.001}}",
            "search",
        ),
        (
            "[8, 16, 32]",
            f"{list(range(8, 400))}, depth: {list(range(1, 400))}, product: true",
            "lad",
        ),
    ],
)
def test_numbers_without_measure(tmp_path: Path, before: str, after: str, key: str) -> None:
    assert before in RECIPE
    text = RECIPE.replace(before, after)
    assert key in refused(tmp_path / "r.yaml", text, calls.recipe)


@pytest.mark.parametrize("sizes", [{"width": int(DIGITS)}, {"width": 10**12}, {"depth": 10**9}])
def test_sizes_of_the_command_line(sizes: dict[str, int]) -> None:
    with pytest.raises(InputError, match=f"--{next(iter(sizes))}: expected at most") as caught:
        target_size(loads(RECIPE).recipe, **sizes)
    assert len(str(caught.value)) < 200


def test_a_model_larger_than_any_memory() -> None:
    recipe = loads(RECIPE.replace("d_in: 8", "d_in: 1000000000000000000")).recipe
    with pytest.raises(InputError, match="larger than any memory"):
        ProxyFactory(recipe).plan(target_size(recipe, width=100_000_000))


ROWS = "\\begin{{tabular}}{{ll}}\nwidth & lr & loss \\\\\n{} & 1 & 2 \\\\\n\\end{{tabular}}"


@pytest.mark.parametrize(
    "text",
    [
        "\\begin{tabular}" * 20000,
        "\\begin{tabular}" + "{" * 20000,
        ROWS.format("\\textbf{" * 20000 + "}" * 20000),
        ROWS.format("\\cmidrule(" * 20000),
        ROWS.format("\\cellcolor[{" * 20000),
        ROWS.format("\\multicolumn{999999999}{c}{64}"),
        "&" * 20000 + "\n" + "a" * 20000 + "&" * 20000,
    ],
    ids=["begin", "open", "nested", "rule", "color", "span", "rows"],
)
def test_latex(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path / "t.tex", text, calls.table)
