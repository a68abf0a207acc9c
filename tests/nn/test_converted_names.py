"""Networks of torchvision and timm by name: the same network as converting it by hand."""

import subprocess
import sys

import pytest
import timm
import torch
import torchvision

import tableau2net as t2n
from tableau2net.nn.families import converted
from tableau2net.nn.registry import entries
from tableau2net.runs.run_spec import NetworkSpec
from tableau2net.training import network


def seeded(make):
    """A network; each number is moved a little, for timm begins with branches that are zero."""
    torch.manual_seed(3)
    net = make()
    with torch.no_grad():
        for p in net.parameters():
            p += 0.01
    return net


def images():
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


BY_HAND = {
    "torchvision/resnet18": lambda: torchvision.models.resnet18(num_classes=7),
    "torchvision/mobilenet_v2": lambda: torchvision.models.mobilenet_v2(num_classes=7),
    "timm/test_resnet": lambda: timm.create_model("test_resnet", num_classes=7),
    "timm/test_vit.r160_in1k": lambda: timm.create_model("test_vit", num_classes=7),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BY_HAND)
def test_by_name_and_by_hand_are_the_same(name):
    options = {"scheme": "rk4", "h": 0.5, "after": "keep"}
    ours = seeded(lambda: t2n.create_model(name, num_classes=7, **options)).eval()
    theirs = seeded(BY_HAND[name])
    x = images() if "vit" not in name else torch.randn(2, 3, 160, 160, generator=torch.Generator().manual_seed(1))
    assert torch.equal(ours(x), t2n.convert(theirs, **options).eval()(x))
    assert not torch.equal(ours(x), theirs.eval()(x))
    assert ours.conversion.scheme == "rk4"


def test_without_a_scheme_it_is_the_network_itself():
    ours = seeded(lambda: t2n.create_model("torchvision/resnet18", num_classes=7)).eval()
    theirs = seeded(BY_HAND["torchvision/resnet18"]).eval()
    assert torch.equal(ours(images()), theirs(images()))


@pytest.fixture
def downloaded(monkeypatch):
    """Weights for ImageNet, as if they had been downloaded."""
    weights = torchvision.models.resnet18().state_dict()
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *_, **__: weights)
    return weights


def test_pretrained_weights_are_kept_and_another_head_is_new(downloaded):
    whole = t2n.create_model("torchvision/resnet18", weights="DEFAULT", num_classes=1000).state_dict()
    assert torch.equal(whole["fc.weight"], downloaded["fc.weight"])
    other = t2n.create_model("torchvision/resnet18", weights="IMAGENET1K_V1", num_classes=7).state_dict()
    assert other["fc.weight"].shape == (7, 512)
    for state in (whole, other):
        assert torch.equal(state["conv1.weight"], downloaded["conv1.weight"])
        assert torch.equal(state["layer1.0.fields.1.branch.conv2.weight"], downloaded["layer1.1.conv2.weight"])


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("torchvision/resnet5o", {}, "did you mean torchvision/resnet50"),
        ("torchvision/deeplabv3_resnet50", {}, "torchvision has no network"),
        ("torchvision/squeezenet1_1", {}, r"returns branch\(x\) \+ x"),
        ("torchvision/resnet18", {"weights": "V9"}, "write one of IMAGENET1K_V1, DEFAULT"),
        ("torchvision/resnet18", {"coefficents": "free"}, "did you mean coefficients"),
        ("torchvision/resnet18", {"scheme": "nothing"}, "no scheme"),
        ("torchvision/../resnet18", {}, "no network is called"),
        ("timm/resnt18", {}, "did you mean timm/resnet18"),
        ("timm/resnet18.a1_in2k", {}, "did you mean timm/resnet18.a1_in1k"),
        ("timm/resnet18", {"weights": "a1_in1k"}, r"resnet18\.TAG"),
    ],
)
def test_what_cannot_be_made(name, options, says):
    with pytest.raises(t2n.InputError, match=says) as caught:
        t2n.create_model(name, **options)
    assert "\n" not in str(caught.value)


def test_weights_out_of_reach(monkeypatch):
    def unreachable(*_, **__):
        raise OSError("Name or service\nnot known")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", unreachable)
    with pytest.raises(t2n.InputError, match=r"cannot be had \(Name or service not known\)"):
        t2n.create_model("torchvision/resnet18", weights="DEFAULT")


def test_without_timm(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(t2n.InputError, match=r"tableau2net\[timm\]"):
        t2n.create_model("timm/resnet18")


def test_names_that_are_listed_are_theirs():
    theirs = {"torchvision": torchvision.models.list_models(), "timm": timm.list_models()}
    names = [name for entry in entries() if entry.build.__module__ == converted.__name__ for name in entry.published]
    assert names == t2n.list_models("t*/*")
    for name in names:
        library, _, model = name.partition("/")
        assert model in theirs[library]


@pytest.mark.slow
def test_neither_library_is_imported_before_a_network_is_made():
    code = "import sys, tableau2net.nn as nn; nn.list_models(); assert not {'torchvision', 'timm'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_run_can_be_of_one():
    asked = NetworkSpec("lm", "torchvision/resnet18", options={"coefficients": None})
    made = network.made(asked.settled(), {"num_classes": 5}, seed=1)
    assert made.facts["scheme"] == made.facts["options"]["scheme"] == "lm"
    assert made.facts["model"] == "torchvision/resnet18"
    assert made.text is not None
    again = network.made(NetworkSpec("lm", "torchvision/resnet18"), {"num_classes": 5}, seed=1)
    for name, tensor in made.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name]), name
