"""Every scheme of the library with nothing but y, under the options that are legal: it runs, forwards and backwards."""

import itertools
from typing import Any

import pytest
import torch

from tableau2net.codegen import compile
from tableau2net.errors import InputError
from tableau2net.scheme import load
from tableau2net.step import lower
from tableau2net.testing.module import LinearField, SmoothField
from tests.schemes import listed_with_code

CHOICES: dict[str, tuple[Any, ...]] = {
    "coefficients": ("fixed", "free", "learnable"),
    "step_weights": ("independent", "shared"),
    "stage_weights": ("shared", "independent"),
    "backward": ("store", "checkpoint", "reversible"),
}
EVERY = [dict(zip(CHOICES, chosen, strict=True)) for chosen in itertools.product(*CHOICES.values())]


def taken(name: str, options: dict[str, Any]) -> bool:
    """Whether there is such a class; it then takes its steps and has a gradient."""
    try:
        limit = {"growth_limit": 1e300} if options["backward"] == "reversible" else {}
        cls: Any = compile(name, **options, **limit)
    except InputError:
        return False
    steps = cls.lookback + 2
    linear = {f"f_{part + 1}" for part in lower(load(name)).operators("linear")}
    kinds = [LinearField if field in linear else SmoothField for field in cls.field_names]
    fields = [[kind(10 * n + i, False) for i, kind in enumerate(kinds)] for n in range(steps)]
    each = [own if len(own) > 1 else own[0] for own in fields]
    shared = options["step_weights"] == "shared"
    block = (cls(each[0], steps, h=0.05) if shared else cls(each, h=0.05)).double()
    if getattr(cls, "raw", cls.coefficients):
        block.reset_coefficients()
    y = [torch.linspace(-0.5, 0.5, 6, dtype=torch.float64).reshape(2, 3).requires_grad_() for _ in cls.states]
    found = block(*y)
    found = found if isinstance(found, tuple) else (found,)
    torch.stack([x.square().sum() for x in found]).sum().backward()
    assert all(x.isfinite().all() for x in found)
    assert all(x.grad.isfinite().all() for x in y if x.grad is not None)
    return True


@pytest.mark.slow
@pytest.mark.parametrize("tenth", range(10))
def test_every_scheme_with_nothing_but_y(tenth):
    """Those that remember something under a fifth of the combinations each, the others under two; all come up."""
    for i, name in enumerate(listed_with_code()[tenth::10]):
        stride = 5 if lower(load(name)).history else 18
        for options in EVERY[i % stride :: stride]:
            run = taken(name, options)
            assert run or options["backward"] == "reversible" or options["coefficients"] == "learnable", name


@pytest.mark.parametrize("name", ["nordsieck-bdf-3", "nordsieck-adams-4", "glee-rk32g1", "dimsim-2", "sbdf-2"])
@pytest.mark.parametrize(
    "options", [EVERY[0], EVERY[1], EVERY[13], EVERY[22]], ids=lambda options: "-".join(options.values())
)
def test_schemes_that_remember(name, options):
    assert taken(name, options)
