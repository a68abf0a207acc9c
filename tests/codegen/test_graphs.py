"""Blocks under torch.compile: one graph for many of them, and the same results."""

import copy

import pytest
import torch
from torch._dynamo.testing import CompileCounter, CompileCounterWithBackend

import tableau2net as t2n
from tests.codegen.kinds import CHANNEL, block_of, flat, kinds, states_of

# torch.compile


@kinds
def test_twenty_blocks_share_one_graph(name, options):
    """With gradients; a reversible loop is opaque then, and one graph without."""
    torch._dynamo.reset()
    counter = CompileCounter()
    for _ in range(20):
        block = block_of(name, options, steps=3)
        states = states_of(block)
        with torch.set_grad_enabled(options.get("backward") != "reversible"):
            compiled = torch.compile(block, fullgraph=True, backend=counter)
            for got, want in zip(flat(compiled(*states)), flat(block(*states)), strict=True):
                torch.testing.assert_close(got, want)
    assert counter.frame_count == 1


@pytest.mark.parametrize(
    ("name", "options", "backend"),
    [
        ("rk2", {}, "aot_eager"),
        pytest.param("rk4", {"time_dependent": True}, "aot_eager", marks=pytest.mark.slow),
        pytest.param("lm", {"coefficients": "learnable"}, "aot_eager", marks=pytest.mark.slow),
        pytest.param("lm", {"coefficients": "learnable"}, "eager", marks=pytest.mark.slow),
    ],
)
def test_blocks_of_any_step_size_share_a_graph(name, options, backend):
    """The first is compiled for its own h, the second for any. More than eight would be an error."""
    torch._dynamo.reset()
    counter = CompileCounterWithBackend(backend)
    for n in range(1, 11):
        block = block_of(name, options, steps=2)
        block.h = 1 / n
        with torch.no_grad():
            states = states_of(block)
            compiled = torch.compile(block, fullgraph=True, backend=counter)
            for got, want in zip(flat(compiled(*states)), flat(block(*states)), strict=True):
                torch.testing.assert_close(got, want)
    assert counter.frame_count == 2


@pytest.mark.parametrize("name", ["rk4", "lm"])
def test_twenty_steps_of_one_block_share_one_graph(name):
    """Compiled a step at a time, which a deep network wants: its compilation does not grow with the depth."""
    torch._dynamo.reset()
    counter = CompileCounter()
    block = block_of(name, {"coefficients": "learnable"} if name == "lm" else {}, steps=20)
    states = [state.requires_grad_() for state in states_of(block)]
    expected = block(*states)
    block.step = torch.compile(type(block).step, fullgraph=True, backend=counter)
    torch.testing.assert_close(block(*states), expected)
    assert counter.frame_count == 1


@pytest.mark.slow
def test_a_whole_network_is_one_graph_for_all_of_its_like():
    torch._dynamo.reset()
    counter = CompileCounterWithBackend("aot_eager")
    x = torch.randn(2, 3, 16, 16)
    for _ in range(2):
        network = t2n.create_model("lm_resnet20")
        other = copy.deepcopy(network)
        other(x).sum().backward()
        compiled = torch.compile(network, fullgraph=True, backend=counter)
        compiled(x).sum().backward()
        for p, q in zip(network.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(p.grad, q.grad, rtol=1e-4, atol=1e-5)
    assert counter.frame_count == 1


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), [("lm", {"coefficients": "learnable"}), ("revnet", CHANNEL)])
def test_inductor_computes_the_same(name, options):
    torch._dynamo.reset()
    block = block_of(name, options, steps=3)
    states = [state.requires_grad_() for state in states_of(block)]
    inputs = [*states, *block.parameters()]
    results = [flat(run(*states)) for run in (block, torch.compile(block, fullgraph=True))]
    eager, compiled = ([*r, *torch.autograd.grad(sum(x.square().sum() for x in r), inputs)] for r in results)
    for a, b in zip(eager, compiled, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


BROKEN = [("gauss-2", {}), ("leapfrog-2", {"backward": "reversible"})]


@pytest.mark.parametrize(("name", "options"), BROKEN)
def test_what_breaks_the_graph_leaves_the_result(name, options):
    """How often Newton iterates is for the data to say, and what goes back step by step is no graph: `torch.compile`
    may be asked all the same, without `fullgraph`."""
    torch._dynamo.reset()
    block = block_of(name, options)
    (y,) = states_of(block)
    results = [run(y) for run in (block, torch.compile(block, backend="eager"))]
    inputs = list(block.parameters())
    eager, compiled = ([r, *torch.autograd.grad(r.square().sum(), inputs)] for r in results)
    for a, b in zip(eager, compiled, strict=True):
        torch.testing.assert_close(a, b)
