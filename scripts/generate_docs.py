"""Writes the parts of the documentation that come from the code.

A page holds ``<!-- generated: NAME -->`` … ``<!-- end of NAME -->``; what stands between is made
from the settings, the commands, the events and the tables of codes. Everything else on the page is
written by hand. ``--check`` writes nothing and fails when a page is not up to date. Run it from the
root of the repository, as ``python -m scripts.generate_docs``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from scripts.field_docs import field_docs
from scripts.protocol_examples import COMMAND_EXAMPLES, EVENT_EXAMPLES

from ruster.config.keys import KEYS, NOT_SETTINGS, TABLES, environment_keys
from ruster.config.settings import Settings
from ruster.protocol.codec import decode_command, encode_event
from ruster.protocol.codes import ERROR_CODES, NOTICE_CODES
from ruster.protocol.commands import COMMANDS
from ruster.protocol.events import EVENTS, Event, SessionEvent, TurnEvent

PAGES = ("docs/configuration.md", "docs/protocol.md")
ROOT = Path(__file__).resolve().parent.parent

_UNITS = ((r"_(s|secs)$", "seconds"), (r"_bytes(_|$)", "bytes"), (r"_tokens$", "tokens"))
_HUGE = 2**32 - 1
"""From here on a maximum only says that numbers have an end."""
_LIMITS = (
    ("minLength", "at least {} characters"),
    ("minimum", "at least {}"),
    ("exclusiveMinimum", "more than {}"),
    ("maximum", "at most {}"),
    ("maxLength", "at most {} characters"),
)


def main(arguments: list[str]) -> int:
    """Write the pages, or with ``--check`` only compare them; return the exit status."""
    stale = []
    for name in PAGES:
        page = ROOT / name
        before = page.read_text("utf-8")
        after = fill(before)
        if after != before:
            stale.append(name)
            if "--check" not in arguments:
                page.write_text(after, "utf-8")
    if stale and "--check" in arguments:
        print(f"not up to date: {', '.join(stale)}; run `make docs`", file=sys.stderr)
        return 1
    return 0


def fill(page: str) -> str:
    """Return a page with its generated parts made anew; raises KeyError for an unknown part."""

    def write(match: re.Match[str]) -> str:
        name = match[1]
        return f"<!-- generated: {name} -->\n\n{PARTS[name]()}\n<!-- end of {name} -->"

    return re.sub(
        r"<!-- generated: ([a-z-]+) -->.*?<!-- end of \1 -->", write, page, flags=re.DOTALL
    )


def settings_part() -> str:
    """Write all settings, one table a section."""
    top = [name for name in KEYS if "." not in name]
    parts = [_settings_table("", "At the top of the file", Settings, top)]
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            keys = [key for key in KEYS if key.startswith(f"{name}.")]
            parts.append(_settings_table(name, f"`[{name}]`", section, keys))
        elif name in TABLES:
            (_, table) = get_args(section)
            keys = [f"{name}.NAME.{own}" for own in TABLES[name]]
            parts.append(_settings_table(f"{name}.NAME", f"`[{name}.NAME]`", table, keys))
    return "\n".join(parts)


def environment_part() -> str:
    """Write the variables that are not settings, and the short names of those that are."""
    names = environment_keys()
    short = {n: key for n, key in names.items() if n != "RUSTER_" + key.upper().replace(".", "_")}
    rows = [(f"`{name}`", f"`{key}`") for name, key in sorted(short.items())]
    rows.append(("`OLLAMA_HOST`", "`llm.ollama_url`"))
    places = ", ".join(f"`{name}`" for name in sorted(NOT_SETTINGS))
    return f"Where to look: {places}.\n\n" + _table(("Short name", "Setting"), rows)


def commands_part() -> str:
    """Write every command with its fields and an example."""
    parts = []
    for action, model in COMMANDS.items():
        examples = [json.dumps(it, ensure_ascii=False) for it in COMMAND_EXAMPLES[action]]
        for example in examples:
            decode_command(example.encode())
        parts.append(
            f"### `{action}`\n\n{_prose(model)}\n\n{_fields_table(model, skip=('action', 'id'))}"
            f"```json\n{_lines(examples)}```\n"
        )
    return "\n".join(parts)


def events_part() -> str:
    """Write every event with its fields and an example."""
    parts = []
    for model in EVENTS:
        kind = model.model_fields["event"].default
        line = _example_line(EVENT_EXAMPLES[model])
        parts.append(
            f"### `{kind}`\n\n{_prose(model)}\n\n"
            f"{_fields_table(model, skip=('event',))}```json\n{line}```\n"
        )
    return "\n".join(parts)


def errors_part() -> str:
    """Write the codes of errors."""
    return _table(("Code", "Meaning"), [(f"`{c}`", text) for c, text in ERROR_CODES.items()])


def notices_part() -> str:
    """Write the codes of notices."""
    return _table(("Code", "Meaning"), [(f"`{c}`", text) for c, text in NOTICE_CODES.items()])


PARTS: dict[str, Callable[[], str]] = {
    "settings": settings_part,
    "environment": environment_part,
    "commands": commands_part,
    "events": events_part,
    "errors": errors_part,
    "notices": notices_part,
}


def _example_line(event: Event) -> str:
    turn = "t-5f0c9a1be2d34c77" if isinstance(event, TurnEvent) else None
    seq = 12 if isinstance(event, SessionEvent) else None
    return encode_event(event, turn=turn, seq=seq).decode()


def _settings_table(section: str, title: str, model: type[BaseModel], keys: Iterable[str]) -> str:
    rows = []
    for key in keys:
        name = key.removeprefix(f"{section}.")
        owner, field = _owner_of(model, name)
        rows.append(
            (
                f"`{name}`",
                _one_line(field_docs(owner)[field]),
                _setting_kind(field, owner.model_json_schema(mode="validation")),
                _setting_default(
                    field, owner.model_fields[field].get_default(call_default_factory=True)
                ),
                f"`RUSTER_{key.upper().replace('.', '_')}`",
            )
        )
    head = ("Setting", "Meaning", "Type", "Default", "Environment")
    return f"### {title}\n\n{_one_line(model.__doc__)}\n\n{_table(head, rows)}"


def _owner_of(model: type[BaseModel], name: str) -> tuple[type[BaseModel], str]:
    """Return the model that a dotted name's last part is a field of, and that part."""
    first, _, rest = name.partition(".")
    inner = model.model_fields[first].annotation
    if rest and isinstance(inner, type) and issubclass(inner, BaseModel):
        return _owner_of(inner, rest)
    return model, first


def _setting_kind(name: str, schema: dict[str, Any]) -> str:
    if name.endswith("_mode"):
        return "file mode"
    kind = _kind(schema["properties"][name], schema.get("$defs", {}))
    units = [unit for pattern, unit in _UNITS if re.search(pattern, name)]
    return ", ".join([kind, *units])


def _setting_default(name: str, value: Any) -> str:
    if value is None:
        return "none"
    if name.endswith("_mode"):
        return f"`0o{value:o}`"
    if "_bytes" in name and value % 1024 == 0:
        size, unit = (value >> 20, "MiB") if value % (1 << 20) == 0 else (value >> 10, "KiB")
        return f"`{value}` ({size} {unit})"
    text = json.dumps(value, default=str, ensure_ascii=False)
    return f"`{text.replace(str(Path.home()), '~')}`"


def _fields_table(model: type[BaseModel], skip: tuple[str, ...]) -> str:
    schema = model.model_json_schema(mode="validation")
    rows = []
    for name, field in model.model_fields.items():
        if name in skip:
            continue
        kind = _kind(schema["properties"][name], schema.get("$defs", {}))
        meaning = _meaning(model, name, schema["properties"][name])
        rows.append((f"`{name}`", kind, _presence(model, field), meaning))
    return _table(("Field", "Type", "", "Meaning"), rows) + "\n" if rows else ""


def _presence(model: type[BaseModel], field: FieldInfo) -> str:
    """Say whether a field must be given, or will be there."""
    if issubclass(model, Event):
        return "may be absent" if field.default is None else "always"
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    return "optional" if default is None else f"`{json.dumps(default)}` by default"


def _meaning(model: type[BaseModel], name: str, schema: dict[str, Any]) -> str:
    """Return what a field means; the text of a type used in many places lies with the type."""
    if name in (docs := field_docs(model)):
        return _one_line(docs[name])
    texts = (it.get("description") for it in (schema, *schema.get("anyOf", ())))
    return next((_one_line(text) for text in texts if text), "")


def _kind(schema: dict[str, Any], defs: dict[str, Any]) -> str:
    """Say in words what a JSON schema allows."""
    if "$ref" in schema:
        return _kind(defs[schema["$ref"].rsplit("/", 1)[1]], defs)
    if "anyOf" in schema:
        kinds = [_kind(it, defs) for it in schema["anyOf"] if it.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "allOf" in schema:
        return _kind(schema["allOf"][0], defs)
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return "list of " + _plural(_kind(schema.get("items", {}), defs))
    if schema.get("type") == "object" and "title" in schema and "properties" in schema:
        members = ", ".join(f"`{name}`" for name in schema["properties"])
        return f"object with {members}"
    return _scalar(schema)


def _scalar(schema: dict[str, Any]) -> str:
    names = {"password": "secret", "path": "path"}
    name = names.get(schema.get("format", "")) or schema.get("type", "any value")
    told = {key: value for key, value in schema.items() if key != "maximum" or value < _HUGE}
    limits = [text.format(told[key]) for key, text in _LIMITS if told.get(key) is not None]
    limits = ["not empty" if text == "at least 1 characters" else text for text in limits]
    return ", ".join([name, *limits])


def _plural(kind: str) -> str:
    if kind.startswith("one of "):
        return kind.removeprefix("one of ")
    return re.sub(r"^([a-z]+?)s?(?=\W|$)", r"\1s", kind)


def _prose(model: type[BaseModel]) -> str:
    paragraphs = (model.__doc__ or "").split("\n\n")
    return "\n\n".join(_one_line(paragraph) for paragraph in paragraphs)


def _one_line(text: str | None) -> str:
    return " ".join((text or "").replace("``", "`").split())


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    cells = [head, tuple("---" for _ in head), *rows]
    return _lines(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
