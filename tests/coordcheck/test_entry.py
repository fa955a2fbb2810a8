"""The entry: a recipe, its path, or `package.module:callable`."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli import InputError
from mutransfer_cli.coordcheck.entry import check_target
from mutransfer_cli.recipe.load import load
from tests.helpers.check_requests import MLP, SIZES

TEXT = f"name: entry\n{MLP}{SIZES}optimizer: {{name: adam, lr: 0.003}}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(TEXT)
    return path


def test_a_path_and_the_recipe_that_it_holds_give_the_same(path: Path) -> None:
    reports = [check_target(t, widths=[64, 128, 256]) for t in (str(path), load(path).recipe)]
    tensors = [[t.model_dump() for t in r.tensors] for r in reports]
    assert tensors[0] == tensors[1] and reports[0].passed


def test_a_recipe_is_held_against_what_is_asked_for(path: Path) -> None:
    assert check_target(str(path), expect="sp").verdict == "fail"
    with pytest.raises(InputError, match=r"--expect: expected mup .* found 'mop'"):
        check_target(str(path), expect="mop")


def test_a_callable_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    report = check_target("tests.helpers.check_subjects:small_subject")
    assert report.passed and report.document.expected == "mup"


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("r.yaml", {"device": "cuda"}, "--device cuda: the check runs on the CPU"),
        ("a.b:c", {"axis": "depth"}, "--axis depth: needs a recipe"),
        ("a.b:c", {"sets": ["optimizer.lr=1"]}, "--set: there is no recipe to change"),
    ],
)
def test_options_that_do_not_belong_together(
    target: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        check_target(target, **options)  # type: ignore[arg-type]
