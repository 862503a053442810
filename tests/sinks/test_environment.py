"""What a hook's environment says where the locale has no letter for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from patience import PATIENCE_S

from kwsd.envelope import Envelope
from kwsd.events import Detection
from kwsd.sinks.environment import environment

ASK = """
import json, subprocess, sys
from kwsd.envelope import Envelope
from kwsd.events import Detection
from kwsd.sinks.environment import environment
event = Detection(json.loads(sys.argv[1]), word="stop", score=0.9, threshold=0.5, start=0, end=1, at=2, model="tiny")
given = environment(Envelope.seal(event, 1), {})
show = "import os; print(os.environb[b'KWSD_STREAM'])"
print(subprocess.run([sys.executable, "-c", show], env=given, capture_output=True, text=True, check=True).stdout)
"""


@pytest.mark.parametrize("stream", ["mic é…", "mic \udce9"])
@pytest.mark.parametrize("utf8", ["0", "1"])
def test_it_is_utf8_whatever_the_locale_is(stream: str, utf8: str) -> None:
    env = os.environ | {"LC_ALL": "C", "PYTHONUTF8": utf8, "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-c", ASK, json.dumps(stream)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.stdout.strip() == str(stream.encode("utf-8", "surrogateescape")), done.stderr


def test_what_no_variable_can_hold_is_left_out() -> None:
    event = Detection("desk", word="st\0op", score=0.9, threshold=0.5, start=0, end=1, at=2, model="tiny")
    assert environment(Envelope.seal(event, 1), {})["KWSD_WORD"] == "stop"
