"""The words that every part of the house shares: photo, evidence, verdict, report, corpus."""

__version__ = "0.1.0"
