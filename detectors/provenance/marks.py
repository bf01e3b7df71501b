"""Marks that generators leave in metadata: which field, what it looks like, and how we know.

A mark is a format that a generator writes, or a generator's own name in a field for the maker of a
file. A word elsewhere is no mark: a caption may mention Midjourney, "Adobe Photoshop" makes nothing
up, and a prompt alone may be anyone's text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from detectors.provenance.source_types import Says, says, term
from detectors.provenance.statements import Statement
from forensics.photo import one_line

SAMPLE = "sample files of the tool"
PUBLISHED = "published description"
NAME = "the product's own name in a field for the maker"

MAKER_FIELDS = {  # where a program or device names itself
    "EXIF": {"Software", "ProcessingSoftware", "Make", "Model", "HostComputer"},
    "text": {"Software", "Source", "software", "Generator", "generator"},
    "XMP": {"CreatorTool", "Software", "Make", "Model"},
    "IPTC": {"OriginatingProgram"},
}
CREDIT_FIELDS = {"XMP": {"Credit"}, "IPTC": {"Credit"}}  # name a provider: OpenAI may supply a real photo
SETTINGS_FIELDS = {"parameters", "UserComment", "comment", "Comment", "ImageDescription", "Description"}
SETTINGS_FIELDS |= {"prompt", "workflow", "stealth_pnginfo", "generation_data", "XPComment"}
IPTC_EXTENSION = "iptc.org/std/Iptc4xmpExt"


@dataclass(frozen=True)
class Declared:
    """A mark that was found. `what` fits behind "The file declares"."""

    says: Says | None  # None: a statement that is worth reporting and claims nothing
    what: str
    statement: Statement

    @property
    def place(self) -> str:
        where = "text field" if self.statement.where == "text" else self.statement.where
        return f"{where} {self.statement.key}"


@dataclass(frozen=True)
class Maker:
    """A generator by its own name, at the start of a maker field."""

    tool: str
    pattern: str
    source: str = NAME
    says: Says = "generated"


@dataclass(frozen=True)
class Settings:
    """A tool by the format of the generation settings it writes into the file."""

    tool: str
    keys: frozenset[str]
    fits: Callable[[str], bool]
    source: str
    says: Says | None = "generated"


MAKERS = (
    Maker("this project's own generators", r"deepfake-forensics\b", "our forge writes it"),
    Maker("Google Imagen or Gemini", r"google (imagen|gemini)\b|gemini[- ]\d|imagen-\d"),
    Maker("OpenAI", r"dall[·.\- ]?e\b|openai\b|chatgpt\b|gpt-image\b"),
    Maker("Midjourney", r"midjourney\b"),
    Maker("Adobe Firefly", r"adobe[ _]firefly\b", SAMPLE),
    Maker("Stable Diffusion", r"stable[ _-]?diffusion\b|sdxl\b|stability ai\b|dreamstudio\b", SAMPLE),
    Maker("FLUX", r"flux\.[12]\b|black forest labs\b", SAMPLE),
    Maker("NovelAI", r"novelai\b", SAMPLE),
    Maker("InvokeAI", r"invoke ?ai\b"),
    Maker("ComfyUI", r"comfyui\b"),
    Maker("Fooocus", r"fooocus\b", SAMPLE),
    Maker("Draw Things", r"draw things\b"),
    Maker("DiffusionBee", r"diffusionbee\b"),
    Maker("SwarmUI", r"(stable)?swarmui\b"),
    Maker("Apple Image Playground", r"(apple )?image playground\b", PUBLISHED),
    Maker("Meta AI", r"meta ai\b"),
    Maker("Microsoft image creator", r"(microsoft )?bing image creator\b|bing image creator\b"),
    Maker("Leonardo.Ai", r"leonardo\.? ?ai\b"),
    Maker("Ideogram", r"ideogram(\.ai| ai|$| \d)"),
    Maker("Recraft", r"recraft( ai|\.ai|$| v?\d)"),
    Maker("Craiyon", r"craiyon\b"),
    Maker("NightCafe", r"nightcafe\b"),
    Maker("Grok", r"grok( imagine|$|-\d| \d)|xai\b"),
)

CREDITS = (
    Maker("a generator", r"(made|created|generated|imagined) with ((google|meta) )?ai\b", PUBLISHED),
    Maker("a generator", r"edited with ((google|meta) )?ai\b", PUBLISHED, "edited"),
)

STEPS = re.compile(r"\bSteps: \d+, [^\n]{0,400}?\b(Sampler|Seed|CFG scale): ")
DREAM = re.compile(r"-s ?\d+ [^\n]{0,200}?-S ?\d+")
JOB = re.compile(r"\bJob ID: [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
SIGNATURE = re.compile(r"Signature: [A-Za-z0-9+/=]{40,}\s*")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
MODEL_NODES = ("Sampler", "CheckpointLoader", "UNETLoader", "DiffusionModel")  # ComfyUI nodes that generate


def holds(*words: str) -> Callable[[str], bool]:
    """A JSON object with all these keys. Long ones arrive cut off, so it is not parsed."""
    return lambda value: value.lstrip()[:1] == "{" and all(f'"{word}"' in value for word in words)


def comfy(value: str) -> bool:
    graph = holds("class_type", "inputs")(value) or holds("nodes", "links", "type")(value)
    return graph and any(node in value for node in MODEL_NODES)


def comfy_without_model(value: str) -> bool:
    return holds("class_type", "inputs")(value) and not comfy(value)


ANY = frozenset(SETTINGS_FIELDS)
SETTINGS = (
    Settings("AUTOMATIC1111 or a tool of its format", ANY, lambda v: bool(STEPS.search(v)), SAMPLE),
    Settings("Fooocus", ANY, holds("base_model", "sampler", "steps"), SAMPLE),
    Settings("Draw Things", ANY, holds("c", "model", "sampler", "seed", "steps"), PUBLISHED),
    Settings("SwarmUI", ANY, holds("sui_image_params"), PUBLISHED),
    Settings("ComfyUI", ANY, comfy, SAMPLE),
    Settings("ComfyUI without a generating node", frozenset({"prompt"}), comfy_without_model, PUBLISHED, None),
    Settings("InvokeAI", frozenset({"invokeai_metadata"}), holds("generation_mode"), SAMPLE),
    Settings("InvokeAI", frozenset({"sd-metadata"}), holds("model", "image"), SAMPLE),
    Settings("InvokeAI", frozenset({"Dream"}), lambda v: bool(DREAM.search(v)), SAMPLE),
    Settings("NovelAI", frozenset({"Comment"}), holds("steps", "sampler", "scale", "uc"), SAMPLE),
    Settings("Easy Diffusion", frozenset({"use_stable_diffusion_model"}), bool, PUBLISHED),
    Settings("Midjourney", frozenset({"Description", "description"}), lambda v: bool(JOB.search(v)), PUBLISHED),
)

AIGC = {"1": "generated", "2": None, "3": None}  # GB 45438-2025: is, may be, is suspected to be generated
AIGC_WORDS = {"1": "is generated content", "2": "may be generated content", "3": "is suspected to be generated"}


def declared(found: tuple[Statement, ...]) -> list[Declared]:
    """Every mark among a photo's statements, those that claim most first."""
    marks: list[Declared] = []
    for statement in found:
        marks += filter(None, (by_source_type(statement), by_label(statement), by_ai_property(statement)))
        marks += by_maker(statement)
        marks += by_settings(statement)
    marks += by_grok(found)
    order = {"generated": 0, "edited": 1, None: 2, "captured": 3}
    return sorted(dict.fromkeys(marks), key=lambda mark: order[mark.says])


def by_source_type(statement: Statement) -> Declared | None:
    """IPTC Photo Metadata: Iptc4xmpExt:DigitalSourceType, whose older name is DigitalSourceFileType."""
    if statement.where != "XMP" or statement.key not in ("DigitalSourceType", "DigitalSourceFileType"):
        return None
    if IPTC_EXTENSION not in statement.space:
        return None
    return Declared(says(statement.value), f"the digital source type {excerpt(term(statement.value))}", statement)


def by_ai_property(statement: Statement) -> Declared | None:
    """IPTC Photo Metadata 2025.1: the AI system used to generate the picture."""
    if statement.where == "XMP" and statement.key == "AISystemUsed" and IPTC_EXTENSION in statement.space:
        return Declared("generated", f"the AI system “{excerpt(statement.value)}”", statement)
    return None


def by_label(statement: Statement) -> Declared | None:
    """China's label for generated content (GB 45438-2025, TC260): {"AIGC": {"Label": "1", ...}}."""
    if statement.key not in ("AIGC", "UserComment") or '"Label"' not in statement.value:
        return None
    try:
        label = json.loads(statement.value)
    except (ValueError, RecursionError):
        return None
    if isinstance(label, dict) and isinstance(label.get("AIGC"), dict):
        label = label["AIGC"]
    elif statement.key != "AIGC":
        return None
    value = str(label.get("Label")) if isinstance(label, dict) else ""
    if value not in AIGC:
        return None
    producer = excerpt(str(label.get("ContentProducer") or "")) or "not named"
    return Declared(AIGC[value], f"the AIGC label that it {AIGC_WORDS[value]} (producer {producer})", statement)


def by_maker(statement: Statement) -> list[Declared]:
    own = MAKERS if statement.key in MAKER_FIELDS.get(statement.where, ()) else ()
    credit = CREDITS if own or statement.key in CREDIT_FIELDS.get(statement.where, ()) else ()
    value = statement.value.strip()
    for maker in (*own, *credit):
        if re.match(maker.pattern, value, re.IGNORECASE):
            return [Declared(maker.says, f"the maker “{excerpt(value)}” ({maker.tool})", statement)]
    return []


def by_settings(statement: Statement) -> list[Declared]:
    if statement.where == "IPTC":
        return []
    for tool in SETTINGS:
        if statement.key in tool.keys and tool.fits(statement.value):
            what = f"generation settings of {tool.tool}" if tool.says else f"a workflow of {tool.tool}"
            return [Declared(tool.says, what, statement)]
    return []


def by_grok(found: tuple[Statement, ...]) -> list[Declared]:
    """xAI's Grok: a signature in ImageDescription beside a UUID as Artist; each alone could be anyone's."""
    exif = {s.key: s for s in found if s.where == "EXIF"}
    description, artist = exif.get("ImageDescription"), exif.get("Artist")
    if not (description and artist and SIGNATURE.fullmatch(description.value) and UUID.fullmatch(artist.value)):
        return []
    return [Declared("generated", "the signature that xAI's Grok writes", description)]


def excerpt(value: str) -> str:
    return one_line(value, 60)
