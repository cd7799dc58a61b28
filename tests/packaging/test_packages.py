"""The packages: what they hold, and that the daemon inside them runs. Nothing is downloaded."""

from __future__ import annotations

import json
import os
import plistlib
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ruster.testing.daemon import environment_for

ROOT = Path(__file__).resolve().parents[2]
AS_USER = ("unshare", "--user", "--map-user=1000", "--map-group=1000")


def run(*command: str | Path, cwd: Path = ROOT, **variables: str) -> str:
    """Run a command that must succeed; return what it wrote."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ask_daemon(command: Sequence[str | Path], folder: Path, **variables: str) -> dict[str, Any]:
    """Start a daemon, ask for its status and stop it again."""
    environment = {**os.environ, **environment_for(folder), **variables}
    folder.mkdir(exist_ok=True)
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command], env=environment, stdout=output, stderr=output, cwd="/"
        )
    try:
        deadline = time.monotonic() + 20
        while not (folder / "r.sock").exists():
            assert process.poll() is None, (folder / "output").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(folder / "r.sock"))
            client.sendall(b'{"action":"status"}\n')
            status: dict[str, Any] = json.loads(client.makefile().readline())
    finally:
        process.terminate()
        assert process.wait(20) == 0
    return status


def need_makepkg() -> tuple[str, ...]:
    """Return what goes before makepkg here; skip without makepkg."""
    if shutil.which("makepkg") is None:
        pytest.skip("makepkg is not installed")
    if os.geteuid() != 0:
        return ()
    if (
        shutil.which("unshare") is None
        or subprocess.run([*AS_USER, "true"], check=False).returncode
    ):
        pytest.skip("makepkg does not run as root, and there are no user namespaces")
    return AS_USER


def site_packages(prefix: Path) -> Path:
    return next(prefix.glob("lib/python3*/site-packages"))


def test_pkgbuild_says_what_the_distribution_expects() -> None:
    text = (ROOT / "PKGBUILD").read_text("utf-8")
    for line in (
        "pkgname=ruster",
        "pkgver=0.1.0",
        "pkgrel=1",
        'pkgdesc="Persistent LLM agent with UNIX socket IPC"',
        "arch=('x86_64')",
        "license=('MIT')",
        "sha256sums=('SKIP')",
        "git describe --tags | sed 's/^v//;s/-/./g'",
        '"$pkgdir/usr/share/doc/$pkgname/README.md"',
        '"$pkgdir/usr/lib/systemd/user/ruster.service"',
    ):
        assert line in text
    assert re.search(r'^source=\("\$pkgname::git\+', text, re.MULTILINE)


def test_the_package_depends_on_what_the_project_depends_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names = {re.split(r"[<>=]", text)[0].lower() for text in project["dependencies"]}
    depends = re.findall(r"^  '(python[^':]*)'$", (ROOT / "PKGBUILD").read_text(), re.MULTILINE)
    packaged = {name.removeprefix("python-") for name in depends} - {"python>=3.11"}
    names = {"yaml" if name == "pyyaml" else name for name in names}
    assert packaged == {name.removeprefix("python-") for name in names}


def test_srcinfo_is_that_of_the_pkgbuild(tmp_path: Path) -> None:
    as_user = need_makepkg()
    shutil.copy(ROOT / "PKGBUILD", tmp_path)
    said = run(*as_user, "makepkg", "--printsrcinfo", cwd=tmp_path, HOME=str(tmp_path))
    assert said.strip() == (ROOT / ".SRCINFO").read_text("utf-8").strip()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_arch_package_installs_a_daemon_that_runs(tmp_path: Path, folder: Path) -> None:
    need_makepkg()
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout")
    tools = str(Path(sys.executable).parent)
    run("packaging/arch/test.sh", tmp_path / "arch", PYTHON_BIN=tools)
    root = tmp_path / "arch" / "root"
    for name in (
        "usr/bin/ruster",
        "usr/bin/ogenius",
        "usr/bin/rusterctl",
        "usr/lib/systemd/user/ruster.service",
        "usr/share/doc/ruster/README.md",
        "usr/share/licenses/ruster/LICENSE",
    ):
        assert (root / name).is_file(), name
    version = re.search(r"pkgver = (.*)", (root / ".PKGINFO").read_text("utf-8"))
    assert version is not None
    assert re.fullmatch(r"\d[\w.]*-1", version[1])
    packages = site_packages(root / "usr")
    status = ask_daemon([root / "usr/bin/ruster"], folder / "d", PYTHONPATH=str(packages))
    assert status["event"] == "status"


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An environment without ruster that sees the packages ruster depends on."""
    prefix = tmp_path / "env"
    run(sys.executable, "-m", "venv", "--without-pip", prefix)
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if "ruster" not in entry.name and entry.suffix != ".pth":
            (libraries / entry.name).symlink_to(entry)
    (site_packages(prefix) / "libraries.pth").write_text(f"{libraries}\n")
    return prefix


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_pip_install_gives_all_commands(environment: Path, folder: Path) -> None:
    run(
        *(sys.executable, "-m", "pip", "--python", environment / "bin/python"),
        *("install", "-q", "--no-index", "--no-deps", "--no-build-isolation", ROOT),
    )
    assert (environment / "bin/rusterctl").exists()
    assert run(environment / "bin/ogenius", "--version", PYTHONPATH="").startswith("ogenius ")
    status = ask_daemon([environment / "bin/ruster"], folder / "d", PYTHONPATH="")
    assert status["event"] == "status"
    installed = site_packages(environment) / "ruster"
    assert (installed / "config/default_config.toml").is_file()
    assert (installed / "py.typed").is_file()


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    text = (ROOT / "ruster.service").read_text("utf-8")
    unit = tmp_path / "ruster.service"
    unit.write_text(text.replace("/usr/bin/ruster", "/bin/true"))
    run("systemd-analyze", "--user", "verify", unit, XDG_RUNTIME_DIR="/run")


def test_the_unit_says_what_is_expected_of_it() -> None:
    lines = (ROOT / "ruster.service").read_text("utf-8").splitlines()
    for line in (
        "After=network.target",
        "ExecStart=/usr/bin/ruster",
        "Restart=on-failure",
        "RestartSec=5s",
        "WantedBy=default.target",
    ):
        assert line in lines
    assert not [line for line in lines if line.startswith("PrivateTmp")]


def test_the_launchd_job_is_well_formed() -> None:
    job = plistlib.loads((ROOT / "packaging/launchd/ruster.plist").read_bytes())
    assert job["Label"] == "ruster"
    assert job["ProgramArguments"][-1].endswith('/bin/ruster"')
