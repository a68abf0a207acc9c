"""Where torch's random generators stand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


class RandomState:
    """The states of the random generators of the CPU and of a device, where it has one, as they are now."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.states = [torch.get_rng_state()]
        module = None if device.type == "cpu" else torch.get_device_module(device)
        self.module = module if hasattr(module, "get_rng_state") else None
        if self.module:
            self.states.append(self.module.get_rng_state(device))

    def moved(self) -> bool:
        """Whether random numbers have been drawn since."""
        now = RandomState(self.device)
        return any(not torch.equal(a, b) for a, b in zip(self.states, now.states, strict=True))

    @contextmanager
    def restored(self) -> Iterator[None]:
        """These states for the while, then those of now."""
        now = RandomState(self.device)
        self.restore()
        try:
            yield
        finally:
            now.restore()

    def restore(self) -> None:
        """These states from now on."""
        torch.set_rng_state(self.states[0])
        if self.module:
            self.module.set_rng_state(self.states[1], self.device)
