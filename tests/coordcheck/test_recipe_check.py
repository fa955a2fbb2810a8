"""What a check asks of a recipe: widths, depths, memory, and which optimizer trains a tensor."""

from __future__ import annotations

import pytest

from mutransfer_cli import InputError
from mutransfer_cli.coordcheck import recipe_check
from mutransfer_cli.coordcheck.recipe_check import check_recipe_depth, width_request
from mutransfer_cli.optimizers.geometry import SIGN, SPECTRAL
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.schema.recipe import Recipe
from tests.helpers.check_requests import GPT, SIZES, request_for


def recipe(optimizer: str = "adam", base: int = 64) -> Recipe:
    sizes = SIZES.replace("width: 64", f"width: {base}").replace("[64, 128]", f"[{2 * base}]")
    text = f"name: r\n{GPT}{sizes}optimizer: {{name: {optimizer}, lr: 0.003}}\n"
    return loads(text).recipe


BASES = [
    (64, (64, 128, 256)),
    (16, (64, 128, 256)),
    (48, (96, 192, 384)),
    (128, (128, 256, 512)),
]


@pytest.mark.parametrize(("base", "widths"), BASES)
def test_default_widths_are_multiples_of_the_base(base: int, widths: tuple[int, ...]) -> None:
    assert width_request(recipe(base=base), None, None).widths == widths


def test_muon_leaves_embeddings_to_another_optimizer() -> None:
    expected = width_request(recipe("muon"), None, None).expected
    assert expected["blocks.0.mlp.up.weight"].geometry == SPECTRAL
    assert expected["token.weight"].geometry == SIGN


def test_impossible_sizes() -> None:
    with pytest.raises(InputError, match=r"^--widths: .*head_dim"):
        width_request(recipe(), [64, 100, 256], None)
    with pytest.raises(InputError, match="unknown option 'sedes'"):
        width_request(recipe(), None, None, sedes=2)
    with pytest.raises(InputError, match="--depths 2,4: expected at least three"):
        check_recipe_depth(recipe(), [2, 4], 1, 1, 0)


def test_a_model_that_does_not_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe_check, "available_bytes", lambda device: 2**20)
    with pytest.raises(InputError, match=r"--widths: a model of width 256 needs about 0\.1 GiB"):
        width_request(recipe(), None, None)


def test_a_plan_is_made_once_for_each_width(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request = request_for("mup", "adam")
    made: list[int] = []
    plan = recipe_check.ProxyFactory.plan

    def counted(self: object, size: object, *rest: object) -> object:
        made.append(size.width)  # type: ignore[attr-defined]
        return plan(self, size, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(recipe_check.ProxyFactory, "plan", counted)
    for seed in range(3):
        request.build(320, seed)
    assert made == [320]
