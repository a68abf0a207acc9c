"""torchdiffeq's own tests, run against `tableau2net.odeint`: python -m tests.peers.torchdiffeq_suite CHECKOUT [NAME …]

CHECKOUT is a clone of github.com/rtqichen/torchdiffeq. Its tests import a module torchdiffeq, which is ours here.
Prints each test with the cases of it that pass and fail, and the first line of failures. NAME: only tests so named."""

from __future__ import annotations

import argparse
import sys
import time
import types
import unittest
import warnings
from collections import Counter
from pathlib import Path

import torch

import tableau2net

FILES = ("api_tests", "event_tests", "gradient_tests", "norm_tests", "odeint_tests")
SHOWN = 6  # failures of one test


class Counted(unittest.TestResult):
    """Counts cases, and keeps the first line of what failed."""

    def __init__(self) -> None:
        super().__init__()
        self.cases: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.lines: dict[str, list[str]] = {}

    def note(self, test: unittest.TestCase, case: str, error: object) -> None:
        name = test.id().partition(".")[2]
        self.cases[name] += 1
        if error is not None:
            self.failed[name] += 1
            kind, value, _ = error
            line = (str(value).splitlines() or [""])[0]
            self.lines.setdefault(name, []).append(f"{case} {kind.__name__}: {line[:150]}")

    def addSubTest(self, test, subtest, err):
        self.note(test, subtest._subDescription(), err)

    def addSuccess(self, test):
        name = test.id().partition(".")[2]
        if not self.cases[name]:
            self.note(test, "", None)

    def addFailure(self, test, err):
        self.note(test, "", err)

    def addError(self, test, err):
        self.note(test, "", err)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    tests = given.checkout / "tests"
    if not (tests / "problems.py").is_file():
        print(f"{tests}: there is no problems.py; clone github.com/rtqichen/torchdiffeq", file=sys.stderr)
        return 2
    shim = types.ModuleType("torchdiffeq")
    for name in ("odeint", "odeint_adjoint", "odeint_event"):
        setattr(shim, name, getattr(tableau2net, name))
    sys.modules["torchdiffeq"] = shim
    sys.path.insert(0, str(tests))
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    result, begun = Counted(), time.perf_counter()
    for file in FILES:
        for case in unittest.defaultTestLoader.loadTestsFromModule(__import__(file)):
            for test in case:
                name = test.id().partition(".")[2]
                if given.names and not any(wanted in f"{file}.{name}" for wanted in given.names):
                    continue
                torch.manual_seed(0)
                test(result)
                bad = result.failed[name]
                print(f"{file}.{name}: {result.cases[name] - bad} pass, {bad} fail", flush=True)
                for line in result.lines.get(name, [])[:SHOWN]:
                    print(f"    {line}")
    passed = sum(result.cases.values()) - sum(result.failed.values())
    print(f"{passed} of {sum(result.cases.values())} cases pass, {time.perf_counter() - begun:.0f} s")
    return 1 if result.failed.total() else 0


if __name__ == "__main__":
    raise SystemExit(main())
