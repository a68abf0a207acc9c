"""The examples about training as optimal control run on tiny data, and each algorithm is exact where it can be."""

import copy
import re

import pytest
import torch
from torch.nn import functional

from tests.example_scripts import beside_each_other, example  # noqa: F401

pytestmark = pytest.mark.usefixtures("beside_each_other")


def batch(pixels=12, count=6):
    generator = torch.Generator().manual_seed(3)
    return torch.randn(count, pixels, generator=generator), torch.arange(count) % 10


def test_successive_approximations_train(capsys):
    example("msa").main("glyphs:60:20", width=16, passes=2, batch=20)
    text = capsys.readouterr().out
    losses = {
        name: list(map(float, found.split(", "))) for name, found in re.findall(r"^(\S+), .* losses (.*)$", text, re.M)
    }
    assert losses["E-MSA"][-1] < losses["E-MSA"][0] < losses["MSA"][-1]
    assert len(re.findall(r"of the weights .* are -1, .* are 1: .*% right", text)) == 2
    assert len(re.findall(r"% are 0, ", text)) == 1


def test_one_ascent_step_on_every_hamiltonian_is_one_step_of_sgd_to_the_bit():
    module = example("msa")
    torch.manual_seed(0)
    net, (x, labels) = module.Network(12, 8, 4), batch()
    other = copy.deepcopy(net)
    for each in (net, other):
        optimiser = torch.optim.SGD(each.parameters(), 0.1)
        for _ in range(3):
            if each is net:
                pieces, loss = module.swept(net, x, labels)
                module.set_gradients(pieces)
            else:
                loss = functional.cross_entropy(other(x), labels)
                optimiser.zero_grad()
                loss.backward()
            optimiser.step()
    assert all(map(torch.equal, net.parameters(), other.parameters()))


def test_where_the_weights_are_the_penalties_of_emsa_are_zero_and_push_nowhere():
    module = example("msa")
    torch.manual_seed(0)
    net, (x, labels) = module.Network(12, 8, 2).double(), batch()
    pieces, _ = module.swept(net, x.double(), labels)
    for piece in pieces:
        plain, augmented = piece.hamiltonian(), piece.hamiltonian(penalty=10.0)
        torch.testing.assert_close(plain, augmented, rtol=0, atol=1e-14)
    found = []
    for penalty in (0.0, 10.0):
        module.set_gradients(pieces, penalty)
        found.append([p.grad.clone() for p in net.parameters()])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-13)


@pytest.mark.parametrize("ternary", [False, True])
def test_signs_are_the_best_of_all_weights(ternary):
    """Every weight by itself, by trying its two or three values."""
    module = example("msa")
    generator = torch.Generator().manual_seed(int(ternary))
    values = torch.tensor([-1.0, 0.0, 1.0] if ternary else [-1.0, 1.0], dtype=torch.float64)
    weight = values[torch.randint(len(values), (400,), generator=generator)]
    mean = torch.randn(400, generator=generator, dtype=torch.float64)
    sparse = 0.1 * ternary
    for rho in (0.0, 0.3, 1.0):
        best = torch.where(mean < 0, -1.0, 1.0)
        limit = rho * mean.abs()[weight != best].max() / (1 if ternary else 2)
        tried = mean * values[:, None] - sparse * values.abs()[:, None] - limit * (values[:, None] - weight) ** 2
        assert torch.equal(module.chosen(weight, mean, rho, sparse, ternary), values[tried.argmax(0)])


# ------------------------------------------------------------------------------------- differential dynamic programming


def test_dynamic_programming_trains(capsys):
    example("ddpnopt").main("glyphs:60:20", width=8, steps=2, batches=3, batch=10, sweeps=2)
    text = capsys.readouterr().out
    costs = list(map(float, re.search("costs (.*)", text)[1].split(", ")))
    assert costs[0] > costs[1] > costs[2]
    assert len(re.findall(r"^(SGD|RMSprop) at \S+ (by itself|with feedback): loss", text, re.M)) == 8


@pytest.mark.parametrize("scheme", ["euler", "rk4"])
def test_on_linear_dynamics_with_quadratic_costs_one_sweep_is_riccatis_solution(scheme):
    """y' = A y + B u with u held through each step of the scheme: y⁺ = R(hA) y + …, and K by the Riccati recursion."""
    module = example("ddpnopt")
    torch.manual_seed(1)
    A, B = torch.randn(3, 3).double(), torch.randn(3, 2).double()
    weights, rest, h, n = torch.eye(2).double() / 3, torch.eye(3).double(), 0.1, 12
    problem = module.Problem(scheme, lambda y, u: A @ y + B @ u, torch.randn(n, 2).double(), h)
    running, end = (lambda y, u: (y @ y + u @ weights @ u) / 2), (lambda y: 2 * (y @ y))
    y = torch.randn(3).double()
    problem.follow(y, problem.sweep(y, running, end))
    # the step on (y, u), as the scheme's stability function makes it of [[A, B], [0, 0]]
    M = h * torch.cat((torch.cat((A, B), 1), torch.zeros(2, 5).double()))
    one, two = torch.eye(5).double(), M @ M
    growth = one + M if scheme == "euler" else one + M + two / 2 + two @ M / 6 + two @ two / 24
    F, G, P = growth[:3, :3], growth[:3, 3:], 4 * rest
    gains = []
    for _ in range(n):
        K = torch.linalg.solve(weights + G.T @ P @ G, G.T @ P @ F)
        P = rest + F.T @ P @ (F - G @ K)
        gains.insert(0, K)
    for found, K in zip(problem.controls(), gains, strict=True):
        torch.testing.assert_close(found, -K @ y, rtol=1e-9, atol=1e-9)
        y = F @ y - G @ (K @ y)
    again = problem.sweep(torch.randn(3).double(), running, end)
    for (_, K), expected in zip(again, gains, strict=True):
        torch.testing.assert_close(K, -expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("make", [torch.optim.SGD, torch.optim.RMSprop])
def test_without_feedback_it_is_the_optimiser_to_the_bit(make):
    module, (x, labels) = example("ddpnopt"), batch()
    torch.manual_seed(0)
    net = module.Network(12, 8, 3)
    other = copy.deepcopy(net)
    mine, theirs = make(net.parameters(), lr=0.01), make(other.parameters(), lr=0.01)
    for _ in range(3):
        module.update(net, mine, x, labels, feedback=False)
        theirs.zero_grad()
        functional.cross_entropy(other(x), labels).backward()
        theirs.step()
    assert all(map(torch.equal, net.parameters(), other.parameters()))


def test_with_feedback_it_is_bellmans_recursion_in_matrices():
    """The batch's states as one vector, V_yy = ∇ℓ ∇ℓᵀ at the scores, Q_uu of the optimiser; all of it dense."""
    module, (x, labels) = example("ddpnopt"), batch(pixels=5, count=3)
    torch.manual_seed(0)
    net, x, rate = module.Network(5, 4, 2).double(), x.double(), 0.3
    other = copy.deepcopy(net)
    module.update(net, torch.optim.SGD(net.parameters(), lr=rate), x, labels, feedback=True)

    steps = [other.opening, *(other.block.part(n, n + 1) for n in range(2)), other.head]
    states = [x]
    for step in steps:
        states.append(step(states[-1]).detach())
    scores = states[-1].requires_grad_()
    slope = torch.autograd.grad(functional.cross_entropy(scores, labels), scores)[0].flatten()
    curvature, gains = torch.outer(slope, slope), []
    for step, y in zip(reversed(steps), reversed(states[:-1]), strict=True):
        names = [name for name, _ in step.named_parameters()]

        def called(y, *values, step=step, names=names):
            return torch.func.functional_call(step, dict(zip(names, values, strict=True)), (y,)).flatten()

        given = (y.detach(), *(p.detach() for p in step.parameters()))
        Jy, *Ju = (J.flatten(1) for J in torch.autograd.functional.jacobian(called, given))
        Ju = torch.cat(Ju, 1)
        Qu, Quy = Ju.T @ slope, Ju.T @ curvature @ Jy
        gains.insert(0, (-rate * Qu, -rate * Quy))
        slope, curvature = Jy.T @ slope - rate * Quy.T @ Qu, Jy.T @ curvature @ Jy - rate * Quy.T @ Quy
    y = x
    for step, old, (k, K) in zip(steps, states, gains, strict=False):
        moved = k + K @ (y - old).flatten().detach()
        with torch.no_grad():
            for p, change in zip(step.parameters(), moved.split([p.numel() for p in step.parameters()]), strict=True):
                p += change.view_as(p)
            y = step(y)
    for mine, theirs in zip(net.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)


def test_an_optimiser_whose_curvature_is_not_known_is_refused():
    module, (x, labels) = example("ddpnopt"), batch()
    net = module.Network(12, 8, 2)
    with pytest.raises(module.t2n.InputError, match="Adam: its curvature is not known here; take SGD or RMSprop"):
        module.update(net, torch.optim.Adam(net.parameters()), x, labels, feedback=True)


def test_an_equation_is_stepped_by_schemes_of_every_kind(capsys):
    try:
        example("equation_fields").main(points=32, steps=30)
    finally:
        torch.set_default_dtype(torch.float32)
    text = capsys.readouterr().out
    errors = re.findall(r"error (\S+)", text)
    assert len(errors) == 5
    assert max(map(float, errors)) < 5e-3
    assert "euler with steps of" in text
    weights, order, loss = re.search(r"learnt D_x: (.*), order (\d); loss .* to (\S+)", text).groups()
    assert [float(w) for w in weights.split(", ")] == pytest.approx([1 / 12, -2 / 3, 0, 2 / 3, -1 / 12], abs=1e-3)
    assert int(order) == 2
    assert float(loss) < 1e-10
