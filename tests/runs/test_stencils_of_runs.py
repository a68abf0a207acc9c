"""Stencils that a network has learnt come back as tables: those of a field, and those of a run as files."""

import copy
import json

import numpy as np
import pytest
import torch
from torch import nn

import tableau2net as t2n
from tableau2net.analysis.space.moments import space_order
from tableau2net.cli import check_run
from tableau2net.nn import entry
from tableau2net.runs.verdict import kept, read_run
from tableau2net.scheme import Stencil
from tableau2net.training import Recipe, load_data, train


def drawn(field, seed=0):
    torch.manual_seed(seed)
    with torch.no_grad():
        for p in field.parameters():
            p.add_(torch.randn_like(p) / 3)
    return field


def boxed(stencil, held):
    """The weights of a table in the box of a field, along axis 0 where it is of one axis."""
    found = np.zeros(held.box)
    for at, w in stencil.points.items():
        at = (*at, *[0] * (len(held.box) - len(at)))
        found[tuple(j - low for j, low in zip(at, held.low, strict=True))] = float(w)
    return found


CASES = [
    ({"x": "central-1-4", "xx": "central-2-4"}, {"learn": "constrained", "keep_order": 2}, [2, 2]),
    ({"x": "upwind-3"}, {"learn": "constrained", "keep_dissipative": True, "keep_order": 2, "size": 7}, [2]),
    ({"xy": "central-1-4"}, {"learn": "constrained", "keep_order": 3}, [3]),
    ({"x": "central-1-4", "xx": "central-2-4"}, {"learn": "frozen"}, [4, 4]),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("stencils", "options", "orders"), CASES)
def test_a_learnt_stencil_is_a_table_of_its_order(stencils, options, orders, dtype):
    field = drawn(t2n.field(stencils, **options)).to(dtype)
    found = t2n.stencils_of(field)
    assert [each.derivative for each in found] == list(stencils)
    assert [space_order(each.stencil).order for each in found] == orders
    bound = 1e-13 if dtype == torch.float64 else 1e-6
    for each, row in zip(found, field.stencils().detach().double(), strict=True):
        np.testing.assert_allclose(boxed(each.stencil, field.stencils), row.view(field.stencils.box), atol=bound)


def test_free_weights_are_the_decimals_that_they_are():
    (found,) = t2n.stencils_of(drawn(t2n.field(["central-2-2"], learn="free", size=3)))
    assert found.kept is None
    assert space_order(found.stencil).order < 0


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A run of a network whose block steps an equation with learnt stencils."""
    monkeypatch.setattr(entry, "REGISTERED", copy.copy(entry.REGISTERED))
    monkeypatch.setattr("tableau2net.nn.registry.REGISTERED", entry.REGISTERED)

    @t2n.register_model
    def diffusing(*, num_classes: int = 10) -> nn.Module:
        """Diffusion of the channels of an image, then a linear map."""
        stencils = {"x": "central-1-2", "xx": "central-2-2", "yy": "central-2-2"}
        options = {"learn": "constrained", "keep_order": 2, "size": 3, "dimension": 2}
        field = t2n.field(stencils, "u_x + 1/10*(u_xx + u_yy)", **options)
        block = t2n.compile("rk4", step_weights="shared")(field, 2, h=0.5)
        return nn.Sequential(block, nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, num_classes))

    out = tmp_path / "run"
    recipe = Recipe(epochs=1, batch_size=20, augment=False)
    train(model_name="diffusing", data=load_data("glyphs:20:20"), recipe=recipe, out=out, quiet=True)
    return out


@pytest.mark.slow
def test_a_run_gives_its_stencils_as_files(folder, tmp_path):
    run = read_run(folder)
    assert kept(run)
    assert [each.learnt.derivative for each in run.stencils] == ["x", "xx", "yy"]
    text = "\n".join(check_run.lines(run))
    assert "0.field, xx: learnt, order 2; symbol: Re from" in text
    assert "largest step: euler" in text
    record = json.loads(json.dumps(check_run.record(run)))
    assert record["stencils"][0]["order"] == 2
    written = check_run.write(run, tmp_path / "learnt")
    assert sorted(path.stem for path in written) == ["0-field-x", "0-field-xx", "0-field-yy"]
    for path, each in zip(written, run.stencils, strict=True):
        table = t2n.load(path, Stencil)
        assert table.points == each.learnt.stencil.points
        assert space_order(table).order == table.claims["order"] == 2
