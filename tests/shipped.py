"""What ships with the package, beside what other tests register."""

from tableau2net.nn import registry


def networks():
    """The entries of our own networks."""
    return [entry for entry in registry.entries() if entry.build.__module__.startswith("tableau2net.")]
