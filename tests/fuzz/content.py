"""Mutations of bytes and of text, whatever they mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

PIECES = [
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\n", b"\r", b"\t", b",", b";", b"|", b'"', b"'", b"{",
    b"}", b"[", b"]", b":", b"#", b"- ", b"&a ", b"*a", b"<<: *a\n", b"!!python/object:os.system ",
    b"!!binary x", b"null", b"NaN", b"-Infinity", b"1e999", b"9" * 400, b"0x", b"1_0", b"%", b"\\",
    b"\\ud800", b"[" * 100_000, b'{"a":' * 50_000,
    "\u2028".encode(), "é".encode("latin-1"), b"\x1b[31m", b"---\n", b"...\n",
]  # fmt: skip
NUMBER = re.compile(rb"-?\d+(\.\d+)?([eE][-+]?\d+)?")


def mutated_bytes(content: bytes, random: Random, others: Sequence[bytes] = ()) -> bytes:
    """The content with one to four changes.

    Args:
        content: A valid file.
        random: The source of chance.
        others: Further valid files, parts of which are spliced in.
    """
    for _ in range(random.choice([1, 1, 2, 4])):
        content = one_change(content, random, others)
    return content


def one_change(content: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """The content with one change."""
    if not content:
        return random.choice(PIECES)
    start = random.randrange(len(content))
    end = min(len(content), start + random.choice([1, 1, 4, 30, len(content)]))
    match random.randrange(9):
        case 0:
            flipped = content[start] ^ (1 << random.randrange(8))
            return content[:start] + bytes([flipped]) + content[start + 1 :]
        case 1:
            return content[:start] + random.randbytes(end - start) + content[end:]
        case 2:
            return content[:start]
        case 3:
            return content[:start] + content[end:]
        case 4:
            return content[:end] + content[start:end] * random.choice([1, 3]) + content[end:]
        case 5:
            return content[:start] + random.choice(PIECES) + content[start:]
        case 6 if others:
            other = random.choice(others)
            return content[:start] + other[random.randrange(len(other)) :]
        case 7 if numbers := list(NUMBER.finditer(content[:200_000])):
            found = random.choice(numbers)
            new = random.choice([b"-1", b"0", b"1e999", b"nan", b"1e-400", b"9" * 400, b"", b"x"])
            return content[: found.start()] + new + content[found.end() :]
    lines = content.split(b"\n")
    i, j = random.randrange(len(lines)), random.randrange(len(lines))
    lines[i], lines[j] = lines[j], random.choice([lines[i], b"", lines[j] + lines[i]])
    return b"\n".join(lines)
