"""Content Credentials: the published test files, and files signed here with certificates made here."""

from __future__ import annotations

import io
import socket
import threading
from datetime import UTC, datetime, timedelta

import c2pa
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID
from PIL import Image

from detectors.provenance.credentials import NONE, Credentials
from detectors.provenance.manifest import AUTHORITIES, SIGNERS, Manifest
from forensics.container import walk
from forensics.photo import Photo

TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@pytest.fixture(scope="module")
def credentials() -> Credentials:
    return Credentials.load(None)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


class Authority:
    """A root and a signing certificate of our own, on nobody's list."""

    def __init__(self, ocsp: str | None = None):
        now = datetime.now(UTC)
        self.root_key, self.key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        builder = x509.CertificateBuilder().issuer_name(named("Test Root"))
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=9))
        root = builder.subject_name(named("Test Root")).serial_number(1).public_key(self.root_key.public_key())
        root = root.add_extension(x509.BasicConstraints(True, None), True).add_extension(usage(ca=True), True)
        leaf = builder.subject_name(named("Test Signer")).serial_number(2).public_key(self.key.public_key())
        leaf = leaf.add_extension(x509.BasicConstraints(False, None), True).add_extension(usage(ca=False), True)
        leaf = leaf.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.root_key.public_key())
        leaf = leaf.add_extension(issuer, False)
        if ocsp:
            responder = x509.UniformResourceIdentifier(ocsp)
            access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, responder)
            leaf = leaf.add_extension(x509.AuthorityInformationAccess([access]), False)
        self.root, self.leaf = (as_pem(part.sign(self.root_key, hashes.SHA256())) for part in (root, leaf))

    def sign(self, actions: list, *, created=True, remote=None, embed=True, parent=None, format="JPEG") -> bytes:
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", self.leaf + self.root, key, None))
        assertion = {"label": "c2pa.actions.v2", "data": {"actions": actions}, "created": created}
        builder = c2pa.Builder(
            {"claim_generator_info": [{"name": "pytest", "version": "1"}], "assertions": [assertion]}
        )
        if parent:  # "edit" makes the picture that is signed its own parent
            builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
        if remote:
            builder.set_remote_url(remote)
        if not embed:
            builder.set_no_embed()
        signed = io.BytesIO()
        builder.sign(signer, f"image/{format.lower()}", io.BytesIO(parent or picture(format)), signed)
        return signed.getvalue()

    def trusted(self, folder, *, signers=True) -> Credentials:
        """Credentials whose pinned list of signers (or, if not, of time-stamp authorities) is our root."""
        ours, other = folder / "ours.pem", folder / "other.pem"
        ours.write_bytes(self.root)
        other.write_bytes(Authority().root)
        return Credentials(ours, other) if signers else Credentials(other, ours)


def named(name: str) -> x509.Name:
    parts = ((NameOID.COUNTRY_NAME, "US"), (NameOID.ORGANIZATION_NAME, name), (NameOID.COMMON_NAME, name))
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


def usage(ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(True, False, False, False, False, ca, ca, False, False)


def as_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def picture(format: str = "JPEG") -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format)
    return buffer.getvalue()


def created(term: str | None) -> dict:
    return {"action": "c2pa.created"} | ({"digitalSourceType": TERMS + term} if term else {})


# ---- files signed here ----


def test_valid_is_not_trusted(credentials, authority):
    evidence = credentials.examine(Photo.open(authority.sign([created("trainedAlgorithmicMedia")])))
    assert "Integrity: intact." in evidence.finding
    assert "Signer: Test Signer, NOT on the pinned C2PA trust list." in evidence.finding
    assert "Time: not time-stamped." in evidence.finding
    assert "made with pytest 1; actions created; digital source type trainedAlgorithmicMedia" in evidence.finding
    assert (evidence.score, evidence.claim.says, evidence.claim.verified) == (None, "generated", False)
    assert "not on the pinned trust list" in evidence.claim.by


@pytest.mark.parametrize(
    ("actions", "says"),
    [
        ([created("trainedAlgorithmicMedia")], "generated"),
        ([created("compositeWithTrainedAlgorithmicMedia")], "edited"),
        ([created("digitalCapture")], "captured"),
        ([created("digitalCapture"), {"action": "c2pa.cropped"}], "captured"),
        (
            [
                created("digitalCapture"),
                {"action": "c2pa.edited", "digitalSourceType": TERMS + "trainedAlgorithmicMedia"},
            ],
            "edited",
        ),
    ],
)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_listed_signers_are_verified(authority, tmp_path, actions, says, format):
    evidence = authority.trusted(tmp_path).examine(Photo.open(authority.sign(actions, format=format)))
    assert "Integrity: intact. Signer: Test Signer, on the pinned C2PA trust list." in evidence.finding
    assert (evidence.claim.says, evidence.claim.verified) == (says, True)


def test_an_unsaid_origin_claims_nothing(authority, tmp_path):
    signed = authority.sign([created("minorHumanEdits"), {"action": "c2pa.color_adjustments"}])
    evidence = authority.trusted(tmp_path).examine(Photo.open(signed))
    assert evidence.claim is None
    assert "color_adjustments" in evidence.finding


def test_statements_that_the_signer_only_gathered_are_unverified(authority, tmp_path):
    signed = authority.sign([created("trainedAlgorithmicMedia")], created=False)
    claim = authority.trusted(tmp_path).examine(Photo.open(signed)).claim
    assert (claim.says, claim.verified) == ("generated", False)


def test_an_anchor_for_time_stamps_makes_no_signer_trusted(authority, tmp_path):
    """c2pa-rs 0.91 itself says "Trusted" here: it takes an anchor of any list for any purpose."""
    signed = authority.sign([created("trainedAlgorithmicMedia")])
    evidence = authority.trusted(tmp_path, signers=False).examine(Photo.open(signed))
    assert "NOT on the pinned" in evidence.finding
    assert not evidence.claim.verified


def test_one_changed_byte_breaks_it(authority, tmp_path):
    signed = bytearray(authority.sign([created("trainedAlgorithmicMedia")]))
    signed[-20] ^= 1
    evidence = authority.trusted(tmp_path).examine(Photo.open(bytes(signed)))
    assert "Integrity: BROKEN (the file's bytes are not those that were signed)" in evidence.finding
    assert not evidence.claim.verified
    assert "does not match this file" in evidence.claim.by


def test_a_manifest_moved_to_another_photo_is_broken(authority, tmp_path):
    signed = authority.sign([created("digitalCapture")])
    manifest = b"".join(signed[p.offset : p.offset + p.length + 4] for p in walk(signed).of("APP11"))
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "grey").save(buffer, "JPEG")
    other = buffer.getvalue()
    evidence = authority.trusted(tmp_path).examine(Photo.open(other[:2] + manifest + other[2:]))
    assert "BROKEN" in evidence.finding
    assert not evidence.claim.verified


def test_what_the_parent_declares_counts_as_unverified(authority, tmp_path):
    before = authority.sign([created("trainedAlgorithmicMedia")])
    signed = authority.sign([{"action": "c2pa.color_adjustments"}], parent=before)
    evidence = authority.trusted(tmp_path).examine(Photo.open(signed))
    assert (evidence.claim.says, evidence.claim.verified) == ("generated", False)
    assert "parent ingredient" in evidence.claim.by
    assert "(parentOf)" in evidence.finding
    assert any("ingredients" in caveat for caveat in evidence.caveats)


# ---- the network ----


class Listener:
    """Counts who connects; answers nothing useful."""

    def __init__(self):
        self.calls = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.socket.getsockname()[1]}/manifest.c2pa"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.calls += 1
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


@pytest.fixture
def listener():
    listening = Listener()
    yield listening
    listening.socket.close()


def test_remote_manifests_are_named_and_not_fetched(credentials, authority, listener):
    signed = authority.sign([created("digitalCapture")], remote=listener.address, embed=False)
    listener.calls = 0
    evidence = credentials.examine(Photo.open(signed))
    assert f"remote manifest at {listener.address}, not fetched" in evidence.finding
    assert (evidence.score, evidence.claim) == (None, None)
    assert listener.calls == 0
    with pytest.raises(c2pa.C2paError):  # the same file under default settings does reach the network,
        c2pa.Reader("image/jpeg", io.BytesIO(signed))  # so the check above can fail
    assert listener.calls > 0


def test_revocation_is_not_asked_for(listener, tmp_path):
    authority = Authority(ocsp=listener.address)
    signed = authority.sign([created("digitalCapture")])
    listener.calls = 0
    assert authority.trusted(tmp_path).examine(Photo.open(signed)).claim.verified
    assert listener.calls == 0
    asking = c2pa.Context.from_dict(
        {
            "verify": {"ocsp_fetch": True},
            "trust": {"anchors": [{"trust_anchors": authority.root.decode(), "trust_kind": "manifest"}]},
        }
    )
    c2pa.Reader("image/jpeg", io.BytesIO(signed), context=asking).close()
    assert listener.calls > 0


# ---- what c2pa reports, judged ----


def report(**changes) -> dict:
    """A store as c2pa-rs reports it for an intact file of a listed signer."""
    success = [{"code": "claimSignature.validated"}, {"code": "assertion.dataHash.match"}]
    active = {
        "claim_version": 1,
        "claim_generator": "camera/1",
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [created("digitalCapture")]}}],
        "signature_info": {"issuer": "Maker", "time": "2025-01-02T03:04:05+00:00"},
    }
    store = {
        "active_manifest": "a",
        "manifests": {"a": active},
        "validation_state": "Trusted",
        "validation_results": {
            "activeManifest": {"success": success, "failure": [], "informational": []},
            "trustListUri": SIGNERS,
        },
    }
    active.update(changes.pop("active", {}))
    success += changes.pop("success", [])
    store["validation_results"].update(changes.pop("results", {}))
    return store | changes


VALID = {"certificateInfo": {"validity": {"notAfter": "2999-01-01T00:00:00+00:00"}}}
LAPSED = {"certificateInfo": {"validity": {"notAfter": "2025-06-01T00:00:00+00:00"}}}
LEGACY = {"code": "timeStamp.trusted", "explanation": "legacy timestamp cert trusted: Somebody"}
LISTED = {"code": "timeStamp.trusted", "explanation": f"timestamp cert trusted, found in [{AUTHORITIES}]: Somebody"}


def test_a_lapsed_certificate_needs_a_listed_time_stamp():
    assert Manifest.of(report(), VALID).verified
    assert not Manifest.of(report(), LAPSED).verified
    assert not Manifest.of(report(), {}).verified
    assert not Manifest.of(report(success=[LEGACY]), LAPSED).verified
    assert Manifest.of(report(success=[LISTED]), LAPSED).verified
    assert "not checked against the pinned list" in str(Manifest.of(report(success=[LEGACY]), VALID).time)


def test_trust_must_come_from_the_list_of_signers():
    assert not Manifest.of(report(results={"trustListUri": AUTHORITIES}), VALID).signer.listed
    assert not Manifest.of(report(validation_state="Valid"), VALID).signer.listed


def test_a_generated_part_does_not_make_the_whole_generated():
    part = {"assertions": [{"label": "c2pa.actions", "data": {"actions": [created("trainedAlgorithmicMedia")]}}]}
    store = report(
        active={
            "assertions": [],
            "ingredients": [{"title": "sky", "relationship": "componentOf", "active_manifest": "b"}],
        }
    )
    store["manifests"]["b"] = part
    assert Manifest.of(store, VALID).claim.says is None
    store["manifests"]["a"]["ingredients"][0]["relationship"] = "parentOf"
    assert Manifest.of(store, VALID).claim.says == "generated"


def test_parents_in_a_circle_end():
    store = report(active={"assertions": [], "ingredients": [{"relationship": "parentOf", "active_manifest": "a"}]})
    assert Manifest.of(store, VALID).claim.says is None


# ---- published files ----

PUBLISHED = {
    # file: part of what is said. A, I: no manifest; C: created; CA: edited; E-x: error in x; X: changed afterwards
    "A": None,
    "I": None,
    "C": "Integrity: intact. ",
    "CA": "Integrity: intact. ",
    "CAI": "Integrity: intact. ",
    "CII": "Integrity: intact. ",
    "CACAICAICICA": "Integrity: intact. ",
    "CIE-sig-CA": "intact, but its history is not (ingredient E-sig-CA.jpg: the signature does not match)",
    "E-uri-CIE-sig-CA": "intact, but its history is not (c2pa.actions was changed after signing",
    "E-sig-CA": "BROKEN (the signature does not match)",
    "E-dat-CA": "BROKEN (the file's bytes are not those that were signed)",
    "E-uri-CA": "BROKEN (c2pa.actions was changed after signing)",
    "E-clm-CAICAI": "BROKEN (the manifest of an ingredient is missing",
    "XCA": "BROKEN (the file's bytes are not those that were signed)",
    "XCI": "BROKEN (the file's bytes are not those that were signed)",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_files_are_what_their_names_say(shared, credentials, name):
    path = shared / f"data/provenance/c2pa/adobe-20220124-{name}.jpg"
    evidence = credentials.examine(Photo.open(path))
    if PUBLISHED[name] is None:
        assert evidence.finding == NONE
    else:
        assert PUBLISHED[name] in evidence.finding
        assert "C2PA Signer, NOT on the pinned C2PA trust list" in evidence.finding  # Adobe's test certificate
    assert evidence.claim is None


def test_files_of_services(shared, credentials):
    folder = shared / "data/provenance/ai_services"
    for name, signer in (("firefly-1.png", "Adobe Inc."), ("flux-1.jpg", "Black Forest Labs Inc.")):
        evidence = credentials.examine(Photo.open(folder / f"data__fixtures__provenance__{name}"))
        assert "Integrity: intact. " in evidence.finding
        assert f"Signer: {signer}" in evidence.finding
        assert (evidence.claim.says, evidence.claim.verified) == ("generated", False)
    evidence = credentials.examine(Photo.open(folder / "data__fixtures__provenance__flux-1.jpg"))
    assert "certificate expired" in evidence.finding


# ---- the contract ----


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_photos_without_credentials(credentials, format):
    evidence = credentials.examine(Photo.open(picture(format)))
    assert (evidence.finding, evidence.score, evidence.claim, evidence.marks) == (NONE, None, None, ())


def test_a_tiny_photo_and_a_wrong_name(credentials, authority):
    assert credentials.examine(Photo.from_pixels(np.zeros((1, 1, 3), np.uint8))).finding == NONE
    signed = authority.sign([created("digitalCapture")])
    assert "Integrity: intact" in credentials.examine(Photo.open(signed, "photo.png")).finding


def test_damaged_credentials_never_raise(credentials, authority, rng):
    signed = authority.sign([created("trainedAlgorithmicMedia")])
    photo = Photo.open(signed)
    start = signed.index(b"\xff\xeb")
    seen = set()
    for _ in range(40):
        data = bytearray(signed)
        for position in rng.integers(start + 4, start + 8000, 3):
            data[position] = rng.integers(256)
        evidence = credentials.examine(replaced(photo, bytes(data)))
        assert evidence.claim is None or not evidence.claim.verified
        seen.add(evidence.finding[:20])
    assert any(finding.startswith("Integrity: BROKEN") for finding in seen)


def replaced(photo: Photo, data: bytes) -> Photo:
    """The same photo with other bytes: what the decoder tolerates is not the matter here."""
    from dataclasses import replace

    return replace(photo, data=data)
