"""The service's addresses. One request is one photo: seat, body, desk, report."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect

import forensics
from app.service.body import Upload, received
from app.service.counting import Counted, Counts
from app.service.desks import Desks, Full, Outcome
from app.service.door import Door, NoForeignPages
from app.service.limits import LONGEST_NAME, Limits
from app.service.problems import Problem, answer_all
from app.service.schema import ANSWERS, CALLED, FOREIGN, KEYLESS, LOADING, PHOTO, describe
from app.service.work import UNREADABLE, Answer, Late, Order
from forensics.crew import Lost
from forensics.refusal import Refusal
from forensics.scan import Examiners

ABOUT = "Is this photo a camera's or a generator's? Photos are examined on this machine, and kept nowhere."
NAMELESS = "photo"
SOON = 5  # seconds after which models may be loaded
BEARER = HTTPBearer(auto_error=False, description="The key that the service was started with.")
METRICS = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


class Asked(BaseModel, extra="forbid"):
    """What may stand after the `?`."""

    stability: bool = Field(False, description="As --stability: weigh again after each of twelve re-postings.")
    name: str = Field(
        "",
        max_length=LONGEST_NAME,
        description="What the report calls the file. Text only; else the form's file name, else `photo`.",
        examples=["portrait.jpg"],
    )


def service(
    load: Callable[[], Examiners], limits: Limits, door: Door, give_up: Callable[[Refusal], None] = lambda _: None
) -> FastAPI:
    """The app. `load` runs in each worker; `give_up` is told when it refuses."""
    desks = Desks(load, limits, give_up)
    counts = Counts(desks)

    @asynccontextmanager
    async def open_hours(_: FastAPI) -> AsyncIterator[None]:
        desks.start()
        yield
        await asyncio.to_thread(desks.close)

    app = FastAPI(
        title="Deepfake Forensics",
        version=forensics.__version__,
        description=ABOUT,
        lifespan=open_hours,
        docs_url=None,  # both would load scripts from a CDN
        redoc_url=None,
        redirect_slashes=False,
        responses={400: CALLED, 403: FOREIGN},
    )
    describe(app)
    answer_all(app)
    keyed, keyless = ([Depends(key_check(door))], {401: KEYLESS}) if door.key else ([], {})

    @app.post(
        "/inspect",
        dependencies=keyed,
        responses={**ANSWERS, **keyless},
        openapi_extra={"requestBody": PHOTO},
        response_class=Response,
        operation_id="inspect",
    )
    async def inspect(request: Request, asked: Annotated[Asked, Query()]) -> Response:
        """Examine one photo: the object that `forensics inspect --json` writes for it."""
        until = time.monotonic() + limits.seconds
        refuse_unready(desks)
        try:
            with desks.seat():
                upload = await arrived(request, limits, until)
                name = asked.name or upload.name or NAMELESS
                outcome = await examined(request, desks, Order(name, asked.stability, until, upload.data))
        except Full as full:
            told = f"{limits.seats} photos are being served already; try again in {full.retry} s"
            raise Problem(429, told, full.retry) from None
        return response(outcome, limits, counts)

    @app.get(
        "/health",
        operation_id="health",
        responses={200: {"content": {"application/json": {"example": {"alive": True}}}}},
    )
    async def health() -> dict[str, bool]:
        """The service runs. Whether it can examine photos: /ready."""
        return {"alive": True}

    @app.get(
        "/ready",
        operation_id="ready",
        responses={200: {"content": {"application/json": {"example": {"ready": True}}}}, 503: LOADING},
    )
    async def ready() -> dict[str, bool]:
        """The models are loaded."""
        refuse_unready(desks)
        return {"ready": True}

    @app.get(
        "/metrics",
        dependencies=keyed,
        responses={**METRICS, **keyless},
        response_class=Response,
        operation_id="metrics",
    )
    async def metrics() -> Response:
        """Prometheus metrics: requests, seconds, queue, photos by conclusion."""
        return Response(counts.text(), media_type=CONTENT_TYPE_LATEST)

    app.add_middleware(NoForeignPages)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(door.hosts), www_redirect=False)
    app.add_middleware(Counted, counts=counts)
    return app


def key_check(door: Door) -> Callable:
    async def check(sent: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]) -> None:
        if sent is None or not door.fits(sent.credentials):
            told = "send Authorization: Bearer KEY, with the key that the service was started with"
            raise Problem(401, told, headers={"WWW-Authenticate": "Bearer"})

    return check


def refuse_unready(desks: Desks) -> None:
    if not desks.loaded.is_set():
        raise Problem(503, f"the models are loading; try again in {SOON} s", SOON)
    if desks.trouble:
        raise Problem(503, f"a worker could not be replaced: {desks.trouble}", SOON)


async def arrived(request: Request, limits: Limits, until: float) -> Upload:
    try:
        async with asyncio.timeout(until - time.monotonic()):
            return await received(request, limits.most)
    except TimeoutError:
        raise Problem(408, f"the photo did not arrive in {limits.seconds:g} s; send it faster or smaller") from None
    except ClientDisconnect:
        raise Problem(400, "the photo ended before its announced length") from None  # for the log: nobody reads it


async def examined(request: Request, desks: Desks, order: Order) -> Outcome | None:
    """None when its turn did not come in time. A photo that waits is forgotten when its sender hangs up."""
    future = desks.submit(order)
    answered, left = asyncio.wrap_future(future), asyncio.ensure_future(request.receive())
    try:
        patience = order.until - time.monotonic()
        await asyncio.wait({answered, left}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if answered.done():
            return answered.result()
        begun = not future.cancel()
        if left.done():
            raise Problem(408, "the sender hung up before the answer")  # for the log: nobody reads it
        return Late() if begun else None
    finally:
        left.cancel()


def response(outcome: Outcome | None, limits: Limits, counts: Counts) -> Response:
    if isinstance(outcome, Answer):
        counts.photos.labels(outcome.conclusion).inc()
        status = 422 if outcome.conclusion == UNREADABLE else 200
        return Response(outcome.body, status, media_type="application/json")
    if outcome is None:
        told = f"other photos took the {limits.seconds:g} s that this one could wait; try again"
        raise Problem(503, told, SOON)
    if isinstance(outcome, Late):
        counts.photos.labels("late").inc()
        told = f"the examination was not done {limits.seconds:g} s after the request; send a smaller photo"
        raise Problem(504, told)
    if isinstance(outcome, Lost):
        counts.photos.labels("crashed").inc()
        raise Problem(500, f"this photo could not be examined: {outcome.why}; the service goes on")
    counts.photos.labels("failed").inc()
    raise Problem(500, f"a mistake of the service ({outcome.why}); please report it")
