"""Likelihood ratios in plain digits, as texts tell them."""

from __future__ import annotations


def times(log10_lr: float) -> str:
    """The nearest whole number: 10, 18, 1,000."""
    return f"{10 ** abs(log10_lr):,.0f}"


def at_most(log10_lr: float) -> str:
    """A largest ratio, rounded down: never more than was measured."""
    return f"{int(10 ** abs(log10_lr) + 1e-6):,}"
