"""A run as it is asked for: one declaration of its network, data, recipe, seed and execution.

It goes to JSON and back; a checkpoint, a result and the worker of a table hold it whole. Two that are equal are the
same run: fields that say where or by whom it is done do not count. Its fields are the options of the command line, the
keywords of `train` and what a table can set, by the names that `SETTINGS` has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from tableau2net.declared import Declared, canonical, deciding, declared, differences, hold_types, plain, read, setting
from tableau2net.errors import InputError
from tableau2net.multigrid import Plan
from tableau2net.recipes.adversary import AdversarySpec
from tableau2net.recipes.presets import PRESETS, find_preset
from tableau2net.recipes.recipe import Recipe
from tableau2net.recipes.task import CLASSIFY, TaskSpec
from tableau2net.scheme import Scheme, as_scheme, load
from tableau2net.scheme.file import loads
from tableau2net.scheme.saved import dumps
from tableau2net.words import counted

SCHEME = "adamnet-2"  # where neither a scheme nor a network is named


@dataclass(frozen=True)
class SchemeOptions:
    """The options that all networks of a scheme have; families of networks have more."""

    coefficients: str | None = setting(
        None, "fixed, learnable or free.", usual="learnable if the scheme has parameters"
    )
    sharing: str = setting("step", "A learnt coefficient is per block (shared), step or channel.")
    shortcut: str = setting("bn-relu-conv", "Where the width changes: pad, conv or bn-relu-conv.")
    history: str = setting("carry", "Of a multistep scheme, there: carry, restart or rest.")
    stage_weights: str = setting("shared", "Weights of a step's stages: shared or independent.")
    keep_order: Annotated[int, Meta(ge=1)] | None = setting(
        None, "Learnt coefficients move only where the conditions of this order hold.", ranged=True
    )
    keep_stable: bool = setting(False, "Learnt coefficients of a multistep scheme stay zero-stable.", switch=True)
    backward: str = setting("store", "store, checkpoint, reversible or adjoint: what the backward pass has at hand.")


# Options that a network of a scheme has by itself: they are written into its result all the same.
USUAL = {name: getattr(SchemeOptions, name) for name in ("sharing", "shortcut", "history", "stage_weights")}


@dataclass(frozen=True)
class NetworkSpec:
    """A network: that of a scheme at a depth, or one by its name, and the options of `create_model` for it, for JSON.

    scheme: a name or a file.  text: of that file, where the name alone does not say it."""

    scheme: str | None = setting(None, "Name or file of a scheme.", usual=SCHEME)
    model: str | None = setting(None, "Name of a network, in the place of --scheme and --depth: revnet38, say.")
    depth: int | None = setting(20, "6n + 2: 20, 32, 44, 56, 110.")
    options: dict[str, Any] = field(default_factory=dict)
    text: str | None = None

    def __post_init__(self) -> None:
        hold_types(self, "network")
        if self.model is not None:  # which says it
            object.__setattr__(self, "depth", None)
        for name, value in self.options.items():
            try:
                json.dumps(value, allow_nan=False)
            except (TypeError, ValueError):
                wanted = "numbers, text, true, false and lists are expected"
                raise InputError(f"options.{name} = {str(value)[:60]!r}: {wanted}") from None
        object.__setattr__(self, "options", plain(self.options))

    def declared(self) -> Scheme | None:
        """The scheme; None where the name of the network says it. Raises InputError where there is none such."""
        if self.text is not None:
            return as_scheme(loads(self.text))
        if self.scheme is None and self.model is not None:
            return None
        return as_scheme(SCHEME if self.scheme is None else self.scheme)

    def settled(self) -> NetworkSpec:
        """The same network with nothing left open, and the text of a scheme that is not the library's.

        Raises InputError where there is no such scheme."""
        scheme = self.declared()
        options = {name: value for name, value in self.options.items() if value is not None}
        if self.model is None and scheme is not None:
            itself = {name: own.default for name, own in declared(SchemeOptions).items()}
            options = {name: value for name, value in options.items() if name not in itself or value != itself[name]}
            options = {"coefficients": "learnable" if scheme.parameters else "fixed", **USUAL, **options}
        named = None if scheme is None else scheme.name
        text = None if scheme is None or _is_shipped(scheme) else dumps(scheme)
        return NetworkSpec(named, self.model, self.depth, options, text)


@lru_cache(maxsize=256)
def _bare(text: str | None) -> str | None:
    """The text of a scheme without what it says of itself, which no result depends on."""
    try:
        return None if text is None else dumps(replace(loads(text), title="", reference="", claims={}))
    except InputError:  # a stranger's, which is told where the network is made
        return text


def _is_shipped(scheme: Scheme) -> bool:
    """Whether the name of a scheme is all that there is to say of it."""
    try:
        return bool(scheme.name) and load(scheme.name) == scheme
    except InputError:
        return False


@dataclass(frozen=True)
class DataSpec:
    """What to train on, see `load_data`. found: what was there when it was read: classes, counts, a digest."""

    source: str = setting(
        "glyphs",
        "cifar10, cifar100, stl10, svhn, glyphs, glyphs:TRAIN:TEST, FILE.npz, a FOLDER with train/ and val/, or a "
        "source that a package adds.",
        option="data",
    )
    data_dir: str = setting("data", "Where torchvision's data sets are, or go.", decides=False, kind=Path)
    validation: int = setting(0, "Hold out the last N training images; evenly, of a folder.")
    limit_train: int | None = setting(None, "Then train on the first N only.")
    size: Annotated[int, Meta(ge=8, le=4096)] = setting(224, "Pixels that images of a folder are cut to.", ranged=True)
    workers: Annotated[int, Meta(ge=0, le=256)] | None = setting(
        None, "Processes that decode a folder.", decides=False, usual="8 at most", ranged=True
    )
    found: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        hold_types(self, "data")

    def request(self) -> dict[str, Any]:
        """The arguments of `load_data`, of labelled images."""
        return {name: getattr(self, name) for name in declared(DataSpec)}


@dataclass(frozen=True)
class ExecutionSpec:
    """How a run computes; None leaves it to the machine. What comes of it depends on the precision and on
    `layer_parallel`, a plan for multigrid in time (see `tableau2net.multigrid.Plan.parse`) or None for serial steps."""

    device: str | None = setting(None, "cpu, cuda, cuda:1.", decides=False, usual="a GPU if there is one")
    precision: str | None = setting(None, "float32 or bfloat16, of the forward pass.", usual="bfloat16 on a GPU")
    engine: str | None = setting(
        None,
        "eager, compile, graph or compile-graph.",
        decides=False,
        usual="compile-graph on a GPU, else eager",
    )
    num_threads: Annotated[int, Meta(ge=1, le=1024)] | None = setting(
        None, "CPU threads.", decides=False, usual="torch's", ranged=True
    )
    layer_parallel: str | None = setting(
        None,
        "Steps of a block many at once, by multigrid in intervals of M; torchrun's processes then share the steps, not "
        "the batch. One-step schemes; cycles are of a forward and a backward pass.",
        metavar="M:LEVELS:FCF:2,1",
    )

    def __post_init__(self) -> None:
        hold_types(self, "execution")
        if self.layer_parallel is not None:  # written out, so that what is the same run is the same text
            object.__setattr__(self, "layer_parallel", str(Plan.parse(self.layer_parallel, "--layer-parallel")))


@dataclass(frozen=True, eq=False)
class RunSpec:
    """A run as it is asked for, see above. preset: the name of the recipe, before any of its numbers was changed."""

    network: NetworkSpec = field(default_factory=NetworkSpec)
    data: DataSpec = field(default_factory=DataSpec)
    preset: str | None = setting(None, f"A recipe by name: {', '.join(PRESETS)}.")
    recipe: Recipe = field(default_factory=Recipe)
    task: TaskSpec = field(default_factory=TaskSpec)
    adversary: AdversarySpec = field(default_factory=AdversarySpec)
    seed: int = setting(0, "Decides weights, order and augmentation.")
    execution: ExecutionSpec = field(default_factory=ExecutionSpec)

    def __post_init__(self) -> None:
        hold_types(self, "run")
        if not 0 <= self.seed < 2**63:  # what torch takes
            raise InputError(f"--seed {self.seed}: must be at least 0" + (", below 2^63" if self.seed > 0 else ""))
        self.task.check_recipe(self.recipe)
        if self.task.kind is not CLASSIFY and (self.adversary.adversary or self.adversary.evaluate):
            option = "adversary" if self.adversary.adversary else "evaluate"
            raise InputError(f"--{option}: is of --task {CLASSIFY.name}, this is {self.task.task}; leave it out")
        if self.adversary.adversary and self.execution.layer_parallel:
            raise InputError(
                f"--adversary {self.adversary.adversary}: an attack goes through the steps one by one; leave out "
                "--layer-parallel"
            )
        if self.adversary.ramp > self.recipe.epochs:
            raise InputError(
                f"--ramp {self.adversary.ramp:g}: the run has {counted(self.recipe.epochs, 'epoch')}; write no more"
            )

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> RunSpec:
        """The run of these settings: by the names of `SETTINGS`, "recipe.lr" and "options.survival".

        A preset gives the recipe that "recipe.lr" and its like change, and options that others come before; a whole
        recipe may be given as "recipe". Raises InputError for what cannot be."""
        chosen = {name: value for name, value in settings.items() if value is not None}
        preset = find_preset(chosen["preset"]) if "preset" in chosen else None
        said = {name: chosen[name] for name in chosen if SETTINGS.get(name, ("",))[0] == "task"}
        said |= {"test_data": str(said["test_data"])} if "test_data" in said else {}
        task = TaskSpec(**{**(preset.task if preset else {}), **said})
        if preset is None and "recipe" not in chosen and task.kind.preset:
            chosen["preset"] = task.kind.preset
            preset = find_preset(task.kind.preset)
        recipe = chosen.get("recipe", preset.recipe if preset else Recipe())
        options = {**(preset.options if preset else {}), **_below("options.", settings)}
        if isinstance(scheme := chosen.get("scheme"), Scheme):
            chosen |= {"scheme": scheme.name}
        parts: dict[str, dict[str, Any]] = {part: {} for part in PARTS.values()}
        for name in chosen.keys() & SETTINGS.keys():
            part, own = SETTINGS[name]
            parts[part][own.name] = str(chosen[name]) if isinstance(chosen[name], Path) else chosen[name]
        if isinstance(scheme, Scheme):
            parts["network"]["text"] = dumps(scheme)
        return cls(
            network=NetworkSpec(**parts["network"], options=options),
            data=DataSpec(**parts["data"]),
            recipe=recipe.changed(_below("recipe.", chosen)),
            task=task,
            adversary=AdversarySpec.of(parts["adversary"], preset.adversary if preset else {}),
            execution=ExecutionSpec(**parts["execution"]),
            **parts["run"],
        )

    @classmethod
    def read(cls, found: object, where: str) -> RunSpec:
        """The run that JSON tells of. Raises InputError, one line with `where` it is from and the key."""
        return read(cls, found, where)

    def decided(self) -> dict[str, Any]:
        """All that what comes of it depends on, ready for JSON, by the names of settings."""
        network, data, execution = map(deciding, (self.network, self.data, self.execution))
        found = {f"data.{name}": value for name, value in data.pop("found").items()}
        network = {"model": network.pop("model"), **network, "text": _bare(self.network.text)}
        task = deciding(self.task) if self.task.kind is not CLASSIFY else {}
        task |= {"test_data": Path(task["test_data"]).name} if task.get("test_data") else {}  # a copy is the same
        data = {"data": data.pop("source"), **data}
        return (
            {**network, "seed": self.seed, "preset": self.preset, "recipe": deciding(self.recipe)}
            | task
            | deciding(self.adversary)
            | execution
            | data
            | found
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunSpec) and canonical(self.decided()) == canonical(other.decided())

    def __hash__(self) -> int:
        return hash(canonical(self.decided()))

    def request(self) -> dict[str, Any]:
        """The arguments of `load_data`."""
        return {**self.data.request(), "task": self.task}

    def differences(self, other: RunSpec) -> list[str]:
        """Where the two are not the same run, as "recipe.lr: 0.1 there, 0.2 here"; this one is there."""
        return differences(self.decided(), other.decided())

    def beside(self, there: RunSpec) -> RunSpec:
        """This run, its network settled, with what else is left open as another has it: precision, and what data are; a
        copy of them elsewhere is the same data. Raises InputError where there is no such scheme."""
        copy = Path(self.data.source).name == Path(there.data.source).name
        source = there.data.source if copy else Path(self.data.source).name
        return replace(
            self,
            network=self.network.settled(),
            data=replace(self.data, source=source, found=self.data.found or there.data.found),
            execution=replace(self.execution, precision=self.execution.precision or there.execution.precision),
        )


def _below(prefix: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key.removeprefix(prefix): value for key, value in settings.items() if key.startswith(prefix)}


PARTS: dict[type, str] = {
    NetworkSpec: "network", DataSpec: "data", RunSpec: "run", TaskSpec: "task", AdversarySpec: "adversary",
    ExecutionSpec: "execution",
}  # fmt: skip
# What can be set of a run, by its name everywhere: which part has it, and its field; but for a recipe's and options.
SETTINGS: dict[str, tuple[str, Declared]] = {
    own.said.option or name: (part, own) for kind, part in PARTS.items() for name, own in declared(kind).items()
}
# All of it by the names of options on the command line, which are those of settings, "recipe." and "options." aside.
OPTIONS: dict[str, tuple[str, Declared]] = {
    own.said.option or own.name: (key, own)
    for key, own in [
        *((key, own) for key, (part, own) in SETTINGS.items() if part == "network"),
        *((f"options.{name}", own) for name, own in declared(SchemeOptions).items()),
        *((key, own) for key, (part, own) in SETTINGS.items() if part in ("data", "run")),
        *((f"recipe.{name}", own) for name, own in declared(Recipe).items()),
        *((key, own) for key, (part, own) in SETTINGS.items() if part in ("task", "adversary", "execution")),
    ]
}
# What `create_model` and `train` take besides: no option of a network goes by these names.
TAKEN = {
    *SETTINGS, "recipe", "model_name", "num_classes", "out", "resume", "max_seconds", "tensorboard", "quiet", "begun",
}  # fmt: skip
