"""Opens a table of runs in any format, which it recognizes by the content of the file."""

from __future__ import annotations

import codecs
from pathlib import Path

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.content.run_table import RunTable
from mutransfer_cli.fit.tables.formats.delimited import read_delimited
from mutransfer_cli.fit.tables.formats.json_table import read_json_table
from mutransfer_cli.fit.tables.formats.latex_table import is_latex, read_latex
from mutransfer_cli.fit.tables.formats.markdown_table import is_markdown, read_markdown
from mutransfer_cli.fit.tables.formats.optuna_trials import is_storage_url, read_optuna
from mutransfer_cli.redaction import redact

SQLITE = b"SQLite format 3\x00"
# Files that people try and that need an export first, by their first bytes.
FOREIGN = {
    b"PK\x03\x04": "an archive or Excel workbook; save the table as CSV",
    b"PAR1": "a Parquet file; write it as CSV or JSON",
    b"\x1f\x8b": "compressed; unpack it first",
}


def open_table(source: str, *, study: str | None = None) -> RunTable:
    """Read a table of runs.

    Args:
        source: Path of a file or of a run directory, or the address of an Optuna storage.
        study: Name of the study, for an Optuna storage with several.

    Raises:
        InputError: The file cannot be read, or is no table.
    """
    if is_storage_url(source):
        return read_optuna(redact(source), source, study)
    path = Path(source)
    if path.is_dir():
        study_file = path / "study.db"  # of a run directory
        if not study_file.exists():
            raise InputError(f"{source}: is a folder without a study.db, expected a table of runs")
        return read_optuna(source, f"sqlite:///{study_file.absolute()}", study)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror}") from error
    if content.startswith(SQLITE):
        return read_optuna(source, f"sqlite:///{path.absolute()}", study)
    for signature, description in FOREIGN.items():
        if content.startswith(signature):
            raise InputError(f"{source}: {description}")
    text = decoded(source, content)
    start = text.lstrip()[:1]
    if start == "{" and '"op_code"' in text.lstrip().partition("\n")[0]:
        return read_optuna(source, f"journal:{source}", study)
    if study is not None:
        raise InputError(f"--study {study}: {source} is not an Optuna storage")
    try:
        if start in ("{", "["):
            return read_json_table(source, text)
        if is_latex(text):
            return read_latex(source, text)
        if is_markdown(text.splitlines()):
            return read_markdown(source, text)
        return read_delimited(source, text)
    except RecursionError:
        raise InputError(f"{source}: not a table: brackets nested too deeply") from None


def decoded(source: str, content: bytes) -> str:
    """The text of a file: UTF-8, UTF-16 with its mark, or Windows' western code page.

    Raises:
        InputError: The file is binary.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    if b"\x00" in content:
        raise InputError(f"{source}: not a table: a binary file; expected CSV, JSON or Markdown")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")
