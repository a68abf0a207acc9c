"""A network before it is trained: what its blocks are, cost and keep, and what may go wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import get_args

import torch
from torch import Tensor, nn

from tableau2net.analysis.order.independent import independent_order
from tableau2net.analysis.stability import stability
from tableau2net.codegen.compile_options import Backward
from tableau2net.errors import InputError
from tableau2net.exact.text import float_of
from tableau2net.integration.step_checks import said_of_steps
from tableau2net.multigrid import Plan
from tableau2net.nn.around.gates import gates_of
from tableau2net.nn.around.stochastic import noise, sense
from tableau2net.nn.blocks import Specification, compiled_blocks, fields_of
from tableau2net.nn.depth_parallel import check_depth
from tableau2net.nn.families.ode import AdaptiveBlock
from tableau2net.nn.overview.compiled import Calls, own_copy, random_images, with_backward
from tableau2net.nn.overview.forward_cost import expected_flops
from tableau2net.nn.overview.implicit_stages import implicit_warnings, residual_of
from tableau2net.nn.overview.layer_model import LayerModel, coarse_warnings
from tableau2net.nn.overview.network_report import BlockSummary, Summary
from tableau2net.nn.overview.norms import norm_of
from tableau2net.nn.overview.probes import flops, lipschitz, receptive_field, saved_bytes
from tableau2net.runtime.stage_solve import ConvergenceError
from tableau2net.scheme import Scheme
from tableau2net.step.lower import lower

# that of "adjoint" is of something else
WAYS: tuple[Backward, ...] = tuple(way for way in get_args(Backward) if way != "adjoint")
MEASURED = 3  # fields of a block whose steepness is estimated: the first, one in the middle, the last


def summary(
    network: nn.Module,
    input_size: Sequence[int] = (3, 32, 32),
    *,
    inputs: Sequence[Tensor] | Tensor | None = None,
    layer_parallel: Plan | str | None = None,
) -> Summary:
    """What is known of a network of compiled blocks before it is trained; it is not changed.

    input_size: of one image, without the batch.
    inputs: what to call the network with in its place, where that is no image: a batch of tokens, or several tensors
        whose first axis is that of the batch, of two entries at least.
    layer_parallel: a plan for multigrid in time, or its text, "4:2:FCF:2,1" say, whose speed is modelled for 1 to 64
        processes.

    Measured on random images, the same each time: the floating-point operations, what the backward pass keeps, the part
    of the image seen, the steepness of the fields.

    Raises InputError where the network has no compiled block, or does not take such images, and where its steps cannot
    be layer-parallel by such a plan.
    """
    if not isinstance(network, nn.Module):
        raise InputError(f"network is no network ({type(network).__name__}): give an nn.Module")
    size = _size(input_size) if inputs is None else ()
    if not any(True for _ in compiled_blocks(network)):
        if any(isinstance(module, AdaptiveBlock) for module in network.modules()):
            raise InputError("steps adapt to the images here, so what they cost is not known before; give steps=")
        raise InputError(f"{type(network).__name__} has no compiled block; t2n.convert makes them of residual blocks")
    plan = Plan.parse(layer_parallel) if isinstance(layer_parallel, str) else layer_parallel
    if plan is not None:
        check_depth(network, plan)
    resting, trained = own_copy(network, training=False), own_copy(network, training=True)
    batch = (random_images(network, size, 2),) if inputs is None else _batch(inputs)
    size = tuple(batch[0].shape[1:])
    first, *others = (random_images(network, size, 1),) if inputs is None else [x[:1] for x in batch]
    image = first.detach().clone().requires_grad_(first.is_floating_point())
    gates = gates_of(resting)
    for gate in (*gates, *gates_of(trained)):
        gate.forced = True
    blocks = list(compiled_blocks(resting))
    fields = [field for _, block, _ in blocks for field in _some(fields_of(block))]
    try:
        with Calls([*(block for _, block, _ in blocks), *fields]) as seen, torch.enable_grad():
            resting(image, *others)
    except ConvergenceError as error:
        raise InputError(str(error)) from None
    except (RuntimeError, ValueError, AssertionError, TypeError, IndexError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        instead = "; inputs=(…) are others to call it with" if inputs is None else ""
        what = f"input_size={size}: the network does not take such images" if inputs is None else "inputs"
        raise InputError(f"{what} ({reason[:100]}){instead}") from None
    twins = {name: block for name, block, _ in compiled_blocks(trained)}
    with Calls(list(twins.values())) as kept:
        silent = _without_gradient(trained, batch, kept)
    found = [
        _block(name, block, made, seen, twins[name], kept, image, silent, plan)
        for name, block, made in blocks
        if block in seen.inputs and twins[name] in kept.inputs
    ]
    parameters, alone = sum(p.numel() for p in network.parameters()), (image.detach(), *others)
    return Summary(
        size,
        parameters,
        flops(resting, alone, {}),
        tuple(found),
        expected_flops(resting, alone),
        tuple(float(gate.share) for gate in gates),
    )


def layer_warnings(network: nn.Module, input_size: Sequence[int], plan: Plan) -> list[str]:
    """What `summary` warns of in layer-parallel steps. No random numbers of anybody's are drawn."""
    with torch.random.fork_rng(devices=[]):
        found = summary(own_copy(network, training=False).cpu(), input_size, layer_parallel=plan)
    return [text for text in found.warnings if "layer-parallel" in text]


def _size(input_size: Sequence[int]) -> tuple[int, ...]:
    try:
        size = tuple(input_size)
    except TypeError:
        size = (input_size,)  # type: ignore[assignment]
    if not size or not all(isinstance(n, int) and n > 0 for n in size):
        raise InputError(f"input_size={_short(input_size)}: write the sizes of one image, (3, 32, 32) say")
    return size


def _batch(inputs: Sequence[Tensor] | Tensor) -> tuple[Tensor, ...]:
    batch = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    if not batch or not all(isinstance(x, Tensor) and x.dim() and len(x) >= 2 for x in batch):
        raise InputError("inputs: give tensors of a batch of at least two")
    return tuple(x[:2] for x in batch)


def _short(value: object) -> str:
    return f"a {type(value).__name__}" if isinstance(value, Tensor) else repr(value)


def _block(
    name: str,
    block: nn.Module,
    made: Specification,
    seen: Calls,
    twin: nn.Module,
    kept: Calls,
    image: Tensor,
    silent: set[str],
    plan: Plan | None,
) -> BlockSummary:
    inputs, named = _detached(seen.inputs[block]), _detached_values(seen.named[block])
    nominal = made.options.stage_weights == "independent" and made.evaluations > 1
    real, imaginary = _intervals(made.scheme)
    steepness = _steepness(block, seen)
    survivals = [p for field in fields_of(block) if (p := getattr(field, "survival", 1.0)) < 1]
    raw, residual = made.coefficients, residual_of(block, inputs, named)
    warnings = (
        *implicit_warnings(made, steepness, residual),
        *_step_warnings(made, fields_of(block)),
        *(coarse_warnings(made.h, steepness, plan, real) if plan else ()),
        *(_stability_warnings(made.h, steepness, real, imaginary) if made.order >= 0 else ()),
        *(f"coefficient {n} has no gradient: nothing that is learnt moves it" for n in raw if _full(name, n) in silent),
    )
    return BlockSummary(
        where=name,
        scheme=made.scheme.name or made.scheme.family,
        order=made.order,
        nominal=nominal,
        independent_order=independent_order(made.scheme) if nominal and not made.scheme.parameters else None,
        h=made.h,
        steps=made.steps,
        startup=made.startup,
        evaluations=made.calls,
        parameters=sum(p.numel() for p in block.parameters()),
        coefficients=sum(block.get_parameter(n).numel() for n in raw),
        flops=flops(block, inputs, named),
        norm=norm_of(block, made),
        backward=made.options.backward,
        saved_bytes=dict(_saved(twin, made, _detached(kept.inputs[twin]), _detached_values(kept.named[twin]))),
        receptive_field=receptive_field(image, seen.outputs[block]),
        lipschitz=steepness,
        real_interval=real,
        imaginary_interval=imaginary,
        residual=residual,
        noise=tuple(noise(p, made.h) for p in survivals),
        sense=_sense(made.scheme) if survivals else "",
        warnings=warnings,
        layer_parallel=LayerModel.of(made.steps, plan) if plan else None,
    )


def _saved(
    block: nn.Module, made: Specification, inputs: tuple[object, ...], named: dict[str, object]
) -> Iterator[tuple[str, int]]:
    """What an image of the batch takes, for each way back that there is."""
    images = next(len(x) for x in (*inputs, *named.values()) if isinstance(x, Tensor))
    for way in WAYS:
        other = with_backward(block, made, way)
        if other is not None:
            yield way, saved_bytes(other, inputs, named) // images


def _steepness(block: nn.Module, seen: Calls) -> float | None:
    values = [
        lipschitz(f, _detached(seen.inputs[f]), _detached_values(seen.named[f]))
        for f in _some(fields_of(block))
        if f in seen.inputs
    ]
    known = [value for value in values if value is not None]
    return max(known) if known else None


def _sense(scheme: Scheme) -> str:
    """In what sense a stochastic integral is meant."""
    found = sense(scheme)
    known = {"0": "Itô", "1/2": "Stratonovich", "1": "at the right end (backward Itô)", "None": ""}
    return known.get(str(found), f"at {found} of each moment")


def _intervals(scheme: Scheme) -> tuple[float | None, float | None]:
    """The real and the imaginary stability interval of a scheme, with its parameters where they are declared."""
    found = stability(scheme)
    real, imaginary = (
        None if x is None else (float("inf") if x.is_infinite else float_of(x))
        for x in (found.real_interval, found.imaginary_interval)
    )
    return real, imaginary


def _step_warnings(made: Specification, fields: Sequence[nn.Module]) -> Iterator[str]:
    """What fields that know how large a step may be say of these, each line once; of schemes with one field."""
    if lower(made.scheme).parts == 1:
        yield from dict.fromkeys(filter(None, (said_of_steps(field, made.scheme, made.h) for field in fields)))


def _stability_warnings(h: float, steepness: float | None, real: float | None, imaginary: float | None) -> list[str]:
    """Where an eigenvalue as large as the fields are steep would lie outside the stable part of an axis.

    The largest singular value bounds an eigenvalue and is not one: what it says is that there may be trouble. The text
    has no figure of the block's own, so that blocks which share it are named in one line."""
    if steepness is None:
        return []
    z = abs(h) * steepness
    hopeless = ["no damped mode is stable, at any h: the scheme is for fields that rotate"]
    found = hopeless if real == 0 and z > 0 else []
    axes = ((real, "damped modes (the real stability interval)"), (imaginary, "rotating ones (the imaginary)"))
    beyond = [f"{end:.3g} for {modes}" for end, modes in axes if end is not None and 0 < end < z]
    if beyond:
        limits = " and ".join(beyond)
        found.append(f"may be unstable: |hλ| is h·L at most, which exceeds {limits}; smaller h or weights are safe")
    return found


def _without_gradient(network: nn.Module, batch: tuple[Tensor, ...], kept: Calls) -> set[str]:
    """The coefficients that no gradient reaches from the output, or from their own block at these weights, by name.

    The block is asked by itself since a head of zeros, where training starts, hides everything before it."""
    blocks = [(name, block, made.coefficients) for name, block, made in compiled_blocks(network)]
    reached = _reached(network(*batch), [block.get_parameter(n) for _, block, raw in blocks for n in raw], zero=True)
    silent = set()
    for name, block, raw in blocks:
        own = [block.get_parameter(n) for n in raw]
        inputs = _detached(kept.inputs.get(block, ()))
        moving = _reached(block(*inputs, **_detached_values(kept.named[block])), own, zero=False) if inputs else []
        for n, parameter in zip(raw, own, strict=True):
            if id(parameter) not in reached or id(parameter) not in moving:
                silent.add(_full(name, n))
    return silent


def _reached(output: object, parameters: list[nn.Parameter], zero: bool) -> list[int]:
    """The parameters, by identity, that have a gradient of the output; zero: one that is 0 too."""
    values = [x for x in (output if isinstance(output, tuple | list) else [output]) if isinstance(x, Tensor)]
    weights = torch.Generator().manual_seed(3)
    sums = [(x * torch.randn(x.shape, generator=weights).to(x)).sum() for x in values if x.grad_fn is not None]
    wanted = [p for p in parameters if p.requires_grad]
    if not sums or not wanted:
        return []
    gradients = torch.autograd.grad(sums, wanted, allow_unused=True)
    return [id(p) for p, g in zip(wanted, gradients, strict=True) if g is not None and (zero or bool((g != 0).any()))]


def _some(fields: list[nn.Module]) -> list[nn.Module]:
    """A few of them: the first, the last, and what lies in the middle."""
    if len(fields) <= MEASURED:
        return fields
    return [fields[i * (len(fields) - 1) // (MEASURED - 1)] for i in range(MEASURED)]


def _detached(values: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(x.detach() if isinstance(x, Tensor) else x for x in values)


def _detached_values(values: dict[str, object]) -> dict[str, object]:
    return {n: x.detach() if isinstance(x, Tensor) else x for n, x in values.items()}


def _full(where: str, name: str) -> str:
    return f"{where}.{name}".lstrip(".")
