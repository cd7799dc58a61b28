"""Programs that take more than they may.

Each is finite and prints ``ESCAPED`` when it has got all it wanted, which is just above ``LIMITS``:
harmless outside, so that the control can run it there.
"""

from __future__ import annotations

from dataclasses import dataclass

from ruster.core.sandbox import Limit, Limits

__all__ = ["BOMBS", "ENDLESS", "LIMITS", "Bomb"]

_MIB = 1 << 20
LIMITS = Limits(
    wall_s=40.0,
    cpu_s=1.0,
    memory_bytes=96 * _MIB,
    processes=12,
    open_files=64,
    file_bytes=4 * _MIB,
    disk_bytes=12 * _MIB,
    tmp_bytes=8 * _MIB,
    output_bytes=100_000,
)


@dataclass(frozen=True)
class Bomb:
    """A program, and the limits that may end it; none means that it fails by itself."""

    name: str
    code: str
    limits: tuple[Limit, ...] = ()
    complaint: str = ""
    wall_s: float = LIMITS.wall_s


BOMBS = (
    Bomb("processes", """
pids = []
for _ in range(20):
    pid = os.fork()
    if not pid:
        time.sleep(3)
        os._exit(0)
    pids.append(pid)
time.sleep(1)
escaped()
for pid in pids:
    os.kill(pid, signal.SIGKILL)
""", (Limit.PROCESSES,), "temporarily unavailable"),
    Bomb("threads", """
import threading
for _ in range(20):
    threading.Thread(target=time.sleep, args=(2,), daemon=True).start()
time.sleep(1)
escaped()
""", (Limit.PROCESSES,), "can't start new thread"),  # each takes memory for its stack
    Bomb("a tree of processes", """
for _ in range(5):
    os.fork()
time.sleep(1.5)
escaped()
""", (Limit.PROCESSES,), "temporarily unavailable"),  # the kernel's own bound
    Bomb("memory of one", "b = bytearray(150 << 20); time.sleep(1); escaped()", (Limit.MEMORY,),
         "MemoryError"),
    Bomb("memory piece by piece", """
pieces = []
for _ in range(150):
    pieces.append(bytearray(1 << 20))
    time.sleep(.002)
time.sleep(1)
escaped()
""", (Limit.MEMORY,), "MemoryError"),
    Bomb("memory of several", """
for _ in range(3):
    if not os.fork():
        b = bytearray(60 << 20)
        b[::4096] = bytes(len(b[::4096]))
        time.sleep(3)
        os._exit(0)
time.sleep(2)
escaped()
""", (Limit.MEMORY,)),
    Bomb("memory that is shared", """
b = mmap.mmap(-1, 150 << 20)
for at in range(0, 150 << 20, 4096):
    b[at] = 1
time.sleep(1)
escaped()
""", (Limit.MEMORY,)),
    Bomb("one large file", """
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
with open('large', 'wb') as file:
    for _ in range(8):
        file.write(bytes(1 << 20))
escaped()
""", (Limit.FILE_SIZE,)),
    Bomb("a large hole", """
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
with open('hole', 'wb') as file:
    file.truncate(1 << 30)
escaped()
""", (Limit.FILE_SIZE,)),
    Bomb("a large file, unimpressed", """
with open('large', 'wb') as file:
    for _ in range(8):
        file.write(bytes(1 << 20))
escaped()
""", (), "File too large"),
    Bomb("many files", """
for number in range(20):
    with open(f'file{number}', 'wb') as file:
        file.write(bytes(1 << 20))
time.sleep(1)
escaped()
""", (Limit.DISK,)),
    Bomb("temporary files", """
import tempfile
for number in range(16):
    with open(f'{tempfile.gettempdir()}/{number}', 'wb') as file:
        file.write(bytes(1 << 20))
time.sleep(1)
for number in range(16):
    os.unlink(f'{tempfile.gettempdir()}/{number}')
escaped()
""", (Limit.DISK,), "No space left"),
    Bomb("stdout", "sys.stdout.write('x' * 400_000); sys.stdout.flush(); time.sleep(1); escaped()",
         (Limit.OUTPUT,)),
    Bomb("stderr", "sys.stderr.write('x' * 400_000); time.sleep(1); escaped()", (Limit.OUTPUT,)),
    Bomb("open files", "f = [os.open('.', os.O_RDONLY) for _ in range(100)]; escaped()", (),
         "Too many open files"),
    Bomb("pipes", "f = [os.pipe() for _ in range(50)]; escaped()", (), "Too many open files"),
    Bomb("processor", """
signal.signal(signal.SIGXCPU, signal.SIG_IGN)
while time.process_time() < 2.5:
    pass
escaped()
""", (Limit.CPU,)),
    Bomb("processor of several", """
for _ in range(4):
    if not os.fork():
        while time.process_time() < .7:
            pass
        os._exit(0)
for _ in range(4):
    os.wait()
escaped()
""", (Limit.CPU,)),
    Bomb("a slow pattern", "import re; re.match('(a+)+$', 'a' * 27 + 'b'); escaped()",
         (Limit.CPU,)),
    Bomb("sleep", "time.sleep(3); escaped()", (Limit.WALL,), wall_s=1.0),
    Bomb("a deaf sleeper", """
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
    signal.signal(number, signal.SIG_IGN)
time.sleep(3)
escaped()
""", (Limit.WALL,), wall_s=1.0),
)  # fmt: skip

ENDLESS = (
    ("processes for ever", ":() { : | : & }; :; sleep 5"),
    ("processes one by one", "while true; do sleep 5 & done"),
)
"""Shell programs whose control would harm the machine."""
