"""Options that more than one subcommand takes, each said once."""

from __future__ import annotations

from typing import Annotated

import typer

Sharing = Annotated[str, typer.Option(help="A learnt coefficient is per block (shared), step or channel.")]
StageWeights = Annotated[str, typer.Option(help="Weights of a step's stages: shared or independent.")]
