"""Half precision and autocast: states stay narrow, gradients wide."""

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

import tableau2net as t2n
from tests.codegen.kinds import block_of, flat, kinds, states_of

# precision


@kinds
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(name, options, dtype):
    block = block_of(name, options).to(dtype)
    result = flat(block(*states_of(block, dtype=dtype)))
    sum(x.float().sum() for x in result).backward()
    assert {x.dtype for x in result} == {dtype}
    assert {p.grad.dtype for p in block.parameters()} == {dtype}


@kinds
def test_autocast_keeps_a_narrow_state_narrow_and_gradients_wide(name, options):
    """Learnt coefficients stay float32, and must not widen the activations of all that follows."""
    block = block_of(name, options)
    states = states_of(block)
    exact = flat(block(*states))
    with torch.autocast("cpu", torch.bfloat16):
        narrow = flat(block(*(state.bfloat16() for state in states)))
    assert {x.dtype for x in narrow} == {torch.bfloat16}
    sum(x.float().sum() for x in narrow).backward()
    assert {p.grad.dtype for p in block.parameters()} == {torch.float32}
    for a, b in zip(narrow, exact, strict=True):
        torch.testing.assert_close(a.float(), b, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("coefficients", ["fixed", "learnable"])
def test_a_field_that_widens_its_state(coefficients):
    """Under autocast a state comes narrow from a convolution, and wide from a field that a scale ends."""

    class Scaled(nn.Linear):
        def forward(self, y):
            return super().forward(y).float()

    scheme = t2n.load("lm").with_values(k="1/4") if coefficients == "fixed" else t2n.load("lm")
    block = t2n.compile(scheme, coefficients=coefficients)([Scaled(4, 4) for _ in range(4)])
    with torch.autocast("cpu", torch.bfloat16):
        out = block(torch.randn(2, 4, dtype=torch.bfloat16))
    assert out.dtype == torch.float32
    out.sum().backward()


@pytest.mark.parametrize("sharing", ["shared", "step", "channel"])
@pytest.mark.parametrize("name", ["rk4", "adams-bashforth-3", "revnet"])
def test_autocast_on_a_gpu_keeps_a_narrow_state_narrow(name, sharing):
    """There, unlike on a CPU, autocast widens addcmul, also by a factor of no dimension. Shapes and dtypes alone are
    computed, so that no GPU is needed."""
    device = torch.device("cuda")
    with FakeTensorMode(), device:
        block = block_of(name, {"coefficients": "free", "sharing": sharing})
        states = [torch.empty(2, 4, 6, 6, dtype=torch.bfloat16) for _ in block.states]
        enabled, dtype = torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")
        try:  # the context manager would see that there is no GPU, and do nothing
            torch.set_autocast_enabled("cuda", True)
            torch.set_autocast_dtype("cuda", torch.bfloat16)
            assert torch.addcmul(states[0], states[0], torch.empty(())).dtype == torch.float32
            result = flat(block(*states))
        finally:
            torch.set_autocast_enabled("cuda", enabled)
            torch.set_autocast_dtype("cuda", dtype)
    assert {x.dtype for x in result} == {torch.bfloat16}
