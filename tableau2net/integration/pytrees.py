"""States that are dicts, named tuples, tuples and lists of tensors, nested at will: as one vector, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import reduce
from math import prod
from typing import Any

import torch
from torch import Tensor

from tableau2net.errors import InputError
from tableau2net.integration.events import Event

DEEPEST = 32  # levels of a tree


def is_tree(value: Any) -> bool:
    """Whether a state has names: a mapping or a named tuple. Plain tuples and lists are numbers, or several states."""
    return isinstance(value, Mapping) or (isinstance(value, tuple) and hasattr(value, "_fields"))


def leaves_of(tree: Any, key: str, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """The leaves, each with its place as one writes it. Raises InputError where the tree is too deep."""
    if depth > DEEPEST:
        raise InputError(f"{key}: nested more than {DEEPEST} deep")
    if isinstance(tree, Mapping):
        for name, part in tree.items():
            yield from leaves_of(part, key, f"{path}[{name!r}]", depth + 1)
    elif isinstance(tree, (tuple, list)):
        names = [f".{name}" for name in getattr(tree, "_fields", ())] or [f"[{i}]" for i in range(len(tree))]
        for name, part in zip(names, tree, strict=True):
            yield from leaves_of(part, key, path + name, depth + 1)
    else:
        yield path, tree


class Packed:
    """How a tree of tensors stands in one tensor, entry after entry.

    rows: each leaf's first dimension is a batch's, and stays one."""

    def __init__(self, tree: Any, key: str = "y0", *, rows: bool = False) -> None:
        """Raises InputError where it is no tree of tensors."""
        found = list(leaves_of(tree, key))
        self.key, self.like, self.rows = key, tree, rows
        leaves = [_tensor(leaf, key + path) for path, leaf in found]
        if not leaves:
            raise InputError(f"{key}: there is no tensor in it")
        if rows and len({leaf.shape[:1] for leaf in leaves} | {torch.Size(())}) != 2:
            raise InputError(f'{key}: with norm="batch" all have one first dimension, that of the batch')
        self.paths = [path for path, _ in found]
        self.shapes = [leaf.shape for leaf in leaves]
        self.dtypes = [leaf.dtype for leaf in leaves]
        self.dtype = reduce(torch.promote_types, self.dtypes)
        self.device = leaves[0].device
        self.lengths = [prod(shape[1:] if rows else shape) for shape in self.shapes]
        self.joined = self._cat(leaves)

    def _cat(self, leaves: list[Tensor]) -> Tensor:
        flat = [x.to(self.dtype).reshape(*x.shape[: self.rows], -1) for x in leaves]
        return torch.cat(flat, -1)

    def join(self, tree: Any, name: str = "f") -> Tensor:
        """A tree like this one as one tensor. Raises InputError where it is none."""
        found = self.matched(tree, f"{name} returned")
        for leaf, shape, path in zip(found, self.shapes, self.paths, strict=True):
            if not isinstance(leaf, Tensor) or leaf.shape != shape:
                what = tuple(leaf.shape) if isinstance(leaf, Tensor) else type(leaf).__name__
                raise InputError(f"{name} returned {what} at {path}: a tensor like the state there, {tuple(shape)}")
        return self._cat(found)

    def matched(self, tree: Any, what: str) -> list[Any]:
        """The leaves of a tree like this one. Raises InputError where it has other branches."""
        found: list[Any] = []
        _match(self.like, tree, found, what, "")
        return found

    def split(self, joined: Tensor) -> Any:
        """The tree of what stands in a tensor, whatever dimensions it has in front."""
        parts, begin = [], 0
        for shape, dtype, length in zip(self.shapes, self.dtypes, self.lengths, strict=True):
            part, begin = joined[..., begin : begin + length], begin + length
            lead = joined.shape[: -2 if self.rows else -1]
            part = part.view((*lead, *shape))
            parts.append(part if part.dtype == dtype else (part if dtype.is_complex else part.real).to(dtype))
        return self.made(parts)

    def made(self, leaves: list[Any]) -> Any:
        """The tree with these leaves."""
        return _made(self.like, iter(leaves))

    def tolerance(self, value: Any, name: str) -> Any:
        """A tolerance as the joined tensor has it: numbers stay, trees are one number or tensor for each leaf."""
        if value is None or not isinstance(value, (Mapping, tuple, list)):
            return value
        real = self.dtype.to_real()
        parts = []
        for leaf, shape, path in zip(self.matched(value, name), self.shapes, self.paths, strict=True):
            try:
                parts.append(torch.as_tensor(leaf, dtype=real, device=self.device).detach().expand(shape))
            except (TypeError, ValueError, RuntimeError, OverflowError):
                raise InputError(f"{name}{path}: a number, or numbers like the state there, {tuple(shape)}") from None
        return torch.cat([x.reshape(*x.shape[: self.rows], -1) for x in parts], -1)

    def fields(self, f: Any) -> Any:
        """Functions of (t, tree) to a tree as such of the joined tensor."""
        if isinstance(f, (tuple, list)):
            return type(f)(self.fields(part) for part in f)
        return (lambda t, y: self.join(f(t, self.split(y)))) if callable(f) else f

    def events(self, event: Any) -> Any:
        """Events of (t, tree) as such of the joined tensor."""
        if isinstance(event, (tuple, list)):
            return type(event)(self.events(one) for one in event)
        if isinstance(event, Event):
            return replace(event, function=through(event.function, self))
        return through(event, self) if callable(event) else event


def _tensor(leaf: Any, key: str) -> Tensor:
    """A leaf as a tensor of floating point."""
    if not isinstance(leaf, (Tensor, int, float, complex)) or isinstance(leaf, bool):
        raise InputError(f"{key}: a tensor is expected, not {type(leaf).__name__}")
    if not isinstance(leaf, Tensor):
        leaf = torch.tensor(leaf, dtype=torch.complex128 if isinstance(leaf, complex) else torch.float64)
    y: Tensor = leaf
    if not (y.is_floating_point() or y.is_complex()):
        raise InputError(f"{key} is of {y.dtype}: steps need floating point, .double() say")
    return y


def _match(like: Any, tree: Any, found: list[Any], what: str, path: str) -> None:
    """Adds the leaves of a tree to those found."""
    if isinstance(like, Mapping):
        if not isinstance(tree, Mapping) or set(tree) != set(like):
            keys = ", ".join(map(repr, like))
            raise InputError(f"{what}{_at(path)}: a dict with {keys} is expected, as the state is")
        for name, part in like.items():
            _match(part, tree[name], found, what, f"{path}[{name!r}]")
    elif isinstance(like, (tuple, list)):
        if not isinstance(tree, (tuple, list)) or len(tree) != len(like):
            raise InputError(f"{what}{_at(path)}: a tuple of {len(like)} is expected, as the state is")
        for i, (part, own) in enumerate(zip(like, tree, strict=True)):
            _match(part, own, found, what, f"{path}[{i}]")
    else:
        found.append(tree)


def _at(path: str) -> str:
    return f" at {path}" if path else ""


def _made(like: Any, leaves: Iterator[Any]) -> Any:
    if isinstance(like, Mapping):
        return {name: _made(part, leaves) for name, part in like.items()}
    if isinstance(like, (tuple, list)):
        parts = [_made(part, leaves) for part in like]
        return type(like)(*parts) if hasattr(like, "_fields") else type(like)(parts)
    return next(leaves)


def through(function: Callable[..., Any], packed: Packed) -> Callable[..., Any]:
    """A function of a tree, and of what comes before it, as one of the joined tensor."""
    return lambda *given: function(*given[:-1], packed.split(given[-1]))
