"""`forensics app`: the app in the browser, served to this machine only."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated

import typer

from forensics.refusal import Refusal

ADDRESS = "127.0.0.1"
MAIN = Path(__file__).resolve().parent.parent / "main.py"

# Given on the command line, so that no config.toml of the user's or the folder's overrides them.
FLAGS = {
    "server.address": ADDRESS,
    "server.allowedHosts": [ADDRESS, "localhost"],  # against DNS rebinding
    "server.enableCORS": True,
    "server.enableXsrfProtection": True,
    "server.enableStaticServing": False,
    "server.enableAgentApi": False,
    "server.maxUploadSize": 60,  # MB
    "server.headless": True,  # no browser is started, no e-mail address asked for
    "server.showEmailPrompt": False,
    "server.fileWatcherType": "none",
    "server.runOnSave": False,
    "browser.serverAddress": ADDRESS,
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "minimal",
    "global.developmentMode": False,
    "runner.magicEnabled": False,
    "theme.light.primaryColor": "#0067a3",
    "theme.dark.primaryColor": "#6cbcf5",
}


def app(port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65535)] = 8501) -> None:
    """Open the app in a browser: drop photos, read verdicts, see the benchmarks.

    It listens on 127.0.0.1 only; photos stay on this machine and in the browser's session. Ctrl-C ends it.
    """
    refuse_if_taken(port)
    from streamlit.web import bootstrap

    flags = {**FLAGS, "server.port": port, "browser.serverPort": port}
    bootstrap.load_config_options({name.replace(".", "_"): value for name, value in flags.items()})
    bootstrap.run(str(MAIN), False, [], {})


def refuse_if_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            raise Refusal(f"port {port} cannot be used ({error.strerror}); choose another with --port") from None
