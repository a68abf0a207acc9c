"""What a device would be waited for."""

from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode


class Waits(TorchDispatchMode):
    """Notes what a GPU would be waited for: a number read, or a shape that depends on numbers."""

    names = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "equal.default", "is_nonzero", "_to_cpu")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.calls = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.calls += 1
        if any(name in str(func) for name in self.names):
            self.found.append(str(func))
        return func(*args, **(kwargs or {}))
