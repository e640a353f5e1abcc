"""SciPy's special functions, imported when one is first called: who only counts need not wait for them."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any


@cache
def _scipy(name: str) -> Any:
    return getattr(import_module("scipy.special"), name)


def betainc(a: Any, b: Any, x: Any) -> Any:
    """Returns the distribution function of the beta law."""
    return _scipy("betainc")(a, b, x)


def betaincinv(a: Any, b: Any, p: Any) -> Any:
    """Returns its quantiles."""
    return _scipy("betaincinv")(a, b, p)


def betaln(a: Any, b: Any) -> Any:
    """Returns the logarithm of the beta function."""
    return _scipy("betaln")(a, b)


def logsumexp(values: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Returns the logarithm of a sum of exponentials."""
    return _scipy("logsumexp")(values, axis=axis, keepdims=keepdims)


def ndtr(x: Any) -> Any:
    """Returns the distribution function of the normal law."""
    return _scipy("ndtr")(x)


def ndtri(p: Any) -> Any:
    """Returns its quantiles."""
    return _scipy("ndtri")(p)


def rel_entr(x: Any, y: Any) -> Any:
    """Returns the summands of a relative entropy."""
    return _scipy("rel_entr")(x, y)


def stdtrit(freedom: Any, p: Any) -> Any:
    """Returns the quantiles of Student's law."""
    return _scipy("stdtrit")(freedom, p)


def gammaincc(a: Any, x: Any) -> Any:
    """Returns the chance that a gamma law of shape ``a`` exceeds ``x``."""
    return _scipy("gammaincc")(a, x)


def gammaln(x: Any) -> Any:
    """Returns the logarithm of the gamma function."""
    return _scipy("gammaln")(x)


def kolmogorov(x: Any) -> Any:
    """Returns the chance that Kolmogorov's limit law exceeds ``x``."""
    return _scipy("kolmogorov")(x)
