"""Scheme files as strangers may write them: by a grammar, from a seed. Some are sound and heavy, some are wrong."""

import random

from tableau2net.scheme.claimable import CLAIMS as CLAIMABLE

CLAIMS = tuple(CLAIMABLE)

ODD = (
    '"0**0"', '"1/0"', '"zoo"', '"nan"', '"oo"', '"sqrt(-1)"', '"2**64"', '"10**64"', '"1e999"', '"1e-999"',
    '"9**(1/2)"',
    '"½"', '"１"', '""', '" "', '"k"', '"(k+1)**2 - k**2 - 2*k - 1"', '"1/((k+1)**2 - k**2 - 2*k - 1)"', '"k**64"',
    '"1/k"', '"sqrt(k)"', '"2**(1/3)"', '"sqrt(2 + sqrt(3))"', '"sqrt(2)*sqrt(3) - sqrt(6)"', '"1/(sqrt(2)-sqrt(2))"',
    "inf", "nan", "-inf", "1e400", "0.1", "true", "[]", "{}", "1979-05-27", "-0", "9223372036854775807",
    '"--1"', '"+-+1"',
    '"' + "(" * 80 + "1" + ")" * 80 + '"', '"' + "sqrt(" * 20 + "2" + ")" * 20 + '"', '"' + "9" * 1500 + '"', '"0x10"',
    '"1_000"', '"a.b"', '"__import__"', '"1 if 1 else 2"', '"1e5"', '"(-8)**(1/3)"', '"-1/3"', '"7"', '"1/7"',
)  # fmt: skip
TEXTS = (
    "rk4",
    "",
    "a" * 5000,
    "[/]",
    "$\\frac$",
    "../../x",
    "none",
    "Ünïcødé",
    "‮abc",
    "😀",
    '\\"\\"\\"',
    "x\\ny",
    "k_raw",
)
RANGES = (
    '["-1", "1"]', '["1", "-1"]', '["0", "0"]', "[]", '["1"]', '"all"', '["-10**64", "10**64"]', '["sqrt(2)", "3"]',
    '["0", "1", "2"]', '["oo", "1"]',
)  # fmt: skip


class Stranger:
    """One who writes a file. heavy: sound numbers, and many or long ones; else few, and now and then an odd one."""

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)
        self.heavy = self.r.random() < 0.35
        self.odd = 0.0 if self.heavy else self.r.choice((0.0, 0.02, 0.2))
        self.parameters = self.r.choice((0, 0, 0, 1, 1, 2, 3, 8)) if self.heavy or self.r.random() < 0.5 else 0
        self.style = self.r.choice(("short", "short", "long", "decimal", "surd", "parameter", "few"))
        self.digits = self.r.choice((20, 60, 200, 600))

    def number(self) -> str:
        r = self.r
        if r.random() < self.odd:
            return r.choice(ODD)
        short = f"{r.randint(-9, 9)}/{r.randint(1, 9)}"
        match self.style:
            case "long" if self.heavy:
                return f'"{r.randint(-(10**self.digits), 10**self.digits)}/{r.randint(1, 10**self.digits)}"'
            case "decimal":
                return f'"{r.uniform(-1, 1):.16f}"'
            case "surd":
                return f'"{short} + {r.randint(1, 5)}*sqrt({r.choice((2, 2, 2, 3, 5))})/7"'
            case "parameter" if self.parameters:
                k, m = (f"k{r.randrange(self.parameters)}" for _ in "ab")
                return (
                    f'"{r.choice((f"{short} - {k}", f"{k}*{m}", f"1/(2 + {k}**2)", f"{short}", f"({k} + {m})**3/5"))}"'
                )
            case "few":
                return r.choice(('"0"', '"0"', '"1/2"', '"1"'))
        return f'"{short}"'

    def row(self, n: int) -> str:
        return "[" + ", ".join(self.number() for _ in range(max(0, n + self.slip()))) + "]"

    def slip(self) -> int:
        return self.r.choice((-1, 1, 5)) if self.r.random() < self.odd / 10 else 0

    def matrix(self, rows: int, columns: int) -> str:
        return "[" + ", ".join(self.row(columns) for _ in range(rows)) + "]"

    def lower(self, s: int) -> str:
        return "[" + ", ".join(self.row(i) for i in range(s)) + "]"

    def size(self, small: int, large: int) -> int:
        return self.r.choice((large, large // 2, small)) if self.heavy else self.r.randint(1, small)

    def tableau(self, keys: str = "") -> list[str]:
        explicit = self.r.random() < 0.5
        s = self.size(4, 64) if explicit else self.size(3, 9)
        lines = [f"A = {self.lower(s) if explicit else self.matrix(s, s)}", f"b = {self.row(s)}"]
        if self.r.random() < 0.3:
            lines.append(f"c = {self.row(s)}")
        if self.r.random() < 0.3:
            lines.append(f"b_hat = {self.row(s)}")
        return lines

    def family(self) -> tuple[str, list[str]]:
        r = self.r
        kind = r.choice(("runge-kutta",) * 3 + ("multistep",) * 2 + ("general-linear", "parts", "additive-multistep"))
        if kind == "runge-kutta":
            return kind, self.tableau()
        if kind == "multistep":
            k = self.size(4, 32)
            lines = [f'alpha = {self.row(k)[:-1]}, "1"]', f"beta = {self.row(k + 1)}"]
            return kind, [*lines, f"derivative = {r.choice((1, 2, 2, 0, 3, '[]'))}"] if r.random() < 0.2 else lines
        if kind == "general-linear":
            s, n = self.size(3, 8), self.size(2, 6)
            A, U, B, V = self.matrix(s, s), self.matrix(s, n), self.matrix(n, s), self.matrix(n, n)
            lines = [f"A = {A}", f"U = {U}", f"B = {B}", f"V = {V}"]
            if r.random() < 0.5:
                meant = ", ".join(r.choice(('"y"', '"f"', '"y-1"', '"f-1"')) for _ in range(n - 1))
                lines.append(f'external = ["y", {meant}]')
            return kind, lines
        if kind == "additive-multistep":
            k = self.size(3, 12)
            return kind, [f'alpha = {self.row(k)[:-1]}, "1"]', f"betas = {self.matrix(2, k + 1)}"]
        state = self.r.getstate()
        parts: list[str] = []
        for _ in range(r.choice((2, 2, 3))):
            if r.random() < 0.7:  # tables of one size
                self.r.setstate(state)
            parts += ["[[parts]]", *self.tableau()]
        return r.choice(("additive-runge-kutta", "partitioned-runge-kutta")), parts

    def claims(self) -> list[str]:
        claims = [self.claim(key) for key in self.r.sample(CLAIMS, self.r.randint(0, 4))]
        return [*claims, "odour = 1"] if self.r.random() < self.odd / 5 else claims

    def claim(self, key: str) -> str:
        value = self.r.choice(("true", "false", "4", "0", "40", "-1", '"1"', '"oo"', '"2*sqrt(2)"', "1.5", "[]"))
        if not self.odd and ("order" in key or key in ("ssp", "real_interval", "imaginary_interval")):
            value = self.r.choice(("4", "2", "1") if "order" in key else ('"1"', '"2*sqrt(2)"'))
        elif not self.odd:
            value = self.r.choice(("true", "false"))
        return f"{key} = {value}"

    def file(self) -> str:
        r = self.r
        name, table = self.family()
        head = [f"format = {r.choice((2, '[]')) if r.random() < self.odd / 5 else 1}", f'name = "{self.text()}"']
        head += [f'family = "{"euler" if r.random() < self.odd / 5 else name}"']
        head += [f'title = "{self.text()}"'] if r.random() < 0.3 else []
        if self.style == "decimal" and r.random() < 0.8:
            head.append(f"digits = {r.choice((16, 16, 1, 60, *((0, 10**9) if self.odd else ())))}")
        claims = ["[claims]", *self.claims()]
        parameters = []
        for i in range(self.parameters):
            value = self.number() if r.random() < self.odd else f'"{i}/7"'
            parameters += [f"[parameters.k{i}]", f"value = {value}"]
            parameters += [f"range = {r.choice(RANGES)}"] if r.random() < self.odd else []
        parts = table.index("[[parts]]") if "[[parts]]" in table else len(table)
        lines = [*head, *table[:parts], *claims, *table[parts:], *parameters]
        if r.random() < self.odd:  # a line twice, or one that is gone
            at = r.randrange(len(lines))
            lines[at : at + 1] = r.choice(([], [lines[at]] * 2, ["[" * 500], ["x" * 100]))
        return "\n".join(lines) + "\n"

    def text(self) -> str:
        return self.r.choice(TEXTS) if self.r.random() < self.odd else "own"


def stranger_file(seed: int) -> str:
    """The file of a seed."""
    return Stranger(seed).file()
