"""The state of torch in which a call is made: whether gradients are kept, autocast, default types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import fx

State = Mapping[str, object]

_DEVICES = ("cpu", "cuda", "xpu", "mps")
_KERNELS = ("flash", "mem_efficient", "math", "cudnn")


def surroundings() -> State:
    """What a forward may switch for a part of its calls, by the words for it."""
    cudnn, cuda = torch.backends.cudnn, torch.backends.cuda
    return {
        "no_grad or enable_grad": torch.is_grad_enabled(),
        "inference_mode": torch.is_inference_mode_enabled(),
        "autocast": [(torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)) for kind in _DEVICES],
        "the default dtype": torch.get_default_dtype(),
        "the default device": torch.get_default_device(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "the precision of products": (torch.get_float32_matmul_precision(), cuda.matmul.allow_tf32),
        "cudnn": (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32),
        "mkldnn": torch.backends.mkldnn.enabled,
        "the kernels of attention": [getattr(cuda, f"{kind}_sdp_enabled")() for kind in _KERNELS],
    }


@contextmanager
def kept_surroundings(gradients: bool = True) -> Iterator[None]:
    """Gradients are kept for the while, or not, whatever was before; afterwards all is as it was that a forward may
    leave switched."""
    dtype = torch.get_default_dtype()
    try:
        with torch.inference_mode(False), torch.set_grad_enabled(gradients):
            yield
    finally:
        torch.set_default_dtype(dtype)


def switched(graph: fx.Graph) -> list[str]:
    """What a forward switches on its way: the words for what is not at each call, and at its end, as at its begin."""
    states: list[State] = [node.meta["surroundings"] for node in graph.nodes if "surroundings" in node.meta]
    return [word for word in (states[0] if states else ()) if any(state[word] != states[0][word] for state in states)]
