from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from katib.api import names
from katib.api.experiment import (
    AlgorithmSpec,
    Experiment,
    ExperimentSpec,
    FeasibleSpace,
    GraphConfig,
    Metric,
    NasConfig,
    ObjectiveSpec,
    Observation,
    Operation,
    ParameterSpec,
)
from katib.api.suggestion import EarlyStoppingRule, TrialAssignment
from katib.api.trial import Trial, TrialSpec, TrialStatus
from katib.api.values import Condition, NameValue, ObjectMeta, Strings
from katib.ports.observation_log import NO_TIME, MetricEntry
from katib.ports.suggester import SuggestionReply
from katib.rpc.experiments import (
    read_experiment,
    read_objective,
    read_parameter,
    write_experiment,
    write_objective,
    write_parameter,
)
from katib.rpc.generated import api_pb2 as pb
from katib.rpc.logs import read_log, write_log
from katib.rpc.suggestions import read_reply, read_rule, write_reply, write_rule
from katib.rpc.trials import picked_value, read_trial, write_trial

NOON = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)


def settings(**values: str) -> tuple[NameValue, ...]:
    return tuple(NameValue(name=name, value=value) for name, value in values.items())


def parameter(type: str = names.DOUBLE, distribution: str = "uniform") -> ParameterSpec:
    space = FeasibleSpace(min="1e-3", max="0.10", step="0.01", distribution=distribution)
    return ParameterSpec(name="lr", parameter_type=type, feasible_space=space)


LIST = ParameterSpec(
    name="optimizer", parameter_type="categorical", feasible_space=FeasibleSpace(list=("b", "a"))
)
FULL = Experiment(
    metadata=ObjectMeta(name="full"),
    spec=ExperimentSpec(
        parameters=(parameter(distribution="logUniform"), LIST),
        objective=ObjectiveSpec(
            type="maximize",
            goal=0.99,
            objective_metric_name="accuracy",
            additional_metric_names=("loss",),
            metric_strategies=settings(accuracy="latest", loss="latest"),
        ),
        algorithm=AlgorithmSpec(algorithm_name="tpe", algorithm_settings=settings(n="1", a="2")),
        early_stopping=AlgorithmSpec(
            algorithm_name="medianstop", algorithm_settings=settings(start_step="4")
        ),
        parallel_trial_count=3,
        max_trial_count=12,
        nas_config=NasConfig(
            graph_config=GraphConfig(num_layers=8, input_sizes=(32, 32, 3), output_sizes=(10,)),
            operations=(Operation(operation_type="convolution", parameters=(LIST,)),),
        ),
    ),
)


# Experiments


def test_an_experiment_comes_back_as_it_was() -> None:
    message = pb.Experiment.FromString(write_experiment(FULL).SerializeToString())
    assert read_experiment(message) == FULL


def test_bounds_are_sent_as_they_were_written() -> None:
    space = write_parameter(parameter()).feasible_space
    assert (space.min, space.max, space.step) == ("1e-3", "0.10", "0.01")


def test_the_namespace_and_what_nobody_set_are_not_sent() -> None:
    experiment = Experiment(metadata=ObjectMeta(name="bare", namespace="here"))
    assert write_experiment(experiment) == pb.Experiment(
        name="bare",
        spec=pb.ExperimentSpec(parameter_specs=pb.ExperimentSpec.ParameterSpecs()),
    )


def test_an_empty_message_is_an_empty_experiment() -> None:
    assert read_experiment(pb.Experiment(name="bare")) == Experiment(
        metadata=ObjectMeta(name="bare")
    )


PARAMETER_TYPES = {
    "double": pb.DOUBLE,
    "int": pb.INT,
    "discrete": pb.DISCRETE,
    "categorical": pb.CATEGORICAL,
    "unknown": pb.UNKNOWN_TYPE,
}
DISTRIBUTIONS = {
    "uniform": pb.UNIFORM,
    "logUniform": pb.LOG_UNIFORM,
    "normal": pb.NORMAL,
    "logNormal": pb.LOG_NORMAL,
    "": pb.DISTRIBUTION_UNSPECIFIED,
}
OBJECTIVE_TYPES = {"minimize": pb.MINIMIZE, "maximize": pb.MAXIMIZE, "": pb.UNKNOWN}


@pytest.mark.parametrize(("name", "number"), PARAMETER_TYPES.items())
def test_parameter_types_have_numbers(name: str, number: pb.ParameterType) -> None:
    message = write_parameter(parameter(type=name))
    assert message.parameter_type == number
    assert read_parameter(message).parameter_type == name


@pytest.mark.parametrize(("name", "number"), DISTRIBUTIONS.items())
def test_distributions_have_numbers(name: str, number: pb.Distribution) -> None:
    message = write_parameter(parameter(distribution=name))
    assert message.feasible_space.distribution == number
    assert read_parameter(message).feasible_space.distribution == name


@pytest.mark.parametrize(("name", "number"), OBJECTIVE_TYPES.items())
def test_objective_types_have_numbers(name: str, number: pb.ObjectiveType) -> None:
    message = write_objective(ObjectiveSpec(type=name))
    assert message.type == number
    assert read_objective(message).type == name


def test_words_that_the_contract_does_not_know_are_sent_as_unknown() -> None:
    odd = write_parameter(parameter(type="complex", distribution="beta"))
    assert odd.parameter_type == pb.UNKNOWN_TYPE
    assert odd.feasible_space.distribution == pb.DISTRIBUTION_UNSPECIFIED
    assert write_objective(ObjectiveSpec(type="balance")).type == pb.UNKNOWN


def test_an_absent_goal_is_sent_as_zero() -> None:
    assert write_objective(ObjectiveSpec(goal=None)).goal == 0.0
    assert write_objective(ObjectiveSpec(goal=-2)).goal == -2.0
    assert read_objective(pb.ObjectiveSpec(goal=0.0)).goal is None


# Trials


def condition(type: str, status: str = "True") -> Condition:
    return Condition(type=type, status=status)


def a_trial(
    *conditions: Condition,
    started: datetime | None = None,
    completed: datetime | UnsetType | None = UNSET,
) -> Trial:
    return Trial(
        metadata=ObjectMeta(name="t-1", labels=Strings({"of": "metadata"})),
        spec=TrialSpec(
            objective=FULL.spec.objective,
            parameter_assignments=settings(z="1", a="2"),
            labels=Strings({"of": "spec"}),
        ),
        status=TrialStatus(
            start_time=started, completion_time=completed, conditions=tuple(conditions)
        ),
    )


def test_a_trial_is_sent_with_its_objective_assignments_in_order_and_labels_of_the_spec() -> None:
    assert write_trial(a_trial()) == pb.Trial(
        name="t-1",
        spec=pb.TrialSpec(
            objective=pb.ObjectiveSpec(
                type=pb.MAXIMIZE,
                goal=0.99,
                objective_metric_name="accuracy",
                additional_metric_names=["loss"],
            ),
            parameter_assignments=pb.TrialSpec.ParameterAssignments(
                assignments=[
                    pb.ParameterAssignment(name="z", value="1"),
                    pb.ParameterAssignment(name="a", value="2"),
                ]
            ),
            labels={"of": "spec"},
        ),
        status=pb.TrialStatus(),
    )


STATES = {
    "no condition": ((), pb.TrialStatus.CREATED),
    "created": ((condition("Created"),), pb.TrialStatus.CREATED),
    "running": ((condition("Created"), condition("Running")), pb.TrialStatus.RUNNING),
    "succeeded": (
        (condition("Running", "False"), condition("Succeeded")),
        pb.TrialStatus.SUCCEEDED,
    ),
    "killed": ((condition("Killed"),), pb.TrialStatus.KILLED),
    "failed": ((condition("Failed"),), pb.TrialStatus.FAILED),
    "stopped early": ((condition("EarlyStopped"),), pb.TrialStatus.EARLYSTOPPED),
    "without metrics: such trials are not sent": (
        (condition("MetricsUnavailable"),),
        pb.TrialStatus.UNKNOWN,
    ),
    "a state of somebody else's": ((condition("Odd"),), pb.TrialStatus.UNKNOWN),
}


@pytest.mark.parametrize(("conditions", "state"), STATES.values(), ids=STATES)
def test_the_last_condition_is_the_state(
    conditions: tuple[Condition, ...], state: pb.TrialStatus.TrialConditionType
) -> None:
    assert write_trial(a_trial(*conditions)).status.condition == state


@pytest.mark.parametrize(
    "name", ["Created", "Running", "Succeeded", "Killed", "Failed", "EarlyStopped"]
)
def test_a_state_is_read_as_a_condition_that_is_true(name: str) -> None:
    message = write_trial(a_trial(condition(name)))
    assert read_trial(message).status.conditions == (condition(name),)


def test_states_that_we_never_send_are_read() -> None:
    lost = pb.Trial(status=pb.TrialStatus(condition=pb.TrialStatus.METRICSUNAVAILABLE))
    assert read_trial(lost).status.conditions == (condition("MetricsUnavailable"),)
    odd = pb.Trial(status=pb.TrialStatus(condition=pb.TrialStatus.UNKNOWN))
    assert read_trial(odd).status.conditions == ()


def test_times_are_whole_seconds_of_utc() -> None:
    east = timezone(timedelta(hours=2))
    started = datetime(2026, 5, 1, 14, 0, 0, 999_999, tzinfo=east)
    status = write_trial(a_trial(started=started, completed=NOON)).status
    assert (status.start_time, status.completion_time) == ("2026-05-01T12:00:00Z",) * 2


def test_an_absent_time_is_empty_and_a_zero_one_is_year_one() -> None:
    absent = write_trial(a_trial(started=None, completed=UNSET)).status
    assert (absent.start_time, absent.completion_time) == ("", "")
    assert write_trial(a_trial(completed=None)).status.completion_time == "0001-01-01T00:00:00Z"


@pytest.mark.parametrize("text", ["2026-05-01T12:00:00Z", "2026-05-01T14:00:00+02:00"])
def test_times_are_read_as_utc(text: str) -> None:
    status = read_trial(pb.Trial(status=pb.TrialStatus(start_time=text))).status
    assert status.start_time == NOON
    assert status.start_time.tzinfo is UTC


def test_a_time_without_a_zone_is_taken_for_utc() -> None:
    status = pb.TrialStatus(start_time="2026-05-01T12:00:00")
    found = read_trial(pb.Trial(status=status)).status
    assert found.start_time == NOON
    assert found.completion_time is UNSET


def test_a_text_that_is_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'noon' is no RFC 3339 time such as 2026-01-31T12"):
        read_trial(pb.Trial(status=pb.TrialStatus(start_time="noon")))


def metric(**values: str) -> Metric:
    return replace(Metric(name="accuracy", min="1", max="3", latest="2"), **values)


PICKED = {
    "min": (metric(), "min", "1"),
    "max": (metric(), "max", "3"),
    "latest": (metric(), "latest", "2"),
    "min that is unavailable": (metric(min="unavailable"), "min", "2"),
    "max that is unavailable": (metric(max="unavailable"), "max", "2"),
    "no strategy": (metric(), None, ""),
    "a strategy that nobody knows": (metric(), "median", ""),
}


@pytest.mark.parametrize(("metric", "strategy", "value"), PICKED.values(), ids=PICKED)
def test_the_strategy_picks_the_value(metric: Metric, strategy: str | None, value: str) -> None:
    strategies = () if strategy is None else settings(other="min", accuracy=strategy)
    assert picked_value(metric, ObjectiveSpec(metric_strategies=strategies)) == value


def test_without_an_objective_no_value_is_picked() -> None:
    assert picked_value(metric(), None) == ""


def test_metrics_are_sent_in_order_and_read_as_values_that_count() -> None:
    loss = Metric(name="loss", min="7", max="9", latest="8")
    running = a_trial(condition("Running"))
    status = replace(running.status, observation=Observation(metrics=(loss, metric())))
    message = write_trial(replace(running, status=status))
    assert [(one.name, one.value) for one in message.status.observation.metrics] == [
        ("loss", "8"),
        ("accuracy", "2"),
    ]
    trial = read_trial(message)
    assert trial.status.observation == Observation(
        metrics=(
            Metric(name="loss", min="8", max="8", latest="8"),
            Metric(name="accuracy", min="2", max="2", latest="2"),
        )
    )
    assert trial.is_observed
    assert write_trial(trial) == message


def test_a_trial_that_is_read_keeps_its_spec() -> None:
    trial = a_trial(condition("Succeeded"), started=NOON, completed=NOON)
    found = read_trial(write_trial(trial))
    assert found.spec == trial.spec
    assert found.status == trial.status
    assert read_trial(pb.Trial(name="bare")).spec == TrialSpec()


# Suggestions


def test_a_reply_comes_back_as_it_was() -> None:
    assignments = (
        TrialAssignment(
            name="named", parameter_assignments=settings(b="1", a="2"), labels=Strings({"k": "v"})
        ),
        TrialAssignment(parameter_assignments=settings(b="3", a="4")),
    )
    reply = SuggestionReply(assignments, settings(current_r="9"))
    message = write_reply(reply, "hyperband")
    assert message.algorithm.algorithm_name == "hyperband"
    assert read_reply(message) == reply


def test_a_reply_without_settings_names_no_algorithm() -> None:
    message = write_reply(SuggestionReply(()), "random")
    assert message == pb.GetSuggestionsReply()
    assert read_reply(message) == SuggestionReply(())


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("equal", pb.EQUAL),
        ("less", pb.LESS),
        ("greater", pb.GREATER),
        ("outside", pb.OUTSIDE),
        ("stalled", pb.STALLED),
        ("worse", pb.WORSE),
    ],
)
def test_rules_come_back_as_they_were(name: str, number: pb.ComparisonType) -> None:
    rule = EarlyStoppingRule(name="loss", value="0.50", comparison=name, start_step=4)
    message = write_rule(rule)
    assert message == pb.EarlyStoppingRule(
        name="loss", value="0.50", comparison=number, start_step=4
    )
    assert read_rule(message) == rule


def test_a_rule_that_does_not_say_how_to_compare_means_equal() -> None:
    assert read_rule(pb.EarlyStoppingRule(name="loss", value="1")).comparison == "equal"
    assert write_rule(EarlyStoppingRule(comparison="about")).comparison == pb.UNKNOWN_COMPARISON


# Observation logs


def test_a_log_comes_back_as_it_was() -> None:
    half = NOON + timedelta(microseconds=500_000)
    entries = [
        MetricEntry(half, "loss", "0.5"),
        MetricEntry(NOON, "loss", "unavailable"),
        MetricEntry(NO_TIME, "loss", "nan"),
    ]
    message = write_log(entries)
    assert [one.time_stamp for one in message.metric_logs] == [
        "2026-05-01T12:00:00.5Z",
        "2026-05-01T12:00:00Z",
        "0001-01-01T00:00:00Z",
    ]
    assert read_log(message) == entries


def log(time_stamp: str) -> pb.ObservationLog:
    entry = pb.MetricLog(time_stamp=time_stamp, metric=pb.Metric(name="loss", value="1"))
    return pb.ObservationLog(metric_logs=[entry])


def test_times_of_entries_are_read_as_utc() -> None:
    (entry,) = read_log(log("2026-05-01T14:00:00.123456789+02:00"))
    assert entry.time == NOON + timedelta(microseconds=123_456)
    assert entry.time.tzinfo is UTC


def test_an_entry_without_a_time_stamp_is_left_out() -> None:
    assert read_log(log("")) == []


@pytest.mark.parametrize("text", ["now", "2026-05-01T12:00:00"])
def test_a_time_stamp_that_is_none_or_has_no_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"Error parsing start time '{text}': .* is expected"):
        read_log(log(text))


def test_an_entry_without_a_metric_is_refused() -> None:
    message = pb.ObservationLog(metric_logs=[pb.MetricLog(time_stamp="2026-05-01T12:00:00Z")])
    with pytest.raises(ValueError, match="the entry of 2026-05-01T12:00:00Z has no metric"):
        read_log(message)
