"""All that training knows of networks and schemes: how to make one, group it, and read its coefficients."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from tableau2net import analysis
from tableau2net.data.data import Data
from tableau2net.nn import coefficient_values, create_model, exact_coefficients, model_name, parameter_groups
from tableau2net.nn.around.depths import sort_depths
from tableau2net.nn.blocks import blocks_of
from tableau2net.nn.registry import depth_of, find_model, told_to
from tableau2net.runs.run_spec import NetworkSpec
from tableau2net.scheme import Scheme, load
from tableau2net.scheme.saved import dumps


@dataclass(frozen=True)
class ReadyNetwork:
    """A network that is ready to be trained, its facts ready for JSON, and its scheme's text where it has one."""

    model: nn.Module
    facts: dict[str, Any]
    text: str | None


def said_by(data: Data) -> dict[str, int]:
    """The options that data say to `create_model`: how many classes there are, or without labels, channels."""
    return {"num_classes": data.classes} if data.classes else {"in_channels": data.shape[0]}


def build(network: NetworkSpec, said: Mapping[str, int]) -> nn.Module:
    """A network, its weights drawn as chance is at; `said` by its data. Raises InputError where there is none such."""
    scheme = network.declared()
    options = network.options if scheme is None else {**network.options, "scheme": scheme}
    name = f"resnet{network.depth}" if network.model is None else network.model
    return create_model(name, **{**told_to(name, said), **options})


def made(network: NetworkSpec, said: Mapping[str, int], seed: int) -> ReadyNetwork:
    """A network that is settled, its weights drawn from `seed` on the CPU whatever device it will run on, and what is
    known of it: names, proved order, options, exact coefficients.

    The scheme of one by name is that of its blocks, else its family's, else there is none to tell of."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build(network, said)
    scheme, options = network.declared(), dict(network.options)
    depth: int | None
    if network.model is None:
        assert scheme is not None
        assert network.depth is not None
        name, depth = model_name(scheme, network.depth), network.depth
        fixed = options["coefficients"] == "fixed"
    else:
        entry, _ = find_model(network.model)
        given, name, depth = scheme is not None, network.model, depth_of(network.model) or None
        scheme = _scheme_of(model) or (load(entry.scheme) if entry.scheme else None)
        options |= {"scheme": scheme.name} if given and scheme else {}
        fixed = not learnt(model)
    facts = {"model": name, "scheme": None, "order": None, "depth": depth, "options": options, "exact": {}}
    if scheme is None:
        return ReadyNetwork(model, facts, None)
    rest = scheme.at_defaults() if fixed else scheme
    facts |= {"scheme": rest.name, "order": analysis.order(rest), "exact": exact_coefficients(rest)}
    return ReadyNetwork(model, facts, dumps(scheme))


def own_facts(model: nn.Module) -> dict[str, Any]:
    """What is known of a module that was given as it is."""
    return {"model": type(model).__name__, "scheme": None, "order": None, "depth": None, "options": {}}


def _scheme_of(model: nn.Module) -> Scheme | None:
    """The scheme that a network says it steps with, or that its first block was compiled from."""
    said = getattr(model, "scheme", None)
    return said if isinstance(said, Scheme) else next((made.scheme for _, _, made in blocks_of(model)), None)


def groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups for an optimiser: learnt coefficients of a scheme do not decay."""
    return parameter_groups(model, weight_decay)


def settled(model: nn.Module) -> bool:
    """Has what a network decides once an epoch decided: the order of fields that learn their depth. Whether it is
    another one."""
    return sort_depths(model)


def learnt(model: nn.Module) -> dict[str, Any]:
    """The coefficients that `model` learns, as they are now, ready for JSON; empty where it learns none."""
    return coefficient_values(model)
