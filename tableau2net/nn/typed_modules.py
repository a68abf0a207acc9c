"""A list of modules that says what its members are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar, cast, overload

from torch import nn

Member = TypeVar("Member", bound=nn.Module)
Member_co = TypeVar("Member_co", bound=nn.Module, covariant=True)

if TYPE_CHECKING:

    class Rows(nn.ModuleList, Generic[Member_co]):
        """An nn.ModuleList of members of one type, for type checkers: torch's own says nn.Module of each."""

        def __iter__(self) -> Iterator[Member_co]: ...

        @overload
        def __getitem__(self, index: slice) -> Rows[Member_co]: ...

        @overload
        def __getitem__(self, index: int) -> Member_co: ...

        def __getitem__(self, index: slice | int) -> Rows[Member_co] | Member_co: ...

else:
    Rows = nn.ModuleList


def rows(members: Iterable[Member]) -> Rows[Member]:
    """The nn.ModuleList of these modules."""
    return cast("Rows[Member]", nn.ModuleList(members))  # torch's list has no type of its members
