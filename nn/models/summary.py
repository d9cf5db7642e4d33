"""A network as a table: its layers, what comes out of each, what each holds and computes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import autograd
from autograd import Tensor

from ..conv import _ConvNd
from ..linear import Linear
from ..module import Module


@dataclass(frozen=True)
class Row:
    """One call of one layer. shape: of its output; None where the layer was not called (a head used in training only).

    parameters: of the layer itself, counted at its first call. multiply_adds: products with weights, each with its sum;
    biases, norms, activations and poolings are not counted, as in the literature. None: not known for this layer.
    """

    name: str
    layer: str
    shape: tuple[int, ...] | None
    parameters: int
    multiply_adds: int | None


@dataclass(frozen=True)
class Summary:
    """What `summary` found; `print` it for the table."""

    network: str
    input_shape: tuple[int, ...]
    rows: list[Row]
    parameters: int
    trainable: int
    buffers: int

    @property
    def multiply_adds(self) -> int:
        """Of all layers for which they are known."""
        return sum(row.multiply_adds or 0 for row in self.rows)

    def __str__(self) -> str:
        table = [("layer", "kind", "output", "parameters", "multiply-adds")]
        for row in self.rows:
            shape = "not called" if row.shape is None else " x ".join(map(str, row.shape))
            work = "?" if row.multiply_adds is None else f"{row.multiply_adds:,}" if row.multiply_adds else ""
            table.append((row.name, row.layer, shape, f"{row.parameters:,}" if row.parameters else "", work))
        widths = [max(len(line[i]) for line in table) for i in range(5)]
        lines = [
            "  ".join(
                cell.ljust(w) if i < 3 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
            )
            for line in table
        ]
        rule = "-" * len(lines[0])
        unknown = " (of the layers where they are known)" if any(r.multiply_adds is None for r in self.rows) else ""
        return "\n".join(
            [
                f"{self.network} on {' x '.join(map(str, self.input_shape))}",
                *(line.rstrip() for line in (lines[0], rule, *lines[1:], rule)),
                f"parameters {self.parameters:,}, of which {self.trainable:,} are trained; statistics {self.buffers:,}",
                f"multiply-adds {self.multiply_adds:,}{unknown}",
            ]
        )


def summary(model: Module, input_size: Sequence[int]) -> Summary:
    """A table of the layers that an input of `input_size` (batch included) meets, in the order in which it meets them.

    The model is called once in evaluation, without a tape, on an empty batch: that tells the shapes and computes
    nothing. One that cannot take an empty batch is called on zeros. input_size: of one float tensor. statistics: the numbers
    in buffers, batch norm's means and variances, its counters left out. Raises what the model raises on that input.
    """
    size = tuple(input_size)
    names = {module: name for name, module in model.named_modules()}
    layers = [m for m in names if next(m.children(), None) is None]
    calls: list[tuple[Module, Any]] = []
    modes = [(module, module.training) for module in names]
    handles = [m.register_forward_hook(lambda m, _, out: calls.append((m, out))) for m in layers]
    model.eval()
    try:
        with autograd.no_grad():
            try:
                model(autograd.zeros(0, *size[1:]))
            except Exception:  # whatever it is: the second call tells whether it matters
                calls.clear()
                model(autograd.zeros(*size))
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    rows, counted = [], set()
    for module, out in calls:
        shape = _shape(out, size[0])
        count = 0 if module in counted else _count(module)
        counted.add(module)
        rows.append(Row(names[module], type(module).__name__, shape, count, _multiply_adds(module, shape)))
    rows += [Row(names[m], type(m).__name__, None, _count(m), 0) for m in layers if m not in counted and _count(m)]
    parameters = list(model.parameters())
    return Summary(
        type(model).__name__,
        size,
        rows,
        sum(p.numel() for p in parameters),
        sum(p.numel() for p in parameters if p.requires_grad),
        sum(b.numel() for b in model.buffers() if b.is_floating_point()),
    )


def _count(module: Module) -> int:
    return sum(p.numel() for p in module.parameters(recurse=False))


def _shape(out: Any, batch: int) -> tuple[int, ...]:
    """Shape of a layer's (first) output, the empty batch as the one that was asked for."""
    while not isinstance(out, Tensor):
        out = out[0]
    shape = tuple(out.shape)
    return (batch, *shape[1:]) if shape and shape[0] == 0 else shape


def _multiply_adds(module: Module, shape: tuple[int, ...]) -> int | None:
    """Every output of a convolution or linear layer is a sum over one row of its weight."""
    if isinstance(module, _ConvNd):
        if module.transposed:
            return None
        return math.prod(shape) * math.prod(module.weight.shape[1:])
    if isinstance(module, Linear):
        return math.prod(shape) * module.in_features
    return None if any(p.ndim > 1 for p in module.parameters(recurse=False)) else 0
