"""JUnit XML: one case for each tensor and aspect."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from mutransfer_cli.documents.check import CheckDocument
from mutransfer_cli.files import write_text
from mutransfer_cli.quoting import xml


def write_junit(document: CheckDocument, path: Path) -> None:
    """Write a case `tensor: aspect` for each tensor and aspect, and one for each fault.

    Raises:
        InputError: The file cannot be written.
    """
    cases = [
        (t, aspect, verdict) for t in document.tensors for aspect, verdict in t.aspects.items()
    ]
    failures = sum(v == "fail" for _, _, v in cases) + len(document.faults)
    suite = ElementTree.Element(
        "testsuite",
        name="mutransfer check",
        tests=str(len(cases) + len(document.faults)),
        failures=str(failures),
        skipped=str(sum(v == "inconclusive" for _, _, v in cases)),
        time=f"{document.seconds:.3f}",
    )
    for t, aspect, verdict in cases:
        case = ElementTree.SubElement(
            suite, "testcase", classname=t.role, name=f"{t.name}: {aspect}"
        )
        if verdict == "fail":
            ElementTree.SubElement(case, "failure", message=t.message or "").text = t.fix
        elif verdict == "inconclusive":
            ElementTree.SubElement(case, "skipped", message=t.message or "inconclusive")
        elif verdict == "warn":
            ElementTree.SubElement(case, "system-out").text = f"warning: {t.message}; {t.fix}"
    for fault in document.faults:
        name = f"{fault.where or 'model'}: {fault.finding}"
        case = ElementTree.SubElement(suite, "testcase", classname="model", name=name)
        ElementTree.SubElement(case, "failure", message=fault.message).text = fault.fix
    for element in suite.iter():
        for name, value in element.attrib.items():
            element.set(name, xml(value))
        if element.text is not None:
            element.text = xml(element.text)
    write_text(path, ElementTree.tostring(suite, encoding="unicode") + "\n")
