"""Networks whose skip connection is another: damped, with momentum, implicit."""

import json

import pytest
import torch
from torch import nn

import tableau2net as t2n
from tableau2net.nn.learnt import learnt_schemes
from tableau2net.runtime.solve_residuals import residuals
from tableau2net.training import Recipe, load_data, load_network, train

TINY = {"widths": (4, 8, 16)}


def test_a_damped_state_is_never_amplified_and_where_it_starts():
    net = t2n.create_model("in_resnet20", widths=(2, 2, 2))
    drawn = torch.cat([block.d_raw for block in net.blocks]).detach()
    assert bool(((drawn >= 0.2) & (drawn <= 0.25)).all())
    narrow = torch.cat([block.d_raw for block in t2n.create_model("lambda_in_resnet164", widths=(1, 1, 1)).blocks])
    assert len(narrow) == 3 * 17
    assert bool(((narrow >= 0.1) & (narrow <= 0.2)).all())
    (first, *_), f = net.blocks, nn.Linear(3, 3).double()
    block = type(first)([f, f, f]).double()
    y = torch.randn(5, 3, dtype=torch.float64)
    with torch.no_grad():
        block.d_raw.copy_(torch.tensor([-0.3, 0.5, 7.0]))
    expected = y + f(y)
    expected = 0.5 * expected + f(expected)
    expected = -1 * expected + f(expected)  # cut off at 2, where a state would grow by itself
    found = block(y)
    torch.testing.assert_close(found, expected)
    found.sum().backward()
    assert block.d_raw.grad[1] != 0
    assert block.d_raw.grad[[0, 2]].tolist() == [0, 0]
    assert [float(s.values["d"]) for s in learnt_schemes(block)] == [0, 0.5, 2]


def test_from_rest_the_first_slope_counts_as_any_other():
    """With γ at 99/100 hardly anything moves behind a transition from rest; a first slope would go on as it is."""
    torch.manual_seed(0)
    y = torch.randn(2, 8, 8, 8, dtype=torch.float64)
    moved = {}
    for history in ("rest", "carry"):
        net = t2n.create_model("momentum_resnet20", gamma="99/100", history=history, **TINY).double()
        assert [block.given for block in net.blocks] == ([1, 1, 1] if history == "rest" else [0, 1, 1])
        (begun,), past = net.transitions[-1].leading(y)
        assert (past["y_prev"] is begun) == (history == "rest")
        moved[history] = float((net.blocks[-1](begun, **past) - begun).detach().norm())
    assert moved["rest"] < moved["carry"] / 10


def test_an_implicit_network_by_its_authors_way_or_solved():
    torch.manual_seed(0)
    x = torch.randn(4, 3, 16, 16)
    left = {}
    for solver, options in {
        "gradient": {},
        "more": {"iterations": 40, "descent": 0.02},
        "newton-krylov": {"solver": "newton-krylov", "tolerance": 1e-4},
    }.items():
        torch.manual_seed(0)
        net = t2n.create_model("ie_resnet14", **TINY, **options)
        with residuals() as found, torch.no_grad():
            net(x)
        left[solver] = max(found)
    assert left["newton-krylov"] < 1e-2 < left["more"] < left["gradient"]
    assert not any(isinstance(module, nn.BatchNorm2d) for module in net.modules())


def test_a_run_says_what_is_left_of_implicit_stages(tmp_path):
    data = load_data("glyphs:60:20")
    recipe = Recipe(epochs=2, batch_size=30)
    for name in ("ie_resnet14", "resnet14"):
        told = train(model_name=name, out=tmp_path / name, data=data, recipe=recipe, quiet=True, **TINY)
        rows = [json.loads(line) for line in (tmp_path / name / "log.jsonl").read_text().splitlines()]
        if name == "resnet14":
            assert told.residual is None
            assert "residual" not in rows[-1]
            continue
        assert told.residual == rows[-1]["residual"]
        net = load_network(tmp_path / name).eval()
        x, _ = next(iter(data.batches("test", torch.device("cpu"))))
        with residuals() as found, torch.no_grad():
            net(x)
        assert told.residual == pytest.approx(max(found), rel=1e-4)
        again = train(model_name=name, out=tmp_path / name, data=data, recipe=recipe, quiet=True, resume=True, **TINY)
        assert again.residual == told.residual
