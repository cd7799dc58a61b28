"""The memory's embedders and rerankers under contract: each with a model of its own kind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.engine_support import local_files
from tests.fakes.hosted import at
from tests.fakes.ollama_models import FakeModel
from tests.fakes.ollama_server import FakeOllama, refused_url
from tests.fakes.openai_server import FakeOpenAi
from tests.models import MODELS_DIR, build
from tests.models.tiny_onnx import cross_encoder, minilm, qwen_embedding, qwen_reranker

from ruster.core.memory import Embedder, Reranker
from ruster.engine.host import EngineHost
from ruster.engine.settings import EngineSettings
from ruster.llm.llamacpp import LlamaCppProvider
from ruster.llm.ollama.provider import OllamaProvider
from ruster.llm.openai_compatible.provider import OpenAiProvider
from ruster.llm.settings import LlmSettings
from ruster.memory.embedding.cache import EmbeddingCache
from ruster.memory.embedding.cached import CachedEmbedder
from ruster.memory.embedding.onnx import OnnxEmbedder
from ruster.memory.embedding.provider import ProviderEmbedder
from ruster.memory.onnx.folder import OnnxFolder
from ruster.memory.onnx.model import OnnxModel
from ruster.memory.onnx.settings import OnnxSettings
from ruster.memory.reranking.onnx import OnnxReranker
from ruster.memory.reranking.provider import ProviderReranker

__all__ = ["EMBEDDERS", "RERANKERS", "EmbedderSubject", "RerankerSubject"]


@dataclass(frozen=True)
class EmbedderSubject:
    """An embedder, and one of its kind whose model is not there."""

    embedder: Embedder
    absent: Embedder


@dataclass(frozen=True)
class RerankerSubject:
    """A reranker, and one of its kind whose model is not there."""

    reranker: Reranker
    absent: Reranker


@asynccontextmanager
async def _ollama(folder: Path) -> AsyncIterator[EmbedderSubject]:
    async with FakeOllama([FakeModel("nomic-embed-text:latest")]) as server:
        server.dimensions = 768
        here = OllamaProvider(LlmSettings(ollama_url=server.url))
        away = OllamaProvider(LlmSettings(ollama_url=await refused_url()))
        name, model = "ollama/nomic-embed-text", "nomic-embed-text"
        yield EmbedderSubject(
            ProviderEmbedder(here, name, model=model), ProviderEmbedder(away, name, model=model)
        )
        await here.aclose()
        await away.aclose()


@asynccontextmanager
async def _openai(folder: Path) -> AsyncIterator[EmbedderSubject]:
    async with FakeOpenAi() as server:
        provider = OpenAiProvider(at("box", server.base_url))
        here = ProviderEmbedder(provider, "box/gpt-4o-mini", model="gpt-4o-mini")
        yield EmbedderSubject(here, ProviderEmbedder(provider, "box/no-such", model="no-such"))
        await provider.aclose()


@asynccontextmanager
async def _llamacpp(folder: Path) -> AsyncIterator[EmbedderSubject]:
    build("wide-bert")
    provider = LlamaCppProvider(EngineHost(EngineSettings(threads=1)), local_files(MODELS_DIR))
    here = ProviderEmbedder(provider, "llamacpp/wide-bert", model="wide-bert")
    build("tiny-bert")  # its vectors are shorter than the memory's: as good as none
    small = ProviderEmbedder(provider, "llamacpp/tiny-bert", model="tiny-bert")
    yield EmbedderSubject(here, small)
    await provider.aclose()


@asynccontextmanager
async def _onnx(make: Callable[[Path], Path], folder: Path) -> AsyncIterator[EmbedderSubject]:
    async with _models(make, folder) as (here, broken):
        yield EmbedderSubject(OnnxEmbedder(here), OnnxEmbedder(broken))


@asynccontextmanager
async def _cached(folder: Path) -> AsyncIterator[EmbedderSubject]:
    cache = EmbeddingCache(folder / "vectors.db")
    async with _onnx(minilm, folder) as made:
        yield EmbedderSubject(
            CachedEmbedder(made.embedder, cache), CachedEmbedder(made.absent, cache)
        )
    cache.close()


@asynccontextmanager
async def _models(
    make: Callable[[Path], Path], folder: Path
) -> AsyncIterator[tuple[OnnxModel, OnnxModel]]:
    """Open a model, and one whose file is empty."""
    settings = OnnxSettings(threads=1, batch_tokens=64)
    here = OnnxModel(OnnxFolder.read(make(folder / "here")), settings)
    broken = OnnxModel(OnnxFolder.read(make(folder / "broken")), settings)
    broken.folder.model.write_bytes(b"")
    yield here, broken
    await here.aclose()
    await broken.aclose()


@asynccontextmanager
async def _rating(make: Callable[[Path], Path], folder: Path) -> AsyncIterator[RerankerSubject]:
    async with _models(make, folder) as (here, broken):
        yield RerankerSubject(OnnxReranker(here), OnnxReranker(broken))


@asynccontextmanager
async def _llamacpp_rating(folder: Path) -> AsyncIterator[RerankerSubject]:
    build("tiny-rerank")
    build("tiny-bert")
    provider = LlamaCppProvider(EngineHost(EngineSettings(threads=1)), local_files(MODELS_DIR))
    here = ProviderReranker(provider, "llamacpp/tiny-rerank", model="tiny-rerank")
    yield RerankerSubject(here, ProviderReranker(provider, "llamacpp/tiny-bert", model="tiny-bert"))
    await provider.aclose()


EMBEDDERS: dict[str, Callable[[Path], AbstractAsyncContextManager[EmbedderSubject]]] = {
    "ollama": _ollama,
    "openai_compatible": _openai,
    "llamacpp": _llamacpp,
    "onnx minilm": partial(_onnx, minilm),
    "onnx qwen": partial(_onnx, qwen_embedding),
    "cached": _cached,
}
RERANKERS: dict[str, Callable[[Path], AbstractAsyncContextManager[RerankerSubject]]] = {
    "llamacpp": _llamacpp_rating,
    "onnx cross-encoder": partial(_rating, cross_encoder),
    "onnx qwen": partial(_rating, qwen_reranker),
}
