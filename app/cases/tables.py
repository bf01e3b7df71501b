"""The tables of a case store, in their first version. Times are ISO 8601 in UTC, JSON is text: both are hashed."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, LargeBinary, MetaData, String, Table, Text

SCHEMA = 1
METADATA = MetaData()

about = Table(  # "schema", and the counters of the log: "cases", "entries", "head"
    "forensics_about",
    METADATA,
    Column("name", String(20), primary_key=True),
    Column("value", Text, nullable=False),
)
photos = Table(
    "forensics_photos",
    METADATA,
    Column("sha256", String(64), primary_key=True),
    Column("data", LargeBinary, nullable=False),
)
cases = Table(
    "forensics_cases",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("revision", Integer, nullable=False),  # one more with every change
    Column("opened", Text, nullable=False),
    Column("opened_by", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("taken_by", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("conclusion", Text, nullable=False),  # the report's; "unreadable" where it has none
    Column("log10_lr", Float(53), nullable=True),
    Column("notes", Text, nullable=False),
    Column("own_conclusion", String(20), nullable=False),
    Column("own_reason", Text, nullable=False),
    Column("record", Text, nullable=False),  # the report as `forensics inspect --json` writes it
    Column("page", Text, nullable=False),  # what is shown of it
    Column("thumbnail", LargeBinary, nullable=False),
)
Index("forensics_cases_state", cases.c.state, cases.c.number)
Index("forensics_cases_sha256", cases.c.sha256)
log = Table(  # the fields of forensics.chain.Entry
    "forensics_log",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("time", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("what", String(20), nullable=False),
    Column("case", Integer, nullable=False),
    Column("seal", String(64), nullable=False),
    Column("previous", String(64), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("salt", Text, nullable=True),
    Column("detail", Text, nullable=True),
)
Index("forensics_log_case", log.c.case, log.c.number)
