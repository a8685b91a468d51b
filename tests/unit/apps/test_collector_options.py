from __future__ import annotations

import pytest

from katib.api.experiment import ObjectiveSpec
from katib.api.suggestion import EarlyStoppingRule
from katib.apps.collector_options import CollectorOptions, read_options, split_filters
from katib.errors import ConfigurationError

LEAST = ["-t", "tune", "-m", "loss", "-s-db", "db:6789", "-path", "/log/m.log"]
KATIB_FILTER = r"{metricName: ([\w|-]+), metricValue: ((-?\d+)(\.\d+)?)}"


def problems(*words: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read_options([*LEAST, *words])
    return str(caught.value).splitlines()[1:]


def test_the_least_that_is_needed() -> None:
    objective = ObjectiveSpec(objective_metric_name="loss")
    found = CollectorOptions("tune", objective, "db:6789", "/log/m.log", filters=[], rules=[])
    assert read_options(LEAST) == found


def test_what_katibs_webhook_gives() -> None:
    words = [
        *("-t", "tune-x1", "-m", "loss;acc;f1", "-o-type", "minimize"),
        *("-s-db", "katib-db-manager.kubeflow:6789", "-path", "/var/log/katib/metrics.log"),
        *("-f", f"{KATIB_FILTER};(\\w+)=(\\d+)", "-format", "TEXT", "-w", "false"),
        *("-stop-rule", "loss;0.5;less;4", "-stop-rule", "f1;-1,2;outside;0"),
        *("-s-earlystop", "tune-random.default:6788"),
    ]
    assert read_options(words) == CollectorOptions(
        trial="tune-x1",
        objective=ObjectiveSpec(
            type="minimize", objective_metric_name="loss", additional_metric_names=("acc", "f1")
        ),
        db_manager="katib-db-manager.kubeflow:6789",
        path="/var/log/katib/metrics.log",
        format="TEXT",
        filters=[KATIB_FILTER, r"(\w+)=(\d+)"],
        rules=[
            EarlyStoppingRule(name="loss", value="0.5", comparison="less", start_step=4),
            EarlyStoppingRule(name="f1", value="-1,2", comparison="outside", start_step=0),
        ],
        early_stopping="tune-random.default:6788",
        is_waiting_for_all=False,
    )


def test_the_words_of_the_collector_of_event_files() -> None:
    found = read_options(
        [
            *("--trial_name", "tune", "--metric_names=loss;acc", "--metrics_file_dir", "/tf"),
            *("--db_manager_server_addr", "db:6789", "--poll_interval", "2", "--timeout=60"),
            *("--wait_all_processes", "False", "--objective_type", "maximize"),
        ]
    )
    assert (found.path, found.format) == ("/tf", "")
    assert (found.poll_seconds, found.timeout_seconds) == (2, 60)
    assert not found.is_waiting_for_all


@pytest.mark.parametrize(
    ("words", "seconds"),
    [("1s", 1), ("500ms", 0.5), ("1m30s", 90), ("1.5h", 5400), ("250us", 0.00025), ("3", 3)],
)
def test_how_often_it_looks(words: str, seconds: float) -> None:
    assert read_options([*LEAST, "-p", words]).poll_seconds == pytest.approx(seconds)


def test_a_value_may_begin_with_a_dash_and_the_last_one_counts() -> None:
    found = read_options([*LEAST, "-f", r"-(\w+) (\d+)", "-path=/a=b", "-w", "-p=2s"])
    assert found.filters == [r"-(\w+) (\d+)"]
    assert found.path == "/a=b"
    assert found.is_waiting_for_all
    assert found.poll_seconds == 2


def test_a_rules_metric_may_hold_a_semicolon() -> None:
    rule = ("-stop-rule", "a;b;0.5;less;1", "-s-earlystop", "e:1")
    assert read_options([*LEAST, *rule]).rules[0].name == "a;b"


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        (r"(\w+)=(\d+)", [r"(\w+)=(\d+)"]),
        (r"(\w+)=(\d+);(\w+):(\d+)", [r"(\w+)=(\d+)", r"(\w+):(\d+)"]),
        (r"name (\w+); value (\d+)", [r"name (\w+); value (\d+)"]),
        (r"(\w+);(\d+);(a)(b)", [r"(\w+);(\d+)", "(a)(b)"]),
        (r"a;(b;c)(d)", [r"a;(b;c)(d)"]),
        (r"no groups;(\w+)", ["no groups", r"(\w+)"]),
        ("", []),
    ],
)
def test_filters_are_divided_where_each_has_its_groups(text: str, filters: list[str]) -> None:
    assert list(split_filters(text)) == filters


def test_all_that_is_wrong_is_told() -> None:
    assert problems(
        *("-format", "XML", "-o-type", "least", "-w", "perhaps", "-p", "0s", "-timeout", "soon"),
        *("-stop-rule", "loss;1;less", "-stop-rule", "loss;1;less;x", "-f", "(", "-t=", "-nope"),
        *("-s-db", "db", "extra", "-m"),
    ) == [
        '  "-nope" is no option; there are -t, -m, -o-type, -s-db, -path, -f, -format, -w, -p, '
        "-timeout, -stop-rule, -s-earlystop, -marked, -anew, -http-get",
        '  "extra" is no option; there are -t, -m, -o-type, -s-db, -path, -f, -format, -w, -p, '
        "-timeout, -stop-rule, -s-earlystop, -marked, -anew, -http-get",
        "  -m has no value",
        "  -t is missing",
        "  -s-earlystop is missing: -stop-rule needs it",
        '  -s-db "db": an address such as katib-db-manager.kubeflow:6789 is expected',
        '  -f "(": missing ): (',
        '  -o-type "least": it must be minimize or maximize',
        '  -format "XML": format must be set TEXT or JSON',
        '  -stop-rule "loss;1;less": metric;value;comparison;start step is expected, the last one '
        "a number",
        '  -stop-rule "loss;1;less;x": metric;value;comparison;start step is expected, the last '
        "one a number",
        '  -w "perhaps": it must be true or false',
        '  -p "0s": it must be more than 0',
        '  -timeout "soon": a time such as 1s, 500ms or 1m30s is expected, or a number of seconds',
    ]


def test_where_metrics_are_served() -> None:
    words = ("-t", "x1", "-m", "loss", "-s-db", "db:1", "-path", "/log")
    options = read_options((*words, "-http-get", '{"port": 8080, "path": "/m"}'))
    assert options.endpoint == {"port": 8080, "path": "/m"}
    for text in ("8080", "{", "null"):
        with pytest.raises(ConfigurationError, match="a map in JSON is expected"):
            read_options((*words, "-http-get", text))
