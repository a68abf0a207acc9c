"""``python -m tableau2net``."""

from tableau2net.cli import main

main()
