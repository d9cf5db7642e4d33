"""Elementwise operations beside torch's, over awkward inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_beside import PLAIN, SPECIAL, TIES, arrays, beside, compare, filled, pairs

import autograd

UNARY = [
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "deg2rad", "erf", "erfc",
    "erfinv", "exp",
    "exp2", "expm1", "floor", "frac", "log", "log10", "log1p", "log2", "neg", "positive", "rad2deg", "reciprocal",
    "relu", "round",
    "rsqrt", "sgn", "sigmoid", "sign", "sin", "sinc", "sinh", "sqrt", "square", "tan", "tanh", "trunc", "fix",
    "absolute", "negative",
    "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "isfinite", "isinf", "isnan", "isneginf",
    "isposinf", "isreal",
    "signbit", "logical_not", "nan_to_num", "selu",
]  # fmt: skip
BINARY = [
    "add", "sub", "mul", "div", "true_divide", "multiply", "subtract", "divide", "maximum", "minimum", "fmax", "fmin",
    "atan2",
    "arctan2", "copysign", "eq", "ne", "lt", "le", "gt", "ge", "greater", "greater_equal", "less", "less_equal",
    "not_equal",
    "logical_and", "logical_or", "logical_xor", "xlogy", "logaddexp", "logaddexp2", "hypot", "remainder", "fmod",
    "floor_divide",
    "rsub", "pow", "float_power", "heaviside", "bitwise_and", "bitwise_or", "bitwise_xor",
]  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
@given(data=st.data())
def test_unary(name: str, data: Any) -> None:
    beside(name, data.draw(arrays()), method=data.draw(st.booleans()) and hasattr(torch.Tensor, name))


@pytest.mark.parametrize("name", ["lgamma", "digamma", "logit"])
@given(data=st.data())
def test_unary_special(name: str, data: Any) -> None:
    beside(name, data.draw(arrays(pools=[[0.1, 0.4, 0.9, 1.0, 1.7, 3.2]])), wide=10)


@pytest.mark.parametrize("name", BINARY)
@given(data=st.data())
def test_binary(name: str, data: Any) -> None:
    a, b = data.draw(pairs(WITHOUT_UINT8 if name in ("atan2", "arctan2", "pow") else ALL))
    # torch's second derivative in the exponent is wrong where that is 0: it masks x ** (exponent - 1) away there
    beside(name, a, b, orders=1 if "pow" in name and not np.all(b) else 2)


FLOATS, ALL = ("float64", "float32"), ("float64", "float32", "int64", "uint8", "bool")
WITHOUT_UINT8 = ("float64", "float32", "int64", "bool")  # whose negation overflows in torch's formulas
INTEGERS = ("int64", "uint8", "int32", "bool")


@pytest.mark.parametrize("name", ["gcd", "lcm", "bitwise_left_shift", "bitwise_right_shift"])
@given(data=st.data())
def test_integers(name: str, data: Any) -> None:
    a, b = data.draw(pairs(("int64", "int32"), pools=[[0, 1, 2, 3, 6, 9, 12]], scalars=False))
    beside(name, a, b)


@pytest.mark.parametrize("method", [False, True])
@given(data=st.data())
def test_bitwise_not(method: bool, data: Any) -> None:
    beside("bitwise_not", data.draw(arrays(INTEGERS)), method=method)


OPERATORS = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b, "//": lambda
    a, b: a // b,
    "%": lambda a, b: a % b, "**": lambda a, b: a**b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda
    a, b: a > b,
    ">=": lambda a, b: a >= b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b, "&": lambda a, b: a & b, "|":
    lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
}  # fmt: skip


@pytest.mark.parametrize("symbol", OPERATORS)
@given(data=st.data())
def test_operators(symbol: str, data: Any) -> None:
    a, b = data.draw(pairs(WITHOUT_UINT8 if symbol == "**" else ALL))
    compare(OPERATORS[symbol], OPERATORS[symbol], (a, b), {}, orders=1 if symbol == "**" and not np.all(b) else 2)


INPLACE = {
    "add_": 2, "sub_": 2, "mul_": 2, "div_": 2, "pow_": 2, "remainder_": 2, "fmod_": 2, "floor_divide_": 2, "atan2_": 2,
    "copysign_": 2, "bitwise_and_": 2, "hypot_": 2, "xlogy_": 2, "abs_": 1, "exp_": 1,
    "sqrt_": 1, "sigmoid_": 1, "tanh_": 1, "relu_": 1, "neg_": 1, "round_": 1, "reciprocal_": 1, "square_": 1,
    "log_": 1, "nan_to_num_": 1, "floor_": 1, "sin_": 1, "erf_": 1, "clamp_": 2, "clamp_min_": 2, "clamp_max_": 2,
    "lerp_": 3,
    "addcmul_": 3, "addcdiv_": 3,
}  # fmt: skip


@pytest.mark.parametrize("name", INPLACE)
@given(data=st.data())
def test_inplace(name: str, data: Any) -> None:
    """On a tensor with a history: new values and gradients, or the refusal of a shape or dtype that does not fit."""
    a, b = data.draw(pairs(("float64", "float32", "int64", "bool"), pools=[PLAIN, TIES], scalars=False))
    args = (a, *[b] * (INPLACE[name] - 1))

    def step(library: Any) -> Any:
        def run(x: Any, *others: Any) -> Any:
            x = x * 1 if x.dtype != library.bool else x.clone()
            return getattr(x, name)(*others), x

        return run

    compare(step(autograd), step(torch), args, {}, orders=1 if name == "pow_" else 2)


@pytest.mark.parametrize(
    "name", ["eq_", "ne_", "lt_", "le_", "gt_", "ge_", "logical_and_", "logical_or_", "logical_xor_", "logical_not_"]
)
@given(data=st.data())
def test_inplace_masks(name: str, data: Any) -> None:
    a, b = data.draw(pairs(("float64", "float32", "int64", "bool"), scalars=False))
    args = (a,) if name == "logical_not_" else (a, b)
    step = lambda x, *others: getattr(x.detach(), name)(*[o.detach() for o in others])
    compare(step, step, args, {})


@given(data=st.data())
def test_div_rounding(data: Any) -> None:
    a, b = data.draw(pairs(("float64", "float32", "int64", "int32")))
    beside("div", a, b, rounding_mode=data.draw(st.sampled_from([None, "trunc", "floor", "up"])))


@given(data=st.data())
def test_add_alpha(data: Any) -> None:
    a, b = data.draw(pairs())
    name = data.draw(st.sampled_from(["add", "sub", "rsub"]))
    beside(name, a, b, alpha=data.draw(st.sampled_from([1, 2, 0.5, -1])))


@pytest.mark.parametrize("name", ["add", "sub", "rsub"])
@pytest.mark.parametrize("number", [-3, 300])
def test_alpha_of_a_number_that_does_not_fit(name: str, number: int) -> None:
    beside(name, np.array([2, 250], np.uint8), number, alpha=2)


@given(data=st.data())
def test_round_decimals(data: Any) -> None:
    beside(
        "round",
        data.draw(arrays(("float64", "int64"), pools=[[0.5, 1.5, -2.5, 12.345, -0.125, 1e3]])),
        decimals=data.draw(st.integers(-2, 3)),
    )


@given(data=st.data())
def test_clamp(data: Any) -> None:
    x = data.draw(arrays(shapes=[(), (3,), (2, 3), (0, 3)]))
    if data.draw(st.booleans()):
        bound = st.sampled_from([None, -1, 0, 0.5, 1.0, 2])
    else:
        bound = st.one_of(st.none(), arrays(shapes=[(), (3,), (2, 1)]))
    kwargs = {k: v for k in ("min", "max") if (v := data.draw(bound)) is not None or data.draw(st.booleans())}
    beside(data.draw(st.sampled_from(["clamp", "clip"])), x, method=data.draw(st.booleans()), **kwargs)


@pytest.mark.parametrize("name", ["clamp_min", "clamp_max"])
@given(data=st.data())
def test_clamp_one_side(name: str, data: Any) -> None:
    beside(
        name,
        data.draw(arrays(shapes=[(), (2, 3)])),
        data.draw(st.one_of(st.sampled_from([-1, 0.5]), arrays(shapes=[(), (3,)]))),
    )


@given(data=st.data())
def test_where(data: Any) -> None:
    condition = data.draw(arrays(("bool", "float32"), shapes=[(), (3,), (2, 1), (0, 3)]))
    a, b = data.draw(pairs())
    beside("where", condition, a, b)


@given(data=st.data())
def test_where_method_and_alone(data: Any) -> None:
    condition = data.draw(arrays(("bool",), shapes=[(), (3,), (2, 3), (0, 3)]))
    compare(lambda c: autograd.where(c), lambda c: torch.where(c), (condition,), {})
    a, b = data.draw(pairs(scalars=False))
    compare(lambda c, x, y: x.where(c, y), lambda c, x, y: x.where(c, y), (condition, a, b), {})


@given(data=st.data())
def test_lerp(data: Any) -> None:
    shapes = [(), (3,), (2, 3)]
    a, b = data.draw(arrays(("float64",), shapes)), data.draw(arrays(("float64",), shapes, [PLAIN]))
    weight = data.draw(st.one_of(st.sampled_from([0.2, 0.7, 0, 1]), arrays(("float64",), shapes, [PLAIN, TIES])))
    beside("lerp", a, b, weight)


@pytest.mark.parametrize("name", ["addcmul", "addcdiv"])
@given(data=st.data())
def test_addc(name: str, data: Any) -> None:
    shapes = [(), (3,), (2, 3), (2, 1)]
    parts = [data.draw(arrays(("float64", "float32", "int64"), shapes, [PLAIN])) for _ in range(3)]
    floats = any(p.dtype.kind == "f" for p in parts)  # of integers torch cuts a float value off without a word
    beside(name, *parts, value=data.draw(st.sampled_from([1, 0.5, -2] if floats else [1, 3, -2])))


@given(data=st.data())
def test_closeness(data: Any) -> None:
    a, b = data.draw(pairs(("float64", "int64"), pools=[SPECIAL, TIES, [1.0, 1.0 + 1e-6, 1.1]], scalars=False))
    options = {"rtol": data.draw(st.sampled_from([1e-5, 0.2])), "equal_nan": data.draw(st.booleans())}
    beside("isclose", a, b, **options)
    beside("allclose", a, b, **options)
    beside("equal", a, b)


@given(data=st.data())
def test_nan_to_num(data: Any) -> None:
    beside(
        "nan_to_num",
        data.draw(arrays()),
        nan=data.draw(st.sampled_from([0.0, 1.5])),
        posinf=data.draw(st.sampled_from([None, 3.0])),
    )


@given(data=st.data())
def test_logit_eps(data: Any) -> None:
    beside(
        "logit",
        data.draw(arrays(pools=[[-0.5, 0.0, 0.1, 0.2, 0.6, 1.0, 1.3]])),
        eps=data.draw(st.sampled_from([None, 0.2])),
    )


@given(data=st.data())
def test_polygamma(data: Any) -> None:
    beside("polygamma", data.draw(st.integers(0, 3)), data.draw(arrays(FLOATS, pools=[[0.3, 0.9, 2.0, 3.7]])), wide=10)


@given(data=st.data())
def test_ldexp(data: Any) -> None:
    x = data.draw(arrays(FLOATS, pools=[PLAIN]))
    beside(
        "ldexp", x, data.draw(arrays(("int64",), shapes=[()])), orders=0
    )  # torch's gradient is 0 for integer exponents
    beside("ldexp", x, data.draw(arrays(("float64",), shapes=[()])))


ACTIVATIONS: dict[str, list[dict[str, Any]]] = {
    "relu": [{}], "relu6": [{}], "leaky_relu": [{}, {"negative_slope": 0.3}], "elu": [{}, {"alpha": 0.4}],
    "celu": [{}, {"alpha": 2.0}],
    "selu": [{}], "gelu": [{}, {"approximate": "tanh"}], "silu": [{}], "mish": [{}], "softplus": [{}, {"beta": 2.0,
    "threshold": 1.3}],
    "softsign": [{}], "hardtanh": [{}, {"min_val": -0.5, "max_val": 2.5}], "hardsigmoid": [{}], "hardswish": [{}],
    "hardshrink": [{}, {"lambd": 1.0}], "softshrink": [{}, {"lambd": 1.0}], "tanhshrink": [{}],
    "threshold": [{"threshold": 0.5, "value": 7.0}], "logsigmoid": [{}], "sigmoid": [{}], "tanh": [{}],
}  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
@given(data=st.data())
def test_activation(name: str, data: Any) -> None:
    """At the bends too: -3, 0, 3, 6, the shrinks' 0.5 and 1."""
    bends = [-30.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.5, 3.0, 6.0, 30.0]
    # torch: gelu of float32 infinity is NaN, and the others' gradients at NaN depend on the place in the vector
    x = data.draw(
        arrays(
            pools=[PLAIN, bends]
            if name in ("gelu", "softshrink", "hardtanh", "relu6", "hardshrink", "hardsigmoid")
            else [PLAIN, bends, SPECIAL]
        )
    )
    beside(name, x, theirs_name=f"nn.functional.{name}", **data.draw(st.sampled_from(ACTIVATIONS[name])))


@given(data=st.data())
def test_prelu(data: Any) -> None:
    x = data.draw(arrays(FLOATS, shapes=[(2,), (2, 3), (2, 3, 2), (0, 3), ()], pools=[PLAIN]))
    beside("prelu", x, filled((data.draw(st.sampled_from([1, 3])),), str(x.dtype), PLAIN, np.random.default_rng(0)))
