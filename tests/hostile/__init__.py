"""Thousands of malformed photos against the real scan: `python -m tests.hostile [--count N] [--seed S]`.

Seeds of every format are drawn in code, damaged at random or put together by hand to hurt, and each goes through
a worker of `forensics scan`. It must end in a verdict, or in `unreadable` with a reason, within the limits.
"""
