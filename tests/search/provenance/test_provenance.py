"""Two provenances are equal, or the difference has a name."""

from __future__ import annotations

from mutransfer_cli.recipe.load import loads
from mutransfer_cli.search.provenance.provenance import Provenance, joined, provenance_of
from tests.helpers.recipes import MLP

OLD = Provenance({"torch": "2.3", "the device": "cpu"}, {"a.py": "1", "b.py": "2"})


def test_what_has_changed_is_named() -> None:
    assert OLD.changes_to(OLD) == []
    new = Provenance({"torch": "2.4", "the device": "cpu"}, {"a.py": "3", "c.py": "2"})
    assert OLD.changes_to(new) == [
        "a.py has changed", "b.py is gone", "c.py is new", "torch was 2.3, is 2.4"
    ]  # fmt: skip


def test_the_id_is_that_of_the_content() -> None:
    same = Provenance(dict(reversed(OLD.versions.items())), dict(reversed(OLD.digests.items())))
    assert same.id == OLD.id == Provenance.from_dict(OLD.as_dict()).id
    assert Provenance(OLD.versions, {**OLD.digests, "a.py": "9"}).id != OLD.id
    assert Provenance({**OLD.versions, "torch": "9"}, OLD.digests).id != OLD.id


def test_many_changes_are_cut_short() -> None:
    assert joined(["a", "b"]) == "a; b"
    assert joined(list("abcdefg")) == "a; b; c; d; e; and 2 more"


def test_what_a_recipe_is_made_with() -> None:
    recipe = loads(MLP).recipe
    made = provenance_of(recipe, "cpu", "teacher-1", {"m.py": "1"})
    assert set(made.versions) == {"mutransfer", "Python", "torch", "the device"}
    assert made.digests == {"m.py": "1", "the data": "teacher-1"}
    other = provenance_of(recipe, "cuda", "teacher-2", {"m.py": "1"})
    assert made.changes_to(other)[0] == "the data has changed"
    assert made.changes_to(other)[1].startswith("the device was cpu, is cuda")
