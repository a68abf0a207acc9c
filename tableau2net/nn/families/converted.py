"""Networks of torchvision and timm by their names there, on any scheme: "torchvision/resnet50", scheme="lm"."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Unpack

from torch import nn

from tableau2net.codegen import CompileOptions
from tableau2net.errors import InputError
from tableau2net.nn.conversion.turn import Activation, convert
from tableau2net.nn.entry import register_model
from tableau2net.nn.fields.normalisation import Norm, check_norm, normalised
from tableau2net.scheme import Scheme

PRETRAINED = "DEFAULT"
RESNETS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "wide_resnet50_2")


class ConvertOptions(CompileOptions, total=False):
    """Those of `convert`."""

    h: float
    after: Activation


@register_model(
    r"torchvision/(?P<model>[A-Za-z]\w*)",
    published=tuple(f"torchvision/{name}" for name in RESNETS),
    about="any residual network of torchvision on any scheme=, see docs/convert.md",
)
def of_torchvision(
    model: str,
    *,
    scheme: Scheme | str | Path = "euler",
    num_classes: int = 10,
    weights: str | None = None,
    norm: Norm = "batch",
    **options: Unpack[ConvertOptions],
) -> nn.Module:
    """A classifier of torchvision, converted.

    weights: None for fresh ones; "DEFAULT", or another name that torchvision has for this network ("IMAGENET1K_V1"),
        for pretrained ones, with a head of fresh weights where num_classes is not theirs.
    norm: of every layer of a fresh network, see `normalised`.  options: of `convert`.
    Raises InputError for a name that torchvision does not know, and for weights that are not to be had.
    """
    from torchvision import models

    _known("torchvision", model, models.list_models(module=models))
    _check_fresh(f"torchvision/{model}", norm, weights)
    if weights is None:
        return convert(
            normalised(models.get_model(model, weights=None, num_classes=num_classes), norm), scheme, **options
        )
    choice = models.get_model_weights(model)
    if weights not in choice.__members__:
        raise InputError(f"torchvision/{model}: weights={weights!r}: write one of {', '.join(choice.__members__)}")
    network = _loaded(f"torchvision/{model}", lambda: models.get_model(model, weights=choice[weights]))
    converted = convert(network, scheme, **options)
    if num_classes != len(choice[weights].meta["categories"]):
        _renew_head(converted, num_classes)
    return converted


@register_model(
    r"timm/(?P<model>[A-Za-z][\w.-]*)",
    published=("timm/resnet18", "timm/resnet50"),
    about="any residual network of timm on any scheme=, with weights= pretrained",
)
def of_timm(
    model: str,
    *,
    scheme: Scheme | str | Path = "euler",
    num_classes: int = 10,
    weights: str | None = None,
    norm: Norm = "batch",
    **options: Unpack[ConvertOptions],
) -> nn.Module:
    """A network of timm, converted: "resnet18", or with the tag of pretrained weights, "resnet18.a1_in1k".

    weights: None for fresh ones, "DEFAULT" for those of the tag, else timm's own choice; timm replaces the head.
    norm: of every layer of a fresh network, see `normalised`.  options: of `convert`.
    Raises InputError where timm is not installed, for a name it does not know, and for weights that are not to be had.
    """
    try:
        import timm
    except ImportError as error:
        raise InputError(f'timm/{model}: needs timm; pip install "tableau2net[timm]"') from error
    bare, _, tag = model.partition(".")
    _known("timm", bare, timm.list_models())
    if tag:
        _known("timm", model, timm.list_pretrained(f"{bare}.*"))
    if weights not in (None, PRETRAINED):
        raise InputError(f"timm/{model}: weights={weights!r}: write {PRETRAINED!r}; others are tags, {bare}.TAG")
    _check_fresh(f"timm/{model}", norm, weights)
    make = lambda: timm.create_model(model, pretrained=weights is not None, num_classes=num_classes)  # noqa: E731
    return convert(normalised(_loaded(f"timm/{model}", make), norm), scheme, **options)


def _check_fresh(name: str, norm: Norm, weights: str | None) -> None:
    """InputError for a word that is no `Norm`, and where pretrained weights have another normalisation than asked."""
    check_norm(norm)
    if weights is not None and norm != "batch":
        raise InputError(f"{name}: weights={weights!r} have their own normalisation; leave norm= out, or weights=")


def _known(library: str, model: str, names: Iterable[str]) -> None:
    known = list(names)
    if model not in known:
        near = difflib.get_close_matches(model, known, n=3)
        hint = ", ".join(f"{library}/{name}" for name in near or known[:3])
        raise InputError(f"{library} has no network {model[:60]!r}; did you mean {hint}?")


def _loaded(name: str, make: Callable[[], nn.Module]) -> nn.Module:
    """The network. Raises InputError where its weights cannot be downloaded."""
    try:
        return make()
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{name}: its weights cannot be had ({reason[:200]}); leave weights= out for fresh ones"
        ) from None


def _renew_head(network: nn.Module, num_classes: int) -> None:
    """Another last linear layer in the place of the one there."""
    name, head = [(name, m) for name, m in network.named_modules() if isinstance(m, nn.Linear)][-1]
    network.set_submodule(name, nn.Linear(head.in_features, num_classes, head.bias is not None))
