"""The file of the seeds' table asks for what was published, and our schemes below it are what they claim to be."""

import contextlib
import re
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
from sympy import Rational, binomial

import tableau2net as t2n
from tableau2net.analysis import ssp
from tableau2net.analysis.report.claims import check
from tableau2net.cli import main
from tableau2net.nn import coefficient_values
from tableau2net.scheme import GeneralLinear, Multistep, Scheme
from tableau2net.scheme.file import loads
from tableau2net.tables import Grid, TableRun
from tableau2net.tables.preflight import check_runs

FOLDER = Path(__file__).parents[1] / "examples"
OURS = {path.stem: path for path in sorted((FOLDER / "new_schemes").glob("*.toml"))}
DEPTHS = (20, 32, 44, 56)
# Yan 2019, Table 1: test errors in per cent at each of the depths; (A) learnable, (B) fixed.
PUBLISHED = {
    "ResNet": (8.75, 7.51, 7.17, 6.97),
    "LM-ResNet": (8.33, 7.18, 6.66, 6.31),
    "AdamNet k=2 (A)": (8.15, 7.31, 6.75, 6.44),
    "AdamNet k=2 (B)": (7.81, 7.49, 6.90, 6.71),
    "AdamNet k=3 (A)": (8.27, 7.39, 7.02, 6.36),
    "AdamNet k=3 (B)": (8.02, 7.54, 7.14, 6.97),
}


@pytest.fixture(scope="module")
def grid() -> Grid:
    return Grid.read(FOLDER / "adamnet_table1.toml")


@pytest.fixture(scope="module")
def counts(grid: Grid) -> dict[str, int]:
    """Parameters by the run's key: that they can be counted says that every network can be made."""
    checked = check_runs(grid.runs)
    assert not checked.notes  # each takes steps of its own scheme
    return dict(checked.parameters)


def test_the_published_figures_come_first_and_are_those_of_the_paper(grid: Grid) -> None:
    found = {(run.label, run.depth): run.published for run in grid.runs[:24]}
    assert found == {(name, d): e for name, row in PUBLISHED.items() for d, e in zip(DEPTHS, row, strict=True)}
    assert all(run.published is None for run in grid.runs[24:])
    assert len(grid.runs) == 44
    assert grid.published is not None
    assert (grid.baseline, grid.published.source) == ("ResNet", "Yan 2019, Table 1")
    assert [getattr(grid.published, key) for key in ("epochs", "train", "test")] == [160, 50_000, 10_000]


def test_the_recipe_is_the_published_one(grid: Grid) -> None:
    assert {run.asked.preset for run in grid.runs} == {"adamnet-2019"}
    for recipe in (run.asked.recipe for run in grid.runs):
        assert (recipe.epochs, recipe.batch_size, recipe.lr, recipe.momentum) == (160, 128, 0.1, 0.9)
        assert (recipe.milestones, recipe.factor, recipe.weight_decay) == ((0.5, 0.75), 0.1, 1e-4)
    assert {(run.asked.data.source, run.asked.data.validation) for run in grid.runs} == {("cifar10", 5000)}


def adams_bashforth(steps: int) -> tuple[Rational, ...]:
    """Its β, newest first, by backward differences: γ₀, γ₁, … of 1/((1 − t)(1 + t/2 + t²/3 + …)) (HNW I, III.1)."""
    gamma: list[Rational] = []
    for m in range(steps):
        gamma.append(1 - sum((g / Rational(m + 1 - i) for i, g in enumerate(gamma)), Rational(0)))
    return tuple(sum((-1) ** j * binomial(m, j) * gamma[m] for m in range(j, steps)) for j in range(steps))


@pytest.mark.parametrize("steps", [2, 3])
def test_fixed_adamnet_is_adams_bashforth(grid: Grid, steps: int) -> None:
    runs = [run for run in grid.runs if run.label == f"AdamNet k={steps} (B)"]
    assert [run.asked.network.options["coefficients"] for run in runs] == ["fixed"] * 4
    fixed = t2n.load(runs[0].asked.network.scheme).at_defaults()
    assert isinstance(fixed, Multistep)
    assert fixed.beta[:-1][::-1] == adams_bashforth(steps)
    assert t2n.order(fixed) == steps


@pytest.mark.parametrize("steps", [2, 3])
def test_learnable_adamnet_is_consistent_for_all_its_values(grid: Grid, steps: int) -> None:
    runs = [run for run in grid.runs if run.label == f"AdamNet k={steps} (A)"]
    assert [run.asked.network.options["coefficients"] for run in runs] == ["learnable"] * 4
    scheme = t2n.load(runs[0].asked.network.scheme)
    assert isinstance(scheme, Multistep)
    assert len(scheme.parameters) == steps - 1
    assert (sum(scheme.beta) - 1).expand() == 0
    assert t2n.order(scheme) == 1


def test_networks_of_a_depth_differ_by_their_learnt_coefficients_alone(grid: Grid, counts: dict[str, int]) -> None:
    resnet = {run.depth: counts[run.key] for run in grid.runs if run.label == "ResNet"}
    for run in grid.runs:
        assert run.depth is not None
        steps = (run.depth - 2) // 2
        scheme = t2n.load(run.asked.network.scheme)
        more = counts[run.key] - resnet[run.depth]
        if run.asked.network.options.get("coefficients") != "learnable":
            assert more == 0, run.key
        else:
            assert 0 < more <= steps * len(scheme.parameters), run.key


def built(run: TableRun, depth: int = 20) -> torch.nn.Module:
    torch.manual_seed(0)
    return t2n.create_model(
        f"resnet{depth}",
        scheme=run.asked.network.scheme,
        coefficients=run.asked.network.options.get("coefficients", "fixed"),
        widths=(4, 8, 16),
        **({"keep_stable": True} if run.asked.network.options.get("keep_stable") else {}),
    )


def evaluations(net: torch.nn.Module) -> tuple[Counter[str], torch.Tensor]:
    """How often each field is called by a forward pass, and the loss."""
    calls = Counter[str]()
    for name, module in net.named_modules():
        if re.search(r"fields\.\d+$", name):
            module.register_forward_hook(lambda *_, name=name: calls.update([name]))
    loss = torch.nn.functional.cross_entropy(net(torch.randn(8, 3, 16, 16)), torch.arange(8))
    return calls, loss


def test_each_network_of_the_table_learns(grid: Grid) -> None:
    """Each weight and coefficient has a gradient, and each field is evaluated once."""
    for run in (run for run in grid.runs if run.depth == 20):
        net = built(run)
        calls, loss = evaluations(net)
        torch.autograd.backward(loss)
        silent = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
        assert not silent, run.label
        learnt = [p for name, p in net.named_parameters() if p.ndim == 1 and "fields" not in name and "blocks" in name]
        assert all(bool(p.grad.abs().sum() > 0) for p in learnt if p.grad is not None), run.label
        assert bool(coefficient_values(net)) == (run.asked.network.options.get("coefficients") == "learnable")
        assert sorted(calls.values()) == [1] * 7, run.label  # 9 steps, two of which are transitions


# ------------------------------------------------------------------------------------------------ ours


@pytest.mark.parametrize("name", OURS)
def test_claims_of_ours_are_proved(name: str) -> None:
    scheme = t2n.load(OURS[name])
    assert check(scheme).ok
    assert {"order", "zero_stable", "explicit"} <= set(scheme.claims)


def quadrature(scheme: Multistep, degree: int) -> object:
    """What the method misses of yᵈ at the grid: Σ αⱼ jᵈ − d Σ βⱼ jᵈ⁻¹, by hand."""
    j = range(len(scheme.alpha))
    left = sum(a * Rational(i) ** degree for i, a in zip(j, scheme.alpha, strict=True))
    right = sum(degree * b * Rational(i) ** (degree - 1) for i, b in zip(j, scheme.beta, strict=True) if degree)
    return (left - right).expand()


@pytest.mark.parametrize(("name", "order"), [("lm-3", 1), ("lm-3-order-2", 2), ("adams-lm-2", 2)])
def test_order_of_ours_by_hand(name: str, order: int) -> None:
    scheme = t2n.load(OURS[name])
    assert isinstance(scheme, Multistep)
    assert [quadrature(scheme, d) for d in range(order + 1)] == [0] * (order + 1)
    assert quadrature(scheme, order + 1) != 0


def error(scheme: Scheme, steps: int) -> float:
    """The error at 1 of y' = −2 t y², whose solution is 1/(1 + t²)."""
    start = torch.tensor([1.0], dtype=torch.float64)
    found = t2n.integrate(scheme, lambda t, y: -2 * t * y**2, start, 0.0, 1.0, steps)
    return abs(float(found) - 0.5)


@pytest.mark.parametrize(("name", "values", "order"), [
    ("lm-3", {"p": "-1/4", "q": "1/5"}, 1),
    ("lm-3-order-2", {"q": "1/4"}, 2),
    ("lm-3-order-2", {"q": "2/5"}, 2),
    ("adams-lm-2", {"k": "-1/2"}, 2),
    ("one-leg-2", {"k": "-1/10"}, 2),
    ("one-leg-2", {"k": "1/2"}, 2),
])  # fmt: skip
def test_ours_converge_as_proved(name: str, values: dict[str, str], order: int) -> None:
    scheme = t2n.load(OURS[name]).with_values(**values)
    coarse, fine = error(scheme, 200), error(scheme, 400)
    assert 2 ** (order - 0.15) < coarse / fine < 2 ** (order + 0.3)


@pytest.mark.parametrize("q", ["1/20", "1/8", "1/4"])
def test_strong_stability_of_the_three_step_family(q: str) -> None:
    """αⱼ ≥ C βⱼ with one β: C is the quotient at the newest value, 3q/(2 − 2q) (Shu 1988)."""
    scheme = t2n.load(OURS["lm-3-order-2"]).with_values(q=q)
    assert ssp(scheme).coefficient == 3 * Rational(q) / (2 - 2 * Rational(q))


def test_the_three_step_family_is_shu_s_where_it_starts() -> None:
    ours, shu = t2n.load(OURS["lm-3-order-2"]).at_defaults(), t2n.load("sspms-32")
    assert isinstance(ours, Multistep)
    assert isinstance(shu, Multistep)
    assert (ours.alpha, ours.beta) == (shu.alpha, shu.beta)


@pytest.mark.parametrize("name", ["lm-3", "lm-3-order-2", "adams-lm-2"])
def test_the_reference_of_a_generated_scheme_makes_it_again(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = t2n.load(OURS[name])
    head, _, said = ours.reference.partition(": ")
    assert head == "generated"
    monkeypatch.setattr(sys, "argv", ["tableau2net", "generate", *said.split()])
    with contextlib.suppress(SystemExit):
        main()
    made = loads(capsys.readouterr().out)
    assert isinstance(ours, Multistep)
    assert isinstance(made, Multistep)
    pairs = zip((*ours.alpha, *ours.beta), (*made.alpha, *made.beta), strict=True)
    assert all((a - b).expand() == 0 for a, b in pairs)


def test_one_leg_is_the_twin_of_the_two_step_family() -> None:
    """Its stage is at Σ σⱼ yⱼ / Σ σⱼ and weighs Σ σⱼ; what is linear about it is the same (Dahlquist 1975)."""
    twin, ours = t2n.load(OURS["adams-lm-2"]), t2n.load(OURS["one-leg-2"])
    assert isinstance(twin, Multistep)
    assert isinstance(ours, GeneralLinear)
    old, new = twin.beta[:2]
    assert ((old + new) - ours.B[0][0]).expand() == 0
    assert all((s / (old + new) - u).together().cancel() == 0 for s, u in zip((new, old), ours.U[0], strict=True))
    assert [(-a - v).expand() for a, v in zip(twin.alpha[1::-1], ours.V[0], strict=True)] == [0, 0]
