"""`shapes` of models of 10,000 tensors in three forms against `import torch`, interleaved.

Layers with their biases and residuals; matrices one after the other; vectors that are summed. In
CPU seconds.

python -m tests.benchmarks.many_tensors [rounds]
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.given_words import given_words
from tests.benchmarks.startup import interleaved, print_relative

COUNT = 10_000
FORMS = {
    "layers": (
        f"nn.ModuleList([nn.Linear(width, width) for _ in range({COUNT // 2})])",
        "h + torch.tanh(p(h))",
    ),
    "matrices": (
        f"nn.ParameterList([torch.randn(width, width) / width**0.5 for _ in range({COUNT})])",
        "torch.tanh(h @ p.T)",
    ),
    "vectors": (f"nn.ParameterList([torch.zeros(width) for _ in range({COUNT})])", "h + p"),
}
MODEL = """\
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inp = nn.Linear(8, width)
        self.many = {many}
        self.out = nn.Linear(width, 4)

    def forward(self, x):
        h = self.inp(x)
        for p in self.many:
            h = {step}
        return self.out(h)
"""
RECIPE = """\
name: many
model: {{build: 'many_{form}:Model', args: {{}}}}
parameterization: mup
optimizer: {{name: adamw, lr: 0.01}}
data: {{source: teacher, d_in: 8, d_out: 4}}
base: {{width: 64, batch: 4, steps: 10}}
target: {{width: 128}}
"""


def main() -> None:
    given = given_words(__doc__)
    rounds = int(given[0]) if given else 3
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PYTHONPATH"] = os.pathsep.join(
            [folder, str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
        )
        commands = {"import torch": [sys.executable, "-c", "import torch"]}
        for form, (many, step) in FORMS.items():
            (Path(folder) / f"many_{form}.py").write_text(MODEL.format(many=many, step=step))
            recipe = Path(folder) / f"{form}.yaml"
            recipe.write_text(RECIPE.format(form=form))
            commands[form] = [
                sys.executable, "-m", "mutransfer_cli", "shapes", str(recipe), "--width", "64",
            ]  # fmt: skip
        print_relative(interleaved(commands, rounds))


if __name__ == "__main__":
    main()
