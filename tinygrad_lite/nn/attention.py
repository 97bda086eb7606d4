"""Attention: MultiheadAttention, and the encoder layers of a transformer made with it."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lite.engine.value import Value, describe
from tinygrad_lite.functions import gelu
from tinygrad_lite.nn.dropout import Dropout, dropped
from tinygrad_lite.nn.init import Seed, glorot_uniform
from tinygrad_lite.nn.layers import Linear
from tinygrad_lite.nn.module import Module
from tinygrad_lite.nn.normalisation import LayerNorm
from tinygrad_lite.rules.activations import relu, softmax
from tinygrad_lite.rules.linear import linear

Array = np.ndarray[Any, Any]


def causal_mask(length: int) -> Array:
    """Which positions a position must not attend to, so that it sees none after itself.

    >>> causal_mask(3)
    array([[False,  True,  True],
           [False, False,  True],
           [False, False, False]])
    """
    return np.triu(np.ones((length, length), dtype=bool), 1)


class MultiheadAttention(Module):
    """Averages of values, weighted by how well their keys fit a query; in several heads at once.

    Source: A. Vaswani and others, Attention is all you need, 2017, section 3.2.

    Args:
        embed_dim: last size of queries, keys, values and outputs.
        num_heads: into how many heads it is divided.
        dropout: probability of a zero among the weights, in training.
        bias: whether the four products have biases.
        batch_first: inputs and outputs have the shape (N, L, embed_dim), else (L, N, embed_dim).
        generator: NumPy Generator that draws the initial weights and the zeros, or a seed for one.
        dtype: of the parameters.

    Attributes:
        in_proj_weight: of queries, keys and values, shape (3 embed_dim, embed_dim).
        in_proj_bias: shape (3 embed_dim,), or None.
        out_proj: a `Linear`.

    >>> x = np.ones((2, 7, 8), np.float32)
    >>> output, weights = MultiheadAttention(8, num_heads=2, batch_first=True)(x, x, x)
    >>> output.shape, weights.shape
    ((2, 7, 8), (2, 7, 7))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        *,
        batch_first: bool = False,
        generator: Seed = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if num_heads < 1 or embed_dim % num_heads:
            raise ValueError(
                f"MultiheadAttention: num_heads={num_heads} must divide embed_dim={embed_dim}"
            )
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.generator = np.random.default_rng(generator)
        weight = glorot_uniform((3 * embed_dim, embed_dim), self.generator)
        self.in_proj_weight = Value(weight.astype(dtype), name="in_proj_weight")
        self.in_proj_bias = (
            Value(np.zeros(3 * embed_dim, dtype), name="in_proj_bias") if bias else None
        )
        self.out_proj = Linear(embed_dim, embed_dim, bias, generator=self.generator, dtype=dtype)
        if isinstance(self.out_proj.bias, Value):
            self.out_proj.bias.data[:] = 0

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Any, Any]:
        """Outputs in the shape of the query, and the weights.

        Args:
            query: shape (L, N, E), or (N, L, E) with `batch_first`.
            key, value: shape (S, N, E), or (N, S, E).
            key_padding_mask: True where a key is to be ignored, shape (N, S); or numbers, added to
                the scores.
            need_weights: whether to return the weights, else None.
            attn_mask: True where a query must not attend, shape (L, S) or (N heads, L, S); or
                numbers, added to the scores. A query that may attend to nothing attends to all.
            average_attn_weights: over the heads, shape (N, L, S), else (N, heads, L, S).
            is_causal: no query attends to later positions, as with `causal_mask`.
        """
        for x in (query, key, value):
            if np.ndim(x) != 3 or np.shape(x)[-1] != self.embed_dim:
                layout = "N, L" if self.batch_first else "L, N"
                told = describe(x) if type(x) is Value else f"an array of shape {np.shape(x)}"
                raise ValueError(
                    f"MultiheadAttention of {told}: the shape must be ({layout}, {self.embed_dim})"
                )
        if not self.batch_first:
            query, key, value = _swapped(query, key, value)
        q, k, v = (self._heads(x, part) for part, x in enumerate((query, key, value)))
        scores = (q * (1 / math.sqrt(self.embed_dim // self.num_heads))) @ np.swapaxes(k, 2, 3)
        batch, _, length, keys = np.shape(scores)
        if is_causal and attn_mask is None:
            attn_mask = np.triu(np.ones((length, keys), dtype=bool), 1)
        if attn_mask is not None and np.ndim(attn_mask) == 3:
            attn_mask = np.reshape(attn_mask, (batch, self.num_heads, length, keys))
        scores = _masked(scores, attn_mask)
        if key_padding_mask is not None:
            scores = _masked(scores, np.reshape(key_padding_mask, (batch, 1, 1, keys)))
        weights = softmax(scores, axis=-1)
        if self.training and self.dropout:
            weights = dropped(weights, self.dropout, self.generator)
        out = np.reshape(np.swapaxes(weights @ v, 1, 2), (batch, length, self.embed_dim))
        out = self.out_proj(out)
        if not self.batch_first:
            out = np.swapaxes(out, 0, 1)
        if not need_weights:
            return out, None
        return out, np.mean(weights, axis=1) if average_attn_weights else weights

    def _heads(self, x: Any, part: int) -> Any:
        """Queries, keys or values (part 0, 1 or 2) of every head: shape (N, heads, L, size)."""
        rows = slice(part * self.embed_dim, (part + 1) * self.embed_dim)
        if self.in_proj_bias is None:
            x = linear(x, self.in_proj_weight[rows])
        else:
            x = linear(x, self.in_proj_weight[rows], self.in_proj_bias[rows])
        batch, length, width = np.shape(x)
        x = np.reshape(x, (batch, length, self.num_heads, width // self.num_heads))
        return np.swapaxes(x, 1, 2)

    def extra_repr(self) -> str:
        return f"{self.embed_dim}, num_heads={self.num_heads}, dropout={self.dropout}"


def _swapped(*arrays: Any) -> list[Any]:
    """Batch first; what is one array stays one."""
    swapped = {id(x): np.swapaxes(x, 0, 1) for x in arrays}
    return [swapped[id(x)] for x in arrays]


def _masked(scores: Any, mask: Any) -> Any:
    if mask is None:
        return scores
    if not hasattr(mask, "dtype"):
        mask = np.asarray(mask)
    if mask.dtype.kind == "b":
        return np.where(mask, -np.inf, scores)
    return scores + (mask if type(mask) is Value else mask.astype(scores.dtype))


_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"relu": relu, "gelu": gelu}


class TransformerEncoderLayer(Module):
    """Self-attention, then two linear layers; each added to what it was given, and normalised.

    Source: A. Vaswani and others, Attention is all you need, 2017, section 3.1.

    Args:
        d_model: last size of input and output.
        nhead: number of heads.
        dim_feedforward: size between the two linear layers.
        dropout: probability of a zero, in training, in four places.
        activation: "relu", "gelu" or a function.
        layer_norm_eps: as of `LayerNorm`.
        batch_first: inputs have the shape (N, L, d_model), else (L, N, d_model).
        norm_first: normalise before attention and linear layers rather than after; trains easier.
        bias: whether linear layers and normalisations have biases.
        generator: NumPy Generator that draws the initial weights and the zeros, or a seed for one.
        dtype: of the parameters.

    >>> layer = TransformerEncoderLayer(8, nhead=2, dim_feedforward=16, batch_first=True)
    >>> layer(np.ones((2, 7, 8), np.float32), is_causal=True).shape
    (2, 7, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Any], Any] = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        generator: Seed = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if isinstance(activation, str) and activation not in _ACTIVATIONS:
            raise ValueError(
                f"TransformerEncoderLayer: activation is 'relu', 'gelu' or a function, not "
                f"{activation!r}"
            )
        rng = np.random.default_rng(generator)
        self.norm_first = norm_first
        self.activation = activation
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, generator=rng, dtype=dtype
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias, generator=rng, dtype=dtype)
        self.dropout = Dropout(dropout, generator=rng)
        self.linear2 = Linear(dim_feedforward, d_model, bias, generator=rng, dtype=dtype)
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.dropout1 = Dropout(dropout, generator=rng)
        self.dropout2 = Dropout(dropout, generator=rng)

    def forward(
        self,
        src: Any,
        src_mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool = False,
    ) -> Any:
        """Outputs in the shape of the input; the masks are those of `MultiheadAttention`."""

        def attended(x: Any) -> Any:
            out, _ = self.self_attn(
                x, x, x, src_key_padding_mask, need_weights=False, attn_mask=src_mask,
                is_causal=is_causal,
            )  # fmt: skip
            return self.dropout1(out)

        def fed_forward(x: Any) -> Any:
            named = self.activation
            function = _ACTIVATIONS[named] if isinstance(named, str) else named
            return self.dropout2(self.linear2(self.dropout(function(self.linear1(x)))))

        if self.norm_first:
            src = src + attended(self.norm1(src))
            return src + fed_forward(self.norm2(src))
        src = self.norm1(src + attended(src))
        return self.norm2(src + fed_forward(src))

    def extra_repr(self) -> str:
        name = getattr(self.activation, "__name__", self.activation)
        return f"activation={name}, norm_first={self.norm_first}"


class TransformerEncoder(Module):
    """Copies of an encoder layer one after another, with the same initial weights.

    Args:
        encoder_layer: what to copy.
        num_layers: how many.
        norm: a normalisation of the end, or None.
    """

    def __init__(self, encoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        self.layers = [copy.deepcopy(encoder_layer) for _ in range(num_layers)]
        _draw_apart(encoder_layer, self.layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        src: Any,
        mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool = False,
    ) -> Any:
        """Outputs in the shape of the input; the masks are those of `MultiheadAttention`."""
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, is_causal)
        return src if self.norm is None else self.norm(src)


def _draw_apart(original: Module, copies: list[Module]) -> None:
    """Give each copy generators of its own, or all would draw the same zeros."""
    spawned: dict[int, list[np.random.Generator]] = {}
    for path, module in original.named_modules():
        for name, thing in vars(module).items():
            if isinstance(thing, np.random.Generator):
                if id(thing) not in spawned:
                    spawned[id(thing)] = thing.spawn(len(copies))
                children = spawned[id(thing)]
                for twin, child in zip(copies, children, strict=True):
                    vars(dict(twin.named_modules())[path])[name] = child
