"""From an ``error`` event back to the exception of the error tree its code belongs to."""

from __future__ import annotations

from ruster.core.errors import (
    ConfigError,
    EngineCrashed,
    GatewayError,
    JobError,
    MemoryError,
    ModelError,
    ProtocolError,
    ProviderError,
    ProviderUnreachable,
    RusterError,
    SessionError,
    SkillError,
    StorageError,
    ToolError,
)
from ruster.protocol.parsed import ParsedEvent

__all__ = ["failure_of"]

_FAMILIES: dict[type[RusterError], tuple[str, ...]] = {
    ProtocolError: (
        "invalid_json", "line_too_long", "unknown_action", "invalid_command", "invalid_name",
        "duplicate_id", "too_many_connections", "too_many_commands", "buffer_exceeded",
        "reader_stalled",
    ),
    SessionError: (
        "shutting_down", "session_not_found", "session_limit", "turn_not_found", "queue_full",
        "message_too_large", "not_attached", "cursor_invalid", "cursor_expired", "not_permitted",
        "message_expired", "answer_too_large", "approval_not_found", "approval_closed",
        "approval_scope", "no_daemon", "not_supported", "response_not_found",
    ),
    StorageError: ("storage_failed", "disk_full", "storage_read_only", "tokens_unusable"),
    GatewayError: ("gateway_failed", "gateway_off", "token_not_found", "token_limit"),
    ConfigError: ("config_invalid", "config_unknown", "manifest_invalid", "policy_invalid"),
    ProviderUnreachable: ("no_model", "provider_unreachable"),
    ProviderError: (
        "unknown_provider", "provider_failed", "provider_timeout", "provider_stream_cut",
        "provider_protocol", "provider_mismatch", "provider_missing", "provider_broken",
        "provider_rejected", "provider_unauthorized", "provider_key_missing", "provider_quota",
        "provider_blocked", "provider_resting", "pull_interrupted", "tools_unsupported",
        "schema_unsupported", "engine_missing", "budget_exhausted",
    ),
    ModelError: (
        "model_not_found", "model_failed", "model_damaged", "model_unknown", "model_unreadable",
        "not_a_chat_model", "not_an_embedder", "not_a_reranker", "out_of_memory",
        "adapter_unusable", "images_unsupported", "prompt_empty",
        "sampling_invalid", "template_failed", "tokenize_failed", "decode_failed", "engine_busy",
        "engine_closed", "engine_start_failed", "cancelled", "context_overflow", "model_gated",
        "grammar_invalid", "model_busy", "quant_not_found", "download_failed",
        "download_cancelled",
        "checksum_mismatch", "hub_unreachable", "hub_missing",
    ),
    MemoryError: (
        "memory_failed", "embedder_failed", "reranker_failed", "document_unreadable",
        "document_too_large", "document_unknown", "document_empty", "onnx_missing", "onnx_invalid",
        "memory_busy", "memory_closed", "memory_corrupt", "memory_too_new",
        "record_not_found", "record_exists", "record_invalid", "text_invalid", "text_too_large",
        "vector_invalid", "query_invalid", "facts_full", "undo_impossible", "fact_not_found",
        "import_invalid", "backup_exists", "backup_limit", "backup_not_found",
    ),
    JobError: (
        "job_not_found", "job_exists", "job_invalid", "job_limit", "job_busy", "jobs_corrupt",
        "jobs_too_new", "jobs_busy", "when_invalid", "when_past", "goal_not_found", "goal_exists",
        "goal_limit", "server_not_found", "server_failed", "server_busy", "rate_limited",
        "notify_failed", "notify_missing",
    ),
    SkillError: ("skill_not_found", "skill_banned", "skill_invalid", "skill_limit"),
    ToolError: (
        "tool_failed", "too_many_rounds", "tool_loop",
        "sandbox_missing", "sandbox_refused", "sandbox_failed",
        "url_refused", "fetch_timeout", "fetch_too_large", "fetch_failed", "script_invalid",
        "script_failed", "script_timeout", "script_memory", "script_busy", "scripts_missing",
        "approval_used", "approval_mismatch", "approval_impossible",
    ),
}  # fmt: skip
_CLASS_OF = {code: kind for kind, codes in _FAMILIES.items() for code in codes}


def failure_of(parsed: ParsedEvent) -> RusterError:
    """Make the exception of an error event, with the wire's ``code``, message and ``retryable``.

    A code this version does not know becomes a plain RusterError.
    """
    code = str(getattr(parsed.event, "code", RusterError.default_code))
    message = str(getattr(parsed.event, "error", "the daemon gave no reason"))
    if code == EngineCrashed.default_code:
        return EngineCrashed(message)
    retryable = getattr(parsed.event, "retryable", None) is True
    return _CLASS_OF.get(code, RusterError)(message, code=code, retryable=retryable)
