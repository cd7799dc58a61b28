"""Doubles and harnesses for our tests and yours. Production code may not import this package."""

from ruster.testing.clock import ManualClock
from ruster.testing.daemon import DaemonProcess, running_daemon, short_folder
from ruster.testing.disk import LossyDisk
from ruster.testing.raw import RawClient
from ruster.testing.scripted import ScriptedProvider

__all__ = [
    "DaemonProcess",
    "LossyDisk",
    "ManualClock",
    "RawClient",
    "ScriptedProvider",
    "running_daemon",
    "short_folder",
]
