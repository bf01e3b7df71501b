"""`forensics app`: to this machine only, and silent towards all others."""

from __future__ import annotations

import socket

import pytest

from app.commands import serve
from forensics.refusal import Refusal


def test_every_flag_is_one_of_streamlits():
    from streamlit import config

    config.get_option("server.port")
    assert set(serve.FLAGS) <= set(config._config_options_template)


def test_stays_on_this_machine_and_tells_nobody():
    flags = serve.FLAGS
    assert flags["server.address"] == "127.0.0.1"
    assert flags["browser.gatherUsageStats"] is False
    assert flags["client.showErrorDetails"] == "none"
    assert flags["server.maxUploadSize"] == 60
    assert flags["server.enableXsrfProtection"] is True
    assert flags["server.enableCORS"] is True
    assert set(flags["server.allowedHosts"]) == {"127.0.0.1", "localhost"}


def test_a_taken_port_is_refused_in_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Refusal, match=r"port \d+ cannot be used .*--port"):
            serve.app(port=taken.getsockname()[1])
