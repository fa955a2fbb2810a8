"""Gains of embeddings at init, sizes of inputs, and what stands before a layer."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli import Subject, check
from mutransfer_cli.coordcheck.measure.effects import input_size
from mutransfer_cli.coordcheck.measure.layers.upstream import upstream_layers
from mutransfer_cli.coordcheck.measure.recorder import recording, rms
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


@pytest.mark.parametrize("packed", [False, True])
def test_the_input_of_recurrent_matrices_in_packed_sequences(packed: bool) -> None:
    """The input of layer 0 is the sequence; of the other matrices, states as large as the output.

    Right packed models failed where it was taken for 1: their states shrink with the width.
    """
    model, sequences = nn.GRU(4, 8, 2), [torch.randn(n, 4) for n in (5, 3)]
    given = nn.utils.rnn.pack_sequence(sequences) if packed else torch.stack([sequences[0]] * 2, 1)
    with recording(model) as calls:
        output, _ = model(given)
    call = calls.by_module[""]
    entries = (given.data, output.data) if packed else (given, output)
    for name, size in zip(("weight_ih_l0", "weight_hh_l1"), map(rms, entries), strict=True):
        value = getattr(model, name).detach()
        assert input_size(call, name, value, value + 0.1) == pytest.approx(size)
    bias = model.bias_hh_l0.detach()
    assert input_size(call, "bias_hh_l0", bias, bias + 0.1) == 1.0  # control


class TwoHeads(nn.Module):
    """An encoder whose two heads read one activation, each times a factor of its own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(16, width), nn.Linear(width, width)
        self.mean, self.spread, self.decoder = (
            nn.Linear(width, 4), nn.Linear(width, 4), nn.Linear(4, 16)
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.second(torch.relu(self.first(x))))
        mean, spread = self.mean(h * 0.5), self.spread(h * 0.3)
        y: Tensor = self.decoder(mean + 0.1 * spread)
        return y


def test_two_heads_have_the_same_layer_before_them() -> None:
    model = TwoHeads(8)
    with recording(model) as calls:
        model(torch.randn(3, 16))
    before = {name: layer.module for name, layer in upstream_layers(model, calls).items()}
    assert before["mean.weight"] == before["spread.weight"] == "second"
    assert before["decoder.weight"] == "spread"  # the last of them, since it reads another value
    assert "first.weight" not in before


class Factors(nn.Module):
    """A layer that is two raw factors of fixed rank, between a module and the readout."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(16, width), nn.Linear(width, 4)
        self.u, self.v = nn.Parameter(torch.randn(width, 3)), nn.Parameter(torch.randn(3, width))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(torch.relu(self.first(x) @ self.u @ self.v) / 8)
        return y


def test_factors_in_a_forward_pass_are_a_layer_before_the_readout() -> None:
    model, x = Factors(8), torch.randn(3, 16)
    with recording(model) as calls:
        model(x)
    before = upstream_layers(model, calls)["last.weight"]
    assert before.module == "first"  # the last module
    assert before.size == pytest.approx(rms(model.first(x) @ model.u @ model.v))
    assert before.size != pytest.approx(rms(model.first(x)))  # control: of the last module


def test_a_wrong_layer_before_two_heads_is_all_that_is_named() -> None:
    def build(width: int) -> Subject:
        model, m = TwoHeads(width), width / 64
        with torch.no_grad():
            model.second.weight.mul_(m**0.5)  # the fault: constant instead of m^-1/2
            for head in (model.mean, model.spread):
                head.weight.mul_(m**-0.5)
        rates = {"second.weight": 1 / m, "mean.weight": 1 / m, "spread.weight": 1 / m}
        groups = [
            {"params": [p], "lr": 1e-3 * rates.get(n, 1.0)} for n, p in model.named_parameters()
        ]

        def batch(seed: int) -> tuple[Tensor]:
            return (torch.randn(8, 16, generator=torch.Generator().manual_seed(seed)),)

        def loss(model: nn.Module, batch: tuple[Tensor]) -> Tensor:
            return F.mse_loss(model(batch[0]), batch[0])

        return Subject(model, torch.optim.Adam(groups, eps=1e-12), loss, batch)

    assert failed(check(build, WIDTHS)) == {"second.weight": "init-too-large"}


class Pooled(nn.Module):
    """A readout of the mean of a sequence, weighted by learned scores."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(12, width), nn.Linear(width, width)
        self.score, self.last = nn.Linear(width, 1), nn.Linear(width, 6)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.second(torch.relu(self.first(x))))
        y: Tensor = self.last((self.score(h).softmax(1) * h).sum(1))
        return y


def test_a_learned_score_is_not_the_layer_before_the_readout() -> None:
    model = Pooled(8)
    with recording(model) as calls:
        model(torch.randn(3, 5, 12))
    before = upstream_layers(model, calls, {"score.weight", "last.weight"})
    assert before["last.weight"].module == before["score.weight"].module == "second"
    assert upstream_layers(model, calls)["last.weight"].module == "score"  # control: ended last


def pooled(width: int, power: float) -> Subject:
    """mup with 1/m in the init and Adam: 1/m is the rate of both readouts.

    Args:
        width: The width.
        power: Exponent of the width in the rate of the readout behind the scores.
    """
    model, m = Pooled(width), width / 64
    with torch.no_grad():
        for readout in (model.score, model.last):
            readout.weight.mul_(m**-0.5)  # std 1/width
    powers = {"second.weight": -1.0, "score.weight": -1.0, "last.weight": power}
    groups = [
        {"params": [p], "lr": 3e-3 * m ** powers.get(n, 0.0)} for n, p in model.named_parameters()
    ]

    def batch(seed: int) -> tuple[Tensor, Tensor]:
        g = torch.Generator().manual_seed(seed)
        return torch.randn(16, 6, 12, generator=g), torch.randint(0, 6, (16,), generator=g)

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return F.cross_entropy(model(batch[0]), batch[1])

    return Subject(model, torch.optim.Adam(groups, eps=1e-12), loss, batch)


def test_a_readout_behind_learned_scores_is_judged_by_its_own_rate() -> None:
    """Scores shrink with the width at init; as the layer before the readout, they hid the fault."""
    report = check(lambda width: pooled(width, -1.5), WIDTHS)
    assert failed(report) == {"last.weight": "lr-too-small"}


@pytest.mark.slow  # the control
def test_a_right_readout_behind_learned_scores_passes() -> None:
    assert check(lambda width: pooled(width, -1.0), WIDTHS).passed
