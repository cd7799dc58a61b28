"""The store by itself: what it imports, and what it says when its library is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import ruster.modelstore
from ruster.core.errors import ModelError
from ruster.modelstore.folders import StoreFolders, hub_cache
from ruster.modelstore.frames import Access, ListJob
from ruster.modelstore.process import list_files
from ruster.protocol.codes import ERROR_CODES

_HEAVY = ("huggingface_hub", "httpx", "llama_cpp", "numpy", "requests", "urllib3")
_JOB = ListJob(
    access=Access(
        cache=Path("/nowhere"),
        endpoint="http://127.0.0.1:9",
        token="hf_secret",
        connect_timeout_s=1,
        read_timeout_s=1,
        retries=0,
        retry_wait_s=0,
    ),
    repo="org/m",
)


def _python(code: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_the_store_is_light() -> None:
    loaded = _python(
        f"import sys, ruster.modelstore; print([m for m in {_HEAVY} if m in sys.modules])"
    )
    assert loaded == "[]\n"


def test_the_hubs_library_brings_no_second_http_client() -> None:
    clients = ("requests", "urllib3", "aiohttp", "httpx2")
    loaded = _python(
        f"import sys, ruster.modelstore.hub; print([m for m in {clients} if m in sys.modules])"
    )
    assert loaded == "[]\n"


def test_what_is_public_is_there() -> None:
    assert sorted(ruster.modelstore.__all__) == ruster.modelstore.__all__
    assert all(hasattr(ruster.modelstore, name) for name in ruster.modelstore.__all__)


def _without_hub(code: str) -> tuple[str, ...]:
    """Run the worker where the hub's library cannot be imported."""
    start = f"import sys; sys.modules['huggingface_hub'] = None; {code}"
    return (sys.executable, "-c", start)


async def test_a_missing_library_is_named() -> None:
    command = _without_hub("from ruster.modelstore.worker import main; main()")
    environment = os.pathsep.join(sys.path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", environment)
        with pytest.raises(ModelError, match=r"ruster\[hub\]") as caught:
            await list_files(_JOB, command)
    assert caught.value.code == "hub_missing"


@pytest.mark.parametrize(
    "code",
    [
        "raise SystemExit(3)",
        "print('hello', flush=True)",
        "print('x' * (17 << 20), flush=True)",
        'print(\'{"kind": "fetched", "files": []}\', flush=True)',
        "import os; os.abort()",
    ],
)
async def test_a_process_that_fails_is_a_typed_error(code: str) -> None:
    with pytest.raises(ModelError) as caught:
        await list_files(_JOB, (sys.executable, "-S", "-c", code))
    assert caught.value.code == "download_failed"


async def test_a_process_that_cannot_start_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be started") as caught:
        await list_files(_JOB, (str(tmp_path / "none"),))
    assert caught.value.code == "download_failed"


def test_a_key_is_not_shown() -> None:
    assert "hf_secret" not in repr(_JOB)


def test_the_hubs_cache_follows_its_variables(tmp_path: Path) -> None:
    default = StoreFolders(tmp_path, tmp_path).hub
    assert hub_cache(lambda _: None, default) == default
    assert hub_cache({"HF_HOME": "/h"}.get, default) == Path("/h/hub")
    both = {"HF_HOME": "/h", "HF_HUB_CACHE": "~/c"}
    assert hub_cache(both.get, default) == Path.home() / "c"
    assert hub_cache({"HUGGINGFACE_HUB_CACHE": "/old"}.get, default) == Path("/old")


@pytest.mark.parametrize(
    "code",
    ["model_gated", "model_not_found", "download_failed", "checksum_mismatch", "disk_full",
     "hub_unreachable", "quant_not_found", "hub_missing", "model_busy", "manifest_invalid",
     "invalid_name", "model_damaged", "model_unreadable"],
)  # fmt: skip
def test_every_code_is_published(code: str) -> None:
    assert code in ERROR_CODES
