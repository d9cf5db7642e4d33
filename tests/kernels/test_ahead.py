"""The process that compiles beside the one that starts it: one at a time, ends with it, and calls what there is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autograd.kernels import ahead

SCRIPT = """
import sys
from pathlib import Path
from autograd.kernels import ahead
cache = Path(sys.argv[1])
process = ahead.start(cache)
print(process.pid if process else None, ahead.start(cache) is None, (cache / "ahead").exists())
"""


def run(cache: Path, **variables: str) -> list[str]:
    env = {key: value for key, value in os.environ.items() if key != "TAPEGRAD_AHEAD"} | variables
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(cache)], env=env, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.skipif(ahead._cores() < ahead.ENOUGH, reason="one core: nothing is started")
def test_one_at_a_time_and_it_ends_with_the_process_that_started_it(tmp_path):
    pid, none_more, marked = run(tmp_path / "kept")
    assert none_more == marked == "True"
    assert not (tmp_path / "kept" / "ahead").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)
    (tmp_path / "kept" / "ahead").touch()
    assert run(tmp_path / "kept")[0] == "None"
    os.utime(tmp_path / "kept" / "ahead", (0, 0))  # left behind by one that was killed
    assert run(tmp_path / "kept")[0] != "None"


def test_none_where_it_is_not_wanted_or_nothing_can_be_kept(tmp_path):
    assert run(tmp_path / "kept", TAPEGRAD_AHEAD="0")[0] == "None"
    (tmp_path / "file").touch()
    assert run(tmp_path / "file" / "kept")[0] == "None"


def test_what_it_calls_is_there():
    ahead.compile_all()
