"""All settings in one frozen tree. Each section lies beside the part it belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ruster.agent.settings import AgentSettings
from ruster.engine.settings import EngineSettings
from ruster.gateway.settings import GatewaySettings, ProxySettings
from ruster.llm.settings import LlmSettings, ModelName, ProviderSettings
from ruster.memory.settings import MemorySettings
from ruster.modelstore.settings import ModelStoreSettings
from ruster.proactive.settings import ProactiveSettings, SchedulerSettings
from ruster.sandbox.script_settings import ScriptSettings
from ruster.sandbox.web_settings import WebSettings
from ruster.server.settings import ServerSettings
from ruster.sessions.settings import SessionSettings
from ruster.skills.settings import Selector, SkillName, SkillSettings
from ruster.tools.settings import ToolSettings
from ruster.trust.settings import TrustSettings

__all__ = ["Settings", "UserPath"]

UserPath = Annotated[Path, AfterValidator(Path.expanduser)]
"""A path in which ``~`` is the user's home."""


class Settings(BaseModel):
    """The daemon's settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    socket_path: UserPath = Path("/tmp/ruster.sock")
    """Where the daemon listens."""
    default_model: ModelName = "ollama/llama3.2"
    """The model of sessions that name none, as `provider/model`."""
    skills_dirs: tuple[UserPath, ...] = (
        Path("~/.config/ruster/skills").expanduser(),
        Path("/usr/share/ruster/skills"),
    )
    """Folders with skills."""
    skill_selector: Selector = "hybrid"
    """Who chooses skills for a message: a model (`llm`), words of the skills' descriptions
    (`keywords`), or words first and then a model, only if something fits (`hybrid`)."""
    skill_model: ModelName | Literal[""] = ""
    """The model that chooses skills, a small one is enough; empty for the session's own."""
    skill_ttl_turns: Annotated[int, Field(ge=0, le=100)] = 3
    """How many more turns a skill stays that was chosen for a message."""
    initial_skills: Annotated[tuple[SkillName, ...], Field(max_length=32)] = ()
    """Skills that every session begins with."""
    banned_skills: Annotated[tuple[SkillName, ...], Field(max_length=1000)] = ()
    """Skills that are never used."""
    proactive_interval_secs: Annotated[int, Field(ge=1)] = 300
    """How often the daemon looks for something to do by itself, in seconds."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """How much is written to the log."""
    shutdown_patience_s: Annotated[float, Field(ge=0, le=300)] = 10.0
    """How long running answers may go on after a request to stop, in seconds."""
    server: ServerSettings = Field(default_factory=ServerSettings)
    sessions: SessionSettings = Field(default_factory=SessionSettings)
    agent: AgentSettings = Field(default_factory=AgentSettings)
    llm: LlmSettings = Field(default_factory=LlmSettings)
    engine: EngineSettings = Field(default_factory=EngineSettings)
    skills: SkillSettings = Field(default_factory=SkillSettings)
    memory: MemorySettings = Field(default_factory=MemorySettings)
    proactive: ProactiveSettings = Field(default_factory=ProactiveSettings)
    scheduler: SchedulerSettings = Field(default_factory=SchedulerSettings)
    models: ModelStoreSettings = Field(default_factory=ModelStoreSettings)
    gateway: GatewaySettings = Field(default_factory=GatewaySettings)
    proxy: ProxySettings = Field(default_factory=ProxySettings)
    tools: ToolSettings = Field(default_factory=ToolSettings)
    web: WebSettings = Field(default_factory=WebSettings)
    scripts: ScriptSettings = Field(default_factory=ScriptSettings)
    trust: TrustSettings = Field(default_factory=TrustSettings)
    providers: dict[str, ProviderSettings] = Field(default_factory=dict)
    """Providers beyond this machine by their prefix, as tables `[providers.NAME]`."""
