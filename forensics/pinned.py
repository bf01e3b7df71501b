"""Models of others that ship with us, known by what is in them: no other file is taken for one of them."""

from __future__ import annotations

from hashlib import sha256

from forensics.places import MODELS
from forensics.refusal import Refusal

FACES = "face_landmarker.task"
SHA256 = {  # where they come from: NOTICE
    "C2PA-TRUST-LIST.pem": "75cacc98b79ecac33713c7ecfb58d4a0ef383f3c1f886e7409f9e37e8664aea5",
    "C2PA-TSA-TRUST-LIST.pem": "c688d3555f4a2f1f8d663472bbd37888ff234abdd234c25934c0f9292e4eb5c9",
    FACES: "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
    "features.safetensors": "6eeceaccb5033fd3c0d7877c5411caa7ef75df43389ac3364a56a763432930f5",
}


def pinned(name: str) -> bytes:
    """The file's bytes. Raises Refusal where it is missing or another."""
    file = MODELS / name
    try:
        data = file.read_bytes()
    except OSError as error:
        raise Refusal(f"{file} cannot be read ({error.strerror}); it ships with us: restore it") from None
    if sha256(data).hexdigest() != SHA256[name]:
        raise Refusal(f"{file} is not the file that ships (sha256 {SHA256[name]}); restore it")
    return data
