"""All that training knows of networks and schemes: how to make one, group it, and read its coefficients."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tableau2net import analysis
from tableau2net.nn import coefficient_values, create_model, exact_coefficients, model_name, parameter_groups
from tableau2net.nn.blocks import blocks_of
from tableau2net.nn.registry import find_model
from tableau2net.runs.result import USUAL
from tableau2net.scheme import Scheme, load
from tableau2net.scheme.file import dumps


@dataclass(frozen=True)
class ReadyNetwork:
    """A network that is ready to be trained, its facts ready for JSON, and its scheme's text where it has one."""

    model: nn.Module
    facts: dict[str, Any]
    text: str | None


def made(
    scheme: str | Path | Scheme | None, depth: int, name: str | None, given: Mapping[str, Any], classes: int, seed: int
) -> ReadyNetwork:
    """The network that a name of the registry, or without one a scheme and a depth, stand for."""
    if name is not None:
        return Named(name, {**given, "scheme": scheme}).made(classes, seed)
    chosen = SchemeNetwork("adamnet-2" if scheme is None else scheme, depth, given)
    return ReadyNetwork(chosen.build(classes, seed), chosen.facts(), chosen.text)


def own_facts(model: nn.Module) -> dict[str, Any]:
    """What is known of a module that was given as it is."""
    return {"model": type(model).__name__, "scheme": None, "order": None, "depth": None, "options": {}}


@dataclass(frozen=True)
class Named:
    """Which network to make, by its name for `create_model`, and the options that were given with it."""

    name: str
    given: Mapping[str, Any] = field(default_factory=dict)

    def made(self, classes: int, seed: int) -> ReadyNetwork:
        """The network, its weights drawn from `seed` on the CPU, and what is known of it.

        Its scheme is that of its blocks, else its family's, else there is none to tell of."""
        entry, said = find_model(self.name)
        options = {name: value for name, value in self.given.items() if value is not None}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = create_model(self.name, num_classes=classes, **options)
        scheme = _scheme_of(model) or (load(entry.scheme) if entry.scheme else None)
        if "scheme" in options and scheme is not None:
            options["scheme"] = scheme.name
        facts = {
            "model": self.name,
            "scheme": scheme.name if scheme else None,
            "order": analysis.order(_at_rest(scheme, model)) if scheme else None,
            "depth": said.get("depth"),
            "options": options,
            "exact": exact_coefficients(_at_rest(scheme, model)) if scheme else {},
        }
        return ReadyNetwork(model, facts, dumps(scheme) if scheme else None)


def _scheme_of(model: nn.Module) -> Scheme | None:
    """The scheme that a network says it steps with, or that its first block was compiled from."""
    said = getattr(model, "scheme", None)
    return said if isinstance(said, Scheme) else next((made.scheme for _, _, made in blocks_of(model)), None)


def _at_rest(scheme: Scheme, model: nn.Module) -> Scheme:
    """A scheme with its parameters at their declared values where the network does not learn them."""
    return scheme if learnt(model) else scheme.at_defaults()


@dataclass(frozen=True)
class SchemeNetwork:
    """Which network to make: a scheme, a depth, and options of `create_model`, which its defaults are added to.

    `coefficients` is "learnable" by default where the scheme has parameters, else "fixed"."""

    scheme: str | Path | Scheme
    depth: int
    given: Mapping[str, Any] = field(default_factory=dict)

    def build(self, classes: int, seed: int) -> nn.Module:
        """The network, its weights drawn from `seed` on the CPU whatever device it will run on."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return create_model(f"resnet{self.depth}", scheme=self.declared, num_classes=classes, **self.options)

    def facts(self) -> dict[str, Any]:
        """What is known of it beforehand, ready for JSON: names, proved order, options, exact coefficients."""
        scheme = self.declared.at_defaults() if self.options["coefficients"] == "fixed" else self.declared
        return {
            "model": self.model,
            "scheme": scheme.name,
            "order": analysis.order(scheme),
            "depth": self.depth,
            "options": self.options,
            "exact": exact_coefficients(scheme),
        }

    @property
    def text(self) -> str:
        """The scheme as a file would hold it: what a run's folder needs so that it can be read anywhere."""
        return dumps(self.declared)

    @property
    def model(self) -> str:
        """The name by which it is known: "lm_resnet20", or "resnet20" for a scheme that has no name of its own."""
        return model_name(self.declared, self.depth)

    @cached_property
    def declared(self) -> Scheme:
        """The scheme itself. Raises InputError when there is none of that name."""
        return self.scheme if isinstance(self.scheme, Scheme) else load(self.scheme)

    @property
    def options(self) -> dict[str, Any]:
        """The options of `create_model`: those that were given, and the defaults that a reader would ask for."""
        defaults = {"coefficients": "learnable" if self.declared.parameters else "fixed", **USUAL}
        return defaults | {name: value for name, value in self.given.items() if value is not None}


def groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups for an optimiser: learnt coefficients of a scheme do not decay."""
    return parameter_groups(model, weight_decay)


def learnt(model: nn.Module) -> dict[str, Any]:
    """The coefficients that `model` learns, as they are now, ready for JSON; empty where it learns none."""
    return coefficient_values(model)
