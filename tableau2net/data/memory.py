"""Memory of the device that stays where it is, and gets new contents."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def fill(memory: Tensor, values: Any) -> None:
    """Send values to a tensor on the device. The host does not wait for them to have come."""
    host = torch.as_tensor(values, dtype=memory.dtype)
    memory.copy_(host.pin_memory() if memory.is_cuda else host, non_blocking=True)
