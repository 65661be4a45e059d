# SPDX-License-Identifier: MIT
"""The arithmetic of the measuring commands."""
import collections
import math


def quantile(values, share):
    """The value below which that share of them lies (an observed one, not interpolated)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def median(values):
    return quantile(values, 0.5)


def spread(values):
    """{n, min, median, p99, max}; only n for none."""
    values = list(values)
    if not values:
        return {"n": 0}
    return {"n": len(values), "min": min(values), "median": median(values), "p99": quantile(values, 0.99), "max": max(values)}


def counts(items):
    return dict(collections.Counter(items))


def geometric_mean(ratios):
    ratios = list(ratios)
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def expected_collisions(n, bits):
    """Pairs of equal values that n uniform draws of so many bits bring on average (the birthday bound)."""
    return n * (n - 1) / 2 / 2**bits


def collisions(values):
    """Pairs of equal values."""
    return sum(count * (count - 1) // 2 for count in collections.Counter(values).values())


def poisson_tail(seen, expected):
    """The chance that at least `seen` events come where `expected` are expected."""
    term, below = math.exp(-expected), 0.0
    for k in range(seen):
        below += term
        term *= expected / (k + 1)
    return max(0.0, 1.0 - below)


def bit_bias(values, bit):
    """How many standard deviations the count of ones of an address bit is off from one half."""
    n = len(values)
    ones = sum(value >> bit & 1 for value in values)
    return (ones - n / 2) / math.sqrt(n / 4)


def correlation(xs, ys):
    """Pearson's coefficient; of independent uniform draws it is off zero by about 1/sqrt(n). 0 where one does not vary."""
    n = len(xs)
    mx, my = sum(xs) / n, sum(ys) / n
    sxy = sum((x - mx) * (y - my) for x, y in zip(xs, ys))
    sxx, syy = sum((x - mx) ** 2 for x in xs), sum((y - my) ** 2 for y in ys)
    return sxy / math.sqrt(sxx * syy) if sxx and syy else 0.0


def wilson(hits, n, z=1.96):
    """Wilson's interval (low, high) for the share of hits in n trials; 95 % with the default z."""
    if n == 0:
        return 0.0, 1.0
    p, square = hits / n, z * z
    middle = (p + square / (2 * n)) / (1 + square / n)
    half = z / (1 + square / n) * math.sqrt(p * (1 - p) / n + square / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def extreme(n):
    """About the largest absolute value among n draws of a standard normal distribution."""
    return math.sqrt(2 * math.log(max(2, n)))
