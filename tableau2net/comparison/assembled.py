"""A whole table: its rows, what they are measured by, and what is to be said of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from tableau2net.comparison.baseline import Against, against
from tableau2net.comparison.protocol import Published, caption
from tableau2net.comparison.rows import Row, compare, plain
from tableau2net.recipes.task import CLASSIFY, Measure, TaskKind
from tableau2net.runs.finished import Finished


@dataclass(frozen=True)
class Table:
    """Rows with what each is against the baseline, where one is named. notes: what is to be said besides."""

    rows: tuple[Row, ...]
    published: Published | None = None
    baseline: str | None = None
    notes: tuple[str, ...] = ()
    title: str | None = None

    @classmethod
    def of(
        cls,
        runs: Iterable[Finished],
        published: Published | None = None,
        baseline: str | None = None,
        notes: Iterable[str] = (),
        title: str | None = None,
    ) -> Table:
        """The table of these runs. Raises InputError for a baseline that none of them is."""
        table = cls(tuple(compare(runs)), published, baseline, tuple(notes), title)
        assert table.differences is not None
        return table

    @property
    def task(self) -> TaskKind:
        """What all of the runs have learnt."""
        return self.rows[0].task if self.rows else CLASSIFY

    @property
    def measure(self) -> Measure:
        """What rows are ranked and tested by."""
        return self.task.main

    @cached_property
    def attacks(self) -> list[str]:
        """What any row has been measured under."""
        return list(dict.fromkeys(attack for row in self.rows for attack in row.robust))

    @cached_property
    def differences(self) -> list[list[Against]]:
        """What each row is against the baseline: by the test error, and then by that under each attack."""
        if self.baseline is None:
            return [[Against()] * len(self.rows)] * (1 + len(self.attacks))
        return against(self.rows, self.baseline, self.attacks)

    @property
    def against(self) -> list[Against]:
        """What each row is against the baseline by the test error."""
        return self.differences[0]

    @cached_property
    def caption(self) -> tuple[str, ...]:
        """What belongs below the table in every format."""
        title = () if self.title is None else (f"{plain(self.title).rstrip('.')}.",)
        return (
            *title,
            *caption(self.rows, self.published, self.baseline, list(chain.from_iterable(self.differences))),
            *self.notes,
        )

    @cached_property
    def best(self) -> frozenset[int]:
        """The rows with the best mean of their depth and protocol, the lowest test error say, where others are beside
        them; short runs rank nothing."""
        found: set[int] = set()
        groups: dict[tuple[object, ...], list[int]] = {}
        for index, row in enumerate(self.rows):
            if not row.short:
                place = (row.column, row.data, row.train, row.held_out, row.test, row.epochs, row.terms)
                groups.setdefault(place, []).append(index)
        for group in groups.values():
            best = self.measure.best(*(self.rows[index].tested.mean for index in group))
            if len(group) > 1:
                found |= {index for index in group if self.rows[index].tested.mean == best}
        return frozenset(found)
