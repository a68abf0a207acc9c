"""The report of a stencil: its rows, JSON, HTML, LaTeX, and the claims of files, by hand-known members."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sympy import Rational, S, oo, sqrt

import tableau2net as t2n
from tableau2net.analysis.report.catalogue import sections, wings
from tableau2net.analysis.report.claims import agrees
from tableau2net.analysis.report.facts import facts
from tableau2net.analysis.space.symbol import sampled
from tableau2net.analysis.ssp.supremum import Isolated
from tableau2net.cli.check import verdict_text
from tableau2net.errors import InputError
from tableau2net.scheme import Stencil
from tableau2net.scheme.claimable import Printed
from tableau2net.scheme.file import loads
from tableau2net.scheme.saved import dumps
from tableau2net.scheme.typeset.difference import difference_latex, difference_text, document

ALL = ["central-1-4", "central-2-4", "upwind-3", "compact-1-6", "sbp-4-2"]
CLAIMED = """
format = 1
family = "stencil"
derivative = 1
offsets = [-2, -1, 0, 1, 2]
weights = ["1/12", "-2/3", 0, "2/3", "-1/12"]
norm = ["17/48", "59/48", "43/48", "49/48"]
[[boundary]]
weights = ["-24/17", "59/34", "-4/17", "-3/34"]
[[boundary]]
weights = ["-1/2", 0, "1/2"]
[[boundary]]
weights = ["4/43", "-59/86", 0, "59/86", "-4/43"]
[[boundary]]
weights = ["3/98", 0, "-59/98", 0, "32/49", "-4/49"]
[claims]
order = 4
boundary_order = 2
sbp = true
antisymmetric = true
symmetric = false
dissipative = true
monotone = false
explicit = true
[claims.cfl]
rk4 = "4*sqrt(6)/sqrt(3 + 8*sqrt(6))"
euler = "0"
"""


def lines(name, terms=0):
    return {fact.name: fact.text for fact in facts(t2n.report(t2n.load(name), terms))}


def test_what_is_told_of_known_stencils():
    fourth = lines("central-1-4", 6)
    assert fourth["formula"] == "(Du)[i] = (u[i-2] - 8 u[i-1] + 8 u[i+1] - u[i+2]) / (12 h)"
    assert fourth["order 5 misses by"] == "M_5 = -1/30, should be 0"
    assert fourth["leading error"] == "−1/30 h⁴ ∂⁵u"
    assert fourth["symbol"] == "ŝ = i sin θ · (4/3 − x/3), x = cos θ"
    assert fourth["operator"] == "Du = ∂u − 1/30 h⁴ ∂⁵u − 1/252 h⁶ ∂⁷u + …"
    assert (fourth["symmetry"], fourth["unseen waves"]) == ("antisymmetric", "the sawtooth")
    assert fourth["monotone"] == "no: of order 1 at most (Godunov)"
    assert fourth["group velocity"] == "1/3 + 4x/3 − 2x²/3"
    upwind = lines("upwind-1")
    assert upwind["dissipative"] == "yes, of u_t = −Du"
    assert (upwind["monotone"], upwind["positive by Euler to"]) == ("yes", "ν = 1")
    compact = lines("compact-1-4")
    assert compact["symbol"] == "ŝ = [i sin θ · 3/2] / (1 + x/2), x = cos θ"
    assert compact["family"] == "stencil, ∂, 2 points, compact with 3 on the left"
    ends = lines("sbp-4-2")
    assert ends["boundary order"] == "2, exact; row by row 2, 2, 2, 2"
    assert ends["sums by parts"] == "yes, with H a quadrature of order 4"


@pytest.mark.parametrize("name", ALL)
def test_json_html_and_latex_of_a_stencil(name):
    found = t2n.report(t2n.load(name), 4)
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert (record["name"], record["family"], record["order"]) == (name, "stencil", found.order.order)
    assert record["left_out"] == []
    assert record["failing"][0]["moment"] == list(found.order.failing[0].index)
    assert found._repr_html_().count("<table") >= 2
    assert found._repr_latex_().count("\\begin{array}") == found._repr_latex_().count("\\end{array}")
    assert found.structure.symmetric == record["structure"]["symmetric"]
    with pytest.raises(AttributeError, match="stability"):
        _ = found.stability


def test_the_series_of_a_compact_operator_is_that_of_its_symbol():
    """A quotient of series, against Lele's leading error 4/5! (3α − 1)/(1 + 2α) h⁴ at α = 1/4."""
    found = t2n.report(t2n.load("compact-1-4"), 6)["operator"]
    assert found == {(1,): S.One, (5,): Rational(-1, 180), (7,): Rational(1, 1512)}


def test_each_finding_of_a_stencil_stands_once_and_is_told_once():
    keys = [row.key for rows in wings(0, Stencil).values() for row in rows]
    assert len(set(keys)) == len(keys)
    assert sorted(keys) == sorted(row.key for rows in sections(Stencil).values() for row in rows)


def test_claims_of_a_file_proved_and_refuted():
    good = loads(CLAIMED, "good")
    assert loads(dumps(good)) == good
    assert loads(dumps(good)).claims == good.claims
    verdict = t2n.check(good)
    assert verdict.ok
    assert [c.claim for c in verdict.claims][-2:] == ["cfl.rk4", "cfl.euler"]
    assert abs(float(verdict.claims[-2].found) - float(4 * sqrt(6) / sqrt(3 + 8 * sqrt(6)))) < 1e-14
    changed = CLAIMED.replace("sbp = true", "sbp = false").replace("dissipative = true", "dissipative = false")
    wrong = t2n.check(
        loads(changed.replace("boundary_order = 2", "boundary_order = 3").replace('euler = "0"', 'euler = "1"'))
    )
    assert {c.claim for c in wrong.claims if not c.ok} == {"sbp", "dissipative", "boundary_order", "cfl.euler"}
    (boundary,) = (c for c in wrong.claims if c.claim == "boundary_order")
    assert boundary.why == "boundary order 3 fails at M_3 of row 0 = -43/102, should be 0"


def _upwind(claims):
    head = 'format = 1\nfamily = "stencil"\nderivative = 1\noffsets = [-1, 0]\nweights = [-1, 1]\n'
    return loads(f"{head}[claims]\norder = 1\n[claims.cfl]\n{claims}")


def test_numbers_without_radicals_are_claimed_in_decimals_and_infinity_as_oo():
    good = _upwind('rk4 = "1.3926"\neuler = "1.0"\nbackward-euler = "oo"\n')
    assert loads(dumps(good)) == good
    assert loads(dumps(good)).claims == good.claims
    verdict = t2n.check(good)
    assert verdict.ok
    assert [c.kind for c in verdict.claims] == ["exact", "to 1e-4", "exact", "exact"]
    told = verdict_text("mine", verdict)
    assert told.splitlines()[1:] == [" " * 8 + "cfl.rk4 = 1.3926 to 4 decimals: ≈ 1.39264678"]
    near = verdict.claims[1]
    for text, ok in (("1.3924", False), ("1.3925", False), ("1.3927", True), ("1.39264", True), ("1.392648", False)):
        claim = replace(near, declared=Printed(text))
        assert (claim.ok, claim.nearly[:8]) == (ok, "≈ 1.3926")
        assert f"cfl.rk4 = {text}" in verdict_text("mine", replace(verdict, claims=(claim,)))
    wrong = verdict_text("mine", replace(verdict, claims=(replace(near, declared=Rational(7, 5)),)))
    assert "found ≈ 1.3926 (a root of" in wrong
    wrong = verdict_text("mine", replace(verdict, claims=(replace(verdict.claims[3], declared=Rational(7)),)))
    assert "cfl.backward-euler = 7, found ∞" in wrong
    assert not replace(verdict.claims[2], declared=oo).ok
    assert not replace(verdict.claims[3], declared=Printed("7.0")).ok


def test_an_isolated_number_is_claimed_in_the_decimals_that_are_sure():
    known = Isolated(Rational("2.55827"), Rational("2.55828"))
    told = {text: agrees(Printed(text), known) for text in ("2.558", "2.5583", "2.55827", "2.55", "2.56")}
    assert told == {"2.558": True, "2.5583": True, "2.55827": None, "2.55": True, "2.56": True}
    assert agrees(Printed("2.557"), known) is False
    assert (agrees(Rational(3), known), agrees(Rational("2.558275"), known)) == (False, None)


def test_intervals_of_schemes_are_claimed_alike():
    for claims, holds in (
        ('a_stable = true\nreal_interval = "oo"', True),
        ('real_interval = "2.0"', False),
    ):
        text = dumps(replace(t2n.load("backward-euler"), claims={})) + f"[claims]\n{claims}\n"
        assert t2n.check(loads(text)).ok is holds
    text = dumps(replace(t2n.load("rk4"), claims={})) + '[claims]\nreal_interval = "2.785"\n'
    (claim,) = t2n.check(loads(text)).claims
    assert (claim.ok, claim.kind) == (True, "to 1e-3")


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ("zero_stable = true", "by this name of a stencil"),
        ("sbp = true", "does not apply to a stencil"),
        ("boundary_order = 1", "does not apply to a stencil"),
        ("cfl = 1", "a table of exact numbers"),
        ('[claims.cfl]\nrk4 = "-oo"', "claims.cfl.rk4: "),
        ("[claims.cfl]\nrk4 = 0.5.1", "not valid TOML"),
        ('[claims.cfl]\n"../x" = "1"', "is no name"),
        ('[claims.cfl]\nno-such = "1"', "claims.cfl.no-such: .*is called 'no-such'"),
        ('[claims.cfl]\nbdf-99 = "1"', r"claims\.cfl\.bdf-99: "),
        (
            '[claims.cfl]\ncentral-1-2 = "1"',
            "claims.cfl.central-1-2: .*, where a scheme is needed",
        ),
    ],
)
def test_claims_that_say_nothing(claims, says):
    text = 'format = 1\nfamily = "stencil"\nderivative = 1\noffsets = [-1, 0]\nweights = [-1, 1]\n[claims]\n'
    with pytest.raises(InputError, match=says):
        t2n.check(loads(text + claims))


def test_decimals_that_miss_an_order_by_rounding():
    sixth = Stencil(
        1, ["-0.016666667", "0.15", "-0.75", 0, "0.75", "-0.15", "0.016666667"], range(-3, 4), claims={"order": 6}
    )
    verdict = t2n.check(sixth)
    assert (verdict.ok, verdict.order.order, verdict.decimals) == (False, 0, 9)


def test_a_stencil_makes_no_step():
    with pytest.raises(InputError, match="is a stencil, where a scheme is needed"):
        t2n.zero_stable(t2n.load("central-1-4"))
    assert t2n.order(t2n.load("central-1-4")) == 4


def test_formulas():
    fourth, second = t2n.load("central-1-4"), t2n.load("central-2-2")
    assert difference_latex(fourth) == (
        r"(Du)_{i} = \frac{1}{12 h} \left(u_{i-2} - 8 u_{i-1} + 8 u_{i+1} - u_{i+2}\right)"
    )
    assert difference_latex(second) == r"(Du)_{i} = \frac{1}{h^{2}} \left(u_{i-1} - 2 u_{i} + u_{i+1}\right)"
    assert difference_text(second) == "(Du)[i] = (u[i-1] - 2 u[i] + u[i+1]) / h²"
    assert difference_text(Stencil((1, 2), [[-1], [1]], centre=(0, 0))) == "(Du)[i,j] = (-u[i,j] + u[i+1,j]) / (h₀ h₁²)"
    assert difference_text(Stencil(0, ["1/2", "1/2"], [0, 1])) == "(Du)[i] = (u[i] + u[i+1]) / 2"
    assert difference_text(Stencil(0, [3], [1])) == "(Du)[i] = 3 u[i+1]"
    assert document(t2n.load("compact-1-4")).startswith("% compact-1-4\n")


def test_a_report_of_a_wide_stencil_stays_within_its_budget():
    """Extreme values are isolated where the algebraic number would take minutes."""
    wide = Stencil(1, [Rational((-1) ** j * (j % 7 + 1), 3 + j % 5) for j in range(23)], range(-11, 12))
    found = t2n.report(wide)
    assert found.left_out == ()
    seen = sampled(wide, np.linspace(0, np.pi, 20001))
    for key, part in (("waves.largest_real", seen.real), ("waves.largest_imaginary", seen.imag)):
        known = found[key]
        assert float(known.low) <= np.abs(part).max() * (1 + 1e-7) <= float(known.high) * (1 + 1e-6)
