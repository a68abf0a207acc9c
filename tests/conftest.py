"""Settings for all tests: no deadlines on a shared machine, and in CI the same examples every time."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # a process a core: threads of torch would only be in each other's way
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import settings

settings.register_profile("tableau2net", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("tableau2net")
