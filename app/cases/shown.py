"""What is shown of a report, kept as JSON text and read back: the page looks as it did when the case was saved."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from dataclasses import asdict

from PIL import Image

from forensics.evidence import Claim, Mark
from forensics.refusal import Refusal
from forensics.shown import Item, Numbered, Page, Picture
from forensics.stability import Copy, Stability
from forensics.verdict import Conclusion

THUMBNAIL = 128  # px of the longer side


def as_text(page: Page) -> str:
    return json.dumps(asdict(page))


def page_of(text: str) -> Page:
    """Raises Refusal where the text is none of ours: somebody wrote into the database."""
    try:
        return read(json.loads(text))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise Refusal("the report kept in this case is damaged; look at the log") from None


def read(kept: Mapping) -> Page:
    return Page(
        **kept
        | {
            "based_on": tuple(kept["based_on"]),
            "would_change": tuple(kept["would_change"]),
            "size": tuple(kept["size"]),
            "picture": picture(kept["picture"]),
            "items": tuple(item(one) for one in kept["items"]),
            "facts": pairs(kept["facts"]),
            "metadata": pairs(kept["metadata"]),
            "versions": pairs(kept["versions"]),
            "stability": stability(kept["stability"]),
        }
    )


def pairs(rows: list) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), str(value)) for name, value in rows)


def picture(kept: Mapping | None) -> Picture | None:
    if kept is None:
        return None
    if not kept["uri"].startswith(("data:image/png;base64,", "data:image/jpeg;base64,")):
        raise ValueError("no picture of ours")
    return Picture(**kept)


def item(kept: Mapping) -> Item:
    return Item(
        **kept
        | {
            "claim": Claim(**kept["claim"]) if kept["claim"] else None,
            "marks": tuple(Numbered(mark["number"], Mark(**mark["mark"])) for mark in kept["marks"]),
            "exhibit": picture(kept["exhibit"]),
            "caveats": tuple(kept["caveats"]),
        }
    )


def stability(kept: Mapping | None) -> Stability | None:
    return kept and Stability(copy(kept["original"]), tuple(copy(one) for one in kept["copies"]))


def copy(kept: Mapping) -> Copy:
    return Copy(kept["name"], kept["log10_lr"], Conclusion(kept["conclusion"]))


def bytes_of(picture: Picture) -> bytes:
    return base64.b64decode(picture.uri.partition(",")[2])


def thumbnail(page: Page) -> bytes:
    """A small JPEG of the photo; nothing where there is no picture."""
    if page.picture is None:
        return b""
    image = Image.open(io.BytesIO(bytes_of(page.picture)), formats=("PNG", "JPEG"))
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
