"""What our forgers make says so itself: IPTC's digital source type in XMP, and the software's name.

IPTC Photo Metadata Standard 2023, "Digital Source Type": trainedAlgorithmicMedia is a picture made by a
model trained on sampled content.
"""

from __future__ import annotations

from io import BytesIO
from xml.sax.saxutils import quoteattr

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from forensics.refusal import Refusal

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
FORMATS = ("png", "jpg", "webp")
QUALITY = 95  # of JPEG
SOFTWARE_TAG = 0x0131  # EXIF "Software"


def declared(pixels: np.ndarray, software: str, kind: str = "png", quality: int = QUALITY) -> bytes:
    """(H, W, C) uint8, C of 1 to 4, → the bytes of a declared file: lossless PNG or WebP, or JPEG, 4:4:4.

    Raises Refusal where the format has no alpha and the picture (C of 2 or 4) has.
    """
    check_format(kind, pixels.shape[2])
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    buffer, xmp = BytesIO(), xmp_of(software)
    if kind == "png":
        chunks = PngInfo()
        chunks.add_text("Software", software)
        chunks.add_itxt("XML:com.adobe.xmp", xmp)
        image.save(buffer, "PNG", pnginfo=chunks)
    else:
        exif = Image.Exif()
        exif[SOFTWARE_TAG] = software
        how = {"quality": quality, "subsampling": 0} if kind == "jpg" else {"lossless": True}
        image.save(buffer, "JPEG" if kind == "jpg" else "WEBP", exif=exif, xmp=xmp.encode(), **how)
    return buffer.getvalue()


def check_format(kind: str, channels: int) -> None:
    """Raises Refusal for a format that is not known, or does not hold pictures of so many channels."""
    if kind not in FORMATS:
        raise Refusal(f"--format {kind}: must be one of {', '.join(FORMATS)}")
    if channels in (2, 4) and kind != "png":
        raise Refusal(f"--format {kind}: this generator's pictures have alpha, which is kept in png only; use png")


def xmp_of(software: str) -> str:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        f' xmp:CreatorTool={quoteattr(software)} Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}"/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    )
