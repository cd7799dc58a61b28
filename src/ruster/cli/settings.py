"""``rusterctl config``: the daemon's settings, for its own user and root."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from ruster.cli.options import JsonOption, SocketOption
from ruster.cli.request import request
from ruster.cli.tables import print_rows
from ruster.cli.terminal import clean_argument, printable
from ruster.protocol.events import ConfigListing, ConfigUpdated, ConfigValue

__all__ = ["get_setting", "list_settings", "set_setting"]

_Key = Annotated[str, typer.Argument(help="The setting, such as default_model.")]
_Value = Annotated[
    str, typer.Argument(help="Its new value; a list is written as JSON or with commas.")
]


def get_setting(key: _Key, socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Print one setting."""
    found = request(socket, ConfigValue, "config_get", as_json, key=key)
    if found is not None:
        print(printable(_word(found.value)))


def set_setting(
    key: _Key, value: _Value, socket: SocketOption = None, as_json: JsonOption = False
) -> None:
    """Change one setting; it is kept over restarts."""
    before = request(socket, ConfigValue, "config_get", False, key=key)
    typed = _typed(clean_argument(value), before.value if before is not None else None)
    done = request(socket, ConfigUpdated, "config_set", as_json, key=key, value=typed)
    if done is not None:
        later = " (from the daemon's next start on)" if done.restart_needed else ""
        print(printable(f"{done.key} = {_word(done.value)}{later}"))


def list_settings(socket: SocketOption = None, as_json: JsonOption = False) -> None:
    """Print all settings; secrets are masked."""
    listed = request(socket, ConfigListing, "config_list", as_json)
    if listed is not None:
        rows = [(key, _word(value)) for key, value in sorted(listed.options.items())]
        print_rows(("Setting", "Value"), rows)


def _typed(text: str, before: Any) -> Any:
    """Read a value as what the setting has held so far; text stays text."""
    if isinstance(before, str):
        return text
    if isinstance(before, list) and not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        return json.loads(text)
    except ValueError:
        return text


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
