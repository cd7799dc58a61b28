"""How much memory a model will take, told from its file's head before anything is loaded.

Three parts: the weights (as large as the file, adapters likewise), the KV cells (for each token, in
each layer, a key and a value per KV head, in half precision), and what llama.cpp computes in. The
last is a rough bound: for each token of a step six rows of the model's width and three of its
feed-forward width in single precision, a mask of one half-precision number per cell, and one row of
logits per sequence, or per token where vectors or scores are made. Measured against two models it
is 10 to 15 % too high.
"""

from __future__ import annotations

from dataclasses import dataclass

from ruster.core.messages import Message
from ruster.core.orchestration import Embed, EngineCommand, Infer, Rerank, Tokenize
from ruster.engine.gguf import ModelShape
from ruster.engine.settings import EngineSettings

__all__ = ["LEAST_POOLED", "LEAST_WINDOW", "Demand", "Footprint", "layers_that_fit"]

LEAST_WINDOW = 2048
"""A window is not made smaller than this to fit into memory, unless a smaller one was asked for."""

LEAST_POOLED = 512
"""Tokens of short texts that are read in one step to make vectors."""

_STEP = 256  # llama.cpp rounds windows up to it
_HALF, _SINGLE = 2, 4
_MOST_COMPUTED = 512  # tokens that llama.cpp computes at once, however long the batch
_BYTES_PER_TOKEN = 3  # a guess that is rather too low: more tokens than there will be


@dataclass(frozen=True, slots=True)
class Demand:
    """What a request needs of its model: a ``window`` (0: no text is written), at least ``least``.

    ``pooled`` is how many tokens are read in one step to make vectors or scores.
    """

    window: int
    least: int
    pooled: int = 0


class Footprint:
    """What one model takes and will take.

    ``limit`` is the largest window that memory leaves it; ``on_device`` the part of it, from 0 to
    1, that lies in a GPU's memory and not in ours. ``adapter_bytes`` are loaded beside the weights.
    """

    def __init__(
        self,
        shape: ModelShape,
        settings: EngineSettings,
        gpu_layers: int = 0,
        adapter_bytes: int = 0,
    ) -> None:
        self.shape = shape
        self._adapter_bytes = adapter_bytes
        self._settings = settings
        self.limit: int | None = None
        self.on_device = min(1.0, gpu_layers / (shape.layers + 1))
        self._cells = 0
        self._pooled = 0

    @property
    def weights_bytes(self) -> int:
        """The memory of the weights, which the kernel may drop and read again."""
        return int(self.shape.weights_bytes * (1 - self.on_device))

    @property
    def bytes(self) -> int:
        """All that was granted."""
        return self._total(self._cells, self._pooled)

    def window(self, asked: int | None) -> int:
        """Return the window a request gets that asks for ``asked`` tokens."""
        largest = self.shape.context_length or self._settings.context_size
        wanted = min(largest, asked or self._settings.context_size)
        return max(16, wanted if self.limit is None else min(wanted, self.limit))

    def cells(self, window: int) -> int:
        """Return how many KV cells the conversations with such a window get."""
        own = self._settings.kv_cells or 0
        return max(window, own if self.limit is None else min(own, self.limit))

    def demand(self, command: EngineCommand) -> Demand:
        """Tell what a command needs; loading ahead needs what a first message would."""
        if isinstance(command, Embed | Rerank | Tokenize) or not self.shape.causal:
            return Demand(0, 0, min(self.window(None), max(LEAST_POOLED, _longest(command))))
        asked = command.config.behaviour.context_size if isinstance(command, Infer) else None
        window = self.window(asked)
        prompt = _prompt_tokens(command) if isinstance(command, Infer) else 0
        return Demand(window, min(window, max(LEAST_WINDOW, prompt)))

    def with_demand(self, demand: Demand, window: int | None = None) -> int:
        """Return the memory it takes once a demand is granted, with a smaller window if given."""
        cells = self._cells
        if not demand.pooled:
            cells = max(cells, demand.window and self.cells(demand.window))
            cells = cells if window is None else window
        return self._total(cells, max(self._pooled, demand.pooled))

    def grant(self, demand: Demand) -> None:
        """Note that a demand is granted."""
        if demand.pooled:
            self._pooled = max(self._pooled, demand.pooled)
        else:
            self._cells = max(self._cells, self.cells(self.window(demand.window)))

    def largest_window(self, demand: Demand, most_bytes: int) -> int | None:
        """Return the largest window that keeps a bound; None when even the least does not."""
        if demand.pooled or self.with_demand(demand, demand.least) > most_bytes:
            return None
        low, high = demand.least // _STEP, demand.window // _STEP
        while low < high:
            middle = (low + high + 1) // 2
            if self.with_demand(demand, middle * _STEP) <= most_bytes:
                low = middle
            else:
                high = middle - 1
        return max(demand.least, low * _STEP)

    def _total(self, cells: int, pooled: int) -> int:
        beside = self._adapter_bytes + (self._context(cells) if cells else 0)
        if pooled:
            window = self.window(None)
            beside += self._context(window, window) + self._pooling_bytes(pooled)
        return self.weights_bytes + int(beside * (1 - self.on_device))

    def _pooling_bytes(self, tokens: int) -> int:
        """Return what brings the tokens of a step together, for each sequence apart.

        llama.cpp keeps a row of logits and one of the model's width for each of these tokens.
        """
        row = self.shape.vocabulary + self.shape.width + self._settings.max_sequences
        return tokens * row * _SINGLE

    def _context(self, cells: int, batch: int | None = None) -> int:
        shape, settings = self.shape, self._settings
        batch = batch or min(_MOST_COMPUTED, settings.batch_size, cells)
        rows = settings.max_sequences * shape.vocabulary * _SINGLE
        return kv_bytes(shape, cells) + _compute_bytes(shape, cells, batch) + rows


def kv_bytes(shape: ModelShape, cells: int) -> int:
    """Return the memory of so many cells."""
    return cells * shape.layers * shape.kv_width * _HALF


def layers_that_fit(shape: ModelShape, cells: int, free_bytes: int) -> int:
    """Return how many layers fit into a GPU's free memory with their cells; output counts as one.

    What is computed in must fit beside them.
    """
    room = free_bytes - _compute_bytes(shape, cells, _MOST_COMPUTED)
    layers = shape.layers + 1
    per_layer = (shape.weights_bytes + kv_bytes(shape, cells)) / layers
    return max(0, min(layers, int(room / per_layer))) if per_layer else layers


def _compute_bytes(shape: ModelShape, cells: int, batch: int) -> int:
    return batch * ((6 * shape.width + 3 * shape.feed_forward) * _SINGLE + cells * _HALF)


def _longest(command: EngineCommand) -> int:
    """Return how many tokens the longest text that is read as one may have."""
    texts: tuple[str, ...] = ()
    if isinstance(command, Embed):
        texts = command.input
    elif isinstance(command, Rerank):
        texts = tuple(command.query + document for document in command.documents)
    return max((len(text.encode(errors="replace")) for text in texts), default=0) // (
        _BYTES_PER_TOKEN
    )


def _prompt_tokens(command: Infer) -> int:
    messages: tuple[Message, ...] = command.messages
    size = len(command.prompt.encode(errors="replace"))
    return (size + sum(len(it.content.encode(errors="replace")) for it in messages)) // (
        _BYTES_PER_TOKEN
    )
