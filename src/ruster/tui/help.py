"""What the keys do, for the screen of the help."""

from __future__ import annotations

from textual.content import Content

__all__ = ["KEYS", "help_text"]

KEYS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("Everywhere", (
        ("F2 F3 F4", "sessions, chat, approvals"),
        ("F6 F7 F8", "jobs, board, memory"),
        ("2 3 4 6 7 8", "the same, while nothing is typed"),
        ("Tab, Shift-Tab", "to the next part of the screen, or back"),
        ("F1, h", "this help"),
        ("F5", "read anew what is shown"),
        ("F9, w", "why: how the last answer came about"),
        ("Ctrl-X", "stop the running turn"),
        ("Esc", "stop what runs, else leave the line, else quit"),
        ("q, Ctrl-Q, Ctrl-C", "quit; the daemon goes on"),
    )),
    ("Chat", (
        ("Enter", "send, or answer what the agent asks"),
        ("Alt-Enter, Ctrl-J", "a new line; so does Enter after a backslash"),
        ("Page Up, Page Down", "scroll; at the top: earlier records"),
        ("Ctrl-T, t", "unfold thoughts and tool calls, or fold them"),
    )),
    ("Sessions", (
        ("Enter", "open"), ("n", "new"), ("e", "title"), ("m", "model"), ("d", "delete"),
    )),
    ("Approvals", (
        ("Enter", "show a question"),
        ("a, s, A", "approve once, in this session, always"),
        ("r, R", "reject, reject with a reason"),
        ("Esc", "decide later"),
    )),
    ("Jobs", (
        ("a", "add, in words"), ("Space", "on or off"), ("r", "run now"),
        ("Enter", "what became of it"), ("d", "remove"),
    )),
    ("Board", (
        ("arrows", "from card to card"), ("< >", "move the card"),
        ("x", "the goal is achieved"), ("Enter, Space", "show the card"),
    )),
    ("Memory", (("Enter", "search; on a hit, show all of it"),)),
)  # fmt: skip
"""Every key by the part of the screen where it counts."""
_WIDTH = 20


def help_text() -> Content:
    """Lay out the keys."""
    lines: list[Content] = []
    for part, keys in KEYS:
        lines.append(Content.styled(part, "bold $text-accent"))
        lines += [Content(f"  {key:<{_WIDTH}}{what}") for key, what in keys]
        lines.append(Content(""))
    return Content("\n").join(lines[:-1])
