"""``katib.tune`` as users have it: real programs, real engines, real workers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from command_line import LONGEST, Katib, wait_for

from katib.apps.home import Home
from katib.apps.server_record import find_server

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]

#: What every program begins with.
HEAD = """
import json, os, sys, time
import katib
X = {"x": katib.search.double(min=-1, max=1)}
QUICK = dict(algorithm_name="random", max_trial_count=6, parallel_trial_count=2)
"""


@dataclass(frozen=True)
class Program:
    """A user's program, which has ended."""

    code: int
    out: str
    err: str

    @property
    def last(self) -> Any:
        """What it printed last, as JSON."""
        return json.loads(self.out.splitlines()[-1])


def write(katib: Katib, text: str, name: str = "program.py") -> Path:
    path = katib.folder / name
    path.write_text(textwrap.dedent(HEAD) + textwrap.dedent(text))
    return path


def run(katib: Katib, text: str, name: str = "program.py", check: int | None = 0) -> Program:
    """Run a program to its end."""
    path = write(katib, text, name)
    ended = subprocess.run(
        [sys.executable, path.name],
        cwd=katib.folder,
        env=katib.environment,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert check in (None, ended.returncode), ended.stdout + ended.stderr
    return Program(ended.returncode, ended.stdout, ended.stderr)


@contextmanager
def running(katib: Katib, text: str, name: str) -> Iterator[subprocess.Popen[str]]:
    """A program that runs."""
    path = write(katib, text, name)
    process = subprocess.Popen(
        [sys.executable, path.name],
        cwd=katib.folder,
        env=katib.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def statuses(katib: Katib, experiment: str) -> list[str]:
    return [trial["status"]["conditions"][-1]["type"] for trial in katib.trials(experiment)]


def test_a_function_of_the_program_is_tuned_in_one_call(katib: Katib) -> None:
    ended = run(
        katib,
        """
        offset = 0.25
        def train(x):
            return (x - offset) ** 2
        result = katib.tune(train, X, name="first", **QUICK)
        best = result.best_trial
        assert best.value == train(**best.parameters) == result.best_value
        assert len(result.trials) == 6 and result.best_parameters == best.parameters
        assert best.value == min(one.value for one in result.trials)
        print(repr(result)); print(json.dumps(best.value))
        """,
    )
    assert "<TuneResult first: 6 trials, best objective" in ended.out
    # Nothing is drawn where there is no terminal; a line now and then says how it goes.
    assert ended.err.splitlines()[-1].startswith("first: 6 trials, best objective")
    assert all(line.startswith("first: ") for line in ended.err.splitlines())
    assert statuses(katib, "first") == ["Succeeded"] * 6
    found = katib.get("experiment", "first")["status"]["currentOptimalTrial"]
    assert float(found["observation"]["metrics"][0]["latest"]) == ended.last
    assert find_server(Home(katib.home)) is None


def test_all_kinds_of_functions_are_tuned(katib: Katib) -> None:
    """Closures, lambdas, bound methods, partials, decorated ones, and those of local modules."""
    (katib.folder / "own").mkdir()
    (katib.folder / "own" / "__init__.py").write_text("from own.parts import square\n")
    (katib.folder / "own" / "parts.py").write_text(
        "from own import scales\ndef square(x):\n    return scales.SCALE * x**2\n"
    )
    (katib.folder / "own" / "scales.py").write_text("SCALE = 3.0\n")
    ended = run(
        katib,
        """
        import functools
        import own
        def outer(by):
            def inner(parameters):
                return parameters["x"] + by
            return inner
        class Model:
            def __init__(self): self.by = 2.0
            def loss(self, x): return x * self.by
            def __call__(self, x): return x / self.by
        def decorate(function):
            @functools.wraps(function)
            def around(*args, **kwargs): return -function(*args, **kwargs)
            return around
        @decorate
        def decorated(x): return x
        CASES = {
            "closure": (outer(5.0), lambda x: x + 5.0),
            "lambda": (lambda x: x + 1, lambda x: x + 1),
            "method": (Model().loss, lambda x: x * 2.0),
            "object": (Model(), lambda x: x / 2.0),
            "partial": (functools.partial(pow, exp=3), None),
            "decorated": (decorated, lambda x: -x),
            "module": (own.square, lambda x: 3.0 * x**2),
            "imported": (lambda x: own.square(x) + own.scales.SCALE, lambda x: 3.0 * x**2 + 3.0),
        }
        for name, (objective, expected) in CASES.items():
            parameters = {"base": X["x"]} if name == "partial" else X
            quick = {**QUICK, "max_trial_count": 2}
            result = katib.tune(objective, parameters, name=name, progress=False, **quick)
            for trial in result.trials:
                (value,) = trial.parameters.values()
                assert trial.value == (value**3 if expected is None else expected(value)), name
        print(json.dumps(len(CASES)))
        """,
    )
    assert ended.last == 8
    assert not ended.err


def test_typed_values_constants_the_handle_and_several_metrics(katib: Katib) -> None:
    ended = run(
        katib,
        """
        def relu(x): return max(x, 0)
        class Data: rows = [1, 2, 3]
        def train(rate, layers, act, size, data, trial):
            assert type(rate) is float and type(layers) is int and type(size) is int
            assert act is relu or act is None
            assert data.rows == [1, 2, 3]
            for epoch in range(3):
                trial.report(loss=rate / (epoch + 1), epoch=epoch)
            return {"loss": rate, "accuracy": 1 - rate}
        result = katib.tune(
            train,
            {
                "rate": katib.search.double(min=0.1, max=0.5),
                "layers": katib.search.int(min=1, max=3),
                "act": katib.search.categorical([relu, None]),
                "size": katib.search.discrete([16, 32]),
                "data": Data(),
            },
            objective_metric_name="loss",
            additional_metric_names=["accuracy"],
            progress=False,
            **QUICK,
        )
        best = result.best_trial
        assert best.value == best.parameters["rate"] == best.metrics["loss"]
        assert best.metrics["accuracy"] == 1 - best.value
        assert best.parameters["act"] in (relu, None)
        assert not result.failures, result.failures
        print(json.dumps(result.name))
        """,
    )
    assert ended.last.startswith("train-")
    trial = katib.trials(ended.last)[0]["metadata"]["name"]
    log = katib("metrics", trial, check=0).out
    assert log.count("loss") == 4


def test_what_goes_wrong_in_a_trial_ends_that_trial(katib: Katib) -> None:
    ended = run(
        katib,
        """
        import ctypes
        def bad(case):
            print("begins", case)
            if case == 0: ctypes.string_at(0)
            if case == 1: os._exit(7)
            if case == 2: sys.exit("so long")
            if case == 3: time.sleep(600)
            if case == 4: raise ValueError("no such thing")
            if case == 5:
                hoard = []
                while True:
                    hoard.append(bytearray(1 << 24))
                    time.sleep(0.01)
            if case == 6: return "text"
            if case == 7: return None
            return case
        result = katib.tune(
            bad, {"case": katib.search.int(min=0, max=9)}, name="bad", algorithm_name="grid",
            parallel_trial_count=2, max_failed_trial_count=20, trial_timeout_seconds=12,
            trial_memory_limit="800Mi", progress=False,
        )
        assert result.best_parameters == {"case": 8}
        found = {one.parameters["case"]: one.message for one in result.failures}
        assert [one.status for one in result.trials].count("Succeeded") == 2
        print(json.dumps(found))
        """,
    )
    expected = {
        "0": "SIGSEGV",
        "1": "exit code 7",
        "2": "sys.exit('so long')",
        "3": "longer than 12 s",
        "4": "ValueError: no such thing",
        "5": "memoryLimit is 800 MiB",
        "6": "'text'",
        "7": "neither returned nor reported",
    }
    found: dict[str, str] = ended.last
    assert found.keys() == expected.keys()
    for case, words in expected.items():
        assert words in found[case], found[case]


def test_when_all_fail_the_first_failure_is_told(katib: Katib) -> None:
    ended = run(
        katib,
        """
        def train(x):
            return missing_name
        katib.tune(train, X, progress=False, **QUICK)
        """,
        check=1,
    )
    last = ended.err[ended.err.rindex("TuneFailedError") :]
    assert "max failed count has reached" in last
    assert "NameError: name 'missing_name' is not defined" in last
    assert "program.py, line" in last


def test_what_cannot_start_starts_nothing(katib: Katib) -> None:
    ended = run(
        katib,
        """
        log = open(os.devnull)
        for objective, parameters in (
            (lambda x: log.read(), X),
            (lambda x, y: 0, X),
            (lambda x: 0, {"x": 3}),
            ("train", X),
        ):
            try:
                katib.tune(objective, parameters)
            except (TypeError, ValueError) as error:
                print(type(error).__name__)
        print(json.dumps(os.path.exists(os.environ["KATIB_HOME"])))
        """,
    )
    assert ended.out.split()[:4] == [
        "UnshippableError",
        "ObjectiveError",
        "SearchSpaceError",
        "ObjectiveError",
    ]
    assert ended.last is False


def test_a_rule_that_is_met_stops_a_trial(katib: Katib) -> None:
    ended = run(
        katib,
        """
        def train(x, trial):
            for step in range(10):
                try:
                    trial.report(loss=x + step / 100)
                except Exception:
                    raise AssertionError("no Exception")
            return x
        result = katib.tune(
            train, {"x": katib.search.int(min=1, max=8)}, algorithm_name="grid",
            objective_metric_name="loss", early_stopping_name="medianstop",
            early_stopping_settings={"min_trials_required": 2, "start_step": 3},
            parallel_trial_count=1, progress=False,
        )
        print(json.dumps([one.status for one in result.trials]))
        """,
    )
    assert "EarlyStopped" in ended.last
    assert ended.last[:2] == ["Succeeded", "Succeeded"]


def test_the_same_name_is_refused_resumed_or_replaced(katib: Katib) -> None:
    ended = run(
        katib,
        """
        def train(x):
            return x
        def other(x):
            return -x
        def go(objective=train, **more):
            try:
                result = katib.tune(
                    objective, X, name="again", progress=False, **{**QUICK, **more}
                )
                print(len(result.trials))
            except Exception as error:
                print(type(error).__name__, error)
        go()
        go()
        go(exists="resume", max_trial_count=9)
        go(exists="resume", max_trial_count=9)
        go(other, exists="resume", max_trial_count=12)
        go(other, exists="replace", max_trial_count=3)
        """,
    )
    lines = ended.out.splitlines()
    assert lines[0] == "6"
    assert 'of 6 trials, which has ended: go on with it with exists="resume"' in lines[1]
    assert lines[2:4] == ["9", "9"]
    assert "its function was another one or has changed since" in lines[4]
    assert lines[5] == "3"


def test_ctrl_c_ends_the_trials_and_the_search_can_be_resumed(katib: Katib) -> None:
    text = """
    def train(x):
        if not os.path.exists("released"):
            open(f"begun-{os.getpid()}", "w").close()
            time.sleep(600)
        return x
    try:
        result = katib.tune(train, X, name="held", exists="resume", **QUICK)
        print("ended", len(result.trials))
    except katib.TuneInterrupted as stop:
        print("interrupted", stop.result.name, flush=True)
        raise
    """
    with running(katib, text, "held.py") as process:
        wait_for(lambda: len(list(katib.folder.glob("begun-*"))) == 2, "two trials run")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=LONGEST)
    assert out == "interrupted held\n"
    assert "Ending the running trials" in err
    assert 'exists="resume") goes on with it' in err
    assert process.returncode != 0
    workers = [int(path.name.partition("-")[2]) for path in katib.folder.glob("begun-*")]
    assert not [pid for pid in workers if psutil.pid_exists(pid)]
    # Another program in the same home does not begin it again.
    (katib.folder / "released").touch()
    run(katib, "katib.tune(lambda x: x, X, progress=False, **QUICK)", "other.py")
    assert len(katib.trials("held")) < 6
    assert run(katib, text, "held.py").out == "ended 6\n"


HELD = """
def train(x):
    while not os.path.exists("released"):
        time.sleep(0.05)
    return x
result = katib.tune(train, X, name="{name}", progress=False, exists="resume",
                    algorithm_name="random", max_trial_count=20, parallel_trial_count=2)
values = [one.value for one in result.trials]
print(json.dumps([len(result.trials), len(set(values)), [one.status for one in result.trials]]))
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_second_program_takes_over_from_the_first(katib: Katib, how: signal.Signals) -> None:
    home = Home(katib.home)
    with running(katib, HELD.format(name="one"), "one.py") as one:
        wait_for(lambda: find_server(home) is not None, "the first program serves")
        record = find_server(home)
        assert record is not None
        assert record.pid == one.pid
        with running(katib, HELD.format(name="two"), "two.py") as two:
            wait_for(lambda: katib("get", "trials", "-e", "two").code == 0, "the second has trials")
            assert find_server(home) == record
            assert "python one.py" in katib("status", check=0).out
            assert "a program of yours" in katib("down", check=1).err
            one.send_signal(how)
            one.wait(LONGEST)
            wait_for(lambda: find_server(home) not in (None, record), "the second serves")
            (katib.folder / "released").touch()
            out, err = two.communicate(timeout=LONGEST)
    assert two.returncode == 0, err
    assert json.loads(out) == [20, 20, ["Succeeded"] * 20]
    # What the first had begun went on in the second's engine, or goes on in the next.
    ended = run(katib, HELD.format(name="one"), "one.py")
    assert ended.last == [20, 20, ["Succeeded"] * 20]


def test_a_program_uses_the_server_that_there_is(katib: Katib) -> None:
    katib("up", "--detach", "--port", "0", check=0)
    try:
        ended = run(
            katib,
            """
            result = katib.tune(lambda x: x, X, name="served", progress=False, **QUICK)
            from katib.apps import program
            print(json.dumps(len(program._ENGINES._engines)))
            """,
        )
        assert ended.last == 0
        assert statuses(katib, "served") == ["Succeeded"] * 6
    finally:
        katib("down", check=0)


def test_forked_children_tune_through_the_parents_engine(katib: Katib) -> None:
    ended = run(
        katib,
        """
        import multiprocessing
        def work(number):
            result = katib.tune(lambda x: x, X, name=f"child-{number}", progress=False, **QUICK)
            return len(result.trials)
        katib.tune(lambda x: x, X, name="parent", progress=False, **QUICK)
        with multiprocessing.get_context("fork").Pool(2) as pool:
            found = pool.map(work, range(2))
        result = katib.tune(lambda x: x, X, name="after", progress=False, **QUICK)
        print(json.dumps([*found, len(result.trials)]))
        """,
    )
    assert ended.last == [6, 6, 6]


def test_the_documents_of_a_result_run_by_themselves(katib: Katib) -> None:
    run(
        katib,
        """
        base = {"by": 0.5}
        def train(x, act, trial):
            trial.report(objective=act(x) + 1)
            return act(x) + base["by"]
        result = katib.tune(
            train, {**X, "act": katib.search.categorical([abs, float])}, name="portable",
            progress=False, **QUICK
        )
        with open("portable.yaml", "w") as file:
            file.write(result.experiment)
        """,
    )
    text = (katib.folder / "portable.yaml").read_text()
    (katib.folder / "portable.yaml").write_text(text.replace("name: portable", "name: carried"))
    katib("run", "portable.yaml", check=0)
    trials = katib.trials("carried")
    assert len(trials) == 6
    for trial in trials:
        given = {one["name"]: one["value"] for one in trial["spec"]["parameterAssignments"]}
        (metric,) = trial["status"]["observation"]["metrics"]
        x = float(given["x"])
        assert float(metric["latest"]) == (abs(x) if given["act"] == "abs" else x) + 0.5
        assert trial["spec"]["runSpec"]["kind"] == "Job"


def test_logging_of_the_program_is_its_own(katib: Katib) -> None:
    ended = run(
        katib,
        """
        import logging
        logging.basicConfig(level=logging.INFO)
        katib.tune(lambda x: x, X, progress=False, **QUICK)
        """,
    )
    assert not ended.err, ended.err
