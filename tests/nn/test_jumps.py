"""States that move between observations and jump at them: against exact solutions, and members one by one."""

import copy
import pickle

import pytest
import torch
from torch import nn

from tableau2net.errors import InputError
from tableau2net.nn.sequences.jumping import Jumping
from tableau2net.nn.sequences.latent_ode import ODERNN, GRUJump, tanh_field
from tableau2net.nn.sequences.motion import Decay, Motion
from tableau2net.nn.sequences.observed import Observed

B, L, D, H = 6, 5, 2, 3
MOTIONS = {
    "steps": ("rk4", {"steps": 2}),
    "longest": ("explicit-midpoint", {"longest": 0.15}),
    "tolerance": ("dormand-prince-54", {"rtol": 1e-3}),
    "implicit": ("backward-euler", {"steps": 1, "tolerance": 1e-13}),
    "multistep": ("adams-bashforth-2", {"steps": 3}),
    "kept": ("heun-3", {"steps": 2, "backward": "checkpoint"}),
}


class Added(nn.Module):
    """h + x, which is 0 where missing."""

    def forward(self, h, x, mask):
        return h + x * mask


class Swinging(nn.Module):
    """A h cos t, whose flow is exp(A (sin t1 − sin t0))."""

    def __init__(self):
        super().__init__()
        self.matrix = nn.Parameter(torch.randn(H, H, dtype=torch.float64))

    def forward(self, t, h):
        return torch.cos(t) * (h @ self.matrix.T)


def numbers(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def some(features=D, seed=0):
    """Members without observations, with one, with two at one time, with values missing, and whole ones."""
    generator = torch.Generator().manual_seed(seed)
    times = torch.rand(B, L, dtype=torch.float64, generator=generator).sort(1)[0]
    times[3, 2] = times[3, 1]
    values = numbers(B, L, features, seed=seed)
    gone = torch.rand(B, L, features, generator=generator) < 0.3
    gone[0], gone[1], gone[2] = True, torch.arange(L)[:, None] != 2, False
    return times, torch.where(gone, torch.nan, values)


def network(name="steps", field=None):
    torch.manual_seed(0)
    scheme, options = MOTIONS[name]
    own = tanh_field(H, 4) if field is None else field
    return Jumping(Motion(scheme, own, **options), GRUJump(D, H)).double()


def test_linear_dynamics_are_exact_between_random_times():
    torch.manual_seed(0)
    field, (times, values) = Swinging(), some(H)
    net = Jumping(Motion("dormand-prince-54", field, rtol=1e-11, atol=1e-12, time_dependent=True), Added())
    h0, asked = numbers(B, H, seed=1), torch.tensor([0.9, 0.1], dtype=torch.float64)
    path = net(Observed(times, values), h0, 0.0, 1.2, asked)
    for i in range(B):
        seen = [(float(times[i, n]), values[i, n].nan_to_num(0), n) for n in range(L) if not values[i, n].isnan().all()]
        events = sorted([*seen, (0.9, None, L), (0.1, None, L + 1), (1.2, None, -1)], key=lambda e: e[0])
        h, now = h0[i], torch.zeros((), dtype=torch.float64)
        for t, x, n in events:
            then = torch.tensor(t, dtype=torch.float64)
            h, now = torch.matrix_exp(field.matrix * (then.sin() - now.sin())) @ h, then
            if x is None:
                found = path.last[i] if n < 0 else path.at[i, n - L]
                torch.testing.assert_close(found, h, rtol=1e-9, atol=1e-9)
            else:
                torch.testing.assert_close(path.before[i, n], h, rtol=1e-9, atol=1e-9)
                h = h + x


@pytest.mark.parametrize(
    ("name", "backwards"),
    [
        *(("steps", False), ("longest", False), ("multistep", False), ("tolerance", False)),
        *(pytest.param(name, True, marks=pytest.mark.slow) for name in MOTIONS),
    ],
)
def test_a_batch_is_its_members_one_by_one(name, backwards):
    net, (times, values) = network(name), some()
    leaves = [
        times.clone().requires_grad_(name != "kept"),
        values.clone().requires_grad_(),
        numbers(B, H).requires_grad_(),
    ]
    ends, asked = ((1.1, -0.1) if backwards else (-0.1, 1.1)), numbers(B, 3, seed=3).sigmoid()

    def told(members):
        t, x, h = (leaf[members] for leaf in leaves)
        path = net(Observed(t, x), h, *ends, asked[members], backwards)
        return torch.cat((path.last[:, None], path.at, path.before, path.after), 1)

    parameters = [p for p in (*leaves, *net.parameters()) if p.requires_grad]
    whole, parts = told(slice(None)), torch.cat([told(slice(i, i + 1)) for i in range(B)])
    weight = numbers(*whole.shape, seed=4)
    torch.testing.assert_close(whole, parts, rtol=1e-12, atol=1e-12)
    both = [torch.autograd.grad((found * weight).sum(), parameters) for found in (whole, parts)]
    for a, b in zip(*both, strict=True):
        assert a.isfinite().all()
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-12)
    order = torch.tensor([4, 2, 0, 5, 3, 1])
    torch.testing.assert_close(told(order), whole[order], rtol=1e-12, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_any_batch_is_its_members(seed):
    """Of any size, none at all too; times that are equal, also to the ends and to those asked for."""
    generator = torch.Generator().manual_seed(seed)
    b, length, asked = (int(torch.randint(0, 4, (), generator=generator)) for _ in range(3))
    times = torch.randint(0, 5, (b, length), generator=generator).double().sort(1)[0] / 4
    there = torch.rand(b, length, D, generator=generator) < 0.5
    at = torch.randint(0, 5, (b, asked), generator=generator).double() / 4
    name, backwards = list(MOTIONS)[seed % 3], seed % 5 < 2
    net, h0, ends = network(name), numbers(b, H), ((1.0, 0.0) if backwards else (0.0, 1.0))
    seen = Observed(times, numbers(b, length, D, seed=seed), there)
    whole = net(seen, h0, *ends, at, backwards)
    for i in range(b):
        own = there[i].any(-1)
        alone = Observed(times[i, own][None], seen.values[i, own][None], there[i, own][None])
        path = net(alone, h0[[i]], *ends, at[[i]], backwards)
        torch.testing.assert_close(whole.last[i], path.last[0], rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(whole.at[i], path.at[0], rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(whole.after[i, own], path.after[0], rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(whole.before[i, own], path.before[0], rtol=1e-12, atol=1e-12)
        assert torch.equal(whole.before[i, ~own], h0[i].expand(int((~own).sum()), H))


def test_gradients_by_differences():
    net, few, (times, values) = network(), slice(2, 4), some()
    times, gone = times[few] + 0.01 * torch.arange(L), values[few].isnan()

    def told(t, x, h):
        path = net(Observed(t, torch.where(gone, torch.nan, x)), h, -0.1, 1.1)
        return path.last.sum() + path.before.square().sum()

    leaves = [leaf.requires_grad_() for leaf in (times, values[few].nan_to_num(0), numbers(2, H))]
    assert torch.autograd.gradcheck(told, leaves, fast_mode=True)


def test_backwards_is_forwards_in_a_mirror():
    class Turned(nn.Module):
        def __init__(self, field):
            super().__init__()
            self.field = field

        def forward(self, h):
            return -self.field(h)

    net, (times, values), h0 = network(), some(), numbers(B, H)
    mirrored = copy.deepcopy(net)
    mirrored.motion.field = Turned(net.motion.field)
    a = net(Observed(times, values), h0, 2.0, -1.0, backwards=True)
    b = mirrored(Observed(1 - times.flip(1), values.flip(1)), h0, -1.0, 2.0)
    torch.testing.assert_close(a.last, b.last, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(a.after, b.after.flip(1), rtol=1e-12, atol=1e-12)


def test_what_is_seen_twice_at_a_time_jumps_twice_and_moves_not():
    net, x, h0 = network(), numbers(1, 1, D), numbers(1, H)
    once, twice = torch.tensor([[0.5]]), torch.tensor([[0.5, 0.5]])
    a = net(Observed(once, x), h0, 0.0)
    b = net(Observed(twice, x.expand(1, 2, D)), h0, 0.0)
    assert torch.equal(b.before[:, 1], a.after[:, 0])
    torch.testing.assert_close(b.last, net.jump(a.last, x[0], torch.ones_like(x[0])), rtol=1e-14, atol=1e-14)


def test_without_observations_there_is_motion_alone():
    net, h0 = network(), numbers(2, H)
    for seen in (
        Observed(torch.zeros(2, 0), torch.zeros(2, 0, D)),
        Observed(torch.zeros(2, 3), torch.full((2, 3, D), torch.nan)),
    ):
        assert torch.equal(net(seen, h0).last, h0)
        zero, one = torch.zeros(2), torch.ones(2)
        assert torch.equal(net(seen, h0, 0.0, 1.0).last, net.motion(h0, zero, one))
        assert net(seen, h0, 0.0, 1.0, torch.tensor([0.5])).at.shape == (2, 1, H)


def test_the_order_of_times_asked_for_is_kept_and_at_an_observation_the_jump_is_done():
    net, (times, values), h0 = network(), some(), numbers(B, H)
    path = net(Observed(times, values), h0, 0.0, 1.0, times[2].expand(B, -1).flip(1))
    torch.testing.assert_close(path.at[2].flip(0), path.after[2], rtol=0, atol=0)


@pytest.mark.parametrize("backward", [False, True])
def test_what_is_missing_never_shows(backward):
    """Whatever stands where nothing was seen, nan, infinity or a number: the same bits, and finite gradients."""
    net, (times, values), h0 = network(), some(), numbers(B, H)
    mask, bits = ~values.isnan(), []
    for filler in (torch.nan, torch.inf, 1e300, -3.0):
        x = torch.where(mask, values, filler).requires_grad_()
        t = torch.where(mask.any(-1), times, filler).requires_grad_()
        net.zero_grad()
        path = net(Observed(t, x, mask), h0, 1.0 if backward else 0.0, backwards=backward)
        (path.last.sum() + path.after.square().sum()).backward()
        grads = [x.grad, t.grad, *(p.grad for p in net.parameters())]
        assert all(g.isfinite().all() for g in grads)
        assert not x.grad[~mask].any()
        assert not t.grad[~mask.any(-1)].any()
        bits.append([path.last.detach(), *grads])
    for other in bits[1:]:
        assert all(map(torch.equal, bits[0], other))


def test_decay_is_the_flow_of_its_field():
    decay = Decay(H).double()
    with torch.no_grad():
        decay.rate.copy_(numbers(H))

    class Linear(nn.Module):
        def forward(self, h):
            return -nn.functional.softplus(decay.rate) * h

    h, t0, t1 = numbers(B, H, seed=1), numbers(B, seed=2), numbers(B, seed=3)
    moved = Motion("dormand-prince-54", Linear(), rtol=1e-10)(h, t0, t1)
    torch.testing.assert_close(decay(h, t0, t1), moved, rtol=1e-8, atol=1e-8)


def test_members_of_several_lengths():
    seen = Observed.gathered([[0, 1, 3], [2]], [numbers(3, D), torch.full((1, D), torch.nan)], torch.float64)
    assert seen.present.tolist() == [[True] * 3, [False] * 3]
    assert torch.equal(seen[1:].values, torch.zeros(1, 3, D, dtype=torch.float64))
    moved = seen.to(torch.float32)
    assert (moved.values.dtype, moved.times.dtype) == (torch.float32, torch.float64)
    assert torch.equal(moved.mask, seen.mask)
    assert seen.where(torch.tensor([[True, False, True]] * 2)).present.sum() == 2


def test_a_motion_is_carried_to_other_processes():
    net = network()
    again = pickle.loads(pickle.dumps(net))
    (times, values), h0 = some(), numbers(B, H)
    assert torch.equal(again(Observed(times, values), h0).last, net(Observed(times, values), h0).last)


T, X = torch.tensor([[0.0, 1.0]]), torch.zeros(1, 2, D)
REFUSED = {
    "sort each member's observations by time": lambda: Observed(T.flip(1), X),
    "member 0 has 0 after 1": lambda: Observed(T.flip(1), X),
    "one of an observation is not a finite number": lambda: Observed(T * torch.inf, X),
    "say so in the mask": lambda: Observed(T, X * torch.nan, torch.ones(1, 2, D)),
    "members first": lambda: Observed(T, X[:, :1]),
    "the shape of the values": lambda: Observed(T, X, torch.ones(1, 2)),
    "both are floats": lambda: Observed(T.long(), X),
    "member 1: times": lambda: Observed.gathered([[0.0], [0.0]], [torch.zeros(1, D), torch.zeros(2, D)]),
    "1 members have times and 2 values": lambda: Observed.gathered([[0.0]], [torch.zeros(1, D)] * 2),
    "start: member 0 has times beyond it": lambda: network().float()(Observed(T, X), torch.zeros(1, H), 0.5),
    "end: member 0 has times beyond it": lambda: network().float()(Observed(T, X), torch.zeros(1, H), end=0.5),
    "at (3, 1): finite times": lambda: network().float()(Observed(T, X), torch.zeros(1, H), at=torch.zeros(3, 1)),
    "end (2,): a finite number": lambda: network().float()(Observed(T, X), torch.zeros(1, H), end=torch.ones(2)),
    "1 members have observations": lambda: network().float()(Observed(T, X), torch.zeros(2, H)),
    "one of the three says": lambda: Motion("rk4", nn.Identity()),
    "rtol: one of the three": lambda: Motion("rk4", nn.Identity(), steps=1, rtol=1e-3),
    "remembers earlier steps: give steps=": lambda: Motion("bdf-2", nn.Identity(), longest=0.1),
    "steps = 0": lambda: Motion("rk4", nn.Identity(), steps=0),
    "steps = '2'": lambda: Motion("rk4", nn.Identity(), steps="2"),
    "longest = 'a'": lambda: Motion("rk4", nn.Identity(), longest="a"),
    "rtol=-1.0": lambda: Motion("rk4", nn.Identity(), rtol=-1.0),
    "longest = -1": lambda: Motion("rk4", nn.Identity(), longest=-1),
    "with a tolerance there are rtol and atol alone": lambda: Motion("rk4", nn.Identity(), rtol=1e-3, tolerance=1.0),
    "cowell-2 is a scheme for y''": lambda: Motion("cowell-2", nn.Identity(), steps=1),
    "nystrom-rkn-4 is a scheme for y''": lambda: ODERNN(D, H, "nystrom-rkn-4", steps=1),
    "a state between jumps is one": lambda: Motion("stormer-verlet-velocity", nn.Identity(), steps=1),
    "at most": lambda: Motion("rk4", nn.Identity(), longest=1e-9)(torch.zeros(1, H), torch.zeros(1), torch.ones(1)),
    "times want a gradient": lambda: network("kept").float()(
        Observed(T.clone().requires_grad_(), X), torch.zeros(1, H)
    ),
}


@pytest.mark.parametrize("says", REFUSED)
def test_what_does_not_fit_is_refused_in_a_line(says):
    with pytest.raises(InputError) as refused:
        REFUSED[says]()
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_jump_to_another_shape_is_refused():
    class First(nn.Module):
        def forward(self, h, x, mask):
            return h[:, :1]

    with pytest.raises(InputError, match="it must give a state like that ahead"):
        Jumping(Decay(H), First())(Observed(T, X), torch.zeros(1, H))
