"""Inverses of one-step blocks: against the block, against the compiled adjoint, and their derivatives."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import tableau2net as t2n
from tableau2net import testing
from tableau2net.codegen.unrolled import as_tuple
from tableau2net.nn.invertible.taken import one_step, taken_steps
from tableau2net.nn.invertible.undo import step_rate
from tableau2net.runtime.stage_solve import ConvergenceError
from tableau2net.step import lower
from tableau2net.step.contraction import contraction
from tests.fields import Mixed, smooth
from tests.nn.one_step import DOUBLE, apart, block_of, one_step_schemes


def check_both_ways(scheme, timed):
    block, states = block_of(scheme, timed=timed)
    back = t2n.inverse(block)
    assert apart(back(*as_tuple(block(*states))), states) < 1e-12
    assert apart(block(*as_tuple(back(*states))), states) < 1e-12
    adjoint = t2n.compile(t2n.adjoint(scheme), tolerance=1e-13, time_dependent=timed)
    begin = (block.t0 + 2 * block.h,) if timed else ()
    assert apart(adjoint(list(block.fields)[::-1], -block.h, *begin)(*states), back(*states)) < 1e-12


@settings(max_examples=5)
@given(one_step_schemes, st.booleans())
def test_a_block_and_its_inverse_undo_each_other(scheme, timed):
    check_both_ways(scheme, timed)


@pytest.mark.slow
@settings(max_examples=60)
@given(one_step_schemes, st.booleans())
def test_many_blocks_and_their_inverses_undo_each_other(scheme, timed):
    check_both_ways(scheme, timed)


SLOW = pytest.mark.slow
OPTIONS = (
    {"stage_weights": "independent"},
    {"step_weights": "shared"},
    {"coefficients": "free"},
    {"coefficients": "free", "sharing": "shared"},
    {"backward": "checkpoint"},
)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(
    "name", ["rk3", pytest.param("sdirk-21", marks=SLOW), pytest.param("dormand-prince-54", marks=SLOW)]
)
def test_whatever_the_options(name, options):
    block, states = block_of(name, steps=3, **options)
    with torch.no_grad():
        for p in block.parameters():  # learnt coefficients, another a step
            p.add_(0.03 * torch.randn_like(p) if p.dim() < 2 else 0)
    assert apart(t2n.inverse(block)(block(*states)), states) < 1e-12


def test_coefficients_that_keep_an_order():
    block, states = block_of("rk3", coefficients="free", keep_order=2)
    assert apart(t2n.inverse(block)(block(*states)), states) < 1e-12


def test_a_coefficient_for_each_channel():
    made = t2n.compile("rk3", coefficients="free", sharing="channel")
    block = made([nn.Conv2d(3, 3, 3, padding=1).double() for _ in range(2)], 0.1, channels=3)
    with torch.no_grad():
        block.b1.add_(0.1 * torch.randn_like(block.b1))
    y = torch.randn(2, 3, 4, 4, dtype=DOUBLE)
    back = t2n.inverse(block.double())
    assert apart(back(block(y)), y) < 1e-12
    assert back.checked(y).bound.isinf().all()


@pytest.mark.parametrize("name", ["polynet-2", "polynet-2-way"])
def test_a_general_linear_method_of_one_value_is_a_one_step_method(name):
    block, (y,) = block_of(name)
    assert apart(t2n.inverse(block)(block(y)), y) < 1e-12
    damped = t2n.Multistep(alpha=["-9/10", "1"], beta=["1", "0"], name="damped")
    block, (y,) = block_of(damped)
    assert apart(t2n.inverse(block)(block(y)), y) < 1e-12


def test_iterations_that_stand_for_an_implicit_step_are_undone_as_they_are():
    made = t2n.compile("backward-euler", solver="fixed-point", gradient="unrolled", iterations=2, tolerance=0)
    block, y = made([smooth(3, seed=1)], 0.3), torch.randn(4, 3, dtype=DOUBLE)
    exact = t2n.compile("backward-euler", tolerance=1e-14)(list(block.fields), 0.3)
    assert apart(block(y), exact(y)) > 1e-4
    assert apart(t2n.inverse(block)(block(y)), y) < 1e-12


def test_what_is_explicit_backwards_solves_nothing():
    for name in ("revnet", "stormer-verlet-velocity", "backward-euler"):
        block, states = block_of(name, steps=5, h=1.0)
        back = t2n.inverse(block, iterations=1, tolerance=1e-15)
        assert apart(back(*as_tuple(block(*states))), states) < 1e-11


def test_it_has_the_parameters_of_the_block():
    block, states = block_of("rk3", coefficients="free")
    back = t2n.inverse(block)
    assert {id(p) for p in back.parameters()} == {id(p) for p in block.parameters()}
    assert t2n.inverse(back) is block
    with torch.no_grad():
        for p in block.parameters():
            p.mul_(0.9)
    block.h = 0.05
    assert apart(back(block(*states)), states) < 1e-12
    again = copy.deepcopy(back)
    assert again.block is not block
    assert apart(again(*states), back(*states)) == 0


@pytest.mark.parametrize("name", ["rk3", "backward-euler", pytest.param("sdirk-21", marks=SLOW), "revnet"])
def test_gradients_go_through_the_inverse(name):
    block, states = block_of(name, steps=2, h=0.3, seed=3, coefficients="free")
    weight = next(p for p in block.parameters() if p.dim() == 2)
    learnt = next(p for p in block.parameters() if p.dim() < 2)
    back = t2n.inverse(block)

    def through(weight_, learnt_, *z):
        with torch.no_grad():
            weight.copy_(weight_)
            learnt.copy_(learnt_)
        found = torch.cat(as_tuple(back(*z)), 1)
        got = torch.autograd.grad(found.square().sum(), (weight, learnt, *z), retain_graph=True)
        return found.square().sum(), got

    z = tuple(s[:2].clone().requires_grad_() for s in states)
    values = (weight.detach().clone(), learnt.detach().clone(), *z)
    _, got = through(*values)
    for i, value in enumerate(values):
        direction = torch.randn_like(value)
        at = [
            through(
                *(v.detach().add(s * 1e-5 * direction).requires_grad_() if j == i else v for j, v in enumerate(values))
            )[0]
            for s in (1, -1)
        ]
        assert float((at[0] - at[1]).detach() / 2e-5) == pytest.approx(
            float((got[i] * direction).sum().detach()), rel=1e-6, abs=1e-9
        )


def test_gradcheck():
    block, (y,) = block_of("rk3", steps=1, h=0.3)
    back = t2n.inverse(block)
    assert torch.autograd.gradcheck(lambda z: back(z), y[:2].requires_grad_())


def test_evaluations_with_statistics_of_their_own_come_in_the_order_of_the_step():
    """Verlet backwards would evaluate the second one first: it is solved for instead."""
    torch.manual_seed(0)

    def normalised():
        return nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))

    block = t2n.compile("stormer-verlet-velocity")([[normalised(), nn.Linear(3, 3)]], 0.1).double()
    states = tuple(torch.randn(2, 4, 3, dtype=DOUBLE))
    block(*states)  # statistics move, those of each evaluation by themselves
    block.eval()
    assert apart(t2n.inverse(block)(*block(*states)), states) < 1e-12
    gauss = t2n.compile("gauss-2")([normalised()], 0.1).double().eval()
    with pytest.raises(t2n.InputError, match="inverse: BatchNorm has statistics of each evaluation"):
        t2n.inverse(gauss)(states[0])


def test_steps_that_do_not_contract_say_so_with_the_residual():
    class Folded(nn.Module):
        def forward(self, y):
            return y.square() - y  # y⁺ = y²: −1 has no preimage, 1 has two

    block = t2n.compile("euler")([Folded(), Folded()], 1.0)
    for solver in ("newton-krylov", "anderson", "fixed-point"):
        with pytest.raises(ConvergenceError, match=r"inverse of step 2 of 2: .* residual of .*may have no inverse"):
            t2n.inverse(block, solver=solver)(torch.full((1, 2), -1.0, dtype=DOUBLE))


def test_a_bound_on_the_error_holds():
    torch.manual_seed(2)
    field = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    with torch.no_grad():
        field[0].weight.mul_(5)
        field[2].weight.mul_(5)
    t2n.nn.lipschitz_(field, 0.9, exact=True)
    block = t2n.compile("rk4")([field, field], 0.7)
    taken, of = taken_steps(block, torch.zeros(1, 3, dtype=DOUBLE))[0], one_step(block, "")
    z, hl = torch.randn(5, 3, dtype=DOUBLE), 0.7 * 0.81
    rate = hl + hl**2 / 2 + hl**3 / 6 + hl**4 / 24
    assert step_rate(of, taken) == pytest.approx(rate, rel=1e-6)
    exact = t2n.inverse(block)(z)
    for tolerance in (1e-1, 1e-3, 1e-6):
        found = t2n.inverse(block, solver="fixed-point", tolerance=tolerance).checked(z)
        error = (found.states - exact).norm(dim=1)
        assert (error <= found.bound + 1e-13).all()
        assert (found.residual - (block(found.states) - z).norm(dim=1)).abs().max() < 1e-14
        assert (found.bound < 20 * found.residual + 1e-13).all()
    unknown = t2n.compile("rk4")([Mixed(3)], 0.7)
    assert t2n.inverse(unknown).checked(z).bound.isinf().all()
    assert t2n.inverse(unknown).checked(z, lipschitz=0.5).bound.isfinite().all()


@settings(max_examples=15)
@given(testing.runge_kutta(range(1, 5), explicit=True))
def test_the_rate_is_a_lipschitz_constant(scheme):
    """Of fields y ↦ ±L|y| on the line, the steepest that there are."""

    class Steep(nn.Module):
        def forward(self, y):
            return 0.8 * torch.where(torch.arange(len(y)) % 2 > 0, -y, y.abs())

    rate = contraction(lower(scheme), 0.8)
    step = t2n.compile(scheme)([Steep()], 1.0)
    y = torch.linspace(-2, 2, 41, dtype=DOUBLE)
    added = step(y) - y
    assert ((added[2:] - added[:-2]).abs() <= rate * (y[2:] - y[:-2]).abs() + 1e-12).all()


def test_a_mean_field_block_is_undone_in_the_order_of_its_depths():
    net = t2n.create_model("meanfield_resnet20", widths=(4, 8, 8), h=0.1).double().eval()
    block, y = net.blocks[0], torch.randn(2, 4, 5, 5, dtype=DOUBLE)
    with torch.no_grad():
        block.depths.tau.copy_(block.depths.tau.flip(0) * 1.1)
    block.depths.sort()
    back = t2n.inverse(block)
    assert apart(back(block(y)), y) < 1e-12
    back(y).square().sum().backward()
    assert block.depths.tau.grad.abs().min() > 0


def test_blocks_of_networks_and_chains_of_them():
    net = t2n.create_model("resnet14", scheme="rk3", h=0.05, widths=(4, 8, 8)).double().eval()
    y = torch.randn(2, 4, 6, 6, dtype=DOUBLE)
    block = net.blocks[0]
    assert apart(t2n.inverse(block)(block(y)), y) < 1e-11
    dynamic = t2n.nn.DynamicBlock("rk3", lambda _: nn.Conv2d(4, 4, 3, padding=1).double(), (0.0, 0.1, 0.3))
    chain = nn.Sequential(block, dynamic)
    assert apart(t2n.inverse(chain)(chain(y)), y) < 1e-11
    hamiltonian = t2n.create_model("dynamic_hamiltonian", widths=(8, 8), states=(0, 0.5, 2)).double().blocks[0]
    y = torch.randn(2, 8, 5, 5, dtype=DOUBLE)
    assert apart(t2n.inverse(hamiltonian)(hamiltonian(y)), y) < 1e-13


class Own(t2n.compile("euler")):
    def forward(self, y):
        return 2 * super().forward(y)


class OwnStep(t2n.compile("euler")):
    @staticmethod
    def step(f, h, y):
        return 2 * y


def test_what_has_no_inverse_is_refused_in_a_line():
    lm = t2n.compile("adams-bashforth-2")([Mixed(3)])
    relu = t2n.create_model("post_resnet8").blocks[0]
    coupled = t2n.compile("euler", backward="reversible", coupling="999/1000")([Mixed(3)])
    for block, said in (
        (lm, "inverse: adams-bashforth-2 remembers f_prev"),
        (relu, "inverse: relu='step' puts an activation after each step"),
        (coupled, "inverse: a coupled block hands on one of its two states"),
        (nn.Linear(2, 2), "inverse: a Linear is no block"),
        (Own([Mixed(3)]), "Own: its call is more than its steps"),
        (OwnStep([Mixed(3)]), "inverse: OwnStep has a step of its own"),
    ):
        with pytest.raises(t2n.InputError, match=said):
            t2n.inverse(block)
    block, _ = block_of("euler")
    for options, said in (
        ({"solver": "bisection"}, "inverse: solver='bisection': write"),
        ({"tolerance": -1.0}, "inverse: tolerance=-1.0"),
        ({"tolerance": 0}, "inverse: tolerance=0"),
        ({"iterations": 0}, "inverse: iterations=0"),
    ):
        with pytest.raises(t2n.InputError, match=said):
            t2n.inverse(block, **options)


def test_fields_that_change_in_training_are_refused_when_called():
    y = torch.randn(3, 4)
    bounded = t2n.nn.lipschitz_(nn.Sequential(nn.Linear(4, 4)), 0.5)
    for field, said in (
        (nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)), "inverse: BatchNorm in training mode"),
        (nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5)), "inverse: a field draws random numbers in training mode"),
        (bounded, "inverse: a field changes its '[uv]' in training mode"),
    ):
        block = t2n.compile("euler")([field], 0.1)
        with pytest.raises(RuntimeError, match=said):
            t2n.inverse(block, tolerance=1e-3)(y)
        block.eval()
        assert apart(t2n.inverse(block)(block(y)), y) < 1e-4
