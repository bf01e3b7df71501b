"""`forensics serve`: verdicts over HTTP, for programs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from forensics.places import DETECTOR_WEIGHTS
from forensics.refusal import Refusal

MOST = 512  # megabytes; forensics/photo.py reads no more
NEEDED = "forensics serve needs {}: pip install 'deepfake-forensics[service]'"


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on. Any other than this machine's needs a key.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="Port to listen on; 0 = any free one.", min=0, max=65535)] = 8600,
    name: Annotated[
        list[str] | None, typer.Option(help="Host name by which requests may call it; may be repeated.")
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option(help="File with the key that requests must send.  [default: FORENSICS_API_KEY]")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes, one core and one copy of the models each.  [default: cores]")
    ] = None,
    waiting: Annotated[int, typer.Option(min=0, max=1000, help="Photos that may wait; one more is told 429.")] = 8,
    megabytes: Annotated[int, typer.Option(min=1, max=MOST, help="Of one photo; a larger one is told 413.")] = 60,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="For one photo, with its wait, until 504.")] = 120.0,
    panel: Annotated[
        Path, typer.Option(help="Folder with detector weights and their calibration.")
    ] = DETECTOR_WEIGHTS,
) -> None:
    """Serve verdicts over HTTP: POST a photo to /inspect, get the report that `inspect --json` writes.

    Also /health, /ready, /metrics (Prometheus) and /openapi.json. A photo that crashes or hangs a worker gets an
    answer that says so; the others get their verdicts. SIGTERM or Ctrl-C: photos that were taken are finished.
    """
    try:
        from app.service.running import run
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in EXTRA:
            raise
        raise Refusal(NEEDED.format(error.name)) from None
    from app.commands.scan import load
    from app.service.door import door
    from app.service.limits import Limits
    from forensics.crew import cores

    limits = Limits(megabytes * 2**20, seconds, workers or cores(), waiting)
    run(partial(load, panel.resolve()), limits, door(host, name or [], key_file), host, port)


EXTRA = ("fastapi", "uvicorn", "starlette", "prometheus_client", "python_multipart", "pydantic")
