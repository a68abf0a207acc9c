"""Learning to stop: posteriors and divergences by hand, exits by hand, and images that have stopped cost no more."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.nn.around.stopping import ends_of, log_stopping, marginal_loss, oracle_posterior, stopping_loss
from tableau2net.nn.overview.forward_cost import expected_flops

D = torch.float64
numbers = st.floats(-30, 30)
lists = st.lists(numbers, min_size=1, max_size=6)


@given(lists)
def test_a_policy_is_a_distribution_over_steps(odds):
    """By hand: π_t is the probability of going on behind step t."""
    scores = torch.tensor(odds, dtype=D)[:, None]
    on, expected = 1.0, []
    for s in odds:
        p = 1 / (1 + math.exp(-s))
        expected.append(on * (1 - p) if s < 0 else on * math.exp(-s) * p)
        on *= p
    q = log_stopping(scores).exp()[:, 0]
    torch.testing.assert_close(q, torch.tensor([*expected, on], dtype=D), rtol=1e-10, atol=1e-300)
    assert q.sum().item() == pytest.approx(1)
    first = next((t for t, s in enumerate(odds) if s <= 0), len(odds))
    assert ends_of(scores).tolist() == [first]


@given(lists, st.sampled_from([0.3, 1.0, 4.0]), st.data())
@settings(max_examples=40)
def test_divergences_by_sums_and_zero_for_the_oracle_alone(losses, beta, data):
    odds = data.draw(st.lists(st.floats(-4, 4), min_size=len(losses), max_size=len(losses)))
    losses = [abs(x) / 10 for x in (*losses, 0.5)]
    weights = [math.exp(-x / beta) for x in losses]
    best = [w / sum(weights) for w in weights]
    ell, scores = torch.tensor(losses, dtype=D)[:, None], torch.tensor(odds, dtype=D)[:, None]
    torch.testing.assert_close(oracle_posterior(ell, beta)[:, 0], torch.tensor(best, dtype=D))
    assert marginal_loss(ell, beta).item() == pytest.approx(-beta * math.log(sum(weights) / len(weights)))
    q = log_stopping(scores).exp()[:, 0].tolist()
    forward = sum(p * math.log(p / x) for p, x in zip(best, q, strict=True))
    reverse = sum(x * math.log(x / p) for p, x in zip(best, q, strict=True))
    assert stopping_loss(scores, ell, beta, "forward").item() == pytest.approx(forward, rel=1e-6, abs=1e-9)
    assert stopping_loss(scores, ell, beta, "reverse").item() == pytest.approx(reverse, rel=1e-6, abs=1e-9)
    left = torch.tensor(best, dtype=D).flip(0).cumsum(0).flip(0)
    exact = (left[1:] / torch.tensor(best, dtype=D)[:-1]).log()[:, None]  # the odds of going on that give q*
    assert abs(stopping_loss(exact, ell, beta).item()) < 1e-9


def test_a_mean_over_images_and_no_gradient_into_the_losses():
    scores = torch.randn(3, 5, dtype=D, requires_grad=True)
    losses = torch.rand(4, 5, dtype=D, requires_grad=True)
    found = stopping_loss(scores, losses)
    each = [stopping_loss(scores[:, i : i + 1], losses[:, i : i + 1]) for i in range(5)]
    assert found.item() == pytest.approx(torch.stack(each).mean().item())
    found.backward()
    assert losses.grad is None
    assert scores.grad.abs().min() > 0
    with pytest.raises(InputError, match="divergence='both'"):
        stopping_loss(scores, losses, divergence="both")


def make(**options):
    torch.manual_seed(0)
    net = t2n.create_model("stopping_resnet20", widths=(4, 6, 8), **options).double()
    net(images(16))
    return net


def undecided(net):
    """Behind each exit about half of the images would go on: one hidden number takes the median off."""
    with torch.no_grad():
        hidden, score = net.policy.hidden, net.policy.score
        torch.nn.init.normal_(score.weight)
        score.bias.zero_()
        hidden.weight[0].zero_()
        hidden.bias[0], score.weight[0, 0] = 1000.0, 0.0
        medians = net.eval().scores(net.answers(images())).median(1).values
        hidden.weight[0, 12:18], score.weight[0, 0], score.bias[0] = 1e-3 - medians, 1.0, -1000.0
    return net


def images(count=9):
    return torch.randn(count, 3, 16, 16, dtype=D, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("scheme", ["euler", "lm", "rk2"])
def test_answers_by_hand_and_what_the_policy_takes_of_them(scheme):
    net = undecided(make(scheme=scheme))
    x, own = images(), net.network
    y, past, states = own.begin(x), {}, []
    for transition, block in own.rows():
        if transition is not None:
            y, past = transition.leading(*y)
        states += block.trajectory(*y, **past)[1:]
        y = (states[-1],)
    by_hand = [head(s) for head, s in zip(net.heads, states, strict=False)] + [own.end(states[-1])]
    answers = net.answers(x)
    torch.testing.assert_close(answers, torch.stack(by_hand), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(answers[-1], own(x), rtol=1e-12, atol=1e-12)
    ends = net.ends(x)
    assert len(set(ends.tolist())) > 1
    expected = torch.stack([answers[t, i] for i, t in enumerate(ends.tolist())])
    with torch.no_grad():
        torch.testing.assert_close(net(x), expected, rtol=1e-10, atol=1e-12)  # stopped in truth
    torch.testing.assert_close(net(x), expected, rtol=1e-12, atol=1e-12)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(x)
    alone = 0
    for image in x:
        with torch.no_grad(), FlopCounterMode(display=False) as one:
            net(image[None])
        alone += one.get_total_flops()
    assert counter.get_total_flops() == pytest.approx(alone, rel=0.01)


def test_training_is_by_the_marginal_likelihood():
    net, x = make(), images()
    labels = torch.arange(9)
    other = copy.deepcopy(net)
    losses = torch.stack([functional.cross_entropy(a, labels, reduction="none") for a in other.answers(x)])
    torch.testing.assert_close(functional.cross_entropy(net(x), labels), marginal_loss(losses).mean())


def test_a_policy_learns_where_to_stop_and_summary_knows():
    """Exits that are right from the second on, for half of the images: the policy finds which, by their scores."""
    net, x = make(), images(64)
    sure = x.mean((1, 2, 3)) > 0
    labels = torch.zeros(64, dtype=torch.int64)

    def answers(x):
        early = torch.where(sure[:, None], 1.0, -1.0) * functional.one_hot(labels, 10) * 6
        late = functional.one_hot(labels, 10) * 6.0
        return torch.stack([early.to(D), *[late.to(D)] * 6])

    net.answers = answers
    optimiser = torch.optim.Adam(net.policy.parameters(), 0.03)
    before = net.policy_loss(x, labels).item()
    for _ in range(60):
        optimiser.zero_grad()
        loss = net.policy_loss(x, labels, beta=0.2)
        loss.backward()
        optimiser.step()
    assert loss.item() < before
    ends = net.eval().ends(x)
    assert (ends[~sure] >= 1).all()
    assert all(p.grad is None for p in (*net.network.parameters(), *net.heads.parameters()))
    shares = [1 - e.share.item() for e in net.exits]
    assert shares[0] == pytest.approx((ends == 0).double().mean().item(), abs=0.1)
    assert expected_flops(net.float(), (images(1).float(),)) < expected_flops(make().float(), (images(1).float(),))


def test_as_it_is_made_it_goes_on_to_the_end():
    net, x = make().eval(), images()
    with torch.no_grad():
        torch.testing.assert_close(net(x), net.network(x))
    assert set(net.ends(x).tolist()) == {6}


@pytest.mark.parametrize("beta", [0, -1, math.nan, math.inf])
def test_a_temperature_is_a_positive_number(beta):
    losses, scores = torch.ones(3, 2), torch.zeros(2, 2)
    for wrong in (oracle_posterior, marginal_loss, lambda losses, beta: stopping_loss(scores, losses, beta)):
        with pytest.raises(InputError, match="a positive number"):
            wrong(losses, beta)
