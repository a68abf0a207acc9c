"""Settings for all tests: no deadlines on a shared machine, and in CI the same examples every time."""

import os

from hypothesis import settings

settings.register_profile("tableau2net", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("tableau2net")
