"""What can be told without a daemon, and how a report is worded."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ruster.cli import doctor as module
from ruster.cli.doctor import (
    check_configuration,
    check_folder,
    check_socket,
    doctor,
    doctor_lines,
)
from ruster.config.paths import Paths
from ruster.core.findings import Finding
from ruster.protocol.events import DoctorCheck
from ruster.testing.daemon import environment_for


def _check(**fields: str) -> DoctorCheck:
    return DoctorCheck.model_validate({"name": "disk", "status": "ok", "detail": "enough"} | fields)


def test_a_clean_report_ends_with_ok() -> None:
    assert doctor_lines([_check(), _check(name="skills", detail="5 installed")]) == [
        "disk: enough",
        "skills: 5 installed",
        "status: ok",
    ]


def test_what_is_amiss_follows_with_what_to_do() -> None:
    checks = [
        _check(status="missing", detail="0.0 GiB free", hint="Free some space"),
        _check(name="sandbox", status="warning", detail="It is weak.", hint="Install another."),
        _check(name="skills", status="warning", detail="1 broken"),
        _check(name="model"),
    ]
    assert doctor_lines(checks) == [
        "disk: 0.0 GiB free",
        "sandbox: It is weak.",
        "skills: 1 broken",
        "model: enough",
        "status: warning",
        "- disk: 0.0 GiB free. Free some space",
        "- sandbox: It is weak. Install another.",
        "- skills: 1 broken",
    ]


def test_no_detail_makes_lines_of_its_own() -> None:
    lines = doctor_lines([_check(status="warning", detail="bad\nstatus: ok", hint="one\n- two")])
    assert lines == [
        "disk: bad status: ok",
        "status: warning",
        "- disk: bad status: ok. one - two",
    ]


def _configuration(folder: Path, text: str | None, name: str = "config.toml") -> Finding:
    environment = environment_for(folder)
    paths = Paths.of(environment)
    paths.config.mkdir()
    if text is not None:
        (paths.config / name).write_text(text)
    finding, loaded = check_configuration(paths, environment)
    assert (loaded is None) == (finding.health == "missing")
    return finding


def test_a_configuration_that_is_right_is_named(folder: Path) -> None:
    found = _configuration(folder, 'log_level = "debug"\n')
    assert found == Finding("ok", str(folder / "config" / "config.toml"))


def test_no_configuration_is_none_amiss(folder: Path) -> None:
    assert _configuration(folder, None).health == "ok"


def test_a_wrong_type_is_told_with_file_key_and_type(folder: Path) -> None:
    found = _configuration(folder, '[server]\nbacklog = "many"\n')
    assert found.health == "missing"
    assert found.detail.startswith(f"{folder}/config/config.toml: server.backlog is 'many', but")
    assert "valid integer" in found.detail


@pytest.mark.parametrize("name", ["config.toml", "overrides.toml", "policy.json", "grants.json"])
def test_a_file_that_is_no_toml_or_json_is_told(folder: Path, name: str) -> None:
    found = _configuration(folder, "= {", name)
    assert found.health == "missing"
    assert name in found.detail


@pytest.mark.parametrize("name", ["config.toml", "policy.json"])
def test_a_file_that_cannot_be_read_is_told(folder: Path, name: str) -> None:
    (folder / "config").mkdir()
    (folder / "config" / name).mkdir()
    environment = environment_for(folder)
    found, loaded = check_configuration(Paths.of(environment), environment)
    assert (found.health, loaded) == ("missing", None)
    assert f"{name} cannot be read" in found.detail


def test_an_unknown_setting_is_a_warning(folder: Path) -> None:
    found = _configuration(folder, "log_levle = 1\n")
    assert found.health == "warning"
    assert "did you mean 'log_level'?" in found.detail


def test_a_folder_in_whose_place_is_a_file_is_told(tmp_path: Path) -> None:
    assert check_folder(tmp_path / "new") == Finding("ok", str(tmp_path / "new"))
    (tmp_path / "new").touch()
    found = check_folder(tmp_path / "new" / "data")
    assert found.health == "missing"
    assert "RUSTER_DATA_DIR" in (found.hint or "")


def test_what_is_at_the_sockets_path_is_told(folder: Path) -> None:
    path = folder / "r.sock"
    assert check_socket(path) == Finding("missing", f"{path} does not exist")
    path.touch()
    assert check_socket(path).detail == f"{path} is no socket"
    path.unlink()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        assert check_socket(path) == Finding("ok", str(path))


def test_whoever_listens_and_says_nothing_is_no_daemon(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in environment_for(folder).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(module, "_ANSWER_S", 0.05)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(folder / "r.sock"))
        sock.listen()
        assert doctor() == 3
    assert "\n- daemon: nothing came for 0.05 s. Start one with: " in capsys.readouterr().out
