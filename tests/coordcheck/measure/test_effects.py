"""Gains at init: those of embeddings, looked up by a module or by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli import Subject, check
from mutransfer_cli.coordcheck.report.result import CheckReport
from tests.helpers.check_subjects import WIDTHS, failed

FORMS = ["module", "raw", "scaled module", "scaled outside"]


class Scaled(nn.Module):
    """Embeddings of standard deviation n^-1/2, multiplied by √n."""

    def __init__(self, width: int, inside: bool) -> None:
        super().__init__()
        self.weight, self.inside = nn.Parameter(torch.randn(32, width) / width**0.5), inside

    def forward(self, tokens: Tensor) -> Tensor:
        looked_up = F.embedding(tokens, self.weight)
        return looked_up * self.weight.shape[1] ** 0.5 if self.inside else looked_up


class Language(nn.Module):
    """An embedding, a hidden layer and a readout."""

    def __init__(self, width: int, form: str) -> None:
        super().__init__()
        self.form = form
        if form == "raw":
            self.table = nn.Parameter(torch.randn(32, width))
        else:
            plain = form == "module"
            self.table = nn.Embedding(32, width) if plain else Scaled(width, "outside" not in form)
        self.hidden = nn.Linear(width, width)
        self.head = nn.Linear(width, 32, bias=False)
        nn.init.normal_(self.head.weight, std=1 / width)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.table[tokens] if self.form == "raw" else self.table(tokens)
        if self.form == "scaled outside":
            x = x * x.shape[-1] ** 0.5
        y: Tensor = self.head(torch.relu(self.hidden(torch.relu(x))))
        return y


def report_on(form: str, power: float) -> CheckReport:
    def batch(seed: int) -> tuple[Tensor, Tensor]:
        tokens = torch.randint(0, 32, (2, 9), generator=torch.Generator().manual_seed(seed))
        return tokens[:, :-1], tokens[:, 1:]

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return F.cross_entropy(model(batch[0]).flatten(0, 1), batch[1].flatten())

    def build(width: int) -> Subject:
        model, m = Language(width, form), width / 64
        rates = {"hidden.weight": 1 / m, "head.weight": 1 / m}
        if "scaled" in form:
            rates["table.weight"] = m**-0.5
        for name, p in model.named_parameters():
            if name.startswith("table"):
                p.data *= m**power
        groups = [
            {"params": [p], "lr": 1e-3 * rates.get(n, 1.0)} for n, p in model.named_parameters()
        ]
        return Subject(model, torch.optim.Adam(groups, eps=1e-12), loss, batch)

    return check(build, WIDTHS)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("power", "finding"), [(0.0, None), (0.5, "init-too-large"), (-0.5, "init-too-small")]
)
def test_the_init_of_embeddings(form: str, power: float, finding: str | None) -> None:
    """Table 8: constant, with whatever the model multiplies the lookups by."""
    report = report_on(form, power)
    name = next(t.name for t in report.tensors if t.name.startswith("table"))
    assert failed(report) == ({name: finding} if finding else {})
    tensor = next(t for t in report.tensors if t.name == name)
    assert "init" not in tensor.not_judged
