"""Compute threads sleep after a short spin, unless the user has said how they wait."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_CODE = """
import ctypes
from ruster.engine.openmp import limit_spinning
limit_spinning()
libc = ctypes.CDLL(None)
libc.getenv.restype = ctypes.c_char_p
print((libc.getenv(b"GOMP_SPINCOUNT") or b"unset").decode())
"""


@pytest.mark.parametrize(
    ("given", "spins"),
    [
        ({}, "3000"),
        ({"GOMP_SPINCOUNT": "7"}, "7"),
        ({"OMP_WAIT_POLICY": "active"}, "unset"),
    ],
)
def test_the_users_word_counts(given: dict[str, str], spins: str) -> None:
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)} | given
    done = subprocess.run(
        [sys.executable, "-c", _CODE], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == spins
