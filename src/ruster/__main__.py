"""``ruster``: the daemon. It takes no arguments; ``rusterctl`` has the commands."""

from __future__ import annotations

import sys

from ruster.core.imports import without

with without("rich"):  # structlog has it for tracebacks in colour: 4 MB and a tenth of the start
    from ruster.daemon import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
