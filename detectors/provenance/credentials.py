"""Content Credentials (C2PA): what was signed into the file, by whom, and whether it still holds.

Read with c2pa-rs through `c2pa-python`, with every way to the network shut: no remote manifests, no
OCSP, no host allowed at all, and identity assertions (CAWG) not decoded, because these resolve
addresses past that list. Trust anchors are the two lists of the C2PA conformance programme that ship
with this version; nothing else is trusted. Source: C2PA Technical Specification 2.x, §14 and §15.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import ClassVar, Self

from detectors.provenance.manifest import AUTHORITIES, SIGNERS, Manifest, brief
from forensics.evidence import Claim, Evidence, silent
from forensics.photo import Photo
from forensics.pinned import pinned
from forensics.places import MODELS
from forensics.refusal import Refusal

SIGNERS_FILE = MODELS / "C2PA-TRUST-LIST.pem"
AUTHORITIES_FILE = MODELS / "C2PA-TSA-TRUST-LIST.pem"

NONE = "No Content Credentials. Most photos have none: this says nothing."
OFFLINE = "Revocation and remote manifests need the network, which is never used: they are not checked."
SELF_REPORT = "Credentials tell what a signer declared; that the signer declared the truth is trust, not proof."
PARTS = "Only this manifest's own actions can be verified; what its ingredients declare counts as unverified."


class Credentials:
    """Reports integrity, signer, time and claim apart; claims only what the manifest says.

    A claim is `verified` if everything signed is intact, the signer's chain ends on the pinned list,
    and the signer vouches for the actions. It never gives a score. Never raises: what cannot be read
    is silence with its reason.
    """

    name: ClassVar[str] = "credentials"
    question: ClassVar[str] = "What do its Content Credentials (C2PA) say, and who signed them?"
    scores: ClassVar[bool] = False
    weights: str | None = None

    def __init__(self, signers: Path = SIGNERS_FILE, authorities: Path = AUTHORITIES_FILE):
        """PEM files of the anchors for claim signers and for time-stamp authorities."""
        import c2pa

        self._reader = c2pa.Reader
        self._context = c2pa.Context.from_dict(settings(pem(signers), pem(authorities)))

    @classmethod
    def load(cls, weights: Path) -> Self:
        return cls()

    def examine(self, photo: Photo) -> Evidence:
        try:
            manifest = self._read(photo.data)
        except Exception as error:  # a native parser reads hostile bytes: whatever it raises is its answer
            return unread(self.name, error)
        if manifest is None:
            return silent(self.name, NONE)
        finding = (
            f"Integrity: {manifest.integrity}. Signer: {manifest.signer}. "
            f"Time: {manifest.time}. Claim: {manifest.claim}."
        )
        caveats = (SELF_REPORT, OFFLINE, *([PARTS] if manifest.claim.ingredients else []))
        return Evidence(self.name, None, finding, claim=claim_of(manifest), caveats=caveats)

    def _read(self, data: bytes) -> Manifest | None:
        reader = self._reader.try_create(None, io.BytesIO(data), context=self._context)
        if reader is None:
            return None
        with reader:
            store = json.loads(reader.json())
            return Manifest.of(store, signature_of(reader, store["active_manifest"]))


def signature_of(reader, label: str) -> dict:
    """Certificate dates and the time-stamp authority's name, which only the crJSON form tells."""
    try:
        manifests = json.loads(reader.crjson())["manifests"]
        return next((m.get("signature") or {} for m in manifests if m.get("label") == label), {})
    except Exception:  # a damaged signature has no such form; then nothing vouches for the time
        return {}


def claim_of(manifest: Manifest) -> Claim | None:
    if manifest.claim.says is None:
        return None
    signer = manifest.signer.name
    if manifest.integrity.broken:
        by = f"a C2PA manifest that does not match this file, signed in the name of {signer}"
    elif not manifest.signer.listed:
        by = f"C2PA manifest signed in the name of {signer}, who is not on the pinned trust list"
    else:
        by = f"C2PA manifest signed by {signer}"
    if manifest.claim.inherited:
        by += ", through its parent ingredient"
    elif manifest.signer.listed and not manifest.claim.by_signer:
        by += ", who only gathered this statement"
    return Claim(manifest.claim.says, manifest.verified, f"{by} ({manifest.claim.source_type})")


def unread(name: str, error: Exception) -> Evidence:
    """The finding for what c2pa refused to read; its messages name their kind in the first word."""
    kind, _, rest = str(error).partition(": ")
    if kind == "NotSupported":  # BMP and the like have no place for a manifest
        return silent(name, NONE)
    if kind == "Remote":
        address = brief(rest.rpartition("url ")[2])
        return silent(name, f"Content Credentials: remote manifest at {address}, not fetched.", OFFLINE)
    return silent(name, f"Content Credentials could not be read ({type(error).__name__.strip('_')}: {brief(error)}).")


def pem(path: Path) -> str:
    if path in (SIGNERS_FILE, AUTHORITIES_FILE):
        return pinned(path.name).decode()
    if not path.exists():
        raise Refusal(f"{path} is missing; give a PEM file of anchors")
    return path.read_text()


def settings(signers: str, authorities: str) -> dict:
    """c2pa-rs 0.91 settings; see its docs/settings.md."""
    return {
        "version": 1,
        "trust": {
            "anchors": [
                {"trust_anchors": signers, "trust_kind": "manifest", "trust_uri": SIGNERS},
                {"trust_anchors": authorities, "trust_kind": "tsa", "trust_uri": AUTHORITIES},
            ]
        },
        "core": {
            "allowed_network_hosts": [],  # empty = none; null would be all
            "allow_redirects": False,
            "decode_identity_assertions": False,
        },
        "verify": {
            "verify_after_reading": True,
            "verify_trust": True,
            "verify_timestamp_trust": True,
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
        },
    }
