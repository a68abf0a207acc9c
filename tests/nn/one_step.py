"""Blocks of one-step schemes with fields of their own, and random schemes for them."""

import torch
from hypothesis import strategies as st

import tableau2net as t2n
from tableau2net import testing
from tableau2net.codegen.unrolled import as_tuple
from tests.fields import Mixed

DOUBLE = torch.float64
ONE_STEP = ["runge-kutta", "additive-runge-kutta", "partitioned-runge-kutta"]


def block_of(scheme, steps=2, h=0.05, timed=False, seed=0, **options):
    """A block with fields of its own, and states for it."""
    torch.manual_seed(seed)
    made = t2n.compile(scheme, time_dependent=timed, **{"tolerance": 1e-13, **options})
    count = len(made.field_names)
    fields = [[Mixed(3, timed=timed) for _ in range(count)] for _ in range(steps)]
    entries = fields if count > 1 else [each[0] for each in fields]
    more = (0.3,) if timed else ()
    block = made(entries[0], steps, h, *more) if options.get("step_weights") == "shared" else made(entries, h, *more)
    return block.double(), tuple(torch.randn(4, 3, dtype=DOUBLE) for _ in made.states)


def apart(found, wanted):
    return max(float((a - b).detach().abs().max()) for a, b in zip(as_tuple(found), as_tuple(wanted), strict=True))


one_step_schemes = st.one_of(
    testing.degenerate(ONE_STEP, with_parameter=False),
    testing.runge_kutta(range(1, 4)),
    testing.partitioned_runge_kutta(),
)
