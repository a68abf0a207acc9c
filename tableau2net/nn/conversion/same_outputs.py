"""A converted network beside the original, on a random input that the original takes: what is claimed was run once."""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from tableau2net.errors import InputError
from tableau2net.nn.conversion.checks import copied

_SIZES = (32, 64, 224, 256)
_MODES = (True, False)  # of calls in a row: a forward may find what the call before it has left


def not_compared(model: nn.Module, network: nn.Module) -> str:
    """Compares a converted network with its original, in train and then in eval mode, the same draws in both.

    Copies are run, without gradients, on an input that is guessed by the first layer and by what a network says of its
    image size. Why they were not, "" where they were. Raises InputError where the outputs are not the same."""
    place = next(model.parameters(), None)
    if place is None or place.is_meta:
        return "its weights have no values"
    if any(map(_hooked, model.modules())):
        return "its hooks would be called"
    for inputs in _inputs(model, place):
        theirs = _outcomes(model, inputs)
        if all(isinstance(each, Exception) for each in theirs):
            continue
        ours = _outcomes(network, inputs)
        differ = [i for i, each in enumerate(theirs) if not (isinstance(each, Exception) or _agree(each, ours[i]))]
        if differ and _agree(theirs, _outcomes(model, inputs)):  # else chance that no seed decides
            raise InputError(_differ(model, inputs, _MODES[differ[0]], ours[differ[0]]))
        return ""
    return "no input was found that it takes"


def _hooked(module: nn.Module) -> bool:
    """Whether a call of a module calls a hook that is none of torch's own (which make a weight, say)."""
    hooks = (*module._forward_pre_hooks.values(), *module._forward_hooks.values())
    return any(not str(getattr(hook, "__module__", "")).startswith("torch.") for hook in hooks)


def _differ(model: nn.Module, inputs: object, training: bool, ours: object) -> str:
    what = f"fails ({' '.join(str(ours).split())[:120]})" if isinstance(ours, Exception) else "gives other outputs"
    shape = tuple(inputs.shape) if isinstance(inputs, Tensor) else "a list of images"
    return (
        f"{type(model).__name__} as it was read {what} in {'train' if training else 'eval'} mode on a random input "
        f"({shape}): a forward does more than its calls say, and nothing is converted"
    )


def _outcomes(network: nn.Module, inputs: object) -> list[object]:
    """What a copy of a network gives in one call after the other, or the errors that it raises.

    No generator has moved afterwards."""
    python, numpy, mode = random.getstate(), sys.modules.get("numpy"), torch.is_grad_enabled()
    drawn = None if numpy is None else numpy.random.get_state()
    fast, copy = torch.backends.mha.get_fastpath_enabled(), copied(network)
    torch.backends.mha.set_fastpath_enabled(False)  # it rounds in its own way
    try:
        with torch.random.fork_rng(), torch.no_grad(), warnings.catch_warnings(action="ignore"):
            return [_outcome(_with_mode(copy, network, training), inputs) for training in _MODES]
    finally:
        torch.set_grad_enabled(mode)
        torch.backends.mha.set_fastpath_enabled(fast)
        random.setstate(python)
        if numpy is not None:
            numpy.random.set_state(drawn)


def _outcome(network: nn.Module, inputs: object) -> object:
    """What one call gives, of generators that are seeded."""
    torch.manual_seed(0)
    random.seed(0)
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed(0)
    try:
        return network(inputs.clone() if isinstance(inputs, Tensor) else inputs)
    except Exception as error:  # a network may refuse an input in any way
        return error


def _with_mode(copy: nn.Module, network: nn.Module, training: bool) -> nn.Module:
    """A copy in a mode; what is in eval mode in a network that trains is frozen, and stays."""
    for ours, theirs in zip(copy.modules(), network.modules(), strict=False):
        ours.training = training and (theirs.training or not network.training)
    return copy


def _agree(a: object, b: object) -> bool:
    """Whether two outcomes hold tensors of the same values, NaN being NaN."""
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all())
    if isinstance(a, Mapping):
        return isinstance(b, Mapping) and list(a) == list(b) and all(_agree(a[key], b[key]) for key in a)
    if isinstance(a, Sequence) and not isinstance(a, str):
        return isinstance(b, Sequence) and len(a) == len(b) and all(map(_agree, a, b))
    return type(a) is type(b)


def _inputs(model: nn.Module, place: Tensor) -> Iterator[Tensor | list[Tensor]]:
    """Random inputs that a network may take, small ones first."""
    generator = torch.Generator().manual_seed(0)
    kind = place.dtype if place.is_floating_point() else torch.get_default_dtype()
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            yield torch.randint(module.num_embeddings, (2, 8), generator=generator).to(place.device)
            return
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            for size in dict.fromkeys((*_SIZES[:1], *_told(model), *_SIZES[1:])):
                images = torch.rand(2, module.in_channels, *[size] * len(module.kernel_size), generator=generator)
                yield (images := images.to(place.device, kind))
                if size >= 64:
                    yield [images[0]]
            return
        if isinstance(module, nn.Linear):
            for shape in ((2, 8), (2,)):
                yield torch.randn(*shape, module.in_features, generator=generator).to(place.device, kind)
            return


def _told(model: nn.Module) -> Iterator[int]:
    """The size of image that a network says it takes: torchvision's and timm's words for it."""
    for name in ("image_size", "img_size"):
        if isinstance(size := getattr(model, name, None), int):
            yield size
    described = getattr(model, "pretrained_cfg", None)
    size = described.get("input_size") if isinstance(described, Mapping) else None
    if isinstance(size, Sequence) and size and isinstance(size[-1], int):
        yield size[-1]
