"""What trials were made with, as digests and versions, and how two of those differ."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.search.provenance.inputs import HUGGING_FACE
from mutransfer_cli.version import __version__

ID_LENGTH = 12
SHOWN_CHANGES = 5


@dataclass(frozen=True)
class Provenance:
    """What a trial depends on besides its recipe, size and seed.

    Attributes:
        versions: Of mutransfer, Python and packages, and the device, by name.
        digests: Of files and of data that is made, by name.
    """

    versions: Mapping[str, str]
    digests: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def id(self) -> str:
        """A short digest of everything."""
        return sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()[:ID_LENGTH]

    def as_dict(self) -> dict[str, dict[str, str]]:
        """Plain data, for a study or a file."""
        return {"versions": dict(self.versions), "digests": dict(self.digests)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Provenance:
        """What `as_dict` returned."""
        return cls(dict(values.get("versions", {})), dict(values.get("digests", {})))

    def changes_to(self, new: Provenance) -> list[str]:
        """What differs in another one, each as a clause that names it."""
        changes = []
        for name in dict.fromkeys((*self.digests, *new.digests)):
            if name not in new.digests:
                changes.append(f"{name} is gone")
            elif name not in self.digests:
                changes.append(f"{name} is new")
            elif self.digests[name] != new.digests[name]:
                changes.append(f"{name} has changed")
        for name in dict.fromkeys((*self.versions, *new.versions)):
            before, now = self.versions.get(name), new.versions.get(name)
            if before != now:
                changes.append(f"{name} was {before or 'not used'}, is {now or 'not used'}")
        return changes


def joined(changes: list[str]) -> str:
    """Changes as one text; only the first of many."""
    more = len(changes) - SHOWN_CHANGES
    rest = [f"and {more} more"] if more > 0 else []
    return "; ".join([*changes[:SHOWN_CHANGES], *rest])


def provenance_of(
    recipe: Recipe, device: str, data_digest: str, digests: Mapping[str, str]
) -> Provenance:
    """What the trials of a recipe are made with, here and now.

    Args:
        recipe: The recipe.
        device: Where its trials train.
        data_digest: Digest of the data source, which counts where no file holds the data.
        digests: Digests of the files that the trials depend on.
    """
    names = ["torch"]
    if recipe.model.build.startswith(HUGGING_FACE):
        names.append("transformers")
    versions = {"mutransfer": __version__, "Python": platform.python_version()}
    for name in names:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    made = {} if recipe.data.path is not None else {"the data": data_digest}
    return Provenance({**versions, "the device": device_name(device)}, {**digests, **made})


def device_name(device: str) -> str:
    """A device with the model of its GPU, where this process sees one."""
    if not device.startswith("cuda"):
        return device
    import torch

    return f"{device} ({torch.cuda.get_device_name()})" if torch.cuda.is_available() else device
