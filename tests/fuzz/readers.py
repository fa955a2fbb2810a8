"""Every reader of a file: valid files, how they are mutated, and the call that reads one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import yaml

from tests.fuzz import seeds
from tests.fuzz.archives import mutated_database, mutated_safetensors, mutated_zip
from tests.fuzz.content import mutated_bytes
from tests.fuzz.values import as_json, mutated

Mutate = Callable[[bytes, Random], bytes]


@dataclass(frozen=True)
class Reader:
    """A reader of one kind of file.

    Attributes:
        name: What it is called in the report.
        modules: The modules whose coverage is shown.
        file: Name of the file, in a folder of its own.
        valid: Valid files.
        read: Reads the file at a path, and looks at everything in it.
        mutate: Changes a valid file, beside changes of its bytes.
        companions: Further files of the folder, by name.
    """

    name: str
    modules: Sequence[str]
    file: str
    valid: Callable[[], list[bytes]]
    read: Callable[[Path], object]
    mutate: Mutate | None = None
    companions: Callable[[], dict[str, bytes]] = field(default=dict)


def json_values(content: bytes, random: Random) -> bytes:
    """A JSON file with other values."""
    return as_json(mutated(json.loads(content), random), random)


def json_lines(content: bytes, random: Random) -> bytes:
    """JSON Lines with other values in one or two of them."""
    lines = content.splitlines()
    for _ in range(random.choice([1, 2])):
        number = random.randrange(len(lines))
        try:
            values = json.loads(lines[number])
        except ValueError:
            lines[number] = mutated_bytes(lines[number], random)
            continue
        lines[number] = json.dumps(mutated(values, random)).encode()
    return b"\n".join(lines) + b"\n"


def yaml_values(content: bytes, random: Random) -> bytes:
    """A YAML file with other values."""
    data = mutated(yaml.safe_load(content), random)
    try:
        text: str = yaml.safe_dump(data, allow_unicode=True, sort_keys=False)
    except RecursionError:
        return as_json(data, random)  # which is YAML too
    return text.encode("utf-8", "surrogatepass")


def table_values(content: bytes, random: Random) -> bytes:
    """A table with other cells; JSON has other values."""
    if content[:1] in b"[{":
        try:
            return json_values(content, random)
        except ValueError:
            return json_lines(content, random)
    lines = content.split(b"\n")
    delimiter = max((b",", b";", b"\t", b"|"), key=content.count)
    for _ in range(random.choice([1, 1, 3])):
        number = random.randrange(len(lines))
        cells = lines[number].split(delimiter)
        other = random.choice([b"", b"nan", b"-1", b"1e999", b"x", b'"', b"9" * 400, b"1,5", b"{}"])
        cells[random.randrange(len(cells))] = random.choice([other, cells[0], cells[-1]])
        if random.random() < 0.2:
            cells.append(other)
        lines[number] = delimiter.join(cells)
    return b"\n".join(lines)


def sealed_values(content: bytes, random: Random) -> bytes:
    """A forecast with other values, half of them sealed again."""
    from mutransfer_cli.fit.forecast.seal import canonical_digest

    values = mutated(json.loads(content), random)
    if isinstance(values, dict) and random.random() < 0.5:
        with suppress(ValueError, TypeError, RecursionError):
            values["digest"] = canonical_digest(values)
    return as_json(values, random)


def checkpoint_values(content: bytes, random: Random) -> bytes:
    """A checkpoint in torch's format with another header."""
    import io

    import torch

    from mutransfer_cli.train.checkpoint.file import digest_of

    stored = torch.load(io.BytesIO(content), weights_only=True)
    head = mutated(json.loads(stored["head"]), random)
    stored["head"] = json.dumps(head)
    if random.random() < 0.8:
        stored["digest"] = digest_of(stored["head"], stored["tensors"])
    if random.random() < 0.2:
        stored = mutated(stored, random)
    buffer = io.BytesIO()
    torch.save(stored, buffer)
    return buffer.getvalue()


def database_values(content: bytes, random: Random) -> bytes:
    """A database with other rows."""
    return mutated_database(content, random, seeds.scratch("database.db"))


def mutate(reader: Reader, valid: Sequence[bytes], random: Random) -> bytes:
    """One mutated file of a reader: mostly with its structure, else in its bytes."""
    content = random.choice(valid)
    changed = content
    if reader.mutate is not None and random.random() < 0.75:
        changed = reader.mutate(content, random)
        if random.random() < 0.85:
            return changed
    return mutated_bytes(changed, random, valid)


def readers() -> list[Reader]:
    """All of them."""
    from tests.fuzz import calls

    package = "mutransfer_cli."
    run = (package + "search.storage.run", package + "search.storage.run_directory")
    study = (package + "search.storage.study", package + "search.storage.trial_attributes",
             package + "search.storage.optuna_storage")  # fmt: skip
    tables = [package + "fit.tables." + name for name in (
        "formats.table_file", "formats.delimited", "formats.json_table", "formats.markdown_table",
        "formats.nested_values", "table_runs", "columns.column_roles", "content.cells",
    )]  # fmt: skip
    laws = [name for name in tables if not name.endswith("table_runs")]
    checkpoint = (package + "train.checkpoint.file",)
    known: list[tuple[Any, ...]] = [
        ("recipe", (package + "recipe.yaml_source", package + "recipe.load"), "r.yaml",
         seeds.recipes, calls.recipe, yaml_values),
        ("recipe-of-run", run, "recipe.yaml", seeds.run_recipe, calls.run_recipe, yaml_values,
         seeds.run_files),
        ("table", tables, "t.csv", seeds.tables, calls.table, table_values),
        ("law-table", [*laws, package + "fit.law.run_columns"], "t.csv", seeds.tables,
         calls.law_table, table_values),
        ("optuna-table", (package + "fit.tables.formats.optuna_trials",), "s.db", seeds.databases,
         calls.table, database_values),
        ("journal-table", (package + "fit.tables.formats.optuna_trials",), "s.log", seeds.journals,
         calls.table, json_lines),
        ("arrays-npz", (package + "data.tensors",), "a.npz", seeds.arrays, calls.tensors,
         mutated_zip),
        ("arrays-safetensors", (package + "data.tensors",), "a.safetensors",
         seeds.safetensors_arrays, calls.tensors, mutated_safetensors),
        ("tokens", (package + "data.tokens", package + "data.token_stream"), "t.bin", seeds.tokens,
         calls.tokens),
        ("text", (package + "data.text",), "t.txt", seeds.texts, calls.text),
        ("journal", (package + "search.storage.journal", *study), "s.log", seeds.journals,
         calls.journal, json_lines),
        ("database", study, "study.db", seeds.databases, calls.database, database_values),
        ("checkpoint", checkpoint, "c.pt", seeds.checkpoints, calls.checkpoint, checkpoint_values),
        ("checkpoint-safetensors", checkpoint, "c.safetensors", seeds.safetensors_checkpoints,
         calls.checkpoint, mutated_safetensors),
        ("fit", (package + "fit.fit_file", package + "files", package + "emit.fitted_optima"),
         "fit.json", seeds.fits, calls.fit, json_values),
        ("environment", run, "environment.json", seeds.environments, calls.environment,
         json_values, seeds.run_files),
        ("engine", (package + "search.grouping.engine_file",), "engine.json", seeds.engines,
         calls.engine, json_values),
        ("plan", (package + "plans.serialization", package + "plans.loading"), "plan.json",
         seeds.plans, calls.plan, json_values),
        ("base-shapes", (package + "plans.base_shapes",), "b.bsh", seeds.base_shapes,
         calls.base_shapes, yaml_values),
        ("forecast", (package + "fit.forecast.seal", package + "fit.forecast.score"), "f.json",
         seeds.forecasts, calls.forecast, sealed_values),
        ("kept-forecast", (package + "fit.forecast.seal",), "kept.json", seeds.kept_forecasts,
         calls.kept_forecast, sealed_values),
        ("curves", (package + "search.storage.run",), "curves.npz", seeds.curves, calls.curves,
         mutated_zip, seeds.run_files),
        ("baseline", (package + "coordcheck.report.baseline",), "b.json", seeds.baselines,
         calls.baseline, json_values),
        ("config", (package + "models.huggingface.config_entries",
                    package + "models.huggingface.scaled_config"), "config.json", seeds.configs,
         calls.config, json_values),
        ("loss-file", (package + "train.command.loss_file",), "loss.json", seeds.losses,
         calls.loss_file, json_values),
    ]  # fmt: skip
    return [Reader(*fields) for fields in known]
