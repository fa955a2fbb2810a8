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


OWN = """
import torch
from torch import nn
from mutransfer_cli import Subject

def subject(width, loss, batch):
    model = nn.Sequential(nn.Linear(4, width), nn.Linear(width, 1))
    return Subject(model, loss=loss, batch=batch)
def batch(seed):
    return (torch.randn(8, 4, generator=torch.Generator().manual_seed(seed)),)
def detached(width):
    return subject(width, lambda m, b: m(b[0]).mean().detach(), batch)
def not_repeatable(width):
    return subject(width, lambda m, b: m(b[0]).mean(), lambda seed: (torch.randn(8, 4),))
def missing_targets(width):
    def batch(seed):
        x = torch.randn(8, 4, generator=torch.Generator().manual_seed(seed))
        return x.masked_fill(x > 1, float("nan")),
    return subject(width, lambda m, b: m(b[0]).mean(), batch)
def not_finite(width):
    return subject(width, lambda m, b: m(b[0]).mean() / 0, batch)
"""


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("detached", "its loss has no gradient"),
        ("not_repeatable", "returned two different batches"),
        ("not_finite", "loss: not finite at init"),
        # NaN is not equal to itself: two equal batches with NaN are not two different ones
        ("missing_targets", "loss: not finite at init"),
    ],
)
def test_errors_of_a_recipe_s_model_name_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, message: str
) -> None:
    (tmp_path / f"own_{model}.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "recipe.yaml"
    path.write_text(
        f"name: own\nmodel: {{build: 'own_{model}:{model}', width: {{width: 1}}}}\n"
        "optimizer: {name: adam, lr: 0.003}\ndata: {source: teacher, d_in: 4, d_out: 2}\n"
        "base: {width: 16}\n"
    )
    with pytest.raises(InputError, match=rf"model\.build: own_{model}:{model}: .*{message}"):
        check_target(str(path), widths=[16, 32, 64])
