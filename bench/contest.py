"""Rounds of both sides in turn, and the figures made of them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from pydantic import ValidationError

from bench import peer_rounds as rounds
from bench.embedded import Embedded
from bench.figure import Figure, percentile
from bench.llama_server import LlamaServer, Run
from bench.quiet import OthersWatch, processor_share
from bench.spoken import Side

__all__ = ["Contest"]

_REST_S = 0.05
_GAP_LIMIT = 3.0
_QUIET = 0.1  # cores that others may use in a round that counts
_PATIENCE = 3  # times as many rounds are taken where they do


@dataclass
class Samples:
    """What the rounds of one figure gave: ours and, with a peer, theirs.

    ``noise`` is how many cores others used at most.
    """

    ours: list[float]
    theirs: list[float]
    noise: float

    @property
    def note(self) -> str:
        """Say how far the figure can be trusted."""
        return f"others: {self.noise:.2f} cores" if self.noise >= _QUIET else ""

    def ratio(self) -> float:
        """Return the median of the rounds' ratios: load that comes and goes hits both alike."""
        return median(a / b for a, b in zip(self.ours, self.theirs, strict=True))


class Contest:
    """Our engine and, where there is one, the server; ``folder`` takes snapshots and logs."""

    def __init__(self, run: Run, server: Path | None, folder: Path, count: int) -> None:
        self._run = run
        self._server = server
        self._folder = folder
        self._count = count
        self._made = 0

    async def measure(self, names: Sequence[str]) -> list[Figure]:
        """Take the named figures."""
        figures: list[Figure] = []
        for name in names:
            print(f"{name} …", file=sys.stderr, flush=True)
            figures += await getattr(self, f"_{name}")()
        return figures

    # The figures

    async def _streams(self) -> list[Figure]:
        figures: list[Figure] = []
        async with self._sides(1) as sides:
            samples = await self._compare(sides, lambda side, seed: rounds.streams(side, 1, seed))
            figures += _speeds("1 stream, peer with one slot", samples)
        async with self._sides() as sides:
            figures += self._idle(sides)
            for count in (1, 2, 4, 8):
                samples = await self._compare(sides, _streams_of(count))
                figures += _speeds(f"{count} streams" if count > 1 else "1 stream", samples)
        return figures

    async def _burst(self) -> list[Figure]:
        async with self._sides() as sides:
            samples = await self._compare(sides, rounds.burst_s)
        name = "burst of 4 with a common prefix of 256 tokens"
        figures = [_seconds(name, samples)]
        if samples.theirs:
            value = 1 / samples.ratio()
            figures.append(Figure(f"{name}: faster", value, "x", 2.5, None, at_least=True))
        return figures

    async def _turns(self) -> list[Figure]:
        figures: list[Figure] = []
        async with self._sides() as sides:
            for name, limit, measure in (
                ("first token of a second turn", 1.05, rounds.second_turn_s),
                ("first tokens of four sessions in turn", 1.1, rounds.in_turn_s),
            ):
                samples = await self._compare(sides, measure)
                figures += [_seconds(name, samples), *_ratio(name, samples, limit)]
        return figures

    async def _gaps(self) -> list[Figure]:
        alone: list[float] = []
        beside: list[float] = []
        noise = 0.0
        ours = Embedded(self._run, self._folder / "snapshots")
        async with _running([ours]):
            await rounds.streams(ours, 1, self._seed("warm"), 4)
            for number in range(max(1, self._count // 2)):
                watch = OthersWatch()
                taken = await rounds.watched_gaps(ours, self._seed(f"gap{number}"))
                noise = max(noise, watch.cores())
                alone += taken[0]
                beside += taken[1]
        quiet = median(alone)
        note = f"quiet {quiet * 1000:.1f} ms, {len(beside)} gaps; others: {noise:.2f} cores"
        name = "gap beside a prompt of 2,000 tokens, p99 over quiet"
        return [Figure(name, percentile(beside, 99) / quiet, "x", _GAP_LIMIT, None, note)]

    async def _restore(self) -> list[Figure]:
        cold: list[float] = []
        warm: list[float] = []
        ours = Embedded(self._run, self._folder / "snapshots")
        await ours.start()
        try:
            for number in range(self._count):
                seed = self._seed(f"restore{number}")
                first_s, history = await rounds.cold_turn(ours, seed)
                cold.append(first_s)
                await ours.reload()
                warm.append(await rounds.next_turn_s(ours, seed, history))
        finally:
            await ours.stop()
        theirs = await self._server_after_restart()
        note = f"cold {median(cold):.2f} s" + (f"; peer {theirs:.2f} s" if theirs else "")
        name = "first token after an unload, 2,000 tokens of history"
        share = median(b / a for a, b in zip(cold, warm, strict=True))
        return [
            Figure(name, median(warm), "s", None, theirs, note),
            Figure(f"{name}: of cold", share, "x", 0.1),
        ]

    async def _server_after_restart(self) -> float | None:
        if self._server is None:
            return None
        server = self._peer(self._server, self._run.sessions)
        await server.start()
        try:
            _, history = await rounds.cold_turn(server, "again")
            await server.stop()
            await server.start()
            return await rounds.next_turn_s(server, "again", history)
        finally:
            await server.stop()

    async def _start(self) -> list[Figure]:
        async def started(side: Side, _seed: str) -> float:
            taken = await side.start()
            await side.stop()
            return taken

        async def spoken(side: Side, seed: str) -> float:
            taken = await side.start()
            try:
                return taken + (await side.ask(seed, [rounds.digits(seed, 16)], 1)).first_s
            finally:
                await side.stop()

        sides = self._made_sides(self._run.sessions)
        figures: list[Figure] = []
        for name, target, measure in (
            ("start to ready", 1.0, started),
            ("start to the first token", None, spoken),
        ):
            samples = await self._compare(sides, measure)
            figures += [_seconds(name, samples), *_ratio(name, samples, target)]
        return figures

    async def _isolation(self) -> list[Figure]:
        name = "1 stream, child process against thread"
        try:
            inside = Embedded(self._run, self._folder / "inside", isolation="thread")
        except ValidationError:
            return [Figure(name, None, "x", note="absent: isolation = thread")]
        sides: list[Side] = [Embedded(self._run, self._folder / "snapshots"), inside]
        async with _running(sides):
            samples = await self._compare(sides, lambda side, seed: rounds.streams(side, 1, seed))
        return [Figure(name, samples.ratio(), "x", 0.97, at_least=True)]

    # Both sides

    def _made_sides(self, sessions: int) -> list[Side]:
        sides: list[Side] = [Embedded(self._run, self._folder / "snapshots")]
        if self._server is not None:
            sides.append(self._peer(self._server, sessions))
        return sides

    def _peer(self, program: Path, sessions: int) -> LlamaServer:
        run = replace(self._run, sessions=sessions)
        return LlamaServer(program, run, self._folder / "server.log")

    @asynccontextmanager
    async def _sides(self, sessions: int | None = None) -> AsyncIterator[list[Side]]:
        sides = self._made_sides(sessions or self._run.sessions)
        async with _running(sides):
            for side in sides:  # the first answer warms up
                await rounds.streams(side, 1, self._seed("warm"), 4)
            yield sides

    async def _compare(
        self, sides: Sequence[Side], measure: Callable[[Side, str], Awaitable[float]]
    ) -> Samples:
        """Let the sides take turns; who begins changes from round to round.

        Rounds that others disturbed are repeated, within bounds; the quietest count.
        """
        taken: list[tuple[float, list[float]]] = []
        for number in range(_PATIENCE * self._count):
            seed = self._seed(f"round{number}")
            values = [0.0] * len(sides)
            noise = 0.0
            order = list(enumerate(sides))
            for index, side in order if number % 2 == 0 else reversed(order):
                watch = OthersWatch()
                values[index] = await measure(side, seed)
                noise = max(noise, watch.cores())
                await asyncio.sleep(_REST_S)
            taken.append((noise, values))
            if sum(noise < _QUIET for noise, _ in taken) >= self._count:
                break
        taken.sort(key=lambda one: one[0])
        kept = taken[: self._count]
        ours = [values[0] for _, values in kept]
        theirs = [values[1] for _, values in kept] if len(sides) > 1 else []
        return Samples(ours, theirs, kept[-1][0])

    def _seed(self, name: str) -> str:
        """Return a name that was not used before, so that nobody knows its prompt."""
        self._made += 1
        return f"{name}-{self._made}"

    def _idle(self, sides: Sequence[Side]) -> list[Figure]:
        """See that the peer does not compute while it has nothing to do."""
        servers = [side for side in sides if isinstance(side, LlamaServer)]
        return [
            Figure("peer idle", processor_share(server.pid), "of a core", 0.02)
            for server in servers
        ]


@asynccontextmanager
async def _running(sides: Sequence[Side]) -> AsyncIterator[None]:
    try:
        for side in sides:
            await side.start()
        yield
    finally:
        for side in sides:
            await side.stop()


def _streams_of(count: int) -> Callable[[Side, str], Awaitable[float]]:
    async def measure(side: Side, seed: str) -> float:
        return await rounds.streams(side, count, seed)

    return measure


def _speeds(name: str, samples: Samples) -> list[Figure]:
    control = median(samples.theirs) if samples.theirs else None
    figures = [Figure(name, median(samples.ours), "tokens/s", None, control, samples.note)]
    if control is not None:
        figures.append(Figure(f"{name}: of the peer", samples.ratio(), "x", 0.97, at_least=True))
    return figures


def _seconds(name: str, samples: Samples) -> Figure:
    control = median(samples.theirs) if samples.theirs else None
    return Figure(name, median(samples.ours), "s", None, control, samples.note)


def _ratio(name: str, samples: Samples, limit: float | None) -> list[Figure]:
    if not samples.theirs:
        return []
    return [Figure(f"{name}: of the peer", samples.ratio(), "x", limit)]
