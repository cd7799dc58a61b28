"""The codes of errors and notices: what clients branch on. A published code keeps its meaning."""

from __future__ import annotations

__all__ = ["ERROR_CODES", "NOTICE_CODES"]

ERROR_CODES: dict[str, str] = {
    # The line
    "invalid_json": "The line is not one strict JSON object in UTF-8.",
    "line_too_long": "The line is longer than the server takes; it was dropped up to its newline.",
    "unknown_action": "There is no such action; the message names the nearest one.",
    "invalid_command": "A field is missing, unknown or of the wrong type; the message names it.",
    "invalid_name": "A session id or other name has characters that names may not have.",
    "duplicate_id": "Another command of this connection with the same id is still running.",
    # The connection
    "too_many_connections": "This user has too many open connections; this one is closed.",
    "too_many_commands": "This connection has too many commands running; wait for some to end.",
    "buffer_exceeded": "This user's clients leave too much unread; the slowest one is closed.",
    "reader_stalled": "This client did not read for too long; it is closed.",
    "shutting_down": "The daemon is stopping and takes no new work.",
    # Sessions
    "session_not_found": "There is no such session for this user.",
    "session_limit": "This user has too many sessions; delete some.",
    "queue_full": "Too many messages wait in this session; wait for answers or cancel.",
    "message_too_large": "The message is larger than a session takes.",
    "not_attached": "This connection is not attached to that session.",
    "cursor_invalid": "`since` is beyond the last event of the session.",
    "cursor_expired": "Events that old are no longer kept; read `history` instead.",
    "not_permitted": "Only the daemon's own user and root may do that.",
    # Storage
    "storage_failed": "The disk refused; nothing was acknowledged.",
    "disk_full": "No space is left on the disk; nothing was acknowledged.",
    "storage_read_only": "The data folder cannot be written; nothing was acknowledged.",
    # Settings
    "config_invalid": "A setting is of the wrong type or out of range.",
    "config_unknown": "There is no such setting; the message names the nearest one.",
    # Models
    "no_model": "No configured model can answer; the message says what to install or start.",
    "unknown_provider": "The part of the model's name before the slash is no known provider.",
    "provider_unreachable": "The model's provider does not answer.",
    "provider_failed": "The model's provider refused or failed.",
    "provider_timeout": "The model's provider stayed silent for too long.",
    "provider_stream_cut": "The model's provider broke off in the middle of an answer.",
    "provider_protocol": "The model's provider answered something that is not its protocol.",
    "provider_mismatch": "Something else answers where the model's provider should be.",
    "provider_missing": "The provider is not installed; the message names the extra to install.",
    "provider_broken": "A provider installed by a third party cannot be loaded.",
    "provider_rejected": "The model's provider would not take the request.",
    "provider_unauthorized": "The model's provider wants a valid key.",
    "tools_unsupported": "The model cannot use tools.",
    "model_not_found": "The provider does not have that model.",
    "model_failed": "The model file is damaged or cannot be used.",
    "model_damaged": "The model file is damaged, or no GGUF file.",
    "model_unknown": "The engine was asked about a model it has not loaded.",
    "model_unreadable": "The model file may not be read.",
    "not_a_chat_model": "The model makes vectors, not answers.",
    "not_an_embedder": "The model makes answers, not vectors.",
    "out_of_memory": "The model does not fit into the memory at hand.",
    "manifest_invalid": "A list of models has a mistake; the message names it.",
    "prompt_empty": "There is nothing to answer.",
    "sampling_invalid": "The sampling settings do not fit together.",
    "grammar_invalid": "The grammar or JSON schema for the answer cannot be used.",
    "template_failed": "The model's chat template cannot take this conversation.",
    "tokenize_failed": "The model cannot read the text.",
    "decode_failed": "llama.cpp gave up on a step of the answer.",
    "engine_busy": "Too many requests wait for the embedded engine.",
    "engine_closed": "The embedded engine is stopping.",
    "engine_start_failed": "The embedded engine's process cannot be started.",
    "cancelled": "The request was cancelled inside the engine.",
    "engine_missing": "The embedded engine is not installed.",
    "engine_crashed": "The embedded engine's process died; the next turn starts a new one.",
    "context_overflow": "The message does not fit into the model's window.",
    # Turns
    "tool_failed": "A tool failed or does not exist.",
    "too_many_rounds": "The model asked for tools too many times in one turn.",
    "message_expired": "A message from before a crash was too old to be answered; send it again.",
    "answer_too_large": "The answer grew beyond the limit; what was said is kept.",
    "internal": "A fault in ruster itself; the log has the details.",
}

NOTICE_CODES: dict[str, str] = {
    "model_fallback": "The session's model could not answer; another one does.",
    "context_trimmed": "The oldest turns no longer fit into the model's window and were left out.",
    "turn_restarted": "The daemon stopped in the middle of this turn; it is answered anew.",
    "history_damaged": "Part of the stored history was damaged and set aside.",
    "shutting_down": "The daemon is stopping.",
}
