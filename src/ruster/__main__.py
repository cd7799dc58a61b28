"""``ruster``: the daemon. It takes no arguments; ``rusterctl`` has the commands."""

from __future__ import annotations

import gc
import sys

from ruster.core.imports import without

gc.disable()  # of what is imported nothing is garbage: looking for some is a tenth of the start
with without("rich"):  # structlog has it for tracebacks in colour: 4 MB, and another tenth
    from ruster.daemon import main
gc.enable()

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
