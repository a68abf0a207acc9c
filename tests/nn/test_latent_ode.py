"""GRU-ODE-Bayes, ODE-RNN and Latent ODE: by formulas written out, member by member, value by value."""

import os
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.nn.sequences.gaussian import divergence, log_density, product
from tableau2net.nn.sequences.gru_field import GRUField
from tableau2net.nn.sequences.gru_ode_bayes import GRUODEBayes
from tableau2net.nn.sequences.latent_ode import ODERNN, LatentODE
from tableau2net.nn.sequences.observed import Observed

B, L, D, H = 4, 5, 3, 4


def numbers(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def some(seed=0):
    """A few values on a grid of 0.05, some members with none at all."""
    generator = torch.Generator().manual_seed(seed)
    places = torch.stack([torch.randperm(19, generator=generator)[:L].sort()[0] + 1 for _ in range(B)])
    there = torch.rand(B, L, D, generator=generator) < 0.6
    there[0] = False
    return Observed(places.double() * 0.05, numbers(B, L, D, seed=seed), there)


@pytest.mark.parametrize("minimal", [False, True])
def test_a_step_of_euler_is_a_gated_recurrent_unit(minimal):
    """(1 − z) ⊙ n + z ⊙ h with n = tanh(W x + b + U (r ⊙ h)), to 1e-14."""
    torch.manual_seed(0)
    field = GRUField(H, D, minimal=minimal).double()
    x, h = numbers(B, D, seed=1), numbers(B, H, seed=2)

    class At(nn.Module):
        def forward(self, h):
            return field(h, field.drive(x))

    found = t2n.compile("euler")([At()], h=1.0)(h)
    w, b = field.input.weight.split(H), field.input.bias.split(H)
    u = (*field.gate.weight.split(H), field.candidate.weight)
    z, *r = (torch.sigmoid(x @ w[k].T + b[k] + h @ u[k].T) for k in range(len(w) - 1))
    n = torch.tanh(x @ w[-1].T + b[-1] + (z if minimal else r[0]) * h @ u[-1].T)
    torch.testing.assert_close(found, (1 - z) * n + z * h, rtol=0, atol=1e-14)


def test_a_recurrent_network_of_euler_steps_is_a_gru():
    """The same field, driven by a sequence; its reset gate acts on the state."""
    torch.manual_seed(0)
    field, x = GRUField(H, D).double(), numbers(L, B, D, seed=1)
    h = torch.zeros(B, H).double()
    for entry in x:
        z, r = torch.sigmoid(field.input(entry)[:, : 2 * H] + h @ field.gate.weight.T).chunk(2, 1)
        n = torch.tanh(field.input(entry)[:, 2 * H :] + r * h @ field.candidate.weight.T)
        h = (1 - z) * n + z * h
    torch.testing.assert_close(t2n.nn.RNN("euler", field)(x)[1][0], h, rtol=0, atol=1e-14)


def test_states_of_gru_ode_stay_within_one():
    torch.manual_seed(0)
    field = GRUField(H).double()
    with torch.no_grad():
        field.candidate.weight.mul_(50)
    h = torch.sign(numbers(B, H))
    at = [0.1, 1.0, 10.0]
    found = t2n.integrate("dormand-prince-54", lambda t, h: field(h), h, 0, 10, rtol=1e-6, at=at)
    assert found.abs().max() <= 1 + 1e-6


def test_normal_distributions_are_those_of_torch():
    mean, logvar, other, other_logvar = (numbers(50, seed=s) for s in range(4))
    p, q = Normal(mean, (logvar / 2).exp()), Normal(other, (other_logvar / 2).exp())
    torch.testing.assert_close(divergence(mean, logvar, other, other_logvar), kl_divergence(p, q))
    torch.testing.assert_close(log_density(other, mean, logvar), p.log_prob(other))
    found = product(mean, logvar, other, other_logvar)
    x = torch.linspace(-3, 3, 7, dtype=torch.float64)[:, None]
    rest = p.log_prob(x) + q.log_prob(x) - Normal(found[0], (found[1] / 2).exp()).log_prob(x)
    torch.testing.assert_close(rest, rest[:1].expand_as(rest), rtol=1e-9, atol=1e-9)  # proportional


def by_hand(net, seen, towards, noise=0.01):
    """The two losses of each member, in loops: Euler on the grid of 0.05."""
    before, behind = torch.zeros(B, dtype=torch.float64), torch.zeros(B, dtype=torch.float64)
    jump, field = net.jumping.jump, net.jumping.motion.field
    for i in range(B):
        h, now = net.first[None], 0
        for n in range(L):
            if not seen.mask[i, n].any():
                continue
            then = round(float(seen.times[i, n]) / 0.05)
            for _ in range(then - now):
                h = h + 0.05 * field(h)
            now, x, there = then, seen.values[i, n], seen.mask[i, n]
            mean, logvar = net.read(h)[0].chunk(2)
            prepared = []
            for d in range(D):
                told = torch.stack((x[d], mean[d], logvar[d], (x[d] - mean[d]) / (logvar[d] / 2).exp()))
                prepared.append(torch.relu(told @ jump.weight[d] + jump.bias[d]) * there[d])
            h = jump.cell(torch.cat(prepared)[None], h)
            pre = Normal(mean, (logvar / 2).exp())
            new, new_logvar = net.read(h)[0].chunk(2)
            post, saw = Normal(new, (new_logvar / 2).exp()), Normal(x, noise)
            if towards == "bayes":  # precisions add up
                precision = pre.scale**-2 + noise**-2
                centre = (mean * pre.scale**-2 + x * noise**-2) / precision
                apart = kl_divergence(Normal(centre, precision**-0.5), post)
            else:
                apart = kl_divergence(post, saw)
            before[i] -= pre.log_prob(x)[there].sum()
            behind[i] += apart[there].sum()
    return before, behind


@pytest.mark.parametrize(("towards", "impute"), [("observation", False), ("bayes", True)])
def test_the_losses_of_gru_ode_bayes_by_hand(towards, impute):
    torch.manual_seed(0)
    net, seen = GRUODEBayes(D, H, impute=impute, longest=0.05).double(), some()
    found, wanted = net.losses(seen, net.path(seen), towards=towards), by_hand(net, seen, towards)
    for a, b in zip((found.before, found.behind), wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)
        gradients = [torch.autograd.grad(each.sum(), net.jumping.jump.weight, retain_graph=True)[0] for each in (a, b)]
        torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-9)


def test_gru_ode_bayes_tells_distributions_at_any_time():
    torch.manual_seed(0)
    net, seen = GRUODEBayes(D, H, "rk4", covariates=2, steps=2).double(), some()
    known, later = numbers(B, 2), torch.tensor([2.0, 1.5], dtype=torch.float64)
    mean, logvar = net(seen, later, known)
    assert mean.shape == logvar.shape == (B, 2, D)
    path = net.path(seen, known, end=1.5)
    torch.testing.assert_close(net.read(path.last)[:, :D], mean[:, 1], rtol=1e-12, atol=1e-12)
    with pytest.raises(InputError, match="only there"):
        net(seen, later)
    with pytest.raises(InputError, match="above 0"):
        net.losses(seen, path, noise=0)
    with pytest.raises(InputError, match="hidden_size=0"):
        GRUODEBayes(D, 0, steps=1)


def test_the_evidence_lower_bound_by_hand():
    torch.manual_seed(0)
    net, seen, target = LatentODE(D, 2, H, "rk4", units=5, noise=0.3, steps=2).double(), some(), some(1)
    torch.manual_seed(1)
    found = net.elbo(seen, target, samples=3, kl_weight=0.7)
    torch.manual_seed(1)
    draws = torch.randn(3, B, 2, dtype=torch.float64)
    for i in range(B):
        alone = seen[[i]]
        q = Normal(*((m := net.encode(alone))[0][0], (m[1][0] / 2).exp()))
        bound = -0.7 * kl_divergence(q, Normal(torch.zeros(2).double(), 1)).sum()
        for draw in draws[:, i]:
            z0, there = q.loc + q.scale * draw, target.mask[i].any(-1)
            if there.any():
                expected = net.decode(z0[None], target.times[i][there])[0]
                density = Normal(expected, 0.3).log_prob(target.values[i][there])
                bound = bound + density[target.mask[i][there]].sum() / 3
        torch.testing.assert_close(found[i], bound, rtol=1e-9, atol=1e-9)
    found.sum().backward()
    assert all(p.grad.isfinite().all() for p in net.parameters())
    with pytest.raises(InputError, match="samples=0"):
        net.elbo(seen, target, samples=0)
    with pytest.raises(InputError, match="noise=0"):
        LatentODE(D, 2, H, noise=0, steps=1)


SEEN, NOW = Observed(torch.zeros(2, 1), torch.zeros(2, 1, D)), torch.zeros(1)
REFUSED = {
    "covariates=-1": lambda: GRUODEBayes(D, H, covariates=-1, steps=1),
    "dropout=2.0: a probability": lambda: GRUODEBayes(D, H, dropout=2.0, steps=1),
    "features='a'": lambda: ODERNN("a", H, steps=1),
    "latent_size=0": lambda: LatentODE(D, 0, H, steps=1),
    "field: a module f(h) is wanted": lambda: ODERNN(D, H, field=3, steps=1),
    "is wanted; got a Tensor": lambda: ODERNN(D, H, steps=1)(torch.zeros(2, 1, D)),
    "got a Tensor": lambda: GRUODEBayes(D, H, steps=1)(torch.zeros(2, 1, D), at=NOW),
    f"{D} features are read": lambda: ODERNN(D, H, steps=1)(Observed(SEEN.times, torch.zeros(2, 1, D + 1))),
    "as many members and entries": lambda: (net := GRUODEBayes(D, H, steps=1)).losses(SEEN[:1], net.path(SEEN)),
    "samples=1.5": lambda: LatentODE(D, 2, H, steps=1).elbo(SEEN, SEEN, samples=1.5),
    "target (1, 1": lambda: LatentODE(D, 2, H, steps=1).elbo(SEEN, SEEN[:1]),
    "target (2, 1, 1)": lambda: LatentODE(D, 2, H, steps=1).elbo(SEEN, Observed(SEEN.times, torch.zeros(2, 1, 1))),
}


@pytest.mark.parametrize("says", REFUSED)
def test_what_does_not_fit_is_refused_in_a_line(says):
    with pytest.raises(InputError) as refused:
        REFUSED[says]()
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_ode_rnn_that_does_not_move_is_a_recurrent_network():
    class Still(nn.Module):
        def forward(self, h):
            return 0 * h

    torch.manual_seed(0)
    net, seen = ODERNN(D, H, field=Still(), steps=1).double(), some()
    h, cell = torch.zeros(B, H).double(), net.jumping.jump.cell
    for n in range(L):
        there = seen.present[:, n, None]
        h = torch.where(there, cell(torch.cat((seen.values[:, n], seen.mask[:, n].double()), 1), h), h)
    torch.testing.assert_close(net(seen), h, rtol=1e-14, atol=1e-14)


@pytest.fixture
def default_dtype():
    before = torch.get_default_dtype()
    yield
    torch.set_default_dtype(before)


@pytest.mark.usefixtures("default_dtype")
@pytest.mark.parametrize("impute", [False, True])
@pytest.mark.parametrize("minimal", [False, True])
@pytest.mark.parametrize(("solver", "scheme"), [("euler", "euler"), ("midpoint", "explicit-midpoint")])
def test_gru_ode_bayes_is_the_authors(impute, minimal, solver, scheme, monkeypatch):
    """Loss, last state and gradients, weights copied. GRU_ODE_BAYES names the folder of a checkout of
    github.com/edebrouwer/gru_ode_bayes, or the test skips."""
    if not os.environ.get("GRU_ODE_BAYES"):
        pytest.skip("GRU_ODE_BAYES names no folder")
    torch.set_default_dtype(torch.float64)  # theirs makes constants of the default dtype
    monkeypatch.setitem(sys.modules, "torchdiffeq", type(sys)("torchdiffeq"))
    sys.modules["torchdiffeq"].odeint = None
    monkeypatch.syspath_prepend(Path(os.environ["GRU_ODE_BAYES"]) / "gru_ode_bayes")
    theirs = import_module("models").NNFOwithBayesianJumps(
        D, H, 5, 6, cov_size=2, cov_hidden=H, impute=impute, full_gru_ode=not minimal, solver=solver, mixing=0.3
    )
    theirs, ours = (
        theirs.double(),
        GRUODEBayes(
            D, H, scheme, read_width=5, prepare_width=6, impute=impute, minimal=minimal, covariates=2, longest=0.05
        ).double(),
    )
    copied(theirs, ours, impute, minimal)
    seen, known = some(), numbers(B, 2)
    events = sorted((round(float(seen.times[i, n]) / 0.05), i, n) for i, n in seen.present.nonzero().tolist())
    times = sorted({time for time, _, _ in events})
    ends = [0, *np.cumsum([sum(t == time for t, _, _ in events) for time in times])]
    x, mask = (torch.stack([each[i, n] for _, i, n in events]).double() for each in (seen.values, seen.mask))
    h, loss, *_ = theirs(
        np.array(times) * 0.05, ends, x, mask, torch.tensor([i for _, i, _ in events]), 0.05, 1.0, known
    )
    path = ours.path(seen, known, end=1.0)
    found = ours.losses(seen, path)
    mine = (found.before + 0.3 * found.behind).sum()
    torch.testing.assert_close(mine, loss, rtol=1e-12, atol=0)
    torch.testing.assert_close(path.last, h, rtol=1e-13, atol=1e-13)
    gradients = (
        torch.autograd.grad(loss, theirs.gru_obs.w_prep)[0],
        torch.autograd.grad(mine, ours.jumping.jump.weight)[0],
    )
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-10)


def copied(theirs, ours, impute, minimal):
    field, cell, jump = ours.jumping.motion.field, theirs.gru_c, ours.jumping.jump
    field = field.field if impute else field
    with torch.no_grad():
        for a, b in ((0, 0), (3, 3)):
            ours.read[a].load_state_dict(theirs.p_model[b].state_dict())
        for a, b in ((0, 0), (2, 3)):
            ours.known[a].load_state_dict(theirs.covariates_map[b].state_dict())
        jump.weight.copy_(theirs.gru_obs.w_prep)
        jump.bias.copy_(theirs.gru_obs.bias_prep)
        jump.cell.load_state_dict(theirs.gru_obs.gru_d.state_dict())
        gates = (cell.lin_hz,) if minimal else (cell.lin_hz, cell.lin_hr)
        field.gate.weight.copy_(torch.cat([gate.weight for gate in gates]))
        field.candidate.weight.copy_((cell.lin_hn if minimal else cell.lin_hh).weight)
        if impute and minimal:
            for name in ("weight", "bias"):
                rows = [getattr(layer, name) for layer in (cell.lin_xz, cell.lin_xn)]
                getattr(field.input, name).copy_(torch.cat(rows))
        elif impute:
            for name in ("weight", "bias"):
                r, z, n = getattr(cell.lin_x, name).chunk(3)
                getattr(field.input, name).copy_(torch.cat((z, r, n)))
