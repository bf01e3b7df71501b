"""Verdicts over HTTP: `forensics serve`. One photo a request, the report of `forensics inspect --json` as answer."""
