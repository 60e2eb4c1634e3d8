"""Independent values of every quantity of the models, and a grid of inputs to compare them on.

Values come from interval arithmetic (Arb, through python-flint) with 200 bits and more: gamma functions as
they stand in the papers, integrals by `acb.integral`. Sums over up to a million whole numbers start from a
term by Arb and go on in numbers of 64 bits of mantissa (``numpy.longdouble``).

`MODELS` is a table: of each model how to draw an input, and of each quantity what the library says, what the
oracle says, and how errors are measured. Add a model by adding its row.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from flint import acb, arb, ctx

from clvml.distributions import bgbb, bgnbd, gamma_gamma, mbgnbd, pareto_nbd
from clvml.distributions import shifted_beta_geometric as sbg
from clvml.distributions._history import History, alive_at
from clvml.distributions.bgbb import BGBBParams
from clvml.distributions.bgnbd import BGNBDParams
from clvml.distributions.gamma_gamma import GammaGammaParams
from clvml.distributions.mbgnbd import MBGNBDParams
from clvml.distributions.pareto_nbd import ParetoNBDParams
from clvml.distributions.shifted_beta_geometric import ShiftedBetaGeometricParams

PRECISION = 240
TINY = 1e-290  # below it, anything from 0 up is right


class Case(NamedTuple):
    """One customer of one model, and what is asked of them."""

    params: Any
    x: float
    t_x: float
    T: float
    horizon: float
    n: float = 0.0
    m: float = 1.0


class Quantity(NamedTuple):
    """What the library says, what is true; ``of_log`` where errors count relative to max(1, |value|)."""

    ours: Callable[[Case], float]
    truth: Callable[[Case], arb]
    of_log: bool = False


class Model(NamedTuple):
    draw: Callable[[np.random.Generator], Case]
    quantities: dict[str, Quantity]


def error(quantity: Quantity, case: Case) -> float:
    """The relative error of what the library says; infinite where it is negative or no number."""
    ctx.prec = PRECISION
    return error_of(quantity.ours(case), quantity.truth(case), quantity)


def error_of(ours: float, truth: arb | float, quantity: Quantity) -> float:
    """The same of a value and a truth that are known."""
    ctx.prec = PRECISION
    value, truth = float(ours), arb(truth)
    if np.isinf(value) and truth == arb("inf"):
        return 0.0
    if not np.isfinite(value):
        return np.inf
    if quantity.of_log:
        return abs(float((arb(value) - truth) / max(arb(1), abs(truth))))
    if float(truth) < TINY:
        return 0.0 if 0 <= value < 2 * TINY else np.inf
    return abs(float((arb(value) - truth) / truth)) if value >= 0 else np.inf


def one(*values: float) -> list[np.ndarray]:
    return [np.array([float(value)]) for value in values]


# Draws --------------------------------------------------------------------------------------------


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    """Anywhere on a logarithmic scale, and often at its ends."""
    return float(rng.choice([low, high, np.exp(rng.uniform(np.log(low), np.log(high)))], p=[0.1, 0.1, 0.8]))


def _size(rng: np.random.Generator) -> float:
    return _between(rng, 1e-3, 1e4)


def _near_one(rng: np.random.Generator) -> float:
    """A parameter at whose value 1 formulas divide by zero."""
    near = 1 + rng.choice([-1, 1]) * 10 ** rng.uniform(-16, -6)
    return float(rng.choice([_size(rng), _size(rng), 1.0, near]))


def _number(rng: np.random.Generator) -> int:
    return int(rng.choice([0, 1, 5000, 10 ** rng.uniform(0, 3.7) - 1]))


def _share(rng: np.random.Generator) -> float:
    tiny = 10 ** rng.uniform(-12, 0)
    return float(rng.choice([0, 1, rng.random(), tiny, 1 - tiny]))


def _ahead(rng: np.random.Generator, expected: float) -> int:
    """A number of purchases: likely, far from it, or anything."""
    likely = rng.poisson(min(expected, 5000.0))
    return int(min(5000, rng.choice([0, likely, likely * 10 ** rng.uniform(-1, 1), _number(rng)])))


def draw_bgnbd(rng: np.random.Generator) -> Case:
    return _history(BGNBDParams(_size(rng), _size(rng), _near_one(rng), _size(rng)), rng)


def draw_mbgnbd(rng: np.random.Generator) -> Case:
    return _history(MBGNBDParams(_size(rng), _size(rng), _near_one(rng), _size(rng)), rng)


def draw_pareto_nbd(rng: np.random.Generator) -> Case:
    return _history(ParetoNBDParams(_size(rng), _size(rng), _near_one(rng), _size(rng)), rng)


def _history(params: Any, rng: np.random.Generator) -> Case:
    T, horizon = _between(rng, 1 / 24, 1e6) * (rng.random() > 0.05), _between(rng, 1 / 24, 1e6)
    x = _number(rng) if T else 0  # a new customer has bought nothing yet
    rate = rng.gamma(params.r + x) / (params.alpha + T)
    return Case(params, x, T * _share(rng) if x else 0.0, T, horizon, _ahead(rng, rate * horizon))


def draw_bgbb(rng: np.random.Generator) -> Case:
    params = BGBBParams(_size(rng), _size(rng), _near_one(rng), _size(rng))
    T, horizon = (int(_between(rng, 1, rng.choice([30, 1e4, 1e6]))) for _ in range(2))
    T *= rng.random() > 0.05
    x = min(_number(rng), T)
    t_x = x + int((T - x) * _share(rng)) if x else 0
    share = rng.beta(params.alpha + x, params.beta + T - x)
    return Case(params, x, t_x, T, horizon, min(horizon, _ahead(rng, share * horizon)))


def draw_shifted_beta_geometric(rng: np.random.Generator) -> Case:
    params = ShiftedBetaGeometricParams(_near_one(rng), _size(rng))
    T, horizon = (int(_between(rng, 1, 1e6)) for _ in range(2))
    n = rng.choice([horizon, int(horizon * rng.random())])
    return Case(params, rng.choice([T, int(T * rng.random())]), 0, T, horizon, n)


def draw_gamma_gamma(rng: np.random.Generator) -> Case:
    params, x = GammaGammaParams(_size(rng), _near_one(rng), _size(rng)), max(1, _number(rng))
    if params.p * x + params.q <= 1:  # no expected spend
        return draw_gamma_gamma(rng)
    mean = params.p * params.v / max(params.q - 1, 0.1)
    m = rng.choice([_between(rng, 1e-3, 1e6), np.clip(mean * 10 ** rng.uniform(-1, 1), 1e-3, 1e6)])
    return Case(params, x, 0, 0, 0, 0, m)


# Gamma functions and integrals --------------------------------------------------------------------


def log_beta(a: arb, b: arb) -> arb:
    return a.lgamma() + b.lgamma() - (a + b).lgamma()


def integral(log_integrand: Callable[[Any], Any], low: float, high: float) -> tuple[float, arb]:
    """``top`` and ``I``: the integral of the exponential of a unimodal function is ``exp(top) * I``.

    Cut where doubles see it change, so that no panel hides a narrow peak.
    """

    def at(grid):
        return np.array([float(log_integrand(arb(float(v))).mid()) for v in grid])

    near_low = low + (high - low) * np.geomspace(1e-9, 1, 60)
    grid = np.unique(np.concatenate([np.linspace(low, high, 60), near_low]))
    for _ in range(6):
        peak = int(at(grid).argmax())
        around = grid[max(peak - 1, 0)], grid[min(peak + 1, grid.size - 1)]
        grid = np.unique(np.concatenate([grid, np.linspace(*around, 12)]))
    values, total = at(grid), acb(0)
    top = float(values.max())
    counts = np.maximum(values[:-1], values[1:]) > top - 90

    def integrand(v, _):
        return (log_integrand(v) - top).exp()

    tolerance = {"rel_tol": arb("1e-25"), "abs_tol": arb("1e-30")}
    for start, end in itertools.compress(itertools.pairwise(grid.tolist()), counts):
        total += acb.integral(integrand, start, end, **tolerance)
    return top, total.real


# BG/NBD and MBG/NBD -------------------------------------------------------------------------------


def chances(case: Case) -> float:
    """To leave: one after each repeat purchase, and one after the first in MBG/NBD."""
    return case.x + isinstance(case.params, MBGNBDParams)


def bgnbd_odds_left(case: Case) -> arb:
    r, alpha, a, b = map(arb, case.params)
    if not chances(case):
        return arb(0)
    return a / (b + chances(case) - 1) * ((alpha + case.T) / (alpha + case.t_x)) ** (r + case.x)


def bgnbd_log_likelihood(case: Case) -> arb:
    r, alpha, a, b = map(arb, case.params)
    bought = (r + case.x).lgamma() - r.lgamma() + r * alpha.log() - (r + case.x) * (alpha + case.T).log()
    stayed = log_beta(a, b + chances(case)) - log_beta(a, b)
    return bought + stayed + bgnbd_odds_left(case).log1p()


def bgnbd_alive(case: Case) -> arb:
    return 1 / (1 + bgnbd_odds_left(case))


def softplus(y: Any) -> Any:
    return y + (-y).exp().log1p() if y.real.mid() > 0 else y.exp().log1p()


def log1p_off_the_cut(w: Any) -> Any:
    """No number where a region of the plane lies across the cut of the logarithm."""
    crosses = isinstance(w, acb) and w.imag.contains(0) and not w.real > -1
    return acb("nan") if crosses else w.log1p()


def average_over_dropout(case: Case, horizon: float, log_function: Callable[[Any, Any], Any]) -> arb:
    """The average over ``p ~ Beta(a, b + chances)``, of a function of ``log p`` and ``R log(1 + p z)``.

    An integral over ``y = logit(p)``; where the ends of its range are, nothing but ``exp(a y)`` and
    ``exp(-B y)`` changes any more, by 40 digits, so that what lies beyond is known.
    """
    r, alpha, a, b = map(arb, case.params)
    R, z, B = r + case.x, arb(horizon) / (alpha + case.T), b + chances(case)

    def log_integrand(y):
        log_p = -softplus(-y)
        bought = R * log1p_off_the_cut(log_p.exp() * z)
        return a * log_p - B * softplus(y) + log_function(log_p, bought)

    mode = float((a / B).log())
    low = min(0, mode) - float((z * (1 + R)).log1p() + B.log1p()) - 100
    high = max(0, mode) + float((a + R).log1p()) + 100
    top, total = integral(log_integrand, low, high)
    total += (log_integrand(arb(low)) - top).exp() / a + (log_integrand(arb(high)) - top).exp() / B
    return total * (top - log_beta(a, B)).exp()


def bgnbd_stays(case: Case) -> arb:
    return average_over_dropout(case, case.horizon, lambda _, bought: -bought)


def bgnbd_ahead(case: Case, horizon: float | None = None) -> arb:
    horizon = case.horizon if horizon is None else horizon
    return average_over_dropout(case, horizon, lambda log_p, bought: (-(-bought).expm1()).log() - log_p)


def bgnbd_endless(case: Case) -> arb:
    a = arb(case.params.a)
    return (a + case.params.b + chances(case) - 1) / (a - 1) if case.params.a > 1 else arb("inf")


def bgnbd_count(case: Case) -> arb:
    """Stays through all ``n``, or leaves at the last of them when more would have come."""
    r, alpha, a, b = map(arb, case.params)
    n, R, seen, B = arb(case.n), r + case.x, alpha + case.T, b + chances(case)
    odds = case.horizon / seen
    never = -R * odds.log1p()
    if not case.n:
        return never.exp()
    exactly = (R + n).lgamma() - R.lgamma() - (n + 1).lgamma() - n * (1 / odds).log1p() + never
    stays = exactly + log_beta(a, B + n) - log_beta(a, B)
    leaves = log_beta(a + 1, B + n - 1) - log_beta(a, B)
    end = float(odds.log())
    start = min(end, float((n / R).log())) - 100

    def log_integrand(y):
        return -n * softplus(-y) - R * softplus(y)

    top, total = integral(log_integrand, start, end)
    return stays.exp() + total * (top + leaves - log_beta(n, R)).exp()


def bgnbd_buys(case: Case) -> arb:
    """Nobody leaves before the first of the purchases ahead."""
    r, alpha, _, _ = map(arb, case.params)
    return -(-(r + case.x) * (arb(case.horizon) / (alpha + case.T)).log1p()).expm1()


# Pareto/NBD ---------------------------------------------------------------------------------------


def pareto_log_odds_left(case: Case) -> arb:
    r, alpha, s, beta = map(arb, case.params)
    x, t_x, T = arb(case.x), arb(case.t_x), arb(case.T)
    if case.t_x >= case.T:
        return arb("-inf")
    unit = arb(min(case.params.alpha, case.params.beta))
    length = ((unit + T) / (unit + t_x)).log()

    def log_integrand(share):
        passed = (unit + t_x) * ((length * share).exp() - 1)
        bought = (r + x) * ((alpha + T) / (alpha + t_x + passed)).log()
        stayed = s * ((beta + T) / (beta + t_x + passed)).log()
        return bought + stayed + (length * s * (unit + t_x + passed) / (beta + t_x + passed)).log()

    top, total = integral(log_integrand, 0.0, 1.0)
    return top + total.log()


def pareto_log_likelihood(case: Case) -> arb:
    r, alpha, s, beta = map(arb, case.params)
    x, T = arb(case.x), arb(case.T)
    alive = (r + x).lgamma() - r.lgamma() + r * alpha.log() + s * beta.log()
    alive -= (r + x) * (alpha + T).log() + s * (beta + T).log()
    return alive if case.t_x >= case.T else alive + log1p_exp(pareto_log_odds_left(case))


def log1p_exp(v: arb) -> arb:
    return v + (-v).exp().log1p() if v > 0 else v.exp().log1p()


def pareto_alive(case: Case) -> arb:
    return arb(1) if case.t_x >= case.T else (-log1p_exp(pareto_log_odds_left(case))).exp()


def pareto_stays(case: Case) -> arb:
    _, _, s, beta = map(arb, case.params)
    return ((beta + case.T) / (beta + case.T + case.horizon)) ** s


def pareto_ahead(case: Case, horizon: float | None = None) -> arb:
    r, alpha, s, beta = map(arb, case.params)
    lived, end = beta + case.T, arb(case.horizon if horizon is None else horizon)
    growth = (1 + end / lived).log()
    stay = growth if case.params.s == 1 else ((growth * (1 - s)).exp() - 1) / (1 - s)
    return (r + case.x) / (alpha + case.T) * lived * stay


def pareto_endless(case: Case) -> arb:
    r, alpha, s, beta = map(arb, case.params)
    if case.params.s <= 1:
        return arb("inf")
    return (r + case.x) / (alpha + case.T) * (beta + case.T) / (s - 1)


def pareto_count(case: Case) -> arb:
    r, alpha, s, beta = map(arb, case.params)
    n, shape, seen, lived = arb(case.n), r + case.x, alpha + case.T, beta + case.T
    constant = (shape + n).lgamma() - shape.lgamma() - (n + 1).lgamma()
    unit = arb(min(float(seen), float(lived)))
    end = float((1 + arb(case.horizon) / unit).log())

    def log_bought(y):
        bought = n * (y / (seen + y)).log() if case.n else arb(0)
        return constant + shape * (seen / (seen + y)).log() + bought

    def log_integrand(v):
        y = unit * (v.exp() - 1)
        return log_bought(y) + s * (lived / (lived + y)).log() + (s * unit * v.exp() / (lived + y)).log()

    # Where n > 0 the integrand vanishes at 0, as y**n, and its logarithm does not exist there.
    top, total = integral(log_integrand, end * 1e-14 if case.n else 0.0, end)
    stays = log_bought(arb(case.horizon)) + s * (lived / (lived + case.horizon)).log()
    return stays.exp() + total * arb(top).exp()


def pareto_buys(case: Case) -> arb:
    """The density of the first purchase, while alive, up to the horizon."""
    r, alpha, s, beta = map(arb, case.params)
    rate, seen, lived = r + case.x, alpha + case.T, beta + case.T
    unit = arb(min(float(seen), float(lived)))
    end = float((1 + arb(case.horizon) / unit).log())

    def log_integrand(v):
        y = unit * (v.exp() - 1)
        first = (rate * unit * v.exp() / (seen + y)).log() + rate * (seen / (seen + y)).log()
        return first + s * (lived / (lived + y)).log()

    top, total = integral(log_integrand, 0.0, end)
    return total * arb(top).exp()


# Opportunities: BG/BB and the shifted beta-geometric ----------------------------------------------


def stays(gamma: float, d: arb, k: float) -> arb:
    return (log_beta(arb(gamma), d + k) - log_beta(arb(gamma), d)).exp()


def expected_stay(gamma: float, d: arb, h: float) -> arb:
    if gamma == 1:
        return d * ((d + h + 1).digamma() - (d + 1).digamma())
    return ((d + h) * stays(gamma, d, h) - d) / (1 - arb(gamma))


def endless_stay(gamma: float, d: arb) -> arb:
    return d / (arb(gamma) - 1) if gamma > 1 else arb("inf")


def long(value: arb) -> np.longdouble:
    """Two doubles hold what one number of 64 bits does."""
    high = float(value)
    return np.longdouble(high) + np.longdouble(float(value - high))


def exact(value: np.longdouble) -> arb:
    return arb(float(value)) + arb(float(value - np.longdouble(float(value))))


def bgbb_log_ends(case: Case) -> tuple[arb, arb]:
    """Log-probabilities of the history and having left before ``n``, and of it and being alive."""
    a, b, g, d = map(arb, case.params)
    x, t_x, n = arb(case.x), arb(case.t_x), arb(case.T)
    before = log_beta(a, b) + log_beta(g, d)
    alive = log_beta(a + x, b + n - x) + log_beta(g, d + n) - before
    first = log_beta(a + x, b + t_x - x) + log_beta(g + 1, d + t_x) - before
    m = np.arange(case.t_x, case.T, dtype=np.longdouble)
    p = [np.longdouble(value) for value in case.params]
    step = (p[1] + (m - case.x)) / (p[0] + p[1] + m) * ((p[3] + m) / (p[2] + p[3] + 1 + m))
    terms = np.cumprod(np.append(np.longdouble(1), step[:-1]))
    left = first + exact(terms[::-1].sum()).log() if case.t_x < case.T else arb("-inf")
    return left, alive


def bgbb_log_likelihood(case: Case) -> arb:
    left, alive = bgbb_log_ends(case)
    return alive if case.t_x == case.T else alive + log1p_exp(left - alive)


def bgbb_alive(case: Case) -> arb:
    left, alive = bgbb_log_ends(case)
    return arb(1) if case.t_x == case.T else (-log1p_exp(left - alive)).exp()


def bgbb_now(case: Case) -> tuple[arb, arb, float, arb]:
    """The Beta distributions of a customer alive."""
    a, b, _, d = map(arb, case.params)
    return a + case.x, b + case.T - case.x, case.params.gamma, d + case.T


def bgbb_ahead(case: Case, horizon: float | None = None) -> arb:
    a, b, g, d = bgbb_now(case)
    return a / (a + b) * expected_stay(g, d, case.horizon if horizon is None else horizon)


def bgbb_endless(case: Case) -> arb:
    a, b, g, d = bgbb_now(case)
    return a / (a + b) * endless_stay(g, d)


def bgbb_count(case: Case) -> arb:
    """Terms one by one, from the largest outwards."""
    a, b, g, d = bgbb_now(case)
    n, h = case.n, case.horizon

    def log_bought(j):
        ways = (arb(j) + 1).lgamma() - (arb(n) + 1).lgamma() - (arb(j) - n + 1).lgamma()
        return ways + log_beta(a + n, b + j - n) - log_beta(a, b)

    stay = (log_bought(h) + log_beta(arb(g), d + h) - log_beta(arb(g), d)).exp()
    if n == h:
        return stay
    j = np.arange(n, h, dtype=np.longdouble)
    A, B, D, G = long(a), long(b), long(d), np.longdouble(g)
    step = (j + 1) / (j + 1 - n) * ((B + (j - n)) / (A + B + j)) * ((D + j) / (G + D + 1 + j))
    peak = int(np.append(0, np.cumsum(np.log(step[:-1]))).argmax())
    up, down = np.cumprod(step[peak:-1]), np.cumprod(1 / step[:peak][::-1])
    total = np.longdouble(1) + up[::-1].sum() + down[::-1].sum()
    k = arb(float(j[peak]))
    top = log_bought(k) + log_beta(arb(g) + 1, d + k) - log_beta(arb(g), d)
    return stay + top.exp() * exact(total)


def bgbb_buys(case: Case) -> arb:
    """Does not drop out until the first purchase, which is one of the next ones: terms one by one."""
    a, b, g, d = bgbb_now(case)
    j = np.arange(case.horizon - 1, dtype=np.longdouble)
    A, B, D, G = long(a), long(b), long(d), np.longdouble(g)
    step = (B + j) / (A + B + 1 + j) * ((D + 1 + j) / (G + D + 1 + j))
    total = np.append(np.longdouble(1), np.cumprod(step))[::-1].sum()
    return a / (a + b) * d / (g + d) * exact(total)


def sbg_buys(case: Case) -> arb:
    a, d = arb(case.params.alpha), arb(case.params.beta) + case.T
    return d / (a + d)


def sbg_log_likelihood(case: Case) -> arb:
    a, b = map(arb, case.params)
    left = arb(a + 1 if case.x < case.T else a)
    return log_beta(left, b + case.x) - log_beta(a, b)


def sbg_count(case: Case) -> arb:
    a, d = arb(case.params.alpha), arb(case.params.beta) + case.T
    left = a + 1 if case.n < case.horizon else a
    return (log_beta(left, d + case.n) - log_beta(a, d)).exp()


# Gamma-Gamma --------------------------------------------------------------------------------------


def gg_log_likelihood(case: Case) -> arb:
    p, q, v = map(arb, case.params)
    m, y = arb(case.m), arb(case.x) * case.m
    own = p * case.x
    return -log_beta(own, q) - own * (1 + v / y).log() - q * (1 + y / v).log() - m.log()


def gg_expected_spend(case: Case) -> arb:
    p, q, v = map(arb, case.params)
    return p * (v + arb(case.x) * case.m) / (p * case.x + q - 1)


# The table ----------------------------------------------------------------------------------------

ENDS = np.geomspace(0.01, 1, 13)
WEIGHTS = np.linspace(1, 0.1, 13)


def purchase_model(kernel: Any, truths: dict[str, Callable], whole: bool = False) -> dict[str, Quantity]:
    """The quantities of a model of ``(x, t_x, T)``; ``whole`` where it counts opportunities."""

    def ends(case):
        return np.maximum(np.ceil(ENDS * case.horizon), 1) if whole else ENDS * case.horizon

    def discounted(case):
        terms = zip(ends(case).tolist(), WEIGHTS.tolist(), strict=True)
        return sum((weight * truths["purchases ahead"](case, end) for end, weight in terms), arb(0))

    def ahead(case, ends, weights):
        return kernel.purchases_given_alive(alive_at(*one(case.x, case.T)), ends, weights, case.params)[0]

    ours = {
        "log-likelihood": lambda c: kernel.log_likelihood(History(*one(c.x, c.t_x, c.T)), c.params)[0],
        "P(alive)": lambda c: kernel.probability_alive(History(*one(c.x, c.t_x, c.T)), c.params)[0],
        "staying": lambda c: kernel.survival_probability(alive_at(*one(c.x, c.T)), c.horizon, c.params)[0],
        "purchases ahead": lambda c: ahead(c, np.array([c.horizon]), np.ones(1)),
        "endless": lambda c: kernel.infinite_horizon_purchases(alive_at(*one(c.x, c.T)), c.params)[0],
        "P(n)": lambda c: kernel.count_probability(*one(c.n), c.horizon, alive_at(*one(c.x, c.T)), c.params)[
            0
        ],
        "buys": lambda c: kernel.any_purchase_probability(alive_at(*one(c.x, c.T)), c.horizon, c.params)[0],
        "discounted": lambda c: ahead(c, ends(c), WEIGHTS),
    }
    return {
        name: Quantity(ours[name], truth, of_log=name == "log-likelihood")
        for name, truth in (truths | {"discounted": discounted}).items()
    }


BGNBD = {
    "log-likelihood": bgnbd_log_likelihood,
    "P(alive)": bgnbd_alive,
    "staying": bgnbd_stays,
    "purchases ahead": bgnbd_ahead,
    "endless": bgnbd_endless,
    "P(n)": bgnbd_count,
    "buys": bgnbd_buys,
}
PARETO_NBD = {
    "log-likelihood": pareto_log_likelihood,
    "P(alive)": pareto_alive,
    "staying": pareto_stays,
    "purchases ahead": pareto_ahead,
    "endless": pareto_endless,
    "P(n)": pareto_count,
    "buys": pareto_buys,
}
BGBB = {
    "log-likelihood": bgbb_log_likelihood,
    "P(alive)": bgbb_alive,
    "staying": lambda c: stays(c.params.gamma, arb(c.params.delta) + c.T, c.horizon),
    "purchases ahead": bgbb_ahead,
    "endless": bgbb_endless,
    "P(n)": bgbb_count,
    "buys": bgbb_buys,
}
SBG = {
    "staying": lambda c: stays(c.params.alpha, arb(c.params.beta) + c.T, c.horizon),
    "purchases ahead": lambda c, h=None: expected_stay(
        c.params.alpha, arb(c.params.beta) + c.T, c.horizon if h is None else h
    ),
    "endless": lambda c: endless_stay(c.params.alpha, arb(c.params.beta) + c.T),
    "P(n)": sbg_count,
    "buys": sbg_buys,
}
SBG_LIKELIHOOD = Quantity(
    lambda c: sbg.log_likelihood(History(*one(c.x, c.x, c.T)), c.params)[0], sbg_log_likelihood, of_log=True
)
GAMMA_GAMMA = {
    "log-likelihood": Quantity(
        lambda c: gamma_gamma.log_likelihood(*one(c.x, c.m), c.params)[0], gg_log_likelihood, of_log=True
    ),
    "expected spend": Quantity(
        lambda c: gamma_gamma.expected_spend(*one(c.x, c.m), c.params)[0], gg_expected_spend
    ),
}

MODELS = {
    "BG/NBD": Model(draw_bgnbd, purchase_model(bgnbd, BGNBD)),
    "MBG/NBD": Model(draw_mbgnbd, purchase_model(mbgnbd, BGNBD)),
    "Pareto/NBD": Model(draw_pareto_nbd, purchase_model(pareto_nbd, PARETO_NBD)),
    "BG/BB": Model(draw_bgbb, purchase_model(bgbb, BGBB, whole=True)),
    "shifted beta-geometric": Model(
        draw_shifted_beta_geometric,
        {"log-likelihood": SBG_LIKELIHOOD} | purchase_model(sbg, SBG, whole=True),
    ),
    "Gamma-Gamma": Model(draw_gamma_gamma, GAMMA_GAMMA),
}
