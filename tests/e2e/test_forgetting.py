"""What is said in the chat is learned, and gone from the memory when the chat says so."""

from __future__ import annotations

from pathlib import Path

from ruster.testing import DaemonProcess, RawClient


def _remembered(folder: Path, word: str) -> list[str]:
    """Return the memory's files that hold a word."""
    files = [it for it in folder.rglob("memory.sqlite*") if it.is_file()]
    return [it.name for it in files if word.encode() in it.read_bytes()]


async def test_what_is_forgotten_in_the_chat_is_told_and_gone(folder: Path) -> None:
    daemon = DaemonProcess(folder)
    async with daemon:
        async with RawClient(daemon.socket_path) as client:
            await client.ask({"action": "create", "session_id": "work", "model": "pinky/echo"})
            await client.say("work", "I live in Hanoi and my cat is called Milo")
        await daemon.stop()  # what waits is kept
        assert _remembered(folder, "The user lives in Hanoi.")
        await daemon.start()
        async with RawClient(daemon.socket_path) as client:
            told = await client.say("work", "/tool forget I live in Hanoi")
            assert "deleted for good (3)" in told
            assert "- The user lives in Hanoi." in told
            assert await client.say("work", "/tool recall cat") != "[nothing]"
            again = await client.say("work", "/tool forget I live in Hanoi")
            assert again == "[tool:forget]\nnothing was deleted: no memory says that"
        await daemon.stop()
        assert not _remembered(folder, "Hanoi")
        assert _remembered(folder, "The user's cat is called Milo.")
