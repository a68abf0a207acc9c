"""What is printed, and to what: no encoding, closed stream or size of a terminal ends a command."""

from __future__ import annotations

import codecs
import io
import json
import os
import sys

MOST_DIGITS = 4  # of COLUMNS and LINES that are believed

# what stands for a character in an encoding that has none like it
PLAIN = {
    **dict.fromkeys("─━═", "-"), **dict.fromkeys("│┃║", "|"), **dict.fromkeys("┼╪╬┌┐└┘├┤┬┴╭╮╰╯", "+"),
    **dict.fromkeys("−–—‐‑", "-"), **dict.fromkeys("‘’", "'"), **dict.fromkeys("“”", '"'),
    "≈": "~", "≤": "<=", "≥": ">=", "≠": "!=", "·": "*", "×": "x", "…": "...", "→": "->", "∞": "oo", "±": "+-",
    "τ": "tau", "ζ": "zeta", "Φ": "Phi", "α": "alpha", "β": "beta", "γ": "gamma", "θ": "theta", "λ": "lambda",
    "δ": "delta", "ε": "epsilon", "μ": "mu", "ν": "nu", "π": "pi", "ρ": "rho", "σ": "sigma", "φ": "phi",
    "χ": "chi", "ψ": "psi", "ω": "omega",
    "Γ": "Gamma", "Δ": "Delta", "Σ": "Sigma", "Ψ": "Psi", "√": "sqrt", "∘": "o", "′": "'", "←": "<-",
    "\u0302": "^", "\u0303": "~", "∅": "0", "°": " degrees",
    **dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹", (f"^{n}" for n in range(10)), strict=True)),
    **dict(zip("₀₁₂₃₄₅₆₇₈₉", (f"_{n}" for n in range(10)), strict=True)),
}  # fmt: skip


def print_json(value: object) -> None:
    """One JSON value; in an encoding that is not UTF-8, in ASCII, which is the same value."""
    unicode = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
    print(json.dumps(value, indent=2, ensure_ascii=not unicode, allow_nan=False))


def open_streams() -> None:
    """Make all that is printed printable, before anything is.

    A character that the encoding does not have is written as a plain one or, like a byte of a file's name that is
    no text, as an escape."""
    codecs.register_error("plain", _plain)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by who started us
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (for as long as we run)
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")
    for name in ("COLUMNS", "LINES"):
        said = os.environ.get(name, "")
        if not (said.isascii() and said.isdigit() and 0 < int(said[: MOST_DIGITS + 1]) < 10**MOST_DIGITS):
            os.environ.pop(name, None)


def close_streams(*streams: object) -> None:
    """Send what is still to be printed nowhere: who reads it has gone, or there is no room for it."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return "".join(PLAIN.get(c) or _escaped(c) for c in wrong), error.end


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1] if ord(character) > 127 else "?"
