"""Stochastic schemes as code: noise from keys, gradients, measured strong order, files that stand alone."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import tableau2net as t2n
from tableau2net.codegen import write_source
from tableau2net.errors import InputError
from tableau2net.integration import BrownianPath, sdeint
from tableau2net.runtime.increments import increments, mixed
from tableau2net.scheme import StochasticRungeKutta
from tableau2net.scheme.library import list_tables

BAD = Path(__file__).parents[1] / "known_bad" / "stochastic"


def fields(count=5):
    torch.manual_seed(0)
    made = lambda: nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 3)).double()  # noqa: E731
    return [[made(), made()] for _ in range(count)]


def gradients(block, y):
    block.zero_grad()
    x = y.clone().requires_grad_()
    new = block(x, key=5)
    new.square().sum().backward()
    return [new.detach(), x.grad, *(p.grad.clone() for p in block.parameters())]


Y = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(4, 3)


@pytest.mark.parametrize("name", ["sriw1", "heun-stratonovich", "siea"])
def test_checkpointed_steps_draw_the_same_noise(name):
    plain, kept = (t2n.compile_stochastic(name, backward=b)(fields(), 0.1) for b in ("store", "checkpoint"))
    assert all(map(torch.equal, gradients(plain, Y), gradients(kept, Y)))


def test_reversible_steps_have_the_gradients_of_their_forward_pass():
    """Against autograd through the coupled steps, written as a plain loop; and near the steps themselves."""
    block = t2n.compile_stochastic("heun-stratonovich", backward="reversible")(fields(), 0.1)
    undone = gradients(block, Y)

    def loop(y, key):
        z = y
        for n, (f, g) in enumerate(block.fields):
            (w,) = block.drawn(n, y, key, None)
            y_new = 0.999 * y + 0.001 * z + block.step(f, g, 0.1, 0, z, w) - z
            y, z = y_new, z - (block.step(f, g, -0.1, 0, y_new, -w) - y_new)
        return y

    block.zero_grad()
    x = Y.clone().requires_grad_()
    new = loop(x, 5)
    new.square().sum().backward()
    plain = [new.detach(), x.grad, *(p.grad for p in block.parameters())]
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(undone, plain, strict=True))
    assert torch.allclose(undone[0], t2n.compile_stochastic("heun-stratonovich")(fields(), 0.1)(Y, key=5), atol=1e-3)


def test_reversible_steps_refuse_batch_norm():
    block = t2n.compile_stochastic("euler-heun", backward="reversible")([[nn.BatchNorm1d(3), nn.Identity()]], 0.1)
    with pytest.raises(ValueError, match="GroupNorm"):
        block(torch.randn(4, 3))


def test_a_step_is_that_of_the_formula():
    """SRIW1 by hand from Rößler's tables, in his own integrals."""
    f, g = (lambda y: torch.sin(y) - y / 2), (lambda y: torch.cos(y) / 2)
    h, (w, lag) = 0.1, increments(7, 0, Y, ("W", "H"), "gaussian")
    root = math.sqrt(h)
    i1, i10 = root * w, h * root * (w / 2 + lag)
    i11, i111 = (i1**2 - h) / 2, (i1**3 - 3 * h * i1) / 6
    k1, s1 = f(Y), g(Y)
    k2 = f(Y + 0.75 * h * k1 + 1.5 * s1 * i10 / h)
    s2 = g(Y + 0.25 * h * k1 + 0.5 * root * s1)
    s3 = g(Y + h * k1 - root * s1)
    s4 = g(Y + 0.25 * h * k1 + root * (-5 * s1 + 3 * s2 + 0.5 * s3))
    new = Y + h * (k1 + 2 * k2) / 3
    for s, a, b, c, d in zip(
        (s1, s2, s3, s4),
        (-1, 4 / 3, 2 / 3, 0),
        (-1, 4 / 3, -1 / 3, 0),
        (2, -4 / 3, -2 / 3, 0),
        (-2, 5 / 3, -2 / 3, 1),
        strict=True,
    ):
        new = new + s * (a * i1 + b * i11 / root + c * i10 / h + d * i111 / h)
    found = sdeint("sriw1", lambda t, y: f(y), lambda t, y: g(y), Y, 0.0, 0.1, steps=1, key=7)
    assert torch.allclose(found, new, atol=1e-14)


@pytest.mark.parametrize("name", list_tables(kind=StochasticRungeKutta))
def test_every_table_becomes_a_module(name):
    scheme = t2n.load(name, StochasticRungeKutta)
    for noises in (1,) if scheme.noise in ("scalar", "diagonal") or name == "milstein-with-areas" else (1, 2):
        block = t2n.compile_stochastic(scheme, noises=noises, step_weights="shared")
        net = block([nn.Linear(3, 3).double() for _ in range(noises + 1)], steps=2, h=0.05)
        assert torch.equal(net(Y, key=3), net(Y, key=3))
        assert not torch.equal(net(Y, key=3), net(Y, key=4))


def test_laws_have_their_moments():
    like = torch.zeros(400_000, dtype=torch.float64)
    w, lag, v = increments(mixed(1, 2), 0, like, ("W", "H", "V1_2"), "gaussian")
    assert abs(w.var() - 1) < 0.01
    assert abs(lag.var() - 1 / 12) < 0.001
    assert abs((w * lag).mean()) < 0.005
    assert set(v.unique().tolist()) == {-1.0, 1.0}
    (w,) = increments(3, 0, like, ("W",), "three-point")
    assert [round(x, 6) for x in w.unique().tolist()] == [-1.732051, 0.0, 1.732051]
    assert abs((w**4).mean() - 3) < 0.05
    one = increments(3, 0, torch.zeros(5, 3, 4, 4), ("W",), "gaussian", True)[0]
    assert one.shape == (5, 1, 1, 1)


def test_torchs_generator_gives_the_key():
    block = t2n.compile_stochastic("euler-maruyama")(fields(), 0.1)
    torch.manual_seed(3)
    first, second = block(Y), block(Y)
    torch.manual_seed(3)
    assert torch.equal(block(Y), first)
    assert not torch.equal(first, second)


def test_a_path_seen_by_coarser_steps_is_the_same_path():
    """ΔW and ∫(W − W_n) ds of two steps against sums over eight fine ones."""
    path = BrownianPath(8, torch.zeros(3, dtype=torch.float64), key=1)
    w, lag = (x.numpy() for x in (path.w, path.h))
    fine, coarse = 1 / 8, 1 / 2
    for n in range(2):
        level, area = 0.0, 0.0
        for i in range(4 * n, 4 * n + 4):
            area = area + level * fine + fine**1.5 * (w[i] / 2 + lag[i])
            level = level + fine**0.5 * w[i]
        found_w, found_h = path.seen(2, ("W", "H"))(n, None)
        assert np.allclose(coarse**0.5 * found_w.numpy(), level)
        assert np.allclose(coarse**1.5 * (found_w / 2 + found_h).numpy(), area)


STRONG = [
    *(
        ("euler-maruyama", 0.5, "sriw2"),
        ("platen-milstein", 1, "sriw2"),
        ("sriw1", 1.5, "sriw2"),
        ("sosri", 1.5, "sriw2"),
    ),
    *(("heun-stratonovich-diagonal", 1, "slow-rk"), ("slow-rk", 1.5, "slow-rk")),
]


@pytest.mark.parametrize(
    ("name", "order", "reference"),
    [STRONG[2], *(pytest.param(*s, marks=pytest.mark.slow) for s in (*STRONG[:2], *STRONG[3:]))],
)
def test_strong_order_is_the_slope_on_shared_paths(name, order, reference):
    y0 = torch.ones(1000, dtype=torch.float64)
    path = BrownianPath(128, y0, key=1)

    def solved(scheme, steps):
        f, g = (lambda t, y: torch.sin(y) - y), (lambda t, y: torch.cos(y) / 2 + 0.25 + 0.1 * math.sin(3 * t))
        return sdeint(scheme, f, g, y0, 0.0, 1.0, steps=steps, path=path)

    exact = solved(reference, 128)
    errors = [(solved(name, n) - exact).square().mean().sqrt().item() for n in (8, 16)]
    assert abs(math.log2(errors[0] / errors[1]) - order) < 0.25


def test_additive_noise_in_time_finds_the_sign_of_torchsde():
    """dX = sin(3t) dW is a quadrature: SRA2 has order 3/2, with the sign of torchsde's file 1."""
    y0 = torch.zeros(2000, dtype=torch.float64)
    path = BrownianPath(512, y0, key=2)
    bad = t2n.load(BAD / "torchsde-sra2.toml", StochasticRungeKutta)

    def solved(scheme, steps):
        return sdeint(
            scheme, lambda t, y: 0 * y, lambda t, y: 0 * y + math.sin(3 * t), y0, 0.0, 1.0, steps=steps, path=path
        )

    exact = solved("sra2", 512)
    slopes = [math.log2((solved(s, 16) - exact).norm() / (solved(s, 32) - exact).norm()) for s in ("sra2", bad)]
    assert slopes[0] > 1.4
    assert slopes[1] == pytest.approx(1.0, abs=0.1)


@pytest.mark.slow
def test_weak_order_is_the_slope_of_means_by_sampling():
    """E X² of dX = −X dt + X/2 dW, exactly e^(−7/4): RI1's error falls below that of Euler–Maruyama, by common keys."""
    y0 = torch.ones(400_000, dtype=torch.float64)
    exact = math.exp(-7 / 4)

    def error(scheme, steps):
        x = sdeint(scheme, lambda t, y: -y, lambda t, y: y / 2, y0, 0.0, 1.0, steps=steps, key=11)
        return abs(x.square().mean().item() - exact)

    assert error("ri1", 4) < error("euler-maruyama", 16) / 4
    assert 1.5 < error("euler-maruyama", 4) / error("euler-maruyama", 8) < 3


def test_a_file_that_stands_alone_gives_the_same():
    source = write_source("sriw1", backward="checkpoint", time_dependent=True)
    assert "tableau2net.runtime" not in source
    scope = {}
    exec(compile(source, "sriw1.py", "exec"), scope)

    class F(nn.Module):
        def __init__(self, factor):
            super().__init__()
            self.factor = factor

        def forward(self, t, y):
            return self.factor * y + t

    steps = [[F(-1.0), F(0.5)] for _ in range(3)]
    own = t2n.compile_stochastic("sriw1", time_dependent=True)(steps, 0.1)
    assert torch.equal(scope["Sriw1"](steps, 0.1)(Y, key=9), own(Y, key=9))


def test_the_command_line_writes_the_file(run):
    _, out, _ = run("compile", "ri1", "--backward", "reversible", "--coupling", "99/100")
    assert "class Ri1(nn.Module):" in out
    assert "coupled(at, len(self.fields), 0.99, y" in out
    code, out, err = run("compile", "sriw1")
    assert (code, err, "class Sriw1(nn.Module):" in out) == (0, "", True)
    code, _, err = run("compile", "ri1", "--coefficients", "free")
    assert code == 2
    assert "coefficients: no option of a stochastic scheme" in err


def F_(t, y):
    return -y


def CONSTANT(t, y):
    return torch.ones_like(y) * (1 + t)


def test_additive_noise_may_change_in_time():
    found = sdeint("sra1", F_, [CONSTANT, CONSTANT], Y, 0, 1, steps=2)
    assert found.isfinite().all()


@pytest.mark.parametrize(
    ("given", "told"),
    [({"h": -0.1}, "h: a positive"), ({"h": 0}, "h: a positive"), ({"steps": 0}, "steps: a whole number from 1")],
)
def test_noise_runs_forward_in_time(given, told):
    block = t2n.compile_stochastic("sriw1", step_weights="shared")
    with pytest.raises(ValueError, match=told):
        block([nn.Identity(), nn.Identity()], **({"steps": 2, "h": 0.1} | given))


@pytest.mark.parametrize("key", [1.5, "a", True])
def test_a_key_is_a_whole_number(key):
    block = t2n.compile_stochastic("sriw1")([[nn.Identity(), nn.Identity()]], 0.1)
    with pytest.raises(TypeError, match="key: a whole number"):
        block(Y, key=key)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: t2n.compile_stochastic("rk4"), "rk4 is a runge-kutta scheme, where a stochastic scheme is needed"),
        (lambda: t2n.compile_stochastic("sriw1", noises=0), "noises=0"),
        (
            lambda: t2n.compile_stochastic("sriw1", coefficients="free"),
            "coefficients: no option of a stochastic scheme",
        ),
        (lambda: t2n.compile_stochastic("siea", noises=2), "siea is for one noise"),
        (lambda: t2n.compile_stochastic("milstein-with-areas", noises=2), "Lévy areas, which are not drawn"),
        (lambda: t2n.compile_stochastic("ri1", noises=2, sample=False), "sample=False"),
        (lambda: sdeint("sriw1", None, None, [1.0], 0, 1, steps=1), "functions of (t, y)"),
        (lambda: sdeint("sriw1", abs, abs, [1.0], 0, 0, steps=1), "t0 before t1"),
        (lambda: sdeint("sriw1", abs, abs, [1.0], 0, 1, steps=0), "at least 1"),
        (lambda: sdeint("sriw1", abs, abs, [1.0], 1, 0, steps=2), "t0 before t1"),
        (lambda: sdeint("sriw1", abs, abs, [1.0], "0", 1, steps=2), "t0 before t1"),
        (lambda: sdeint("sriw1", abs, abs, [1.0], 0, 1, steps=2, key=1.5), "key=1.5"),
        (lambda: sdeint("sriw1", abs, abs, torch.ones(2, dtype=torch.int64), 0, 1, steps=2), "floating-point"),
        (lambda: sdeint("sriw1", abs, abs, ["a"], 0, 1, steps=2), "y0: a tensor or numbers"),
        (lambda: sdeint("sriw1", F_, lambda t, y: 0.3, [1.0], 0, 1, steps=2), "got a float"),
        (lambda: sdeint("sriw1", F_, lambda t, y: torch.ones(3), [1.0], 0, 1, steps=2), "got one of (3,)"),
        (lambda: sdeint("shark", F_, F_, [1.0], 0, 1, steps=2), "shark is for additive noise"),
        (lambda: sdeint("sra1", F_, [CONSTANT, F_], [1.0], 0, 1, steps=2), "sra1 is for additive noise"),
        (lambda: sdeint("sriw1", F_, [F_, F_], [1.0], 0, 1, steps=2), "sriw1 is for diagonal noise"),
        (lambda: sdeint("sriw1", F_, F_, [1.0], 0, 1, steps=2, path=BrownianPath(4, Y)), "path: it is of shape (4, 3)"),
        (lambda: sdeint("siea", F_, F_, Y, 0, 1, steps=2, path=BrownianPath(4, Y)), "sample=True"),
        (lambda: BrownianPath(0, Y), "fine=0"),
        (lambda: BrownianPath(1.5, Y), "fine=1.5"),
        (lambda: BrownianPath(2, [1.0]), "like: a tensor"),
        (lambda: t2n.create_model("sde_resnet8", sigma="a"), "sigma='a'"),
        (lambda: BrownianPath(8, torch.zeros(1)).seen(3, ("W",)), "no multiple of 3"),
        (lambda: BrownianPath(8, torch.zeros(1)).seen(2, ("V1",)), "V1"),
    ],
)
def test_bad_input_is_one_clear_line(call, told):
    with pytest.raises(InputError) as error:
        call()
    assert told in str(error.value)
    assert "\n" not in str(error.value)
