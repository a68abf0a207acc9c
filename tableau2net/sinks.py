"""How a text of a user's is written where it goes out: one function for each language that would read more into it.

What may come in is said in `tableau2net.words`; but a title may hold any letter and a path any byte, and what is only
a letter here is a command there: brackets to rich, a dollar to matplotlib and LaTeX, a bar to Markdown, = to a
spreadsheet, an escape character to a terminal. LaTeX, Markdown and spreadsheets have theirs beside the tables that need
them, in `comparison.formats`; HTML has ``html.escape`` and JSON its own; figures take no text for a formula
(`plot.style.image`), and consoles none for markup (`cli.terminal.Terminal`).
"""

from __future__ import annotations

LONGEST = 1000  # characters of a message; a path that somebody gives can be longer
COMMENT = 1000


def printable(text: object) -> str:
    """For a terminal or a log: what would move the cursor, end the line or cannot be encoded is written as its code."""
    shown = str(text)
    return shown if shown.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown)


def one_line(text: object) -> str:
    """A message: one line, printable, not endless."""
    shown = printable(" ".join(str(text).split()) if "\n" in str(text) else text)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST // 2]} … {shown[-LONGEST // 4 :]}"


def string(text: str) -> str:
    """Python source of a string: ASCII, in double quotes. The only way of a user's text into code."""
    escaped = (c if " " <= c <= "~" and c not in '"\\' else f"\\{c}" if c in '"\\' else ascii(c)[1:-1] for c in text)
    return f'"{"".join(escaped)}"'


def within(text: str) -> str:
    """The same inside of a docstring or another string in double quotes."""
    return string(text)[1:-1]


def comment(text: str) -> str:
    """Python source of a comment: one line, whatever its text; the only way of a user's text into comments.

    It holds no declaration of an encoding. (A directive to a type checker stands at the beginning of a comment: let a
    word of ours stand there.)"""
    line = "".join(c for c in " ".join(text.split()) if c.isprintable())
    line = line.replace("coding:", "coding :").replace("coding=", "coding =")
    return f"# {line}" if len(line) <= COMMENT else f"# {line[: COMMENT - 3]}..."
