"""The examples of the protocol's reference: one line or more for every command and event."""

from __future__ import annotations

from typing import Any

from ruster.protocol import events
from ruster.protocol.events import Event

__all__ = ["COMMAND_EXAMPLES", "EVENT_EXAMPLES"]

_MEMORY_ID = "019c13a2-7d40-7c1e-9f5b-2a6f1d0c8e47"
COMMAND_EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "create": [
        {"action": "create", "session_id": "work"},
        {"action": "create", "session_id": "work", "model": "ollama/phi3", "title": "At work"},
    ],
    "send": [
        {"action": "send", "session_id": "work", "message": "What is the capital of France?"},
        {
            "action": "send",
            "session_id": "work",
            "message": "In one word, please.",
            "mode": "steer",
            "id": 7,
        },
    ],
    "list": [{"action": "list"}],
    "delete": [{"action": "delete", "session_id": "old"}],
    "history": [{"action": "history", "session_id": "work", "limit": 50, "offset": 100}],
    "attach": [
        {"action": "attach", "session_id": "work"},
        {"action": "attach", "session_id": "work", "since": 41},
    ],
    "detach": [{"action": "detach", "session_id": "work"}],
    "cancel": [{"action": "cancel", "session_id": "work", "queued": True}],
    "why": [{"action": "why", "session_id": "work"}],
    "status": [{"action": "status"}],
    "doctor": [{"action": "doctor"}],
    "models": [{"action": "models"}],
    "model_list": [{"action": "model_list", "here": True}],
    "model_show": [{"action": "model_show", "model": "qwen-2.5-1.5b-instruct"}],
    "model_download": [
        {"action": "model_download", "model": "Qwen/Qwen2.5-1.5B-Instruct", "quant": "Q8_0"},
    ],
    "model_cancel": [{"action": "model_cancel", "model": "Qwen/Qwen2.5-1.5B-Instruct"}],
    "model_remove": [{"action": "model_remove", "model": "tiny-model"}],
    "model_verify": [{"action": "model_verify", "model": "tiny-model"}],
    "model_import": [
        {"action": "model_import", "path": "~/.ollama/models", "source": "ollama"},
        {"action": "model_import", "path": "~/Downloads/phi-4-Q4_K_M.gguf", "name": "phi4"},
    ],
    "skill_list": [{"action": "skill_list", "session_id": "work"}],
    "skill_search": [{"action": "skill_search", "session_id": "work", "query": "weather"}],
    "skill_show": [{"action": "skill_show", "skill": "clock"}],
    "skill_add": [{"action": "skill_add", "session_id": "work", "skill": "release-notes"}],
    "skill_remove": [{"action": "skill_remove", "session_id": "work", "skill": "release-notes"}],
    "skill_dry_run": [
        {"action": "skill_dry_run", "session_id": "work", "message": "Will it rain in Hanoi?"},
    ],
    "skill_ban": [{"action": "skill_ban", "skill": "joke-teller"}],
    "skill_unban": [{"action": "skill_unban", "skill": "joke-teller"}],
    "skill_validate": [
        {"action": "skill_validate", "skill": "/home/me/skills/release-notes"},
        {"action": "skill_validate"},
    ],
    "tool_list": [{"action": "tool_list"}, {"action": "tool_list", "session_id": "work"}],
    "job_add": [
        {
            "action": "job_add",
            "session_id": "work",
            "reminder": "remind me in 20 minutes to take out the cake",
        },
        {
            "action": "job_add",
            "job_id": "news",
            "session_id": "work",
            "when": "every weekday at 8:30",
            "do": {"prompt": {"message": "What is new in my mail?"}},
            "misfire": "skip",
        },
        {
            "action": "job_add",
            "job_id": "backup-watch",
            "when": "every 5 minutes",
            "do": {"emit_log": {"message": "the backup is old"}},
            "watch": {"kind": "file_older", "path": "/srv/backup/last", "amount": 172_800},
        },
    ],
    "job_list": [{"action": "job_list"}, {"action": "job_list", "session_id": "work"}],
    "job_show": [{"action": "job_show", "job_id": "news"}],
    "job_run": [{"action": "job_run", "job_id": "news"}],
    "job_enable": [{"action": "job_enable", "job_id": "news"}],
    "job_disable": [{"action": "job_disable", "job_id": "news"}],
    "job_remove": [{"action": "job_remove", "job_id": "news"}],
    "job_history": [{"action": "job_history", "job_id": "news", "limit": 5}],
    "job_tick": [{"action": "job_tick"}],
    "goal_add": [{"action": "goal_add", "goal_id": "ship", "description": "version 2 is out"}],
    "goal_list": [{"action": "goal_list"}],
    "goal_show": [{"action": "goal_show", "goal_id": "ship"}],
    "goal_note": [{"action": "goal_note", "goal_id": "ship", "note": "all tests pass"}],
    "goal_achieve": [{"action": "goal_achieve", "goal_id": "ship", "note": "announced"}],
    "goal_remove": [{"action": "goal_remove", "goal_id": "ship"}],
    "ooda": [
        {
            "action": "ooda",
            "act": "deploy it with job:release",
            "observations": [
                {"source": "ci", "key": "tests", "value": "passed"},
                {"source": "cron", "key": "disk", "value": "91 %", "severity": "warning"},
            ],
            "goal_id": "ship",
        },
    ],
    "ooda_list": [{"action": "ooda_list", "limit": 5}],
    "memory_search": [
        {"action": "memory_search", "query": "Where does my sister live?"},
        {"action": "memory_search", "query": "the code of the door", "everywhere": True},
        {
            "action": "memory_search",
            "session_id": "work",
            "query": "what did we decide last Tuesday",
            "layers": ["interact", "insights"],
            "tags": ["decision"],
            "limit": 5,
        },
    ],
    "memory_add": [
        {"action": "memory_add", "text": "My sister lives in Hanoi.", "tags": ["family"]},
        {"action": "memory_add", "path": "/home/me/notes", "project": "house"},
        {"action": "memory_add", "url": "https://example.org/manual.pdf"},
    ],
    "memory_list": [
        {"action": "memory_list", "layer": "insights", "limit": 20},
        {"action": "memory_list", "before": _MEMORY_ID},
    ],
    "memory_show": [{"action": "memory_show", "memory_id": _MEMORY_ID}],
    "memory_edit": [
        {"action": "memory_edit", "memory_id": _MEMORY_ID, "text": "My sister lives in Hue."},
    ],
    "memory_forget": [
        {"action": "memory_forget", "query": "my sister", "dry_run": True},
        {"action": "memory_forget", "memory_ids": [_MEMORY_ID]},
        {"action": "memory_forget", "path": "/home/me/notes", "confirm": True},
    ],
    "memory_pin": [{"action": "memory_pin", "memory_id": _MEMORY_ID}],
    "memory_promote": [{"action": "memory_promote", "memory_id": _MEMORY_ID, "layer": "insights"}],
    "memory_log": [{"action": "memory_log", "limit": 20}],
    "memory_undo": [{"action": "memory_undo", "number": 12}],
    "memory_stats": [{"action": "memory_stats", "session_id": "work"}],
    "memory_export": [{"action": "memory_export"}, {"action": "memory_export", "after": "200"}],
    "memory_import": [
        {
            "action": "memory_import",
            "items": [{"type": "memory", "text": "My sister lives in Hue.", "layer": "insights"}],
        },
    ],
    "memory_backup": [{"action": "memory_backup", "name": "before-moving"}],
    "memory_backups": [{"action": "memory_backups"}],
    "memory_backup_remove": [{"action": "memory_backup_remove", "name": "before-moving"}],
    "memory_restore": [{"action": "memory_restore", "name": "before-moving"}],
    "memory_reindex": [{"action": "memory_reindex"}],
    "memory_set": [{"action": "memory_set", "key": "user.city", "value": "Hue"}],
    "memory_get": [{"action": "memory_get", "key": "user.city", "history": True}],
    "memory_delete": [{"action": "memory_delete", "key": "user.city"}],
    "memory_keys": [{"action": "memory_keys", "pattern": "user.*"}],
    "memory_flush": [{"action": "memory_flush", "confirm": True}],
    "config_get": [{"action": "config_get", "key": "default_model"}],
    "config_set": [{"action": "config_set", "key": "log_level", "value": "debug"}],
    "config_list": [{"action": "config_list"}],
    "approval_list": [{"action": "approval_list"}, {"action": "approval_list", "watch": True}],
    "approve": [
        {"action": "approve", "approval_id": "pa-5f0c9a1be2d34c77"},
        {"action": "approve", "approval_id": "pa-5f0c9a1be2d34c77", "scope": "session"},
    ],
    "reject": [
        {"action": "reject", "approval_id": "pa-5f0c9a1be2d34c77", "reason": "not on this host"},
    ],
    "server_list": [{"action": "server_list"}],
    "server_get": [{"action": "server_get", "server": "mail"}],
    "server_attach": [
        {"action": "server_attach", "session_id": "work", "server": "mail"},
        {"action": "server_attach", "session_id": "work", "server": "mail", "mode": "immediate"},
    ],
    "server_detach": [{"action": "server_detach", "session_id": "work", "server": "mail"}],
    "server_send": [{"action": "server_send", "server": "mail", "message": "unread"}],
    "server_subscribe": [{"action": "server_subscribe", "server": "mail"}],
    "gateway_token_add": [
        {"action": "gateway_token_add", "label": "editor"},
        {"action": "gateway_token_add", "label": "anna", "owner": 1001, "lasts_s": 86400},
    ],
    "gateway_token_list": [{"action": "gateway_token_list"}],
    "gateway_token_revoke": [
        {"action": "gateway_token_revoke", "token_id": "g-5f0c9a1be2d34c77"},
    ],
    "gateway_link": [{"action": "gateway_link"}],
    "ping": [{"action": "ping", "id": "a1"}],
}

_WORK = "work"
_CREATED = "2026-01-31T09:30:00+01:00"
_MODELS = "/home/me/.cache/ruster/models"
_QWEN_PATH = f"{_MODELS}/Qwen/Qwen2.5-1.5B-Instruct-GGUF/qwen2.5-1.5b-instruct-q8_0.gguf"
_PHI = events.LocalModelSummary(
    name="phi4",
    purpose="Inference",
    here=True,
    repo="imported/phi4",
    filename="phi-4-Q4_K_M.gguf",
    quantization="Q4_K_M",
    path=f"{_MODELS}/imported/phi4/phi-4-Q4_K_M.gguf",
    size_bytes=9_053_114_816,
    origin="import",
)
_APPROVAL_ID = "pa-5f0c9a1be2d34c77"
_QUESTION: dict[str, Any] = {
    "session_id": _WORK,
    "approval_id": _APPROVAL_ID,
    "tool": "shell",
    "arguments": {"command": "git push"},
    "target": "git push",
    "effects": ["executes", "network"],
    "risk": "high",
    "reason": "no rule allows it",
    "scopes": ["once", "session", "always"],
    "sha256": "0e3d8cbf1f0a5de2a2c9f0c1f1a2a6a6e1a4b3a2a3f8f2f6c5d4b3a291807f6e",
    "owner": 1000,
    "surface": "socket",
    "created": _CREATED,
    "expires": "2026-01-31T09:32:00+01:00",
}

_CLOCK = events.SkillSummary(
    name="clock",
    description="Tells the current date and time.",
    kind="instructions",
    active=True,
)
_MEMORY = events.MemorySummary(
    memory_id=_MEMORY_ID,
    text="My sister lives in Hanoi.",
    layer="insights",
    kind="fact",
    time=_CREATED,
    within="owner",
    tags=["family"],
    session_id=_WORK,
    speaker="user",
)
_MEMORY_MOVE = events.MemoryLogEntry(
    number=12,
    time=_CREATED,
    batch=7,
    what="promoted",
    rule="told",
    memory_id=_MEMORY_ID,
    from_layer="interact",
    to_layer="insights",
)
_BACKUP = events.BackupSummary(name="before-moving", size_bytes=2_400_256, time=_CREATED)
_TOKEN = events.GatewayTokenSummary(
    token_id="g-5f0c9a1be2d34c77", label="editor", owner=1000, created=_CREATED, state="usable"
)
_MAIL = events.ServerSummary(
    server="mail",
    state="connected",
    description="Tells of new mail.",
    path="/home/me/.var/app/ruster/servers/mail.sock",
    uid=1000,
    tools=1,
    sessions=1,
    events=12,
)
_WEATHER = events.SkillSummary(
    name="weather", description="Tells the weather.", kind="script", score=4.21
)

_RECEIPT = events.ReceiptSummary(
    run="r-5f0c9a1be2d34c77",
    due=_CREATED,
    outcome="done",
    missed=0,
    by="schedule",
    started=_CREATED,
    ended=_CREATED,
    tokens=840,
    message="Two new mails.",
)
_JOB = events.JobSummary(
    job_id="news",
    owner=1000,
    session_id=_WORK,
    title="What is new in my mail?",
    when="every weekday at 08:30",
    schedule={"kind": "cron", "expression": "30 8 * * 1-5", "zone": "Europe/Paris"},
    do={"prompt": {"message": "What is new in my mail?"}},
    enabled=True,
    running=False,
    due=_CREATED,
    runs=1,
    failures=0,
    last=_RECEIPT,
    misfire="skip",
    overlap="skip",
    tell="failures",
    jitter_s=0,
    max_tokens=0,
    timeout_s=0,
    made_by="person",
    created=_CREATED,
)
_GOAL = events.GoalSummary(
    goal_id="ship",
    owner=1000,
    description="version 2 is out",
    achieved=False,
    created=_CREATED,
    updated_at=_CREATED,
    notes=1,
    jobs=1,
)
_CYCLE: dict[str, Any] = {
    "cycle_id": "o-5f0c9a1be2d34c77",
    "timestamp": _CREATED,
    "observations": [
        events.ObservationSummary(source="cron", key="disk", value="91 %", severity="warning")
    ],
    "orientation": "1 observations, 1 require attention",
    "decision": "escalate",
    "action": "deploy it with job:release",
    "risk": "high",
    "approval_status": "pending",
    "approval_token": _APPROVAL_ID,
    "goal_id": "ship",
    "owner": 1000,
    "outcome": "",
}
EVENT_EXAMPLES: dict[type[Event], Event] = {
    type(event): event
    for event in (
        events.Created(session_id=_WORK, model="ollama/phi3", seq=0),
        events.Accepted(session_id=_WORK, message="What is the capital of France?"),
        events.Response(session_id=_WORK, delta="Paris"),
        events.ThoughtEvent(session_id=_WORK, phase="delta", delta="The user asks for a city."),
        events.ToolCallEvent(
            session_id=_WORK,
            tool="clock",
            arguments={"zone": "Europe/Paris"},
            call_id="call_1f2e3d4c",
            result_preview="09:30",
            failed=False,
        ),
        events.ApprovalRequired(**_QUESTION),
        events.ApprovalResolved(
            session_id=_WORK,
            approval_id=_APPROVAL_ID,
            state="approved",
            by="uid 1000",
            scope="once",
        ),
        events.Question(session_id=_WORK, question="Which of the two files?"),
        events.SkillUsed(session_id=_WORK, skill="email_fetch", result="3 new emails"),
        events.UsageEvent(
            session_id=_WORK,
            model="ollama/phi3",
            prompt_tokens=312,
            completion_tokens=9,
            first_token_ms=180,
            total_ms=420,
        ),
        events.ProgressEvent(
            session_id=_WORK, what="loading tiny.gguf", current=41_943_040, total=104_857_600
        ),
        events.NoticeEvent(
            session_id=_WORK,
            code="model_fallback",
            message="ollama/phi3 cannot answer (Ollama is not running); using pinky/echo instead",
        ),
        events.Cancelled(session_id=_WORK),
        events.ErrorEvent(
            code="session_not_found", error="there is no session 'work'", session_id=_WORK
        ),
        events.Proactive(session_id=_WORK, message="Reminder: meeting in 30 min"),
        events.Attached(session_id=_WORK, seq=41),
        events.Detached(session_id=_WORK),
        events.Deleted(session_id=_WORK),
        events.CancelReport(session_id=_WORK, cancelled="t-5f0c9a1be2d34c77", dropped=1),
        events.SessionList(
            sessions=[_WORK],
            details=[
                events.SessionSummary(
                    session_id=_WORK, model="ollama/phi3", created=_CREATED, owner=1000
                )
            ],
        ),
        events.HistoryPage(
            session_id=_WORK,
            history=[{"role": "user", "content": "Hello", "timestamp": _CREATED, "skills": []}],
            total=1,
            offset=0,
            limit=20,
        ),
        events.Why(
            session_id=_WORK,
            turn="t-5f0c9a1be2d34c77",
            end="done",
            model="ollama/phi3",
            ended=_CREATED,
            account={
                "steps": 2,
                "prompt_tokens": 1204,
                "completion_tokens": 31,
                "total_ms": 2210,
                "prompt_bytes": {"system": 188, "context": 950, "turn": 266, "tools": 1931},
                "offered": ["file_read", "get_current_time", "shell"],
                "skills": [{"skill": "clock", "by": "model", "why": "ollama/phi3 chose it"}],
                "tools": [
                    {
                        "tool": "get_current_time",
                        "ms": 31,
                        "failed": False,
                        "rule": "built in: confined",
                        "skill": "clock",
                    }
                ],
            },
            origins=[],
        ),
        events.StatusReport(
            version="0.1.0",
            pid=4711,
            uptime_s=86.4,
            default_model="ollama/llama3.2",
            connections=1,
            sessions_open=1,
            turns_running=0,
            turns_total=3,
            turns_failed=0,
            tokens_total=2048,
            tokens_today=5120,
            tokens_per_day=0,
            local_models=[
                events.LoadedModelSummary(
                    path=_QWEN_PATH,
                    state="loaded",
                    context_size=8192,
                    size_bytes=1_646_573_056,
                    loads=2,
                    load_s=0.61,
                )
            ],
            rss_bytes=41_943_040,
            uid=1000,
            privileged=True,
        ),
        events.DoctorReport(
            checks=[
                events.DoctorCheck(name="sandbox", status="ok", detail="bubblewrap"),
                events.DoctorCheck(
                    name="permissions",
                    status="warning",
                    detail="other users can read /home/me/.config/ruster/.env, which holds keys",
                    hint="To do: chmod o= /home/me/.config/ruster/.env",
                ),
            ]
        ),
        events.ModelList(
            models=[{"id": "ollama/phi3", "context_size": 4096, "size_bytes": 2_176_178_913}],
            default="ollama/llama3.2",
            unreachable={},
        ),
        events.ModelCatalogueEvent(
            models=[
                events.LocalModelSummary(
                    name="tiny-llama",
                    purpose="Inference",
                    here=False,
                    repo="TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF",
                    filename="tinyllama-1.1b-chat-v1.0.Q4_K_M.gguf",
                    quantization="Q4_K_M",
                )
            ]
        ),
        events.ModelReport(model=_PHI),
        events.ModelDownloaded(model="Qwen/Qwen2.5-1.5B-Instruct", path=_QWEN_PATH),
        events.ModelCancelled(model="Qwen/Qwen2.5-1.5B-Instruct", cancelled=True),
        events.ModelsImported(models=[_PHI]),
        events.SkillListing(session_id=_WORK, active_skills=["clock"], skills=[_CLOCK], total=1),
        events.SkillResults(session_id=_WORK, results=[_WEATHER]),
        events.SkillReport(
            skill=_CLOCK,
            instructions="# Clock\n\nCall `get_current_time`.",
            license="MIT",
            metadata={},
            allowed_tools=["get_current_time"],
            tools=[
                {
                    "name": "get_current_time",
                    "description": "Tells the current date and time.",
                    "parameters": {"type": "object", "properties": {}},
                }
            ],
            path="/home/me/.config/ruster/skills/clock/SKILL.md",
        ),
        events.SkillAdded(session_id=_WORK, skill="release-notes"),
        events.SkillRemoved(session_id=_WORK, skill="release-notes"),
        events.SkillDryRunReport(
            session_id=_WORK,
            chosen=[
                events.SkillChoiceSummary(
                    skill="weather", by="model", why="ollama/phi3 chose it", turns_left=3
                )
            ],
            shortlist=[_WEATHER],
            left_out={},
            asked="ollama/phi3",
            prompt_bytes=1204,
        ),
        events.SkillBanned(skill="joke-teller"),
        events.SkillUnbanned(skill="joke-teller"),
        events.SkillValidation(
            valid=False,
            problems=[
                events.SkillProblem(
                    source="/home/me/skills/release-notes/SKILL.md",
                    line=2,
                    reason="the name 'notes' must be that of its folder or file, 'release-notes'",
                    severity="nonstandard",
                )
            ],
        ),
        events.ToolListing(
            session_id=_WORK,
            tools=[
                events.ToolSummary(
                    name="time_now",
                    description="Tell the date and time.",
                    effects=[],
                    risk="low",
                    parameters={"type": "object", "properties": {"zone": {"type": "string"}}},
                ),
                events.ToolSummary(
                    name="get_current_time",
                    description="Get the time of a city.",
                    effects=["executes", "reads", "writes"],
                    risk="medium",
                    parameters={"type": "object", "properties": {"args": {"type": "array"}}},
                    skill="clock",
                ),
            ],
        ),
        events.MemoryResults(
            results=[
                events.MemoryHit(
                    memory=_MEMORY,
                    passage="My sister lives in Hanoi.",
                    score=1.71,
                    scores={"lexical": 1.0, "vector": 0.67, "age": 0.04},
                )
            ]
        ),
        events.MemoryAdded(memory_id=_MEMORY_ID, how="new"),
        events.MemoryDocuments(
            source="/home/me/notes",
            added=2,
            changed=1,
            unchanged=40,
            removed=1,
            pieces=31,
            failed={"/home/me/notes/scan.pdf": "scan.pdf has no text (is it made of pictures?)"},
            failures=1,
        ),
        events.MemoryListing(memories=[_MEMORY], more=False),
        events.MemoryReport(memory=_MEMORY, log=[_MEMORY_MOVE]),
        events.MemoryForgotten(memory_ids=[_MEMORY_ID], total=1, pieces=1, vectors=1, left=0),
        events.MemoryLogPage(entries=[_MEMORY_MOVE], more=True),
        events.MemoryUndone(entries=[_MEMORY_MOVE.model_copy(update={"undone": _CREATED})]),
        events.MemoryStatsReport(
            memories=[
                events.MemoryCounts(
                    within="owner",
                    size_bytes=2_400_256,
                    layers={"interact": 0, "insights": 61, "assets": 840},
                    hidden=3,
                    facts=4,
                    documents=43,
                    waiting=0,
                    vectors={"onnx/minilm-5f0c9a1b:384": 1012},
                )
            ],
            embedder="onnx/minilm-5f0c9a1b:384",
            hint="onnx/minilm is a small embedding model; a larger one finds more: …",
        ),
        events.MemoryExportPage(
            items=[{"type": "memory", "text": "My sister lives in Hanoi.", "layer": "insights"}],
            next="200",
        ),
        events.MemoryImported(memories=61, facts=4, known=0),
        events.MemoryBackedUp(backup=_BACKUP),
        events.MemoryBackupListing(backups=[_BACKUP]),
        events.MemoryBackupRemoved(name="before-moving"),
        events.MemoryRestored(name="before-moving", before="before-restore"),
        events.MemoryReindexed(repaired=[]),
        events.MemoryValue(
            key="user.city",
            value="Hue",
            since=_CREATED,
            history=[
                events.PastValue(value="Hanoi", since="2025-11-02T18:00:00+01:00", until=_CREATED)
            ],
        ),
        events.MemoryFlushed(names=12),
        events.MemoryDeleted(key="user.city", deleted=True),
        events.MemoryKeyListing(keys=["user.city", "user.name"], more=False),
        events.ConfigValue(key="default_model", value="ollama/llama3.2", source="default"),
        events.ConfigUpdated(key="log_level", value="debug"),
        events.ConfigListing(options={"log_level": "info", "llm.proxy_auth_token": None}),
        events.ApprovalListing(
            approvals=[events.ApprovalSummary(**_QUESTION, turn="t-5f0c9a1be2d34c77")]
        ),
        events.ApprovalAnswered(approval_id=_APPROVAL_ID, state="approved", scope="once"),
        events.JobReport(job=_JOB),
        events.JobListing(jobs=[_JOB]),
        events.JobRemoved(job_id="news"),
        events.JobRan(job_id="news", receipt=_RECEIPT),
        events.JobHistoryPage(job_id="news", receipts=[_RECEIPT]),
        events.TickReport(
            executed_jobs=1,
            results=[
                events.TickResult(
                    job_id="news", owner=1000, status="done", message="Two new mails."
                )
            ],
        ),
        events.GoalReport(
            goal=_GOAL, notes=[events.GoalNoteSummary(at=_CREATED, text="all tests pass")]
        ),
        events.GoalListing(goals=[_GOAL]),
        events.GoalRemoved(goal_id="ship", jobs=["release"]),
        events.OodaReport(**_CYCLE),
        events.OodaListing(cycles=[events.OodaSummary(**_CYCLE)]),
        events.ServerListing(servers=[_MAIL]),
        events.ServerReport(
            server=_MAIL,
            tools=[
                events.ServerToolSummary(
                    name="search",
                    description="Finds mail by words.",
                    parameters={"type": "object", "properties": {"words": {"type": "string"}}},
                )
            ],
            attachments=[
                events.ServerAttachment(
                    session_id=_WORK,
                    owner=1000,
                    mode="next-turn",
                    delivered=10,
                    dropped=2,
                    failed=0,
                    waiting=0,
                )
            ],
            faults=0,
            connections=1,
            pending=0,
        ),
        events.ServerAttached(session_id=_WORK, server="mail", mode="next-turn"),
        events.ServerDetached(session_id=_WORK, server="mail", detached=True),
        events.ServerReplied(server="mail", payload={"unread": 3}),
        events.ServerSubscribed(server="mail"),
        events.ServerEvent(
            server="mail", time=_CREATED, payload={"from": "anna@example.com", "subject": "Lunch?"}
        ),
        events.GatewayTokenAdded(
            token="rgw_" + "x" * 43, details=_TOKEN, url="http://127.0.0.1:8080"
        ),
        events.GatewayTokenListing(tokens=[_TOKEN]),
        events.GatewayTokenRevoked(token_id=_TOKEN.token_id),
        events.GatewayLinked(url="http://127.0.0.1:8080/?link=" + "x" * 43, expires=_CREATED),
        events.Pong(),
    )
}
