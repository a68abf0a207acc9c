"""What a text of a user's may be: the one door for names, lines, labels and folders.

Scheme files, tables and folders come from strangers, and what they say goes on into source text, terminals, figures,
reports and file names. What may be in each kind of text is said here and checked where it comes in, also where a scheme
is made in Python. How it is written where it goes out is said in `tableau2net.sinks`.
"""

from __future__ import annotations

import re
from keyword import iskeyword
from pathlib import Path

from tableau2net.errors import InputError

NAME_LENGTH = 80
LINE_LENGTH = 500  # of a title or a reference: the longest of the library have 106 and 184 characters
PARAMETER_LENGTH = 40
SHOWN = 60  # characters of a refused text that its message quotes

IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")  # a letter, then letters, digits and underscores
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.))*\Z")
_TAKEN = re.compile(r"h|t|y|f|sqrt|z\d*|zeta")  # what coefficients, steps and stability functions call by these


def check_name(name: object, key: str = "name") -> None:
    """A scheme's name, which also names files, folders and classes: letters, digits, ``-``, ``_``, ``.`` of ASCII, a
    letter or a digit first, no two dots together; or nothing. Raises InputError, one line."""
    if isinstance(name, str) and (not name or (len(name) <= NAME_LENGTH and _NAME.match(name))):
        return
    raise InputError(
        f"{key}: {quoted(name)} is no name; write at most {NAME_LENGTH} letters, digits, - _ and single dots, "
        "a letter or digit first"
    )


def check_line(text: object, key: str, most: int = LINE_LENGTH) -> None:
    """A title, a reference or a label: one line of printable text, so no control characters, none that turn the
    direction of writing, no half of a surrogate pair. Raises InputError, one line."""
    if not isinstance(text, str) or not text.isprintable():
        raise InputError(f"{key}: one line of text is expected, of characters that can be printed")
    if len(text) > most:
        raise InputError(f"{key}: {len(text):,} characters, at most {most} are read")


def check_parameter(name: object) -> None:
    """The name of a scheme's parameter: a letter, then letters, digits and underscores, as coefficients are written.
    Raises InputError, one line."""
    if not isinstance(name, str) or not IDENTIFIER.match(name):
        raise InputError(f"parameter name {quoted(name)}: a letter, then letters, digits and underscores")
    if _TAKEN.fullmatch(name) or iskeyword(name):
        raise InputError(f"parameter name {name!r} means something else in coefficients and reports; choose another")


def check_folder(path: str, key: str) -> None:
    """A folder that a file asks for: below the present one, or by its whole path, where everyone sees it; no way leads
    up, by ``..`` or a link. Raises InputError, one line."""
    check_line(path, key)
    asked = Path(path)
    inside = asked.is_absolute() or asked.resolve().is_relative_to(Path.cwd())
    if not path.strip() or ".." in asked.parts or not inside:
        raise InputError(f"{key} = {quoted(path)}: leads out of the present folder; write a folder in it, or use --out")


def plain(text: str, most: int = NAME_LENGTH) -> str:
    """Any text as a name: all that a name cannot hold becomes a dash; "scheme" where nothing is left."""
    dashed = re.sub(r"[^A-Za-z0-9_.-]+|\.{2,}", "-", text)
    return dashed.lstrip("-._")[:most].rstrip("-.") or "scheme"


def one(noun: str) -> str:
    """A stencil, an equation."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def counted(number: int, noun: str) -> str:
    """1 step, 2 steps."""
    return f"{number} {noun}" + "s" * (number != 1)


def quoted(text: object) -> str:
    """A refused value in a message: its beginning, in one line of printable ASCII."""
    try:
        shown = str(text)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        shown = f"a {type(text).__name__} too long to write"
    return ascii(shown if len(shown) <= SHOWN else shown[: SHOWN - 3] + "...")
