"""`tableau2net summary`: what is known of a network before it is trained."""

from __future__ import annotations

from typing import Annotated

import typer

from tableau2net.cli.options import key_value
from tableau2net.cli.streams import print_json
from tableau2net.errors import InputError
from tableau2net.multigrid import Plan


def summary(
    name: Annotated[str, typer.Argument(help="Name of a network: lm_resnet56, say; `tableau2net models` lists them.")],
    scheme: Annotated[
        str | None, typer.Option(help="Name or file of a scheme, in the place of that of the network.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE for the network; as often as needed: survival=0.5.")
    ] = None,
    num_classes: Annotated[int, typer.Option(min=1, help="Classes of its head.")] = 10,
    input_size: Annotated[str, typer.Option(help="Of an image: channels, rows, columns.")] = "3,32,32",
    layer_parallel: Annotated[
        str | None,
        typer.Option(
            metavar="M:LEVELS:FCF:2,1",
            help="Model training with steps many at once, in intervals of M, on 1, 2, 4, 16 and 64 processes.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """Show the blocks of a network before it is trained: scheme and proved order, cost, memory, what may go wrong.

    Measured on one random image, with the weights that training would start from.
    """
    size = _sizes(input_size)
    plan = None if layer_parallel is None else Plan.parse(layer_parallel, "--layer-parallel")
    options = dict(key_value(each, taken=("scheme", "num_classes", "name")) for each in option or ())

    import torch

    from tableau2net.nn.overview import summary as of
    from tableau2net.nn.registry import create_model

    torch.manual_seed(0)
    found = of(create_model(name, scheme=scheme, num_classes=num_classes, **options), size, layer_parallel=plan)
    if json:
        print_json(found.to_dict())
        return
    from tableau2net.cli.terminal import Terminal

    Terminal().print(found)


def _sizes(given: str) -> tuple[int, ...]:
    """3,32,32. Raises InputError for anything but whole numbers from 1 to 4096."""
    try:
        sizes = tuple(int(part) for part in given.split(","))
    except ValueError:
        sizes = ()
    if not sizes or not all(1 <= size <= 4096 for size in sizes):
        raise InputError(f"--input-size {given[:40]!r}: write channels,rows,columns, as in 3,32,32")
    return sizes
