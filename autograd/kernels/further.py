"""The error function and its kin, sums of logarithms and remainders, of one machine vector: LLVM code as in `functions`.

The polynomials interpolate at Chebyshev nodes, in a variable that runs from -1 to 1, the highest power first.
"""

from __future__ import annotations

from math import log, sqrt
from typing import Any

from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from .functions import Lanes

# erfcx: exp(x**2) erfc(x) (1 + 2 x) in t = (x - k) / (x + k), k = 2 or 4 (Shepherd and Laframboise, Math. Comp. 36, 1981);
# near: erf(x) / x - 1 in x**2; far: log(erfc(x)) in x; inverse: erfinv(x) / x in w = -log(1 - x**2), or in its root
# (Giles, Approximating the erfinv function, 2010).
_SINGLE: dict[str, tuple[float, ...]] = {
    "erfcx": (
        4.698038145e-6,
        -8.438427123e-5,
        -0.0001728460654,
        0.0007454889918,
        0.002263016278,
        -0.006438457208,
        -0.02224836672,
        0.1161778379,
        -0.1782993191,
        -0.02198959941,
        1.286863713,
    ),
    "near": (
        3.763991972e-7,
        -6.654296659e-6,
        0.0001010980878,
        -0.001305894018,
        0.013911659,
        -0.1201502503,
        -0.007096765269,
    ),
    "far": (
        5.474040101e-5,
        -0.0003000553847,
        0.00113746498,
        -0.003972753012,
        0.01312190249,
        -0.04208826689,
        -2.26371227,
        -8.150479456,
        -7.541539599,
    ),
    "inverse": (
        -3.407259358e-5,
        3.56078601e-5,
        0.0002857246997,
        -0.0008456995282,
        -0.0004855878603,
        0.0085292729,
        -0.01957384987,
        -0.02610870547,
        0.6166006976,
        1.50140936,
    ),
    "inverse_root": (
        4.999131959e-5,
        -7.268090519e-5,
        -0.0001682378707,
        0.0007106092725,
        -0.001465584438,
        0.002406893239,
        -0.003756468322,
        0.005568893739,
        0.9105646764,
        2.976423437,
    ),
}
_DOUBLE: dict[str, tuple[float, ...]] = {
    "erfcx": (
        -9.6470395464395055e-11,
        -5.2469053823707067e-10,
        1.4948860761753681e-9,
        7.5343503531229193e-9,
        -1.8250020033818521e-8,
        -6.915359000556014e-8,
        2.3690357992204356e-7,
        4.5211597722508717e-7,
        -3.1252366905076173e-6,
        6.7004931567367009e-7,
        3.4146078363747941e-5,
        -0.00010246374367630242,
        -8.3680793687050557e-5,
        0.0017257045234654987,
        -0.0076653241999062412,
        0.02212978966837959,
        -0.047931115994862585,
        0.08083857072985515,
        -0.10434370398530216,
        0.09124356129719722,
        -0.016635823178823323,
        -0.12193736651647699,
        1.2505272632390394,
    ),
    "near": (
        -3.8065912241221398e-13,
        9.2112501874282299e-12,
        -2.0352319564835269e-10,
        4.1157515002658848e-9,
        -7.5115692510860903e-8,
        1.2233827638093573e-6,
        -1.7537169441280197e-5,
        0.00021751715603563489,
        -0.0022854855611440855,
        0.019852496688984219,
        -0.14053608902271712,
        -0.034531261330132699,
    ),
    "far": (
        2.2472763521074387e-9,
        -7.2408249745153273e-9,
        4.5214162045836511e-9,
        4.7108405270992657e-9,
        -2.1580142736303588e-9,
        1.8848830089033837e-8,
        -1.2999681259733388e-7,
        3.9189232885279241e-7,
        -9.1655075925352764e-7,
        1.9126979860773403e-6,
        -3.4204246659666945e-6,
        4.5683976219076298e-6,
        -1.4780737118311842e-6,
        -1.8475289860008107e-5,
        9.0901015515971754e-5,
        -0.00030781940159072446,
        0.00089357657168803188,
        -0.0023739973006794988,
        0.005953704477141584,
        -0.014384548328888422,
        0.034128411079719676,
        -0.081650909717857197,
        -6.0422065921389384,
        -18.165248970912977,
        -14.112437402148174,
    ),
    "inverse": (
        7.8017121990362521e-10,
        -8.5779669396399415e-11,
        -8.627191009014394e-9,
        9.0720759478929093e-9,
        3.9315111576465583e-8,
        -1.0514990713371437e-7,
        -1.0412692841159636e-8,
        5.4564205722097816e-7,
        -1.0591188098187531e-6,
        -6.8765518072549399e-7,
        7.1299397431469503e-6,
        -1.125565398396942e-5,
        -1.5027665773117194e-5,
        9.3366927876240584e-5,
        -0.0001168888508125076,
        -0.00026439358646646057,
        0.0012324855702994215,
        -0.0012716922769885114,
        -0.0041373143775478949,
        0.017808361818756902,
        -0.022604447453444732,
        -0.058922567103787597,
        0.75049432007996351,
        1.6536545626831027,
    ),
    "inverse_root": (
        -6.3858464048751912e-11,
        3.9290565981829759e-12,
        9.8504713312471309e-10,
        -2.7195823537882848e-9,
        -3.6086983146965075e-10,
        2.6703991718481456e-8,
        -9.4698459375381102e-8,
        9.2676427755231179e-8,
        5.264680305425013e-7,
        -2.6646983082852558e-6,
        5.1273144703487668e-6,
        2.4058391918338325e-6,
        -4.7391826778828647e-5,
        0.00016966502592018016,
        -0.00040063569842118247,
        0.00078830785099813529,
        -0.0015825410894034398,
        0.0030211394363840698,
        0.75394422577062397,
        3.0838856104922206,
    ),
    "inverse_last": (
        -3.7156463863735555e-11,
        6.6255562970475368e-11,
        1.6907203573619046e-10,
        -8.0418992234422003e-10,
        2.0756235370041587e-9,
        -4.961356358163984e-9,
        1.042654088069356e-8,
        -1.9168562165512424e-8,
        3.554547940545837e-8,
        -8.5217526629133736e-8,
        2.9788317069973084e-7,
        -1.276361127787277e-6,
        5.6201651328903864e-6,
        -2.3451081693855986e-5,
        8.6593048647963727e-5,
        -0.00023188618673325157,
        -0.0001872685458714767,
        1.0607992684776605,
        4.9004210514436404,
    ),
}

_ROOT_5 = sqrt(5.0)


class Further(Lanes):
    """The functions, by name."""

    def __init__(self, context: Any, builder: Any, dtype: Any) -> None:
        super().__init__(context, builder, dtype)
        self.single = dtype.bitwidth == 32
        self.table = _SINGLE if self.single else _DOUBLE

    def within(self, name: str, x: Any, low: float, high: float) -> Any:
        """The polynomial `name`, whose variable runs from low to high."""
        half = (high - low) / 2
        u = self.e.fma(x, self.number(1 / half), self.number(-(low + high) / 2 / half))
        return self.polynomial(self.table[name], u)

    def choose(self, flag: Any, x: Any, y: Any) -> Any:
        return self.b.select(flag, x, y)

    def abs(self, x: Any) -> Any:
        return self.call("fabs", x)

    def log(self, x: Any) -> Any:
        """For positive normal x: with x = m 2**k and m about 1, k ln 2 + 2 artanh((m - 1) / (m + 1))."""
        b, f = self.b, self.format
        bits = b.bitcast(x, self.ints)
        start = self.integer(0x3F3504F3 if self.single else 0x3FE6A09E667F3BCD)  # sqrt(1 / 2)
        k = b.ashr(b.sub(bits, start), self.integer(f.shift))
        m = b.bitcast(b.sub(bits, b.shl(k, self.integer(f.shift))), self.e.type)
        n = b.sitofp(k, self.e.type)
        s = b.fdiv(b.fsub(m, self.one), b.fadd(m, self.one))
        z, terms = b.fmul(s, s), 6 if self.single else 12
        tail = b.fmul(self.polynomial([2 / (2 * i + 1) for i in range(terms - 1, 0, -1)], z), z)
        return self.e.fma(n, self.number(f.high), self.e.fma(n, self.number(f.low), self.e.fma(tail, s, b.fadd(s, s))))

    def normal(self, x: Any) -> Any:
        """P(X <= x) of a standard normal X, near 0 and above as good as any."""
        if self.single:
            return super().normal(x)
        half = self.number(0.5)
        return self.e.fma(half, self.error(self.b.fmul(x, self.number(sqrt(0.5)))), half)

    def error(self, x: Any) -> Any:
        """erf, to 3 ulp."""
        b, a = self.b, self.abs(x)
        bound, most = (0.9, 4.0) if self.single else (1.0, 6.0)
        z = b.fmul(x, x)
        near = self.e.fma(self.within("near", z, 0, 0.81 if self.single else 1.0), x, x)
        far = b.fsub(self.one, self.exp(self.within("far", self.at_most(a, most), bound, most)))
        return self.where("<", a, self.number(bound), near, self.call("copysign", far, x))

    def tail(self, a: Any, x: Any, share: float) -> Any:
        """erfc(a) for a >= 0, where a**2 = share x**2 and only x is exact."""
        b, e = self.b, self.e
        k, most = (2.0, 10.5) if self.single else (4.0, 28.0)
        a = self.at_most(a, most)
        t = b.fdiv(b.fsub(a, self.number(k)), b.fadd(a, self.number(k)))
        scaled = b.fdiv(self.within("erfcx", t, -1, (most - k) / (most + k)), e.fma(a, self.two, self.one))
        x = self.at_most(self.abs(x), most * 2)
        square, share = b.fmul(x, x), self.number(share)
        decay = self.exp(self.negative(b.fmul(square, share)))
        rounded = b.fmul(e.fma(x, x, self.negative(square)), share)
        return b.fmul(scaled, e.fma(decay, self.negative(rounded), decay))

    def erfc(self, x: Any) -> Any:
        y = self.tail(self.abs(x), x, 1.0)
        return self.where("<", x, self.number(0), self.b.fsub(self.two, y), y)

    def normal_below(self, x: Any) -> Any:
        """P(X <= x) of a standard normal X."""
        y = self.b.fmul(self.number(0.5), self.tail(self.b.fmul(self.abs(x), self.number(sqrt(0.5))), x, 0.5))
        return self.where(">", x, self.number(0), self.b.fsub(self.one, y), y)

    def erfinv(self, x: Any) -> Any:
        b = self.b
        q = self.e.fma(self.negative(x), x, self.one)
        w = self.negative(self.log(q))
        root = self.call("sqrt", w)
        if self.single:
            near = self.within("inverse", w, 0, 5)
            factor = self.where("<", w, self.number(5), near, self.within("inverse_root", root, _ROOT_5, 4.05))
        else:
            far = self.where(
                "<",
                root,
                self.number(4),
                self.within("inverse_root", root, 2.5, 4),
                self.within("inverse_last", root, 4, 6.1),
            )
            factor = self.where("<", w, self.number(6.25), self.within("inverse", w, 0, 6.25), far)
        zero = self.number(0)
        y = b.fmul(x, self.where("==", q, zero, self.number(float("inf")), factor))
        return self.where("<", q, zero, self.number(float("nan")), y)

    def logaddexp(self, x: Any, y: Any) -> Any:
        b = self.b
        top = self.where(">", x, y, x, y)
        more = self.log1p(self.exp(self.negative(self.abs(b.fsub(x, y)))))
        return b.fadd(top, self.where("==", x, y, self.number(log(2)), more))  # also of two infinities

    def logaddexp2(self, x: Any, y: Any) -> Any:
        b = self.b
        top = self.where(">", x, y, x, y)
        more = self.log1p(self.exp(b.fmul(self.abs(b.fsub(x, y)), self.number(-log(2)))))
        return b.fadd(top, self.where("==", x, y, self.one, b.fmul(more, self.number(1 / log(2)))))

    def logits(self, x: Any, y: Any) -> Any:
        """max(x, 0) - x y + log(1 + exp(-|x|))."""
        b = self.b
        top = b.fsub(self.e.at_least(x, self.number(0)), b.fmul(x, y))
        return b.fadd(top, self.log1p(self.exp(self.negative(self.abs(x)))))

    def logits_slope(self, x: Any, y: Any) -> Any:
        return self.b.fsub(self.sigmoid(x), y)

    def fmod(self, x: Any, y: Any) -> Any:
        """x - trunc(x / y) y, exact: a quotient off by one is put right, and too large a one left to the C library."""
        b, e, zero = self.b, self.e, self.number(0)
        quotient, infinite = self.call("trunc", b.fdiv(x, y)), self.number(float("inf"))
        a = self.abs(y)
        # the remainder from |x|, with the sign of x at the end
        r = e.fma(self.negative(self.abs(quotient)), a, self.abs(x))
        r = self.where("<", r, zero, b.fadd(r, a), r)
        r = self.where(">=", r, a, b.fsub(r, a), r)
        result = cgutils.alloca_once_value(b, self.call("copysign", r, x))
        plain = b.and_(
            b.fcmp_ordered("<", self.abs(quotient), self.number(2.0 ** (self.format.shift - 1))),
            b.fcmp_ordered("<", a, infinite),
        )
        every = ir.Constant(ir.IntType(e.width), -1)
        with b.if_then(b.icmp_unsigned("!=", b.bitcast(plain, ir.IntType(e.width)), every), likely=False):
            exact = ir.Constant(e.type, ir.Undefined)
            for lane in range(e.width):
                at = ir.Constant(ir.IntType(32), lane)
                exact = b.insert_element(exact, b.frem(b.extract_element(x, at), b.extract_element(y, at)), at)
            b.store(exact, result)
        return b.load(result)

    def unlike(self, m: Any, y: Any) -> Any:
        """Whether a remainder is not 0 and has not the sign of y."""
        b, zero = self.b, self.number(0)
        signs = b.xor(b.fcmp_ordered("<", m, zero), b.fcmp_ordered("<", y, zero))
        return b.and_(b.fcmp_unordered("!=", m, zero), signs)

    def remainder(self, x: Any, y: Any) -> Any:
        m = self.fmod(x, y)
        return self.choose(self.unlike(m, y), self.b.fadd(m, y), m)

    def floor_divide(self, x: Any, y: Any) -> Any:
        """The quotient of what is left without the remainder, rounded, as Python's //."""
        b, zero = self.b, self.number(0)
        m, plain = self.fmod(x, y), b.fdiv(x, y)
        quotient = b.fdiv(b.fsub(x, m), y)
        quotient = self.choose(self.unlike(m, y), b.fsub(quotient, self.one), quotient)
        down = self.call("floor", quotient)
        down = self.where(">", b.fsub(quotient, down), self.number(0.5), b.fadd(down, self.one), down)
        down = self.where("==", quotient, zero, self.call("copysign", zero, plain), down)
        return self.where("==", y, zero, plain, down)


def _of_one(name: str) -> Any:
    @intrinsic
    def function(tyctx, x):  # type: ignore[no-untyped-def]
        return x(x), lambda context, b, sig, args: getattr(Further(context, b, x.dtype), name)(*args)

    return function


def _of_two(name: str) -> Any:
    @intrinsic
    def function(tyctx, x, y):  # type: ignore[no-untyped-def]
        return x(x, y), lambda context, b, sig, args: getattr(Further(context, b, x.dtype), name)(*args)

    return function


vector_erf, vector_erfc, vector_erfinv = _of_one("error"), _of_one("erfc"), _of_one("erfinv")
vector_gelu, vector_gelu_slope = _of_one("gelu"), _of_one("gelu_slope")
vector_normal_below = _of_one("normal_below")
vector_logaddexp, vector_logaddexp2 = _of_two("logaddexp"), _of_two("logaddexp2")
vector_logits, vector_logits_slope = _of_two("logits"), _of_two("logits_slope")
vector_fmod, vector_remainder, vector_floor_divide = _of_two("fmod"), _of_two("remainder"), _of_two("floor_divide")


@intrinsic
def spread(tyctx, x, number):  # type: ignore[no-untyped-def]
    """The number in every lane of a vector like x."""
    return x(x, number), lambda context, b, sig, args: Lanes(context, b, x.dtype).e.splat(args[1])
