"""What a report costs is bounded, and what does not fit is said."""

import contextlib
import subprocess
import sys
import threading
import time

import pytest

import tableau2net as t2n
from tableau2net.analysis.budget import TooMuch, ask, budget, left_out, remembered
from tableau2net.errors import InputError
from tableau2net.scheme.file import loads


def endless():
    while True:
        sum(range(1000))


def test_a_part_is_stopped_and_the_next_is_answered():
    before = time.thread_time()
    with budget(1.0) as spent:
        assert ask("first", lambda: 1) == 1
        assert ask("endless", endless) is None
        assert ask("second", lambda: 2) == 2
    assert time.thread_time() - before < 1.5
    assert [str(x) for x in spent.left_out] == ["endless: took too long"]


def test_a_part_that_takes_every_exception_for_its_own_is_stopped():
    def stubborn():
        while True:
            with contextlib.suppress(Exception):
                endless()

    with budget(0.4) as spent:
        assert ask("stubborn", stubborn) is None
    assert len(spent.left_out) == 1


def test_memory_is_bounded():
    with budget() as spent:
        assert ask("large", lambda: [bytearray(range(256)) * 4096 for _ in range(4000)]) is None
    assert "memory" in spent.left_out[0].why


def test_a_part_within_a_part_has_a_share_of_its_share():
    with budget(2.0) as spent:
        assert ask("outer", lambda: (ask("inner", endless), ask("other", lambda: 3))) == (None, 3)
    assert [x.part for x in spent.left_out] == ["inner"]


def test_what_is_counted_as_too_much_is_left_out_with_and_without_a_budget():
    def counted():
        raise TooMuch("12,486 trees of order 12")

    assert ask("norm", counted) is None
    with budget() as spent:
        assert ask("norm", counted) is None
    assert str(spent.left_out[0]) == "norm: 12,486 trees of order 12"


def test_errors_are_no_answer():
    with budget(), pytest.raises(InputError):
        ask("wrong", lambda: t2n.load("no-such-scheme"))


def test_an_answer_that_lacks_a_part_is_not_remembered():
    @remembered
    def found(x):
        return ask("slow", endless if left_out() == () and time.thread_time() < until else lambda: x)

    until = float("inf")
    with budget(0.4):
        assert found(1) is None
    until = 0.0
    assert found(1) == 1


def test_budgets_of_threads_are_their_own():
    done = []

    def work(question):
        with budget(0.5) as spent:
            ask("it", question)
            done.append(len(spent.left_out))

    threads = [threading.Thread(target=work, args=(q,)) for q in (endless, lambda: 1, endless, lambda: 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [0, 0, 1, 1]
    assert threading.active_count() < 20


def test_a_report_says_what_is_not_in_it():
    found = t2n.report(t2n.load("gauss-6"))
    assert found.order.order == 12
    assert found.errors.principal is None
    assert str(found.left_out[0]) == "principal error norm: 12,486 trees of order 13, at most 2,000"  # OEIS A000081
    assert found.to_dict()["left_out"][0] == {
        "part": "principal error norm",
        "why": "12,486 trees of order 13, at most 2,000",
    }


def test_numbers_of_thousands_of_digits_are_short():
    """The error constants of a table of 900-digit fractions: no number is longer than what Python reads back."""
    long = [f"1/{10**900 + n}" for n in range(1, 6)]
    rows = ", ".join(f"[{', '.join(repr(x) for x in long[:i])}]" for i in range(5)).replace("'", '"')
    text = f'format = 1\nname = "long"\nfamily = "runge-kutta"\nA = [{rows}]\nb = {long}\n'.replace("'", '"')
    with budget(1.0):
        report = t2n.report(loads(text))
        record, html, latex = report.to_dict(), report._repr_html_(), report._repr_latex_()
    assert all("exact, with numbers of" in x for x in (html, latex))
    assert record["order"] == 0
    assert record["stability"]["function"]["exact"] is None
    assert record["stability"]["function"]["digits"] > 4000


TRACED = """
import sys
from tableau2net.analysis.budget import ask, budget
def endless():
    while True:
        pass
with budget(0.3):
    assert ask("given", lambda: 1) == 1 and ask("endless", endless) is None
sys.settrace(lambda *seen: None)
print(sum(map(lambda x: x, range(5))))
"""


def test_a_debugger_goes_on_after_a_report():
    """What is withdrawn from a thread, not raised in it, leaves a traced interpreter in a loop of its own."""
    done = subprocess.run([sys.executable, "-c", TRACED], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "10\n"
