"""The declaration of a run: to JSON and back, what makes two the same run, and each face that its fields have."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from tableau2net.cli import app
from tableau2net.data.sources import SourceRequest
from tableau2net.declared import bare, canonical, declared, plain
from tableau2net.errors import InputError
from tableau2net.recipes.adversary import COUNTS, USUAL_OF, AdversarySpec
from tableau2net.recipes.presets import PRESETS
from tableau2net.recipes.recipe import SCHEDULES, Recipe
from tableau2net.recipes.task import CLASSIFY, DENOISE, TaskSpec
from tableau2net.runs.result import Result
from tableau2net.runs.run_spec import (
    OPTIONS,
    PARTS,
    SETTINGS,
    DataSpec,
    ExecutionSpec,
    NetworkSpec,
    RunSpec,
    SchemeOptions,
)
from tableau2net.scheme import load
from tableau2net.scheme.saved import dumps
from tableau2net.tables import Grid
from tableau2net.tables.standing import is_finished
from tableau2net.training import train
from tableau2net.training.train_options import TrainOptions

RESULTS = sorted((Path(__file__).parents[2] / "results").rglob("result.json"))
SAME = {  # may differ when a run goes on
    "data_dir", "workers", "device", "engine", "num_threads", "evaluate", "evaluate_step", "evaluate_every",
}  # fmt: skip

text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
number = st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(st.none() | st.booleans() | st.integers() | number | text, lambda v: st.lists(v, max_size=3))
parts = st.floats(0, 1)


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    sgd = draw(st.booleans())
    return Recipe(
        epochs=draw(st.integers(20, 10**6)), batch_size=draw(st.integers(1, 10**9)), lr=draw(st.floats(1e-9, 1e9)),
        momentum=draw(st.floats(0.1, 0.99)), milestones=tuple(draw(st.lists(parts, max_size=3))),
        augment=draw(st.booleans()), refine=draw(st.sampled_from([(), (0.5,), (0.25, 0.5)])),
        clip=draw(st.none() | st.tuples(st.floats(0.1, 9), st.floats(0.1, 9))), optimiser="sgd" if sgd else "adamw",
        nesterov=sgd and draw(st.booleans()), schedule=draw(st.sampled_from(SCHEDULES)), warmup=draw(st.floats(0, 3)),
        cutout=draw(st.integers(0, 32)), ema=draw(st.floats(0, 0.99)),
    )  # fmt: skip


@st.composite
def adversaries(draw: st.DrawFn) -> AdversarySpec:
    name = draw(st.none() | st.sampled_from(list(COUNTS)))
    own = {key: draw(st.none() | st.integers(1, 9)) for key in USUAL_OF.get(name or "", {})}
    if name is not None and draw(st.booleans()):
        name = "-".join([name, *(str(draw(st.integers(1, 9))) for _ in COUNTS[name])])
    if name is not None:
        own |= {"attack_step": draw(st.none() | st.floats(0, 1)), "ramp": draw(st.floats(0, 20))}
    told = draw(st.lists(st.sampled_from(["pgd-20", "pgd-3-2", "margin-4", "fgsm"]), unique=True, max_size=3))
    return AdversarySpec(name, epsilon=draw(st.floats(0, 1)), evaluate=tuple(told), **own)


@st.composite
def tasks(draw: st.DrawFn) -> TaskSpec:
    low, high = sorted([draw(st.floats(0, 100)), draw(st.floats(0, 100))])
    noise = st.builds(
        TaskSpec, task=st.just("denoise"), sigma=st.just(high), sigma_from=st.none() | st.just(low),
        test_sigma=st.lists(st.floats(0, 100), unique=True, max_size=3).map(tuple), clamp=st.booleans(),
        patch=st.integers(0, 4096), patches=st.none() | st.integers(1, 9), grey=st.booleans(),
        test_data=st.none() | text,
    )  # fmt: skip
    return draw(st.just(TaskSpec()) | noise | st.builds(TaskSpec, task=st.just("next-state"), loss=st.just("l1")))


def made(adversary: AdversarySpec, execution: ExecutionSpec, task: TaskSpec, **parts: Any) -> RunSpec:
    """A run; an attack goes through the steps one by one, and images without labels are neither mixed nor attacked."""
    if task.kind is not CLASSIFY:
        adversary = AdversarySpec()
        parts["recipe"] = replace(parts["recipe"], **dict.fromkeys(task.kind.alien, 0))
    parts["task"] = task
    return RunSpec(adversary=AdversarySpec() if execution.layer_parallel else adversary, execution=execution, **parts)


runs = st.builds(
    made,
    network=st.builds(
        NetworkSpec, scheme=st.none() | text, model=st.none() | text, depth=st.integers(1, 2048),
        options=st.dictionaries(text, values, max_size=3), text=st.none() | text,
    ),
    data=st.builds(
        DataSpec, source=text, data_dir=text, validation=st.integers(0, 9), limit_train=st.none() | st.integers(1, 9),
        size=st.integers(8, 4096), workers=st.none() | st.integers(0, 256),
        found=st.dictionaries(text, st.integers() | text, max_size=2),
    ),
    preset=st.none() | st.sampled_from(list(PRESETS)),
    recipe=recipes(),
    adversary=adversaries(),
    task=tasks(),
    seed=st.integers(0, 2**63 - 1),
    execution=st.builds(
        ExecutionSpec, device=st.none() | text, precision=st.none() | text, engine=st.none() | text,
        num_threads=st.none() | st.integers(1, 1024), layer_parallel=st.none() | st.sampled_from(["4", "2:3:F:1,1"]),
    ),
)  # fmt: skip


def flat(told: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """The fields of a declaration's JSON, each by its path; what a caller put into it is one value."""
    return {
        key: value
        for name, own in told.items()
        for key, value in (
            flat(own, (*path, name)).items()
            if isinstance(own, dict) and name not in ("options", "found")
            else [((*path, name), own)]
        )
    }


def the_same(a: Any, b: Any) -> bool:
    """Equal as JSON: true is no 1, but 1.0 is 1. Not as the program has it."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(the_same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(the_same, a, b))
    return isinstance(a, bool) == isinstance(b, bool) and a == b


# ------------------------------------------------------------------------------------------------- JSON and equality


@settings(max_examples=60, deadline=None)
@given(run=runs)
def test_there_and_back(run: RunSpec) -> None:
    told = json.loads(json.dumps(plain(run)))
    again = RunSpec.read(told, "a test")
    assert again == run
    assert plain(again) == plain(run) == told
    assert hash(again) == hash(run)
    assert run.differences(again) == []


@settings(max_examples=60, deadline=None)
@given(run=runs, other=runs, data=st.data())
def test_two_are_the_same_run_where_what_decides_is_equal(run: RunSpec, other: RunSpec, data: st.DataObject) -> None:
    """A few fields of one in the place of those of another, whose JSON is compared field by field."""
    first, second = flat(plain(run)), flat(plain(other))
    taken = data.draw(st.sets(st.sampled_from(sorted(first))))
    told: dict[str, Any] = json.loads(json.dumps(plain(run)))
    for *above, name in taken:
        place = told
        for key in above:
            place = place[key]
        place[name] = second[(*above, name)]
    try:
        mixed = RunSpec.read(told, "a test")
    except InputError:  # numbers of a recipe that do not go together
        return
    third = flat(plain(mixed))
    equal = all(the_same(first[key], third[key]) for key in first if key[-1] not in SAME)
    assert (run == mixed) == equal
    assert (run.differences(mixed) == []) == equal
    assert (canonical(run.decided()) == canonical(mixed.decided())) == equal


def test_an_option_of_nothing_is_told_from_none() -> None:
    run, other = (RunSpec(network=NetworkSpec(options=options)) for options in ({}, {"width": None}))
    assert run != other
    assert run.differences(other) == ["options.width: nothing there, None here"]


def test_each_field_decides_or_does_not() -> None:
    """As the list says: everything but where a run is done, and by whom."""
    found = {own.name: own.compare for kind in (*PARTS, Recipe) for own in fields(kind)}
    assert {name for name, decides in found.items() if not decides} == SAME


def test_what_is_in_a_strangers_file_is_named() -> None:
    wrong: dict[str, tuple[Any, str]] = {
        "seed": ("0", "seed: Expected `int`, got `str`"),
        "network.depth": (True, "network.depth: Expected `int | null`"),
        "colour": (1, "unknown key 'colour'; known here: network, data"), "recipe": (None, "recipe: Expected `object`"),
        "data.size": (4097, "data.size: Expected `int` <= 4096"),
        "recipe.lrr": (1, "unknown key 'recipe.lrr'; known here: epochs"),
        "recipe.lr": (-1, "recipe: lr is -1.0; it must be positive"), "data.workers": (10**400, "data.workers"),
        "recipe.epochs": (10**30, "recipe: epochs is"), "network.options": ([1], "network.options: Expected `object`"),
        "execution.precision": (16, "execution.precision: Expected `str | null`"), "preset": ({}, "preset: Expected"),
    }  # fmt: skip
    for path, (value, words) in wrong.items():
        told = plain(RunSpec())
        *above, name = path.split(".")
        (told[above[0]] if above else told)[name] = value
        with pytest.raises(InputError) as caught:
            RunSpec.read(told, "run.json")
        assert str(caught.value).startswith(f"run.json: {words}"), (path, caught.value)
    for found in (None, [], 3, "x"):
        with pytest.raises(InputError, match=r"^run.json: Expected `object`"):
            RunSpec.read(found, "run.json")


# ---------------------------------------------------------------------------------------------------------- networks


def test_a_scheme_of_the_library_is_its_name_and_one_of_ones_own_its_text(tmp_path: Path) -> None:
    own = replace(load("lm"), name="mine")
    (tmp_path / "mine.toml").write_text(dumps(own))
    (tmp_path / "copy.toml").write_text(dumps(load("lm")))
    library = [NetworkSpec("lm"), NetworkSpec(str(tmp_path / "copy.toml")), RunSpec.of({"scheme": load("lm")}).network]
    assert {(each.settled().scheme, each.settled().text) for each in library} == {("lm", None)}
    ones = [NetworkSpec(str(tmp_path / "mine.toml")), RunSpec.of({"scheme": own}).network]
    assert {(each.settled().scheme, each.settled().text) for each in ones} == {("mine", dumps(own))}
    assert all(each.settled().declared() == own for each in ones)
    (tmp_path / "mine.toml").unlink()  # what was settled needs no file
    assert RunSpec(network=ones[1].settled()).network.settled() == ones[1].settled()


def test_what_a_scheme_says_of_itself_decides_nothing() -> None:
    """A title, a source or a claim may be mended after a run; a coefficient may not."""
    scheme, other = (replace(load(name), name="own") for name in ("rk4", "rk4-38"))
    run, mended, another = (
        RunSpec(network=NetworkSpec(scheme="own", text=dumps(each)))
        for each in (scheme, replace(scheme, reference="Kutta 1901, p. 443", claims={}), other)
    )
    assert run == mended
    assert run != another
    assert plain(run) != plain(mended)
    assert run != RunSpec(network=NetworkSpec(scheme="own", text="no scheme at all"))


def test_what_is_said_by_default_is_the_same_as_what_is_not() -> None:
    said = {f"options.{name}": own.default for name, own in declared(SchemeOptions).items()}
    assert RunSpec.of(said).network.settled() == RunSpec.of({}).network.settled()
    assert RunSpec.of({"options.keep_order": 1}).network.settled() != RunSpec.of({}).network.settled()


# --------------------------------------------------------------------------------------------------------- the faces


def parameters(command: str) -> dict[str, Any]:
    found = typer.main.get_command(app).commands[command]  # type: ignore[attr-defined]
    return {each.name: each for each in found.params}


def test_every_field_is_an_option_of_train() -> None:
    found = parameters("train")
    assert {own.name for kind in (*PARTS, SchemeOptions, Recipe) for own in declared(kind).values()} == {
        own.name for _, own in OPTIONS.values()
    }
    for name, (_, own) in OPTIONS.items():
        option = found[name]
        assert option.opts == [f"--{name.replace('_', '-')}"]
        assert option.help.startswith(own.said.help)
        if get_origin(bare(own.hint)) is tuple:
            assert option.default is None
            assert not own.default or f"[default: {', '.join(map(str, own.default))}]" in option.help
        elif own.said.kind is str:  # a fraction, as text
            assert option.default is None
            assert f"[default: {own.said.usual}]" in option.help
        else:
            default = option.default
            assert (str(default) if isinstance(default, Path) else default) == own.default, name
            assert own.said.usual is None or option.help.endswith(f"[default: {own.said.usual}]")


def test_options_of_other_commands_say_the_same() -> None:
    trained = parameters("train")
    for command, names in (
        ("refine", ("data_dir", "device")),
        ("compile", ("sharing", "stage_weights", "keep_order", "keep_stable", "backward")),
    ):
        for name in names:
            own = parameters(command)[name]
            assert (own.help, own.default, own.opts) == (trained[name].help, trained[name].default, trained[name].opts)


def example(own: Any) -> Any:
    """A value of a field that is not its default."""
    kind = bare(own.hint)
    if get_args(kind)[:1] == (str,):
        return ["pgd-7"]
    if get_origin(kind) is tuple:
        return [0.25] if get_args(kind)[1] is ... else [0.25, 0.75]
    other = {int: 9, float: 0.25, bool: not own.default, str: "cpu"}[kind]
    words = {"optimiser": "adamw", "schedule": "cosine", "preset": "modern", "coefficients": "free"}
    words |= {"task": "next-state", "loss": "l1"}
    return {**words, "layer_parallel": "4:2:FCF:2,1", "adversary": "pgd-7"}.get(own.name, other)


def test_every_field_can_be_set_in_a_table(tmp_path: Path) -> None:
    """Each by itself, and it reaches its field."""
    for key, own in OPTIONS.values():
        key, value = own.name if own.name == "coefficients" else key, example(own)
        network = "" if own.name in ("scheme", "model") else "scheme = 'lm'\n"
        if own.name in ("evaluate_step", "evaluate_every"):
            network += "evaluate = ['pgd-2']\n"
        if own.name in ("split", "epsilon", "attack_step", "ramp", "beta"):
            network += f"adversary = '{'trades' if own.name == 'beta' else 'yopo'}'\n"
        network += "task = 'denoise'\n" if own.name in DENOISE.settings else ""
        path = tmp_path / "table.toml"
        path.write_text(f"format = 1\n[common]\n{network}{key} = {json.dumps(value)}\n")
        (run,) = Grid.read(path).runs
        asked = run.asked
        parts = (asked.network, asked.data, asked.execution, asked.recipe, asked.adversary, asked.task)
        places = [{name: value for name, value in vars(asked).items() if value not in parts}, *map(vars, parts)]
        (there,) = [place[own.name] for place in (*places, asked.network.options) if own.name in place]
        assert there == (tuple(value) if isinstance(value, list) else value), key


def test_every_field_is_a_keyword_of_train() -> None:
    typed = get_type_hints(TrainOptions)
    keywords = {"model": "model_name"}
    wanted = {keywords.get(name, name) for name, (key, _) in OPTIONS.items() if not key.startswith("recipe.")}
    assert wanted - {"scheme", "data"} <= typed.keys()
    assert "recipe" in typed
    for name, (part, own) in SETTINGS.items():
        if name not in ("scheme", "data", "data_dir"):
            hint = typed[keywords.get(name, name)]
            assert bare(own.hint) in (hint, *get_args(hint)), (part, name)
    with pytest.raises(InputError, match="seed: is said by the RunSpec already"):
        train(RunSpec(), out="never", seed=3)
    with pytest.raises(InputError, match="data: is said by the RunSpec already"):
        train(RunSpec(), out="never", data="glyphs:60:20")


def test_defaults_stand_once() -> None:
    """All that a run is without anything being said comes from the fields."""
    assert RunSpec.of({}) == RunSpec()
    assert plain(RunSpec.of({name: own.default for name, (_, own) in SETTINGS.items()})) == plain(RunSpec())
    asked = SourceRequest(DataSpec.source)  # which is made without a run too
    assert DataSpec().request() | {"data_dir": Path(DataSpec.data_dir)} | {"seed": 0} == vars(asked)


# ------------------------------------------------------------------------------------------------------ real folders


def test_a_run_that_is_stored_and_gone_on_with_is_the_same(tmp_path: Path) -> None:
    recipe = Recipe(epochs=1, batch_size=20)
    first = train("lm", out=tmp_path / "a", depth=8, widths=(4, 4, 4), data="glyphs:40:10", recipe=recipe, quiet=True)
    assert first.run is not None
    read = Result.read(tmp_path / "a" / "result.json")
    assert read.run == first.run
    assert plain(read.run) == plain(first.run)
    assert (
        train(replace(first.run, execution=ExecutionSpec("cpu")), out=tmp_path / "a", resume=True, quiet=True) == first
    )
    again = train(read.run, out=tmp_path / "b", quiet=True)
    assert (again.run, again.train_loss, again.test_error) == (first.run, first.train_loss, first.test_error)
    told = json.loads((tmp_path / "a" / "result.json").read_text())
    assert (told["seed"], told["recipe"], told["preset"]) == (0, told["run"]["recipe"], told["run"]["preset"])
    assert told["data"] == {"source": told["run"]["data"]["source"], **told["run"]["data"]["found"]}
    del told["run"]  # as an older version wrote it
    assert Result.of(told, "an older result").asked == first.run
    with safe_open(tmp_path / "a" / "checkpoint.safetensors", framework="numpy") as file:
        kept = json.loads(file.metadata()["progress"])
    assert RunSpec.read(kept["run"], "the checkpoint") == first.run
    assert is_finished(tmp_path / "a", RunSpec.of({"scheme": "lm", "depth": 8, "data": "there/glyphs:40:10",
                                                   "options.widths": [4, 4, 4], "recipe": recipe}))  # fmt: skip
    with pytest.raises(InputError, match=r"belongs to another run \(seed: 0 there, 1 here\)"):
        is_finished(tmp_path / "a", replace(first.run, seed=1))


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.parent.name)
def test_results_of_older_versions_say_what_was_asked(path: Path) -> None:
    result = Result.read(path)
    run = RunSpec.read(json.loads(json.dumps(plain(result.asked))), "again")
    assert run == result.asked
    assert (run.seed, run.data.source, run.preset) == (result.seed, result.data["source"], result.preset)
    assert plain(run.recipe).items() >= result.recipe.items()
    assert run.network.options.items() == {k: v for k, v in result.options.items() if k != "scheme"}.items()
    assert run.network.model == result.model or (run.network.scheme, run.network.depth) == (result.scheme, result.depth)
