"""L-BFGS: a quasi-Newton method that keeps the last few steps in place of the inverse Hessian."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from autograd import Tensor, enable_grad, no_grad

from .optimizer import Optimizer, plain


class LBFGS(Optimizer):
    """Each step evaluates the closure up to max_eval times and moves along the direction the last history_size steps give.

    line_search_fn: None, the step is lr; "strong_wolfe", the step satisfies the strong Wolfe conditions. One parameter group.
    Source: Nocedal and Wright, Numerical Optimization, algorithms 7.4, 3.5 and 3.6.

    >>> w = nn.Parameter(autograd.ones(1))
    >>> step = optim.LBFGS([w]).step
    """

    _takes_complex = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        if line_search_fn not in (None, "strong_wolfe"):
            raise ValueError(f"LBFGS: line_search_fn must be None or 'strong_wolfe', got {line_search_fn!r}")
        defaults = dict(
            lr=lr, max_iter=max_iter, max_eval=max_iter * 5 // 4 if max_eval is None else max_eval,
            tolerance_grad=tolerance_grad, tolerance_change=tolerance_change, history_size=history_size,
            line_search_fn=line_search_fn,
        )  # fmt: skip
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    _holds_arrays = True

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Minimise for up to max_iter iterations; returns the loss of the first evaluation."""
        if closure is None:
            raise TypeError(
                "LBFGS: step(closure) needs a closure that clears gradients, computes the loss and calls backward"
            )
        for hook in list(self._pre_hooks.values()):
            hook(self, (closure,), {})
        group = plain(self.param_groups[0])
        params, state = group["params"], self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        def evaluate() -> tuple[Any, np.ndarray]:
            with enable_grad():
                loss = closure()
            state["func_evals"] += 1
            return loss, np.concatenate(
                [np.zeros(p.numel(), p.dtype) if p.grad is None else p.grad._data.reshape(-1) for p in params]
            )

        def move(t: float, d: np.ndarray) -> None:
            at = 0
            for p in params:
                p._data += (t * d[at : at + p.numel()]).reshape(p._data.shape).astype(p.dtype)
                p._cell.written("LBFGS")
                at += p.numel()

        with no_grad():
            loss = self._minimise(group, state, evaluate, move)
        for hook in list(self._post_hooks.values()):
            hook(self, (closure,), {})
        return loss

    def _check_state(self, number: int, held: dict[str, Any], p: Tensor) -> None:
        size = sum(p.numel() for p in self._params())
        for key in ("d", "prev_flat_grad", "old_stps", "old_dirs"):
            value = held.get(key)
            for vector in value if isinstance(value, list) else [value] if value is not None else []:
                if tuple(vector.shape) != (size,):
                    raise ValueError(f"LBFGS: state {key!r} has shape {tuple(vector.shape)}, expected {(size,)}")

    def _minimise(self, group: dict[str, Any], state: dict[str, Any], evaluate: Any, move: Any) -> Any:
        first, g = evaluate()
        loss = float(first)
        evaluations = 1
        if np.abs(g).max(initial=0) <= group["tolerance_grad"]:
            return first
        d, t = state.get("d"), state.get("t", group["lr"])
        old_g = state.get("prev_flat_grad")
        steps, changes, curvatures = (state.setdefault(key, []) for key in ("old_stps", "old_dirs", "ro"))
        for iteration in range(group["max_iter"]):
            state["n_iter"] += 1
            if state["n_iter"] == 1 or d is None:
                d = -g
            else:
                y, s = g - old_g, d * t
                if y @ s > 1e-10:
                    if len(changes) == group["history_size"]:
                        for past in (changes, steps, curvatures):
                            past.pop(0)
                    changes.append(y)
                    steps.append(s)
                    curvatures.append(float(1 / (y @ s)))
                    state["H_diag"] = float(y @ s / (y @ y))
                d = _two_loops(-g, steps, changes, curvatures, state.get("H_diag", 1.0))
            old_g, old_loss = g.copy(), loss
            t = min(1.0, 1.0 / float(np.abs(g).sum())) * group["lr"] if state["n_iter"] == 1 else group["lr"]
            slope = float(g @ d)
            if slope > -group["tolerance_change"]:
                break
            used = 0
            if group["line_search_fn"] == "strong_wolfe":

                def along(x: float, d: np.ndarray = d) -> tuple[float, np.ndarray]:
                    move(x, d)
                    value, gradient = evaluate()
                    move(-x, d)
                    return float(value), gradient

                held = [p._data.copy() for p in group["params"]]

                def exact(x: float, along: Any = along, held: Any = held) -> tuple[float, np.ndarray]:
                    result = along(x)
                    for p, data in zip(group["params"], held, strict=True):
                        p._data[...] = data  # rounding of the way there and back
                    return result

                loss, g, t, used = strong_wolfe(exact, t, d, loss, g, slope, tolerance_change=group["tolerance_change"])
                move(t, d)
            else:
                move(t, d)
                if iteration != group["max_iter"] - 1:
                    value, g = evaluate()
                    loss, used = float(value), 1
            evaluations += used
            if evaluations >= group["max_eval"] or np.abs(g).max(initial=0) <= group["tolerance_grad"]:
                break
            if (
                np.abs(d * t).max(initial=0) <= group["tolerance_change"]
                or abs(loss - old_loss) < group["tolerance_change"]
            ):
                break
        state.update(d=d, t=t, prev_flat_grad=old_g, prev_loss=loss)
        return first


def _two_loops(
    q: np.ndarray, steps: list[np.ndarray], changes: list[np.ndarray], curvatures: list[float], scale: float
) -> np.ndarray:
    """The inverse Hessian estimate times q (Nocedal and Wright, algorithm 7.4); curvatures: 1 / (change . step)."""
    q = q.copy()
    weights = []
    for s, y, r in zip(reversed(steps), reversed(changes), reversed(curvatures), strict=True):
        a = float(s @ q) * r
        weights.append(a)
        q -= a * y
    q *= scale
    for s, y, r, a in zip(steps, changes, curvatures, reversed(weights), strict=True):
        q += s * (a - float(y @ q) * r)
    return q


def _cubic(x1: float, f1: float, g1: float, x2: float, f2: float, g2: float, bounds: Any = None) -> float:
    """The minimum of the cubic through two values and slopes, kept within the bounds."""
    low, high = bounds if bounds is not None else (min(x1, x2), max(x1, x2))
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1 * d1 - g1 * g2
    if square < 0:
        return (low + high) / 2
    d2 = square**0.5
    if x1 <= x2:
        position = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
    else:
        position = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(position, low), high)


def strong_wolfe(
    evaluate: Callable[[float], tuple[float, np.ndarray]],
    t: float,
    d: np.ndarray,
    f: float,
    g: np.ndarray,
    slope: float,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance_change: float = 1e-9,
    max_ls: int = 25,
) -> tuple[float, np.ndarray, float, int]:
    """A step along d that satisfies the strong Wolfe conditions: (loss, gradient, step, evaluations).

    Source: Nocedal and Wright, algorithms 3.5 and 3.6, with the cubic interpolation and the safeguards torch uses.
    """
    largest = float(np.abs(d).max())
    start = f
    f_new, g_new = evaluate(t)
    used, slope_new = 1, float(g_new @ d)
    before = (0.0, f, g, slope)
    bracket: list[tuple[float, float, np.ndarray, float]] = []
    done = False
    rounds = 0
    while rounds < max_ls:
        here = (t, f_new, g_new, slope_new)
        if f_new > start + c1 * t * slope or (rounds > 1 and f_new >= before[1]):
            bracket = [before, here]
            break
        if abs(slope_new) <= -c2 * slope:
            bracket, done = [here], True
            break
        if slope_new >= 0:
            bracket = [before, here]
            break
        low, high = t + 0.01 * (t - before[0]), t * 10
        t = _cubic(before[0], before[1], before[3], t, f_new, slope_new, bounds=(low, high))
        before = here
        f_new, g_new = evaluate(t)
        used += 1
        slope_new = float(g_new @ d)
        rounds += 1
    if rounds == max_ls:
        bracket = [(0.0, f, g, slope), (t, f_new, g_new, slope_new)]
    near_edge = False
    low_at, high_at = (0, 1) if len(bracket) == 1 or bracket[0][1] <= bracket[-1][1] else (1, 0)
    while not done and rounds < max_ls:
        (x0, f0, _, s0), (x1, f1, _, s1) = bracket
        if abs(x1 - x0) * largest < tolerance_change:
            break
        t = _cubic(x0, f0, s0, x1, f1, s1)
        left, right = min(x0, x1), max(x0, x1)
        margin = 0.1 * (right - left)
        if min(right - t, t - left) < margin:
            if near_edge or t >= right or t <= left:
                t = right - margin if abs(t - right) < abs(t - left) else left + margin
                near_edge = False
            else:
                near_edge = True
        else:
            near_edge = False
        f_new, g_new = evaluate(t)
        used += 1
        slope_new = float(g_new @ d)
        rounds += 1
        here = (t, f_new, g_new, slope_new)
        if f_new > start + c1 * t * slope or f_new >= bracket[low_at][1]:
            bracket[high_at] = here
            low_at, high_at = (0, 1) if bracket[0][1] <= bracket[1][1] else (1, 0)
        else:
            if abs(slope_new) <= -c2 * slope:
                done = True
            elif slope_new * (bracket[high_at][0] - bracket[low_at][0]) >= 0:
                bracket[high_at] = bracket[low_at]
            bracket[low_at] = here
    t, f_new, g_new, _ = bracket[low_at] if len(bracket) > 1 else bracket[0]
    return f_new, g_new, t, used
