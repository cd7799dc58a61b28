"""Where ruster's files lie, and the folders and files of a first run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import platformdirs

from ruster.core.errors import ConfigError, StorageError
from ruster.skills.starters import install_starters
from ruster.storage.files import make_private_folder

__all__ = ["Paths", "first_run"]


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders of one installation."""

    config: Path
    data: Path
    cache: Path

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Paths:
        """Find them: ``RUSTER_*_DIR`` first, then XDG for configuration, then the defaults."""
        home = Path.home()
        xdg = environment.get("XDG_CONFIG_HOME")
        config = Path(xdg) / "ruster" if xdg else home / ".config" / "ruster"
        return cls(
            config=_folder(environment, "RUSTER_CONFIG_DIR", config),
            data=_folder(environment, "RUSTER_DATA_DIR", home / ".var" / "app" / "ruster"),
            cache=_folder(environment, "RUSTER_CACHE_DIR", platformdirs.user_cache_path("ruster")),
        )

    @property
    def own(self) -> tuple[Path, ...]:
        """All folders that are ruster's own."""
        return self.config, self.data, self.cache

    @property
    def config_file(self) -> Path:
        """The user's settings; written once, on the first run."""
        return self.config / "config.toml"

    @property
    def overrides_file(self) -> Path:
        """Settings changed through ``config_set``."""
        return self.config / "overrides.toml"

    @property
    def log_file(self) -> Path:
        """The daemon's log; older days lie beside it."""
        return self.data / "logs" / "ruster.log"

    @property
    def sessions(self) -> Path:
        """One folder per session."""
        return self.data / "sessions"

    @property
    def state(self) -> Path:
        """The daemon's own state."""
        return self.data / "state"

    @property
    def models(self) -> Path:
        """Model files."""
        return self.cache / "models"

    @property
    def snapshots(self) -> Path:
        """What the engine keeps of conversations."""
        return self.cache / "kv"


def first_run(paths: Paths) -> None:
    """Create what is missing of folders, the commented ``config.toml`` and the starter skills.

    Raises ConfigError.
    """
    try:
        for folder in (
            paths.config / "skills",
            paths.config / "extra_skills",
            paths.log_file.parent,
            paths.sessions,
            paths.state,
        ):
            make_private_folder(folder)
        install_starters(paths.config / "skills")
        if not paths.config_file.exists():
            template = resources.files("ruster.config") / "default_config.toml"
            paths.config_file.write_bytes(template.read_bytes())
    except (OSError, StorageError) as error:
        raise ConfigError(
            f"the first run cannot create its files: {error}; "
            "set RUSTER_CONFIG_DIR and RUSTER_DATA_DIR to folders you may write"
        ) from error


def _folder(environment: Mapping[str, str], variable: str, default: Path) -> Path:
    return Path(environment.get(variable) or default).expanduser().absolute()
