"""Steps with an adversary: against loops by hand, how often they pass the network, captured, without waiting."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, kl_div, log_softmax, softmax

from tableau2net.data.resident_feed import ResidentFeed
from tableau2net.nn import create_model
from tableau2net.recipes.adversary import AdversarySpec
from tableau2net.runs.run_spec import RunSpec
from tableau2net.training import ImageData, Recipe
from tableau2net.training.adversary import update_for
from tableau2net.training.adversary.pixels import EpsilonBall
from tableau2net.training.adversary.starts import normal, stream, uniform
from tableau2net.training.capture import CapturedSteps, Launch
from tableau2net.training.execution import Execution
from tableau2net.training.level import Level
from tableau2net.training.parallel import Ranks
from tableau2net.training.update import Update
from tests.training.adversary.cut import Cut, cut
from tests.training.trained import trained
from tests.training.waits import Waits

CPU = torch.device("cpu")
EXECUTION = Execution.of(CPU, None, None, Ranks())
RECIPE = Recipe(epochs=2, batch_size=50, lr=0.05, augment=False)
EVERYTHING = replace(RECIPE, nesterov=True, label_smoothing=0.1, cutout=8, mixup=0.3, ema=0.9, augment=True)
SPECS = {
    "yopo": AdversarySpec("yopo-2-2"),
    "pgd": AdversarySpec("pgd-2"),
    "free": AdversarySpec("free-2"),
    "fgsm": AdversarySpec("fgsm"),
    "trades": AdversarySpec("trades-2"),
}


@pytest.fixture(scope="module")
def few(data: ImageData) -> ImageData:
    return replace(data, x_train=data.x_train[:120], y_train=data.y_train[:120])


def update_of(model: nn.Module, data: ImageData, spec: AdversarySpec, recipe: Recipe = RECIPE) -> Update:
    run = RunSpec(recipe=recipe, adversary=spec, seed=3)
    return update_for(Level.of(model, recipe, CPU), ResidentFeed(data, recipe, 3), run, data, EXECUTION)


class Iterates:
    """Notes every change that an attack comes to, and what it was moved by."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.found: list[Tensor] = []
        moved = EpsilonBall.moved

        def noted(ball: EpsilonBall, eta: Tensor, gradient: Tensor) -> Tensor:
            self.found.append(moved(ball, eta, gradient))
            return self.found[-1]

        patch.setattr(EpsilonBall, "moved", noted)

    def of(self, update: Update, size: int = 50) -> list[Tensor]:
        self.found = []
        update.start(0)
        update.level.model.eval()
        update(size)
        return self.found


# --------------------------------------------------------------------------------------------------- loops by hand


class ByHand:
    """The same step in a loop of its own, in pixels: sums, clips and gradients as the papers write them."""

    def __init__(self, model: Cut, data: ImageData, spec: AdversarySpec) -> None:
        self.model, self.data, self.spec = model, data, spec
        self.mean, self.std = (torch.tensor(v).view(1, 3, 1, 1) / 255 for v in (data.mean, data.std))
        self.optimiser = torch.optim.SGD(model.parameters(), RECIPE.lr, RECIPE.momentum, weight_decay=1e-4)
        self.eta: Tensor | None = None

    def seen(self, pixels: Tensor) -> Tensor:
        return (pixels - self.mean) / self.std

    def inside(self, pixels: Tensor, eta: Tensor) -> Tensor:
        eta = eta.clamp(-self.spec.epsilon, self.spec.epsilon)
        return (pixels + eta).clamp(0, 1) - pixels

    def uphill(self, pixels: Tensor, eta: Tensor, loss: Callable[[Tensor], Tensor]) -> Tensor:
        eta = eta.detach().requires_grad_()
        loss(self.seen(pixels + eta)).backward()
        assert eta.grad is not None
        return self.inside(pixels, eta.detach() + (self.spec.attack_step or 0) * eta.grad.sign())

    def step(self, pixels: Tensor, y: Tensor, drawn: Callable[..., Tensor]) -> None:
        model, spec = self.model, self.spec
        entropy: Callable[[Tensor], Tensor] = lambda x: cross_entropy(model(x), y)  # noqa: E731
        start = self.inside(pixels, (2 * drawn(uniform) - 1) * spec.epsilon)
        if spec.kind == "pgd":
            model.eval()
            for _ in range(spec.m):
                start = self.uphill(pixels, start, entropy)
            model.train()
            self.descend(entropy(self.seen(pixels + start)))
        elif spec.kind == "fgsm":
            kept = {k: v.clone() for k, v in model.state_dict().items() if "running" in k or "num" in k}
            start = self.uphill(pixels, start, entropy)
            model.load_state_dict(kept, strict=False)
            self.descend(entropy(self.seen(pixels + start)))
        elif spec.kind == "trades":
            model.eval()
            said = softmax(model(self.seen(pixels)), 1).detach()
            start = self.inside(pixels, 0.001 * drawn(normal))
            for _ in range(spec.m):
                start = self.uphill(
                    pixels, start, lambda x: kl_div(log_softmax(model(x), 1), said, reduction="batchmean")
                )
            model.train()
            clean = model(self.seen(pixels))
            apart = kl_div(log_softmax(model(self.seen(pixels + start)), 1), softmax(clean, 1), reduction="batchmean")
            self.descend(cross_entropy(clean, y) + (spec.beta or 0) * apart)
        elif spec.kind == "free":
            eta = torch.zeros(50, 3, 32, 32) if self.eta is None else self.eta
            own = self.inside(pixels, eta[: len(y)])
            for _ in range(spec.m):
                changed = own.clone().requires_grad_()
                self.descend(cross_entropy(model(self.seen(pixels + changed)), y))
                assert changed.grad is not None
                own = self.inside(pixels, own + (spec.attack_step or 0) * changed.grad.sign())
            self.eta = torch.cat([own, eta[len(y) :]])
        else:
            self.yopo(pixels, y, start)

    def yopo(self, pixels: Tensor, y: Tensor, eta: Tensor) -> None:
        """With the Hamiltonian itself, whose gradients are taken of the network's parts."""
        model, spec = self.model, self.spec
        first, rest = list(model.first.parameters()), list(model.rest.parameters())
        total = [torch.zeros_like(weight) for weight in (*first, *rest)]
        for j in range(spec.m):
            buffers = {k: v.clone() for k, v in model.state_dict().items() if "running" in k or "num" in k}
            z = model.first(self.seen(pixels + eta)).detach().requires_grad_()
            loss = cross_entropy(model.rest(z), y)
            p, *of_rest = (-g for g in torch.autograd.grad(loss, (z, *rest)))
            if j + 1 < spec.m:
                model.load_state_dict(buffers, strict=False)
            buffers = {k: v.clone() for k, v in model.state_dict().items() if "running" in k or "num" in k}
            for _ in range(spec.n):
                eta = self.uphill(pixels, eta, lambda x, p=p: -(p * model.first(x)).sum())  # type: ignore[misc]
            hamiltonian = (p * model.first(self.seen(pixels + eta))).sum()
            of_first = torch.autograd.grad(hamiltonian, first)
            model.load_state_dict(buffers, strict=False)
            for one, more in zip(total, (*of_first, *of_rest), strict=True):
                one -= more
        for weight, gradient in zip((*first, *rest), total, strict=True):
            weight.grad = gradient
        self.optimiser.step()

    def descend(self, loss: Tensor) -> None:
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()


@pytest.mark.parametrize("name", SPECS)
def test_steps_are_those_of_a_loop_by_hand(name: str, few: ImageData) -> None:
    spec = replace(SPECS[name], ramp=0.0)
    update = update_of(cut(), few, spec)
    trained(update, update, epochs=1)
    hand = ByHand(cut(), few, spec)
    feed, first = ResidentFeed(few, RECIPE, 3), 0
    feed.start(0)
    own = stream(3, 0, 3)
    for size in (50, 50, 20):
        x, y = feed.take(size)
        places = torch.arange(first, first + size)
        hand.step((x * hand.std + hand.mean).contiguous(), y, lambda draw, p=places: draw(own, p, (3, 32, 32)))
        first += size
    wanted, found = hand.model.state_dict(), update.level.model.state_dict()
    for key, value in wanted.items():
        torch.testing.assert_close(found[key], value, rtol=2e-3, atol=2e-4, msg=lambda m, k=key: f"{k}: {m}")
    untrained = cut().state_dict()
    assert (found["rest.6.weight"] - untrained["rest.6.weight"]).abs().max() > 0.01  # more than it may differ by


# ------------------------------------------------------------------------------------------------------- identities


def test_costates_are_the_gradient_to_the_bit(few: ImageData) -> None:
    """Without room for a change, once through the parts is a step as ever, BatchNorm's statistics included."""
    specs = [AdversarySpec("yopo-1-2", epsilon=0.0), AdversarySpec()]
    found, wanted = (update_of(cut(), few, spec) for spec in specs)
    for one, other in zip(trained(found, found).values(), trained(wanted, wanted).values(), strict=False):
        assert torch.equal(one, other)


def test_yopo_with_one_inner_step_has_the_iterates_of_pgd(few: ImageData, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the bit, in evaluation mode."""
    iterates = Iterates(monkeypatch)
    specs = [AdversarySpec("yopo-4-1"), AdversarySpec("pgd-4")]
    yopo, pgd = (iterates.of(update_of(cut(), few, spec)) for spec in specs)
    assert len(yopo) == len(pgd) == 4
    assert all(torch.equal(one, other) for one, other in zip(yopo, pgd, strict=True))
    assert not torch.equal(pgd[0], pgd[3])


@pytest.mark.parametrize(
    ("name", "options"),
    [("resnet8", {}), ("resnet8", {"scheme": "rk4"}), ("lm_resnet14", {"coefficients": "learnable"}), ("revnet26", {})],
)
def test_so_it_has_in_networks_of_schemes(
    name: str, options: dict[str, Any], few: ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Split behind the first step, whatever a step hands on."""
    iterates, torch_seed = Iterates(monkeypatch), 1
    found = []
    for spec in (AdversarySpec("yopo-2-1"), AdversarySpec("pgd-2")):
        torch.manual_seed(torch_seed)
        widths = (4, 4, 6) if name == "revnet26" else (2, 4, 4)
        found.append(iterates.of(update_of(create_model(name, widths=widths, **options), few, spec), 20))
    yopo, pgd = found
    assert all(torch.equal(one, other) for one, other in zip(yopo, pgd, strict=True))


@pytest.mark.parametrize("linear", [True, False])
def test_behind_a_linear_part_it_is_pgd_with_longer_steps(
    linear: bool, few: ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing meets the edge of its range: n steps by a gradient that stands still are one of n times their
    length. Behind another part they are not."""
    grey = replace(few, x_train=few.x_train // 16 + 120)
    monkeypatch.setattr("tableau2net.training.adversary.adversarial_update.AdversarialUpdate.random_start",
                        lambda _, ball, size: torch.zeros_like(ball.x))  # fmt: skip
    iterates = Iterates(monkeypatch)
    model = cut(linear=linear, smooth=linear)
    yopo = AdversarySpec("yopo-3-4", epsilon=100 / 255, attack_step=2 / 255)
    pgd = AdversarySpec("pgd-3", epsilon=100 / 255, attack_step=8 / 255)
    inner, outer = (iterates.of(update_of(copy.deepcopy(model), grey, spec)) for spec in (yopo, pgd))
    for mine, its in zip(inner[3::4], outer, strict=True):
        share = float(((mine - its).abs() > 1e-4).float().mean())
        assert share < 1e-3 if linear else share > 1e-2


@pytest.mark.parametrize(("m", "n"), [(1, 1), (5, 3), (3, 2)])
def test_the_rest_is_passed_m_times_and_the_first_part_m_times_n_plus_1(m: int, n: int, few: ImageData) -> None:
    model = cut()
    calls = {"first": 0, "rest": 0}
    for name, module in model.named_children():
        module.register_forward_hook(lambda *_, name=name: calls.update({name: calls[name] + 1}))
    update = update_of(model, few, AdversarySpec(f"yopo-{m}-{n}"))
    update.start(0)
    update(50)
    assert calls == {"rest": m, "first": m * (n + 1)}


@pytest.mark.parametrize(("name", "times"), [("pgd", 1), ("fgsm", 1), ("yopo", 1), ("trades", 2), ("free", 2)])
def test_running_statistics_move_with_what_weights_are_trained_by(name: str, times: int, few: ImageData) -> None:
    update = update_of(cut(), few, SPECS[name])
    update.start(0)
    update(50)
    counts = [value for key, value in update.level.model.state_dict().items() if key.endswith("num_batches_tracked")]
    assert [int(count) for count in counts] == [times, times]


def test_the_ball_grows_along_the_ramp(few: ImageData, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three steps an epoch: in the middle of the k-th, of 6, k − 1/2 of the way."""
    update = update_of(cut(), few, AdversarySpec("pgd-1", ramp=2.0))
    seen = []
    monkeypatch.setattr(EpsilonBall, "at", lambda ball, eta: seen.append(ball) or (ball.x + eta).detach())
    trained(update, update, 2)
    whole = 8 / 255 * 255 / torch.tensor(few.std)
    for k, ball in enumerate(seen[::2]):
        torch.testing.assert_close(ball.epsilon.flatten(), whole * (k + 0.5) / 6, rtol=1e-5, atol=0)
        torch.testing.assert_close(ball.step, ball.epsilon / 4)


# ----------------------------------------------------------------------------------------------------- how it is run


@pytest.mark.parametrize("name", SPECS)
def test_captured_steps_are_called_ones(name: str, few: ImageData) -> None:
    """To the bit, with all that a recipe has."""

    def capture(run: Launch, back: Launch) -> Launch:
        for _ in range(2):
            run()
            back()
        return run

    called, replayed = (update_of(cut(dropout=0.2), few, SPECS[name], EVERYTHING) for _ in range(2))
    wanted, found = trained(called, called), trained(CapturedSteps(replayed, capture), replayed)
    assert wanted.keys() == found.keys()
    for key, value in wanted.items():
        assert torch.equal(found[key], value), key


@pytest.mark.parametrize("name", SPECS)
def test_a_step_never_waits_for_the_device(name: str, few: ImageData) -> None:
    update = update_of(cut(), few, SPECS[name], EVERYTHING)
    update.start(0)
    with Waits() as waits:
        update(50)
    assert waits.calls > 100
    assert waits.found == []


@pytest.mark.parametrize("name", SPECS)
def test_bfloat16(name: str, few: ImageData) -> None:
    run = RunSpec(recipe=RECIPE, adversary=SPECS[name], seed=3)
    execution = Execution.of(CPU, "bfloat16", None, Ranks())
    update = update_for(Level.of(cut(), RECIPE, CPU), ResidentFeed(few, RECIPE, 3), run, few, execution)
    plain = update_of(cut(), few, SPECS[name])
    for each in (update, plain):
        trained(each, each, 1)
    assert update.row()["train_loss"] == pytest.approx(plain.row()["train_loss"], rel=0.1)
