"""The rate and the time left that a scan tells, on a clock of the test's."""

from __future__ import annotations

from app.commands.pace import Pace


def test_a_log_is_told_once_a_minute():
    now = 1000.0
    pace = Pace(clock=lambda: now)
    assert not pace.row(done=100, kept=100)  # of an earlier run
    assert pace.row(done=101, kept=100)
    assert pace.line(total=10_000) is None
    said = []
    for done in range(102, 302):  # two a second
        now += 0.5
        assert pace.row(done, kept=100)
        said.append(pace.line(total=10_000))
    told = [line for line in said if line]
    assert told == ["221 of 10,000 files, 2.0 a second, 1:21:30 left"]


def test_the_first_row_has_no_rate_yet():
    pace = Pace(clock=lambda: 5.0)
    assert pace.row(done=1, kept=0)
    assert pace.rate == 0
    assert pace.line(total=2) is None
