"""Networks of other packages: one decorator, and all commands know them."""

import copy
import json
import sys

import pytest
import torch
from torch import nn

import tableau2net as t2n
from tableau2net import extensions
from tableau2net.nn import entry
from tableau2net.nn.registry import find_model

STRANGE = """
from torch import nn
import tableau2net as t2n

class Slope(nn.Sequential):
    def __init__(self, width):
        super().__init__(nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.Tanh())

@t2n.register_model(r"strange(?P<depth>\\d+)", published=("strange3", "strange5"), scheme="lm", about="Strange, 2026")
def strange(depth, *, num_classes=10, width=4, h=0.5, **options):
    Block = t2n.compile("lm", **{"coefficients": "learnable", **options})
    block = Block([Slope(width) for _ in range(depth)], h)
    opening = nn.Conv2d(3, width, 3, stride=2, padding=1)
    return nn.Sequential(opening, block, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, num_classes))
"""


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(entry, "REGISTERED", copy.copy(entry.REGISTERED))
    monkeypatch.setattr("tableau2net.nn.registry.REGISTERED", entry.REGISTERED)


@pytest.fixture
def installed(tmp_path, monkeypatch, registered):
    """A package as an installer leaves it, and nothing of it imported yet."""
    site = tmp_path / "site"
    info = site / "strange_nets-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: strange-nets\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[tableau2net.models]\nstrange = strange_nets\n")
    (site / "strange_nets.py").write_text(STRANGE)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(extensions, "loaded", {})
    yield
    sys.modules.pop("strange_nets", None)


def test_a_network_of_another_package_by_name(installed):
    assert find_model("resnet20")[0].scheme == "euler"
    assert "strange_nets" not in sys.modules  # for a name of ours nobody is asked
    net = t2n.create_model("strange3", num_classes=7, h=0.25)
    assert net(torch.randn(2, 3, 8, 8)).shape == (2, 7)
    assert net[1].h == 0.25
    assert t2n.list_models("strange*") == ["strange3", "strange5"]
    assert t2n.list_models()[0] == "resnet20"  # ours are first
    (block,) = t2n.summary(net, (3, 16, 16)).blocks
    assert (block.scheme, block.steps, block.coefficients) == ("lm", 3, 2)
    assert len(t2n.refine(net)[1].fields) == 6
    with pytest.raises(t2n.InputError, match="strange3: the name says depth already"):
        t2n.create_model("strange3", depth=4)
    with pytest.raises(t2n.InputError, match="did you mean strange3"):
        t2n.create_model("strang3")


@pytest.mark.slow
def test_all_commands_know_it(installed, run, tmp_path):
    """Trained, resumed, checked, refined, shown and listed."""
    folder, train = tmp_path / "run", ["train", "--model", "strange3", "--data", "glyphs:40:20", "--device", "cpu"]
    code, _, err = run(*train, "--epochs", 1, "--option", "h=0.25", "--out", folder, "--quiet")
    assert code == 0, err
    assert json.loads((folder / "result.json").read_text())["model"] == "strange3"
    code, _, err = run(*train, "--epochs", 1, "--option", "h=0.25", "--out", folder, "--resume", "--quiet")
    assert code == 0, err
    code, out, err = run("check", folder)
    assert code in (0, 1), err  # LM is consistent at k = 0 alone
    assert "lm" in out
    code, out, err = run("refine", folder, "--out", tmp_path / "fine", "--json")
    assert code == 0, err
    assert (json.loads(out)["steps_before"], json.loads(out)["steps"]) == (3, 6)
    code, out, err = run("summary", "strange5", "--json")
    assert [block["steps"] for block in json.loads(out)["blocks"]] == [5]
    code, out, err = run("models", "strange*")
    assert (code, "Strange, 2026" in out, "lm, order 0" in out) == (0, True, True), err


def test_the_name_of_a_function_is_enough(registered):
    @t2n.register_model
    def tiny_net(*, num_classes: int = 10) -> nn.Module:
        """A linear map, for a test.

        More of it."""
        return nn.Linear(3, num_classes)

    assert isinstance(tiny_net(), nn.Linear)
    assert isinstance(t2n.create_model("tiny_net"), nn.Linear)
    assert find_model("tiny_net")[0].about == "A linear map, for a test."


@pytest.mark.parametrize(
    ("pattern", "published", "says"),
    [
        ("mine(", ("mine",), "no regular expression"),
        ("mine", (), "no published name"),
        (r"mine\d", ("mine",), "'mine' does not match"),
        (r"resnet(?P<depth>\d+)x?", ("resnet20",), r"'resnet20' is a name of .*residual\.resnet already"),
        (r"revnet(?P<depth>\d{1,4})", ("revnet38",), r"is .*revnet\.revnet's already"),
    ],
)
def test_what_cannot_be_registered(registered, pattern, published, says):
    before = dict(entry.REGISTERED)
    with pytest.raises(t2n.InputError, match=says):
        t2n.register_model(pattern, published=published)(lambda num_classes=10: nn.Identity())
    assert before == entry.REGISTERED


def test_a_module_may_be_loaded_anew(registered):
    for width in (3, 5):

        @t2n.register_model
        def again(*, num_classes: int = 10, width: int = width) -> nn.Module:
            return nn.Linear(width, num_classes)

    assert t2n.create_model("again").in_features == 5
