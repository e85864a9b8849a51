"""The primitives in standard Array API code: the specification that every faster version is held against."""

from typing import Any

Array = Any

# Random123's constants for Philox4x32 [1]_: two multipliers, and the two steps of the key.
# .. [1] Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011, table 2 and section 3.3.
PHILOX_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
PHILOX_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
PHILOX_ROUNDS = 10
_WORD = 0xFFFFFFFF
_HALF = 0xFFFF

# W. J. Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23 (1969) 631-637:
# numerator and denominator, highest power first, of erf(x)/x in x^2 on |x| <= 0.46875, of exp(x^2) erfc(x)
# in x up to 4, and of the asymptotic remainder in 1/x^2 beyond.
_ERF_SMALL = (
    (
        1.85777706184603153e-1,
        3.16112374387056560e0,
        1.13864154151050156e2,
        3.77485237685302021e2,
        3.20937758913846947e3,
    ),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
_ERFC_MIDDLE = (
    (
        2.15311535474403846e-8,
        5.64188496988670089e-1,
        8.88314979438837594e0,
        6.61191906371416295e1,
        2.98635138197400131e2,
        8.81952221241769090e2,
        1.71204761263407058e3,
        2.05107837782607147e3,
        1.23033935479799725e3,
    ),
    (
        1.0,
        1.57449261107098347e1,
        1.17693950891312499e2,
        5.37181101862009858e2,
        1.62138957456669019e3,
        3.29079923573345963e3,
        4.36261909014324716e3,
        3.43936767414372164e3,
        1.23033935480374942e3,
    ),
)
_ERFC_LARGE = (
    (
        1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
        1.60837851487422766e-2, 6.58749161529837803e-4,
    ),
    (
        1.0, 2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1, 6.05183413124413191e-2,
        2.33520497626869185e-3,
    ),
)  # fmt: skip
_INVERSE_SQRT_PI = 0.56418958354775628695


def erf(xp: Any, x: Array) -> Array:
    """Return the error function by Cody's three rational approximations, each evaluated where it holds."""
    size = xp.abs(x)
    square = xp.minimum(size, xp.full_like(x, 0.46875)) ** 2
    small = x * _ratio(_ERF_SMALL, square)
    middle = xp.minimum(xp.maximum(size, xp.full_like(x, 0.46875)), xp.full_like(x, 4.0))
    # erfc underflows to nothing beside 1 long before 6, in float64 too.
    large = xp.minimum(xp.maximum(size, xp.full_like(x, 4.0)), xp.full_like(x, 6.0))
    inverse = 1.0 / (large * large)
    tail = (_INVERSE_SQRT_PI - inverse * _ratio(_ERFC_LARGE, inverse)) / large
    erfc = xp.where(
        size <= 4.0, xp.exp(-(middle * middle)) * _ratio(_ERFC_MIDDLE, middle), xp.exp(-(large * large)) * tail
    )
    outside = xp.sign(x) * (1.0 - erfc)
    # NaN fails every comparison, and comes through the sign.
    return xp.where(size <= 0.46875, small, outside)


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: Array) -> Array:
    """Evaluate a rational function by Horner's rule; powers are highest first."""
    numerator, denominator = coefficients
    return _polynomial(numerator, x) / _polynomial(denominator, x)


def _polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    value = coefficients[0] * x + coefficients[1]
    for c in coefficients[2:]:
        value = value * x + c
    return value


def random_words(xp: Any, device: Any, count: int, key: tuple[int, int], counter: tuple[int, int, int]) -> Array:
    """Return `count` words of Philox4x32-10 as int64 in [0, 2^32): element e is word e % 4 of block e // 4."""
    blocks = -(-count // 4)
    block = xp.arange(blocks, dtype=xp.int64, device=device)
    words = [block, *(xp.full_like(block, c & _WORD) for c in counter)]
    return xp.reshape(xp.stack(philox(xp, words, key), axis=-1), (-1,))[:count]


def philox(xp: Any, words: list[Array], key: tuple[int, int]) -> list[Array]:
    """Apply Philox4x32-10 to four arrays of words.

    In int64 on 16-bit halves, since PyTorch cannot shift unsigned words and a 64-bit product of two
    words would overflow a signed one.
    """
    del xp  # operators say it all
    c0, c1, c2, c3 = words
    k0, k1 = key
    for _ in range(PHILOX_ROUNDS):
        high0, low0 = _wide_product(c0, PHILOX_MULTIPLIERS[0])
        high1, low1 = _wide_product(c2, PHILOX_MULTIPLIERS[1])
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + PHILOX_KEY_STEPS[0]) & _WORD, (k1 + PHILOX_KEY_STEPS[1]) & _WORD
    return [c0, c1, c2, c3]


def _wide_product(a: Array, m: int) -> tuple[Array, Array]:
    """Return the high and the low word of the 64-bit product of words `a` and the constant `m`."""
    a_high, a_low = a >> 16, a & _HALF
    m_high, m_low = m >> 16, m & _HALF
    low, cross0, cross1 = a_low * m_low, a_low * m_high, a_high * m_low
    middle = (low >> 16) + (cross0 & _HALF) + (cross1 & _HALF)
    high = a_high * m_high + (cross0 >> 16) + (cross1 >> 16) + (middle >> 16)
    return high, ((middle & _HALF) << 16) | (low & _HALF)


def checked_labels(xp: Any, labels: Array, classes: int, ignore: int | None) -> tuple[Array, Array]:
    """Clamp labels outside [0, classes) to 0; the mask is true where a label was invalid and not `ignore`."""
    valid = (labels >= 0) & (labels < classes)
    safe = xp.where(valid, labels, xp.zeros_like(labels))
    invalid = ~valid if ignore is None else ~valid & (labels != ignore)
    return safe, invalid
