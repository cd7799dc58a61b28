"""The network: exactly llama.cpp's ``llama`` (RMSNorm, rotary positions, SwiGLU), in JAX.

Layer 0 starts with heads that look one to four tokens back. From there the heads that find "where
did this stand before, and what followed" form within a few hundred steps, which they otherwise
take many times longer to do.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from tests.models.trained.shape import SHAPE, Shape

__all__ = ["Weights", "initial", "loss", "predict"]

Weights = dict[str, jax.Array]


_BIAS = 4.0
_LOOK_BACK = 1.5


def initial(vocabulary: int, seed: int, shape: Shape = SHAPE) -> Weights:
    """Return the weights to start from, named as in the GGUF file."""
    rng = np.random.default_rng(seed)
    width, hidden = shape.width, shape.hidden

    def matrix(
        rows: int, columns: int, scale: float = 1.0
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return rng.normal(0, scale * columns**-0.5, (rows, columns)).astype(np.float32)

    embedding = rng.normal(0, 1, (vocabulary, width)).astype(np.float32)
    embedding[:, 0] = _BIAS
    weights = {"token_embd": embedding, "output_norm": np.ones(width, np.float32)}
    weights["output"] = matrix(vocabulary, width, 0.5)
    small = (2 * shape.layers) ** -0.5
    for block in range(shape.layers):
        prefix = f"blk.{block}."
        weights[prefix + "attn_norm"] = np.ones(width, np.float32)
        weights[prefix + "ffn_norm"] = np.ones(width, np.float32)
        for part in ("attn_q", "attn_k", "attn_v"):
            weights[prefix + part] = matrix(width, width)
        weights[prefix + "attn_output"] = matrix(width, width, small)
        weights[prefix + "ffn_gate"] = matrix(hidden, width)
        weights[prefix + "ffn_up"] = matrix(hidden, width)
        weights[prefix + "ffn_down"] = matrix(width, hidden, small)
    _look_back(weights, shape)
    return {name: jnp.asarray(value) for name, value in weights.items()}


def _look_back(
    weights: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]], shape: Shape
) -> None:
    size = shape.width // shape.heads
    query, key = weights["blk.0.attn_q"], weights["blk.0.attn_k"]
    query *= 0.3
    key *= 0.3
    for head in range(shape.heads):
        for pair in range(6):
            angle = shape.rope_base ** (-2 * pair / size) * (head + 1)
            row = head * size + 2 * pair
            query[row : row + 2, 0] = (_LOOK_BACK, 0)
            key[row : row + 2, 0] = (_LOOK_BACK * np.cos(angle), _LOOK_BACK * np.sin(angle))


def _norm(values: jax.Array, scale: jax.Array, epsilon: float) -> jax.Array:
    return values * jax.lax.rsqrt(jnp.mean(values * values, -1, keepdims=True) + epsilon) * scale


def _rotate(values: jax.Array, base: float) -> jax.Array:
    length, size = values.shape[1], values.shape[-1]
    angles = jnp.arange(length)[:, None] * base ** (-jnp.arange(0, size, 2) / size)[None]
    cos, sin = jnp.cos(angles)[None, :, None], jnp.sin(angles)[None, :, None]
    even, odd = values[..., 0::2], values[..., 1::2]
    turned = jnp.stack([even * cos - odd * sin, even * sin + odd * cos], -1)
    return turned.reshape(values.shape)


def _attend(w: Weights, prefix: str, x: jax.Array, segments: jax.Array, shape: Shape) -> jax.Array:
    batch, length, width = x.shape
    heads = (batch, length, shape.heads, width // shape.heads)
    query = _rotate((x @ w[prefix + "attn_q"].T).reshape(heads), shape.rope_base)
    key = _rotate((x @ w[prefix + "attn_k"].T).reshape(heads), shape.rope_base)
    value = (x @ w[prefix + "attn_v"].T).reshape(heads)
    scores = jnp.einsum("bqhd,bkhd->bhqk", query, key) / jnp.sqrt(heads[-1])
    seen = jnp.tril(jnp.ones((length, length), bool))[None]
    seen &= segments[:, :, None] == segments[:, None, :]
    shares = jax.nn.softmax(jnp.where(seen[:, None], scores, -1e30), -1)
    mixed = jnp.einsum("bhqk,bkhd->bqhd", shares, value).reshape(batch, length, width)
    return mixed @ w[prefix + "attn_output"].T


def predict(w: Weights, tokens: jax.Array, segments: jax.Array, shape: Shape = SHAPE) -> jax.Array:
    """Return the logits of what follows each token; tokens of other segments are not seen."""
    x = w["token_embd"][tokens]
    for block in range(shape.layers):
        prefix = f"blk.{block}."
        x += _attend(w, prefix, _norm(x, w[prefix + "attn_norm"], shape.epsilon), segments, shape)
        y = _norm(x, w[prefix + "ffn_norm"], shape.epsilon)
        gate = jax.nn.silu(y @ w[prefix + "ffn_gate"].T) * (y @ w[prefix + "ffn_up"].T)
        x += gate @ w[prefix + "ffn_down"].T
    return _norm(x, w["output_norm"], shape.epsilon) @ w["output"].T


def loss(w: Weights, tokens: jax.Array, segments: jax.Array, shares: jax.Array) -> jax.Array:
    """Return the mean cross entropy, each position counting by ``shares``."""
    logits = predict(w, tokens[:, :-1], segments[:, :-1])
    chosen = jnp.take_along_axis(logits, tokens[:, 1:, None], -1)[..., 0]
    surprise = jax.nn.logsumexp(logits, -1) - chosen
    return jnp.sum(surprise * shares[:, 1:]) / jnp.sum(shares[:, 1:])
