"""Where the variables of rusty-genius lead."""

from __future__ import annotations

from pathlib import Path

from ruster.config.paths import Paths
from ruster.ogenius.homes import with_homes


def _paths(**environment: str) -> Paths:
    return Paths.of(with_homes(environment))


def test_a_home_holds_the_manifest_and_the_cache() -> None:
    for name in ("GENIUS_HOME", "RUSTY_GENIUS_CONFIG_DIR"):
        paths = _paths(**{name: "/genius"})
        assert (paths.config, paths.cache) == (Path("/genius"), Path("/genius/cache"))
        assert paths.data == _paths().data
    both = _paths(GENIUS_HOME="/new", RUSTY_GENIUS_CONFIG_DIR="/old", GENIUS_CACHE="/cache")
    assert (both.config, both.cache) == (Path("/new"), Path("/cache"))
    cache = _paths(GENIUS_CACHE="/cache")
    assert (cache.config, cache.cache) == (_paths().config, Path("/cache"))


def test_our_own_variables_come_first() -> None:
    own = {"RUSTER_CONFIG_DIR": "/ours", "RUSTER_CACHE_DIR": "/ours/cache"}
    assert with_homes({**own, "GENIUS_HOME": "/genius"})["RUSTER_CONFIG_DIR"] == "/ours"
    paths = _paths(**own, GENIUS_HOME="/genius", GENIUS_CACHE="/cache")
    assert (paths.config, paths.cache) == (Path("/ours"), Path("/ours/cache"))


def test_keys_are_read_where_they_always_were(tmp_path: Path) -> None:
    config = tmp_path / "ruster"
    config.mkdir()
    (config / ".env").write_text("HF_TOKEN=secret\n")
    found = {"XDG_CONFIG_HOME": str(tmp_path), "GENIUS_HOME": "/genius"}
    assert with_homes(found)["RUSTER_ENV_FILE"] == str(config / ".env")
    named = {**found, "RUSTER_ENV_FILE": "/elsewhere"}
    assert with_homes(named)["RUSTER_ENV_FILE"] == "/elsewhere"
