"""Depths by which networks are alike in their parameters or in their evaluations of fields."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from tableau2net.errors import InputError
from tableau2net.tables.network_cost import build, evaluations_of, parameters_of
from tableau2net.tables.settings import DEEPEST, asked_by
from tableau2net.tables.written import GridPoint, Match, Matched

COUNTS: Mapping[str, Callable[[nn.Module], int]] = {"parameters": parameters_of, "evaluations": evaluations_of}
GAP = 64  # depths one after another that a family may leave out


class Matcher:
    """Chooses depths for the points of a table. What it has built it does not build again."""

    def __init__(self, match: Match, points: Sequence[GridPoint]) -> None:
        self.match = match
        self.wanted = {p.settings.get("depth"): p.settings for p in reversed(points) if p.label == match.to}
        self.counted: dict[str, int | InputError] = {}

    def settle(self, point: GridPoint) -> tuple[int, Matched] | None:
        """The depth of a point's family whose number is nearest; None for the network that the others are matched to.

        Raises InputError where that one has no such depth, or where the point's family has none.
        """
        if point.label == self.match.to:
            return None
        depth = point.settings.get("depth")
        if depth is None:
            raise InputError("its name says its depth, so none can be chosen; write {depth} there, as in resnet{depth}")
        if depth not in self.wanted:
            raise InputError(f"depth {depth}: {self.match.to}, which it is matched to, is not there at this depth")
        wanted = self._count(self.wanted[depth])
        found, number = self._nearest(point.settings, wanted)
        return found, Matched(self.match.by, self.match.to, number, wanted)

    def _nearest(self, settings: Mapping[str, Any], wanted: int) -> tuple[int, int]:
        """A depth and its number. Numbers grow with the depth: the search ends with the first that is enough."""
        below: tuple[int, int] | None = None
        fault = InputError(f"has no network of up to {DEEPEST} layers")
        last = 0
        for depth in range(1, DEEPEST + 1):
            try:
                number = self._count({**settings, "depth": depth})
            except InputError as error:
                fault = error
                if depth - last > GAP:
                    break
                continue
            last = depth
            if number >= wanted:
                return min(((depth, number), below or (depth, number)), key=lambda at: abs(at[1] - wanted))
            below = depth, number
        if below is None:
            raise fault
        return below

    def _count(self, settings: Mapping[str, Any]) -> int:
        """The number of a network. Raises InputError where there is none such."""
        key = json.dumps({**settings, "seed": 0}, sort_keys=True)
        if key not in self.counted:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of depths that are only looked at
                    self.counted[key] = COUNTS[self.match.by](build(asked_by(settings)))
            except InputError as error:
                self.counted[key] = error
        found = self.counted[key]
        if isinstance(found, InputError):
            raise found
        return found
