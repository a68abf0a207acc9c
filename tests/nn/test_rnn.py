"""Recurrent networks of schemes, beside loops that are written by hand."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import tableau2net as t2n
from tableau2net.nn import Diagonal, GRUField

T, N, H, M = 7, 3, 4, 2


class Plain(nn.Module):
    """tanh(W y + V x), W applied to the sum of the states; nothing is taken out of the loop."""

    def __init__(self, seed=0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.w, self.v = (nn.Parameter(torch.randn(H, n, dtype=torch.float64, generator=generator) / 2) for n in (H, M))

    def forward(self, *given):
        *states, x = given
        return torch.tanh(sum(states) @ self.w.mT + x @ self.v.mT)


class Ahead(Plain):
    """The same, with what can be done beforehand done beforehand."""

    hidden_size = H

    def drive(self, x):
        return x @ self.v.mT

    def hoisted(self):
        return (self.w.mT.contiguous(),)

    def forward(self, *given):
        *states, u, w = given
        return torch.tanh(sum(states) @ w + u)


class Timed(Plain):
    def forward(self, t, y, x):
        return super().forward(y, x) * (1 + t / 10)


def sequence(seed=1, steps=T):
    return torch.randn(steps, N, M, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def begun(seed=2):
    return torch.randn(1, N, H, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def euler(f, h, y, x):
    return y + h * f(y, x)


def rk4(f, h, y, x):
    k1 = f(y, x)
    k2 = f(y + h / 2 * k1, x)
    k3 = f(y + h / 2 * k2, x)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + f(y + h * k3, x))


def backward_euler(f, h, y, x):
    new = y
    for _ in range(60):
        new = y + h * f(new, x)
    return new


def by_hand(step, f, h, x, y):
    found = []
    for each in x:
        y = step(f, h, y, each)
        found.append(y)
    return torch.stack(found)


def gradients(out, field, *more):
    weights = torch.randn(out.shape, dtype=out.dtype, generator=torch.Generator().manual_seed(3))
    return torch.autograd.grad((out * weights).sum(), [*field.parameters(), *more])


@pytest.mark.parametrize("backward", ["store", "checkpoint"])
@pytest.mark.parametrize("make", [Plain, Ahead])
@pytest.mark.parametrize(
    ("scheme", "step"), [("euler", euler), ("rk4", rk4), ("backward-euler", backward_euler)], ids=lambda v: str(v)[:14]
)
def test_it_is_the_loop_in_value_and_gradient(scheme, step, make, backward):
    field, x, h0 = make(), sequence().requires_grad_(), begun().requires_grad_()
    rnn = t2n.RNN(scheme, field, h=0.3, tolerance=1e-13, backward=backward)
    out, last = rnn(x, h0)
    plain = Plain()  # the same numbers
    own, own_0 = x.detach().requires_grad_(), h0.detach().requires_grad_()
    told = by_hand(step, plain, 0.3, own, own_0[0])
    assert torch.allclose(out, told, rtol=0, atol=1e-12)
    assert torch.equal(last, out[-1:])
    for mine, theirs in zip(gradients(out, field, x, h0), gradients(told, plain, own, own_0), strict=True):
        assert torch.allclose(mine, theirs, rtol=0, atol=1e-11)


def test_several_states_and_a_memory_of_earlier_steps():
    field, x, y, h = Plain(), sequence(), begun()[0], 0.3
    out, _ = t2n.RNN("leapfrog-2", field, h=h)(x, y[None])
    past, now = y, y + h * field(y, x[0])
    told = [now]
    for each in x[1:]:
        past, now = now, past + 2 * h * field(now, each)
        told.append(now)
    assert torch.allclose(out, torch.stack(told), rtol=0, atol=1e-13)
    f, g, z = Plain(1), Plain(2), begun(5)[0]
    out, (p, q) = t2n.RNN("symplectic-euler-p", [f, g], h=h)(x, (y[None], z[None]))
    for n, each in enumerate(x):
        y = y + h * f(z, each)
        z = z + h * g(y, each)
        assert torch.allclose(out[n], y, rtol=0, atol=1e-13)
    assert torch.allclose(torch.cat([p, q]), torch.stack([y, z]), rtol=0, atol=1e-13)


def test_an_exponential_scheme_does_its_linear_part_exactly():
    """y⁺ = e^{−λh} y + (1 − e^{−λh})/λ f(y; x)."""
    rate, h, y = torch.tensor([0.5, 1.0, 2.0, 3.0], dtype=torch.float64), 0.3, begun()[0]
    out, _ = t2n.RNN("etd-1", [Plain(), Diagonal(-rate)], h=h)(sequence(), y[None])
    for n, x in enumerate(sequence()):
        y = torch.exp(-rate * h) * y - torch.expm1(-rate * h) / rate * Plain()(y, x)
        assert torch.allclose(out[n], y, rtol=0, atol=1e-13)


@pytest.mark.parametrize("scheme", ["rk4", "adams-bashforth-3", "abm-3", "nystrom-rkn-4", "nordsieck-adams-3"])
@pytest.mark.parametrize("cut", [1, 4])
def test_two_halves_are_the_whole(scheme, cut):
    rnn, x = t2n.RNN(scheme, Ahead(), h=0.2, carry=True), sequence()
    whole, last = rnn(x)
    first, between = rnn(x[:cut])
    second, end = rnn(x[cut:], between)
    assert torch.equal(torch.cat([first, second]), whole)
    assert all(map(torch.equal, end, last)) if isinstance(last, tuple) else torch.equal(end, last)


def test_a_straight_line_through_the_inputs_has_the_order_of_the_inputs():
    """y' = −y + sin 3t sampled at the steps: held it is of order 1, along straight lines of order 2."""

    class Relaxation(nn.Module):
        hidden_size = 1

        def forward(self, y, x):
            return x - y

    def error(steps, interpolation):
        t = torch.linspace(0, 2, steps + 1, dtype=torch.float64)[1:]
        rnn = t2n.RNN("rk4", Relaxation(), h=2 / steps, interpolation=interpolation)
        out, _ = rnn(torch.sin(3 * t)[:, None, None])
        exact = (torch.sin(3 * t) - 3 * torch.cos(3 * t) + 3 * torch.exp(-t)) / 10
        return float((out[:, 0, 0] - exact).abs().max())

    assert 1.9 < error(50, "hold") / error(100, "hold") < 2.1
    assert 3.8 < error(50, "linear") / error(100, "linear") < 4.2


def test_the_time_is_told():
    x, h = sequence(), 0.3
    for interpolation in ("hold", "linear"):
        out, _ = t2n.RNN("explicit-midpoint", Timed(), h=h, t0=1.0, time_dependent=True, interpolation=interpolation)(
            x, begun()
        )
        f, told = Timed(), begun()[0]
        for n in range(T):
            before = x[max(n - 1, 0)] if interpolation == "linear" else x[n]
            k1 = f(1 + h * n, told, before)
            told = told + h * f(1 + h * (n + 0.5), told + h / 2 * k1, (before + x[n]) / 2)
        assert torch.allclose(out[-1], told, rtol=0, atol=1e-13)


def test_what_is_taken_as_of_torch_and_one_tensor_made_ahead():
    class One(Ahead):
        def hoisted(self):
            return self.w.mT.contiguous()

    alike = t2n.RNN("rk4", One(), h=0.3, num_layers=1, bidirectional=False, dropout=0.0)
    assert torch.equal(alike(sequence())[0], t2n.RNN("rk4", Ahead(), h=0.3)(sequence())[0])


def test_sequences_of_several_lengths():
    rnn, x, lengths = t2n.RNN("rk4", Ahead(), h=0.3), sequence(), [4, 7, 1]
    out, last = rnn(x, lengths=torch.tensor(lengths))
    for i, n in enumerate(lengths):
        alone, end = rnn(x[:n, i])
        assert alone.shape == (n, H)
        assert end.shape == (1, H)
        assert torch.allclose(out[:n, i], alone, rtol=0, atol=1e-14)
        assert torch.allclose(last[:, i], end, rtol=0, atol=1e-14)
        assert not out[n:, i].any()
    packed, same = rnn(pack_padded_sequence(x, lengths, enforce_sorted=False))
    assert torch.equal(pad_packed_sequence(packed)[0], out)
    assert torch.equal(same, last)
    first = t2n.RNN("rk4", Ahead(), h=0.3, batch_first=True)
    assert torch.equal(first(x.transpose(0, 1), lengths=torch.tensor(lengths))[0], out.transpose(0, 1))


@pytest.mark.parametrize(
    ("scheme", "backward"),
    [
        ("rk4", "store"),
        ("euler", "checkpoint"),
        ("backward-euler", "store"),
        pytest.param("ros2", "store", marks=pytest.mark.slow),
        ("cnlf-2", "store"),
    ],
)
def test_what_stands_behind_an_end_is_not_read(scheme, backward):
    """nan there spoils neither gradients nor the other members of a step that is solved for all together."""
    fields = [Ahead(1), Ahead(2)] if scheme == "cnlf-2" else Ahead()
    rnn, lengths = t2n.RNN(scheme, fields, h=0.3, backward=backward), torch.tensor([2, 3, 1])
    found = []
    for padding in (0.0, torch.nan, torch.inf):
        x = sequence(steps=3)
        x[torch.arange(3)[:, None] >= lengths] = padding
        x.requires_grad_()
        out, last = rnn(x, lengths=lengths)
        found.append((out, last, *torch.autograd.grad((out**2).sum() + last.sum(), [x, *rnn.parameters()])))
    for mine in found[1:]:
        assert all(map(torch.equal, mine, found[0]))
    assert not found[0][2][1:, 2].any()


def test_a_scheme_that_has_not_started_up_hands_nothing_on():
    rnn, x = t2n.RNN("adams-bashforth-3", Ahead(), h=0.3, carry=True), sequence()
    with pytest.raises(t2n.InputError, match="lengths: with carry=True at least 2"):
        rnn(x[:3], lengths=torch.tensor([3, 1, 2]))
    cut, whole = torch.tensor([2, 4, 3]), rnn(x)[0]
    _, last = rnn(x, lengths=cut)
    more = torch.stack([x[n : n + 3, i] for i, n in enumerate(cut.tolist())], 1)
    second, _ = rnn(more, last)
    for i, n in enumerate(cut.tolist()):
        assert torch.allclose(second[:, i], whole[n : n + 3, i], rtol=0, atol=1e-14)


def test_coefficients_are_learnt_for_all_steps_together():
    rnn = t2n.RNN("lm", Ahead(), h=0.3, coefficients="learnable")
    assert list(rnn.state_dict()) == ["block.k", "block.fields.0.w", "block.fields.0.v"]
    x, field, k = sequence(), rnn.fields()[0], rnn.block.k
    out, _ = rnn(x)
    past = torch.zeros(N, H, dtype=torch.float64)
    now, told = past + 0.3 * Plain()(past, x[0]), []
    for each in x[1:]:
        past, now = now, (1 - k.double()) * now + k.double() * past + 0.3 * Plain()(now, each)
        told.append(now)
    assert torch.allclose(out[1:], torch.stack(told), rtol=0, atol=1e-7)  # k is of float32
    assert gradients(out, field, k)[-1] != 0


def test_copies_and_files_have_the_same_network():
    rnn, x = t2n.RNN("rk4", Ahead(), h=0.3), sequence(steps=3)
    other = t2n.RNN("rk4", Ahead(9), h=0.3)
    other.load_state_dict(rnn.state_dict())
    for each in (copy.deepcopy(rnn), pickle.loads(pickle.dumps(rnn)), other):
        assert torch.equal(each(x)[0], rnn(x)[0])


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "backward"), [("rk4", "store"), ("abm-2", "checkpoint")])
def test_the_compiler_and_an_exported_file_have_the_same_network(scheme, backward):
    rnn, x = t2n.RNN(scheme, Ahead(), h=0.3, backward=backward), sequence(steps=3)
    out, last = rnn(x)
    compiled = torch.compile(rnn, backend="aot_eager", fullgraph=True)
    for each in (compiled, torch.export.export(rnn, (x,)).module()):
        assert torch.allclose(each(x)[0], out, rtol=0, atol=1e-15)
        assert torch.allclose(each(x)[1], last, rtol=0, atol=1e-15)
    field = rnn.fields()[0]
    for mine, theirs in zip(gradients(compiled(x)[0], field), gradients(out, field), strict=True):
        assert torch.allclose(mine, theirs, rtol=0, atol=1e-14)


KINDS = ("rk4", "abm-3", "milne-simpson-2", "byrne-lambert-3", "dimsim-3", "almost-runge-kutta-3", "imex-adams-2")
KINDS += ("mcnab-2", "cowell-4", "nystrom-rkn-4", "stormer-3", "glee-23", "rodas3", "tdrk-42", "revnet", "cnlf-2")


@pytest.mark.parametrize(
    "scheme", [pytest.param(s, marks=[pytest.mark.slow] if i % 4 else []) for i, s in enumerate(KINDS)]
)
def test_where_the_input_does_not_count_it_is_the_block(scheme):
    """Whatever a scheme remembers and however it begins, both begin alike; to the bit."""

    class Still(nn.Module):
        def __init__(self, seed):
            super().__init__()
            self.own = Plain(seed)

        def forward(self, *given):
            *states, x = given
            return self.own(*states, x * 0)

    class Alone(Still):
        def forward(self, *states):
            return self.own(*states, torch.zeros(N, M, dtype=torch.float64))

    made = t2n.compile(scheme, statistics="shared")
    count, states = len(made.field_names), tuple(begun(i) for i in range(len(made.states)))
    fields = [[kind(i) for i in range(count)] for kind in (Still, Alone)]
    rnn = t2n.RNN(scheme, fields[0] if count > 1 else fields[0][0], h=0.2)
    block = made([fields[1] if count > 1 else fields[1][0]] * T, 0.2)
    told = block(*(y[0] for y in states))
    _, last = rnn(sequence(), states if len(states) > 1 else states[0])
    for mine, theirs in zip(
        last if isinstance(last, tuple) else (last,), told if isinstance(told, tuple) else (told,), strict=True
    ):
        assert torch.equal(mine[0], theirs)


def test_a_summary_counts_a_step_an_entry():
    found = t2n.summary(t2n.RNN("rk4", Ahead(), h=0.3, batch_first=True), inputs=sequence().transpose(0, 1))
    assert [(b.scheme, b.order, b.h, b.steps, b.evaluations) for b in found.blocks] == [("rk4", 4, 0.3, 1, 4)]


@pytest.mark.parametrize(
    ("made", "given", "text"),
    [
        (lambda: t2n.RNN("rk4", [Plain(), Plain()]), None, "field: rk4 has a module f"),
        (lambda: t2n.RNN("revnet", Plain()), None, "field: revnet has a list of 2 modules"),
        (lambda: t2n.RNN("rk4", Plain(), interpolation="cubic"), None, "'hold' or 'linear'"),
        (
            lambda: t2n.RNN("rk4", Plain(), interpolation="linear", carry=True),
            None,
            "the entry before is not handed on",
        ),
        (lambda: t2n.RNN("rk4", Plain(), time_dependent=True, carry=True), None, "the time is not handed on"),
        (lambda: t2n.RNN("rk4", Plain(), backward="reversible"), None, "'store' or 'checkpoint'"),
        (lambda: t2n.RNN("lm", Plain(), sharing="step"), None, "one set of coefficients"),
        (lambda: t2n.RNN("rk4", Plain(), step_weights="shared"), None, "no option of a recurrent network"),
        (lambda: t2n.RNN("rk4", Plain(), hidden_size=0), None, "a whole number from 1 on"),
        (lambda: t2n.RNN("rk4", Plain(), steps=3), None, "unknown option"),
        (lambda: t2n.RNN("rk4", Plain()), (sequence(),), "say hidden_size="),
        (lambda: t2n.RNN("rk4", Ahead()), (sequence(), begun()[0]), "one layer as torch.nn.RNN has it"),
        (lambda: t2n.RNN("rk4", Ahead()), (sequence(), begun()[:, :2]), "has 2 entries, and there are 3"),
        (lambda: t2n.RNN("rk4", Ahead()), (sequence(), (begun(), begun())), "y are wanted, and 2 tensors"),
        (lambda: t2n.RNN("rk4", Ahead()), (sequence()[:0],), "the sequence is empty"),
        (lambda: t2n.RNN("rk4", Ahead()), (sequence(), None, torch.tensor([1, 2, 9])), "from 1 to 7"),
        (lambda: t2n.RNN("rk4", Ahead()), (sequence(), None, torch.tensor([1, 2])), "3 whole numbers"),
        (lambda: t2n.RNN("rk4", Ahead()), (sequence(), None, torch.ones(3)), "shape .3,. of torch.float32"),
        (lambda: t2n.RNN("rk4", Ahead()), (sequence(), None, torch.ones(3) > 0), "of torch.bool"),
        (lambda: t2n.RNN("rk4", Ahead()), (sequence(), None, torch.tensor(3)), "shape .. of"),
        (lambda: t2n.RNN("rk4", Ahead()), (sequence(), None, "abc"), "got a str"),
        (lambda: t2n.RNN("rk4", Ahead()), (sequence(), begun()[..., :3]), r"h0: y is \(3,\) for each"),
        (lambda: t2n.RNN("rk4", Ahead()), (sequence(), begun().float()), "h0: y is of torch.float32"),
        (lambda: t2n.RNN("rk4", GRUField(H, 3).double()), (sequence(),), "x: 2 features, and the field reads 3"),
        (lambda: t2n.RNN("backward-euler", Ahead(), solver="resolvent"), (sequence(),), "has no method resolvent"),
        (lambda: t2n.RNN("backward-euler", Ahead(), solver="field"), None, "is solved by its resolvent"),
        (lambda: t2n.RNN("rk4", Plain(), h=0), None, "h=0: a finite number above 0"),
        (lambda: t2n.RNN("rk4", Plain(), h=float("inf")), None, "h=inf"),
        (lambda: t2n.RNN("rk4", Plain(), t0=float("nan")), None, "t0=nan"),
        (lambda: t2n.RNN("rk4", Plain(), num_layers=2), None, "num_layers: .* one layer in one direction"),
        (lambda: t2n.RNN("rk4", Plain(), bidirectional=True), None, "one layer in one direction"),
        (lambda: t2n.RNN("rk4", Plain(), bias=False), None, "bias: it is no option .* the field's"),
    ],
)
def test_what_does_not_fit_is_said_in_a_line(made, given, text):
    with pytest.raises(t2n.InputError, match=text) as caught:
        made()(*given)
    assert "\n" not in str(caught.value)
