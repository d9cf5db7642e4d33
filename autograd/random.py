"""Random numbers: Generator, the seed, and the factories and in-place fills that draw."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy import ndarray

from . import dtypes
from .errors import DTypeError, NumberError, ShapeError
from .inplace import check_writable, rebase, record_node
from .op import REGISTRY
from .tape import mode, node_of
from .tensor import Tensor, on_cpu, wrap


class Generator:
    """A stream of random numbers of its own, from seed 0 on unless told otherwise: pass it as `generator=`.

    `rng` is the numpy Generator (PCG64) that draws. The numbers are numpy's, not torch's, for the same seed.

    >>> autograd.rand(2, generator=autograd.Generator().manual_seed(0)).shape
    Size([2])
    """

    rng: np.random.Generator

    def __init__(self, device: Any = "cpu") -> None:
        self.device = on_cpu(device)
        self.manual_seed(0)

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream that belongs to `seed`, any int; returns self."""
        self._seed = int(seed)
        self.rng = np.random.Generator(np.random.PCG64(self._seed % 2**64))
        return self

    def seed(self) -> int:
        """Start at a seed from the operating system, which is returned."""
        self.manual_seed(secrets.randbits(63))
        return self._seed

    def initial_seed(self) -> int:
        """The seed the stream was started with."""
        return self._seed

    def get_state(self) -> Tensor:
        """Where the stream stands, as a uint8 Tensor that can be saved."""
        state = {"seed": self._seed, **self.rng.bit_generator.state}
        return wrap(np.frombuffer(json.dumps(state).encode(), np.uint8).astype(dtypes.uint8))

    def set_state(self, state: Tensor) -> None:
        """Go on from where `get_state` was called. Raises RuntimeError for anything that did not come from there."""
        try:
            held = json.loads(bytes(state.numpy().tobytes()))
            self._seed = held.pop("seed")
            self.rng.bit_generator.state = held
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DTypeError(
                f"set_state: not a generator's state ({error}); expected what get_state() returned"
            ) from None

    def clone_state(self) -> Generator:
        """Another generator that stands where this one does."""
        other = Generator()
        other.set_state(self.get_state())
        return other


class Stream:
    """A stream of random numbers for one piece of work: `with stream:` this thread's default generator draws from it.

    `entropy`, ints, says which; the same ones give the same numbers in any thread or process. Made when first drawn from.
    `apart`: the piece shares generators with others that run beside it, which `nn.data` then replaces too.
    """

    __slots__ = ("_before", "apart", "derived", "entropy", "held")

    def __init__(self, *entropy: int, apart: bool = False) -> None:
        self.entropy, self.apart = entropy, apart
        self.held: np.random.Generator | None = None
        self.derived: dict[int, np.random.Generator] = {}  # of generators that would otherwise be shared, by id
        self._before: Stream | None = None

    @property
    def rng(self) -> np.random.Generator:
        if self.held is None:
            self.held = np.random.Generator(np.random.PCG64(self.entropy))
        return self.held

    def __enter__(self) -> Stream:
        self._before, _here.stream = current_stream(), self
        return self

    def __exit__(self, *_: object) -> None:
        _here.stream, self._before = self._before, None


_here = threading.local()


def current_stream() -> Stream | None:
    """The stream this thread draws from in place of the default generator's own, if any."""
    return getattr(_here, "stream", None)


class _DefaultGenerator(Generator):
    """The generator of everything that is given none: one stream, but a thread inside `with Stream(...)` sees that one."""

    @property
    def rng(self) -> np.random.Generator:
        stream = current_stream()
        return self._own if stream is None else stream.rng

    @rng.setter
    def rng(self, value: np.random.Generator) -> None:
        stream = current_stream()
        if stream is None:
            self._own = value
        else:
            stream.held = value


default_generator = _DefaultGenerator()


def manual_seed(seed: int) -> Generator:
    """Start the default stream, which everything without a generator draws from, at `seed`; returns its Generator.

    >>> autograd.manual_seed(0).initial_seed()
    0
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Start the default stream at a seed from the operating system, which is returned.

    >>> autograd.seed() >= 0
    True
    """
    return default_generator.seed()


def initial_seed() -> int:
    """The seed the default stream was started with.

    >>> generator = autograd.manual_seed(5)
    >>> autograd.initial_seed()
    5
    """
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """Where the default stream stands, as a uint8 Tensor.

    >>> autograd.get_rng_state().dtype
    autograd.uint8
    """
    return default_generator.get_state()


def set_rng_state(state: Tensor) -> None:
    """Put the default stream back to where `get_rng_state` was called.

    >>> autograd.set_rng_state(autograd.get_rng_state())
    """
    default_generator.set_state(state)


@contextmanager
def fork_rng(*args: Any, enabled: bool = True, **kwargs: Any) -> Iterator[None]:
    """Inside, draws do not move the default stream that stands outside. torch's arguments for devices are accepted.

    >>> with autograd.random.fork_rng():
    ...     x = autograd.rand(2)
    """
    state = get_rng_state()
    try:
        yield
    finally:
        if enabled:
            set_rng_state(state)


def rng_of(generator: Generator | None) -> np.random.Generator:
    """The numpy Generator to draw from."""
    if generator is None:
        return default_generator.rng
    if not isinstance(generator, Generator):
        raise DTypeError(f"generator: expected an autograd.Generator or None, got {type(generator).__name__}")
    return generator.rng


# ------------------------------------------------------------------------------------------------------- arrays


def uniform_array(shape: Any, dtype: np.dtype, generator: Generator | None = None) -> ndarray:
    """Uniform in [0, 1), drawn in `dtype` itself."""
    return rng_of(generator).random(shape, dtype)


def normal_array(shape: Any, dtype: np.dtype, generator: Generator | None = None) -> ndarray:
    """Standard normal, drawn in `dtype` itself."""
    return rng_of(generator).standard_normal(shape, dtype)


def _as_array(out: Any, dtype: np.dtype) -> ndarray:
    # a single draw is a number, not an array
    return np.asarray(out, dtype)


def _probabilities(name: str, p: Any) -> Any:
    p = p.numpy_view() if isinstance(p, Tensor) else p
    if not np.all((np.asarray(p) >= 0) & (np.asarray(p) <= 1)):
        raise NumberError(f"{name}: probabilities must be between 0 and 1")
    return p


def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None) -> Tensor:
    """1 with probability `input` (or `p` for every element), else 0: shape and dtype of input, without gradient.

    >>> autograd.bernoulli(autograd.ones(2))
    tensor([1., 1.])
    """
    x = input.numpy_view()
    if p is None and x.dtype.kind != "f":
        raise DTypeError(f"bernoulli: expected floating-point probabilities, got {x.dtype}")
    chance = _probabilities("bernoulli", x if p is None else p)
    return wrap(_as_array(rng_of(generator).random(x.shape) < chance, x.dtype))


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Indices drawn with the weights of each row of `input`, (n,) or (m, n): int64, (num_samples,) or (m, num_samples).

    The weights need not sum to 1. Without replacement at most as many as have a weight above 0. Raises RuntimeError for
    negative, infinite or NaN weights, or a row of zeros.

    >>> autograd.multinomial(autograd.tensor([0.0, 1.0]), 1)
    tensor([1])
    """
    weights = input.numpy_view()
    if weights.ndim not in (1, 2) or weights.dtype.kind != "f":
        raise DTypeError(f"multinomial: expected 1 or 2 dims of floats, got shape {weights.shape} of {weights.dtype}")
    if num_samples <= 0:
        raise ShapeError(f"multinomial: num_samples must be positive, got {num_samples}")
    rows = np.atleast_2d(weights).astype(np.float64)
    n = rows.shape[1]
    if not np.isfinite(rows).all() or (rows < 0).any():
        raise ShapeError("multinomial: weights must be finite and not negative")
    if not replacement and num_samples > n:
        raise ShapeError(f"multinomial: cannot draw {num_samples} of {n} without replacement")
    if n == 0 or (rows.sum(1) <= 0).any():
        raise ShapeError("multinomial: a row of weights sums to 0")
    rng = rng_of(generator)
    if replacement:
        steps = rows.cumsum(1)
        at = rng.random((len(rows), num_samples)) * steps[:, -1:]
        picks = np.stack([np.searchsorted(s, a, side="right") for s, a in zip(steps, at, strict=True)])
        # a draw at the very end must not fall on a class of weight 0
        last = n - 1 - np.argmax(rows[:, ::-1] > 0, axis=1)
        picks = np.minimum(picks, last[:, None])
    else:
        if ((rows > 0).sum(1) < num_samples).any():
            raise ShapeError(f"multinomial: fewer than {num_samples} weights above 0, without replacement")
        # exponential clocks: the order in which they ring is a draw without replacement (Efraimidis, Spirakis 2006)
        with np.errstate(divide="ignore"):
            clocks = rng.standard_exponential(rows.shape) / rows
        picks = np.argsort(clocks, axis=1)[:, :num_samples]
    return wrap(picks.astype(dtypes.int64).reshape((*weights.shape[:-1], num_samples)))


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Counts drawn with the means of `input`: its shape and dtype, without gradient. Raises RuntimeError for a negative one.

    >>> autograd.poisson(autograd.zeros(2))
    tensor([0., 0.])
    """
    x = input.numpy_view()
    if x.dtype.kind != "f":
        raise DTypeError(f"poisson: expected floating-point means, got {x.dtype}")
    if (x < 0).any():
        raise NumberError("poisson: the means must not be negative")
    return wrap(_as_array(rng_of(generator).poisson(x), x.dtype))


def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """How many of `count` trials of probability `prob` succeed, broadcast, without gradient: both of one floating dtype.

    >>> autograd.binomial(autograd.tensor([3.0]), autograd.ones(1))
    tensor([3.])
    """
    n, p = count.numpy_view(), prob.numpy_view()
    if n.dtype.kind != "f" or n.dtype != p.dtype:
        raise DTypeError(f"binomial: expected count and prob of one floating-point dtype, got {n.dtype} and {p.dtype}")
    if (n < 0).any():
        raise NumberError("binomial: counts must not be negative")
    return wrap(_as_array(rng_of(generator).binomial(n.astype(np.int64), _probabilities("binomial", p)), n.dtype))


def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal draws with `mean` and `std`, Tensors (broadcast) or numbers; with two numbers `size` says how many.

    >>> autograd.normal(0.0, 1.0, (2, 3)).shape
    Size([2, 3])
    """
    m = mean.numpy_view() if isinstance(mean, Tensor) else mean
    s = std.numpy_view() if isinstance(std, Tensor) else std
    if np.any(np.asarray(s) < 0):
        raise NumberError(f"normal: std must not be negative, got {s}")
    if size is not None:
        chosen = dtypes._default if dtype is None else dtypes.as_dtype(dtype)
        shape = tuple(size)
    else:
        tensors = [a for a in (m, s) if isinstance(a, ndarray)]
        if not tensors:
            raise TypeError("normal: with two numbers give size")
        chosen = tensors[0].dtype
        shape = np.broadcast_shapes(*[a.shape for a in tensors])
    if chosen.kind != "f":
        raise DTypeError(f"normal: expected floating-point numbers, got {chosen}; randn draws complex ones")
    out = wrap(_as_array(normal_array(shape, chosen, generator) * s + m, chosen))
    return out.requires_grad_() if requires_grad else out


# ---------------------------------------------------------------------------------------------- in-place fills


def _filled(name: str, draw: Callable[..., ndarray]) -> Callable[..., Tensor]:
    def method(self: Tensor, *args: Any, generator: Generator | None = None, **kwargs: Any) -> Tensor:
        check_writable(self, name)
        x = self.numpy_view()
        np.copyto(x, draw(x, rng_of(generator), *args, **kwargs), casting="unsafe")
        edge = node_of(self) if mode.enabled else None
        rebase(self, name, record_node(REGISTRY["_overwrite"], (edge, None), [None, None, None], x) if edge else None)
        return self

    method.__name__ = method.__qualname__ = name
    method.__doc__ = draw.__doc__
    return method


def _complex(parts: ndarray, dtype: np.dtype) -> ndarray:
    """Pairs of real numbers (..., 2) as complex ones; of a real dtype as they are."""
    return parts.view(dtype)[..., 0] if dtype.kind == "c" else parts


def _floating(name: str, x: ndarray, kinds: str = "f") -> None:
    if x.dtype.kind not in kinds:
        raise DTypeError(f"{name}: expected a floating-point tensor, got {x.dtype}")


def _uniform(x: ndarray, rng: np.random.Generator, low: float = 0.0, high: float = 1.0, **named: float) -> ndarray:
    """Fill with draws uniform in [from, to)."""
    low, high = named.get("from", named.get("a", low)), named.get("to", named.get("b", high))
    _floating("uniform_", x, "fc")
    if low > high:
        raise NumberError(f"uniform_: from must not exceed to, got {low} and {high}")
    part = dtypes.REAL_PART.get(x.dtype, x.dtype)
    draws = rng.random((*x.shape, 2) if x.dtype.kind == "c" else x.shape, part)
    return _complex(draws * part.type(high - low) + part.type(low), x.dtype)


def _normal(x: ndarray, rng: np.random.Generator, mean: float = 0.0, std: float = 1.0) -> ndarray:
    """Fill with normal draws."""
    _floating("normal_", x, "fc")
    if not std >= 0:
        raise NumberError(f"normal_: std must not be negative, got {std}")
    part = dtypes.REAL_PART.get(x.dtype, x.dtype)
    if x.dtype.kind == "c":  # the variance is that of both parts together
        return _complex(rng.standard_normal((*x.shape, 2), part), x.dtype) * part.type(std * 0.5**0.5) + x.dtype.type(
            mean
        )
    return rng.standard_normal(x.shape, part) * part.type(std) + part.type(mean)


def _bernoulli(x: ndarray, rng: np.random.Generator, p: Any = 0.5) -> ndarray:
    """Fill with 1 with probability p, else 0; p may be a tensor."""
    return rng.random(x.shape) < _probabilities("bernoulli_", p)


def _exponential(x: ndarray, rng: np.random.Generator, lambd: float = 1.0) -> ndarray:
    """Fill with exponential draws of rate lambd."""
    _floating("exponential_", x)
    if not lambd > 0:
        raise NumberError(f"exponential_: lambd must be positive, got {lambd}")
    return rng.standard_exponential(x.shape, x.dtype) / x.dtype.type(lambd)


def _random(x: ndarray, rng: np.random.Generator, low: int = 0, high: int | None = None, **named: int) -> ndarray:
    """Fill with integers of [from, to), of [0, to) or of the whole range that the dtype holds exactly."""
    low, high = named.get("from", low), named.get("to", high)
    if high is None and low:
        low, high = 0, low
    if high is None:
        bits = {"f": {4: 24, 8: 53}.get(x.itemsize, 0), "b": 1}.get(x.dtype.kind)
        high = 2**bits + (x.dtype.kind == "f") if bits else int(np.iinfo(x.dtype).max) + (x.itemsize < 8)
    if low >= high:
        raise NumberError(f"random_: from must be smaller than to, got {low} and {high}")
    return rng.integers(low, high, x.shape)


def _cauchy(x: ndarray, rng: np.random.Generator, median: float = 0.0, sigma: float = 1.0) -> ndarray:
    """Fill with Cauchy draws."""
    _floating("cauchy_", x)
    if not sigma > 0:
        raise NumberError(f"cauchy_: sigma must be positive, got {sigma}")
    return rng.standard_cauchy(x.shape) * sigma + median


def _log_normal(x: ndarray, rng: np.random.Generator, mean: float = 1.0, std: float = 2.0) -> ndarray:
    """Fill with draws whose logarithm is normal with this mean and std."""
    _floating("log_normal_", x)
    if not std > 0:
        raise NumberError(f"log_normal_: std must be positive, got {std}")
    return np.exp(rng.standard_normal(x.shape) * std + mean)


def _geometric(x: ndarray, rng: np.random.Generator, p: float) -> ndarray:
    """Fill with the number of trials until the first success of probability p."""
    if not 0 < p < 1:
        raise NumberError(f"geometric_: p must be in (0, 1), got {p}")
    return rng.geometric(p, x.shape)


METHODS: dict[str, Any] = {
    f"{draw.__name__.lstrip('_')}_": _filled(f"{draw.__name__.lstrip('_')}_", draw)
    for draw in (_uniform, _normal, _bernoulli, _exponential, _random, _cauchy, _log_normal, _geometric)
} | {"bernoulli": bernoulli, "multinomial": multinomial}
