"""Where a setting comes from, and what is said when it is wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ruster.config.live import LiveSettings
from ruster.config.loader import Loaded, load
from ruster.config.paths import Paths, first_run
from ruster.config.settings import Settings
from ruster.core.errors import ConfigError, StorageError
from ruster.engine.settings import LoraAdapter
from ruster.storage.disk import Disk

CANARY = "canary-of-a-token"


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    (tmp_path / "config").mkdir()
    return Paths(tmp_path / "config", tmp_path / "data", tmp_path / "cache")


def failing(paths: Paths, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(paths, environment or {})
    assert "\n" not in caught.value.message
    return caught.value.message


def test_without_anything_there_are_defaults(paths: Paths) -> None:
    loaded = load(paths, {})
    assert loaded.settings == Settings()
    assert (loaded.sources, loaded.warnings) == ({}, ())


def test_later_sources_win(paths: Paths) -> None:
    def backlog(environment: dict[str, str] | None = None) -> int:
        return load(paths, environment or {}).settings.server.backlog

    paths.config_file.write_text("[server]\nbacklog = 1")
    assert backlog() == 1
    paths.overrides_file.write_text("[server]\nbacklog = 2")
    assert backlog() == 2
    (paths.config / ".env").write_text("RUSTER_SERVER_BACKLOG=3\n")
    assert backlog() == 3
    assert backlog({"RUSTER_SERVER_BACKLOG": "4"}) == 4


def test_the_source_of_each_setting_is_known(paths: Paths) -> None:
    paths.config_file.write_text("log_level = 'debug'\n[server]\nbacklog = 1")
    sources = load(paths, {"RUSTER_SESSIONS_SYNC": "off"}).sources
    assert sources["log_level"] == sources["server.backlog"] == str(paths.config_file)
    assert sources["sessions.sync"] == "environment: RUSTER_SESSIONS_SYNC"


def test_the_old_prefix_is_an_alias_and_ours_wins(paths: Paths) -> None:
    loaded = load(paths, {"RUSTY_PINCH_LOG_LEVEL": "debug"})
    assert loaded.settings.log_level == "debug"
    both = {"RUSTER_LOG_LEVEL": "error", "RUSTY_PINCH_LOG_LEVEL": "debug"}
    assert load(paths, both).settings.log_level == "error"
    assert load(paths, dict(reversed(both.items()))).settings.log_level == "error"


def test_another_env_file_can_be_named(paths: Paths, tmp_path: Path) -> None:
    (tmp_path / "other.env").write_text("RUSTER_LOG_LEVEL=debug\n")
    environment = {"RUSTER_ENV_FILE": str(tmp_path / "other.env")}
    assert load(paths, environment).settings.log_level == "debug"
    message = failing(paths, {"RUSTER_ENV_FILE": str(tmp_path / "missing.env")})
    assert "missing.env" in message


def test_lists_are_written_with_commas_or_as_json(paths: Paths) -> None:
    for text in ("a/1, b/2,", '["a/1", "b/2"]'):
        settings = load(paths, {"RUSTER_FALLBACK_MODELS": text}).settings
        assert settings.llm.fallback_models == ("a/1", "b/2")
    assert load(paths, {"RUSTER_FALLBACK_MODELS": ""}).settings.llm.fallback_models == ()
    assert "fallback_models" in failing(paths, {"RUSTER_FALLBACK_MODELS": "[1, 2]"})
    assert "fallback_models" in failing(paths, {"RUSTER_FALLBACK_MODELS": "[broken"})


def test_a_home_is_found(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    settings = load(paths, {"RUSTER_SOCKET_PATH": "~/r.sock"}).settings
    assert settings.socket_path == Path("/home/somebody/r.sock")


@pytest.mark.parametrize(
    ("text", "key", "nearest"),
    [
        ("log_levle = 'info'", "log_levle", "log_level"),
        ("[server]\nback_log = 3", "server.back_log", "server.backlog"),
        ("zzz = 1", "zzz", ""),
    ],
)
def test_an_unknown_key_is_a_warning(paths: Paths, text: str, key: str, nearest: str) -> None:
    paths.config_file.write_text(text)
    (warning,) = load(paths, {}).warnings
    assert str(paths.config_file) in warning
    assert repr(key) in warning
    assert (f"did you mean {nearest!r}?" in warning) == bool(nearest)


def test_an_unknown_variable_is_a_warning(paths: Paths) -> None:
    (warning,) = load(paths, {"RUSTER_LOG_LEVLE": "info", "PATH": "/bin"}).warnings
    assert "RUSTER_LOG_LEVLE" in warning
    assert "RUSTER_LOG_LEVEL" in warning.split("did you mean")[1]


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        ("log_level = 7", "log_level", "'debug', 'info'"),
        ("log_level = 'loud'", "log_level", "'debug', 'info'"),
        ("[server]\nbacklog = '7'", "server.backlog", "integer"),
        ("[server]\nbacklog = 7.5", "server.backlog", "integer"),
        ("[server]\nbacklog = true", "server.backlog", "integer"),
        ("[server]\nbacklog = 0", "server.backlog", "greater than or equal to 1"),
        ("[server]\nstall_timeout_s = nan", "server.stall_timeout_s", ""),
        ("[sessions]\nsync = 'yes'", "sessions.sync", "boolean"),
        ("socket_path = 7", "socket_path", "path"),
        ("skills_dirs = 'one'", "skills_dirs", "array"),
        ("skills_dirs = [1]", "skills_dirs", "string"),
        ("default_model = 2026-01-01", "default_model", "pattern"),
    ],
)
def test_a_wrong_type_names_file_key_and_type(
    paths: Paths, text: str, key: str, expected: str
) -> None:
    paths.config_file.write_text(text)
    message = failing(paths)
    assert str(paths.config_file) in message
    assert key in message
    assert expected in message


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfe", b"= 1", b"[server", b"a = 1\na = 2", b"#" * ((1 << 20) + 1), b"a=[" * 9999],
)
def test_a_file_that_is_no_toml_is_one_sentence(paths: Paths, data: bytes) -> None:
    paths.config_file.write_bytes(data)
    assert str(paths.config_file) in failing(paths)


def test_a_folder_in_place_of_the_file_is_one_sentence(paths: Paths) -> None:
    paths.config_file.mkdir()
    assert str(paths.config_file) in failing(paths)


def test_a_secret_is_never_shown(paths: Paths) -> None:
    assert CANARY not in failing(paths, {"RUSTER_PROXY_AUTH_TOKEN": CANARY + "\x01"})
    paths.config_file.write_text(f"[llm]\nproxy_auth_token = ['{CANARY}']")
    assert CANARY not in failing(paths)
    paths.config_file.unlink()
    loaded = load(paths, {"RUSTER_PROXY_AUTH_TOKEN": CANARY})
    assert CANARY not in repr(loaded)
    live = LiveSettings(loaded, paths, Disk(), {})
    assert CANARY not in str((live.read_all(), live.read("llm.proxy_auth_token")))
    assert live.read("llm.proxy_auth_token")[0]  # masked, not absent


def live(paths: Paths, loaded: Loaded | None = None, disk: Disk | None = None) -> LiveSettings:
    applied: list[str] = []
    return LiveSettings(
        loaded or load(paths, {}), paths, disk or Disk(), {"log_level": applied.append}
    )


def test_a_change_is_kept_for_the_next_start(paths: Paths) -> None:
    settings = live(paths)
    assert settings.change("log_level", "debug") == ("debug", False)
    assert settings.change("server.backlog", 7) == (7, True)
    assert settings.change("llm.fallback_models", ["pinky/echo"]) == (["pinky/echo"], True)
    assert settings.read("server.backlog") == (7, str(paths.overrides_file))
    loaded = load(paths, {})
    assert loaded.settings.log_level == "debug"
    assert loaded.settings.server.backlog == 7
    assert loaded.settings.llm.fallback_models == ("pinky/echo",)
    assert paths.overrides_file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("value", ["x", 0, -1, 1.5, True, [], ["x"], float("inf"), 2**40])
def test_a_wrong_value_changes_nothing(paths: Paths, value: object) -> None:
    settings = live(paths)
    with pytest.raises(ConfigError):
        settings.change("server.backlog", value)
    assert settings.read("server.backlog")[1] == "default"
    assert not paths.overrides_file.exists()


def test_what_the_environment_says_cannot_be_changed(paths: Paths) -> None:
    (paths.config / ".env").write_text("RUSTER_SERVER_BACKLOG=3\n")
    settings = live(paths, load(paths, {"RUSTER_LOG_LEVEL": "info"}))
    for key, value in (("log_level", "debug"), ("server.backlog", 7)):
        with pytest.raises(ConfigError, match="comes first"):
            settings.change(key, value)
    assert not paths.overrides_file.exists()


def test_a_secret_is_not_put_on_the_disk(paths: Paths) -> None:
    with pytest.raises(ConfigError, match="secret"):
        live(paths).change("llm.proxy_auth_token", CANARY)
    assert not paths.overrides_file.exists()


def test_an_unknown_key_names_the_nearest(paths: Paths) -> None:
    with pytest.raises(ConfigError, match=r"server\.backlog") as caught:
        live(paths).read("server.back_log")
    assert caught.value.code == "config_unknown"
    with pytest.raises(ConfigError) as caught:
        live(paths).change("x" * 100_000, 1)
    assert caught.value.code == "config_unknown"
    assert len(caught.value.message) < 500


def test_a_failing_disk_changes_nothing(paths: Paths) -> None:
    class DeadDisk(Disk):
        def sync(self, fd: int) -> None:
            raise StorageError("dead")

    settings = live(paths, disk=DeadDisk())
    with pytest.raises(StorageError):
        settings.change("log_level", "debug")
    assert settings.read("log_level") == ("info", "default")


def test_the_first_run_leaves_what_is_there(paths: Paths) -> None:
    first_run(paths)
    template = paths.config_file.read_text()
    assert load(paths, {}).warnings == ()
    assert load(paths, {}).settings == Settings()
    paths.config_file.write_text("# mine\n")
    first_run(paths)
    assert paths.config_file.read_text() == "# mine\n"
    # The template says what is so anyway: taking its comments away changes nothing.
    lines = [line.removeprefix("# ") for line in template.splitlines()]
    settings_lines = [line for line in lines if " = " in line or line.startswith("[")]
    tomllib.loads("\n".join(settings_lines))


def test_a_first_run_that_is_not_possible_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="RUSTER_DATA_DIR"):
        first_run(Paths(tmp_path / "file", tmp_path / "data", tmp_path / "cache"))


def test_a_list_of_tables_comes_from_the_file_or_as_json(paths: Paths) -> None:
    adapter = LoraAdapter(path=Path("/a.gguf"), model="org/base", scale=0.5)
    written = '[[engine.lora]]\npath = "/a.gguf"\nmodel = "org/base"\nscale = 0.5\n'
    (paths.config / "config.toml").write_text(written)
    assert load(paths, {}).settings.engine.lora == (adapter,)
    given = {"RUSTER_ENGINE_LORA": '[{"path": "/b.gguf", "model": "org/base", "scale": 0.5}]'}
    (loaded,) = load(paths, given).settings.engine.lora
    assert loaded == adapter.model_copy(update={"path": Path("/b.gguf")})
    (paths.config / "config.toml").write_text('[[engine.lora]]\npath = "/a.gguf"\n')
    assert "engine.lora" in failing(paths)


def test_the_words_that_need_no_approval_have_their_old_name(tmp_path: Path) -> None:
    paths = Paths(tmp_path, tmp_path, tmp_path)
    loaded = load(paths, {"RUSTY_PINCH_PULSE_AUTO_ALLOW_ACTIONS": "deploy, restart"})
    assert loaded.settings.proactive.auto_allow_actions == ("deploy", "restart")
    assert not loaded.warnings
    loaded = load(paths, {"RUSTER_PROACTIVE_AUTO_ALLOW_ACTIONS": "*"})
    assert loaded.settings.proactive.auto_allow_actions == ("*",)
