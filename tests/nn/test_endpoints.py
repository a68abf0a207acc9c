"""Where the flow of a noisy image ends: noise levels, each policy against arithmetic by hand, and what they may see."""

import inspect
from dataclasses import fields
from functools import partial

import numpy as np
import pytest
import torch
from scipy.optimize import brentq, minimize_scalar

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.nn.endpoints.noise import noise_level
from tableau2net.nn.endpoints.policies import ByLevel, Continue, Fixed, Flow, Learnt, Morozov, Oracle
from tests.pictures import pictures


def noisy(sigma, size=96):
    """Two photographs with noise of a deviation of 255, and without."""
    clean = pictures(size)[:2]
    return clean + sigma / 255 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0)), clean


def smoothing():
    """A network that smooths, faster than one does that is drawn."""
    net = t2n.create_model("durr-diffusion", size=3, steps=6)
    net.block.fields[0].diffusion.influences.values.data.mul_(4)
    return net


def flow(sigma=25.0, size=96):
    f, clean = noisy(sigma, size)
    with torch.no_grad():
        return smoothing().path(f), clean


def u_at(path, time, n):
    """An image inside the steps, by numpy's interpolation of each pixel."""
    k = min(int(np.searchsorted(path.times.numpy(), time, side="right")) - 1, len(path.times) - 2)
    a, b = path.images[k : k + 2, n].double().numpy()
    part = (time - float(path.times[k])) / float(path.times[k + 1] - path.times[k])
    return a + part * (b - a)


@pytest.mark.parametrize("sigma", [15, 25, 50])
def test_the_noise_of_a_photograph_is_found(sigma):
    f, clean = noisy(sigma, size=128)
    found = noise_level(f) * 255
    d = (f[..., ::2, ::2] - f[..., 1::2, ::2] - f[..., ::2, 1::2] + f[..., 1::2, 1::2]) / 2
    by_hand = np.median(np.abs(d.flatten(1).numpy()[:, : d[0].numel()]), 1) / 0.6744897501960817 * 255
    np.testing.assert_allclose(found.numpy(), by_hand, rtol=2e-3)  # the lower of two middle values
    assert (found / sigma - 1).abs().max() < 0.15
    assert noise_level(clean).max() * 255 < 6


def test_a_flow_at_any_time():
    path, _ = flow()
    for time in (0.0, 0.25, 3.0, 5.9, 6.0):
        expected = np.stack([u_at(path, time, n) for n in range(2)])
        np.testing.assert_allclose(path.at(torch.full((2,), time)).numpy(), expected, atol=1e-6)
    assert torch.equal(path.at(torch.tensor([-1.0, 99.0])), torch.stack((path.images[0, 0], path.images[-1, 1])))


def test_fixed():
    assert Fixed(2.5)(flow()[0]).tolist() == [2.5, 2.5]


def test_a_table_by_hand():
    path, _ = flow(30)
    levels, times = [0.0, 20 / 255, 40 / 255], [0.5, 3.0, 5.0]
    expected = np.interp(noise_level(path.noisy).numpy(), levels, times)
    np.testing.assert_allclose(ByLevel(levels, times)(path).numpy(), expected, rtol=1e-6)
    loud = ByLevel([0.0, 10 / 255], [0.0, 1.0])(path)  # beyond its last level, along the last line
    np.testing.assert_allclose(loud.numpy(), noise_level(path.noisy).numpy() * 25.5, rtol=1e-5)
    for wrong in ([0.1], [0.2, 0.1], [0.1, 0.1]):
        with pytest.raises(t2n.InputError, match="levels that rise"):
            ByLevel(wrong, [1.0] * len(wrong))


@pytest.mark.parametrize("factor", [0.3, 0.6, 9.0])
def test_morozov_by_hand(factor):
    """Against a root finder on the interpolated image; the end where the discrepancy is never so large."""
    path, _ = flow()
    found = Morozov(factor)(path)
    for n, level in enumerate(noise_level(path.noisy).double().tolist()):
        f = path.noisy[n].double().numpy()

        def excess(time, n=n, f=f, level=level):
            return np.mean((u_at(path, time, n) - f) ** 2) - (factor * level) ** 2

        expected = 6.0 if excess(6.0) < 0 else brentq(excess, 0, 6, xtol=1e-12)
        assert float(found[n]) == pytest.approx(expected, abs=2e-5)
    assert (found == 6).all() if factor == 9 else ((found > 0) & (found < 6)).all()


def test_morozov_is_an_event_of_the_integrator():
    """The end that `integrate` finds on its way is the rule's on a flow of any scheme's dense output."""
    f, _ = noisy(25.0)
    net, rule = smoothing(), Morozov(0.6)
    field, times = net.block.fields[0], torch.linspace(0, 6, 97, dtype=torch.float64)
    for scheme in ("euler", "rk4"):
        with torch.no_grad():
            run = partial(t2n.integrate, scheme, lambda t, y: field(y), net.opening(f), 0, 6, steps=6)
            found = run(event=lambda t, y: rule.excess(net.head(y), f), full=True)
            path = Flow(times, run(at=times)[:, :, :1])
        torch.testing.assert_close(found.ending.t, rule(path), rtol=0, atol=5e-3)
        torch.testing.assert_close(net.head(found.y), path.at(rule(path)), rtol=0, atol=1e-3)


def test_the_oracle_by_hand():
    path, clean = flow()
    found = Oracle(clean)(path)
    for n in range(2):

        def error(time, n=n):
            return np.mean((u_at(path, time, n) - clean[n].double().numpy()) ** 2)

        best = min(error(t) for t in np.linspace(0, 6, 601))
        assert error(float(found[n])) <= best
        near = minimize_scalar(error, bounds=(0, 6), method="bounded", options={"xatol": 1e-8})
        assert error(float(found[n])) == pytest.approx(near.fun, rel=1e-5)


@torch.no_grad()
def gained(path, clean, policy):
    """The mean PSNR at a policy's ends."""
    error = (path.at(policy(path)) - clean).square().mean((1, 2, 3))
    return float(-10 * error.log10().mean())


def test_a_learnt_policy_ends_where_nothing_is_to_be_gained():
    path, clean = flow(size=40)
    torch.manual_seed(0)
    policy = Learnt(Continue(4))
    optimiser = torch.optim.Adam(policy.parameters(), lr=3e-3)
    before = gained(path, clean, policy)
    for _ in range(50):
        optimiser.zero_grad()
        loss = policy.loss(path, clean)
        loss.backward()
        optimiser.step()
    assert gained(path, clean, policy) > before
    assert gained(path, clean, policy) > gained(path, clean, Oracle(clean)) - 0.3
    values = torch.stack([policy.gain(u, path.noisy) for u in path.images]).detach()
    for n, end in enumerate(policy(path).detach().tolist()):
        k = next((k for k, q in enumerate(values[:, n]) if q <= 0), None)
        expected = 6.0 if k is None else np.interp(0, [values[k, n], values[k - 1, n]], [k, k - 1]) if k else 0.0
        assert end == pytest.approx(expected, abs=1e-5)


def test_what_is_learnt_is_the_gain_behind_the_best_of_all_ends():
    """With as many values as there are states to tell apart, the loss has its minimum at what is to be gained by at
    least one step more, whatever the policy began with."""

    class Tabular(Continue):
        def forward(self, u, f):
            k = next(k for k, image in enumerate(path.images) if image is u or torch.equal(image, u))
            return self.table[k]

    path, clean = flow(12.0, size=16)
    gain = Tabular(2)
    gain.table = torch.nn.Parameter(torch.zeros(7, 2))
    policy = Learnt(gain)
    optimiser = torch.optim.Adam([gain.table], lr=0.05)
    for _ in range(500):
        optimiser.zero_grad()
        policy.loss(path, clean).backward()
        optimiser.step()
    psnr = -10 * (path.images - clean).square().mean((2, 3, 4)).log10()
    best = psnr.flip(0).cummax(0).values.flip(0)  # of all ends from here on
    ahead = best[1:] - psnr[:-1]  # at least one step more
    torch.testing.assert_close(gain.table[:6].detach(), ahead, rtol=0, atol=0.02)


def test_no_policy_sees_a_clean_image():
    """It is called with a flow alone, which has times and images that came from the noisy one."""
    assert [field.name for field in fields(Flow)] == ["times", "images"]
    for policy in (Fixed, Morozov, Oracle):
        assert list(inspect.signature(policy.__call__).parameters) == ["self", "flow"]
    for module in (ByLevel, Learnt):
        assert list(inspect.signature(module.forward).parameters) == ["self", "flow"]
    told = {name for c in (Fixed, ByLevel, Morozov, Learnt, Oracle) for name in inspect.signature(c).parameters}
    assert told == {"end", "levels", "times", "factor", "gain", "clean"}  # the last is the oracle's


def test_an_image_ends_by_itself():
    """What the network gives is its path at the table's time, whatever else is in the batch."""
    net = smoothing()
    f = torch.cat((noisy(12.0)[0], noisy(25.0)[0]))
    with torch.no_grad():
        path = net.path(f)
        ends = net.endpoint(path)
        assert ends.max() - ends.min() > 1
        torch.testing.assert_close(net(f), path.at(ends), rtol=0, atol=1e-6)
        assert len(net.path(f, most=9).times) == 10


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf")])
def test_numbers_of_policies(wrong):
    with pytest.raises(InputError, match="a positive number"):
        Morozov(wrong)
    if wrong:
        with pytest.raises(InputError, match="finite numbers"):
            ByLevel([0.1, 0.2], [1.0, wrong])
