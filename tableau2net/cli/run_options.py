"""Options that are fields of a run's declaration: their names, help, bounds and defaults are said there."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import typer

from tableau2net.declared import Declared, bare, bounds, fraction
from tableau2net.errors import InputError
from tableau2net.runs.run_spec import OPTIONS

Command = TypeVar("Command", bound=Callable[..., None])


def run_options(*names: str, help: str | None = None) -> Callable[[Command], Command]:
    """Gives a command these options of a run, where it has parameters of these names, else as its ``**asked``.

    help: of all of them, which then have no defaults: None is for what was not said."""

    def given(command: Command) -> Command:
        own = inspect.signature(command).parameters
        hints = get_type_hints(command, include_extras=True)
        built = {name: _parameter(name, OPTIONS[name][1], help) for name in names}
        parameters = [
            built.get(name, each.replace(annotation=hints[name]))
            for name, each in own.items()
            if each.kind is not inspect.Parameter.VAR_KEYWORD
        ]
        parameters += [each for name, each in built.items() if name not in own]
        signature = inspect.Signature(
            sorted(parameters, key=lambda each: (each.kind, (each.name in own) == (help is None)))
        )
        command.__signature__ = signature  # type: ignore[attr-defined]
        command.__annotations__ = {name: each.annotation for name, each in signature.parameters.items()}
        return command

    return given


def _parameter(name: str, known: Declared, help: str | None) -> inspect.Parameter:
    """A field as a parameter that typer makes an option of."""
    said, default, kind = known.said, known.default, bare(known.hint)
    usual, flags = said.usual, []
    if get_origin(kind) is tuple:  # written as text, and read by `settings_of`
        usual = ", ".join(map(str, default)) if default else usual
        kind, default = list[str] if get_args(kind)[1] is ... else str, None
    if help is not None or (kind is float and said.kind is str):  # a fraction, read by `settings_of`
        usual, default = None if help is not None else usual, None
    if said.switch:
        flags = [f"--{name.replace('_', '-')}"]
    least, most = bounds(known.hint) if said.ranged else (None, None)
    text = f"{help or said.help}{f' [default: {usual}]' if usual else ''}"
    option = typer.Option(*flags, help=text, min=least, max=most, metavar=said.metavar)
    kind = said.kind or kind
    hint: Any = Annotated[kind if default is not None else kind | None, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)


def settings_of(context: typer.Context, options: Mapping[str, Any]) -> dict[str, Any]:
    """What the user has said of a run, as `RunSpec.of` takes it. Raises InputError for numbers that are none."""
    found = {}
    for name, value in options.items():
        source = context.get_parameter_source(name)
        if name in OPTIONS and source is not None and source.name == "COMMANDLINE":
            key, known = OPTIONS[name]
            found[key] = _read(known, name, value)
    return found


def _read(known: Declared, name: str, value: Any) -> Any:
    """An option's value as its field has it."""
    kind, option = bare(known.hint), f"--{name.replace('_', '-')}"
    if kind is float and isinstance(value, str):
        return _fraction(option, value, "a number or a fraction, 0.03 or 8/255")
    if get_origin(kind) is not tuple:
        return value
    if get_args(kind)[0] is str:
        return tuple(value)
    if get_args(kind)[1] is ...:
        return tuple(_fraction(option, text) for text in value)
    try:
        first, second = map(float, value.split(","))
    except ValueError:
        raise InputError(f"{option} {value[:40]!r}: write two numbers, {known.said.metavar}, as in 0.5,1.5") from None
    return first, second


def _fraction(option: str, text: str, wanted: str = "a fraction of the epochs, 0.5 or 2/3") -> float:
    """A number like 0.5 or 2/3. Raises InputError for what is neither."""
    try:
        return fraction(text)
    except ValueError:
        raise InputError(f"{option} {text[:40]!r}: write {wanted}") from None
