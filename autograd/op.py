"""`@op`: a plain numpy function and its derivative formulas become a recorded operation, and enter the registry.

    @op(lambda g, other: g * other, lambda g, input: g * input)
    def mul(input, other):
        return np.multiply(input, other)

One formula an input, in order; parameters without a formula are static (dim, stride). The names of a formula's parameters
decide what the tape keeps: `g` is the gradient of the output, `y` the output, `input_shape` only the shape of `input`, and any
other name that input or static argument. Formulas are written with operators and ops only: fed with arrays they compute, fed
with Tensors they are recorded, so the same formula serves every order. What they return is summed and cast to the input's
shape and dtype by the tape.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from sys import _getframe as getframe
from typing import Any, TypeVar

import numpy as np
from numpy import ndarray

from . import dtypes, tape
from .errors import DTypeError, NumberError, ShapeError
from .kernels.order import lies_channels_last
from .tape import Cell, Node, Output, View, mode, node_of, synced, tick
from .tensor import Tensor, wrap

F = TypeVar("F", bound=Callable[..., Any])
Formula = Callable[..., Any]


class _Ours(dict[str, bool]):
    """Of each file that calls operations, whether it is the engine's own: recording looks past those for the caller."""

    def __missing__(self, file: str) -> bool:
        self[file] = answer = file.startswith(_HOME)
        return answer


_HOME = str(Path(__file__).resolve().parent) + os.sep
ours = _Ours()


class Op:
    """One entry of the registry.

    name: as exported. fn: the numpy function. call: what users call. inputs, statics: parameter names. samples: a function of
    a `Draw` that gives argument tuples. kind: "op" for a recorded operation, "function" for one composed of ops, which has no
    formula of its own. method, inplace: whether Tensor has it, also with a trailing underscore.
    """

    pull: Callable[..., Sequence[Any]]
    # whether the body and the formulas hold for complex arrays, or the function to call where one comes: see ops/complexes.py
    complex: bool | Callable[..., Any] = False
    tied: Callable[..., Any] | None = None  # the form recorded under the rule of `ties`, set in ops/ties.py
    out: str = ""  # which dtypes `out=` may have, set in ops/out.py; empty where the function takes no out
    short: Callable[..., Any] | None = None  # what makes the call of an op of one or two inputs and nothing else

    def __init__(
        self, fn: Callable[..., Any], formulas: tuple[Formula | None, ...], joint: Formula | None, **about: Any
    ) -> None:
        self.fn = fn
        self.kind: str = about.get("kind", "op")
        self.name: str = about.get("name") or fn.__name__.lstrip("_")
        self.samples = about.get("samples")
        self.method: bool | Callable[..., Any] = about.get("method", True)
        self.inplace: bool = about.get("inplace", False)
        self.writes: Callable[..., bool] | None = about.get("writes")
        self.promote: bool | str = about.get("promote", False)
        self.check: Callable[..., None] | None = about.get("check")
        self.view: bool = about.get("view", False)
        self.aux: int = about.get("aux", 0)
        self.hidden: int = about.get("hidden", 0)
        self.differentiable = bool(joint) or any(formulas)
        self.formulas, self.joint = formulas, joint
        self.call: Callable[..., Any] = fn
        self.calls: list[Callable[..., Any]] = [fn]  # the recorded forms: that of the methods and that of the function
        if self.kind == "op":
            self.names, self.defaults, self.variadic = _signature(fn)
            missing = [i for i, default in enumerate(self.defaults) if default is inspect.Parameter.empty]
            self.required = missing[-1] + 1 if missing else 0  # so many arguments leave only defaults to fill in
            self._lay_out(about.get("n_inputs"))

    def _lay_out(self, n_inputs: int | None) -> None:
        """Where each value of the tape stands, which formula reads it, and so what must be kept for which inputs."""
        n = 1 if self.variadic else (n_inputs if n_inputs is not None else len(self.formulas))
        self.n = n
        self.inputs, self.statics = self.names[:n], self.names[n:]
        if {"g", "y"} & set(self.names):
            raise TypeError(f"{self.name}: parameters may not be called g or y")
        self.y_at = len(self.names)
        self.at = {name: i for i, name in enumerate(self.names)} | {"y": self.y_at}
        self.shape_names: list[str] = []
        self.reads: list[tuple[int, ...]] = []
        for formula in (self.joint,) if self.joint else self.formulas:
            names = _parameters(formula) if formula else []
            for name in names[1:]:
                self._place(name)
            self.reads.append(tuple(self.at[name] for name in names[1:] if name != "needs"))
        # inputs whose shape some formula reads, by their place among the inputs
        self.shapes_of = [self.inputs.index(name.removesuffix("_shape")) for name in self.shape_names]
        self._plans: dict[tuple[bool, ...] | bool, tuple[tuple[int, ...], tuple[int, ...]]] = {}
        self.pull = self._first_pull

    def _first_pull(self, g: Any, values: list[Any], edges: Sequence[Any]) -> Sequence[Any]:
        """Make the adaptors when a gradient is wanted for the first time: a program uses few of the operations."""
        formulas = (self.joint,) if self.joint else self.formulas
        self.adaptors = [_adaptor(formula, _parameters(formula), self.at) if formula else None for formula in formulas]
        if self.joint:
            self.pull = self._pull_joint
        elif self.n == 1 and self.adaptors[0]:
            self.pull = _pull_one(self.adaptors[0])
        elif self.n == 2 and all(self.adaptors):
            self.pull = _pull_two(*self.adaptors)
        else:
            self.pull = self._pull
        return self.pull(g, values, edges)

    def _place(self, name: str) -> None:
        if name in self.at or name == "needs":
            return
        if not name.endswith("_shape") or name.removesuffix("_shape") not in self.inputs:
            raise TypeError(
                f"{self.name}: a formula asks for {name!r}, which is neither y nor a parameter nor <input>_shape"
            )
        self.at[name] = self.y_at + 1 + len(self.shape_names)
        self.shape_names.append(name)

    def plan(self, needs: tuple[bool, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Which values to drop and which (inputs, output) to keep when the inputs in `needs` want a gradient."""
        found = self._plans.get(needs)
        if found is None:
            read: set[int] = set()
            for k, places in enumerate(self.reads):
                if self.joint or needs[k]:
                    read.update(places)
            tensors = [*range(self.n), self.y_at]
            drop = tuple(i for i in tensors if i not in read)
            found = self._plans[needs] = drop, tuple(i for i in tensors if i in read)
        return found

    def _pull(self, g: Any, values: list[Any], edges: Sequence[Any]) -> Sequence[Any]:
        return [None if e is None or a is None else a(g, values) for e, a in zip(edges, self.adaptors, strict=True)]

    def _pull_joint(self, g: Any, values: list[Any], edges: Sequence[Any]) -> Sequence[Any]:
        return self.adaptors[0](g, values, [edge is not None for edge in edges])  # type: ignore[misc]

    def revive(self, node: Node) -> list[Any]:
        """The node's values with Tensors, their history attached, in place of the arrays: for create_graph."""
        values = list(node.values)  # type: ignore[arg-type]
        if self.variadic:
            if values[0] is not None:
                values[0] = tuple(_revived(a, e) for a, e in zip(values[0], node.edges, strict=True))
        else:
            for i, edge in enumerate(node.edges):
                values[i] = _revived(values[i], edge)
        y = values[self.y_at]
        if type(y) is ndarray:
            values[self.y_at] = tape.make(y, node)
        elif type(y) is tuple and node.slots:
            values[self.y_at] = tuple(tape.make(a, Output(node, k, a)) for k, a in enumerate(y))
        return values

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name}>"


def _pull_one(adaptor: Any) -> Callable[..., Sequence[Any]]:
    return lambda g, values, edges: (adaptor(g, values),)


def _pull_two(first: Any, second: Any) -> Callable[..., Sequence[Any]]:
    def pull(g: Any, values: list[Any], edges: Sequence[Any]) -> Sequence[Any]:
        a, b = edges
        return (None if a is None else first(g, values), None if b is None else second(g, values))

    return pull


def _revived(value: Any, edge: Any) -> Any:
    return tape.make(value, edge) if edge is not None and type(value) is ndarray else value


def _signature(fn: Callable[..., Any]) -> tuple[list[str], list[Any], bool]:
    """The names of a function's parameters, their defaults, and whether the first is `*args`; at a tenth of inspect's cost."""
    fn = inspect.unwrap(fn)
    code, given = fn.__code__, fn.__defaults__ or ()
    n, keyword_only = code.co_argcount, code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    variadic = bool(code.co_flags & inspect.CO_VARARGS)
    named = code.co_varnames[:n]
    defaults = [inspect.Parameter.empty] * (n - len(given)) + [*given]
    later = fn.__kwdefaults__ or {}
    defaults += [later.get(name, inspect.Parameter.empty) for name in keyword_only]
    if not variadic:
        return [*named, *keyword_only], defaults, False
    if n:
        raise TypeError(f"{fn.__name__}: *{code.co_varnames[n + len(keyword_only)]} must be the first parameter")
    return [code.co_varnames[len(keyword_only)], *keyword_only], [inspect.Parameter.empty, *defaults], True


def _parameters(formula: Formula) -> list[str]:
    code = formula.__code__
    return list(code.co_varnames[: code.co_argcount])


def _adaptor(formula: Formula, names: list[str], at: dict[str, int]) -> Callable[..., Any]:
    """The formula as a function of the node's values: `lambda g, v: formula(g, v[1])` for a formula `lambda g, other: ...`."""
    if not names or names[0] != "g":
        raise TypeError(f"a formula's first parameter must be g, got {names}")
    reads = "".join(f", v[{at[name]}]" if name != "needs" else ", needs" for name in names[1:])
    return eval(
        f"lambda g, v, needs=None: formula(g{reads})", {"formula": formula}
    )  # our own text, made once at import


REGISTRY: dict[str, Op] = {}


def op(*formulas: Formula | None, joint: Formula | None = None, **about: Any) -> Callable[[F], F]:
    """Make the numpy function below a recorded operation.

    formulas: one an input, None for an input without gradient (an index, a mask); or `joint`: one formula that returns the
    gradients of all inputs, its parameter `needs` telling which are wanted. Further settings:
    samples: function of a `Draw` giving a list of argument tuples (a trailing dict: keywords); required, tests use it.
    promote: cast the inputs to their common dtype first, `"float"`: to a floating one. ints to floats count as casts.
    check: of two inputs of unlike dtypes, a function that sees them before that cast and may refuse them.
    view: the result may share the input's memory. aux: how many of the last outputs never have a gradient (indices).
    hidden: how many more, behind those, are for the formulas alone: a recorded call does not return them.
    inplace: there is a method with a trailing underscore too. writes: what that does where nothing is recorded, a function
    that writes over its first array and says whether it has (`kernels.overwrite`). method: False where Tensor has no such
    method, or a function where the method's arguments stand in another order.
    A function with a leading underscore is not exported: it is the recorded half of a public function.
    """

    def decorate(fn: F) -> F:
        if joint is None and not formulas and "n_inputs" not in about:
            raise TypeError(f"{fn.__name__}: give one formula an input, or joint=")
        entry = Op(fn, formulas, joint, **about)
        plain = not entry.statics and not entry.view and joint is None and not entry.variadic
        plain = plain and not entry.aux and not entry.hidden
        plain = plain and entry.names == ["input", "other"][: entry.n]  # what the short calls name their arguments
        if plain:
            entry.short = _unary if entry.n == 1 else _binary if entry.n == 2 else None
        call: Callable[..., Any]
        if entry.short:
            call = entry.short(entry)
        elif entry.view and entry.n == 1 and joint is None and not entry.plan((True,))[1]:
            call = _viewing(entry)
        elif entry.n == 1 and not entry.view and not entry.variadic:
            call = _single(entry)
        else:
            call = _general(entry)
        return _enter(entry, call)

    return decorate


def function(**about: Any) -> Callable[[F], F]:
    """Enter a function composed of ops in the registry: export, method, stub, tests and reference page, as for an op."""

    def decorate(fn: F) -> F:
        entry = Op(fn, (), None, kind="function", **about)
        _enter(entry, fn)
        if "dim" in inspect.signature(fn).parameters:
            entry.call = _with_axis(fn)  # what the user calls; the library's own calls go to the function itself
        return fn

    return decorate


def _with_axis(fn: Any) -> Any:
    """The function with numpy's `axis` and `keepdims` too, which torch takes for `dim` and `keepdim`."""

    @functools.wraps(fn)
    def named(*args: Any, **kwargs: Any) -> Any:
        if kwargs and ("axis" in kwargs or "keepdims" in kwargs):
            kwargs = {_ALIASES.get(key, key) if key in ("axis", "keepdims") else key: v for key, v in kwargs.items()}
        return fn(*args, **kwargs)

    return named


def _enter(entry: Op, call: Any) -> Any:
    fn = entry.fn
    if call is not fn:
        call.__name__, call.__qualname__, call.__doc__, call.__module__ = (
            fn.__name__,
            fn.__name__,
            fn.__doc__,
            fn.__module__,
        )
        call.__wrapped__ = fn
    entry.call = call
    entry.calls = [call]
    key = fn.__name__ if fn.__name__.startswith("_") else entry.name
    if key in REGISTRY:
        raise TypeError(f"{key}: an op of this name exists already")
    REGISTRY[key] = entry
    return call


def _unary(entry: Op, depth: int = 1) -> Callable[[Any], Any]:
    """The call of an op of one input and nothing else, as short as it can be: this is where small networks spend their time.

    depth: how many frames below it the caller's is.
    """
    fn, to_float = entry.fn, entry.promote == "float"
    drop, keep = entry.plan((True,))
    keeps_x, keeps_y, with_shape = 0 in keep, 1 in keep, bool(entry.shape_names)
    differentiable = entry.differentiable

    def call(input: Any) -> Any:
        if dtypes.complexes and entry.complex is not True:
            form = _complex_form(entry, (input,))
            if form is not None:
                return form(input)
        if not isinstance(input, Tensor):
            return fn(input if type(input) is ndarray else _array(entry, input))
        x = input._data if input._view is None else synced(input)
        if to_float and x.dtype.kind not in "fc":
            x = x.astype(dtypes._default)
        y = fn(x)
        if type(y) is not ndarray:
            y = np.asarray(y)
        out = new(Tensor)
        out._data = y
        out._cell = cell = Cell()
        if differentiable and mode.enabled:
            edge = input._node if input._view is None else node_of(input)
            if edge is not None:
                if entry.tied is not None and mode.ties:
                    return entry.tied(input)
                out._node = node = Node()
                node.number = tick()
                node.op = entry
                node.edges = (edge,)
                node.values = [x if keeps_x else None, y if keeps_y else None]
                if with_shape:
                    node.values.append(x.shape)
                if keeps_x:
                    node.cells = (input._cell, cell) if keeps_y else (input._cell,)
                elif keeps_y:
                    node.cells = (cell,)
                node.shape, node.dtype = y.shape, y.dtype
                caller = getframe(depth)
                node.site = caller.f_code, caller.f_lasti
                if mode.watched:
                    on_record(node, y, (x,))
        return out

    return call


def _single(entry: Op) -> Callable[..., Any]:
    """The call of an op of one input and of settings: reductions, softmax, activations with parameters."""
    fn, arity, differentiable = entry.fn, len(entry.names), entry.differentiable
    to_float, keep = entry.promote == "float", entry.plan((True,))[1]
    keeps_x, keeps_y, with_shape = 0 in keep, entry.y_at in keep, bool(entry.shape_names)

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != arity:
            args = bind(entry, args, kwargs)
        if dtypes.complexes and entry.complex is not True:
            form = _complex_form(entry, args)
            if form is not None:
                return form(*args)
        input = args[0]
        if not isinstance(input, Tensor):
            return _plain(entry, args)
        x = input._data if input._view is None else synced(input)
        statics = args[1:]
        if to_float and x.dtype.kind not in "fc":
            x = x.astype(dtypes._default)
        try:
            y = fn(x, *statics)
        except ValueError as error:
            raise (error if type(error) is not ValueError else _explained(entry, [x], error)) from None
        edge = None
        if differentiable and mode.enabled:
            edge = input._node if input._view is None else node_of(input)
        several = type(y) is tuple
        if several or (edge is not None and mode.ties and entry.tied is not None):
            return record(entry, (input,), [x, *statics], None if edge is None else [edge], y)
        out = new(Tensor)
        out._data = y = y if type(y) is ndarray else np.asarray(y)
        out._cell = cell = Cell()
        if edge is not None and y.dtype.kind in "fc":
            out._node = node = Node()
            node.number = tick()
            node.op, node.edges = entry, (edge,)
            node.values = [x if keeps_x else None, *statics, y if keeps_y else None]
            if with_shape:
                node.values.append(x.shape)
            if keeps_x:
                node.cells = (input._cell, cell) if keeps_y else (input._cell,)
            elif keeps_y:
                node.cells = (cell,)
            node.shape, node.dtype = y.shape, y.dtype
            caller = getframe(1)
            code = caller.f_code
            while ours[code.co_filename] and caller.f_back:
                caller = caller.f_back
                code = caller.f_code
            node.site = code, caller.f_lasti
            if mode.watched:
                on_record(node, y, (x, *statics))
        return out

    return call


def _plain(entry: Op, args: tuple[Any, ...]) -> Any:
    """The result where no argument is a Tensor: an array, nothing recorded."""
    try:
        return entry.fn(*args)
    except AttributeError:
        _array(entry, args[0], numbers=False)
        raise


def _binary(entry: Op, depth: int = 1) -> Callable[[Any, Any], Any]:
    """The call of an op of two inputs and nothing else."""
    fn, promote, to_float = entry.fn, entry.promote, entry.promote == "float"
    check = entry.check
    differentiable, shapes_of = entry.differentiable, entry.shapes_of
    # which of (input, other, output) to keep when a gradient is wanted for input only, for both, for other only
    plans = [
        tuple(i in entry.plan(needs)[1] for i in range(3)) for needs in ((True, False), (True, True), (False, True))
    ]

    def call(input: Any, other: Any) -> Any:
        if dtypes.complexes and entry.complex is not True:
            form = _complex_form(entry, (input, other))
            if form is not None:
                return form(input, other)
        a_tensor, b_tensor = isinstance(input, Tensor), isinstance(other, Tensor)
        if a_tensor:
            a = input._data if input._view is None else synced(input)
            if b_tensor:
                b = other._data if other._view is None else synced(other)
                same = a.dtype is b.dtype and (not to_float or a.dtype.kind == "f")
            else:
                b = other
                same = type(b) is float and a.dtype.kind == "f"
        elif b_tensor:
            a, b = input, other._data if other._view is None else synced(other)
            same = type(a) is float and b.dtype.kind == "f"
        elif type(input) is ndarray and type(other) is ndarray:
            return fn(input, other)
        else:
            return fn(_array(entry, input), _array(entry, other))
        if promote and not same:
            a, b = (_operand(entry, a), _operand(entry, b))
            if check is not None:
                check(a, b)
            a, b = dtypes.promote((a, b), to_float)
        try:
            y = fn(a, b)
        except ValueError as error:
            raise _explained(entry, (a, b), error) from None
        if type(y) is not ndarray:
            y = np.asarray(y)
        out = new(Tensor)
        out._data = y
        out._cell = cell = Cell()
        if differentiable and mode.enabled:
            edge_a = (input._node if input._view is None else node_of(input)) if a_tensor else None
            edge_b = (other._node if other._view is None else node_of(other)) if b_tensor else None
            if edge_a is not None:
                keep_a, keep_b, keep_y = plans[edge_b is not None]
            elif edge_b is not None:
                keep_a, keep_b, keep_y = plans[2]
            else:
                return out
            if entry.tied is not None and mode.ties:
                return entry.tied(input, other)
            out._node = node = Node()
            node.number = tick()
            node.op = entry
            node.edges = (edge_a, edge_b)
            node.values = [a if keep_a else None, b if keep_b else None, y if keep_y else None]
            for name in shapes_of:
                node.values.append(np.shape(a if name == 0 else b))
            if keep_a and a_tensor:
                if keep_b and b_tensor:
                    node.cells = (input._cell, other._cell, cell) if keep_y else (input._cell, other._cell)
                else:
                    node.cells = (input._cell, cell) if keep_y else (input._cell,)
            elif keep_b and b_tensor:
                node.cells = (other._cell, cell) if keep_y else (other._cell,)
            elif keep_y:
                node.cells = (cell,)
            node.shape, node.dtype = y.shape, y.dtype
            caller = getframe(depth)
            node.site = caller.f_code, caller.f_lasti
            if mode.watched:
                on_record(node, y, (a, b))
        return out

    return call


def _viewing(entry: Op) -> Callable[..., Any]:
    """The call of an op whose one result is a view of its one input: what indexing and reshaping cost."""
    fn, arity, may_copy, with_shape = entry.fn, len(entry.names), entry.name in _MAY_COPY, bool(entry.shape_names)

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != arity:
            args = bind(entry, args, kwargs)
        if dtypes.complexes and entry.complex is not True:
            form = _complex_form(entry, args)
            if form is not None:
                return form(*args)
        input = args[0]
        if not isinstance(input, Tensor):
            return _plain(entry, args)
        held = input._view
        x = input._data if held is None else synced(input)
        statics = args[1:]
        out = new(Tensor)
        out._data = y = fn(x, *statics)
        base = y.base
        root = input if held is None else held.base
        if (
            y is x
            or (base is not x and (base is None or base is not x.base))
            or (may_copy and not root._data.flags.c_contiguous)
        ):
            out._cell = Cell()
            _as_view(entry, input, [x, *statics], out, None)
        else:
            out._cell = input._cell
            if held is None:
                out._view = View(input, ((step, statics),), False)
            else:
                out._view = View(root, (*held.steps, (step, statics)), held.copied)
        if mode.enabled and y.dtype.kind in "fc":
            edge = input._node if held is None else node_of(input)
            if edge is not None:
                out._node = node = Node()
                node.number = tick()
                node.op, node.edges = entry, (edge,)
                node.values = [None, *statics, None]
                if with_shape:
                    node.values.append(x.shape)
                node.shape, node.dtype = y.shape, y.dtype
                caller = getframe(1)
                code = caller.f_code
                while ours[code.co_filename] and caller.f_back:
                    caller = caller.f_back
                    code = caller.f_code
                node.site = code, caller.f_lasti
                if mode.watched:
                    on_record(node, y, (x, *statics))
        return out

    step = _Step(fn, call)
    return call


def _general(entry: Op) -> Callable[..., Any]:
    """The call of any op: statics, defaults and keywords, several inputs and outputs, views."""
    if entry.variadic:
        return _variadic(entry)
    fn, n, promote = entry.fn, entry.n, entry.promote
    arity, to_float, differentiable = len(entry.names), entry.promote == "float", entry.differentiable

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != arity:
            args = bind(entry, args, kwargs)
        if dtypes.complexes and entry.complex is not True:
            form = _complex_form(entry, args)
            if form is not None:
                return form(*args)
        values, found, wanted = list(args), False, differentiable and mode.enabled
        edges: Any = [None] * n
        for i in range(n):
            tensor = args[i]
            if isinstance(tensor, Tensor):
                found = True
                if tensor._view is None:
                    values[i], edges[i] = tensor._data, tensor._node
                else:
                    values[i] = synced(tensor)
                    edges[i] = node_of(tensor) if wanted else None
        if not found:
            return _plain(entry, args)
        if promote and not dtypes.settled(values[:n]):
            cast = dtypes.promote([_operand(entry, v) for v in values[:n] if v is not None], to_float)
            if len(cast) == n:
                values[:n] = cast
            else:
                rest = iter(cast)
                values[:n] = [v if v is None else next(rest) for v in values[:n]]
        try:
            y = fn(*values)
        except ValueError as error:
            raise (error if type(error) is not ValueError else _explained(entry, values[:n], error)) from None
        return record(entry, args[:n], values, edges if wanted else None, y)

    return call


def _variadic(entry: Op) -> Callable[..., Any]:
    """The call of an op of any number of inputs."""
    fn, promote, differentiable = entry.fn, entry.promote, entry.differentiable

    def call(*args: Any, **kwargs: Any) -> Any:
        if dtypes.complexes and entry.complex is not True:
            form = _complex_form(entry, args)
            if form is not None:
                return form(*args, **kwargs)
        if not any([isinstance(tensor, Tensor) for tensor in args]):
            return fn(*args, **kwargs)
        arrays = [_data(tensor) for tensor in args]
        if promote and not dtypes.settled(arrays):
            arrays = dtypes.promote([_operand(entry, a) for a in arrays], promote == "float")
        statics = [kwargs.get(name, default) for name, default in zip(entry.names[1:], entry.defaults[1:], strict=True)]
        y = fn(*arrays, **kwargs)
        wanted = differentiable and mode.enabled
        edges = [node_of(t) if isinstance(t, Tensor) else None for t in args] if wanted else None
        return record(entry, args, [tuple(arrays), *statics], edges, y)

    return call


def _data(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    return value._data if value._view is None else synced(value)


def record(entry: Op, tensors: Sequence[Any], values: list[Any], edges: list[Any] | None, y: Any) -> Any:
    """Wrap an op's result and, where an input has a history, put the op on the tape.

    values: the arguments as arrays. edges: the history of each input; None where nothing is recorded.
    """
    several, variadic = type(y) is tuple, entry.variadic
    if several:
        shown = y[: len(y) - entry.hidden] if entry.hidden else y
        outs: Any = tuple([wrap(a if type(a) is ndarray else np.asarray(a)) for a in shown])
        first = outs[0] if outs else None
    else:
        first = outs = wrap(y if type(y) is ndarray else np.asarray(y))
    if entry.view:
        for k, out in enumerate(outs if several else (outs,)):
            _as_view(entry, tensors[0], values, out, k if several else None)
    if edges is None or first is None or first._data.dtype.kind not in "fc":
        return outs
    needs = tuple([edge is not None for edge in edges])
    if True not in needs:
        return outs
    if entry.tied is not None and mode.ties:
        result = entry.tied(*tensors, *values[entry.n :])
        if result is not None:
            return result
    # the output stands as it is, not as the op returned it: a numpy scalar has become an array
    kept: Any = (*[out._data for out in outs], *y[len(outs) :]) if several else first._data
    # with one differentiable output the formulas read only the others, such as indices and statistics: that one may be
    # overwritten, as an in-place relu behind a batch norm does, and its memory need not be held
    alone = not several or len(outs) - entry.aux == 1
    given = (*values,) if mode.watched else ()
    values.append((None, *kept[1:]) if several and alone else kept)
    for i in entry.shapes_of:
        values.append(tuple([a.shape for a in values[0]]) if variadic else np.shape(values[i]))
    drop, keep = entry.plan((True,) if variadic else needs)
    for i in drop:
        values[i] = None
    cells = []
    for i in keep:
        if i == entry.y_at:
            cells += [out._cell for out in outs[alone:]] if several else [first._cell]
        elif variadic:
            cells += [t._cell for t in tensors if isinstance(t, Tensor)]
        elif isinstance(tensors[i], Tensor):
            cells.append(tensors[i]._cell)
    node = Node()
    node.number = tick()
    node.op, node.edges, node.values, node.cells = entry, edges, values, cells
    node.shape, node.dtype = first._data.shape, first._data.dtype
    caller = getframe(2)
    code = caller.f_code
    while ours[code.co_filename] and caller.f_back:
        caller = caller.f_back
        code = caller.f_code
    node.site = code, caller.f_lasti
    if alone:
        first._node = node
    else:
        node.slots = len(outs)
        for k, out in enumerate(outs[: len(outs) - entry.aux]):
            if out._data.dtype.kind in "fc":
                out._node = Output(node, k, out._data)
    if given:
        on_record(node, kept, given)
    return outs


def on_record(node: Node, y: Any, values: Sequence[Any]) -> None:
    """Show a node just recorded to whoever watches this thread: checks, anomaly detection, profiling, hooks on saved values.

    y: its output, a tuple of several; values: the op's arguments as arrays, also those that the tape does not keep.
    """
    for watcher in mode.watchers:
        watcher(node, y, values)
    if mode.saving is not None:
        mode.saving.take(node)


def fusible(name: str, activation: str) -> bool:
    """Whether `name` may apply an activation to its result: not where nodes are watched, one at a time."""
    if activation != "relu":  # the other kernels need a pass of their own, and numpy's for small arrays have other bits
        raise NumberError(f"{name}: activation is {activation!r}; expected None or 'relu', apply others to the result")
    return not mode.watched and not mode.ties  # a rule for the kink is the relu's own affair


def followed(out: Any, activation: str) -> Any:
    """`out`, whose op has applied an activation to its result: the tape shows the one op and then the other.

    An activation has one input, and its formula reads only its output, which is `out`.
    """
    below = out._node if isinstance(out, Tensor) else None
    if below is not None:
        out._node = node = Node()
        node.number = tick()
        node.op, node.edges, node.values, node.cells = REGISTRY[activation], (below,), [None, out._data], (out._cell,)
        node.shape, node.dtype, node.site = out._data.shape, out._data.dtype, below.site
    return out


new = object.__new__


def _array(entry: Op, value: Any, numbers: bool = True) -> Any:
    """An argument that is not a Tensor: arrays and, if so, numbers pass through, anything else is an error."""
    if type(value) is ndarray or isinstance(value, (np.generic, tape.SparseRows)):
        return value
    if numbers and isinstance(value, (int, float, complex)):
        return value
    raise DTypeError(f"{entry.name}: expected a Tensor, got {type(value).__name__}")


def _complex_form(entry: Op, args: Sequence[Any]) -> Callable[..., Any] | None:
    """The function to call in place of an op whose own body is for real arrays, where one of `args` is complex; else None.

    Raises DTypeError where the op has no complex form.
    """
    if entry.complex is False:
        real_only(entry.name, *args)
        return None
    found = any([_is_complex(value) for value in args])
    return entry.complex if found else None  # type: ignore[return-value]  # not True: asked before


def _is_complex(value: Any) -> bool:
    x = value._data if isinstance(value, Tensor) else value
    return x.dtype.kind == "c" if isinstance(x, (ndarray, np.generic)) else type(x) is complex


def real_only(name: str, *values: Any) -> None:
    """Raise DTypeError, naming the operation, where a complex tensor, array or number is among its arguments."""
    if dtypes.complexes:
        for value in values:
            if _is_complex(value):
                got = getattr(value, "dtype", "a complex number")
                raise DTypeError(
                    f"{name}: expected real tensors and numbers, got {got}; take real, imag, abs or angle first"
                )


def _operand(entry: Op, value: Any) -> Any:
    if isinstance(value, (complex, np.complexfloating)) or (type(value) is ndarray and value.dtype.kind == "c"):
        dtypes.complex_made()
        if entry.complex is not True:
            _complex_form(entry, (value,))
        return value
    if isinstance(value, (ndarray, int, float, np.generic)):
        return value
    raise DTypeError(f"{entry.name}: expected a Tensor or a number, got {type(value).__name__}")


def bind(entry: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """The arguments in the order of the parameters, defaults filled in."""
    names = entry.names
    if not kwargs and entry.required <= len(args) <= len(names):
        return (*args, *entry.defaults[len(args) :])
    if len(args) > len(names):
        raise TypeError(f"{entry.name}() takes {len(names)} arguments ({', '.join(names)}), got {len(args)}")
    bound = [*args, *entry.defaults[len(args) :]]
    for name, value in kwargs.items():
        alias = _ALIASES.get(name, name)
        if alias not in entry.names:
            raise TypeError(f"{entry.name}() has no argument {name!r}; it takes {', '.join(names)}")
        i = names.index(alias)
        if i < len(args):
            raise TypeError(f"{entry.name}() got argument {name!r} twice")
        bound[i] = value
    for name, value in zip(names, bound, strict=True):
        if value is inspect.Parameter.empty:
            raise TypeError(f"{entry.name}() needs argument {name!r}")
    return tuple(bound)


_ALIASES = {"axis": "dim", "keepdims": "keepdim", "x": "input", "x1": "input", "x2": "other"}


def _explained(entry: Op, arrays: Iterable[Any], error: ValueError) -> Exception:
    """numpy's complaint about shapes, in this library's words."""
    shapes = [tuple(np.shape(a)) for a in arrays]
    if "broadcast" in str(error):
        return ShapeError(f"{entry.name}: shapes {' and '.join(map(str, shapes))} cannot be broadcast together")
    return error


def _as_view(entry: Op, source: Any, values: list[Any], out: Any, slot: int | None) -> None:
    """Note that `out` shows `source`'s memory, or (channels-last) a copy of what torch would share."""
    x, y = values[0], out._data
    base = x.base if x.base is not None else x
    # numpy does not always name the input, or what the input is a view of, as the base of its view
    shares = y is x or (y.base is not None and (y.base is x or y.base is base or np.may_share_memory(x, y)))
    if y is x:
        out._data = y = x.view()
    held = source._view
    root = source if held is None else held.base
    step = (_step_of(entry, slot), tuple(values[1:]))
    copied = held is not None and held.copied
    if entry.name in _MAY_COPY and not root._data.flags.c_contiguous and channels_last(root._data):
        # what torch would do is seen on an array of the base's shape that lies in memory row by row
        rows = np.empty(root._data.shape, root._data.dtype if dtypes.complexes else np.int8)
        shown = rows if held is None else held.replay(rows)
        shared = np.may_share_memory(step[0](shown, *step[1]), rows)
        if y.size and shares != shared:
            if shares:
                out._data = y.copy()
            shares, copied = False, shared
    if not shares and not copied:
        return
    out._cell = source._cell
    out._view = View(root, (*(held.steps if held is not None else ()), step), copied)


# the operations whose result is a view or a copy, as the memory's order allows: that order is not torch's if channels-last
_MAY_COPY = {"reshape", "contiguous"}


def channels_last(x: ndarray) -> bool:
    """Whether the shape (N, C, ...) stands for memory in the order (N, ..., C), and in no other."""
    return not x.flags.c_contiguous and lies_channels_last(x)


class _Step:
    """One operation of a view: on an array the numpy function, on a Tensor the recorded op."""

    def __init__(self, fn: Callable[..., Any], call: Callable[..., Any]) -> None:
        self.fn, self.call = fn, call

    def __call__(self, x: Any, *statics: Any) -> Any:
        return (self.call if isinstance(x, Tensor) else self.fn)(x, *statics)


@functools.cache
def _step_of(entry: Op, slot: int | None) -> _Step:
    """The op as a step, or that which gives one of its results."""
    if slot is None:
        return _Step(entry.fn, entry.call)
    fn, call = entry.fn, entry.call
    return _Step(lambda x, *statics: fn(x, *statics)[slot], lambda x, *statics: call(x, *statics)[slot])


@op(lambda g: g, samples=lambda s: [(s(3, 2), (2,), dtypes.float64), (s(2), (3, 2), dtypes.float64)], method=False)
def _fitted(input: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """A gradient summed, spread and cast to its input's shape and dtype."""
    return tape.fit_array(input, shape, dtype)


def _fit(g: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """`tape.fit`: a contribution as a Tensor of its input's shape and dtype."""
    if not isinstance(g, Tensor):
        return wrap(tape.fit_array(g, shape, dtype))
    if g._data.shape != shape or g._data.dtype is not dtype:
        return _fitted(g, shape, dtype)
    return g


tape.fit, tape.op_class = _fit, Op
