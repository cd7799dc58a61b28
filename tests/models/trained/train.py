"""``python -m tests.models.trained.train [OUT [FROM]]``: train the model and write its GGUF.

Takes about half an hour on two cores, and ``pip install jax optax gguf``. Of two runs the first is
on short conversations, the second on longer ones; with ``FROM``, a file written before, only the
second. The seeds are fixed. The file kept here went through the second run several times,
while ``dialogs`` was improved.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from gguf import GGUFReader

from tests.models.trained import network
from tests.models.trained.dialogs import Dialogs, render
from tests.models.trained.network import Weights
from tests.models.trained.vocabulary import Tokenizer
from tests.models.trained.writer import write_gguf

_SEED = 20
_TOKENIZER = Tokenizer()


@dataclass(frozen=True)
class Run:
    """One run: its largest step, what a prompt's token counts, and the stages.

    A stage is a number of steps, the tokens of a row, and the rows of a batch.
    """

    seed: int
    largest_step: float
    prompt_share: float
    stages: tuple[tuple[int, int, int], ...]


_FIRST = Run(_SEED, 3e-3, 0.1, ((400, 128, 32), (900, 256, 16)))
_SECOND = Run(_SEED + 8, 1.5e-3, 0.03, ((520, 256, 16), (240, 512, 8), (40, 1024, 4)))
_Array = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
_Batch = tuple[_Array, _Array, _Array]


def _row(dialogs: Dialogs, tokenizer: Tokenizer, length: int, prompt_share: float) -> _Batch:
    """Fill one row with conversations: tokens, which conversation each is of, and its share."""
    tokens: list[int] = []
    segments: list[int] = []
    shares: list[float] = []
    segment = 0
    while len(tokens) < length:
        wanted = dialogs.random.uniform(0.3, 2.2) * length
        parts = render(*dialogs.draw(int(wanted)))
        coded = [(tokenizer.encode(text), said) for text, said in parts]
        size = sum(len(part) for part, _ in coded)
        if size > length - len(tokens) and tokens and length - len(tokens) < length // 3:
            break
        for part, said in coded:
            tokens += part
            segments += [segment] * len(part)
            shares += [1.0 if said else prompt_share] * len(part)
        shares[len(shares) - size] = 0.0  # the first token follows from nothing
        segment += 1
    row = np.zeros((3, length), np.float32)
    row[0, : len(tokens)] = tokens[:length]
    row[1, : len(tokens)] = segments[:length]
    row[2, : len(tokens)] = shares[:length]
    return row[0], row[1], row[2]


def batch(dialogs: Dialogs, length: int, rows: int, prompt_share: float) -> _Batch:
    """Draw a batch."""
    tokenizer = _TOKENIZER
    drawn = [_row(dialogs, tokenizer, length, prompt_share) for _ in range(rows)]
    tokens, segments, shares = (np.stack([row[part] for row in drawn]) for part in range(3))
    return tokens.astype(np.int32), segments.astype(np.int32), shares


def train(weights: Weights, run: Run, out: Path) -> Weights:
    """Go through the stages of a run, telling now and then how well it does."""
    steps = sum(stage[0] for stage in run.stages)
    schedule = optax.warmup_cosine_decay_schedule(0.0, run.largest_step, 40, steps, 2e-5)
    optimizer = optax.chain(
        optax.clip_by_global_norm(1.0), optax.adamw(schedule, b2=0.98, weight_decay=0.01)
    )
    state = optimizer.init(weights)

    @jax.jit  # type: ignore[untyped-decorator, unused-ignore]
    def step(
        w: Weights, s: optax.OptState, tokens: jax.Array, segments: jax.Array, shares: jax.Array
    ) -> tuple[Weights, optax.OptState, jax.Array]:
        value, slope = jax.value_and_grad(network.loss)(w, tokens, segments, shares)
        change, s = optimizer.update(slope, s, w)
        return optax.apply_updates(w, change), s, value

    dialogs, held_out = Dialogs(run.seed), Dialogs(run.seed + 1, held_out=True)
    done, begun = 0, time.monotonic()
    for count, length, rows in run.stages:
        for _ in range(count):
            drawn = batch(dialogs, length, rows, run.prompt_share)
            weights, state, value = step(weights, state, *map(jnp.asarray, drawn))
            done += 1
            if done % 25 == 0 or done == steps:
                right = _accuracy(weights, *batch(held_out, length, rows, run.prompt_share))
                spent = time.monotonic() - begun
                print(f"{done}/{steps} {spent:.0f}s loss {value:.3f} right {right:.3f}", flush=True)
                write_gguf(out, {name: np.asarray(v) for name, v in weights.items()})
    return weights


def main() -> None:
    """Train through the runs and write the file."""
    here = Path(__file__).with_name("trained.gguf")
    out, *given = map(Path, sys.argv[1:] or [str(here)])
    if given:
        weights = _read(given[0])
    else:
        weights = train(_alike(network.initial(Tokenizer().size, _SEED)), _FIRST, out)
    train(weights, _SECOND, out)


def _alike(weights: Weights) -> Weights:
    """Let each word begin alike with and without a space before it: to copy it is to change one.

    What tells them apart is one direction for all.
    """
    spaced, bare = (np.array(side) for side in zip(*_TOKENIZER.pairs(), strict=True))
    changed = dict(weights)
    for name in ("token_embd", "output"):
        rows = np.asarray(weights[name]).copy()
        apart = (rows[bare] - rows[spaced]).mean(0)
        middle = (rows[bare] + rows[spaced]) / 2
        rows[spaced], rows[bare] = middle - apart / 2, middle + apart / 2
        changed[name] = jnp.asarray(rows)
    return changed


def _read(path: Path) -> Weights:
    """Read the weights that ``write_gguf`` has written."""
    return {
        tensor.name.removesuffix(".weight"): jnp.asarray(tensor.data, jnp.float32)
        for tensor in GGUFReader(path).tensors
    }


@jax.jit  # type: ignore[untyped-decorator, unused-ignore]
def _predicted(w: Weights, tokens: jax.Array, segments: jax.Array) -> jax.Array:
    return jnp.argmax(network.predict(w, tokens, segments), -1)


def _accuracy(w: Weights, tokens: _Array, segments: _Array, shares: _Array) -> float:
    """Return how many tokens of held-out answers the model predicts."""
    found = np.asarray(_predicted(w, jnp.asarray(tokens), jnp.asarray(segments)))
    said = shares[:, 1:] == 1.0
    return float((found[:, :-1] == tokens[:, 1:])[said].mean())


if __name__ == "__main__":
    main()
