"""OpenAPI 3.1 of the service. The report's schema is the published one, forensics/report.schema.json."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.service.body import FIELD, FORM, RAW
from app.service.limits import MEGAPIXELS
from app.service.problems import MEDIA_TYPE
from forensics.report import schema

EXAMPLES = Path(__file__).with_name("examples.json")  # of `forensics inspect`, of all evidence one detector's
REPORT, COPY, PROBLEM = "Report", "RepostedCopy", "Problem"
BINARY = {"type": "string", "format": "binary", "description": "A photo's file, as it is."}
RETRY = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}}

PHOTO = {
    "required": True,
    "content": {
        **{kind: {"schema": BINARY} for kind in RAW},
        FORM: {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "additionalProperties": False,
                "properties": {FIELD: BINARY},
            },
            "encoding": {FIELD: {"contentType": ", ".join(RAW)}},
        },
    },
}


def reports(description: str) -> dict[str, Any]:
    told = {"schema": {"$ref": f"#/components/schemas/{REPORT}"}}
    return {"description": description, "content": {"application/json": told}}


def problem(description: str, status: int, title: str, detail: str, retry: bool = False) -> dict[str, Any]:
    example = {"status": status, "title": title, "detail": detail}
    told = {"schema": {"$ref": f"#/components/schemas/{PROBLEM}"}, "example": example}
    return {"description": description, "content": {MEDIA_TYPE: told}, **({"headers": RETRY} if retry else {})}


LOADING = problem("The models are not loaded.", 503, "Service Unavailable", "the models are loading", True)
KEYLESS = problem("The key is missing or wrong.", 401, "Unauthorized", "send Authorization: Bearer KEY")
KEYLESS["headers"] = {"WWW-Authenticate": {"description": "Bearer", "schema": {"type": "string"}}}
CALLED = problem("The request is not one that this service reads.", 400, "Bad Request", "the form holds no file")
CALLED["content"]["text/plain"] = {"schema": {"type": "string"}, "example": "Invalid host header"}
FOREIGN = problem("Asked by a page of another site.", 403, "Forbidden", "web pages of other sites may not use this")

ANSWERS: dict[int | str, dict[str, Any]] = {
    200: reports("The report, as `forensics inspect --json` writes it."),
    400: CALLED,
    403: FOREIGN,
    408: problem("The photo did not arrive in time.", 408, "Request Timeout", "the photo did not arrive in 120 s"),
    413: problem("Too many bytes.", 413, "Request Entity Too Large", "the photo is over 62,914,560 bytes"),
    415: problem("A body of another type.", 415, "Unsupported Media Type", "the body's type is not one that is read"),
    422: reports(
        f"The file is no photo that can be examined, or has over {MEGAPIXELS} megapixels: a report that says why."
    ),
    429: problem("All seats are taken.", 429, "Too Many Requests", "9 photos are being served already", True),
    500: problem(
        "This photo ended its worker twice, or one of our own mistakes. Others are not touched by it.",
        500,
        "Internal Server Error",
        "the decoder crashed (SIGSEGV)",
    ),
    503: {**LOADING, "description": "The models are not loaded, or the photo's turn did not come in time."},
    504: problem("It took too long.", 504, "Gateway Timeout", "the examination was not done 120 s after the request"),
}


def describe(app: FastAPI) -> None:
    """The app tells this schema, made when it is first asked for."""

    def told() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = made(app)
        return app.openapi_schema

    app.openapi = told


def made(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    components = made.setdefault("components", {})
    components["schemas"] = {REPORT: report(), COPY: published()["$defs"]["copy"], PROBLEM: PROBLEM_SCHEMA}
    answers = made["paths"]["/inspect"]["post"]["responses"]
    for status, example in (("200", "supports_camera"), ("422", "unreadable")):
        shown = {example: {"value": examples()[example]}}  # not above: FastAPI leaves out what is null
        answers[status]["content"]["application/json"]["examples"] = shown
    for path in made["paths"].values():
        for operation in path.values():
            if operation["responses"].get("422", {}).get("description") == "Validation Error":
                del operation["responses"]["422"]  # FastAPI's own: here it is a 400
    return made


@cache
def examples() -> dict[str, Any]:
    return json.loads(EXAMPLES.read_text("utf-8"))


def published() -> dict[str, Any]:
    moved = json.dumps(schema()).replace("#/$defs/copy", f"#/components/schemas/{COPY}")
    return json.loads(moved)


def report() -> dict[str, Any]:
    """One report of the published array."""
    whole = published()
    return copy.deepcopy({"title": "Report", **whole["items"]})


PROBLEM_SCHEMA = {
    "title": "Problem",
    "type": "object",
    "required": ["status", "title", "detail"],
    "additionalProperties": False,
    "properties": {
        "status": {"type": "integer"},
        "title": {"type": "string"},
        "detail": {"type": "string", "description": "what was wrong, what is allowed, what to do"},
    },
}
