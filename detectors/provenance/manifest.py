"""A C2PA manifest store as c2pa-rs reports it → four answers, kept apart: integrity, signer, time, claim.

The report is one JSON object: `manifests`, `active_manifest`, `validation_state` and `validation_results`
with status codes of C2PA 2.x §15. "Valid" there means intact, not trusted; and c2pa-rs 0.91 accepts an
anchor of any list for any purpose, so we ask which list it found (`trustListUri`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from detectors.provenance.source_types import Says, says, term
from forensics.photo import one_line

SIGNERS = "urn:forensics:c2pa-signers"  # the names we give the two pinned lists
AUTHORITIES = "urn:forensics:c2pa-time-stamp-authorities"
MAX_ANCESTORS = 16
BINDINGS = ("assertion.dataHash", "assertion.bmffHash", "assertion.boxesHash", "assertion.multiAssetHash")
NOT_INTEGRITY = ("signingCredential.", "timeStamp.", "timeOfSigning.", "cawg.", "ingredient.unknownProvenance")


@dataclass(frozen=True)
class Integrity:
    """Does everything that the signature covers still match? `broken`: what doesn't, in words."""

    broken: tuple[str, ...]
    history: tuple[str, ...]  # what is broken in ingredients, whose pixels we don't have

    def __str__(self) -> str:
        if self.broken:
            return "BROKEN (" + "; ".join(self.broken) + ")"
        return "intact" + (f", but its history is not ({'; '.join(self.history)})" if self.history else "")


@dataclass(frozen=True)
class Signer:
    """Who signed, by the certificate. `listed`: the chain ends at an anchor of the pinned list of signers."""

    name: str
    listed: bool
    problems: tuple[str, ...]  # "expired", "revoked", ...
    expired_today: bool  # matters where no listed authority vouches for the time of signing

    def __str__(self) -> str:
        where = "on the pinned C2PA trust list" if self.listed else "NOT on the pinned C2PA trust list"
        return ", ".join((f"{self.name}, {where}", *(f"certificate {problem}" for problem in self.problems)))


@dataclass(frozen=True)
class Time:
    """When it was signed, and who says so. `listed`: the authority is on the pinned list."""

    stamped: str | None
    authority: str
    listed: bool
    how: str

    def __str__(self) -> str:
        if self.stamped is None:
            return self.how
        return f"{self.stamped}, stamped by {self.authority} ({self.how})"


@dataclass(frozen=True)
class Claimed:
    """What the manifest says of the picture. `inherited`: not its own actions say so but its parent's."""

    generator: str
    actions: tuple[str, ...]
    source_type: str | None
    says: Says | None
    by_signer: bool  # False: the actions were "gathered" from elsewhere, the signer does not vouch for them
    inherited: bool
    ingredients: tuple[str, ...]

    def __str__(self) -> str:
        words = f"made with {self.generator}"
        if self.actions:
            words += f"; actions {', '.join(self.actions)}"
        if self.source_type:
            whose = " (its parent ingredient's)" if self.inherited else ""
            words += f"; digital source type {self.source_type}{whose}"
        if self.ingredients:
            words += f"; ingredients {', '.join(self.ingredients)}"
        return words


@dataclass(frozen=True)
class Manifest:
    integrity: Integrity
    signer: Signer
    time: Time
    claim: Claimed

    @property
    def verified(self) -> bool:
        """Signed, intact with its history, the signer on the list, and vouching for the actions himself."""
        in_time = self.time.listed or not self.signer.expired_today
        intact = not self.integrity.broken and not self.integrity.history
        own = self.claim.by_signer and not self.claim.inherited
        return intact and self.signer.listed and not self.signer.problems and in_time and own

    @classmethod
    def of(cls, store: Mapping[str, Any], signature: Mapping[str, Any], now: datetime | None = None) -> Manifest:
        """`store` = c2pa's report, `signature` = the active manifest's part of its crJSON (may be empty)."""
        active = store["manifests"][store["active_manifest"]]
        results = store.get("validation_results") or {}
        return cls(
            integrity=integrity(active, results),
            signer=signer(store, active, results, signature, now or datetime.now(UTC)),
            time=time(active, results, signature),
            claim=claimed(store, active),
        )


def integrity(active: Mapping[str, Any], results: Mapping[str, Any]) -> Integrity:
    own = results.get("activeManifest") or {}
    broken = [explain(status) for status in own.get("failure", ()) if is_damage(status)]
    validated = any(status["code"] == "claimSignature.validated" for status in own.get("success", ()))
    if not broken and not validated:
        broken.append("no valid signature was found")
    history = [
        explain(status)
        for delta in results.get("ingredientDeltas") or ()
        for status in (delta.get("validationDeltas") or {}).get("failure", ())
        if is_damage(status)
    ]
    for ingredient in active.get("ingredients") or ():  # broken when it was put in, and recorded so
        recorded = [s for s in ingredient.get("validation_status") or () if is_damage(s)]
        history += [f"ingredient {brief(ingredient.get('title'))}: {explain(status)}" for status in recorded]
    return Integrity(unique(broken), unique(history))


def is_damage(status: Mapping[str, Any]) -> bool:
    return not status["code"].startswith(NOT_INTEGRITY)


def explain(status: Mapping[str, Any]) -> str:
    code, what = status["code"], brief(str(status.get("url", "")).rpartition("/")[2])
    if code.startswith(BINDINGS):
        return "the file's bytes are not those that were signed"
    if code == "claimSignature.mismatch":
        return "the signature does not match"
    if code == "assertion.hashedURI.mismatch":
        return f"{what} was changed after signing"
    if code == "ingredient.manifest.missing":
        return "the manifest of an ingredient is missing"
    return f"{brief(code)}: {brief(status.get('explanation'))}"


def signer(
    store: Mapping[str, Any],
    active: Mapping[str, Any],
    results: Mapping[str, Any],
    signature: Mapping[str, Any],
    now: datetime,
) -> Signer:
    info = active.get("signature_info") or {}
    names = unique(brief(info[key]) for key in ("issuer", "common_name") if info.get(key))
    codes = [s["code"] for s in (results.get("activeManifest") or {}).get("failure", ())]
    problems = [c.partition(".")[2] for c in codes if c.startswith("signingCredential.")]
    trusted = store.get("validation_state") == "Trusted" and results.get("trustListUri") == SIGNERS
    until = ((signature.get("certificateInfo") or {}).get("validity") or {}).get("notAfter")
    return Signer(
        name=" / ".join(names) or "an unnamed certificate",
        listed=trusted,
        problems=unique(p for p in problems if p != "untrusted"),
        expired_today=until is None or datetime.fromisoformat(until) < now,
    )


def time(active: Mapping[str, Any], results: Mapping[str, Any], signature: Mapping[str, Any]) -> Time:
    own = results.get("activeManifest") or {}
    statuses = [s for part in own.values() for s in part if s["code"].startswith("timeStamp.")]
    said = {s["code"].partition(".")[2]: str(s.get("explanation", "")) for s in statuses}
    stamped = (active.get("signature_info") or {}).get("time")
    if not stamped:
        return Time(None, "", False, "not time-stamped" if not said else "its time stamp does not match")
    stamp = (signature.get("timeStampInfo") or {}).get("certificateInfo") or {}
    names = stamp.get("subject") or {}
    authority = brief(names.get("CN") or names.get("O") or said.get("validated", "").rpartition(": ")[2])
    listed = "trusted" in said and AUTHORITIES in (results.get("timestampTrustListUri"), *brackets(said["trusted"]))
    if listed:
        how = "on the pinned list of authorities"
    elif said.get("trusted", "").startswith("legacy"):
        how = "a stamp of the older kind: its authority is not checked against the pinned list"
    elif "validated" in said:
        how = "NOT on the pinned list of authorities"
    else:
        how = "the stamp does not match"
    return Time(brief(stamped), authority or "an unnamed authority", listed, how)


def brackets(text: str) -> Iterator[str]:
    """c2pa-rs names the list it found a chain in as "[uri]"."""
    for part in text.split("[")[1:]:
        yield part.partition("]")[0]


def claimed(store: Mapping[str, Any], active: Mapping[str, Any]) -> Claimed:
    actions = list(actions_of(active))
    found = decisive(actions)
    inherited = False
    for ancestor in parents(store, active):
        if found:
            break
        found = decisive(list(actions_of(ancestor)))
        inherited = found is not None
    return Claimed(
        generator=generator_of(active),
        actions=unique(described(action) for action, _ in actions)[:8],
        source_type=found and brief(term(found[0])),
        says=found and says(found[0]),
        by_signer=bool(found and found[1]),
        inherited=inherited,
        ingredients=tuple(
            f"{brief(i.get('title') or 'untitled')} ({brief(i.get('relationship') or 'unknown relation')})"
            for i in (active.get("ingredients") or ())[:8]
        ),
    )


def actions_of(manifest: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], bool]]:
    """(action, whether the signer vouches for it): in claims of version 2 only for "created" assertions."""
    for assertion in manifest.get("assertions") or ():
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            own = manifest.get("claim_version") == 1 or assertion.get("created") is True
            for action in (assertion.get("data") or {}).get("actions") or ():
                if isinstance(action, Mapping):
                    yield action, own


def decisive(actions: list[tuple[Mapping[str, Any], bool]]) -> tuple[str, bool] | None:
    """(source type, vouched for) of the action that says most: how it began, unless generated parts came in later."""
    typed = [(str(a.get("digitalSourceType") or ""), own, a.get("action")) for a, own in actions]
    began = [(kind, own) for kind, own, action in typed if action == "c2pa.created" and says(kind)]
    later = [(kind, own) for kind, own, action in typed if action != "c2pa.created" and says(kind)]
    changed = [(COMPOSITE, own) for kind, own in later if says(kind) in ("generated", "edited")]
    if began and says(began[0][0]) == "generated":
        return began[0]
    return (changed or began or later or [None])[0]


COMPOSITE = "compositeWithTrainedAlgorithmicMedia"  # what generated parts in an earlier picture make it


def parents(store: Mapping[str, Any], manifest: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The manifests of what this picture was made from, nearest first. Components don't count: a part is no whole."""
    for _ in range(MAX_ANCESTORS):
        links = [i for i in manifest.get("ingredients") or () if i.get("relationship") == "parentOf"]
        manifest = links and store["manifests"].get(links[0].get("active_manifest"))
        if not manifest:
            return
        yield manifest


def described(action: Mapping[str, Any]) -> str:
    """ "created by Flux.2" """
    agent = action.get("softwareAgent")
    agent = agent.get("name") if isinstance(agent, Mapping) else agent
    name = brief(str(action.get("action", "")).removeprefix("c2pa."))
    return f"{name} by {brief(agent)}" if agent else name


def generator_of(manifest: Mapping[str, Any]) -> str:
    for info in manifest.get("claim_generator_info") or ():
        if isinstance(info, Mapping) and info.get("name"):
            return brief(f"{info['name']} {info.get('version') or ''}")
    return brief(manifest.get("claim_generator") or "unnamed software")


def brief(value: object) -> str:
    """A string of the file, safe in a sentence: one line, at most 80 printable characters."""
    return one_line(str(value or ""), 80)


def unique(items) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
