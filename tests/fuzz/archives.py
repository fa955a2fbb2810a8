"""Mutations of arrays, of the archives that hold them, and of databases."""

from __future__ import annotations

import io
import json
import sqlite3
import struct
import zipfile
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from safetensors.torch import load

from mutransfer_cli.train.checkpoint.file import digest_of
from tests.fuzz.content import mutated_bytes
from tests.fuzz.values import as_json, hostile, mutated

DTYPES = [
    "f8", "f4", "f2", "i8", "i4", "i1", "u1", "u2", "u4", "u8", "?", "c16", "U3", "S3", "M8[s]",
    "m8[s]", "O", ">f8", ">i4", "V4", [("a", "f8")],
]  # fmt: skip
SHAPES = [(), (0,), (1,), (2,), (20,), (20, 5), (5, 20), (0, 5), (20, 0), (20, 1), (20, 2, 3)]
HEADERS = [
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }",
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }",
    b"{'descr': 'bfloat16', 'fortran_order': False, 'shape': (2,), }",
    b"{'descr': '<f8', 'fortran_order': 1, 'shape': 3}",
    b"__import__('os').system('true')",
    b"(" * 300,
]  # fmt: skip


def array(random: Random) -> bytes:
    """The content of an .npy file: any kind of array, or a header that promises another one."""
    if random.random() < 0.2:
        header = random.choice(HEADERS) + b" " * 20 + b"\n"
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"\x00" * 16
    dtype, shape = random.choice(DTYPES), random.choice(SHAPES)
    values = np.zeros(shape, dtype=dtype)
    if values.dtype.kind in "fiu" and values.size:
        with np.errstate(all="ignore"):
            values.flat[0] = random.choice([0, 1, 1, 2, 100])
            if values.dtype.kind == "f":
                values.flat[-1] = random.choice([0.0, float("nan"), float("inf")])
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=True)
    return buffer.getvalue()


def mutated_zip(content: bytes, random: Random) -> bytes:
    """An archive with a member that is missing, renamed, doubled or another array; sums fit."""
    if random.random() < 0.3:
        return mutated_bytes(content, random)
    if random.random() < 0.05:
        return array(random)  # no archive at all
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for _ in range(random.choice([1, 1, 2])):
        name = random.choice(list(members) or ["x.npy"])
        match random.randrange(6):
            case 0:
                members.pop(name, None)
            case 1:
                members[random.choice(["x.npy", "y.npy", "x", "../z", " "])] = array(random)
            case 2:
                members[name] = mutated_bytes(members.get(name, b""), random)
            case _:
                members[name] = array(random)
    buffer = io.BytesIO()
    method = random.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def mutated_safetensors(content: bytes, random: Random) -> bytes:
    """A safetensors file whose header says something else, with its own length."""
    if random.random() < 0.3:
        return mutated_bytes(content, random)
    (length,) = struct.unpack("<Q", content[:8])
    header: Any = json.loads(content[8 : 8 + length])
    tensors = [value for value in header.values() if isinstance(value, dict) and "dtype" in value]
    if tensors and random.random() < 0.5:
        chosen = random.choice(tensors)
        kind = random.choice(["BF16", "F16", "F64", "I64", "U8", "BOOL", "F8_E4M3", "U64", "I8"])
        size = {"BF16": 2, "F16": 2, "F64": 8, "I64": 8, "U64": 8}.get(kind, 1)
        start, end = chosen["data_offsets"]
        chosen |= {"dtype": kind, "shape": [(end - start) // size]}
        if random.random() < 0.3:
            chosen["shape"] = random.choice([[], [0], [1], [2, (end - start) // size // 2]])
    elif "__metadata__" in header and random.random() < 0.7:
        head = json.loads(header["__metadata__"]["head"])
        changed = as_json(mutated(head, random), random).decode("utf-8", errors="replace")
        header["__metadata__"]["head"] = changed
        if random.random() < 0.8:
            tensors_of = load(content)
            header["__metadata__"]["digest"] = digest_of(changed, tensors_of)
    else:
        header = mutated(header, random)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + length :]


def mutated_database(content: bytes, random: Random, scratch: Path) -> bytes:
    """A SQLite file with a cell, a row or a table changed; or with changed bytes."""
    if random.random() < 0.3:
        return mutated_bytes(content, random)
    scratch.write_bytes(content)
    with sqlite3.connect(scratch) as connection:
        connection.execute("PRAGMA ignore_check_constraints=ON")
        names = [
            r[0] for r in connection.execute("select name from sqlite_master where type='table'")
        ]
        for _ in range(random.choice([1, 1, 2, 5])):
            table = random.choice(names)
            columns = [r[1] for r in connection.execute(f"pragma table_info({table})")]
            column = random.choice(columns or ["rowid"])
            value = hostile(random)
            if not isinstance(value, int | float | str) or abs_too_large(value):
                value = json.dumps(value)
            if isinstance(value, str):
                value = value.encode("utf-8", "replace").decode()
            statement, arguments = random.choice(
                [
                    (f"update {table} set {column} = ?", (value,)),
                    (f"update {table} set {column} = ? where rowid % 3 = 0", (value,)),
                    (f"update {table} set {column} = ? where rowid = 1", (random.randbytes(3),)),
                    (f"update {table} set {column} = NULL", ()),
                    (f"delete from {table} where rowid % 2 = 0", ()),
                    (f"delete from {table}", ()),
                    (f"drop table {table}", ()),
                    (f"alter table {table} rename to other", ()),
                ]
            )  # fmt: skip
            try:
                connection.execute(statement, arguments)
            except sqlite3.Error:
                continue
    connection.close()
    return scratch.read_bytes()


def abs_too_large(value: Any) -> bool:
    """Whether SQLite's driver refuses a whole number."""
    return isinstance(value, int) and abs(value) >= 2**63
