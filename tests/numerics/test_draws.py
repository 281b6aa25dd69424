"""Tests of framework/numerics/draws.py."""

import numpy as np
import pytest
import tensorflow as tf

from framework.errors import UsageError
from framework.numerics.draws import (
    Draws,
    check_at_least,
    check_ranges,
    current_draws,
    from_quantiles,
    random_factors,
    random_rectangle,
    use_draws,
)


def draws(seed=7, step=3, start=0, rows=6):
    return Draws(seed, tf.constant(step, tf.int64), tf.constant(start, tf.int64), rows)


def philox(counter, key):
    """Returns the four words of Philox-4x32-10 (Salmon et al., 2011), figure 2."""
    a, b, c, d = counter
    for _ in range(10):
        high, low = divmod(0xD2511F53 * a, 2**32), divmod(0xCD9E8D57 * c, 2**32)
        a, b, c, d = low[0] ^ b ^ key[0], low[1], high[0] ^ d ^ key[1], high[1]
        key = (key[0] + 0x9E3779B9) % 2**32, (key[1] + 0xBB67AE85) % 2**32
    return [a, b, c, d]


def words(number, count):
    return [number >> 32 * index & 0xFFFFFFFF for index in range(count)]


def test_the_reference_matches_the_published_vectors():
    # From kat_vectors of the authors' Random123.
    counter = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)
    actual = philox(counter, (0xA4093822, 0x299F31D0))
    assert actual == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]


def test_the_first_bits_match_the_published_vector():
    # The checksum of the empty name is 0: key 0 and counter 0 in kat_vectors.
    bits = draws(seed=0, step=0, rows=1).bits("", 4)
    expected = [[0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]]
    np.testing.assert_array_equal(bits, expected)


@pytest.mark.parametrize(
    ("seed", "step", "start"),
    [(0, 0, 0), (1, 2, 3), (2**32 - 1, 2**40 + 1, 2**34 + 5)],
)
def test_bits_match_philox(seed, step, start):
    # crc32 of "123456789" is a known check value.
    key = words(seed << 32 | 0xCBF43926, 2)
    actual = draws(seed, step, start, rows=2).bits("123456789", 7)
    # Seven columns take two groups of four words, of which one is left over.
    for row in range(2):
        first = (start + row) * 2
        expected = [
            word
            for group in (first, first + 1)
            for word in philox(words(group, 2) + words(step, 2), key)
        ]
        np.testing.assert_array_equal(actual[row], expected[:7])


def test_bits_never_change():
    expected = [
        [320896874, 1763325007, 3285527642],
        [1502495081, 2030807750, 1198428611],
    ]
    np.testing.assert_array_equal(draws(rows=2).bits("augment/flip/0", 3), expected)


@pytest.mark.parametrize("jit", [False, True])
def test_eager_graph_and_xla_agree(jit):
    @tf.function(jit_compile=jit)
    def compiled(step, start):
        inner = Draws(7, step, start, 6)
        return inner.bits("a", 5), inner.uniform("a", 5)

    eager = draws(start=2)
    bits, uniform = compiled(eager.step, eager.start)
    np.testing.assert_array_equal(bits, eager.bits("a", 5))
    np.testing.assert_array_equal(uniform, eager.uniform("a", 5))


@pytest.mark.parametrize("columns", [1, 4, 6])
def test_some_rows_match_those_of_the_whole_batch(columns):
    whole = draws(rows=8).uniform("a", columns)
    for start, rows in ((0, 4), (4, 4), (3, 2), (7, 1)):
        part = draws(start=start, rows=rows).uniform("a", columns)
        np.testing.assert_array_equal(part, whole[start : start + rows])


@pytest.mark.parametrize(
    "other",
    [
        lambda: draws().bits("b", 4),
        lambda: draws(step=4).bits("a", 4),
        lambda: draws(seed=8).bits("a", 4),
        lambda: draws(start=6).bits("a", 4),
    ],
    ids=["stream", "step", "seed", "rows"],
)
def test_any_other_key_gives_other_bits(other):
    assert not np.isin(other(), draws().bits("a", 4)).any()


def test_uniform_is_uniform():
    u = draws(rows=10_000).uniform("a", 10).numpy()
    assert u.dtype == np.float32
    assert u.min() >= 0
    assert u.max() < 1
    np.testing.assert_array_equal(u * 2**24, np.floor(u * 2**24))
    # Five standard errors of mean and variance of 100,000 numbers.
    assert u.mean() == pytest.approx(1 / 2, abs=5 * (1 / 12 / 1e5) ** 0.5)
    assert u.var() == pytest.approx(1 / 12, abs=5 * (1 / 180 / 1e5) ** 0.5)
    fractions = np.histogram(u, bins=10, range=(0, 1))[0] / u.size
    np.testing.assert_allclose(fractions, 0.1, atol=5 * (0.09 / 1e5) ** 0.5)
    # Columns and rows are uncorrelated.
    noise = 5 / np.sqrt(len(u))
    correlations = np.corrcoef(u.T) - np.eye(10)
    assert np.abs(correlations).max() < noise
    assert abs(np.corrcoef(u[1:, 0], u[:-1, 0])[0, 1]) < noise


def test_current_draws_are_the_innermost():
    outer, inner = draws(), draws(step=9)
    with use_draws(outer):
        with use_draws(inner):
            assert current_draws() is inner
        assert current_draws() is outer


def test_current_draws_outside_a_step_is_an_error():
    with pytest.raises(
        RuntimeError, match=r"within framework.numerics.draws.use_draws\(Draws"
    ):
        current_draws()


def test_use_draws_ends_after_an_error():
    with pytest.raises(KeyError), use_draws(draws()):
        raise KeyError
    with pytest.raises(RuntimeError):
        current_draws()


def test_check_at_least_names_the_value():
    check_at_least(0, x=0, y=1.5)
    with pytest.raises(UsageError, match=r"y must be at least 0, not -0\.1"):
        check_at_least(0, x=0, y=-0.1)


@pytest.mark.parametrize("pair", [(), (1,), (1, 2, 3), (0, 1), (-1, 1), (0.8, 0.2)])
def test_check_ranges_names_the_range(pair):
    check_ranges(scale=(0.2, 0.8), ratio=[1, 1])
    with pytest.raises(UsageError, match="ratio must be two numbers above 0"):
        check_ranges(scale=(0.2, 0.8), ratio=pair)


@pytest.mark.parametrize(
    ("by", "expected"), [(0.2, [0.8, 1.0, 1.2]), ((0.5, 3.0), [0.5, 1.75, 3.0])]
)
def test_random_factors(by, expected):
    actual = random_factors(tf.constant([0.0, 0.5, 1.0]), by)
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_from_quantiles_interpolates_linearly():
    quantiles = [0.0, 1.0, 4.0, 9.0, 16.0]
    actual = from_quantiles(tf.constant([[0.0, 0.25], [0.375, 0.75]]), quantiles)
    np.testing.assert_allclose(actual, [[0.0, 1.0], [2.5, 9.0]])


def test_from_quantiles_of_the_largest_number():
    largest = tf.constant([1 - 2.0**-24])
    assert from_quantiles(largest, np.linspace(0, 1, 1025)) < 1


def test_random_rectangles_have_area_and_ratio():
    u, v = tf.linspace(0.0, 0.999, 50), tf.linspace(0.999, 0.0, 50)
    x, y = random_rectangle(u, v, (0.1, 0.4), (0.5, 2.0))
    np.testing.assert_allclose(x * y, 0.1 + 0.3 * u, rtol=1e-5)
    np.testing.assert_allclose(np.log2(x / y), 2 * v - 1, atol=1e-4)
