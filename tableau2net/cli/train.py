"""`tableau2net train`: a scheme and images in, a folder of results out."""

import itertools
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tableau2net.analysis import report
from tableau2net.cli.options import key_value
from tableau2net.cli.run_options import run_options, settings_of
from tableau2net.cli.scheme_display import scheme_view
from tableau2net.cli.terminal import Terminal
from tableau2net.errors import InputError
from tableau2net.runs.result import Result
from tableau2net.runs.run_spec import OPTIONS, TAKEN, RunSpec
from tableau2net.sinks import printable

# With none of --scheme, --model and --data, a demonstration that two CPU cores finish in two minutes.
DEMO_DEPTH, DEMO_EPOCHS = 14, 6


@run_options(*OPTIONS)
def train(
    context: typer.Context,
    *,
    option: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE for the network; as often as needed: survival=0.5.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run. [default: runs/SCHEME-DEPTH-DATA-seedSEED]")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in that folder.")] = False,
    max_seconds: Annotated[
        float | None, typer.Option(help="Stop then, with a checkpoint to go on from with --resume.")
    ] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Events for TensorBoard, in the folder.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print result.json at the end, and nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")] = False,
    **asked: Any,
) -> None:
    """Train the network of a scheme, or one by its name, by the published recipe, and leave the results in a folder.

    With none of --scheme, --model and --data: a demonstration, a small AdamNet on the embedded digits.
    """
    settings = settings_of(context, asked)
    model, demo = settings.get("model"), settings.keys().isdisjoint(("scheme", "model", "data"))
    if model is not None and "depth" in settings:
        raise InputError(f"--depth {settings['depth']}: --model {model} says it already; leave one of the two out")
    if demo:
        small = {"depth": DEMO_DEPTH} | ({} if "preset" in settings else {"recipe.epochs": DEMO_EPOCHS})
        settings = {**small, **settings}
    settings |= {f"options.{key}": value for key, value in (key_value(text, TAKEN) for text in option or ())}
    asked_for = RunSpec.of(settings)
    asked_for.adversary.check_said(settings)
    declared = asked_for.network.declared()
    if out is None:
        scheme = plain_name((declared and declared.name) or "scheme")
        network = plain_name(model) if model is not None else f"{scheme}-{asked_for.network.depth}"
        out = Path("runs") / f"{network}-{plain_name(asked_for.data.source)}-seed{asked_for.seed}"
        out = numbered_folder(out, last=resume) if demo else out

    def begun() -> None:
        """Said when everything that was asked for has been found sound, and not before."""
        if declared is not None:
            Terminal().print(scheme_view(report(declared)))
        if demo:
            depth, epochs = asked_for.network.depth, asked_for.recipe.epochs
            print(f"A demonstration: depth {depth} and {epochs} epochs; published networks start at 20 and 160.")
        print(f"Results go to {printable(out)}", flush=True)

    from tableau2net.training import Stopped
    from tableau2net.training import train as run

    try:
        result = run(
            asked_for, out=out, resume=resume, max_seconds=max_seconds, tensorboard=tensorboard, quiet=quiet,
            begun=None if json else begun,
        )  # fmt: skip
    except Stopped as stopped:
        print(printable(stopped), file=sys.stderr if json else sys.stdout)  # with --json, stdout is for a result alone
        raise typer.Exit(143 if stopped.reason == "SIGTERM" else 0) from None  # 128 + 15, as a shell counts it
    except KeyboardInterrupt:
        raise typer.Exit(130) from None  # as a shell counts an interrupt; the run has said how to go on
    if json:
        print(result.to_json(), end="")
        return
    print(
        f"{model or f'{result.scheme}, depth {result.depth}'}, {result.parameters:,} parameters: {figures(result)} "
        f"after {result.seconds:.0f} s; see {printable(out / 'curves.png')}"
    )
    for attack, error in result.robust.items():
        print(f"under {attack}: test accuracy {100 - error:.2f} % (error {error:.2f} %)")


def figures(result: Result) -> str:
    """What a run has come to, in a few words."""
    told = {
        f"{part} {measure.title}": measure.shown(value)
        for measure in result.task.measures
        for part in ("test", "validation")
        if (value := result.figure(part, measure)) is not None
    }
    if result.test_error is None:
        return ", ".join(f"{name} {value}" for name, value in told.items())
    held = "".join(f", {name} {value}" for name, value in told.items() if name.startswith("validation"))
    return f"test accuracy {100 - result.test_error:.2f} % (error {told['test error']}{held})"


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
