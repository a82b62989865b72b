"""Bad input of every kind: the tests of security and their fuzzing, counted one input at a time."""

from __future__ import annotations

import re
import subprocess
import sys

from torture.scene import Count
from torture.worker import ROOT


def bad_inputs() -> Count:
    """Run them in a process of their own. Each test is one thing tried, and each of Hypothesis's examples another."""
    command = [sys.executable, "-m", "pytest", "tests/security", "-q", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [*command, "--hypothesis-show-statistics", "--hypothesis-seed=1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    examples = sum(int(number) for number in re.findall(r"(\d+) passing,", run.stdout))
    passed = re.search(r"(\d+) passed", run.stdout)
    failed = re.findall(r"^(?:FAILED|ERROR) .*$", run.stdout, re.MULTILINE)
    wrong = failed or ([] if run.returncode == 0 else [f"the tests of security did not run: {run.stderr[-2000:]}"])
    return Count(tried=examples + (int(passed[1]) if passed else 0), wrong=wrong)
