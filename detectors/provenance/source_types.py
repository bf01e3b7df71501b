"""What IPTC's Digital Source Type terms mean for us. C2PA actions and XMP use the same vocabulary.

Source: https://cv.iptc.org/newscodes/digitalsourcetype/ (2024-09 revision) and C2PA 2.x, table of
digital source types. Terms that neither declare a generator nor a camera (a scan, a screen capture,
a drawing, "minor edits") are left out on purpose: they declare nothing we weigh.
"""

from __future__ import annotations

from typing import Literal

Says = Literal["generated", "edited", "captured"]

SAYS: dict[str, Says] = {
    "trainedAlgorithmicMedia": "generated",  # "created algorithmically using a model derived from sampled content"
    "algorithmicMedia": "generated",  # by an algorithm that was not trained
    "compositeWithTrainedAlgorithmicMedia": "edited",  # inpainting, outpainting: generated parts in other content
    "compositeSynthetic": "edited",  # a composite with at least one synthetic element
    "digitalCapture": "captured",
    "computationalCapture": "captured",  # several frames of one camera, merged: every phone does
}


def term(value: str) -> str:
    """The term at the end of a NewsCodes address; writers use http, https, a QCode or the bare term."""
    return value.strip().rstrip("/").replace(":", "/").rpartition("/")[2][:64]


def says(value: str) -> Says | None:
    return SAYS.get(term(value))
