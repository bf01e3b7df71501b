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

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
FORMATS = ("png", "jpg", "webp")
SOFTWARE_TAG = 0x0131  # EXIF "Software"


def declared(pixels: np.ndarray, software: str, kind: str = "png") -> bytes:
    """(H, W, 3) uint8 → the bytes of a declared file: lossless PNG or WebP, or JPEG of quality 95, 4:4:4."""
    image, buffer, xmp = Image.fromarray(pixels), BytesIO(), xmp_of(software)
    if kind == "png":
        chunks = PngInfo()
        chunks.add_text("Software", software)
        chunks.add_itxt("XML:com.adobe.xmp", xmp)
        image.save(buffer, "PNG", pnginfo=chunks)
    else:
        exif = Image.Exif()
        exif[SOFTWARE_TAG] = software
        how = {"quality": 95, "subsampling": 0} if kind == "jpg" else {"lossless": True}
        image.save(buffer, "JPEG" if kind == "jpg" else "WEBP", exif=exif, xmp=xmp.encode(), **how)
    return buffer.getvalue()


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
