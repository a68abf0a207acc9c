"""What integrate is given: fields that reuse memory or change their argument, states of every kind, pairs whose
difference is no estimate."""

import math

import numpy as np
import pytest
import torch

import tableau2net as t2n
from tableau2net.analysis.order.pairs import blind_on_linear, useless_estimate
from tableau2net.integration import integrate
from tableau2net.scheme import RungeKutta, load
from tableau2net.step import lower
from tests.integration.problems import D
from tests.integration.ways import WAYS, Y0, plain


class Held:
    """The same values in memory of the field's own, handed out in several ways."""

    def __init__(self, way, like):
        self.buffer, self.way, self.calls = [torch.zeros_like(like) for _ in range(3)], way, 0
        self.numbers = np.zeros(like.shape)

    def __call__(self, t, y):
        self.calls += 1
        if self.way == "numpy":
            np.multiply(y.detach().numpy(), -(1 + t), out=self.numbers)
            return torch.from_numpy(self.numbers)
        own = self.buffer[self.calls % 3 if self.way == "ring" else 0]
        torch.mul(y.detach(), -(1 + t), out=own)
        return {"view": own.view(-1).view(own.shape), "data": own.data, "row": torch.narrow(own, 0, 0, len(own))}.get(
            self.way, own
        )


@pytest.mark.parametrize("way", ["same", "view", "data", "ring", "row", "numpy"])
@pytest.mark.parametrize(("name", "how"), WAYS)
def test_a_field_that_writes_into_the_same_memory_again(name, how, way):
    assert torch.equal(integrate(name, Held(way, Y0), Y0, 0, 1, **how), integrate(name, plain, Y0, 0, 1, **how))


@pytest.mark.parametrize(("name", "how"), WAYS)
def test_a_field_that_returns_its_argument_or_a_constant_that_is_not_written_to(name, how):
    constant, y0 = torch.tensor([3.0, 1.0, -1.0], dtype=D), Y0.clone()
    got = integrate(name, lambda t, y: y, y0, 0, 1, **how)
    assert torch.equal(got, integrate(name, lambda t, y: 1 * y, y0, 0, 1, **how))
    got = integrate(name, lambda t, y: constant, y0, 0, 1, **how)
    end = how.get("at", [1])[-1]
    if name != "leapfrog-2":
        torch.testing.assert_close(got[-1] if "at" in how else got, Y0 + end * constant, rtol=1e-9, atol=1e-9)
    assert torch.equal(constant, torch.tensor([3.0, 1.0, -1.0], dtype=D))
    assert torch.equal(y0, Y0)


def scaled(t, y):
    return y.mul_(-1)


def first_set(t, y):
    y[0] = 0.0
    return -y


def by_numpy(t, y):
    numbers = y.detach().numpy()
    numbers *= -1
    return torch.from_numpy(numbers.copy())


def by_data(t, y):
    y.data.neg_()
    return 2 * y


@pytest.mark.parametrize("f", [scaled, first_set, by_numpy, by_data, torch.nn.ReLU(inplace=True)])
@pytest.mark.parametrize(("name", "how"), WAYS)
def test_a_field_that_changes_its_argument_is_refused(name, how, f):
    y0 = Y0.clone()
    with pytest.raises(t2n.InputError, match="changes its argument in place") as caught:
        integrate(name, f if not isinstance(f, torch.nn.ReLU) else lambda t, y: f(y), y0, 0, 1, **how)
    assert "\n" not in str(caught.value)
    assert torch.equal(y0, Y0)


def test_fields_of_several_states_and_parts_are_looked_at_too():
    q = torch.tensor([1.0, 2.0], dtype=D)
    with pytest.raises(t2n.InputError, match="in place"):
        integrate("forest-ruth-4", (lambda t, p: p.mul_(2), lambda t, q: -q), (q, q), 0, 1, 4)
    with pytest.raises(t2n.InputError, match="in place"):
        integrate("ars-222", (lambda t, y: -y, lambda t, y: y.neg_()), q, 0, 1, 4)
    buffer = torch.zeros(2, dtype=D)
    got = integrate("forest-ruth-4", (lambda t, p: 1 * p, lambda t, q: torch.neg(q, out=buffer)), (q, q), 0, 1, 10)
    want = integrate("forest-ruth-4", (lambda t, p: 1 * p, lambda t, q: -q), (q, q), 0, 1, 10)
    assert all(torch.equal(a, b) for a, b in zip(got, want, strict=True))
    assert torch.equal(q, torch.tensor([1.0, 2.0], dtype=D))


# ------------------------------------------------------------------ pairs whose difference is no estimate


def pair(b_hat, b=("1/6", "2/3", "1/6"), A=((), ("1/2",), ("-1", "2"))):
    return RungeKutta(name="pair", A=[list(row) for row in A], b=list(b), b_hat=list(b_hat))


USELESS = [
    (pair(("1/6", "2/3", "1/6")), "misses it"),
    (pair(("1/6", "2/3", "1/3")), "order 0"),
    (pair(("0", "0", "0")), "order 0"),
    (pair(("1/2", "0", "0")), "order 0"),
    # the second and the third stage are the same
    (pair(("1/2", "1/8", "3/8"), ("1/2", "1/4", "1/4"), ((), ("1",), ("1",))), "misses it"),
]
# b − b_hat = (0, 1, −2, 1)/10 at c = (0, 1/3, 2/3, 1), where A c has equal differences too
LINEAR = RungeKutta(
    name="linear",
    A=[[], ["1/3"], ["2/3", "0"], ["1", "0", "0"]],
    b=["1/4", "1/10", "11/20", "1/10"],
    b_hat=["1/4", "0", "3/4", "0"],
)
BLIND = ("ros3p", "ros34pw1a", "ros34pw1b", "ros3pr", "ros3pw", "rosw-lassp3p4s2c")


@pytest.mark.parametrize(("scheme", "why"), USELESS)
def test_a_useless_pair_is_refused_before_anything_is_evaluated(scheme, why):
    def never(t, y):
        raise AssertionError("evaluated")

    with pytest.raises(t2n.InputError, match=f"{why}.*drop b_hat, or give steps=") as caught:
        integrate(scheme, never, 1.0, 0, 50, rtol=1e-6)
    assert "\n" not in str(caught.value)
    assert integrate(scheme, lambda t, y: -y, 1.0, 0, 1, 50) == pytest.approx(math.exp(-1), abs=1e-3)
    assert why in (useless_estimate(scheme) or "")
    assert why in (t2n.check(scheme).useless_estimate or "")


@pytest.mark.parametrize("scheme", [LINEAR, *BLIND])
def test_a_pair_that_is_blind_on_linear_problems_is_measured_by_step_doubling(scheme):
    table = load(scheme) if isinstance(scheme, str) else scheme
    assert "y' = λy" in (useless_estimate(table) or "")
    found = integrate(scheme, lambda t, y: -y, [1.0], 0, 10, rtol=1e-6, atol=1e-9)
    assert found.item() == pytest.approx(math.exp(-10), abs=1e-7)


def test_an_estimate_that_is_blind_is_told():
    told = "is the method itself on y' = λy, with the exact Jacobian, so that their difference is 0 there"
    assert told in (t2n.check(load("ros3p")).useless_estimate or "")
    assert "with the exact Jacobian, so that their difference is 0 there" in t2n.report(load("ros3p"))._repr_html_()


@pytest.mark.slow
def test_every_pair_of_the_library_that_is_blind_is_known():
    """With J = λ a Rosenbrock method is the tableau alpha + Gamma."""
    names = []
    for name in t2n.list_schemes():
        table = load(name).at_defaults()
        method = table.expanded() if hasattr(table, "expanded") else table
        if lower(table).estimate is None or not hasattr(method, "b_hat") or lower(table).parts > 1:
            continue
        if hasattr(method, "Gamma"):
            A = np.array(method.alpha, dtype=float) + np.array(method.Gamma, dtype=float)
        elif isinstance(method, RungeKutta):
            A = np.array(method.A, dtype=float)
        else:
            continue
        weights = np.array([method.b, method.b_hat], dtype=float)
        seen = [abs((w := weights @ np.linalg.solve(np.eye(len(A)) - z * A, np.ones(len(A))))[0] - w[1]) for z in Z]
        assert (max(seen) < 1e-10) == blind_on_linear(table), name
        names += [name] if max(seen) < 1e-10 else []
    assert sorted(names) == sorted(BLIND)


Z = (-0.7, 0.4, -3.1)


@pytest.mark.parametrize(
    "name", ["bogacki-shampine-32", "dormand-prince-54", "kvaerno-43", "ark-324l2sa", "heun-euler-21"]
)
def test_pairs_that_are_sold_as_such_are_none_of_them(name):
    scheme = load(name)
    assert lower(scheme).estimate is not None
    assert useless_estimate(scheme) is None


# ------------------------------------------------------------------ states


def test_numbers_with_gradients_among_them_keep_them():
    w = torch.tensor(0.7, dtype=D, requires_grad=True)
    for y0 in ([w], (w, 2 * w), [[w, 1.0], [2, w * w]], [w.float(), 1]):
        y = integrate("rk4", lambda t, y: -y, y0, 0, 1, 20)
        (slope,) = torch.autograd.grad(y.sum(), w, retain_graph=True)
        flat = torch.stack(
            [torch.as_tensor(x, dtype=D) for row in y0 for x in (row if isinstance(row, list) else [row])]
        )
        (share,) = torch.autograd.grad(flat.sum(), w, retain_graph=True)
        torch.testing.assert_close(slope, math.exp(-1) * share, rtol=1e-5, atol=0)
    q, p = integrate("forest-ruth-4", (lambda t, p: p, lambda t, q: -q), ([w], [1.0]), 0, 1, 10)
    assert torch.autograd.grad(q.sum() + p.sum(), w)[0].isfinite()


COMPLEX = ["rk4", "dormand-prince-54", "adams-bashforth-3", "gauss-2", "kvaerno-43", "radau-iia-3", "bdf-2", "ssprk-33"]


@pytest.mark.parametrize(("name", "solver"), [*((name, "auto") for name in COMPLEX), ("gauss-2", "newton-krylov")])
def test_complex_states(name, solver):
    """y' = i y turns; of z' = conj(z)·i, which is not differentiable as a complex function, the parts are known."""
    for y0 in (1 + 2j, [1 + 2j, 3], np.array([1 + 2j, 3j]), torch.tensor([1 + 2j], dtype=torch.complex128)):
        y = integrate(name, lambda t, y: 1j * y, y0, 0, 1, 100, solver=solver)
        want = torch.as_tensor(y0, dtype=torch.complex128) * complex(math.cos(1), math.sin(1))
        torch.testing.assert_close(y, want, rtol=1e-4, atol=1e-4)
    y = integrate(name, lambda t, y: 1j * y.conj(), [1 + 2j], 0, 1, 100, solver=solver)
    # (a + ib)' = b + ia
    want = complex(math.cosh(1) + 2 * math.sinh(1), 2 * math.cosh(1) + math.sinh(1))
    torch.testing.assert_close(y, torch.tensor([want], dtype=torch.complex128), rtol=1e-4, atol=1e-4)
    if lower(load(name)).estimate:
        y = integrate(name, lambda t, y: 1j * y, [1 + 2j], 0, 1, rtol=1e-6, solver=solver)
        torch.testing.assert_close(y[0], want_turned := torch.tensor((1 + 2j) * np.exp(1j)), rtol=1e-4, atol=0)
        assert want_turned.is_complex()


@pytest.mark.parametrize(
    ("y0", "dtype"),
    [
        (1, D),
        (True, D),
        ([1, 2], D),
        ((1.0, 2), D),
        (np.float32(2), D),
        (np.ones(3, dtype=np.float32), D),
        (np.arange(6).reshape(2, 3)[:, ::-1], D),
        ([[1, 2], [3, 4]], D),
        ([np.float64(1), 2], D),
        (np.float64(3), D),
        (torch.tensor(1.5), torch.float32),
        (torch.ones(3).half(), torch.half),
        (torch.ones(3).bfloat16(), torch.bfloat16),
        (torch.ones(2, dtype=torch.complex64), torch.complex64),
        ([torch.tensor(1.0), 2], torch.float32),
    ],
)
@pytest.mark.parametrize("name", ["rk4", "radau-iia-2", "adams-bashforth-2"])
def test_states_of_any_kind(name, y0, dtype):
    y = integrate(name, lambda t, y: -y, y0, 0, 1, 8)
    assert y.dtype == dtype
    if isinstance(y0, list):
        y0 = [torch.as_tensor(x).tolist() for x in y0]
    want = torch.as_tensor(np.array(y0) if not isinstance(y0, torch.Tensor) else y0, dtype=dtype) * math.exp(-1)
    torch.testing.assert_close(y, want, rtol=0.02, atol=0)


@pytest.mark.parametrize(
    "y0",
    [
        None,
        "one",
        [],
        [[1], [1, 2]],
        [1, "x"],
        torch.tensor([1, 2]),
        float("nan"),
        [1, math.inf],
        {},
        [None],
        [torch.ones(2), torch.ones(3)],
        [torch.ones(2), 1.0],
    ],
)
def test_states_that_are_none(y0):
    with pytest.raises(t2n.InputError, match="y0") as caught:
        integrate("rk4", lambda t, y: -y, y0, 0, 1, 5)
    assert "\n" not in str(caught.value)
