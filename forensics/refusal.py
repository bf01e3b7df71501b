"""Bad input, answered with one clear line."""

from __future__ import annotations


class Refusal(ValueError):
    """The user asked for something that cannot be done.

    The message says what was given, what is allowed and what to do; commands print it as one
    line and exit with code 2. Never raised for our own mistakes, which keep their traceback.
    """
