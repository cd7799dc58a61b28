"""``python -m tests.models OUTDIR``: build every test model into a folder."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.models import MODELS_DIR, NAMES, build


def main() -> None:
    """Build all models into the folder named on the command line."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else MODELS_DIR
    for name in NAMES:
        path = build(name, folder)
        print(f"{path} {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
