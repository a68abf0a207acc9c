"""The result of a run, as DIR/result.json holds it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tableau2net.declared import converted, hints, plain
from tableau2net.errors import InputError
from tableau2net.files import read_text
from tableau2net.recipes.task import CLASSIFY, Measure, TaskKind
from tableau2net.runs.run_spec import USUAL, RunSpec
from tableau2net.sinks import printable

RESULT = "result.json"
MAX_BYTES = 64 * 2**20  # learnt coefficients of each step and channel are in it


@dataclass(frozen=True)
class Result:
    """What a finished run found, and all it takes to run it again: `run`, which a result of an older version has not.

    Errors are per cent of wrong predictions at the end of the last epoch; `validation_error` is None where nothing was
    held out. A run of another task has none of them, and its own figures in `figures`: "test_psnr", "validation_ssim"
    and the like, which its JSON has in the place of errors. `images_per_second` counts training alone, `seconds`
    evaluation too. `coefficients` has "scheme", exact with its parameters left open, and "before" and "after" training:
    exact numbers where they are
    fixed, floats per block where they are learnt. `refinements` has an entry for each time the steps were halved:
    the first "epoch" of the new steps, and what `compare_accuracy` found, as in `AccuracyChange`.

    `flops` (a multiplication with its addition as two) and `evaluations` (of fields) are those of a forward pass of one
    image. `precision` is what the forward pass computes in, `engine` how a step is run, `processes` how many shared
    each batch. `residual` is what is left of implicit stages at the first test images, the most of all, in lengths
    of the step. A result of an older version says nothing of these. `robust` has the test errors under attack, by the
    attack: "pgd-20 8/255".
    """

    model: str
    scheme: str | None
    order: int | None
    depth: int | None
    parameters: int
    options: dict[str, Any]
    seed: int
    recipe: dict[str, Any]
    data: dict[str, Any]
    epochs: int
    train_loss: float
    train_error: float | None
    validation_error: float | None
    test_error: float | None
    images_per_second: float
    seconds: float
    coefficients: dict[str, Any]
    versions: dict[str, str]
    device: dict[str, Any]
    commit: str | None
    date: str
    refinements: list[dict[str, Any]] = field(default_factory=list)
    preset: str | None = None
    flops: int | None = None
    evaluations: int | None = None
    precision: str = "float32"
    engine: str = "eager"
    processes: int = 1
    residual: float | None = None
    run: RunSpec | None = None
    robust: dict[str, float] = field(default_factory=dict)
    figures: dict[str, float | None] = field(default_factory=dict)

    @property
    def task(self) -> TaskKind:
        """What was learnt."""
        return CLASSIFY if self.run is None else self.run.task.kind

    def figure(self, part: str, measure: Measure | None = None) -> float | None:
        """What a "test", a "validation" or training came to, by the main measure of its task unless another is named;
        None where it was not measured."""
        key = f"{part}_{(measure or self.task.main).name}"
        return self.figures.get(key) if key not in CLASSIFY.keys else getattr(self, key)

    def to_json(self) -> str:
        """The text of result.json."""
        found: dict[str, Any] = {}
        for name, value in asdict(self).items():
            if name == "train_error" and self.task is not CLASSIFY:
                found |= self.figures
            elif name != "figures" and (name not in CLASSIFY.keys or self.task is CLASSIFY):
                found[name] = value
        return json.dumps(found, indent=2, ensure_ascii=False) + "\n"

    def measured_by(self, asked: RunSpec) -> bool:
        """Whether it has the error under each attack that is asked for."""
        return {str(attack) for attack in asked.adversary.attacks} <= self.robust.keys()

    @cached_property
    def asked(self) -> RunSpec:
        """The run as it was asked for; of a result of an older version, as far as the rest of it says.

        Raises InputError, one line with the key, where it says what cannot be."""
        return self.run or of_older(vars(self))

    @classmethod
    def read(cls, path: str | Path) -> Result:
        """The result in a file. Raises InputError, one line, when it is missing or no result of a run."""
        text = read_text(Path(path), MAX_BYTES)
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: is not JSON ({error}); write it again with tableau2net train") from error
        return cls.of(found, str(path))

    @classmethod
    def of(cls, found: Any, name: str) -> Result:
        """The result that parsed JSON holds; `name` says where it came from in an InputError's line."""
        if not isinstance(found, dict):
            raise InputError(f"{name}: is not the result of a run (expected an object)")
        for own in fields(cls):
            if own.name in ("run", "figures") or own.name in CLASSIFY.keys:
                continue
            if own.name not in found:
                if own.default_factory is not MISSING or own.default is not MISSING:  # of a version that had none
                    continue
                raise InputError(f"{name}: has no {own.name!r}; write it again with tableau2net train")
            try:
                converted(hints(cls)[own.name], found[own.name])
            except ValueError:
                line = f"{name}: {own.name!r} is not {own.type}; write it again with tableau2net train"
                raise InputError(line) from None
        told = {own.name: _plain(found[own.name]) for own in fields(cls) if own.name in found}
        run = None if found.get("run") is None else RunSpec.read(found["run"], f"{name}: run")
        task = CLASSIFY if run is None else run.task.kind
        figures = {key: _figure(found, key, name, needed=key in task.needed) for key in task.keys}
        errors = {key: figures.pop(key, None) for key in CLASSIFY.keys}
        return cls(**told | errors | {"run": run, "figures": figures})


def _figure(found: Mapping[str, Any], key: str, name: str, *, needed: bool) -> float | None:
    """A figure that a file says. Raises InputError where it is needed and not there, and for what is no number."""
    if key not in found:
        raise InputError(f"{name}: has no {key!r}; write it again with tableau2net train")
    try:
        value: float | None = converted(float if needed else float | None, found[key])
    except ValueError:
        kind = "float" if needed else "float | None"
        raise InputError(f"{name}: {key!r} is not {kind}; write it again with tableau2net train") from None
    return value


def told(run: RunSpec) -> dict[str, Any]:
    """What a result, and a picture of a run, tell of the run as it was asked for."""
    data = {"source": run.data.source, **run.data.found}
    return {"seed": run.seed, "recipe": plain(run.recipe), "preset": run.preset, "data": data}


def of_older(told: Mapping[str, Any]) -> RunSpec:
    """The run of a result, or a checkpoint, of an older version, which told its parts one by one. What it never said is
    as it is by itself. Raises InputError for what cannot be."""
    options, data = dict(told["options"]), dict(told["data"])
    named = not {"coefficients", *USUAL} <= options.keys()  # a network of a scheme has told all of these
    given = options.pop("scheme", None) is not None or not named
    network = {
        "scheme": told["scheme"] if given else None,
        "text": (told.get("coefficients") or {}).get("file") if given else None,
        "model": told["model"] if named else None,
        "depth": None if named else told["depth"],
        "options": options,
    }
    read_from = {"source": str(data.pop("source", None)), "validation": data.get("validation") or 0, "found": data}
    execution = {"precision": told.get("precision"), "engine": told.get("engine")}
    rest = {name: told.get(name) for name in ("recipe", "preset", "seed")}
    run = RunSpec.read({"network": network, "data": read_from, "execution": execution, **rest}, "of an older version")
    try:
        return replace(run, network=run.network.settled())
    except InputError:  # a scheme that is not to be had
        return run


def _plain(value: Any, key: str = "") -> Any:
    """What a file says, printable: it is shown in terminals and tables. But for the text of a scheme's file."""
    if isinstance(value, dict):
        return {printable(name): _plain(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return printable(value) if isinstance(value, str) and key != "file" else value
