"""What a model will take, told from its file alone."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ruster.core.errors import ModelError
from ruster.core.inference import Behaviour, InferenceConfig
from ruster.core.messages import Message, Role
from ruster.core.orchestration import Embed, Infer, LoadModel, Rerank
from ruster.engine.estimate import LEAST_POOLED, LEAST_WINDOW, Footprint, kv_bytes, layers_that_fit
from ruster.engine.gguf import ModelShape, read_shape
from ruster.engine.settings import EngineSettings
from tests.engine_support import NEEDS_ENGINE

_GIB = 1 << 30
_SHAPE = ModelShape(
    weights_bytes=4 * _GIB,
    layers=32,
    kv_width=2 * 8 * 128,
    width=4096,
    feed_forward=14336,
    vocabulary=128_000,
    context_length=131_072,
)


def _needs_engine(test: Callable[..., None]) -> Callable[..., None]:
    for mark in NEEDS_ENGINE:
        test = mark(test)
    return test


def _footprint(**options: int) -> Footprint:
    return Footprint(_SHAPE, EngineSettings(**options))


def test_the_shapes_of_the_test_models(scripted: Path, tiny_bert: Path) -> None:
    shape = read_shape(scripted)
    assert (shape.layers, shape.width, shape.kv_width) == (2, 160, 2 * 160)
    assert (shape.feed_forward, shape.context_length) == (64, 32768)
    assert shape.vocabulary > 300
    assert shape.weights_bytes == scripted.stat().st_size
    assert shape.causal
    assert not read_shape(tiny_bert).causal


def test_a_model_in_parts_weighs_what_all_its_parts_do(scripted: Path, tmp_path: Path) -> None:
    shutil.copy(scripted, tmp_path / "m-00001-of-00002.gguf")
    (tmp_path / "m-00002-of-00002.gguf").write_bytes(b"x" * 1000)
    (tmp_path / "other-00002-of-00002.gguf").write_bytes(b"x" * 1000)
    shape = read_shape(tmp_path / "m-00001-of-00002.gguf")
    assert shape.weights_bytes == scripted.stat().st_size + 1000


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(at=st.integers(0, 1200), noise=st.binary(max_size=40), cut=st.integers(0, 4000))
def test_damage_anywhere_is_a_typed_error_or_harmless(
    scripted: Path, tmp_path: Path, at: int, noise: bytes, cut: int
) -> None:
    data = bytearray(scripted.read_bytes()[:4000])
    data[at : at + len(noise)] = noise
    path = tmp_path / "noisy.gguf"
    path.write_bytes(data[:cut])
    with contextlib.suppress(ModelError):
        shape = read_shape(path)
        footprint = Footprint(shape, EngineSettings())
        demand = footprint.demand(Infer("hi"))
        assert footprint.with_demand(demand) >= 0
        footprint.largest_window(demand, 1 << 20)


def test_cells_are_counted_as_llama_does() -> None:
    # 32 layers, 8 heads of 128 for keys and for values, two bytes: 128 KiB a token.
    assert kv_bytes(_SHAPE, 8192) == 8192 * 128 * 1024


def test_a_request_takes_weights_cells_and_something_to_compute_in() -> None:
    footprint = _footprint()
    demand = footprint.demand(Infer("hi"))
    assert (demand.window, demand.least) == (8192, LEAST_WINDOW)
    needed = footprint.with_demand(demand)
    assert 5 * _GIB < needed < 5.3 * _GIB
    assert footprint.bytes == 4 * _GIB
    footprint.grant(demand)
    assert footprint.bytes == needed
    assert footprint.with_demand(demand) == needed  # the next one shares all of it
    assert footprint.demand(LoadModel("m")) == demand


def test_vectors_take_a_context_of_their_own() -> None:
    footprint = _footprint()
    demand = footprint.demand(Embed(("text",)))
    assert demand.pooled == LEAST_POOLED
    footprint.grant(footprint.demand(Infer("hi")))
    assert footprint.with_demand(demand) > footprint.bytes
    only = Footprint(ModelShape(1000, causal=False), EngineSettings())
    assert only.demand(LoadModel("m")).pooled


def test_scores_need_what_vectors_do() -> None:
    footprint = _footprint()
    short = footprint.demand(Rerank("query", ("one", "two")))
    assert short == footprint.demand(Embed(("text",)))
    footprint.grant(footprint.demand(LoadModel("m")))
    before = footprint.bytes
    footprint.grant(short)
    assert footprint.bytes > before


def test_a_long_text_and_more_sequences_take_more() -> None:
    def needs(*texts: str, **options: int) -> int:
        footprint = _footprint(**options)
        return footprint.with_demand(footprint.demand(Embed(texts)))

    assert needs("text") == needs("text", "text")
    # A row of logits for each token more.
    assert needs("x" * 3 * 2512) - needs("text") >= 2000 * 128_000 * 4
    assert needs("x" * 10**6) == needs("x" * 10**7)  # it is cut to the window
    assert needs("text", max_sequences=16) > needs("text", max_sequences=1)


@_needs_engine
@pytest.mark.parametrize("name", ["scripted", "tiny-f32"])
def test_the_estimate_of_vectors_holds(name: str) -> None:
    """In a process of its own: what is taken after a whole window was read as one text."""
    program = textwrap.dedent(f"""
        from pathlib import Path
        from ruster.core.orchestration import Embed
        from ruster.engine import native
        from ruster.engine.context import Context
        from ruster.engine.estimate import Footprint
        from ruster.engine.gguf import read_shape
        from ruster.engine.model import LoadedModel
        from ruster.engine.settings import EngineSettings
        from tests.models import build

        def resident():
            lines = Path("/proc/self/status").read_text().splitlines()
            return 1024 * int(next(it for it in lines if it.startswith("RssAnon")).split()[1])

        native.start()
        settings = EngineSettings(threads=1)
        model = LoadedModel(build({name!r}), settings, lambda _: True)
        footprint = Footprint(read_shape(model.path), settings)
        window = footprint.window(None)
        before, flag = resident(), native.CancelFlag()
        context = Context(model, window, settings, flag, sequences=8, pooled=True)
        context.batch.add_all([1] * window, 0, 0, output=True)
        context.batch.want_all()
        context.decode()
        needed = footprint.with_demand(footprint.demand(Embed(("x" * 10**6,))))
        print((needed - footprint.weights_bytes) / (resident() - before))
    """)
    ran = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    assert 0.85 < float(ran.stdout) < 1.3


def test_adapters_are_loaded_beside_the_weights() -> None:
    plain, adapted = _footprint(), Footprint(_SHAPE, EngineSettings(), adapter_bytes=1000)
    assert adapted.bytes == plain.bytes + 1000
    assert adapted.weights_bytes == plain.weights_bytes  # not mapped, as the weights are


def test_a_smaller_window_is_the_largest_that_fits() -> None:
    footprint = _footprint()
    demand = footprint.demand(Infer("hi"))
    everything = footprint.with_demand(demand)
    assert footprint.largest_window(demand, everything) == 8192
    window = footprint.largest_window(demand, everything - 1)
    assert window == 8192 - 256
    assert footprint.with_demand(demand, window) < everything
    least = footprint.with_demand(demand, LEAST_WINDOW)
    assert footprint.largest_window(demand, least) == LEAST_WINDOW
    assert footprint.largest_window(demand, least - 1) is None


def test_a_long_prompt_or_a_small_wish_moves_the_least_window() -> None:
    footprint = _footprint()
    long = Infer(messages=(Message(Role.USER, "word " * 2000),))
    assert LEAST_WINDOW < footprint.demand(long).least <= 2000 * 5 // 3
    small = Infer("hi", config=InferenceConfig(Behaviour(context_size=512)))
    assert footprint.demand(small).least == footprint.demand(small).window == 512


def test_a_limit_holds_for_what_follows() -> None:
    footprint = _footprint(kv_cells=65536)
    footprint.limit = 4096
    assert footprint.window(None) == footprint.cells(4096) == 4096
    assert footprint.window(100) == 100


@pytest.mark.parametrize(
    ("free", "layers"), [(0, 0), (1 << 20, 0), (3 * _GIB, 18), (100 * _GIB, 33)]
)
def test_as_many_layers_as_fit_go_to_the_device(free: int, layers: int) -> None:
    fitting = layers_that_fit(_SHAPE, 8192, free)
    assert fitting == pytest.approx(layers, abs=1)
    footprint = Footprint(_SHAPE, EngineSettings(), fitting)
    assert footprint.bytes == pytest.approx(4 * _GIB * (1 - fitting / 33), rel=0.01, abs=1)
