"""What integrate is given: fields that reuse memory or change their argument, states and times of every kind, pairs
whose difference is no estimate."""

import math

import numpy as np
import pytest
import torch

import tableau2net as t2n
from tableau2net.analysis.order.pairs import useless_estimate
from tableau2net.integration import integrate
from tableau2net.scheme import RungeKutta, load
from tableau2net.step import lower
from tests.integration.problems import D

WAYS = [
    ("dormand-prince-54", {"rtol": 1e-8}),
    ("rk4", {"rtol": 1e-7}),
    ("rk4", {"steps": 20}),
    ("rk4", {"steps": 20, "at": [0.3, 1]}),
    ("dormand-prince-54", {"rtol": 1e-8, "at": [0.1, 0.77, 1.0]}),
    ("cash-karp-54", {"rtol": 1e-8, "at": [0.5]}),
    ("adams-bashforth-4", {"steps": 20}),
    ("adams-bashforth-3", {"grid": [0, 0.2, 0.5, 0.6, 0.8, 1]}),
    ("abm-3", {"steps": 20}),
    ("bdf-3", {"steps": 20, "at": [0.33]}),
    ("bdf-3", {"grid": [0, 0.2, 0.5, 0.6, 0.8, 1]}),
    ("radau-iia-3", {"rtol": 1e-7}),
    ("kvaerno-43", {"rtol": 1e-7, "at": [0.4, 0.9]}),
    ("gauss-2", {"steps": 10}),
    ("nordsieck-adams-3", {"steps": 20}),
    ("leapfrog-2", {"steps": 20}),
    ("ssprk-33", {"steps": 20}),
    ("trapezoid", {"steps": 20, "solver": "anderson"}),
]
Y0 = torch.tensor([1.0, -2.0, 0.5], dtype=D)


def plain(t, y):
    return -y * (1 + t)


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
    # b − b_hat = (0, 1, −2, 1)/10 at c = (0, 1/3, 2/3, 1), where A c has equal differences too
    (
        RungeKutta(
            name="linear",
            A=[[], ["1/3"], ["2/3", "0"], ["1", "0", "0"]],
            b=["1/4", "1/10", "11/20", "1/10"],
            b_hat=["1/4", "0", "3/4", "0"],
        ),
        "y' = λy",
    ),
]


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


# ------------------------------------------------------------------ times


@pytest.mark.parametrize(
    ("name", "how"), [("dormand-prince-54", {"rtol": 1e-9}), ("gauss-2", {"steps": 50}), ("bdf-4", {"steps": 150})]
)
def test_gradients_by_times(name, how):
    """y' = −2ty, y = y0 exp(t0² − t²)."""

    def tensor(x):
        return torch.tensor(x, dtype=D, requires_grad=True)

    t0, t1, y0 = tensor(0.3), tensor(1.2), tensor([1.0, 3.0])
    y = integrate(name, lambda t, y: -2 * t * y, y0, t0, t1, **how)
    exact = y0 * torch.exp(t0**2 - t1**2)
    torch.testing.assert_close(y, exact, rtol=1e-6, atol=1e-6)
    for got, want in zip(*(torch.autograd.grad(z[1], (t0, t1, y0)) for z in (y, exact)), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-6)
    for at in (tensor([0.5, 1.2]), [tensor(0.5), tensor(1.2)]):
        y = integrate(name, lambda t, y: -2 * t * y, y0, t0, t1, at=at, **how)
        times = torch.stack(list(at))
        exact = y0 * torch.exp(t0**2 - times[:, None] ** 2)
        wanted = (t0, y0, *(at if isinstance(at, list) else (at,)))
        for got, want in zip(*(torch.autograd.grad(z.prod(), wanted) for z in (y, exact)), strict=True):
            torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-6)


def test_gradients_by_times_of_several_states_and_where_there_are_none():
    t1 = torch.tensor(1.0, dtype=D, requires_grad=True)
    q, _ = integrate("forest-ruth-4", (lambda t, p: p, lambda t, q: -q), (1.0, 0.0), 0, t1, 50)
    torch.testing.assert_close(torch.autograd.grad(q, t1)[0], torch.tensor(-math.sin(1), dtype=D), rtol=1e-5, atol=0)
    assert not integrate("rk4", lambda t, y: -y, 1.0, 0, t1.detach(), 5).requires_grad
    with torch.no_grad():
        assert not integrate("rk4", lambda t, y: -y, 1.0, 0, t1, 5).requires_grad
    for name, y0 in (("stormer-4", ([1.0], [0.0])), (RungeKutta(A=[[]], b=["1/2"]), 1.0)):
        with pytest.raises(t2n.InputError, match="no gradient by times"):
            integrate(name, lambda t, y: -y, y0, 0, t1, 20)


def test_times_that_rounding_has_put_outside():
    def f(t, y):
        return -y

    end = integrate("rk4", f, [1.0], 0, 0.3, 6)
    for name, how in (("rk4", {"steps": 6}), ("dormand-prince-54", {"rtol": 1e-9}), ("bdf-2", {"steps": 50})):
        for at in ([0.1 + 0.2], [-1e-324, 0.3], np.linspace(0, 0.1 + 0.2, 4), [0.1, 0.2, 0.1 + 0.2]):
            torch.testing.assert_close(integrate(name, f, [1.0], 0, 0.3, at=at, **how)[-1], end, rtol=1e-3, atol=0)
    torch.testing.assert_close(
        integrate("rk4", f, [1.0], 0.1 + 0.2, 0, 6, at=[0.3, 0])[0], torch.tensor([1.0]).double()
    )
    torch.testing.assert_close(integrate("rk4", f, [1.0], 0, 0.3, grid=np.linspace(0, 0.1 + 0.2, 7)), end)


@pytest.mark.parametrize("steps", [np.int64(5), np.int32(5), torch.tensor(5), 5])
def test_counts_of_any_type(steps):
    want = integrate("rk4", lambda t, y: -y, 1.0, 0, 1, 5)
    assert integrate("rk4", lambda t, y: -y, 1.0, 0, 1, steps) == want
    assert integrate("rk4", lambda t, y: -y, np.float64(1), np.float32(0), torch.tensor(1), steps) == want
    assert integrate("rk4", lambda t, y: -y, 1.0, 0, 1, rtol=np.float32(1e-3), max_steps=20 * steps) > 0.36


@pytest.mark.parametrize(
    "name", ["rk4", "dormand-prince-54", "radau-iia-2", "bdf-3", "adams-bashforth-2", "nordsieck-bdf-2"]
)
def test_no_time_passes(name):
    for how in ({"steps": 4}, {"rtol": 1e-3}) if name in ("rk4", "dormand-prince-54") else ({"steps": 4},):
        assert integrate(name, lambda t, y: -y, [1.5], 2, 2, **how).tolist() == [1.5]
        assert integrate(name, lambda t, y: -y, [1.5], 2, 2, at=[2, 2], **how).tolist() == [[1.5], [1.5]]


def test_an_absolute_tolerance_for_each_number():
    """The second, a million times smaller, is as exact as its own tolerance says."""
    rates, y0 = torch.tensor([-1.0, -40.0], dtype=D), torch.tensor([1.0, 1e-6], dtype=D)
    exact = y0 * torch.exp(rates)
    for name in ("dormand-prince-54", "radau-iia-3"):
        for atol in ([1e-4, 1e-12], torch.tensor([1e-4, 1e-12]), np.array([1e-4, 1e-12]), (1e-4, 1e-12)):
            found = integrate(name, lambda t, y: rates * y, y0, 0, 1, rtol=0.0, atol=atol, full=True)
            assert float((found.y - exact)[1].abs()) < 1e-11
        loose = integrate(name, lambda t, y: rates * y, y0, 0, 1, rtol=0.0, atol=1e-4, full=True)
        assert loose.steps < found.steps
    batch = torch.ones(4, 2, dtype=D)
    assert integrate("bogacki-shampine-32", lambda t, y: -y, batch, 0, 1, rtol=1e-3, atol=[1e-4, 1e-5]).shape == (4, 2)
    q, _ = integrate(
        "forest-ruth-4", (lambda t, p: p, lambda t, q: -q), ([1.0], [0.0]), 0, 1, rtol=1e-6, atol=(1e-6, [1e-8])
    )
    assert float(q) == pytest.approx(math.cos(1), abs=1e-5)


def test_what_is_zero_and_stays_it_has_no_error():
    for name in ("dormand-prince-54", "radau-iia-2"):
        y = integrate(name, lambda t, y: -y, [1.0, 0.0], 0, 1, rtol=1e-6, atol=0)
        assert y.tolist() == [pytest.approx(math.exp(-1), rel=1e-5), 0.0]


BAD = [
    ({"steps": 0}, "at least one"),
    ({"steps": -3}, "at least one"),
    ({"steps": 2.5}, "whole number"),
    ({"steps": "5"}, "whole"),
    ({"steps": True}, "whole"),
    ({"steps": 10**15}, "at most"),
    ({"steps": math.nan}, "whole"),
    ({"rtol": -1}, "not negative"),
    ({"rtol": math.inf}, "not negative"),
    ({"atol": math.nan}, "not negative"),
    ({"atol": [1e-3, -1]}, "not negative"),
    ({"atol": [1e-3, 1e-3, 1e-3]}, "like y"),
    ({"atol": "small"}, "number"),
    ({"rtol": [1e-3, 1e-3]}, "rtol: a number"),
    ({"rtol": 1e-3, "atol": [None, 1]}, "atol"),
    ({"rtol": 0, "atol": [1e-3, 0]}, "no step is small enough"),
    ({"steps": 5, "at": []}, "no times"),
    ({"steps": 5, "at": [0.5, 0.2]}, "in order"),
    ({"steps": 5, "at": [1.1]}, "in order"),
    ({"steps": 5, "at": [math.nan]}, "finite"),
    ({"steps": 5, "at": 0.5}, "list of times"),
    ({"steps": 5, "at": "abc"}, "list"),
    ({"steps": 5, "at": [[0.5]]}, "list of times"),
    ({"steps": 5, "t1": math.inf}, "finite"),
    ({"steps": 5, "t0": None}, "t0"),
    ({"steps": 5, "t1": torch.ones(2)}, "t1"),
    ({"steps": 5, "t1": 1j}, "t1"),
    ({"steps": 5, "rtol": 1e-3}, "give steps="),
    ({}, "none of them"),
    ({"grid": [0, 1, 1]}, "none of them twice"),
    ({"grid": [0, 2]}, "end at"),
    ({"grid": []}, "begin at"),
    ({"rtol": 1e-3, "first_step": math.nan}, "first_step"),
    ({"rtol": 1e-3, "first_step": "x"}, "first_step"),
    ({"rtol": 1e-3, "max_steps": 2.5}, "whole"),
    ({"steps": 5, "solver": "magic"}, "write one of"),
    ({"steps": 5, "tolerance": -1}, "positive"),
    ({"steps": 5, "tolerance": "x"}, "tolerance"),
    ({"steps": 5, "f": None}, "function"),
    ({"steps": 5, "f": lambda t, y: 1.0}, "must return a tensor"),
    ({"steps": 5, "f": lambda t, y: y.float()}, "must return a tensor"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_arguments_in_one_line(change, message):
    given = {"scheme": "dormand-prince-54", "f": lambda t, y: -y, "y0": [1.0, 2.0], "t0": 0, "t1": 1} | change
    with pytest.raises(t2n.InputError, match=message) as caught:
        integrate(**given)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


WRONG_FIELDS = {
    "takes no time": (lambda y: -y, "f is called as f"),
    "takes nothing": (lambda: 1.0, "f is called as f"),
    "takes too much": (lambda t, y, z: -y, "f is called as f"),
    "a module of the state": (torch.nn.Linear(3, 3), "f is called as f"),
    "sparse": (lambda t, y: (-y).to_sparse(), "sparse"),
}


@pytest.mark.parametrize("name", WRONG_FIELDS)
@pytest.mark.parametrize(
    ("scheme", "how"),
    [("rk4", {"steps": 4}), ("radau-iia-2", {"rtol": 1e-5}), ("bdf-2", {"steps": 4}), ("dimsim-2", {"steps": 4})],
)
def test_what_cannot_be_called_as_a_field_is_said_in_a_line(name, scheme, how):
    f, text = WRONG_FIELDS[name]
    with pytest.raises(t2n.InputError, match=text) as caught:
        integrate(scheme, f, Y0, 0, 1, **how)
    assert "\n" not in str(caught.value)


def test_errors_of_the_fields_own_pass_as_they_are():
    with pytest.raises(TypeError, match="unsupported operand"):
        integrate("rk4", lambda t, y: y + "a", Y0, 0, 1, steps=4)


WRONG_ARGUMENTS = [
    {"solver": []},
    {"solver": np.array([1.0, 2.0])},
    {"full": np.array([1.0, 2.0])},
    {"full": "no"},
    {"steps": None, "rtol": 1e-6, "norm": np.array([1.0, 2.0])},
    {"steps": None, "rtol": 10**400},
    {"steps": None, "atol": 10**400},
    {"steps": None, "atol": [10**400, 1, 1]},
]


@pytest.mark.parametrize("wrong", WRONG_ARGUMENTS, ids=repr)
def test_arguments_of_any_type_are_refused_in_a_line(wrong):
    with pytest.raises(t2n.InputError):
        integrate("sdirk-21", plain, Y0, 0, 1, **{"steps": 4, **wrong})


@pytest.mark.parametrize("start", [0, [], {}, False, np.array([1.0, 2.0])], ids=repr)
def test_a_start_that_is_no_scheme_is_not_taken_for_none(start):
    with pytest.raises(t2n.InputError):
        integrate("bdf-2", plain, Y0, 0, 1, steps=4, start=start)


@pytest.mark.parametrize(
    "y0", [Y0.to_sparse(), Y0.to("meta"), [None], [1.0, None], 10**400, [10**400]], ids=lambda y: str(y)[:20]
)
def test_states_without_numbers_are_refused(y0):
    with pytest.raises(t2n.InputError, match="y0"):
        integrate("rk4", plain, y0, 0, 1, steps=4)


def test_vmap_is_refused_and_the_other_transforms_of_torch_func_are_not():
    with pytest.raises(t2n.InputError, match="vmap"):
        torch.func.vmap(lambda y: integrate("rk4", plain, y, 0, 1, steps=4))(torch.ones(2, 3, dtype=D))
    found = torch.func.jacrev(lambda y: integrate("rk4", plain, y, 0, 1, steps=20))(Y0)
    assert found.diagonal().numpy() == pytest.approx(math.exp(-1.5), rel=1e-5)


def test_a_pair_of_one_method_but_for_decimals_is_refused():
    rounded = RungeKutta(A=[[], ["1/2"]], b=["0", "1"], b_hat=["1e-14", "0.99999999999999"], name="rounded")
    assert "rounding" in useless_estimate(rounded)
    with pytest.raises(t2n.InputError, match="rounding"):
        integrate(rounded, plain, Y0, 0, 1, rtol=1e-6)


@pytest.mark.parametrize("size", ["1e309", "1e400"])
def test_coefficients_beyond_all_doubles_are_refused(size):
    scheme = RungeKutta(A=[[], ["1"]], b=[f"1-{size}", size])
    assert t2n.order(scheme) == 1
    with pytest.raises(t2n.InputError, match="beyond all"):
        integrate(scheme, plain, Y0, 0, 1, steps=4)
