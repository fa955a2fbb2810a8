"""What a user's loss and batches may return, and the line that says what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.checked_subject import checked, is_empty
from mutransfer_cli.models.loss import cross_entropy
from mutransfer_cli.models.subject import Subject

ONE = torch.tensor(2.5, requires_grad=True)
GOOD_LOSSES: list[Any] = [ONE, ONE.view(1), ONE.view(1, 1), ONE.double()]
BAD_LOSSES: list[tuple[Any, str]] = [
    ((ONE, {}), r"its loss is a tuple, expected a scalar tensor .*: return \[0\] of it"),
    ({"loss": ONE, "accuracy": 1}, r"its loss is a dict, .*: return \['loss'\] of it"),
    (SimpleNamespace(loss=ONE), r"its loss is a SimpleNamespace, .*: return \.loss of it"),
    ({"accuracy": 1}, "its loss is a dict, expected a scalar tensor of real numbers$"),
    (None, "its loss is None"),
    (3, "its loss is an int"),
    (2.5, "its loss is a float"),
    (ONE + 0j, "its loss is complex64"),
    (ONE.long(), "its loss is int64"),
    (ONE.expand(4), r"has the shape \(4,\).*: take its mean"),
    (torch.zeros(0), r"has the shape \(0,\)"),
]


def subject(**parts: Any) -> Subject:
    return checked(Subject(nn.Linear(2, 2), **parts), "own:build")


@pytest.mark.parametrize("value", GOOD_LOSSES)
def test_one_real_number_is_a_loss(value: Tensor) -> None:
    loss = subject(loss=lambda model, batch: value).loss
    assert loss is not None
    found = loss(nn.Linear(1, 1), None)
    assert found.shape == () and float(found) == 2.5 and found.requires_grad


@pytest.mark.parametrize(("value", "message"), BAD_LOSSES)
def test_anything_else_is_named(value: Any, message: str) -> None:
    loss = subject(loss=lambda model, batch: value).loss
    assert loss is not None
    with pytest.raises(InputError, match=rf"model\.build: own:build: .*{message}") as caught:
        loss(nn.Linear(1, 1), None)
    assert "\n" not in str(caught.value)


def raising(error: Exception) -> Callable[[int], Any]:
    def batch(seed: int) -> Any:
        raise error

    return batch


@pytest.mark.parametrize("name", ["batch", "eval_batch"])
@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (raising(OSError("shard 3\nis missing")), r"OSError: shard 3 is missing"),
        (raising(StopIteration()), "StopIteration"),
        (lambda seed: None, "returned no examples"),
        (lambda seed: (), "returned no examples"),
        (lambda seed: {"x": torch.zeros(0, 8)}, "returned no examples"),
    ],
)
def test_batches_that_fail(name: str, batch: Callable[[int], Any], message: str) -> None:
    found = getattr(subject(**{name: batch}), name)
    with pytest.raises(InputError, match=rf"its {name}\(7\).*{message}") as caught:
        found(7)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "batch", [torch.ones(2), [torch.zeros(0), torch.ones(1)], {"n": 3}, (None, "text")]
)
def test_batches_with_something_in_them(batch: Any) -> None:
    assert not is_empty(batch)
    assert getattr(subject(batch=lambda seed: batch), "batch")(0) is batch  # noqa: B009  # by name, as above


class Tokens(nn.Module):
    def __init__(self, rows: int, classes: int) -> None:
        super().__init__()
        self.tokens, self.last = nn.Embedding(rows, 4), nn.Linear(4, classes)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.tokens(x))
        return out


class Positions(nn.Module):
    """Tokens and their positions, of which there are few."""

    def __init__(self, rows: int, positions: int) -> None:
        super().__init__()
        self.token, self.position = nn.Embedding(rows, 4), nn.Embedding(positions, 4)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.token(x) + self.position(torch.arange(x.shape[1]))
        return out


def test_sequences_longer_than_the_positions() -> None:
    """The tokens are larger than the table of positions has rows, but they are not at fault."""
    batch = torch.tensor([[90, 3, 2]]), torch.tensor([[2, 3, 1]])
    line = "position has 2 positions, and the sequences of the data have 3 tokens: data.seq_len"
    with pytest.raises(InputError, match=line):
        cross_entropy(Positions(100, 2), batch)
    with pytest.raises(InputError, match="data hold token 90, but token has 50 rows"):
        cross_entropy(Positions(50, 3), batch)  # the control
    assert cross_entropy(Positions(100, 3), batch).isfinite()


def test_a_vocabulary_smaller_than_that_of_the_data() -> None:
    batch = torch.tensor([[1, 255]]), torch.tensor([[2, 7]])
    line = "the data hold token 255, but tokens has 100 rows: .*vocab_size must be at least 256"
    with pytest.raises(InputError, match=line):
        cross_entropy(Tokens(100, 8), batch)
    own = subject(loss=lambda model, batch: model(batch[0]).mean()).loss
    assert own is not None
    with pytest.raises(InputError, match=line):
        own(Tokens(100, 8), batch)
    with pytest.raises(InputError, match=r"Target 7 is out of bounds.*classes up to 7"):
        cross_entropy(Tokens(256, 3), batch)
    assert cross_entropy(Tokens(256, 8), batch).isfinite()


def test_a_table_of_positions_is_not_blamed_for_classes_or_tables_of_others() -> None:
    """What is short is named: neither an embedding that nobody asked for that row, nor none."""
    batch = torch.tensor([[1, 9]]), torch.tensor([[39, 7]])

    class Output(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.last = Positions(40, 2), nn.Linear(4, 32)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.last(self.body(x))
            return out

    with pytest.raises(InputError, match=r"hold classes up to 39: .* must be at least 40") as found:
        cross_entropy(Output(), batch)
    assert "position" not in str(found.value)

    class ByHand(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.other, self.table = nn.Embedding(2, 4), nn.Parameter(torch.zeros(8, 4))

        def forward(self, x: Tensor) -> Tensor:
            return self.table[x]

    with pytest.raises(InputError, match=r"index 9 is out of bounds.*size 8") as found:
        cross_entropy(ByHand(), batch)
    assert "other" not in str(found.value)


def test_a_bag_of_embeddings_is_named() -> None:
    own = subject(loss=lambda model, batch: model(batch).mean()).loss
    assert own is not None
    model = nn.Sequential(nn.EmbeddingBag(5, 2))
    with pytest.raises(InputError, match=r"token 6, but 0 has 5 rows: .* at least 7"):
        own(model, torch.tensor([[1, 6]]))
    assert own(model, torch.tensor([[1, 4]])).isfinite()  # control
    with pytest.raises(RuntimeError, match="cannot be multiplied"):  # of another kind
        own(nn.Linear(3, 2), torch.ones(2, 2))


def test_an_index_error_of_the_user_s_own_stays_one() -> None:
    own = subject(loss=lambda model, batch: [][0]).loss
    assert own is not None
    with pytest.raises(IndexError):
        own(nn.Linear(1, 1), None)
