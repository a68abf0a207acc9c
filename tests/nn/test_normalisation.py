"""What a network normalises by: BatchNorm, or GroupNorm in its place."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.nn.fields.normalisation import normalised

SMALL, TWO, DYNAMIC = {"widths": (4, 8, 16)}, {"widths": (4, 6)}, {"widths": (4, 8), "states": (0, 1, 3)}
NETWORKS = {
    "lm_resnet14": {**SMALL, "preactivation": False},
    "resnet29": {**SMALL, "scheme": "rk4"},
    "ie_resnet14": SMALL,
    "adamnet2pc_14": {**SMALL, "sharing": "channel"},
    "polynet_mpoly2_14": TWO,
    "fractalnet8": TWO,
    "revnet26": {"widths": (4, 4, 6)},
    "hamiltonian14": TWO,
    "leapfrog14": TWO,
    "imexnet20": {**TWO, "scheme": "ars-222"},
    "anode_rk2_2": TWO,
    "dynamic_ab2_preact": {**DYNAMIC, "interpolation": "cubic"},
    "dynamic_verlet_hamiltonian": DYNAMIC,
}


def kinds(network):
    return {type(module) for module in network.modules() if "Norm" in type(module).__name__}


@pytest.mark.parametrize("name", NETWORKS)
def test_no_layer_looks_at_other_images(name):
    options = NETWORKS[name]
    torch.manual_seed(0)
    batch = t2n.create_model(name, **options)
    torch.manual_seed(0)
    group = t2n.create_model(name, **{**options, "norm": "layer" if "resnet" in name else "group"}).double()
    assert kinds(group) == {nn.GroupNorm}
    if not name.startswith(("dynamic", "hamiltonian", "midpoint", "leapfrog")):  # those have no BatchNorm in fields
        told = {k: v for k, v in batch.state_dict().items() if "running" not in k and "num_batches" not in k}
        assert group.state_dict().keys() == told.keys()
        assert all(torch.equal(group.state_dict()[k].float(), v) for k, v in told.items())
    x = torch.randn(3, 3, 12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    group.eval()
    torch.testing.assert_close(group(x)[:1], group(x[:1]), rtol=1e-9, atol=1e-9)


@given(channels=st.integers(1, 70), norm=st.sampled_from(["group", "layer"]), affine=st.booleans())
@settings(max_examples=25, deadline=None)
def test_by_the_formula(channels, norm, affine):
    layer = nn.BatchNorm2d(channels, eps=1e-3, affine=affine).double()
    if affine:
        nn.init.normal_(layer.weight)
        nn.init.normal_(layer.bias)
    x = torch.randn(2, channels, 3, 3, dtype=torch.float64)
    network = normalised(nn.Sequential(layer, layer), norm)
    assert network[0] is network[1]
    groups = network[0].num_groups
    assert groups == 1 or (norm == "group" and channels // groups <= 16)
    parts = x.reshape(2, groups, -1)
    mean, variance = parts.mean(2, keepdim=True), parts.var(2, correction=0, keepdim=True)
    wanted = ((parts - mean) / (variance + 1e-3).sqrt()).reshape(x.shape)
    if affine:
        assert network[0].weight is layer.weight
        wanted = wanted * layer.weight[:, None, None] + layer.bias[:, None, None]
    torch.testing.assert_close(network[0](x), wanted)


def test_what_is_refused():
    for name in ("resnet20", "polynet_poly2_20", "revnet38", "fractalnet20", "leapfrog26", "anode_euler_2"):
        with pytest.raises(InputError, match="norm='instance': write one of"):
            t2n.create_model(name, norm="instance")
    with pytest.raises(InputError, match="norm='instance': write one of 'tv', 'batch', 'group'"):
        t2n.create_model("dynamic_rk1_double", norm="instance")
    with pytest.raises(InputError, match="have their own normalisation"):
        t2n.create_model("torchvision/resnet18", norm="group", weights="DEFAULT")
    own = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.SyncBatchNorm(2))
    before = copy.deepcopy(own)
    with pytest.raises(InputError, match="SyncBatchNorm has no counterpart"):
        normalised(own, "group")
    assert list(map(type, own)) == list(map(type, before))


@pytest.mark.slow
def test_networks_of_other_libraries():
    for name in ("torchvision/resnet18", "timm/resnet18"):
        assert kinds(t2n.create_model(name, scheme="lm", norm="group")) == {nn.GroupNorm}
