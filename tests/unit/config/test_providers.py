"""Tables of providers: read from every source, checked, listed, changed, and looked up late."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ruster.config.live import LiveSettings
from ruster.config.loader import Loaded, load, variables
from ruster.config.paths import Paths, first_run
from ruster.core.errors import ConfigError
from ruster.storage.disk import Disk

BOX = """
[providers.box]
base_url = "http://box:8000/v1"
api_key_command = ["pass", "show", "box"]
context_size = 32768
headers = { X-Title = "ruster" }
[providers.my-gem]
kind = "gemini"
project = "p"
"""


def _paths(folder: Path, config: str = "") -> Paths:
    paths = Paths(folder / "config", folder / "data", folder / "cache")
    first_run(paths)
    if config:
        paths.config_file.write_text(config)
    return paths


def _load(folder: Path, config: str = "", environment: Mapping[str, str] | None = None) -> Loaded:
    return load(_paths(folder, config), environment or {})


def test_tables_of_the_file(folder: Path) -> None:
    loaded = _load(folder, BOX)
    box = loaded.settings.providers["box"]

    assert loaded.warnings == ()
    assert (box.base_url, box.context_size) == ("http://box:8000/v1", 32_768)
    assert box.api_key_command == ("pass", "show", "box")
    assert box.headers["X-Title"].get_secret_value() == "ruster"
    assert loaded.settings.providers["my-gem"].kind == "gemini"
    assert box.model_fields_set == {"base_url", "api_key_command", "context_size", "headers"}


def test_the_file_of_the_first_run_has_none(folder: Path) -> None:
    loaded = _load(folder)

    assert loaded.settings.providers == {}
    assert loaded.warnings == ()


def test_the_environment_comes_first_and_can_name_new_ones(folder: Path) -> None:
    environment = {
        "RUSTER_PROVIDERS_BOX_BASE_URL": "http://other/v1",
        "RUSTER_PROVIDERS_NEW_BOX_API_KEY_ENV": "NEW_KEY",
        "RUSTER_PROVIDERS_NEW_BOX_API_KEY_COMMAND": "pass, show, new",
        "RUSTER_PROVIDERS_NEW_BOX_HEADERS": '{"X-A": "b"}',
        "RUSTER_PROVIDERS_NEW_BOX_READ_TIMEOUT_S": "7.5",
    }
    providers = _load(folder, BOX, environment).settings.providers

    assert providers["box"].base_url == "http://other/v1"
    assert providers["new_box"].api_key_env == "NEW_KEY"
    assert providers["new_box"].api_key_command == ("pass", "show", "new")
    assert providers["new_box"].headers["X-A"].get_secret_value() == "b"
    assert providers["new_box"].read_timeout_s == 7.5


@pytest.mark.parametrize(
    ("config", "warning"),
    [
        ("[providers.box]\nbase_ur = 'x'", "did you mean 'providers.box.base_url'?"),
        ("[providers.Box]\nbase_url = 'http://x'", "'providers.Box.base_url' ignored"),
        ("[providers]\nbox = 'x'", "'providers.box' ignored"),
        ("[provider.box]\nbase_url = 'http://x'", "'provider.box.base_url' ignored"),
    ],
)
def test_what_is_misspelt_is_warned_of(folder: Path, config: str, warning: str) -> None:
    (told,) = _load(folder, config).warnings

    assert warning in told


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("base_url = 3", "providers.box.base_url is 3"),
        ("base_url = 'box:8000'", "providers.box.base_url is 'box:8000'"),
        ("context_size = 'big'", "providers.box.context_size is 'big'"),
        ("kind = 'soap'", "providers.box.kind is 'soap'"),
        ("api_key_command = 'pass show'", "providers.box.api_key_command is"),
        ("api_key_env = 'no such name'", "providers.box.api_key_env is"),
        ("headers = { A = 3 }", "providers.box.headers is a secret"),
        ('headers = { A = "secret\\u0000" }', "providers.box.headers: "),
    ],
)
def test_a_wrong_value_is_an_error_that_names_it(folder: Path, line: str, problem: str) -> None:
    with pytest.raises(ConfigError) as raised:
        _load(folder, f"[providers.box]\n{line}")

    assert problem in raised.value.message
    assert "secret\x00" not in raised.value.message


def _live(folder: Path, config: str) -> tuple[LiveSettings, Paths]:
    paths = _paths(folder, config)
    return LiveSettings(load(paths, {}), paths, Disk(), {}), paths


def test_they_are_listed_without_their_headers_values(folder: Path) -> None:
    live, _ = _live(folder, BOX)
    listed: dict[str, Any] = live.read_all()

    assert listed["providers.box.base_url"] == "http://box:8000/v1"
    assert listed["providers.box.headers"] == "********"
    assert "ruster" not in str(listed["providers.box.headers"])
    assert live.read("providers.box.context_size")[0] == 32_768
    assert live.read("providers.box.kind") == ("openai_compatible", "default")


def test_they_can_be_changed_and_kept(folder: Path) -> None:
    live, paths = _live(folder, BOX)

    assert live.change("providers.new.base_url", "http://new/v1") == ("http://new/v1", True)
    assert load(paths, {}).settings.providers["new"].base_url == "http://new/v1"
    with pytest.raises(ConfigError, match="is a secret"):
        live.change("providers.box.headers", {"A": "b"})
    with pytest.raises(ConfigError, match=r"did you mean 'providers.box.base_url'\?"):
        live.read("providers.box.base_uri")


def test_variables_are_looked_up_when_needed(folder: Path) -> None:
    paths = _paths(folder)
    look_up = variables(paths, {"A": "environment", "EMPTY": ""})
    assert [look_up(name) for name in ("A", "B")] == ["environment", None]

    (paths.config / ".env").write_text("A=file\nB=file\nEMPTY=file\n")

    assert [look_up(name) for name in ("A", "B", "EMPTY")] == ["environment", "file", "file"]


def test_a_named_file_that_vanished_is_not_an_error_later(folder: Path) -> None:
    look_up = variables(_paths(folder), {"RUSTER_ENV_FILE": str(folder / "gone"), "A": "a"})

    assert (look_up("A"), look_up("B")) == ("a", None)
