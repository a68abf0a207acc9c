"""``python -m tableau2net``."""

import os
import sys

try:
    here = os.getcwd()
except OSError:  # the current folder has been removed
    here = ""
if not sys.flags.safe_path and sys.path[0] in ("", here):
    del sys.path[0]  # before anything else is imported: `python -m` would look in the current folder first

from tableau2net.cli import main

main()
