"""Where `integrate` was: it is `tableau2net.integration.integrate` now."""

from __future__ import annotations

from typing import Any


def integrate(*args: Any, **options: Any) -> Any:
    """See `tableau2net.integration.integrate`."""
    from tableau2net.integration import integrate as moved

    return moved(*args, **options)
