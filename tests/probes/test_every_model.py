"""Each probe that trains runs on a GPT, a convolutional net and a Hugging Face Llama."""

from __future__ import annotations

from math import isfinite
from pathlib import Path

import pytest

from mutransfer_cli.probes.probe_run import run_probe

TEXT = "data: {source: stdlib, seq_len: 16}"
MODELS = {
    "gpt": "model: {build: gpt, args: {head_dim: 8}}\n" + TEXT,
    "convnet": "model: {build: convnet}\ndata: {source: digits}",
    "llama": "model: {build: 'hf:llama', args: {head_dim: 8}}\n" + TEXT,
}
REST = """
name: x
optimizer: {name: adamw, lr: 0.005}
base: {width: 16, depth: 1, batch: 8, steps: 10}
ladder: {width: [16, 32, 64]}
"""
PROBES = ("sharpness", "noise", "features", "norms", "limit", "universality", "predict-lr")


@pytest.mark.slow
@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize("model", MODELS)
def test_it_runs(model: str, probe: str, tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(REST + MODELS[model] + "\n")
    document = run_probe(probe, str(path), minutes=1)
    assert document.measures
    assert all(isfinite(m.estimate.value) for m in document.measures)
    assert document.verdict in ("pass", "fail", "inconclusive")
