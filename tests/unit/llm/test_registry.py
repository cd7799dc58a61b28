"""Providers are found by prefix, ours and third parties', and imported only when asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from ruster.core.errors import ProviderError, ProviderUnreachable
from ruster.llm.gemini.provider import GeminiProvider
from ruster.llm.hosted import HOSTED, hosted
from ruster.llm.ollama.late import LateOllama
from ruster.llm.openai_compatible.provider import OpenAiProvider
from ruster.llm.pinky import PinkyProvider
from ruster.llm.registry import BUILTIN, ENTRY_POINTS, Registry
from ruster.llm.settings import LlmSettings, ProviderSettings


def _install(monkeypatch: pytest.MonkeyPatch, **entries: str) -> None:
    found = tuple(EntryPoint(name, target, ENTRY_POINTS) for name, target in entries.items())
    monkeypatch.setattr("ruster.llm.registry.entry_points", lambda group: found)


def test_built_in_providers_are_made_with_the_settings() -> None:
    registry = Registry(LlmSettings())

    assert isinstance(registry["ollama"](), LateOllama)
    assert isinstance(registry["pinky"](), PinkyProvider)
    assert set(registry) >= set(BUILTIN)


def test_a_third_partys_provider_is_one_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, acme="ruster.llm.pinky:PinkyProvider")
    registry = Registry(LlmSettings())

    assert isinstance(registry["acme"](), PinkyProvider)
    assert list(registry) == sorted([*BUILTIN, *HOSTED, "acme"])
    assert len(registry) == len(BUILTIN) + len(HOSTED) + 1


def test_a_third_party_cannot_take_our_prefix(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _install(monkeypatch, ollama="ruster.llm.pinky:PinkyProvider")
    registry = Registry(LlmSettings())

    assert "ollama" in list(registry)
    assert isinstance(registry["ollama"](), LateOllama)
    assert "ignored" in caplog.text


@pytest.mark.parametrize("target", ["no_such_module:X", "ruster.llm.pinky:NoSuchName"])
def test_a_third_partys_broken_provider_is_a_typed_error(
    monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    _install(monkeypatch, acme=target)

    with pytest.raises(ProviderError) as raised:
        Registry(LlmSettings())["acme"]

    assert raised.value.code == "provider_broken"


def test_a_missing_optional_part_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUILTIN, "llamacpp", "no_such_module:X")

    with pytest.raises(ProviderUnreachable, match=r"ruster\[llamacpp\]") as raised:
        Registry(LlmSettings())["llamacpp"]

    assert raised.value.code == "provider_missing"


def test_what_the_application_has_ready_comes_first() -> None:
    pinky = PinkyProvider()
    registry = Registry(LlmSettings(), {"llamacpp": lambda: pinky, "mine": lambda: pinky})

    assert registry["llamacpp"]() is pinky
    assert registry["mine"]() is pinky
    assert "mine" in list(registry)


def test_nobody_has_the_prefix() -> None:
    registry = Registry(LlmSettings())

    assert "nobody" not in registry
    assert registry.get("nobody") is None


def test_routing_does_not_import_what_speaks_http() -> None:
    code = (
        "import sys, ruster.llm.router, ruster.llm.registry, ruster.llm.settings;"
        "import ruster.llm.ollama.url;"
        "print('httpx' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "False"


def test_a_table_of_the_settings_is_a_provider() -> None:
    tables = {
        "box": ProviderSettings(base_url="http://box/v1"),
        "gem": ProviderSettings(kind="gemini", project="p"),
        "xai": ProviderSettings(context_size=4096),
    }
    registry = Registry(LlmSettings(), providers=tables)

    assert isinstance(registry["box"](), OpenAiProvider)
    assert isinstance(registry["gem"](), GeminiProvider)
    assert isinstance(registry["xai"](), OpenAiProvider)
    assert isinstance(registry["gemini"](), GeminiProvider)
    assert {"box", "gem", "groq"} <= set(registry)


def test_what_is_published_stands_where_the_user_says_nothing() -> None:
    own = ProviderSettings(context_size=4096, api_key_env="MY_KEY")
    joined = hosted("xai", LlmSettings(), own, lambda _name: None).settings

    assert (joined.base_url, joined.api_key_env) == ("https://api.x.ai/v1", "MY_KEY")
    assert joined.context_size == 4096


def test_a_table_for_a_provider_of_ours_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    registry = Registry(LlmSettings(), providers={"ollama": ProviderSettings(base_url="http://x")})

    assert isinstance(registry["ollama"](), LateOllama)
    assert "[providers.ollama] ignored" in caplog.text
