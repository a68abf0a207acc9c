"""``python -m tableau2net``."""

import os
import sys

if sys.path[0] in ("", os.getcwd()):
    del sys.path[0]  # before anything else is imported: `python -m` would look in the current folder first

from tableau2net.cli import main

main()
