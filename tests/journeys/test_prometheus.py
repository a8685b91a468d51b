"""Programs that serve their metrics: beside each other, badly, and across a crash of the engine."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

import pytest
from command_line import (
    Katib,
    Manifest,
    a_template,
    an_experiment,
    finish,
    has_text,
    wait_for,
)

pytestmark = pytest.mark.journey

#: Serves a loss that grows with each step; $1 is the port, $2 how many steps there are.
SERVER = """
import sys, time
from prometheus_client import Gauge, start_http_server

loss = Gauge("loss", "grows", ["phase"])
start_http_server(int(sys.argv[1]), addr="127.0.0.1")
for step in range(1, int(sys.argv[2]) + 1):
    loss.labels(phase="val").set(step + float(sys.argv[3]))
    time.sleep(0.2)
time.sleep(1.5)
"""

#: Answers every request with what it is given.
CRUDE = """
import http.server, os, sys, time

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        {answer}

place = ("127.0.0.1", int(os.environ["KATIB_METRICS_PORT"]))
server = http.server.ThreadingHTTPServer(place, Handler)
server.daemon_threads = True
server.timeout = 0.1
until = time.monotonic() + 2.5
while time.monotonic() < until:
    server.handle_request()
"""


def served(script: str, port: int = 8080, name: str = "tuned", **spec: object) -> Manifest:
    manifest = an_experiment("", name, **spec)
    template = a_template([sys.executable, "-c", script])
    template["trialSpec"]["spec"]["template"]["spec"]["containers"][0]["args"] = [
        "$(KATIB_METRICS_PORT)" if port == 8080 else str(port),
        "4",
        "${trialParameters.x}",
    ]
    manifest["spec"]["trialTemplate"] = template
    manifest["spec"]["metricsCollectorSpec"] = {
        "collector": {"kind": "PrometheusMetric"},
        "source": {"httpGet": {"port": port}},
    }
    return manifest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def loss_of(trial: Manifest) -> Manifest:
    [metric] = trial["status"]["observation"]["metrics"]
    found: Manifest = metric
    return found


def events_of(katib: Katib, trial: Manifest) -> str:
    return katib("describe", "trial", trial["metadata"]["name"], check=0).out.partition("Events:")[
        2
    ]


def x_of(trial: Manifest) -> float:
    return float(trial["spec"]["parameterAssignments"][0]["value"])


def test_trials_beside_each_other_are_each_asked_for_their_own(katib: Katib) -> None:
    manifest = served(SERVER, maxTrialCount=4, parallelTrialCount=4)
    katib("run", katib.write(manifest), check=0)
    trials = katib.trials("tuned")
    assert len(trials) == 4
    for trial in trials:
        metric, x = loss_of(trial), x_of(trial)
        assert float(metric["latest"]) == pytest.approx(4 + x)
        assert float(metric["min"]) in [pytest.approx(step + x) for step in (1, 2, 3, 4)]


def test_a_port_of_the_programs_own_choice_is_asked_one_trial_after_the_other(
    katib: Katib,
) -> None:
    katib("run", katib.write(served(SERVER, free_port(), maxTrialCount=2)), check=0)
    for trial in katib.trials("tuned"):
        assert float(loss_of(trial)["latest"]) == pytest.approx(4 + x_of(trial))


def test_two_trials_at_one_port_are_told_apart(katib: Katib) -> None:
    port = free_port()
    manifest = served(SERVER, port, maxTrialCount=2, parallelTrialCount=2, maxFailedTrialCount=2)
    katib("run", katib.write(manifest), check=0)
    trials = katib.trials("tuned")
    by_end = {trial["status"]["conditions"][-1]["type"]: trial for trial in trials}
    # Whoever came second found the port taken, and no number of the other's was read for it.
    assert sorted(by_end) == ["Failed", "Succeeded"]
    good, bad = by_end["Succeeded"], by_end["Failed"]
    assert float(loss_of(good)["latest"]) == pytest.approx(4 + x_of(good))
    assert not bad["status"].get("observation")
    assert "Address already in use" in bad["status"]["conditions"][-1]["message"]


def test_a_port_that_another_program_has_is_told(katib: Katib) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        script = "import sys; sys.exit('no port for me')"
        manifest = served(script, port, maxTrialCount=1, maxFailedTrialCount=1)
        katib("run", katib.write(manifest), check=1)
    [trial] = katib.trials("tuned")
    assert trial["status"]["conditions"][-1]["type"] == "Failed"
    told = events_of(katib, trial)
    assert "MetricsNotRead" in told
    assert f"another program listens on port {port}" in told
    assert "KATIB_METRICS_PORT" in told


ANSWERS = {
    "a redirect": (
        "self.send_response(302); self.send_header('Location', '/elsewhere'); self.end_headers()",
        "the answer is a redirect to '/elsewhere', which is not followed",
    ),
    "too much": (
        "self.send_response(200); self.end_headers(); self.wfile.write(b'x' * (3 << 20))",
        "the answer is larger than 1 MiB",
    ),
    "no text": (
        "self.send_response(200); self.end_headers(); self.wfile.write(bytes(range(256)))",
        "the answer is no text",
    ),
    "a page": (
        "self.send_response(200); self.end_headers(); self.wfile.write(b'<html>loss 1</html>')",
        "it is not in Prometheus' text format",
    ),
    "a refusal": ("self.send_error(403)", "the answer is 403 Forbidden"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_that_cannot_be_read_is_told(katib: Katib, case: str) -> None:
    answer, told = ANSWERS[case]
    manifest = served(CRUDE.format(answer=answer))
    katib("run", katib.write(manifest), check=1)
    [trial] = katib.trials("tuned")
    assert trial["status"]["conditions"][-1]["type"] == "MetricsUnavailable"
    events = events_of(katib, trial)
    assert "MetricsNotRead" in events
    assert told in events
    assert told in katib("explain", "tuned", check=0).out


def test_a_server_that_never_answers_holds_nobody_up(katib: Katib) -> None:
    silent = served(CRUDE.format(answer="time.sleep(60)"), name="silent")
    printed = an_experiment("echo loss=${trialParameters.x}", "printed", maxTrialCount=8)
    katib("run", katib.write(silent, "a.yaml"), katib.write(printed, "b.yaml"), check=1)
    assert katib.get("experiment", "printed")["status"]["trialsSucceeded"] == 8
    [trial] = katib.trials("silent")
    assert trial["status"]["conditions"][-1]["type"] == "MetricsUnavailable"


def test_a_program_that_is_over_too_soon_is_told_what_to_do(katib: Katib) -> None:
    katib("run", katib.write(served("import sys; sys.exit(0)")), check=1)
    told = katib("explain", "tuned", check=0).out
    assert "ended well before anybody answered at http://127.0.0.1:" in told
    assert "KATIB_METRICS_PORT" in told
    assert "stay for a second after its last value" in told


def test_an_engine_that_dies_leaves_a_program_that_the_next_one_asks(
    katib: Katib, tmp_path: Path
) -> None:
    script = """
import os, sys, time
from prometheus_client import Gauge, start_http_server
loss = Gauge("loss", "grows", ["phase"])
loss.labels(phase="val").set(9)
start_http_server(int(os.environ["KATIB_METRICS_PORT"]), addr="127.0.0.1")
open("running", "w").write(str(os.getpid()))
while not os.path.exists("go"):
    time.sleep(0.05)
loss.labels(phase="val").set(3)
time.sleep(2)
"""
    path = katib.write(served(script))
    engine = katib.start("run", path)
    wait_for(lambda: has_text(katib.folder / "running"), "the program runs")
    os.kill(engine.pid, signal.SIGKILL)
    finish(engine)
    again = katib.start("run", path)
    wait_for(lambda: bool(katib("metrics", trial_name(katib)).out), "it is asked again")
    (katib.folder / "go").touch()
    assert finish(again).code == 0
    [trial] = katib.trials("tuned")
    assert loss_of(trial) == {"name": "loss", "min": "3.0", "max": "9.0", "latest": "3.0"}


def trial_name(katib: Katib) -> str:
    [trial] = katib.trials("tuned")
    return str(trial["metadata"]["name"])
