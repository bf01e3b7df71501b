"""The case store: a database, opened once, whose every trouble is one line (Refusal) and changes nothing.

On SQLite a writer holds the whole file (BEGIN IMMEDIATE); on PostgreSQL rows are locked. Whatever changes a case
writes its entry into the log in the same transaction: both are there, or neither.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from app.cases import place, tables
from forensics.chain import START
from forensics.refusal import Refusal

PATIENCE = 10  # seconds that one waits for another's change
WRITES = "writes"
ADVICE = (  # part of what a database says, and what can be done about it
    ("full", "free some space and try again"),
    ("no space", "free some space and try again"),
    ("locked", "another program holds it: try again"),
    ("lock timeout", "somebody else is changing it: try again"),
    ("readonly", "it may not be written: check its permissions"),
    ("read-only", "it may not be written: check its permissions"),
    ("permission denied", "check its permissions"),
    ("unable to open", "check its folder and permissions"),
    ("not a database", f"name another file with {place.VARIABLE}"),
    ("malformed", "restore it from a copy"),
    ("connection", "is the server there? Try again"),
    ("password", f"check the user and password in {place.VARIABLE}"),
)


@dataclass(frozen=True)
class Store:
    """Where it is, as it can be shown, and the way in."""

    where: str
    engine: Engine = field(repr=False)

    @classmethod
    def open(cls, given: str | None = None) -> Store:
        """The store at a place, made there if there is none. Raises Refusal for one of another version."""
        url = place.url_of(given or place.place())
        where = place.shown(url)
        if url.drivername == "sqlite":
            prepare_file(Path(url.database))
        try:
            engine = sqlite(url) if url.drivername == "sqlite" else postgresql(url)
        except ModuleNotFoundError:
            raise Refusal(f"{where}: psycopg is not installed; pip install 'deepfake-forensics[team]'") from None
        store = cls(where, engine)
        with store.reading() as link:
            found = schema(link)
        if found is None:
            with store.changing() as link:
                make(link)
                found = schema(link)
        if found != str(tables.SCHEMA):
            raise Refusal(
                f"{where}: the cases are kept in version {found}, and this program reads version {tables.SCHEMA}; "
                f"use the program that keeps them, or another place with {place.VARIABLE}"
            )
        return store

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self.troubles("read"), self.engine.connect() as link, link.begin():
            yield link

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        """All of what is done inside, or nothing."""
        with self.troubles("changed"), self.engine.connect() as link:
            link = link.execution_options(**{WRITES: True})
            with link.begin():
                yield link

    def sweep(self) -> None:
        """Nothing that was deleted stays readable in the files of the database."""
        with self.troubles("swept"), self.engine.connect() as link:
            link = link.execution_options(isolation_level="AUTOCOMMIT")
            if self.engine.dialect.name == "sqlite":
                link.exec_driver_sql("VACUUM")
                return
            for table in (tables.cases, tables.photos, tables.log):
                link.exec_driver_sql(f"VACUUM FULL {table.name}")

    @contextmanager
    def troubles(self, what: str) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            said = str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines() or ["no reason"]
            reason = said[0].strip().rstrip(".;")[:200]
            advice = next((do for part, do in ADVICE if part in reason.lower()), "try again, or another place")
            raise Refusal(f"{self.where}: the cases could not be {what} ({reason}); {advice}") from None


def sqlite(url: object) -> Engine:
    """Each use opens the file anew: nothing is held between two of them."""
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": PATIENCE})

    @event.listens_for(engine, "connect")
    def connected(link, _) -> None:
        link.isolation_level = None  # transactions begin as we say
        link.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten with zeros

    @event.listens_for(engine, "begin")
    def begun(link: Connection) -> None:
        options = link.get_execution_options()
        if options.get("isolation_level") != "AUTOCOMMIT":
            link.exec_driver_sql("BEGIN IMMEDIATE" if options.get(WRITES) else "BEGIN")

    return engine


def postgresql(url: object) -> Engine:
    engine = create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": PATIENCE})

    @event.listens_for(engine, "connect")
    def connected(link, _) -> None:
        link.execute(f"SET lock_timeout = '{PATIENCE}s'")
        link.commit()

    return engine


def prepare_file(path: Path) -> None:
    """An empty file that only its owner can read, in a folder made if need be."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        elif not path.is_file():
            raise Refusal(f"{path}: is no ordinary file; name another with {place.VARIABLE}")
    except (OSError, ValueError) as error:
        if isinstance(error, Refusal):
            raise
        reason = getattr(error, "strerror", None) or error
        raise Refusal(
            f"{path}: cases cannot be kept there ({reason}); name another file with {place.VARIABLE}"
        ) from None


def schema(link: Connection) -> str | None:
    """The version of the tables that are there; None where there are none of ours."""
    if not inspect(link).has_table(tables.about.name):
        return None
    found = link.scalar(select(tables.about.c.value).where(tables.about.c.name == "schema"))
    return None if found is None else str(found)[:40]


def make(link: Connection) -> None:
    """Tables and counters, unless somebody else has just made them."""
    if link.dialect.name == "postgresql":
        link.execute(text("SELECT pg_advisory_xact_lock(7305471)"))
    if schema(link) is not None:
        return
    tables.METADATA.create_all(link)
    start = {"schema": tables.SCHEMA, "cases": 0, "entries": 0, "head": START}
    link.execute(insert(tables.about), [{"name": name, "value": str(value)} for name, value in start.items()])
