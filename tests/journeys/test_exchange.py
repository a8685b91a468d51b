"""Objects in and out: what others' own libraries read of it, and imports that are broken off."""

from __future__ import annotations

import json
import math
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Katib, an_experiment, wait_for

import katib as sdk
from environments import an_environment
from katib.client.exchange.calls import import_trials
from katib.client.finding import find_backend
from katib.client.study import Study
from katib.client.study.errors import StudyRefusedError

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]

SPACE = {
    "x": sdk.search.double(-5, 5),
    "lr": sdk.search.double(0.001, 1, distribution="logUniform"),
    "n": sdk.search.int(1, 9),
    "kind": sdk.search.categorical(["a", "b"]),
    "size": sdk.search.discrete([1, 2.5]),
}

#: Runs a command of Katib with libraries that are not installed beside it.
WITH_LIBRARIES = "import sys; sys.path.append(sys.argv.pop(1)); from katib.cli import main; main()"


@pytest.fixture(scope="module")
def python() -> str:
    """A Python that has the libraries of others, and not Katib."""
    return an_environment("exchange", "optuna>=4", "pyarrow", "mlflow-skinny")


@pytest.fixture(scope="module")
def libraries(python: str) -> str:
    """Where they are."""
    return read(python, "import optuna, os; print(os.path.dirname(optuna.__path__[0]))")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the study ``told``, one of whose trials has not ended."""
    home = tmp_path_factory.mktemp("exchange") / "home"
    with Study(
        SPACE, name="told", home=home, algorithm="random", additional_metric_names=["f1"]
    ) as study:
        for number in range(7):
            trial = study.ask()
            assert trial is not None
            for step in range(3):
                trial.report({"objective": number + 2 - step, "f1": step / 2})
            if number < 6:
                study.tell(trial, failed=number == 1, stopped=number == 2)
    return home


@pytest.fixture
def elsewhere(tmp_path: Path) -> Katib:
    """A home to import into."""
    return Katib(tmp_path / "home", tmp_path)


def read(python: str, program: str, *words: str) -> str:
    """What a program prints that knows nothing of Katib."""
    ended = subprocess.run(
        [python, "-c", program, *words], capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def command(libraries: str, *words: str) -> str:
    return read(sys.executable, WITH_LIBRARIES, libraries, *words)


LOAD = """
import json, sys, optuna
optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.load_study(study_name="told", storage=eval(sys.argv[1]))
print(json.dumps({
    "direction": study.direction.name,
    "best": study.best_value,
    "trials": [
        [one.state.name, one.value, list(one.intermediate_values.values()), one.user_attrs["f1"]]
        if one.state.name == "COMPLETE" else [one.state.name, len(one.intermediate_values)]
        for one in study.trials
    ],
    "distributions": {name: str(one) for name, one in study.trials[0].distributions.items()},
    "params": study.trials[0].params,
}))
# It goes on there.
study.optimize(lambda trial: trial.suggest_float("x", -5, 5) ** 2, n_trials=1)
"""


@pytest.mark.parametrize(
    ("file", "storage"),
    [
        ("told.db", "'sqlite:///FILE'"),
        (
            "told.log",
            "optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend('FILE'))",
        ),
    ],
)
def test_optuna_loads_what_is_exported_for_it(
    python: str, libraries: str, home: Path, tmp_path: Path, file: str, storage: str
) -> None:
    where = str(tmp_path / file)
    told = command(
        libraries, "export", "told", "--home", str(home), "--format", "optuna", "-o", where
    )
    assert told == f"7 trials are in {where}."
    found = json.loads(read(python, LOAD, storage.replace("FILE", where)))
    assert found["direction"] == "MINIMIZE"
    assert found["trials"][0] == ["COMPLETE", 0.0, [2.0, 1.0, 0.0], 1.0]
    assert found["trials"][1:3] == [["FAIL", 3], ["PRUNED", 3]]
    assert found["trials"][6][0] == "RUNNING"
    assert found["distributions"] == {
        "x": "FloatDistribution(high=5.0, log=False, low=-5.0, step=None)",
        "lr": "FloatDistribution(high=1.0, log=True, low=0.001, step=None)",
        "n": "IntDistribution(high=9, log=False, low=1, step=1)",
        "kind": "CategoricalDistribution(choices=('a', 'b'))",
        "size": "CategoricalDistribution(choices=(1, 2.5))",
    }
    with Study(name="told", home=home) as study:
        assert found["params"] == study.trials[0].parameters


def test_a_study_that_is_there_in_optuna_is_left_alone(
    python: str, libraries: str, home: Path, tmp_path: Path
) -> None:
    where = str(tmp_path / "told.db")
    words = ("export", "told", "--home", str(home), "--format", "optuna", "-o", where)
    command(libraries, *words)
    ended = subprocess.run(
        [sys.executable, "-c", WITH_LIBRARIES, libraries, *words], capture_output=True, text=True
    )
    assert ended.returncode == 2
    assert "has a study told already; name another file" in ended.stderr


def test_pyarrow_reads_what_is_exported_for_it(
    python: str, libraries: str, home: Path, tmp_path: Path
) -> None:
    where = str(tmp_path / "told.parquet")
    command(libraries, "export", "told", "--home", str(home), "--format", "parquet", "-o", where)
    program = (
        "import json, sys, pyarrow.parquet as p; t = p.read_table(sys.argv[1]);"
        "print(json.dumps([[f.name, str(f.type)] for f in t.schema]));"
        "print(t.column('metrics.objective').to_pylist())"
    )
    schema, values = read(python, program, where).splitlines()
    types = dict(json.loads(schema))
    assert types["parameters.x"] == types["metrics.f1"] == "double"
    assert types["parameters.n"] == "int64"
    assert types["parameters.kind"] == "string"
    assert types["completed"].startswith("timestamp")
    assert json.loads(values.replace("None", "null"))[0] == 0.0


LOG = """
import sys; sys.path.append(sys.argv[1])
import katib
from katib.client.finding import find_backend
backend = find_backend(home=sys.argv[2])
first = katib.log_to_mlflow("told", sys.argv[3], backend=backend)
assert katib.log_to_mlflow("told", sys.argv[3], backend=backend) == first
backend.close()
"""

LOOK = """
import json, sys, mlflow
client = mlflow.MlflowClient(sys.argv[1])
(experiment,) = [one for one in client.search_experiments() if one.name == "katib"]
runs = client.search_runs([experiment.experiment_id])
print(json.dumps([
    [one.info.run_name, one.info.status, one.data.params, one.data.metrics, one.data.tags,
     [m.value for m in client.get_metric_history(one.info.run_id, "objective")]]
    for one in runs
]))
"""


def test_mlflow_has_a_run_for_the_experiment_and_one_below_it_for_each_trial(
    python: str, libraries: str, home: Path, tmp_path: Path
) -> None:
    where = f"sqlite:///{tmp_path / 'mlflow.db'}"
    read(sys.executable, LOG, libraries, str(home), where)
    runs = json.loads(read(python, LOOK, where).splitlines()[-1])
    (parent,) = [run for run in runs if run[0] == "told"]
    children = {run[0]: run for run in runs if run[0] != "told"}
    assert parent[2]["algorithm"] == "random"
    assert parent[3]["objective"] == 0.0
    with Study(name="told", home=home) as study:
        trials = study.trials
    # The one that goes on is logged when it has ended.
    assert set(children) == {trial.name for trial in trials[:6]}
    _, status, params, metrics, tags, history = children[trials[0].name]
    assert status == "FINISHED"
    assert float(params["x"]) == trials[0].parameters["x"]
    assert history == [2.0, 1.0, 0.0]
    assert metrics == {"objective": 0.0, "f1": 1.0}
    assert tags["katib.status"] == "Succeeded"
    assert children[trials[1].name][1] == "FAILED"
    assert children[trials[2].name][4]["katib.status"] == "EarlyStopped"


MAKE = """
import sys, optuna
optuna.logging.set_verbosity(optuna.logging.ERROR)
def objective(trial):
    x = trial.suggest_float("x", -5, 5)
    lr = trial.suggest_float("lr", 1e-3, 1, log=True)
    trial.suggest_categorical("flag", [True, False])
    if trial.number == 3:
        raise ValueError
    for step in range(2):
        trial.report(x * x + (1 - step), step)
    if trial.number == 4:
        raise optuna.TrialPruned
    trial.set_user_attr("lr2", lr * 2)
    return x * x
study = optuna.create_study(study_name="theirs", storage=sys.argv[1])
study.optimize(objective, n_trials=6, catch=(ValueError,))
study.ask()
print(study.best_value)
"""


def test_a_search_of_optuna_goes_on_here(python: str, libraries: str, elsewhere: Katib) -> None:
    where = f"sqlite:///{elsewhere.folder / 'theirs.db'}"
    best = float(read(python, MAKE, where))
    home = str(elsewhere.home)
    told = command(libraries, "import", where, "--name", "ours", "--home", home)
    assert "6 trials of" in told
    assert "x: double, -5.0 to 5.0" in told
    assert "lr: double, 0.001 to 1.0, distribution logUniform" in told
    assert "flag: categorical, True, False" in told
    assert "1 trials had not ended and are left out" in told
    assert 'it goes on when it is asked: katib.Study(name="ours")' in told
    with Study(name="ours", home=home) as study:
        statuses = [trial.status for trial in study.trials]
        assert statuses == ["Succeeded"] * 3 + ["Failed", "EarlyStopped", "Succeeded"]
        assert study.best is not None
        assert math.isclose(study.best.value or 0, best)
        assert study.trials[0].metrics["lr2"] == 2 * float(str(study.trials[0].parameters["lr"]))
        trial = study.ask()
        assert trial is not None
        study.tell(trial, 0.0)
        assert len(study.trials) == 7
    # And back again: nothing was lost on the way.
    back = str(elsewhere.folder / "back.db")
    command(libraries, "export", "ours", "--home", home, "--format", "optuna", "-o", back)
    program = (
        "import sys, optuna; optuna.logging.set_verbosity(40);"
        "s = optuna.load_study(study_name='ours', storage='sqlite:///' + sys.argv[1]);"
        "print([one.state.name for one in s.trials], s.trials[0].intermediate_values)"
    )
    assert read(python, program, back) == read(
        python, program.replace("'ours'", "'theirs'"), where.removeprefix("sqlite:///")
    ).replace("RUNNING", "COMPLETE")


def test_an_algorithm_learns_from_what_was_imported(elsewhere: Katib) -> None:
    chance = random.Random(5)
    rows = [chance.uniform(-5, 5) for _ in range(40)]
    lines = ["x,y,loss", *(f"{x},{x / 2},{(x - 1) ** 2}" for x in rows)]
    file = elsewhere.folder / "runs.csv"
    file.write_text("\n".join(lines) + "\n")
    backend = find_backend(home=elsewhere.home)
    study = import_trials(
        file,
        name="learnt",
        backend=backend,
        objective_metric_name="loss",
        algorithm="tpe",
        algorithm_settings={"random_state": 1},
        max_trial_count=50,
    )
    assert study is not None
    with study:
        asked = study.ask(30)
        # The budget counts what was imported.
        assert len(asked) == 10
        near = [abs(float(str(trial.parameters["x"])) - 1) < 1.5 for trial in asked]
        assert sum(near) > 5


def test_a_search_with_a_template_goes_on_by_itself(elsewhere: Katib) -> None:
    path = elsewhere.write(an_experiment("echo loss=0.5", maxTrialCount=4, parallelTrialCount=1))
    file = elsewhere.folder / "runs.csv"
    file.write_text("x,loss\n0.25,0.75\n0.5,0.125\n")
    answer = elsewhere("import", str(file), "--name", "tuned", "-f", path, check=0)
    assert "they count in maxTrialCount: 2 of 4 trials are left" in answer.out
    elsewhere("run", path, check=0)
    trials = elsewhere.trials("tuned")
    assert len(trials) == 4
    experiment = elsewhere.get("experiment", "tuned")
    best = experiment["status"]["currentOptimalTrial"]
    assert best["bestTrialName"] == "tuned-00000001"
    assert best["observation"]["metrics"][0]["min"] == "0.125"


def test_of_a_file_with_a_mistake_nothing_is_imported(elsewhere: Katib) -> None:
    path = elsewhere.write(an_experiment("echo loss=0.5"))
    file = elsewhere.folder / "runs.csv"
    file.write_text("x,loss\n0.25,0.75\n2,0.1\n0.5,\n")
    answer = elsewhere("import", str(file), "--name", "tuned", "-f", path, check=2)
    assert "row 4, column 'loss': found nothing" in answer.err
    file.write_text("x,loss\n0.25,0.75\n2,0.1\n")
    answer = elsewhere("import", str(file), "--name", "tuned", "-f", path, check=2)
    assert "row 3, x: found '2.0'; a number from 0.0 to 1.0 is expected" in answer.err
    assert "no experiments" in elsewhere("get", "experiments").err


def test_an_import_that_was_broken_off_goes_on(elsewhere: Katib) -> None:
    file = elsewhere.folder / "runs.csv"
    count = 150
    lines = ["x,loss", *(f"{one / 7},{one}" for one in range(count))]
    file.write_text("\n".join(lines) + "\n")
    words = ("import", str(file), "--name", "broken", "--objective", "loss")
    broken = elsewhere.start(*words)
    wait_for(lambda: "broken-00000020" in elsewhere("get", "trials").out, "some are there")
    broken.send_signal(signal.SIGKILL)
    broken.communicate()
    assert len(elsewhere.trials("broken")) < count
    with pytest.raises(StudyRefusedError, match="are being imported"):
        Study(name="broken", home=elsewhere.home)
    # Another file is another import.
    other = elsewhere.folder / "other.csv"
    other.write_text("x,loss\n1,2\n3,4\n")
    refused = elsewhere("import", str(other), "--name", "broken", "--objective", "loss", check=2)
    assert "already" in refused.err
    elsewhere(*words, check=0)
    with Study(name="broken", home=elsewhere.home) as study:
        assert [trial.value for trial in study.trials] == [float(one) for one in range(count)]
        assert study.ask() is not None
