"""A list of modules that says what its members are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar, cast, overload

from torch import nn

Member = TypeVar("Member", bound=nn.Module)

if TYPE_CHECKING:

    class Rows(nn.ModuleList, Generic[Member]):
        """An nn.ModuleList of members of one type, for type checkers: torch's own says nn.Module of each."""

        def __iter__(self) -> Iterator[Member]: ...

        @overload
        def __getitem__(self, index: slice) -> Rows[Member]: ...

        @overload
        def __getitem__(self, index: int) -> Member: ...

        def __getitem__(self, index: slice | int) -> Rows[Member] | Member: ...

else:
    Rows = nn.ModuleList


def rows(members: Iterable[Member]) -> Rows[Member]:
    """The nn.ModuleList of these modules."""
    return cast("Rows[Member]", nn.ModuleList(members))  # torch's list has no type of its members
