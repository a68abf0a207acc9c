"""A step program carried out in torch, operation by operation: what every pass must leave as it is, by another route
than the exact comparison. Sums are written as they are emitted, in place where `over` says so."""

import torch

from tableau2net.step import Combine, Evaluate, Solve

H = 0.125
SIZE = 3


def numbers(step, seed=0):
    """A value for each symbol in the coefficients."""
    symbols = sorted({s for c in step.coefficients() for s in c.free_symbols}, key=str)
    draw = torch.Generator().manual_seed(seed)
    return {s: torch.randn((), generator=draw, dtype=torch.float64).requires_grad_() for s in symbols}


def inputs(step, seed=1):
    """A random value for each input, the same for the same name whatever the others are."""
    draw = {i.name: torch.Generator().manual_seed(seed + sum(map(ord, i.name))) for i in step.inputs}
    return {n: torch.randn(SIZE, generator=g, dtype=torch.float64).requires_grad_() for n, g in draw.items()}


def field(part, time, values):
    """A smooth field that depends on everything it is given."""
    mixed = sum((i + 1) * v for i, v in enumerate(values))
    return torch.tanh(mixed * (1 + part) / 3 + time) * torch.sin(mixed.roll(1) + part)


def run(step, given, learnt, over=None):
    """Every value of an explicit step by name; those that were overwritten hold what overwrote them."""
    over = over or {}
    values = dict(given)
    for op in step.operations:
        assert not isinstance(op, Solve)
        if isinstance(op, Evaluate):
            time = _number(op.time, learnt)
            values[op.target] = field(op.part, time, [values[v] for v in op.values])
        else:
            values[op.target] = _sum(op, step, values, learnt, over.get(op.target))
    return values


def _number(coefficient, learnt):
    if coefficient.is_number:
        return float(coefficient)
    import sympy

    names = sorted(coefficient.free_symbols, key=str)
    return sympy.lambdify(names, coefficient, "math")(*[learnt[n] for n in names])


def _sum(op: Combine, step, values, learnt, base):
    terms = list(op.terms)
    begin = next((t for t in terms if (t[1] == base if base else t[0] == 1 and step.kind(t[1]) == "y")), None)
    total = values[begin[1]] if begin else None
    fresh = base is not None  # whether the memory of the total may be written to
    for coefficient, v in terms:
        if (coefficient, v) == begin:
            continue
        factor = _number(coefficient, learnt) * (H**step.derivative if step.kind(v) == "f" else 1)
        if total is None:
            total = values[v] * factor
        elif isinstance(factor, torch.Tensor):
            total = total.addcmul_(values[v], factor) if fresh else torch.addcmul(total, values[v], factor)
        else:
            total = total.add_(values[v], alpha=factor) if fresh else total.add(values[v], alpha=factor)
        fresh = True
    return torch.zeros(SIZE, dtype=torch.float64) if total is None else total
