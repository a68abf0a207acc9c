"""`tableau2net train`: a scheme and images in, a folder of results out."""

import itertools
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from tableau2net.analysis import report
from tableau2net.cli.options import Backward, KeepOrder, KeepStable, Sharing, StageWeights, key_value
from tableau2net.cli.scheme_display import scheme_view
from tableau2net.cli.terminal import Terminal
from tableau2net.errors import InputError
from tableau2net.scheme import load
from tableau2net.sinks import printable

# What `training.train` takes itself: no option of a network goes by these names.
_TAKEN = {
    "scheme", "out", "depth", "data", "recipe", "preset", "seed", "device", "precision", "engine", "data_dir",
    "validation", "limit_train", "size", "workers", "resume", "max_seconds", "model", "model_name", "tensorboard",
    "quiet", "begun", "num_classes",
}  # fmt: skip

# Options that are numbers of a recipe, by their own names: given, they take the place of the preset's.
_RECIPE = (
    "epochs", "batch_size", "lr", "momentum", "weight_decay", "smoothness", "augment", "optimiser", "nesterov",
    "schedule", "warmup", "label_smoothing", "cutout", "mixup", "ema",
)  # fmt: skip

# With none of --scheme, --model and --data, a demonstration that two CPU cores finish in two minutes.
DEMO_DEPTH, DEMO_EPOCHS = 14, 6
MOST_THREADS = 4096


def train(
    context: typer.Context,
    scheme: Annotated[str | None, typer.Option(help="Name or file of a scheme. [default: adamnet-2]")] = None,
    model: Annotated[
        str | None, typer.Option(help="Name of a network, in the place of --scheme and --depth: revnet38, say.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE for the network; as often as needed: survival=0.5.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="cifar10, cifar100, stl10, svhn, glyphs, glyphs:TRAIN:TEST, FILE.npz, or a FOLDER with train/ and "
            "val/. [default: glyphs]"
        ),
    ] = None,
    depth: Annotated[int | None, typer.Option(help="6n + 2: 20, 32, 44, 56, 110. [default: 20]")] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="A recipe by name: lm-2018, adamnet-2019, dynamicblocks-2019, stochastic-depth, modern."),
    ] = None,
    epochs: Annotated[int, typer.Option(help="Times through the data.")] = 160,
    batch_size: Annotated[int, typer.Option(help="Images per step.")] = 128,
    optimiser: Annotated[str, typer.Option(help="sgd or adamw.")] = "sgd",
    lr: Annotated[float, typer.Option(help="The highest learning rate; AdamW wants about 0.001.")] = 0.1,
    schedule: Annotated[
        str, typer.Option(help="What the rate does: steps (falls at milestones), cosine, one-cycle or constant.")
    ] = "steps",
    milestone: Annotated[
        list[str] | None,
        typer.Option(help="Fraction of the epochs where the rate falls to a tenth; repeatable. [default: 0.5, 0.75]"),
    ] = None,
    warmup: Annotated[float, typer.Option(help="Epochs in which the rate rises from 0.")] = 0.0,
    momentum: Annotated[float, typer.Option(help="Momentum of SGD.")] = 0.9,
    nesterov: Annotated[bool, typer.Option(help="Nesterov's momentum.")] = False,
    weight_decay: Annotated[float, typer.Option(help="Weight decay; none on learnt coefficients.")] = 1e-4,
    label_smoothing: Annotated[float, typer.Option(help="Share of a label that goes to all classes alike.")] = 0.0,
    ema: Annotated[float, typer.Option(help="Decay a step of an average of the weights, which is measured.")] = 0.0,
    refine_at: Annotated[
        list[str] | None,
        typer.Option(help="Fraction of the epochs where each step becomes two, and the schedule restarts; repeatable."),
    ] = None,
    smoothness: Annotated[float, typer.Option(help="Weight of a dynamic network's change of weights in time.")] = 0.0,
    clip: Annotated[
        str | None, typer.Option(help="KERNELS,SCALINGS: a dynamic network's weights stay within: 0.5,1.5.")
    ] = None,
    augment: Annotated[bool, typer.Option(help="Shift images, and mirror them where that keeps their label.")] = True,
    cutout: Annotated[int, typer.Option(help="Side in pixels of a square cut out of each image.")] = 0,
    mixup: Annotated[float, typer.Option(help="Images are mixed by Beta(ALPHA, ALPHA).", metavar="ALPHA")] = 0.0,
    seed: Annotated[int, typer.Option(help="Decides weights, order and augmentation.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run. [default: runs/SCHEME-DEPTH-DATA-seedSEED]")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in that folder.")] = False,
    max_seconds: Annotated[
        float | None, typer.Option(help="Stop then, with a checkpoint to go on from with --resume.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1. [default: a GPU if there is one]")] = None,
    precision: Annotated[
        str | None, typer.Option(help="float32 or bfloat16, of the forward pass. [default: bfloat16 on a GPU]")
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(help="eager, compile, graph or compile-graph. [default: compile-graph on a GPU, else eager]"),
    ] = None,
    num_threads: Annotated[int | None, typer.Option(min=1, max=1024, help="CPU threads. [default: torch's]")] = None,
    data_dir: Annotated[Path, typer.Option(help="Where torchvision's data sets are, or go.")] = Path("data"),
    validation: Annotated[int, typer.Option(help="Hold out the last N training images; evenly, of a folder.")] = 0,
    limit_train: Annotated[int | None, typer.Option(help="Then train on the first N only.")] = None,
    size: Annotated[int, typer.Option(min=8, max=4096, help="Pixels that images of a folder are cut to.")] = 224,
    workers: Annotated[
        int | None,
        typer.Option(min=0, max=256, help="Processes that decode a folder. [default: 8 at most]"),
    ] = None,
    coefficients: Annotated[
        str | None, typer.Option(help="fixed, learnable or free. [default: learnable if the scheme has parameters]")
    ] = None,
    sharing: Sharing = "step",
    shortcut: Annotated[str, typer.Option(help="Where the width changes: pad, conv or bn-relu-conv.")] = "bn-relu-conv",
    history: Annotated[str, typer.Option(help="Of a multistep scheme, there: carry or restart.")] = "carry",
    stage_weights: StageWeights = "shared",
    keep_order: KeepOrder = None,
    keep_stable: KeepStable = False,
    backward: Backward = "store",
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Events for TensorBoard, in the folder.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print result.json at the end, and nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")] = False,
) -> None:
    """Train the network of a scheme, or one by its name, by the published recipe, and leave the results in a folder.

    With none of --scheme, --model and --data: a demonstration, a small AdamNet on the embedded digits.
    """
    demo = scheme is None and data is None and model is None
    declared = load(scheme or "adamnet-2") if model is None or scheme is not None else None
    if model is not None and depth is not None:
        raise InputError(f"--depth {depth}: --model {model} says it already; leave one of the two out")
    data = data or "glyphs"
    depth = depth if depth is not None else DEMO_DEPTH if demo else 20
    changes: dict[str, Any] = {"epochs": DEMO_EPOCHS} if demo and preset is None else {}
    changes |= {name: value for name, value in context.params.items() if name in _RECIPE and _asked(context, name)}
    lists = {"milestones": ("--milestone", milestone), "refine": ("--refine-at", refine_at)}
    changes |= {name: _fractions(said, given) for name, (said, given) in lists.items() if given is not None}
    changes |= {} if clip is None else {"clip": _bounds(clip)}
    if out is None:
        network = plain_name(model) if model else f"{plain_name((declared and declared.name) or 'scheme')}-{depth}"
        out = Path("runs") / f"{network}-{plain_name(data)}-seed{seed}"
        out = numbered_folder(out, last=resume) if demo else out

    def begun() -> None:
        """Said when everything that was asked for has been found sound, and not before."""
        if declared is not None:
            Terminal().print(scheme_view(report(declared)))
        if demo:
            print(f"A demonstration: depth {depth} and {recipe.epochs} epochs; published networks start at 20 and 160.")
        print(f"Results go to {printable(out)}", flush=True)

    if num_threads is not None and num_threads > MOST_THREADS:
        raise InputError(f"--num-threads {str(num_threads)[:20]}: at most {MOST_THREADS}")
    import torch

    from tableau2net.recipes.presets import find_preset
    from tableau2net.training import Recipe, Stopped
    from tableau2net.training import train as run

    if num_threads is not None:
        torch.set_num_threads(num_threads)
    recipe = (find_preset(preset).recipe if preset else Recipe()).changed(changes)
    options: dict[str, Any] = {
        "coefficients": coefficients, "sharing": sharing, "shortcut": shortcut, "history": history,
        "stage_weights": stage_weights, "keep_order": keep_order, "keep_stable": keep_stable or None,
        "backward": None if backward == "store" else backward,
    }  # fmt: skip
    if model is not None:  # which of them it takes is for its family to say: it is told what was asked for, no more
        options = {key: value for key, value in options.items() if _asked(context, key)}
    options |= dict(key_value(text, _TAKEN) for text in option or ())
    try:
        result = run(
            declared, out=out, depth=depth, data=data, seed=seed, recipe=recipe, preset=preset,
            device=device, precision=precision, engine=engine, data_dir=data_dir, validation=validation,
            limit_train=limit_train, size=size, workers=workers, resume=resume, max_seconds=max_seconds,
            model_name=model, tensorboard=tensorboard, quiet=quiet,
            begun=None if json else begun, **options,
        )  # fmt: skip
    except Stopped as stopped:
        print(printable(stopped), file=sys.stderr if json else sys.stdout)  # with --json, stdout is for a result alone
        raise typer.Exit(143 if stopped.reason == "SIGTERM" else 0) from None  # 128 + 15, as a shell counts it
    except KeyboardInterrupt:
        raise typer.Exit(130) from None  # as a shell counts an interrupt; the run has said how to go on
    if json:
        print(result.to_json(), end="")
        return
    held = "" if result.validation_error is None else f", validation error {result.validation_error:.2f} %"
    print(
        f"{model or f'{result.scheme}, depth {result.depth}'}, {result.parameters:,} parameters: "
        f"test accuracy {100 - result.test_error:.2f} % (error {result.test_error:.2f} %{held}) "
        f"after {result.seconds:.0f} s; see {printable(out / 'curves.png')}"
    )


def _fractions(name: str, given: Iterable[str]) -> tuple[float, ...]:
    """Numbers like 0.5 or 2/3. Raises InputError for what is neither."""
    found = []
    for text in given:
        above, _, below = text.partition("/")
        try:
            found.append(float(above) / float(below or 1))
        except (ValueError, ZeroDivisionError):
            raise InputError(f"{name} {text[:40]!r}: write a fraction of the epochs, 0.5 or 2/3") from None
    return tuple(found)


def _bounds(text: str | None) -> tuple[float, float] | None:
    """KERNELS,SCALINGS. Raises InputError for anything but two numbers."""
    if text is None:
        return None
    try:
        kernels, scalings = map(float, text.split(","))
    except ValueError:
        raise InputError(f"--clip {text[:40]!r}: write two bounds, KERNELS,SCALINGS, as in 0.5,1.5") from None
    return kernels, scalings


def _asked(context: typer.Context, name: str) -> bool:
    """Whether an option was given by the user."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def plain_name(data: str) -> str:
    """A source's name as part of a folder's name: "glyphs:500:100" is glyphs-500-100, "a/b.npz" is b."""
    path = Path(data)
    name = path.stem if data.endswith(".npz") else path.name if path.is_dir() else data
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)


def numbered_folder(folder: Path, *, last: bool) -> Path:
    """The first of folder, folder-2, folder-3, … that does not exist yet; with `last`, the one before it."""
    names = itertools.chain([folder], (folder.with_name(f"{folder.name}-{n}") for n in itertools.count(2)))
    previous = folder
    for name in names:
        if not name.exists():
            return previous if last else name
        previous = name
    raise AssertionError("there is always a next number")
