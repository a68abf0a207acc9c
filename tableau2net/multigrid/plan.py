"""What is asked for of layer-parallel steps: levels, coarsening, relaxation, cycles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from tableau2net.errors import InputError

Relaxation = Literal["FCF", "F"]
MOST = 10_000  # of any of its numbers


@dataclass(frozen=True)
class Plan:
    """How steps are taken many at once: on `levels` grids, each of every `coarsening`-th point of the one before.

    relaxation: "FCF", or "F" alone, which on two levels is parareal.
    cycles: of a forward pass, and of a backward pass.

    Raises InputError naming a value that cannot be used.
    """

    coarsening: int = 4
    levels: int = 2
    relaxation: Relaxation = "FCF"
    cycles: tuple[int, int] = (2, 1)

    def __post_init__(self) -> None:
        both = isinstance(self.cycles, tuple | list) and len(self.cycles) == 2
        rules = (
            ("coarsening", _whole(self.coarsening, 2), f"steps an interval, from 2 to {MOST:,}"),
            ("levels", _whole(self.levels, 2), f"grids, from 2 to {MOST:,}"),
            ("relaxation", self.relaxation in get_args(Relaxation), " or ".join(map(repr, get_args(Relaxation)))),
            (
                "cycles",
                both and all(_whole(n, 1) for n in self.cycles),
                f"two numbers from 1 to {MOST:,}: of a forward and of a backward pass",
            ),
        )
        for name, holds, wanted in rules:
            if not holds:
                raise InputError(f"{name}={repr(getattr(self, name))[:40]}: it is {wanted}")
        object.__setattr__(self, "cycles", tuple(self.cycles))

    @classmethod
    def parse(cls, text: str, where: str = "layer_parallel") -> Plan:
        """The plan that "4", "4:3", "4:2:F" or "4:2:FCF:2,1" stands for: M:LEVELS:RELAXATION:FORWARD,BACKWARD.

        Raises InputError for another text."""
        parts = text.split(":")
        names = ("coarsening", "levels", "relaxation", "cycles")
        try:
            if len(parts) > len(names):
                raise ValueError
            found = {name: _READ[name](part) for name, part in zip(names, parts, strict=False)}
        except ValueError:
            raise InputError(
                f"{where} {text[:40]!r}: write M:LEVELS:RELAXATION:FORWARD,BACKWARD, as in 4 or 4:2:FCF:2,1"
            ) from None
        try:
            return cls(**found)
        except InputError as error:
            raise InputError(f"{where} {text[:40]!r}: {error}") from None

    def __str__(self) -> str:
        return f"{self.coarsening}:{self.levels}:{self.relaxation}:{self.cycles[0]},{self.cycles[1]}"


def _whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= MOST


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise ValueError
    return int(text)


_READ: dict[str, Callable[[str], Any]] = {
    "coarsening": _number,
    "levels": _number,
    "relaxation": str,
    "cycles": lambda text: tuple(map(_number, text.split(","))),
}
