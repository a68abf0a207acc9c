"""What the registry knows of a family of networks: the names it answers to, and how one of them is made."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn


@dataclass(frozen=True)
class ModelEntry:
    """Networks that go by one pattern of names.

    pattern: a regular expression that a whole name matches; `build` gets its named groups as integers where they are
        digits, else as text, and leaves out those that did not take part.
    published: the names that `list_models` shows, each a match of the pattern.
    build: ``build(**groups, **options) -> network``; takes at least ``num_classes=10``.
    scheme: the library scheme that the network's steps are; "" where an option or the name says which.
    about: one line, what it is and the paper it comes from.
    """

    pattern: str
    published: tuple[str, ...]
    build: Callable[..., nn.Module]
    scheme: str
    about: str

    def groups(self, name: str) -> dict[str, Any] | None:
        """What the name says to `build`; None where it is no name of this family."""
        match = re.fullmatch(self.pattern, name, re.ASCII)
        if match is None:
            return None
        said = {key: text for key, text in match.groupdict().items() if text is not None}
        return {key: int(text) if text.isdigit() else text for key, text in said.items()}
