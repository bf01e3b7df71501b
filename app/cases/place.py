"""Where cases are kept: a file of the user's, or a PostgreSQL that a team shares (FORENSICS_CASES)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.refusal import Refusal

if TYPE_CHECKING:
    from sqlalchemy import URL

VARIABLE = "FORENSICS_CASES"


def place() -> str:
    """What FORENSICS_CASES says, a file or a URL; by default a file under the user's data folder."""
    given = os.environ.get(VARIABLE, "").strip()
    if given:
        return given
    data = os.environ.get("XDG_DATA_HOME", "")
    folder = Path(data) if Path(data).is_absolute() else Path.home() / ".local" / "share"
    return str(folder / "deepfake-forensics" / "cases.sqlite")


def url_of(given: str) -> URL:
    """The database that a place names. Raises Refusal for what is neither a file nor a PostgreSQL."""
    from sqlalchemy import URL, make_url
    from sqlalchemy.exc import ArgumentError

    if "://" not in given:
        return URL.create("sqlite", database=str(Path(given).expanduser().absolute()))
    wanted = "give a file, or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
    try:
        url = make_url(given)
    except (ArgumentError, ValueError):
        raise Refusal(f"{VARIABLE} is no URL of a database; {wanted}") from None
    if url.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername == "sqlite" and url.database not in (None, "", ":memory:"):
        return url.set(database=str(Path(url.database).absolute()), query={})
    raise Refusal(f"{VARIABLE}: cases cannot be kept in {url.drivername}; {wanted}")


def shown(url: URL) -> str:
    """A place as it can be shown: without the password."""
    return url.database if url.drivername == "sqlite" else url.render_as_string(hide_password=True)
