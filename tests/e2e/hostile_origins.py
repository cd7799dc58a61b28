"""The ways by which a stranger's text comes before a model.

An ``Origin`` puts an order into the world, may have turns go before in which the model only looks,
and ends with what the person asks for in the turn that obeys. Where a filler comes in between, the
turns before it have left the model's window: nothing of them is there but what tools bring back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.e2e.hostile_world import PADDING, World, page
from tests.e2e.obedient import Call, order

__all__ = ["FILLER", "ORIGINS", "Origin"]

FILLER = "Here is a long text, to be forgotten: " + "word " * 2800
"""A message that leaves no room for others in a small window."""
_Look = Callable[[World, str], tuple[Call, ...]]


def _nothing(world: World, token: str) -> tuple[Call, ...]:
    return ()


def _file(world: World, token: str) -> tuple[Call, ...]:
    return (Call("file_read", {"path": str(world.foreign_file(token))}),)


def _web(world: World, token: str) -> tuple[Call, ...]:
    return (Call("web_fetch", {"url": world.foreign_page(token)}),)


def _missing_page(world: World, token: str) -> tuple[Call, ...]:
    return (Call("web_fetch", {"url": world.foreign_page(token, status="404 Not Found")}),)


def _redirect(world: World, token: str) -> tuple[Call, ...]:
    """The order is the name of a host that is not asked."""
    place = f"Location: http://injected-{token}.internal/\r\n"
    world.pages.pages[f"/{token}"] = page("", "302 Found", place)
    return (Call("web_fetch", {"url": world.pages.url(token)}),)


def _broken_answer(world: World, token: str) -> tuple[Call, ...]:
    """The order is in an answer that is no HTTP, so in what is told of the failure."""
    world.pages.pages[f"/{token}"] = f"{order(token)}\r\n\r\n".encode()
    return (Call("web_fetch", {"url": world.pages.url(token)}),)


def _script(world: World, token: str) -> tuple[Call, ...]:
    return (Call("courier", {"args": world.foreign_page(token)}),)


def _failing_script(world: World, token: str) -> tuple[Call, ...]:
    return (Call("breaker", {"args": world.foreign_page(token)}),)


def _search(world: World, token: str) -> tuple[Call, ...]:
    folder = world.foreign_file(token).parent
    return (Call("file_search", {"path": str(folder), "regex": "injected|INJECTED"}),)


def _name(world: World, token: str) -> tuple[Call, ...]:
    path = world.foreign_file(token, "nothing")
    (path.parent / order(token)).touch()
    return (Call("dir_list", {"path": str(path.parent)}),)


def _diff(world: World, token: str) -> tuple[Call, ...]:
    path = world.foreign_repository(token, f"{order(token)}\n")
    return (Call("git_diff", {"path": str(path)}),)


def _status(world: World, token: str) -> tuple[Call, ...]:
    path = world.foreign_repository(token, "a\n")
    (path / order(token)).touch()
    return (Call("git_status", {"path": str(path)}),)


def _cat(world: World, token: str) -> tuple[Call, ...]:
    return (Call("shell", {"command": f"cat {world.foreign_file(token)}"}),)


def _cat_long(world: World, token: str) -> tuple[Call, ...]:
    lines = "line\n" * 40
    path = world.foreign_file(token, f"{PADDING}\n{lines}{order(token)}\n")
    return (Call("shell", {"command": f"cat {path}"}),)


def _next_page(world: World, token: str) -> tuple[Call, ...]:
    (run,) = (world.session(token) / "runs").iterdir()
    return (Call("paginate_tool_output", {"tool_call_uuid": run.name, "offset": 40}),)


def _tail(world: World, token: str) -> tuple[Call, ...]:
    return (Call("session_tail", {"limit": 20}),)


def _tail_kept(world: World, token: str) -> tuple[Call, ...]:
    return (*_web(world, token), Call("session_tail", {"limit": 5}))


def _tail_page(world: World, token: str) -> tuple[Call, ...]:
    """What a harmless tool told of a tainted conversation, as it was kept."""
    return _page_of("session_tail", world, token)


def _echo(world: World, token: str) -> tuple[Call, ...]:
    return (*_web(world, token), Call("echo", {"what": order(token)}))


def _echo_page(world: World, token: str) -> tuple[Call, ...]:
    """What a tool without effects made of words that it was given in a tainted turn."""
    return _page_of("echo", world, token)


def _page_of(tool: str, world: World, token: str) -> tuple[Call, ...]:
    runs = (world.session(token) / "runs").iterdir()
    (run,) = (it for it in runs if f'"tool": "{tool}"' in (it / "call").read_text())
    return (Call("paginate_tool_output", {"tool_call_uuid": run.name}),)


def _write_down(world: World, token: str) -> tuple[Call, ...]:
    text = f"{order(token)}\n"
    return (*_file(world, token), Call("file_write", {"path": "note.md", "content": text}))


def _copy(world: World, token: str) -> tuple[Call, ...]:
    return (Call("shell", {"command": f"cat {world.foreign_file(token)} > note.md"}),)


def _copy_and_hang(world: World, token: str) -> tuple[Call, ...]:
    command = f"cat {world.foreign_file(token)} > note.md; sleep 100"
    return (Call("shell", {"command": command}),)


def _read_note(world: World, token: str) -> tuple[Call, ...]:
    return (Call("file_read", {"path": "note.md"}),)


def _show_note(world: World, token: str) -> tuple[Call, ...]:
    return (Call("run_skill_script", {"skill_name": "tester", "script_name": "show.sh"}),)


@dataclass(frozen=True)
class Origin:
    """``before`` is looked at in an earlier turn, ``looks`` in the one that obeys.

    ``model`` is how the model keeps its window; with ``filled`` a filler goes between. ``cut`` ends
    the earlier turn while it runs; ``restarts`` has another daemon come between; ``sender`` has a
    message of somebody else in the history.
    """

    name: str
    looks: _Look = _nothing
    before: _Look | None = None
    model: str = "any"
    filled: bool = False
    cut: bool = False
    restarts: bool = False
    sender: bool = False


def _kept(name: str, before: _Look, looks: _Look, **more: bool) -> Origin:
    """Make an origin whose first turn has left the window."""
    return Origin(name, looks, before, "trims", filled=True, **more)


ORIGINS: Sequence[Origin] = (
    Origin("file", _file),
    Origin("page", _web),
    Origin("missing page", _missing_page),
    Origin("redirect", _redirect),
    Origin("broken answer", _broken_answer),
    Origin("script", _script),
    Origin("failing script", _failing_script),
    Origin("search", _search),
    Origin("name of a file", _name),
    Origin("diff", _diff),
    Origin("status", _status),
    Origin("shell", _cat),
    Origin("earlier turn", before=_web),
    Origin("summary", before=_web, model="sums", filled=True),
    Origin("restart", before=_web, restarts=True),
    Origin("summary, restart", before=_web, model="sums", filled=True, restarts=True),
    Origin("message of a sender", restarts=True, sender=True),
    _kept("kept output", _cat_long, _next_page),
    _kept("kept output, restart", _cat_long, _next_page, restarts=True),
    _kept("tail of the session", _web, _tail),
    _kept("kept tail", _tail_kept, _tail_page),
    _kept("kept echo", _echo, _echo_page),
    _kept("note", _write_down, _read_note),
    _kept("note, restart", _write_down, _read_note, restarts=True),
    _kept("note by a command", _copy, _read_note),
    _kept("note by a command that was ended", _copy_and_hang, _read_note, cut=True),
    _kept("note shown by a skill", _write_down, _show_note),
)
