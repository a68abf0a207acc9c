"""A network comes back from a folder as it was, and the commands that refine one."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from safetensors.torch import load_file
from typer.testing import CliRunner

import tableau2net as t2n
from tableau2net.cli.check_run import lines
from tableau2net.cli.refine import refine as refine_command
from tableau2net.cli.train import train as train_command
from tableau2net.errors import InputError
from tableau2net.nn.change import Change
from tableau2net.nn.refinement import refine
from tableau2net.runs.verdict import read_run
from tableau2net.training import ImageData, Recipe, load_data, load_network, train

APP = typer.Typer()
APP.command("train")(train_command)
APP.command("refine")(refine_command)


def run(*words: object) -> Any:
    return CliRunner().invoke(APP, list(map(str, words)))


@pytest.fixture(scope="module")
def few() -> ImageData:
    return load_data("glyphs:40:20")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a small dynamic network, one refinement in it, by the command."""
    out = tmp_path_factory.mktemp("runs") / "run"
    words = (
        "train --model dynamic_rk4_double --option widths=[4,8,8] --option states=[0,1,2] --option norm=batch --data "
        "glyphs:60:20 --validation 20 --epochs 3 --batch-size 20 --refine-at 1/3 --milestone 1/2 --milestone 2/3 "
        "--smoothness 0.001 --clip 0.4,1.2 --device cpu --quiet --json --out"
    )
    ended = run(*words.split(), out)
    assert ended.exit_code == 0, ended.output
    return out


def outputs(net: torch.nn.Module) -> torch.Tensor:
    torch.manual_seed(0)
    with torch.no_grad():
        return net.eval()(torch.randn(2, 3, 32, 32))


def test_options_of_levels_reach_the_run(folder: Path) -> None:
    recipe = json.loads((folder / "result.json").read_text())["recipe"]
    assert recipe["refine"] == [1 / 3]
    assert recipe["milestones"] == [1 / 2, 2 / 3]
    assert (recipe["smoothness"], recipe["clip"]) == (0.001, [0.4, 1.2])


def test_a_refined_run_comes_back(folder: Path) -> None:
    net = load_network(folder)
    by_hand = t2n.create_model("dynamic_rk4_double", widths=(4, 8, 8), states=(0, 1, 2), norm="batch").refine(2, 2)
    by_hand.load_state_dict(load_file(folder / "model.safetensors"))
    assert torch.equal(outputs(net), outputs(by_hand))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "options", "refined"),
    [
        (("lm",), {"depth": 14, "shortcut": "pad"}, True),
        (("rk4",), {"depth": 8}, True),
        ((), {"model_name": "post_resnet8", "scheme": "heun-3"}, False),
        ((), {"model_name": "revnet38", "widths": (4, 4, 8, 8)}, True),
    ],
)
def test_other_runs_come_back(
    words: Iterable[str], options: dict[str, Any], refined: bool, tmp_path: Path, few: ImageData
) -> None:
    recipe = Recipe(epochs=2, batch_size=20, refine=(0.5,) if refined else ())
    result = train(*words, **options, out=tmp_path, data=few, recipe=recipe, quiet=True)
    net = load_network(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    assert net.state_dict().keys() == state.keys()
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert sum(p.numel() for p in net.parameters()) == result.parameters
    scores = [net.eval()((x.float() - torch.tensor(few.mean).view(3, 1, 1)) / torch.tensor(few.std).view(3, 1, 1))
              for x in (few.x_test,)]  # fmt: skip
    assert 100 * float((scores[0].argmax(1) != few.y_test).double().mean()) == pytest.approx(result.test_error)


@pytest.mark.slow
def test_refine_and_coarsen_by_command(folder: Path, tmp_path: Path) -> None:
    ended = run("refine", folder, "-o", tmp_path / "fine", "--device", "cpu", "--json")
    assert ended.exit_code == 0, ended.output
    found = json.loads(ended.stdout)
    assert (found["measured_on"], found["steps_before"], found["steps"]) == ("validation", 8, 16)
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert found["error_before"] == log[-1]["validation_error"]
    fine = load_network(tmp_path / "fine")
    assert torch.equal(outputs(fine), outputs(load_network(folder).refine(2, 2)))
    ended = run("refine", tmp_path / "fine", "--coarsen", "-o", tmp_path / "back", "--device", "cpu")
    assert "16 → 8 steps" in ended.stdout
    assert "validation error" in ended.stdout
    parameters = [dict(load_network(place).named_parameters()) for place in (folder, tmp_path / "back")]
    assert parameters[0].keys() == parameters[1].keys()  # θ is back; statistics need not be
    assert all(torch.equal(value, parameters[1][name]) for name, value in parameters[0].items())
    # Training goes on from it.
    net = load_network(tmp_path / "back")
    train(model=net, out=tmp_path / "more", data="glyphs:40:20", recipe=Recipe(epochs=1), quiet=True)


def test_a_network_without_two_grids(tmp_path: Path, few: ImageData) -> None:
    net = t2n.create_model("resnet8", widths=(4, 8, 16))
    assert torch.equal(outputs(Change("refine", 3, 3).apply(net)), outputs(refine(net, 3)))
    with pytest.raises(InputError, match="states=2, controls=1: a ResidualNetwork has its weights at its steps"):
        Change("refine", 2, 1).apply(net)
    with pytest.raises(InputError, match="cannot be coarsened"):
        Change("coarsen").apply(net)


@pytest.mark.parametrize(
    "given", [("melt", 2, 2), ("refine", 0, 1), ("refine", 2, 65), ("refine", 2.0, 2), ("coarsen", True, 2)]
)
def test_a_change_that_is_none_is_refused(given: tuple[Any, ...]) -> None:
    with pytest.raises(InputError):
        Change(*given)


def test_what_cannot_be_refined_is_one_line(folder: Path, tmp_path: Path) -> None:
    def refused(*words: object) -> str:
        ended = run("refine", *words, "--data", "glyphs:20:10", "--device", "cpu")
        assert isinstance(ended.exception, InputError), ended.output
        assert "\n" not in str(ended.exception)
        return str(ended.exception)

    assert "holds no finished run" in refused(tmp_path / "nowhere", "-o", tmp_path / "a")
    assert "not an empty folder" in refused(folder, "-o", folder)
    assert "states=0" in refused(folder, "-o", tmp_path / "a", "--states", "0")
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    said = {"model": "resnet8", "options": {}, "scheme": None, "classes": 10, "changes": []}
    for text in ("{", "[]", '{"model": 1}', json.dumps(said | {"changes": [{"how": "refine", "states": 64}] * 9}),
                 json.dumps(said | {"options": 3}), json.dumps(said | {"options": {"widths": "abc"}}),
                 json.dumps(said | {"changes": [{"who": 1}]}), json.dumps(said)):  # fmt: skip
        (damaged / "network.json").write_text(text)
        refused(damaged, "-o", tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_a_run_on_a_module_of_ones_own_cannot_be_made_again(tmp_path: Path, few: ImageData) -> None:
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3072, 10))
    train(model=net, out=tmp_path, data=few, recipe=Recipe(epochs=1), quiet=True)
    with pytest.raises(InputError, match="Sequential: was given to train as a module"):
        load_network(tmp_path)


@pytest.mark.parametrize(
    "words", ["--refine-at x", "--refine-at 1/0", "--refine-at 2", "--refine-at nan", "--clip 1", "--clip 1,a",
              "--clip 0,1", "--clip 1,2,3", "--smoothness -1", "--milestone 3/2", "--refine-at 0.5 --refine-at 0.5"],
)  # fmt: skip
def test_numbers_that_make_no_sense_are_one_line(words: str, tmp_path: Path) -> None:
    ended = run("train", "--model", "dynamic_rk1_double", *words.split(), "--out", tmp_path / "run", "--json")
    assert isinstance(ended.exception, InputError), ended.output
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("lm_resnet14", {}, r"lm, coefficients learnable\n +blocks.0, step 2: k = "),
        ("revnet26", {"widths": (4, 4, 8, 8)}, r"revnet, coefficients fixed\n +all blocks: order 1"),
        ("dynamic_rk4_double", {"widths": (4, 8), "states": (0, 1)}, "has no block of a scheme"),
        (
            "hamiltonian26",
            {"widths": (4, 4, 8), "scheme": "stormer-verlet-velocity"},
            "stormer-.*order 2",
        ),
    ],
)
def test_check_reads_networks_by_name(
    name: str, options: dict[str, Any], says: str, tmp_path: Path, few: ImageData
) -> None:
    train(model_name=name, **options, out=tmp_path, data=few, recipe=Recipe(epochs=1, batch_size=20), quiet=True)
    try:
        told = "\n".join(lines(read_run(tmp_path)))
    except InputError as error:
        told = str(error)
    assert re.search(says, told, re.DOTALL), told
