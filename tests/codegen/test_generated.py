"""Generated modules against the textbook formula in float64, forward and gradient."""

import copy
import inspect
import pickle
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import tableau2net as t2n
from tableau2net.codegen import write_source
from tableau2net.exact.text import float_of, parse, symbol
from tableau2net.scheme import Multistep, RungeKutta, list_schemes, load
from tableau2net.testing import multistep, runge_kutta
from tests.fields import Mixed

H = 0.3


def call(field, t, y):
    return field(t, y) if field.timed else field(y)


def by_formula(scheme, fields, y, values=None):
    """Steps of a Runge–Kutta or explicit multistep scheme, coefficients as numbers or as tensors in `values`."""
    number = {n: float_of(c) for n, c in scheme.coefficients.items()} | (values or {})
    if isinstance(scheme, RungeKutta):
        s = scheme.stages
        for n, given in enumerate(fields):
            stages = given if isinstance(given, list) else [given] * s
            ks = []
            for i in range(1, s + 1):
                y_i = y + H * sum(
                    (number[f"a{i}{j}" if s < 10 else f"a{i}_{j}"] * k for j, k in enumerate(ks, 1)), 0 * y
                )
                ks.append(call(stages[i - 1], (n + number[f"c{i}"]) * H, y_i))
            y = y + H * sum(number[f"b{i}"] * k for i, k in enumerate(ks, 1))
        return y
    k = scheme.steps
    ys, fs = [y], []
    for n, field in enumerate(fields):
        fs.append(call(field, n * H, ys[-1]))
        needed = max(
            [k - 1 - j for j in range(k) if not (scheme.alpha[j].is_zero and scheme.beta[j].is_zero)], default=0
        )
        if n < needed:
            ys.append(ys[-1] + H * fs[-1])  # the start: plain residual steps
            continue
        new = 0 * y
        for j in range(k):
            age = k - 1 - j
            if age <= n:
                new = new - number[f"alpha{j}"] * ys[-1 - age] + H * number[f"beta{j}"] * fs[-1 - age]
        ys.append(new)
    return ys[-1]


def agree(generated, expected, inputs, largest=1.0):
    """Values and gradients to 1e-12 of their size, and of the largest coefficient: those of 5e4 cancel each other."""
    weight = torch.linspace(-1, 1, generated.numel(), dtype=torch.float64).reshape(generated.shape)
    got, want = (
        torch.autograd.grad((y * weight).sum(), inputs, allow_unused=True, materialize_grads=True)
        for y in (generated, expected)
    )
    for a, b in zip((generated, *got), (expected, *want), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12 * largest * float(1 + b.detach().abs().max()))


@settings(max_examples=120)
@given(st.one_of(runge_kutta(explicit=True), multistep(explicit=True)), st.booleans())
def test_random_tableaus_and_multistep_tables(scheme, time_dependent):
    torch.manual_seed(0)
    fields = [Mixed(3, timed=time_dependent) for _ in range(6)]
    y = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    block = t2n.compile(scheme, time_dependent=time_dependent)(fields, h=H)
    agree(block(y), by_formula(scheme, fields, y), [y, *nn.ModuleList(fields).parameters()])


@settings(max_examples=25)
@given(runge_kutta(explicit=True))
def test_free_coefficients_of_random_tableaus_and_their_gradients(scheme):
    torch.manual_seed(0)
    fields = [Mixed(3), Mixed(3)]
    y = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    block = t2n.compile(scheme, coefficients="free", sharing="shared")(fields, h=H).double()
    learnt = {name: getattr(block, name) for name in block.coefficients}
    agree(block(y), by_formula(scheme, fields, y, learnt), [y, *learnt.values()])


def by_these_formulas(scheme):
    """Whether the formulas above are those of the scheme."""
    return isinstance(scheme, RungeKutta | Multistep) and scheme.explicit and getattr(scheme, "derivative", 1) == 1


EXPLICIT = [scheme for scheme in map(load, list_schemes()) if by_these_formulas(scheme)]
MANY_STAGES = 14  # long formulas, and of the same kind: a second each


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(s.name, marks=pytest.mark.slow) if getattr(s, "stages", 0) > MANY_STAGES else s.name
        for s in EXPLICIT
    ],
)
def test_every_shipped_explicit_scheme(name):
    torch.manual_seed(0)
    scheme = load(name).at_defaults()
    fields = [Mixed(3, timed=True) for _ in range(8)]
    y = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    block = t2n.compile(scheme, time_dependent=True)(fields, h=H)
    largest = max(1.0, *(abs(float(c)) for c in scheme.coefficients.values()))
    agree(block(y), by_formula(scheme, fields, y), [y, fields[0].weight], largest)


def test_lm_written_by_hand_with_one_k_a_step():
    torch.manual_seed(0)
    fields = [Mixed(3) for _ in range(4)]
    block = t2n.compile("lm", coefficients="learnable")(fields, h=H).double()
    assert block.k.shape == (3,)
    assert ((block.k >= -0.1) & (block.k <= 0)).all()
    start = torch.randn(2, 3, dtype=torch.float64)
    agree(block(start), _lm(fields, block.k, start), [block.k])


def _lm(fields, ks, y0):
    y1 = y0 + H * fields[0](y0)
    for field, k in zip(fields[1:], ks, strict=True):
        y0, y1 = y1, (1 - k) * y1 + k * y0 + H * field(y1)
    return y1


def test_history_that_is_handed_in():
    torch.manual_seed(0)
    fields = [Mixed(3) for _ in range(3)]
    block = t2n.compile("adamnet-2")(fields, h=H, given=1)
    y, f_prev = torch.randn(2, 2, 3, dtype=torch.float64)
    expected, past = y, f_prev
    for field in fields:
        now = field(expected)
        expected, past = expected + H * (1.5 * now - 0.5 * past), now
    torch.testing.assert_close(block(y, f_prev), expected, rtol=1e-13, atol=1e-13)
    with pytest.raises(ValueError, match="given=1"):
        block(y)


def test_independent_stages_and_dead_ones():
    """An embedded pair that re-uses its last stage needs no weights for it: six fields, not seven."""
    torch.manual_seed(0)
    cls = t2n.compile("dormand-prince-54", stage_weights="independent")
    assert cls.evaluations == 6
    steps = [[Mixed(3) for _ in range(6)] for _ in range(2)]
    y = torch.randn(2, 3, dtype=torch.float64)
    dead = [[*stages, stages[0]] for stages in steps]
    torch.testing.assert_close(
        cls(steps, h=H)(y), by_formula(load("dormand-prince-54"), dead, y), rtol=1e-12, atol=1e-12
    )
    with pytest.raises(ValueError, match="6 modules"):
        cls([[Mixed(3)] * 7])


def test_coefficients_shared_by_step_and_by_channel():
    images = [nn.Conv2d(4, 4, 1) for _ in range(3)]
    shared = t2n.compile("adamnet-3", coefficients="learnable", sharing="shared")(images)
    step = t2n.compile("adamnet-3", coefficients="learnable")(images)
    channel = t2n.compile("adamnet-3", coefficients="learnable", sharing="channel")(images, channels=4)
    assert [b.beta_2.shape for b in (shared, step, channel)] == [(), (1,), (1, 4, 1, 1)]
    with torch.no_grad():
        for block in (shared, step, channel):
            block.beta_1.fill_(1.05)
            block.beta_2.fill_(-0.95)
        y = torch.randn(2, 4, 5, 5)
        torch.testing.assert_close(shared(y), step(y))
        torch.testing.assert_close(shared(y), channel(y))
        channel.beta_1[0, 2] = 2.0
        different = (shared(y) - channel(y)).abs().amax((0, 2, 3))
    assert (different > 0).tolist() == [False, False, True, False]


@pytest.mark.parametrize(
    "options", [{}, {"coefficients": "learnable"}, {"coefficients": "learnable", "sharing": "shared"}]
)
def test_pickle_deepcopy_and_compile(options):
    torch.manual_seed(0)
    block = t2n.compile("lm", **options)([nn.Linear(3, 3) for _ in range(4)])
    y = torch.randn(2, 3)
    for other in (copy.deepcopy(block), pickle.loads(pickle.dumps(block))):
        assert type(other) is type(block)
        assert torch.equal(other(y), block(y))
        other.load_state_dict(block.state_dict())
    whole = torch.compile(block, fullgraph=True, backend="eager")
    torch.testing.assert_close(whole(y), block(y))


@pytest.mark.slow
def test_a_pickle_from_another_process(tmp_path):
    code = (
        "import pickle, sys, torch, tableau2net as t2n\n"
        "b = t2n.compile('lm', coefficients='learnable')([torch.nn.Identity()] * 3)\n"
        "pickle.dump(b, open(sys.argv[1], 'wb'))\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "b"], check=True)
    block = pickle.loads((tmp_path / "b").read_bytes())
    assert block.k.shape == (2,)


def test_one_class_for_one_specification_and_a_source_that_can_be_seen():
    assert t2n.compile("rk4") is t2n.compile(load("rk4"))
    assert t2n.compile("rk4") is not t2n.compile("rk4", time_dependent=True)
    source = inspect.getsource(t2n.compile("rk4"))
    assert "y2 = y.add(k1, alpha=1 / 2 * h)" in source
    block = t2n.compile("rk4")([nn.Linear(3, 2)])
    with pytest.raises(RuntimeError) as caught:
        block(torch.randn(1, 3))
    assert "generated" in str(caught.traceback[-1].path) or any("Rk4" in str(t.path) for t in caught.traceback)


def test_zeros_and_ones_are_gone():
    euler = write_source("euler")
    assert "y_new = y.add(k1, alpha=h)" in euler
    assert "0 *" not in write_source("rk4")
    assert "1 *" not in write_source("leapfrog-2").replace("given=1", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("rk4", {}),
        ("lm", {"coefficients": "learnable"}),
        ("adamnet-3", {"coefficients": "learnable", "sharing": "channel"}),
        ("cash-karp-54", {"stage_weights": "independent", "coefficients": "free"}),
        ("adams-bashforth-3", {"time_dependent": True, "start": "rk4"}),
    ],
)
def test_the_file_stands_alone(tmp_path, name, options):
    """It runs without tableau2net, type-checks, and computes what the class computes."""
    source = write_source(name, **options)
    assert "tableau2net" not in source.replace("generated by tableau2net", "")
    path = tmp_path / "alone.py"
    path.write_text(source)
    namespace: dict = {}
    exec(compile(source, "alone", "exec"), namespace)
    generated = t2n.compile(name, **options)
    assert generated.__name__ in namespace
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", path], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout


def test_what_a_strangers_file_says_stays_a_comment():
    scheme = RungeKutta(A=[[]], b=["1"], name="x", title='"""; import os; os.abort(); """', reference="# raise")
    cls = t2n.compile(scheme)
    torch.testing.assert_close(cls([nn.Identity()])(torch.ones(2)), 2 * torch.ones(2))
    assert all(line.startswith("#") for line in write_source(scheme).split("\n") if "os.abort" in line)


@pytest.mark.parametrize(
    ("scheme", "options", "says"),
    [
        ("euler", {"coefficients": "learnable"}, "no parameters"),
        ("euler", {"coefficients": "wild"}, "'fixed', 'learnable', 'free'"),
        ("euler", {"colour": "red"}, "unknown option"),
        ("adamnet-2", {"start": "bdf-2"}, "Runge–Kutta"),
        ("adamnet-2", {"start": "nothing"}, "no scheme"),
    ],
)
def test_what_cannot_be_compiled(scheme, options, says):
    with pytest.raises(t2n.InputError, match=says):
        t2n.compile(scheme, **options)


@pytest.mark.parametrize("name", ["train", "forward", "k1", "fields", "y_new", "n", "torch"])
def test_a_parameter_may_be_called_as_the_code_calls_something(name):
    scheme = RungeKutta(
        A=[[]],
        b=[symbol(name)],
        parameters=(t2n.Parameter(name, parse("1")),),
    )
    block = t2n.compile(scheme, coefficients="learnable")([nn.Identity()])
    assert list(block.learnt()) == [name]
    torch.testing.assert_close(block(torch.ones(2)), 2 * torch.ones(2))


def test_multistep_with_a_runge_kutta_start():
    scheme = load("adams-bashforth-2")
    assert isinstance(scheme, Multistep)
    source = write_source(scheme, start="rk4", time_dependent=True)
    assert "A step until the history is there: rk4." in source
    assert source.count("f_n = f(t, y)") == 1


def test_the_start_of_a_slope_whose_node_is_learnt():
    """A slope is remembered from where its stage lies: that is learnt, and starts from where it is declared."""
    c = symbol("c")
    half, whole = (parse(text) for text in ("1/2", "3/2"))
    scheme = t2n.GeneralLinear(
        A=[[0]], U=[[1, c]], B=[[whole - c], [1]], V=[[1, c - half], [0, 0]], external=("y", "k1"),
        parameters=(t2n.Parameter("c", half),),
    )  # fmt: skip
    fields = [Mixed(3), Mixed(3)]
    y = torch.randn(2, 3, dtype=torch.float64)
    block = t2n.compile(scheme, coefficients="learnable")(fields, h=H).double()
    slope = fields[0](y)
    middle, first = y + H / 2 * slope, y + H * slope
    remembered = fields[0](middle)
    expected = first + H * fields[1](first + H / 2 * remembered)
    torch.testing.assert_close(block(y), expected, rtol=1e-12, atol=1e-12)
    block(y).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in block.parameters())
