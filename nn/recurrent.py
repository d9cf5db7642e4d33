"""Recurrent layers over whole sequences, and their cells of one step."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import autograd
from autograd import Tensor
from autograd.errors import ShapeError
from autograd.kernels import recurrent as kernels
from autograd.ops.join import shape_of
from autograd.ops.recurrent import _recurrent, repeated

from . import functional as F
from . import init
from .linear import parameter
from .module import Module
from .utils.rnn import PackedSequence

State = tuple[Tensor, ...]
# the forms of GRU, as the operation knows them
VARIANTS = {"torch": kernels.GRU, "cho": kernels.CHO, "notes": kernels.NOTES}
ORDERS = {"torch": "rzn", "cho": "run", "notes": "run"}


def _variant(name: str, variant: str) -> str:
    if variant not in VARIANTS:
        raise ValueError(f"{name}: unknown variant {variant!r}; select from 'torch', 'cho' or 'notes'")
    return VARIANTS[variant]


_KEYS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")


def _beside(parts: tuple[Tensor, ...]) -> Tensor:
    """The last states of all layers and directions in a dimension of their own."""
    return autograd.stack(parts) if len(parts) > 1 else autograd.unsqueeze(parts[0], 0)


class RNNBase(Module):
    """What RNN, GRU and LSTM share: the parameters and the walk over layers, directions and time.

    Parameters of layer k, with the suffix _reverse for the backward direction: weight_ih_lk (gates * hidden_size,
    input), weight_hh_lk (gates * hidden_size, hidden), bias_ih_lk, bias_hh_lk (gates * hidden_size,), and with
    proj_size weight_hr_lk (proj_size, hidden_size). All start uniform in (-k, k), k = 1 / sqrt(hidden_size).

    >>> issubclass(nn.LSTM, nn.RNNBase)
    True
    """

    gates: int
    states: int
    _kind: str
    biases: tuple[str, ...] = ("bias_ih", "bias_hh")

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if not hasattr(self, "gates"):
            raise ValueError(f"{name}: mode {mode!r} has no gates of its own; use RNN, LSTM or GRU")
        if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
            raise ValueError(f"{name}: dropout should be a number in range [0, 1], got {dropout!r}")
        for argument, value, kind in (
            ("bias", bias, bool),
            ("batch_first", batch_first, bool),
            ("input_size", input_size, int),
            ("hidden_size", hidden_size, int),
        ):
            if not isinstance(value, kind):
                raise TypeError(f"{name}: {argument} should be of type {kind.__name__}, got {value!r}")
        if input_size <= 0 or hidden_size <= 0 or num_layers <= 0:
            raise ValueError(
                f"{name}: input_size, hidden_size and num_layers must be greater than zero, got {input_size}, "
                f"{hidden_size} and {num_layers}"
            )
        if not 0 <= proj_size < hidden_size:
            raise ValueError(f"{name}: proj_size must be from 0 to below hidden_size ({hidden_size}), got {proj_size}")
        if dropout and num_layers == 1:
            warnings.warn(
                f"{name}: dropout acts between layers, so with num_layers=1 dropout={dropout} has no effect",
                stacklevel=3,
            )
        self.mode, self.input_size, self.hidden_size, self.num_layers = mode, input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = bidirectional, proj_size
        directions, out = 2 if bidirectional else 1, proj_size or hidden_size
        for layer in range(num_layers):
            for suffix in self._suffixes(layer):
                width = input_size if layer == 0 else out * directions
                shapes: dict[str, tuple[int, ...]] = {
                    "weight_ih": (self.gates * hidden_size, width),
                    "weight_hh": (self.gates * hidden_size, out),
                }
                if bias:
                    shapes |= dict.fromkeys(self.biases, (self.gates * hidden_size,))
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                for key, shape in shapes.items():
                    self.register_parameter(f"{key}_{suffix}", parameter(*shape, device=device, dtype=dtype))
        self.reset_parameters()

    def _suffixes(self, layer: int) -> list[str]:
        return [f"l{layer}", f"l{layer}_reverse"] if self.bidirectional else [f"l{layer}"]

    def reset_parameters(self) -> None:
        """Draw the initial values anew."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for param in self.parameters():
            init.uniform_(param, -bound, bound)

    def flatten_parameters(self) -> None:
        """Nothing: it arranges memory for another library's kernels."""

    @property
    def _all_weights(self) -> list[list[str]]:
        suffixes = [suffix for layer in range(self.num_layers) for suffix in self._suffixes(layer)]
        return [[f"{key}_{suffix}" for key in _KEYS if f"{key}_{suffix}" in self._parameters] for suffix in suffixes]

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def forward(self, input: Any, hx: Any = None) -> Any:
        packed = isinstance(input, PackedSequence)
        x = input.data if packed else input
        unbatched, known = not packed and x.ndim == 2, None
        self._check_input(x, packed)
        if packed:
            sizes = tuple(input.batch_sizes.numpy().tolist())
        else:
            if unbatched:
                x = autograd.unsqueeze(x, 1)
            swap = self.batch_first and not unbatched
            steps, batch = (x.shape[1], x.shape[0]) if swap else x.shape[:2]
            sizes = (batch,) * steps
            if not sizes:
                raise ShapeError(f"{type(self).__name__}: expected a sequence of at least one step, got none")
            known = repeated(x, swap, self.hidden_size)
            if known is None:
                x = autograd.reshape(autograd.transpose(x, 0, 1) if swap else x, (steps * batch, x.shape[2]))
        order = input.sorted_indices if packed else None
        state = self._initial(hx, sizes[0], x.dtype, unbatched, order)
        x, finals = self._layers(x, state, sizes, known)
        last = tuple([_beside(parts) for parts in zip(*finals, strict=True)])
        if packed:
            output: Any = PackedSequence(x, *input[1:])
            if input.unsorted_indices is not None:
                last = tuple(autograd.index_select(part, 1, input.unsorted_indices) for part in last)
            return output, (last if self.states == 2 else last[0])
        output = autograd.reshape(x, (steps, batch, x.shape[1]))
        if unbatched:
            output, last = autograd.squeeze(output, 1), tuple(autograd.squeeze(part, 1) for part in last)
        elif self.batch_first:
            output = autograd.transpose(output, 0, 1)
        return output, (last if self.states == 2 else last[0])

    def _layers(self, x: Tensor, state: list[Any], sizes: tuple[int, ...], known: Any) -> tuple[Tensor, list[State]]:
        """All layers over the packed rows x (P, input): the last one's output (P, *), and the last states of all.

        known: what `repeated` found of x, which is then not packed.
        """
        finals: list[State] = []
        get = self._parameters.get
        for layer in range(self.num_layers):
            if layer and self.dropout:
                x = F.dropout(x, self.dropout, self.training)
            outputs = []
            for suffix in self._suffixes(layer):
                weights = [get(f"{key}_{suffix}") for key in _KEYS]
                args = x, *state[len(finals)], *weights, self._kind, sizes, suffix.endswith("reverse"), known
                output, last_h, last_c = _recurrent(*args)
                outputs.append(output)
                finals.append((last_h, last_c)[: self.states])
            x, known = outputs[0] if len(outputs) == 1 else autograd.cat(outputs, -1), None
        return x, finals

    def _check_input(self, x: Tensor, packed: bool) -> None:
        name = type(self).__name__
        if x.ndim != 2 and (packed or x.ndim != 3):
            raise ShapeError(f"{name}: expected an input of 2 dimensions (unbatched) or 3, got shape {tuple(x.shape)}")
        if x.shape[-1] != self.input_size:
            raise ShapeError(
                f"{name}: expected input_size={self.input_size} as the last dimension, got shape {tuple(x.shape)}"
            )

    def _initial(self, hx: Any, batch: int, dtype: Any, unbatched: bool, order: Tensor | None) -> list[Any]:
        """The initial h and c (None: zeros) of each layer and direction."""
        name, n = type(self).__name__, self.num_layers * (2 if self.bidirectional else 1)
        widths = [self.proj_size or self.hidden_size, self.hidden_size][: self.states]
        if hx is None:
            return [(None, None)] * n
        parts = list(hx) if self.states == 2 else [hx]
        if len(parts) != self.states or not all(isinstance(part, Tensor) for part in parts):
            raise TypeError(f"{name}: expected hx as {'a tuple (h_0, c_0)' if self.states == 2 else 'a Tensor'}")
        for i, (part, width) in enumerate(zip(parts, widths, strict=True)):
            wanted = (n, width) if unbatched else (n, batch, width)
            if tuple(part.shape) != wanted:
                what = "hidden" if self.states == 1 else f"hidden[{i}]"
                raise ShapeError(f"{name}: expected {what} of shape {wanted}, got {tuple(part.shape)}")
            if unbatched:
                parts[i] = autograd.unsqueeze(part, 1)
            elif order is not None:
                parts[i] = autograd.index_select(part, 1, order)
        return [(*states, None)[:2] for states in zip(*(autograd.unbind(part) for part in parts), strict=True)]

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        parts += [f"proj_size={self.proj_size}"] if self.proj_size else []
        parts += [f"num_layers={self.num_layers}"] if self.num_layers != 1 else []
        parts += [f"bias={self.bias}"] if not self.bias else []
        parts += [f"batch_first={self.batch_first}"] if self.batch_first else []
        parts += [f"dropout={self.dropout}"] if self.dropout else []
        parts += [f"bidirectional={self.bidirectional}"] if self.bidirectional else []
        return ", ".join(parts)


class RNN(RNNBase):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh), in layers (Elman 1990); nonlinearity "relu" in place of tanh.

    Input (T, B, input_size), batch_first (B, T, input_size), unbatched (T, input_size), or a PackedSequence; h_0
    (num_layers * directions, B, hidden_size), zeros unless given. Returns the outputs of the last layer
    (T, B, directions * hidden_size), in the form of the input, and the last h of each layer and direction, like h_0.
    dropout: between layers. Parameters: see RNNBase. A long sequence may come in pieces, each starting from the last
    state of the one before; `nn.utils.rnn.detach_state` of it keeps the gradient inside the piece.

    >>> output, state = nn.RNN(3, 4)(autograd.ones(5, 2, 3))
    >>> output.shape, state.shape
    (Size([5, 2, 4]), Size([1, 2, 4]))
    """

    gates, states = 1, 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNN: unknown nonlinearity {nonlinearity!r}; select from 'tanh' or 'relu'")
        super().__init__(
            f"RNN_{nonlinearity.upper()}",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            0,
            device,
            dtype,
        )
        self.nonlinearity, self._kind = nonlinearity, _RNN_KINDS[nonlinearity]


_RNN_KINDS = {"tanh": kernels.TANH, "relu": kernels.RELU}


class GRU(RNNBase):
    """Gated recurrent unit in three forms, which are different functions. W.. are parts of the weights, gate by gate.

    variant "torch" (the default): gates in the order r, z, n; z keeps the old state; the reset follows the product:
    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr), z = sigmoid(W_iz x + b_iz + W_hz h + b_hz),
    n = tanh(W_in x + b_in + r * (W_hn h + b_hn)), h' = (1 - z) * n + z * h.
    variant "cho" (Cho et al. 2014, arXiv:1406.1078): gates in the order r, u, n, one bias each (bias_ih); u lets the new
    state in; the reset precedes the product:
    r = sigmoid(W_ir x + W_hr h + b_r), u = sigmoid(W_iu x + W_hu h + b_u),
    n = tanh(W_in x + W_hn (r * h) + b_n), h' = u * n + (1 - u) * h.
    variant "notes": as "cho", but n = tanh(W_in x + W_hn (r * tanh(h)) + b_n).
    Inputs and results as RNN's. Parameters: see RNNBase. Weights of one variant cannot be loaded into another; see
    `convert_gru` for other gate orders.

    >>> output, state = nn.GRU(3, 4)(autograd.ones(5, 2, 3))
    >>> output.shape, state.shape
    (Size([5, 2, 4]), Size([1, 2, 4]))
    """

    gates, states = 3, 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        variant: str = "torch",
    ) -> None:
        self._kind, self.variant = _variant("GRU", variant), variant
        if variant != "torch":
            self.biases = ("bias_ih",)
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )
        if variant != "torch":
            self.register_load_state_dict_pre_hook(_before_loading)

    def get_extra_state(self) -> Any:
        return None if self.variant == "torch" else self.variant

    def set_extra_state(self, state: Any) -> None:
        """Nothing: `_before_loading` has compared the variants."""

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.variant == "torch" else f", variant={self.variant!r}")


def _same_variant(name: str, mine: str, given: Any) -> None:
    if given != mine:
        raise ValueError(
            f"{name}: the weights are of variant {given!r}, the layer of {mine!r}; they are different functions, and no "
            f"weights of one make the other: build the layer with variant={given!r}"
        )


def _before_loading(layer: Any, state_dict: Mapping[str, Any], prefix: str, *_: Any) -> None:
    """Weights of another variant are refused before any is copied."""
    if f"{prefix}_extra_state" in state_dict:
        _same_variant(type(layer).__name__, layer.variant, state_dict[f"{prefix}_extra_state"])


def convert_gru(
    state_dict: Mapping[str, Any],
    order: str,
    to: str | None = None,
    variant: str = "torch",
    to_variant: str | None = None,
) -> dict[str, Any]:
    """The weights of a GRU or GRUCell with its gates in the order `order` brought to the order `to`.

    Orders are three letters: r, the reset gate; z, an update gate that keeps the old state, or u, one that lets the new
    one in (u = 1 - z, so its weights and bias change sign); n (or c), the candidate. `to` is that of `nn.GRU` unless
    given: "rzn" for variant "torch", "run" for "cho" and "notes". Raises ValueError for another variant: the three are
    different functions.
    """
    name = "convert_gru"
    _variant(name, variant)
    if to_variant is not None:
        _variant(name, to_variant)
        _same_variant(name, to_variant, variant)
    source, target = (text.replace("c", "n") for text in (order, ORDERS[variant] if to is None else to))
    for text in (source, target):
        if sorted(text.replace("u", "z")) != ["n", "r", "z"]:
            raise ValueError(f"{name}: the order {text!r} is not of the letters r, z or u, and n (or c), each once")

    def moved(value: Any) -> Any:
        parts = dict(zip(source.replace("u", "z"), autograd.chunk(autograd.as_tensor(value), 3), strict=True))
        if ("u" in source) != ("u" in target):
            parts["z"] = -parts["z"]
        return autograd.cat([parts[letter] for letter in target.replace("u", "z")])

    return {
        key: moved(value) if key.rsplit(".", 1)[-1].startswith(("weight_ih", "weight_hh", "bias_")) else value
        for key, value in state_dict.items()
    }


class LSTM(RNNBase):
    """Long short-term memory (Hochreiter & Schmidhuber 1997; Gers et al. 2000), gates in the order i, f, g, o:

    i, f, o = sigmoid(W_i. x + b_i. + W_h. h + b_h.), g = tanh(...), c' = f * c + i * g, h' = o * tanh(c').
    Inputs and results as RNN's, but the state is a pair (h, c). proj_size: h' = W_hr (o * tanh(c')) of that size
    (Sak et al. 2014, arXiv:1402.1128). Parameters: see RNNBase.

    >>> output, (h, c) = nn.LSTM(3, 4)(autograd.ones(5, 2, 3))
    >>> output.shape, h.shape
    (Size([5, 2, 4]), Size([1, 2, 4]))
    """

    gates, states = 4, 2
    _kind = kernels.LSTM

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "LSTM",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
        )


_CELL = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class RNNCellBase(Module):
    """What the cells share. Parameters: weight_ih (gates * hidden_size, input_size), weight_hh (gates * hidden_size,
    hidden_size), bias_ih and bias_hh (gates * hidden_size,), all uniform in (-k, k), k = 1 / sqrt(hidden_size).

    >>> issubclass(nn.LSTMCell, nn.RNNCellBase)
    True
    """

    biases: tuple[str, ...] = ("bias_ih", "bias_hh")

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        width = num_chunks * hidden_size
        self.weight_ih = parameter(width, input_size, device=device, dtype=dtype)
        self.weight_hh = parameter(width, hidden_size, device=device, dtype=dtype)
        for name in self.biases:
            self.register_parameter(name, parameter(width, device=device, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the initial values anew."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for param in self.parameters():
            init.uniform_(param, -bound, bound)

    def _run(self, kind: str, input: Tensor, state: State | None) -> State:
        shape = shape_of(input)
        if len(shape) not in (1, 2) or shape[-1] != self.input_size:
            raise ShapeError(
                f"{type(self).__name__}: expected an input (batch, {self.input_size}) or ({self.input_size},), got shape "
                f"{shape}"
            )
        wanted = (*shape[:-1], self.hidden_size)
        for part in state or ():
            if shape_of(part) != wanted:
                raise ShapeError(
                    f"{type(self).__name__}: expected a state of shape {wanted}, got {tuple(shape_of(part))}"
                )
        single = len(shape) == 1
        if single:
            input = autograd.unsqueeze(input, 0)
            state = None if state is None else tuple(autograd.unsqueeze(part, 0) for part in state)
        h, c = (None, None) if state is None else (*state, None)[:2]
        own = self._parameters  # an attribute that only __getattr__ finds costs ten times as much
        weights: Any = [own[name] if name in own else getattr(self, name, None) for name in _CELL]
        weight_ih, weight_hh, bias_ih, bias_hh = weights
        rows = 1 if single else shape[0]
        _, h, c = _recurrent(input, h, c, weight_ih, weight_hh, bias_ih, bias_hh, None, kind, (rows,), False, None)
        return (autograd.squeeze(h, 0), autograd.squeeze(c, 0) if c.ndim > 1 else c) if single else (h, c)

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        parts += [f"bias={self.bias}"] if self.bias is not True else []
        return ", ".join(parts)


class RNNCell(RNNCellBase):
    """One step of RNN: input (B, input_size) or (input_size,) and h (B, hidden_size), or zeros, to the next h.

    >>> nn.RNNCell(3, 4)(autograd.ones(2, 3)).shape
    Size([2, 4])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNNCell: unknown nonlinearity {nonlinearity!r}; select from 'tanh' or 'relu'")
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._run(_RNN_KINDS[self.nonlinearity], input, None if hx is None else (hx,))[0]

    def extra_repr(self) -> str:
        return super().extra_repr() + (f", nonlinearity={self.nonlinearity}" if self.nonlinearity != "tanh" else "")


class GRUCell(RNNCellBase):
    """One step of GRU: input (B, input_size) or (input_size,) and h (B, hidden_size), or zeros, to the next h.

    variant: as GRU's.

    >>> nn.GRUCell(3, 4)(autograd.ones(2, 3)).shape
    Size([2, 4])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        variant: str = "torch",
    ) -> None:
        self._kind, self.variant = _variant("GRUCell", variant), variant
        if variant != "torch":
            self.biases = ("bias_ih",)
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)
        if variant != "torch":
            self.register_load_state_dict_pre_hook(_before_loading)

    def get_extra_state(self) -> Any:
        return None if self.variant == "torch" else self.variant

    def set_extra_state(self, state: Any) -> None:
        """Nothing: `_before_loading` has compared the variants."""

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._run(self._kind, input, None if hx is None else (hx,))[0]

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.variant == "torch" else f", variant={self.variant!r}")


class LSTMCell(RNNCellBase):
    """One step of LSTM: input (B, input_size) or (input_size,), (h, c) of (B, hidden_size) each, to the next (h, c).

    >>> h, c = nn.LSTMCell(3, 4)(autograd.ones(2, 3))
    >>> h.shape
    Size([2, 4])
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> State:
        return self._run(kernels.LSTM, input, hx)
