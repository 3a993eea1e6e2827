"""The network: an encoder over the whole phrase, a decoder that writes it token by token.

After MusicFrameworks, section 4: input projection, two-layer transformer encoder, one-directional LSTM over encoder
output and previous token, two convolutions of kernel 1, one architecture for basic melody, rhythm and melody. Ours:
embedded features, relative positions, intervals (`NetworkConfig.intervals`) and copying (`copying`).

Axes: R rows (phrases or beams), T tokens, D width, V classes, M tokens of earlier phrases of the song.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ritornello.errors import ArgumentError
from ritornello.frameworks.batches import Batch, Example, Places, collate, places_of
from ritornello.frameworks.config import NetworkConfig
from ritornello.frameworks.copying import Pointer, copied
from ritornello.frameworks.features import BITS, CLASSES, COLUMNS, Features

_LAG = 32  # distances in tokens that the encoder tells apart
_SPAN = 24  # largest interval in semitones that has a score of its own
_REFERENCES = {"basic": 0, "rhythm": 0, "melody": 3}
_LEAST = 1e-9  # least probability of a class, so that logarithms are finite


class EncoderLayer(nn.Module):
    """Attention with a learned bias per head and distance, then a feed-forward network; norms come first."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.heads, self.rate = config.heads, config.dropout
        self.norms = nn.ModuleList(nn.LayerNorm(config.width) for _ in range(2))
        self.projection = nn.Linear(config.width, 3 * config.width)
        self.output = nn.Linear(config.width, config.width)
        self.distance = nn.Embedding(2 * _LAG + 1, config.heads)
        nn.init.zeros_(self.distance.weight)
        self.feed_forward = nn.Sequential(
            nn.Linear(config.width, config.feed_forward), nn.GELU(), nn.Dropout(config.dropout / 2),
            nn.Linear(config.feed_forward, config.width),
        )  # fmt: skip
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, states: Tensor, is_token: Tensor) -> Tensor:
        """Return states ``[R, T, D]``."""
        rows, length, width = states.shape
        projected = self.projection(self.norms[0](states)).view(rows, length, 3, self.heads, width // self.heads)
        queries, keys, values = projected.permute(2, 0, 3, 1, 4)
        number = torch.arange(length, device=states.device)
        bias = self.distance((number[None, :] - number[:, None]).clamp(-_LAG, _LAG) + _LAG).permute(2, 0, 1)
        bias = bias[None].masked_fill(~is_token[:, None, None, :], -1e9)
        rate = self.rate / 2 if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=bias, dropout_p=rate)
        states = states + self.dropout(self.output(mixed.transpose(1, 2).reshape(rows, length, width)))
        result: Tensor = states + self.dropout(self.feed_forward(self.norms[1](states)))
        return result


@dataclass(frozen=True)
class Memory:
    """Earlier phrases of a song, to point at; see `FrameworkNetwork.remember`.

    Attributes:
        keys: ``[1, M, size]``.
        tokens: ``[1, M]``.
        places: ``[1, M]``.
        letters: numbers of the letters met.
        phrases: number of phrases.
    """

    keys: Tensor
    tokens: Tensor
    places: Places
    letters: dict[str, int]
    phrases: int


@dataclass(frozen=True)
class DecoderState:
    """Where the decoding of one phrase stands, for some beams at once; `select` moves and copies beams.

    Attributes:
        encoded: ``[1, T, D]``, shared by all beams.
        references: ``[1, T, K]``.
        places: ``[1, T]``.
        memory: the song's earlier phrases, or None.
        hidden: ``[1, R, H]`` the LSTM's output of the last step.
        cell: ``[1, R, H]``.
        keys: ``[R, t, size]`` of the steps done.
        tokens: ``[R, t - 1]`` chosen before the last step.
        step: steps done, t.
    """

    encoded: Tensor
    references: Tensor
    places: Places
    memory: Memory | None
    hidden: Tensor
    cell: Tensor
    keys: Tensor
    tokens: Tensor
    step: int = 0

    def select(self, beams: Tensor) -> DecoderState:
        """Return the state whose beam i is what beam ``beams[i]`` of this one is; int64 ``[beams]``, any length."""
        return dataclasses.replace(
            self, hidden=self.hidden[:, beams], cell=self.cell[:, beams], keys=self.keys[beams],
            tokens=self.tokens[beams],
        )  # fmt: skip


class FrameworkNetwork(nn.Module):
    """A network for one of the three tasks."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        width, classes = config.width, CLASSES[config.task]
        sizes = list(COLUMNS[config.task].values())
        offsets = torch.tensor([0, *sizes[:-1]]).cumsum(0)
        self.offsets: Tensor
        self.register_buffer("offsets", offsets, persistent=False)
        self.columns = nn.Embedding(sum(sizes), width)
        nn.init.normal_(self.columns.weight, std=len(sizes) ** -0.5)
        self.bits = nn.Linear(BITS[config.task], width, bias=False) if BITS[config.task] else None
        self.drop = nn.Dropout(config.dropout)
        if config.encoder == "transformer":
            self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.layers))
        else:
            self.both_ways = nn.LSTM(width, width // 2, config.layers, batch_first=True, bidirectional=True)
        self.norm = nn.LayerNorm(width)
        self.previous = nn.Embedding(classes + 1, width)  # the last one stands for the start
        nn.init.normal_(self.previous.weight, std=0.5)
        self.decoder = nn.LSTM(2 * width, config.hidden, batch_first=True)
        pointing = config.hidden + width
        self.pointer = Pointer(pointing, config.hidden) if config.copying else None
        joined = pointing + (width if config.copying else 0)
        self.narrow = nn.Linear(joined, width)  # a convolution of kernel 1 is a linear layer on each token
        self.classes = nn.Linear(width, classes)
        self.gate = nn.Linear(width, 1) if config.copying else None
        references = 1 + _REFERENCES[config.task] if config.intervals and config.task != "rhythm" else 0
        self.intervals = nn.Linear(width, references * (2 * _SPAN + 1)) if references else None

    @property
    def start(self) -> int:
        """The token that stands before the first."""
        return CLASSES[self.config.task]

    def encode(self, numbers: Tensor, bits: Tensor, is_token: Tensor) -> Tensor:
        """Return ``[R, T, D]`` what the decoder is told about each token."""
        states = self.columns(numbers + self.offsets).sum(2)
        if self.bits is not None:
            states = states + self.bits(bits)
        states = self.drop(states)
        if self.config.encoder == "transformer":
            for layer in self.layers:
                states = layer(states, is_token)
        else:
            lengths = is_token.sum(1).cpu()
            packed = nn.utils.rnn.pack_padded_sequence(states, lengths, batch_first=True, enforce_sorted=False)
            states = nn.utils.rnn.pad_packed_sequence(
                self.both_ways(packed)[0], batch_first=True, total_length=states.shape[1]
            )[0]
        encoded: Tensor = self.norm(states)
        return encoded

    def forward(self, batch: Batch) -> Tensor:
        """Return log-probabilities ``[R, T, V]`` of each token, true history given."""
        encoded = self.encode(batch.numbers, batch.bits, batch.is_token)
        before = functional.pad(batch.tokens[:, :-1], (1, 0), value=self.start)
        states, _ = self.decoder(torch.cat([encoded, self.drop(self.previous(before))], dim=-1))
        states = torch.cat([states, encoded], dim=-1)
        shares = seen = None
        if self.pointer is not None:
            flat = states.flatten(0, 1)[batch.by_song]
            places = batch.places.gather(batch.by_song)
            remembers = batch.remembers[batch.by_song // batch.tokens.shape[1]]
            seen = _seen(places, places, remembers) & batch.in_song[:, None, :] & batch.in_song[:, :, None]
            shares = self.pointer(self.pointer.query(flat), self.pointer.key(flat), seen, places, places)
        return self._log_probabilities(states, before, batch, shares, seen)

    def _log_probabilities(
        self, states: Tensor, before: Tensor, batch: Batch, shares: Tensor | None, seen: Tensor | None
    ) -> Tensor:
        if shares is None or seen is None:
            return self._classes(states, before, batch.references, None, None)
        tokens = batch.tokens.reshape(-1)[batch.by_song]
        context, points = shares @ self.previous(tokens), copied(shares, tokens, self.start)
        rows, length = batch.tokens.shape
        index = batch.by_song[batch.in_song]

        def spread(values: Tensor) -> Tensor:  # from songs [S, N, …] back to rows [R, T, …]
            result = values.new_zeros(rows * length, values.shape[-1])
            return result.index_copy(0, index, values[batch.in_song]).view(rows, length, -1)

        return self._classes(states, before, batch.references, spread(context), spread(points))

    def _classes(
        self, states: Tensor, before: Tensor, references: Tensor, context: Tensor | None, points: Tensor | None
    ) -> Tensor:
        joined = states if context is None else torch.cat([states, context], dim=-1)
        hidden = self.drop(functional.relu(self.narrow(self.drop(joined))))
        scores = self.classes(hidden)
        if self.intervals is not None:
            known = torch.cat([before[..., None], references], dim=-1)
            scores = scores + _interval_scores(self.intervals(hidden), known, self.start)
        generated = functional.log_softmax(scores.float(), dim=-1)
        if points is None or self.gate is None:
            return generated
        points = points.float()
        share = torch.sigmoid(self.gate(hidden)).float() * points.sum(-1, keepdim=True)  # 0 where nothing is seen
        return torch.log((1 - share) * generated.exp() + share * points + _LEAST)

    def begin(self, features: Features, memory: Memory | None = None, beams: int = 1) -> DecoderState:
        """Return the state before the first token of a phrase.

        Args:
            features: of the phrase; of this network's task.
            memory: earlier phrases of the song, see `remember`.
            beams: how many continuations are followed.

        Raises:
            ArgumentError: if the features are another network's, or the phrase has no token.
        """
        if features.task != self.config.task or not len(features):
            raise ArgumentError(f"the {self.config.task} network cannot read {len(features)} {features.task} tokens")
        device = self.norm.weight.device
        numbers, bits, references = (
            torch.from_numpy(value)[None].to(device) for value in (features.numbers, features.bits, features.references)
        )
        is_token = torch.ones(1, len(features), dtype=torch.bool, device=device)
        letters = memory.letters if memory is not None else {}
        phrase = memory.phrases if memory is not None else 0
        places = places_of(features, phrase, letters.get(features.letter, len(letters)))
        encoded = self.encode(numbers, bits, is_token)
        zeros = encoded.new_zeros(1, beams, self.config.hidden)
        keys = encoded.new_zeros(beams, 0, self.config.hidden)
        tokens = torch.zeros(beams, 0, dtype=torch.int64, device=device)
        at = Places(*(value.to(device) for value in places))
        return DecoderState(encoded, references, at, memory, zeros, zeros, keys, tokens)

    def step(self, previous: Tensor | None, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Return log-probabilities of the next token of each beam, and the state after it is asked for.

        Args:
            previous: ``[beams]`` int64 the tokens chosen last; None before the first.
            state: what `begin` or the last step gave.

        Returns:
            Log-probabilities ``[beams, V]``, the same as `forward` gives for this history, and the next state.

        Raises:
            ArgumentError: if the phrase is complete, or tokens are missing or too many.
        """
        if state.step >= state.encoded.shape[1]:
            raise ArgumentError(f"the phrase is complete after {state.step} tokens")
        if (previous is None) != (state.step == 0):
            raise ArgumentError("the first step has no previous token, every later one has")
        beams, now = len(state.keys), state.step
        before = previous if previous is not None else torch.full((beams,), self.start, device=state.encoded.device)
        encoded = state.encoded[:, now : now + 1].expand(beams, -1, -1)
        output, (hidden, cell) = self.decoder(
            torch.cat([encoded, self.previous(before)[:, None]], dim=-1), (state.hidden, state.cell)
        )
        states = torch.cat([output, encoded], dim=-1)
        tokens = torch.cat([state.tokens, before[:, None]], dim=1) if previous is not None else state.tokens
        context = points = None
        if self.pointer is not None:
            shares, seen_tokens = self._point(states, tokens, state)
            context, points = shares @ self.previous(seen_tokens), copied(shares, seen_tokens, self.start)
            keys = torch.cat([state.keys, self.pointer.key(states)], dim=1)
        else:
            keys = torch.cat([state.keys, output], dim=1)
        references = state.references[:, now : now + 1].expand(beams, -1, -1)
        result = self._classes(states, before[:, None], references, context, points)
        following = dataclasses.replace(state, hidden=hidden, cell=cell, keys=keys, tokens=tokens, step=now + 1)
        return result[:, 0], following

    def _point(self, states: Tensor, tokens: Tensor, state: DecoderState) -> tuple[Tensor, Tensor]:
        """Return shares ``[R, 1, K]`` and the tokens ``[R, K]`` pointed at: the memory's, then this phrase's."""
        assert self.pointer is not None
        beams, now = len(states), state.step
        keys, of = state.keys, state.places.slice(0, now)
        if state.memory is not None:
            keys = torch.cat([state.memory.keys.expand(beams, -1, -1), keys], dim=1)
            tokens = torch.cat([state.memory.tokens.expand(beams, -1), tokens], dim=1)
            of = Places(*(torch.cat(pair, dim=1) for pair in zip(state.memory.places, of, strict=True)))
        at = state.places.slice(now, now + 1)
        seen = torch.ones(1, 1, keys.shape[1], dtype=torch.bool, device=keys.device)
        if not keys.shape[1]:
            return keys.new_zeros(beams, 1, 0), tokens
        return self.pointer(self.pointer.query(states), keys, seen, at, of), tokens

    def remember(self, phrases: Sequence[tuple[Features, Sequence[int]]]) -> Memory:
        """Return earlier phrases of a song in the form that `begin` takes.

        Args:
            phrases: features and tokens of each phrase that came before, in their order; at least one.
        """
        examples = [Example(features, torch.tensor(list(tokens)).numpy()) for features, tokens in phrases]
        batch = collate([examples]).to(self.norm.weight.device)
        encoded = self.encode(batch.numbers, batch.bits, batch.is_token)
        before = functional.pad(batch.tokens[:, :-1], (1, 0), value=self.start)
        output, _ = self.decoder(torch.cat([encoded, self.previous(before)], dim=-1))
        flat = torch.cat([output, encoded], dim=-1).flatten(0, 1)[batch.by_song]
        keys = self.pointer.key(flat) if self.pointer is not None else output.flatten(0, 1)[batch.by_song]
        letters: dict[str, int] = {}
        for features, _tokens in phrases:
            letters.setdefault(features.letter, len(letters))
        tokens = batch.tokens.reshape(-1)[batch.by_song]
        return Memory(keys, tokens, batch.places.gather(batch.by_song), letters, len(phrases))


def _seen(at: Places, of: Places, remembers: Tensor) -> Tensor:
    """Return ``[S, Q, K]`` whether a token may be pointed at: it comes before, in the phrase or in a remembered one."""
    own, other = at.phrase[..., :, None], of.phrase[..., None, :]
    earlier = (own == other) & (of.token[..., None, :] < at.token[..., :, None])
    return earlier | ((other < own) & remembers[..., :, None])


def _interval_scores(scores: Tensor, references: Tensor, classes: int) -> Tensor:
    """Return ``[R, T, V]`` the summed scores of each pitch's interval above each reference ``[R, T, K]``.

    References that are no pitch (0 and below, or the start) give nothing; wider intervals share the outermost score.
    """
    rows, length, number = references.shape
    table = scores.view(rows, length, number, 2 * _SPAN + 1)
    pitches = torch.arange(classes, device=scores.device)
    index = (pitches - references[..., None]).clamp(-_SPAN, _SPAN) + _SPAN
    is_pitch = (references > 0) & (references < classes)
    return (table.gather(-1, index) * is_pitch[..., None]).sum(2)


def allowed_only(log_probabilities: Tensor, allowed: Tensor | None) -> Tensor:
    """Return log-probabilities of the possible classes alone, summing to 1 again; impossible ones become -inf.

    Args:
        log_probabilities: ``[…, V]``.
        allowed: ``[…, V]`` bool, true for at least one class in each row; None leaves everything possible.
    """
    if allowed is None:
        return log_probabilities
    return functional.log_softmax(log_probabilities.masked_fill(~allowed, -torch.inf), dim=-1)
