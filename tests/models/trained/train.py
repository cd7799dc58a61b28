"""``python -m tests.models.trained.train [OUT]``: train the model anew and write its GGUF.

Takes about a quarter of an hour on two cores, and ``pip install -e .[train]``. The seed is fixed:
the same machine and libraries give the same file.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from tests.models.trained import network
from tests.models.trained.dialogs import Dialogs, render
from tests.models.trained.network import Weights
from tests.models.trained.vocabulary import Tokenizer
from tests.models.trained.writer import write_gguf

_SEED = 20
_PROMPT_SHARE = 0.1
_STAGES = ((400, 128, 32), (700, 256, 16), (500, 512, 8), (150, 1024, 4))
"""Steps, tokens of a row, rows of a batch."""
_LARGEST_STEP = 3e-3
_Array = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
_Batch = tuple[_Array, _Array, _Array]


def _row(dialogs: Dialogs, tokenizer: Tokenizer, length: int) -> _Batch:
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
            shares += [1.0 if said else _PROMPT_SHARE] * len(part)
        shares[len(shares) - size] = 0.0  # the first token follows from nothing
        segment += 1
    row = np.zeros((3, length), np.float32)
    row[0, : len(tokens)] = tokens[:length]
    row[1, : len(tokens)] = segments[:length]
    row[2, : len(tokens)] = shares[:length]
    return row[0], row[1], row[2]


def batch(dialogs: Dialogs, tokenizer: Tokenizer, length: int, rows: int) -> _Batch:
    """Draw a batch."""
    drawn = [_row(dialogs, tokenizer, length) for _ in range(rows)]
    tokens, segments, shares = (np.stack([row[part] for row in drawn]) for part in range(3))
    return tokens.astype(np.int32), segments.astype(np.int32), shares


def main() -> None:
    """Train through all stages and write the file."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("trained.gguf")
    tokenizer = Tokenizer()
    weights = network.initial(tokenizer.size, _SEED)
    print(f"{sum(value.size for value in weights.values())} weights", flush=True)
    steps = sum(stage[0] for stage in _STAGES)
    schedule = optax.warmup_cosine_decay_schedule(0.0, _LARGEST_STEP, 60, steps, 2e-5)
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

    dialogs = Dialogs(_SEED)
    held_out = Dialogs(_SEED + 1, held_out=True)
    done, begun = 0, time.monotonic()
    for count, length, rows in _STAGES:
        for _ in range(count):
            drawn = batch(dialogs, tokenizer, length, rows)
            weights, state, value = step(weights, state, *map(jnp.asarray, drawn))
            done += 1
            if done % 25 == 0:
                right = _accuracy(weights, *batch(held_out, tokenizer, length, rows))
                spent = time.monotonic() - begun
                print(f"{done}/{steps} {spent:.0f}s loss {value:.3f} right {right:.3f}", flush=True)
                write_gguf(out, {name: np.asarray(v) for name, v in weights.items()})
    write_gguf(out, {name: np.asarray(v) for name, v in weights.items()})


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
