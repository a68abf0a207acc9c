"""The pages that readers see, and the python that they show."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("docs", "examples", "results")
PATHS = sorted([*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))])
PAGES = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in PATHS}
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def code_of(text):
    """The blocks of a page, which go on from each other, at the lines at which they stand."""
    lines = []
    for block in BLOCK.finditer(text):
        lines += [""] * (text[: block.start(1)].count("\n") - len(lines)) + block[1].splitlines()
    return "\n".join(lines) + "\n"


CODE = {name: code_of(text) for name, text in PAGES.items() if BLOCK.search(text)}
