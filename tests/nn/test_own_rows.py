"""What a flow asks of its field and its rows: one function, of each row by itself, without jumps; rows of any shape."""

import pytest
import torch
from torch import nn

import tableau2net as t2n
from tableau2net.errors import InputError
from tests.fields import smooth

DOUBLE = torch.float64
X = torch.randn(5, 2, dtype=DOUBLE, generator=torch.Generator().manual_seed(1))


class Called(nn.Module):
    """A field as a function, which has a parameter."""

    def __init__(self, function):
        super().__init__()
        self.scale, self.function = nn.Parameter(torch.ones(2, dtype=DOUBLE)), function

    def forward(self, t, y):
        return self.scale * self.function(self, y)


FIELDS = {
    "dropout by function": (lambda f, y: nn.functional.dropout(y, 0.5, f.training), "random numbers"),
    "rrelu": (lambda f, y: nn.functional.rrelu(y, training=f.training), "random numbers"),
    "mean of a batch": (lambda f, y: y - y.mean(0), "rows depend on each other"),
}


@pytest.mark.parametrize("ask", ["log_prob", "steps", "sample", "path", "to_data"])
def test_a_field_that_is_no_function_of_a_row_is_refused_whatever_is_asked(ask):
    asked = {
        "log_prob": lambda flow: flow.log_prob(X),
        "steps": lambda flow: flow.log_prob(X, of="steps"),
        "sample": lambda flow: flow.sample((4,)),
        "path": lambda flow: flow.path(X, [0.0, 1.0]),
        "to_data": lambda flow: flow.to_data(X),
    }[ask]
    refused = {name: (Called(function), says) for name, (function, says) in FIELDS.items()}
    refused["dropout"] = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)).double(), "dropout"
    refused["statistics"] = nn.BatchNorm1d(2, track_running_stats=False).double().eval(), "without running statistics"
    for field, says in refused.values():
        with pytest.raises(InputError, match=says):
            asked(t2n.ContinuousFlow(field, 2, "euler", steps=2))
    for name in ("dropout by function", "rrelu"):
        asked(t2n.ContinuousFlow(refused[name][0].eval(), 2, "euler", steps=2))


@pytest.mark.parametrize(("layer", "kinked"), [(nn.ReLU(), True), (nn.LeakyReLU(), True), (nn.Softplus(), False)])
def test_a_potential_whose_gradient_jumps_has_no_trace(layer, kinked):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 16), layer, nn.Linear(16, 1)).double()

    class Bent(nn.Module):
        def __init__(self, power):
            super().__init__()
            self.net, self.power = net, power

        def forward(self, y):
            return net(y) ** self.power + y.square().sum(1, keepdim=True)

    squared = nn.Sequential(net[0], layer, *([Square()] if kinked else []), net[2])  # relu² bends, and does not jump
    assert t2n.ContinuousFlow(t2n.PotentialField(squared), 2, "euler", steps=2).log_prob(X).isfinite().all()
    assert (
        t2n.ContinuousFlow(t2n.PotentialField(nn.Linear(2, 1)), 2, "euler", steps=2)
        .log_prob(X.float())
        .isfinite()
        .all()
    )
    for potential in (net, Bent(1)):
        flow = t2n.ContinuousFlow(t2n.PotentialField(potential), 2, "euler", steps=2)
        if kinked:
            with pytest.raises(InputError, match="its gradient jumps"):
                flow.log_prob(X)
        else:
            flow.log_prob(X)


class Square(nn.Module):
    def forward(self, y):
        return y.square()


def test_any_dimensions_in_front_are_taken():
    flow = t2n.ContinuousFlow(smooth(2), 2, "rk2", steps=2, penalties={"kinetic": 1.0})
    for lead in ((), (0,), (2, 3), (2, 0)):
        x = torch.randn(*lead, 2, dtype=DOUBLE)
        for found in (flow.to_base(x), flow.to_data(x)):
            assert (found.y.shape, found.log_det.shape) == (x.shape, lead)
            assert found.sums["kinetic"].shape == lead
        for of in ("flow", "steps"):
            assert flow.log_prob(x, of=of).shape == lead
            assert flow.sample(lead, of=of).shape == x.shape
        assert flow.loss(x).shape == ()
    assert t2n.ContinuousFlow(smooth(2), 2, rtol=1e-2).log_prob(X[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("attempt", "says"),
    [
        (lambda: log_prob_of_steps("rodas3"), "second derivative; call it under no_grad$"),
        (
            lambda: log_prob_of_steps("ros2", solver="fixed-point", gradient="unrolled"),
            "second derivative; call it under no_grad$",
        ),
        (lambda: log_prob_of_steps("gauss-2"), "or compile with solver='fixed-point', gradient='unrolled'$"),
        (lambda: sdeint(nn.Dropout(0.5)), "drift and diffusion: dropout"),
        (lambda: sdeint(nn.functional.dropout), "drift and diffusion: it draws random numbers"),
        (lambda: sdeint(torch.neg, path=1), "path=1: a BrownianPath is expected"),
        (lambda: t2n.load("euler").save(None), "path=None: the name of a .toml file"),
        (lambda: t2n.load("euler").save(99), "path=99: the name of a .toml file"),
    ],
)
def test_what_cannot_be_is_said(attempt, says):
    with pytest.raises(InputError, match=says):
        attempt()


def log_prob_of_steps(scheme, **options):
    t2n.ContinuousFlow(smooth(2), 2, scheme, steps=1, **options).log_prob(X, of="steps")


def sdeint(function, **options):
    return t2n.sdeint(
        "euler-maruyama",
        Held(function),
        lambda t, y: torch.ones_like(y),
        X,
        0.0,
        1.0,
        steps=1,
        backward="adjoint",
        **options,
    )


class Held(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, t, y):
        return self.function(y)
