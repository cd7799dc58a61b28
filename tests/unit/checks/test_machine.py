"""Each check of the machine, where all is well and where it is not."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ruster.checks import machine
from ruster.checks.machine import Exposed, check_disk, check_open_files, check_permissions
from ruster.config.loader import load
from ruster.config.paths import Paths, first_run
from ruster.config.settings import Settings
from ruster.storage.disk import Disk
from ruster.testing.daemon import environment_for


@pytest.fixture
def exposed(shared: Path) -> Iterator[Exposed]:
    """An installation like any, in a folder that all may enter, with its socket."""
    environment = environment_for(shared)
    paths = Paths.of(environment)
    first_run(paths)
    (paths.config / ".env").touch(0o600)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(shared / "r.sock"))
        (shared / "r.sock").chmod(0o666)
        skills = (paths.config / "skills",)
        yield Exposed.of(load(paths, environment), paths, environment, skills)


def test_a_new_installation_is_closed_to_others(exposed: Exposed) -> None:
    found = check_permissions(exposed)
    assert (found.health, found.hint) == ("ok", None)
    assert found.detail.startswith("every user may connect")
    exposed.socket.chmod(0o600)
    found = check_permissions(replace(exposed, socket_mode=0o600))
    assert found.detail.startswith("not every user may connect")


def test_keys_that_others_can_read_are_told(exposed: Exposed) -> None:
    (env,) = exposed.keys
    env.chmod(0o644)
    env.parent.chmod(0o700)
    assert check_permissions(exposed).health == "ok"  # nobody reaches it
    env.parent.chmod(0o711)
    found = check_permissions(exposed)
    assert found.health == "warning"
    assert found.detail == f"other users can read {env}, which holds keys"
    assert found.hint == f"To do: chmod o= {env}"


def test_every_file_with_keys_is_looked_at(shared: Path) -> None:
    key = shared / "key"
    environment = environment_for(shared) | {"RUSTER_ENV_FILE": str(shared / "other.env")}
    paths = Paths.of(environment)
    first_run(paths)
    (shared / "other.env").touch()
    paths.config_file.write_text(f'[providers.lab]\napi_key_file = "{key}"\n')
    exposed = Exposed.of(load(paths, environment), paths, environment, ())
    assert exposed.keys == (shared / "other.env", key)
    paths.config_file.write_text('[llm]\nproxy_auth_token = "hidden"\n')
    exposed = Exposed.of(load(paths, environment), paths, environment, ())
    assert exposed.keys == (shared / "other.env", paths.config_file)


def test_folders_that_others_can_change_are_told(exposed: Exposed) -> None:
    (skills,) = (path for path in exposed.own if path.name == "skills")
    skills.parent.chmod(0o711)
    skills.chmod(0o1777)
    found = check_permissions(exposed)
    assert (found.health, found.detail) == ("warning", f"other users can write to {skills}")


def test_a_socket_that_is_open_to_more_than_is_set_is_told(exposed: Exposed) -> None:
    found = check_permissions(replace(exposed, socket_mode=0o600))
    assert found.health == "warning"
    assert found.detail == f"{exposed.socket} has the mode 0666, not 0600"
    exposed.socket.parent.chmod(0o777)
    found = check_permissions(exposed)
    assert "in the place of" in found.detail
    # Named once, although all of the installation lies below it.
    assert found.detail.endswith(f"; other users can write to {exposed.socket.parent}")
    assert found.detail.count("can write to") == 1
    exposed.socket.parent.chmod(0o711)
    exposed.socket.unlink()
    assert "cannot be seen any more" in check_permissions(exposed).detail


@pytest.mark.parametrize(
    ("free", "health"),
    [(1 << 40, "ok"), (1 << 30, "ok"), ((1 << 30) - 1, "warning"), (1 << 20, "missing")],
)
def test_little_space_is_told(tmp_path: Path, free: int, health: str) -> None:
    class Small(Disk):
        def free_bytes(self, folder: Path) -> int:
            assert folder == tmp_path
            return free

    found = check_disk(Small(), tmp_path)
    assert found.health == health
    assert found.detail.startswith(f"{free / (1 << 30):.1f} GiB free")


def test_the_limit_of_open_files_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    def limited(to: int) -> str:
        monkeypatch.setattr(resource, "getrlimit", lambda _: (to, to))
        found = check_open_files(Settings())
        assert (found.hint is None) == (found.health == "ok")
        return f"{found.health}: {found.detail}"

    monkeypatch.setattr(machine, "_open_files", lambda: 30)
    assert limited(65536) == "ok: 30 open, at most 65536"
    assert limited(576) == "ok: 30 open, at most 576"
    assert limited(575).endswith("at most 575, but one user alone may need 576")
    assert limited(37) == "warning: 30 of 37 are open"
    monkeypatch.setattr(machine, "_open_files", lambda: None)
    assert limited(65536) == "ok: at most 65536"
