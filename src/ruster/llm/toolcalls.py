"""Tool calls written into the text, in any of the forms of ``call_forms``.

Like the thinking parser it holds back only what may still be part of a call. What looks like a call
but is not one stays in the answer as text, so that nothing a model says is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ruster.core.ids import new_id
from ruster.core.inference import Content, ToolCallRequest
from ruster.core.messages import ToolCall, ToolSpec
from ruster.llm.call_forms import BARE, FORMS, CallForm
from ruster.llm.markers import partial_suffix

__all__ = ["MAX_CALL_CHARS", "ToolCallParser"]

_OPENINGS = tuple(form.opening for form in FORMS)
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_JSON_BODY = re.compile(r"\s*(?:[^\s<>{]+>\s*|[^\s<>{]+<\|message\|>\s*)?[{\[]")
_BARE_START = re.compile(r'\{\s*"(?:name|type|function)"')
_BARE_PREFIX = re.compile(
    r'\{\s*(?:"(?:n(?:a(?:me?)?)?|t(?:y(?:pe?)?)?|f(?:u(?:n(?:c(?:t(?:io?)?)?)?)?)?)?)?'
)
MAX_CALL_CHARS = 256 * 1024
"""A longer call is taken for text: nothing is held back without a bound."""

_Events = list[Content | ToolCallRequest]


def _ends_in_string(json_text: str) -> bool:
    return _ESCAPED.sub("", json_text).count('"') % 2 == 1


def _is_whole(form: CallForm, body: str) -> bool:
    """Tell whether a call that nothing closes may be taken for a complete one."""
    ended = body.rstrip().endswith("</function>")
    return form.closing is None or ended or _JSON_BODY.match(body) is not None


def _call_id() -> str:
    return new_id("call")


class ToolCallParser:
    """Splits one answer into ``Content`` and ``ToolCallRequest`` events.

    ``tools`` are those the model was offered: their schemas tell text from numbers where a form
    does not, and only a call of one of them may come without any marker. White space around a call
    is dropped, since models put calls on lines of their own; it is kept where text follows text.
    """

    def __init__(
        self, make_id: Callable[[], str] = _call_id, tools: Sequence[ToolSpec] = ()
    ) -> None:
        self._make_id = make_id
        self._schemas = {tool.name: tool.parameters for tool in tools}
        self._held = ""
        self._form: CallForm | None = None
        self._at_start = bool(tools)
        self._space = ""
        self._after_call = False

    def feed(self, text: str) -> list[Content | ToolCallRequest]:
        """Take the next piece of text and return the events that are certain by now."""
        self._held += text
        events: _Events = []
        while self._step(events):
            pass
        return events

    def finish(self) -> list[Content | ToolCallRequest]:
        """Return what was held back; a call without its closing tag counts if it is complete.

        Only JSON and ``<function=…>`` show that they are.
        """
        events: _Events = []
        while self._form is not None:
            body, self._held = self._held, ""
            self._close(events, self._form, body, "")
            while self._held and self._step(events):
                pass
        self._text(events, self._held)
        self._held = ""
        if self._space and not self._after_call:
            events.append(Content(self._space))
        return events

    def _step(self, events: _Events) -> bool:
        """Consume up to the next marker; False when there is none."""
        if self._form is not None:
            return self._inside(events, self._form)
        if self._at_start:
            return self._bare()
        found = [(at, form) for form in FORMS if (at := self._held.find(form.opening)) >= 0]
        if not found:
            sure = len(self._held) - partial_suffix(self._held, _OPENINGS)
            self._text(events, self._held[:sure])
            self._held = self._held[sure:]
            return False
        start, form = min(found, key=lambda pair: pair[0])
        self._text(events, self._held[:start])
        self._held = self._held[start + len(form.opening) :]
        self._form = form
        return True

    def _bare(self) -> bool:
        """Tell whether the answer begins with a call's JSON; False while that is not certain."""
        text = self._held.lstrip()
        if not text or _BARE_PREFIX.fullmatch(text):
            return False
        self._at_start = False
        if _BARE_START.match(text):
            self._form = BARE
        return True

    def _inside(self, events: _Events, form: CallForm) -> bool:
        start = -1 if form.closing is None else self._find_end(form.closing)
        if start >= 0 and form.closing is not None:
            body, self._held = self._held[:start], self._held[start + len(form.closing) :]
            self._close(events, form, body, form.closing)
            return True
        if len(self._held) > MAX_CALL_CHARS:
            self._form = None
            self._text(events, form.opening + self._held)
            self._held = ""
        return False

    def _find_end(self, closing: str) -> int:
        """Find the closing tag, past those that stand inside a string of the call's JSON."""
        start = self._held.find(closing)
        if not _JSON_BODY.match(self._held):
            return start
        while start >= 0 and _ends_in_string(self._held[:start]):
            start = self._held.find(closing, start + 1)
        return start

    def _close(self, events: _Events, form: CallForm, body: str, closing: str) -> None:
        self._form = None
        read = form.read(body, self._schemas) if closing or _is_whole(form, body) else None
        if read is None or (form is BARE and any(n not in self._schemas for n, _ in read[0])):
            nested = min((at for o in _OPENINGS if (at := body.find(o)) >= 0), default=len(body))
            self._text(events, form.opening + body[:nested])
            if nested < len(body):  # what was quoted may be followed by a real call
                self._held = body[nested:] + closing + self._held
            else:
                self._text(events, closing)
            return
        for name, arguments in read[0]:
            events.append(ToolCallRequest(ToolCall(self._make_id(), name, arguments)))
        self._space, self._after_call = "", True
        self._text(events, read[1])

    def _text(self, events: _Events, text: str) -> None:
        """Emit text, keeping its trailing white space until it is known what follows."""
        whole = self._space + text
        kept = whole.rstrip()
        self._space = whole[len(kept) :]
        if not kept:
            return
        events.append(Content(kept.lstrip() if self._after_call else kept))
        self._after_call = False
