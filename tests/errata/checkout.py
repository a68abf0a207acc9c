"""A checkout of a public repository: a folder, or a git directory without a work tree."""

from __future__ import annotations

import fnmatch
import subprocess
from pathlib import Path


class Checkout:
    """Files of a repository by their path in it. Raises FileNotFoundError for one that it has not."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bare = (path / "HEAD").is_file() and (path / "objects").is_dir()

    def text(self, name: str) -> str:
        if not self.bare:
            return (self.path / name).read_text(encoding="utf-8")
        shown = self._git("show", f"HEAD:{name}")
        if shown is None:
            raise FileNotFoundError(f"{self.path} has no {name}")
        return shown

    def names(self, folder: str, pattern: str) -> list[str]:
        """The names of the files in a folder that fit a pattern such as "*.hh", in order."""
        listed = self._git("ls-tree", "--name-only", f"HEAD:{folder}") or "" if self.bare else ""
        names = listed.split("\n") if self.bare else [path.name for path in (self.path / folder).iterdir()]
        return sorted(fnmatch.filter(names, pattern))

    @property
    def commit(self) -> str:
        """The first eight digits of its commit; "unknown" outside git."""
        return (self._git("rev-parse", "HEAD") or "unknown")[:8]

    def _git(self, *arguments: str) -> str | None:
        done = subprocess.run(["git", "-C", self.path, *arguments], capture_output=True, check=False)
        return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def checkout_of(folder: Path, path: str, text: str) -> Checkout:
    """A folder with one file in it, as a checkout."""
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text, encoding="utf-8")
    return Checkout(folder)
