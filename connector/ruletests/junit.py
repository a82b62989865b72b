"""Verdicts as JUnit XML, as CI systems read it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import PurePath
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from connector.ruletests.verdicts import Verdict

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(verdicts: Sequence[Verdict]) -> str:
    """A suite for each file, and a case for each test in each of its stores and languages."""
    root = Element("testsuites", {"name": "aftersale", **_counts(verdicts)})
    for file, of_file in groupby(verdicts, key=lambda each: each.case.test.file):
        own = list(of_file)
        suite = SubElement(root, "testsuite", {"name": _clean(file), **_counts(own)})
        for each in own:
            _add(suite, file, each)
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _add(suite: Element, file: str, verdict: Verdict) -> None:
    case = SubElement(
        suite,
        "testcase",
        classname=_clean(".".join(PurePath(file).with_suffix("").parts)),
        name=_clean(verdict.case.name),
        file=_clean(file),
        line=str(verdict.case.test.line),
        time=f"{verdict.seconds:.3f}",
    )
    if not verdict.passed:
        failure = SubElement(case, "failure", message=_clean(verdict.complaints[0]), type="expectation")
        failure.text = _clean("\n".join((*verdict.complaints, "", "What happened:", *verdict.timeline)))


def _counts(verdicts: Sequence[Verdict]) -> dict[str, str]:
    return {
        "tests": str(len(verdicts)),
        "failures": str(sum(not each.passed for each in verdicts)),
        "errors": "0",
        "skipped": "0",
        "time": f"{sum(each.seconds for each in verdicts):.3f}",
    }


def _clean(text: str) -> str:
    """Without the characters that no XML may hold."""
    return _NO_XML.sub("\ufffd", text)
