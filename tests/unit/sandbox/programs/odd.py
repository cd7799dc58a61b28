"""Does what the request says: a program that behaves in many ways."""

from __future__ import annotations

import json
import sys
import time

request = json.loads(sys.stdin.buffer.readline())
print("said", flush=True)
if "wait_s" in request:
    time.sleep(request["wait_s"])
if "import" in request:
    print(__import__(request["import"]).__name__)
if "raise" in request:
    raise ValueError(request["raise"])
if "bytes" in request:
    bytearray(request["bytes"])
print(len(sys.stdin.buffer.read()))
