"""What the smooth solution of a linear multistep method solves, as a differential equation of infinite order.

With D = d/dt, a method Σ_j α_j u(t + jh) = h^d Σ_j β_j f(u(t + jh)) says ρ(e^(hD)) u = h^d σ(e^(hD)) f(u), and where
σ(1) ≠ 0 that is Σ_j c_j h^j u^(j+d) = f(u) with Σ_j c_j x^j = ρ(e^x)/(x^d σ(e^x)). (HLW XV.3.1; for LM, Lu, Zhong,
Li and Dong 2018, who keep two terms.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import factorial

import sympy
from sympy import Expr, Rational, S

from tableau2net.errors import InputError
from tableau2net.exact.domain import Domain, Element, domain_of
from tableau2net.scheme import Scheme, by_name

MAX_TERMS = 100
_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class DifferentialForm:
    """Σ_j c_j h^j u^(j+derivative) = f(u), cut off after the coefficients c_0, c_1, … given; exact."""

    coefficients: tuple[Expr, ...]
    derivative: int = 1

    def __str__(self) -> str:
        """As a person would write it: ``(1+k) u' + (1−k) h/2 u'' = f``."""
        terms = [_term(c, j, j + self.derivative) for j, c in enumerate(self.coefficients) if c != 0]
        text = "".join(f" {sign} {term}" for sign, term in terms) or " + 0"
        first = "" if text.startswith(" + ") else "−"
        return f"{first}{text[3:]} = f"


@by_name(Scheme)
def differential_form(scheme: Scheme, terms: int = 2) -> DifferentialForm | None:
    """The first `terms` coefficients of the equation that the smooth solution of a linear multistep method solves.

    None for other families, and where ρ(1), ρ'(1), …, ρ^(d−1)(1) are not all 0 or σ(1) is 0.
    Raises InputError for fewer than one term or over `MAX_TERMS`.
    """
    if not 1 <= terms <= MAX_TERMS:
        raise InputError(f"terms = {terms}: between 1 and {MAX_TERMS}")
    method = scheme.formula()
    if method is None or len(method.betas) > 1:
        return None
    derivative, (beta,) = method.derivative, method.betas
    domain = domain_of([*method.alpha, *beta])
    rho, sigma = moments(domain, method.alpha, terms + derivative), moments(domain, beta, terms)
    if any(rho[:derivative]) or not sigma[0]:
        return None
    domain, found = quotient(domain, rho[derivative:], sigma)
    return DifferentialForm(tuple(domain.expression(c) for c in found), derivative)


def moments(domain: Domain, coefficients: Sequence[Expr], terms: int) -> list[Element]:
    """The power series of Σ_j c_j e^(jx): Σ_j c_j j^q/q! for q = 0 … terms − 1."""
    elements = [domain.convert(c) for c in coefficients]
    return [
        sum((c * j**q for j, c in enumerate(elements)), domain.zero) * domain.rational(1, factorial(q))
        for q in range(terms)
    ]


def quotient(domain: Domain, above: Sequence[Element], below: Sequence[Element]) -> tuple[Domain, list[Element]]:
    """A power series divided by one with below[0] ≠ 0, over the domain, or over its fractions where they are needed."""
    if below[0] != domain.one and not domain.domain.is_Field:
        domain, above, below = _fractions(domain, above, below)
    found: list[Element] = []
    for n, term in enumerate(above):
        rest = sum((found[j] * below[n - j] for j in range(n)), domain.zero)
        found.append(term - rest if below[0] == domain.one else (term - rest) / below[0])
    return domain, found


def _fractions(
    domain: Domain, above: Sequence[Element], below: Sequence[Element]
) -> tuple[Domain, list[Element], list[Element]]:
    """The field of fractions of a domain, and two lists of elements in it."""
    field = domain.domain.get_field()

    def inside(row: Sequence[Element]) -> list[Element]:
        return [field.convert_from(x, domain.domain) for x in row]

    return Domain(field, {}), inside(above), inside(below)


def _term(coefficient: Expr, h: int, derivative: int) -> tuple[str, str]:
    """The sign and the rest of c h^j u^(m), such as ``(1−k) h/2 u''``; factors in parameters stand in brackets."""
    number, rest = _split(coefficient)
    top = "" if h == 0 else "h" if h == 1 else f"h{str(h).translate(_SUPERSCRIPT)}"
    scale = _scaled(abs(number), top)
    prime = "'" * derivative if derivative <= 3 else f"^({derivative})"
    parts = [p for p in (rest, scale, f"u{prime}") if p]
    return "−" if number < 0 else "+", " ".join(parts)


def _scaled(number: Rational, power: str) -> str:
    """5/12 and h² as ``5h²/12``; 1 alone as nothing."""
    above = f"{number.p if number.p != 1 or not power else ''}{power}"
    below = f"/{number.q}" if number.q != 1 else ""
    return "" if above == "1" and not below else above + below


def _split(coefficient: Expr) -> tuple[Rational, str]:
    """A rational factor and the text of what is left, whose first term is positive."""
    number, rest = sympy.factor(coefficient).as_coeff_Mul()
    factors = []
    for part in sympy.Mul.make_args(rest):
        base, power = part.as_base_exp()
        text, sign = _sum(base)
        if sign < 0 and power.is_Integer and power % 2:
            number = -number
        exponent = "" if power == 1 else f"^{power}" if power.is_Integer and power > 0 else f"^({power})"
        factors.append(f"{text}{exponent}")
    return number, "" if rest == S.One else " ".join(factors)


def _sum(base: Expr) -> tuple[str, int]:
    """A sum in brackets, constant first, and the sign that was taken out to make its first term positive."""
    if not base.is_Add:
        return _plain(base), 1
    terms = sorted(base.args, key=lambda t: (len(t.free_symbols) > 0, sympy.total_degree(t), str(t)))
    sign = -1 if _negative(terms[0]) else 1
    signed = [sign * t for t in terms]
    text = "".join(f"−{_plain(-t)}" if _negative(t) else f"+{_plain(t)}" for t in signed)
    return f"({text.removeprefix('+')})", sign


def _negative(term: Expr) -> bool:
    return bool(term.as_coeff_Mul()[0] < 0)


def _plain(term: Expr) -> str:
    return str(term).replace("**", "^").replace("*", "·")
