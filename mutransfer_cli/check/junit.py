"""JUnit XML: one case for each tensor."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from mutransfer_cli.check.document import CheckDocument
from mutransfer_cli.rules.document import write_atomically


def write_junit(document: CheckDocument, path: Path) -> None:
    tensors = document.tensors
    suite = ElementTree.Element(
        "testsuite",
        name="mutransfer check",
        tests=str(len(tensors)),
        failures=str(sum(t.verdict == "fail" for t in tensors)),
        skipped=str(sum(t.verdict == "inconclusive" for t in tensors)),
        time=f"{document.seconds:.3f}",
    )
    for t in tensors:
        case = ElementTree.SubElement(suite, "testcase", classname=t.role, name=t.name)
        if t.verdict == "fail":
            ElementTree.SubElement(case, "failure", message=t.message or "").text = t.fix
        elif t.verdict == "inconclusive":
            ElementTree.SubElement(case, "skipped", message=t.message or "inconclusive")
    write_atomically(path, ElementTree.tostring(suite, encoding="unicode") + "\n")
