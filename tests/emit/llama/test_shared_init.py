"""One init for keys and values: the ratio goes into the queries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mutransfer_cli.documents.scale import ScaleDocument
from mutransfer_cli.emit import scale as scale_module
from mutransfer_cli.emit.core.protocol import EmitRequest
from mutransfer_cli.emit.scale import EmitResult, scale
from mutransfer_cli.emit.stacks.torchtitan import STACK, groups_and_init
from mutransfer_cli.errors import InputError
from tests.helpers.emit_recipes import emit_recipe


def request_with(
    folder: Path, monkeypatch: pytest.MonkeyPatch, values_std: float | None
) -> EmitRequest:
    """A plan whose values start at `values_std` times the init of the keys; None: at zero."""
    captured: list[EmitRequest] = []

    def capture(request: EmitRequest, document: ScaleDocument, *_: object) -> EmitResult:
        captured.append(request)
        return EmitResult(document, {"x": ""})

    with monkeypatch.context() as patch:
        patch.setattr(scale_module, "emit", capture)
        scale(emit_recipe(folder, "llama"), width=256, format="torchtitan")
    plan = captured[0].plan
    tensors = tuple(
        replace(t, init_std=(values_std or 0.0) * (t.init_std or 0.0)) if "v_proj" in t.name else t
        for t in plan.tensors
    )
    return replace(captured[0], plan=replace(plan, tensors=tensors))


def test_queries_absorb_the_ratio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = STACK.resolve(request_with(tmp_path, monkeypatch, 1.0)).actual
    request = request_with(tmp_path, monkeypatch, 4.0)
    after = STACK.resolve(request)
    q, k, v = (f"model.layers.1.self_attn.{part}_proj.weight" for part in "qkv")
    keys, values = (request.plan.tensor(name).init_std for name in (k, v))
    assert keys is not None and values is not None
    ratio = values / keys  # of two inits that were measured, about 4
    assert ratio == pytest.approx(4, rel=0.2)
    # keys start as the values do, and move `ratio` times as fast with as much less epsilon and
    # decay (lr × decay is kept); the queries the other way
    assert after.actual[k].init_std == pytest.approx(values, rel=0.03)
    assert after.actual[k].init_std == after.actual[v].init_std
    assert after.actual[k].lr == pytest.approx(ratio * before[k].lr)
    assert after.actual[k].eps == pytest.approx(before[k].eps / ratio)
    assert after.actual[k].weight_decay == pytest.approx(before[k].weight_decay / ratio)
    assert after.actual[q].init_std == pytest.approx(before[q].init_std / ratio, rel=0.03)
    assert after.actual[q].lr == pytest.approx(before[q].lr / ratio)
    assert after.actual[v].lr == before[v].lr
    init = groups_and_init(request, after)[1]
    assert init["wkv"] == after.actual[v].init_std


def test_zero_is_no_ratio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"v_proj\.weight starts at zero"):
        STACK.resolve(request_with(tmp_path, monkeypatch, None))
