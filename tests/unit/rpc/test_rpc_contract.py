from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

import katib.rpc.generated
from katib.rpc.generated import api_pb2 as pb

ROOT = Path(__file__).resolve().parents[3]
GENERATED = Path(katib.rpc.generated.__file__).parent

# What stands on the wire: number, name and type of every field; a star repeats.
MESSAGES = {
    "Experiment": "1 name string, 2 spec ExperimentSpec",
    "ExperimentSpec": "1 parameter_specs ExperimentSpec.ParameterSpecs, 2 objective ObjectiveSpec, "
    "3 algorithm AlgorithmSpec, 4 early_stopping EarlyStoppingSpec, 5 parallel_trial_count int32, "
    "6 max_trial_count int32, 7 nas_config NasConfig",
    "ExperimentSpec.ParameterSpecs": "1 parameters ParameterSpec*",
    "ParameterSpec": "1 name string, 2 parameter_type ParameterType, "
    "3 feasible_space FeasibleSpace",
    "FeasibleSpace": "1 max string, 2 min string, 3 list string*, 4 step string, "
    "5 distribution Distribution",
    "ObjectiveSpec": "1 type ObjectiveType, 2 goal double, 3 objective_metric_name string, "
    "4 additional_metric_names string*",
    "AlgorithmSpec": "1 algorithm_name string, 2 algorithm_settings AlgorithmSetting*",
    "AlgorithmSetting": "1 name string, 2 value string",
    "EarlyStoppingSpec": "1 algorithm_name string, 2 algorithm_settings EarlyStoppingSetting*",
    "EarlyStoppingSetting": "1 name string, 2 value string",
    "NasConfig": "1 graph_config GraphConfig, 2 operations NasConfig.Operations",
    "NasConfig.Operations": "1 operation Operation*",
    "GraphConfig": "1 num_layers int32, 2 input_sizes int32*, 3 output_sizes int32*",
    "Operation": "1 operation_type string, 2 parameter_specs Operation.ParameterSpecs",
    "Operation.ParameterSpecs": "1 parameters ParameterSpec*",
    "Trial": "1 name string, 2 spec TrialSpec, 3 status TrialStatus",
    "TrialSpec": "2 objective ObjectiveSpec, "
    "3 parameter_assignments TrialSpec.ParameterAssignments, 4 labels TrialSpec.LabelsEntry*",
    "TrialSpec.LabelsEntry": "1 key string, 2 value string",
    "TrialSpec.ParameterAssignments": "1 assignments ParameterAssignment*",
    "ParameterAssignment": "1 name string, 2 value string",
    "TrialStatus": "1 start_time string, 2 completion_time string, "
    "3 condition TrialStatus.TrialConditionType, 4 observation Observation",
    "Observation": "1 metrics Metric*",
    "Metric": "1 name string, 2 value string",
    "ReportObservationLogRequest": "1 trial_name string, 2 observation_log ObservationLog",
    "ReportObservationLogReply": "",
    "ObservationLog": "1 metric_logs MetricLog*",
    "MetricLog": "1 time_stamp string, 2 metric Metric",
    "GetObservationLogRequest": "1 trial_name string, 2 metric_name string, 3 start_time string, "
    "4 end_time string",
    "GetObservationLogReply": "1 observation_log ObservationLog",
    "DeleteObservationLogRequest": "1 trial_name string",
    "DeleteObservationLogReply": "",
    "GetSuggestionsRequest": "1 experiment Experiment, 2 trials Trial*, "
    "4 current_request_number int32, 5 total_request_number int32",
    "GetSuggestionsReply": "1 parameter_assignments GetSuggestionsReply.ParameterAssignments*, "
    "2 algorithm AlgorithmSpec, 3 early_stopping_rules EarlyStoppingRule*",
    "GetSuggestionsReply.ParameterAssignments": "1 assignments ParameterAssignment*, "
    "2 trial_name string, 3 labels GetSuggestionsReply.ParameterAssignments.LabelsEntry*",
    "GetSuggestionsReply.ParameterAssignments.LabelsEntry": "1 key string, 2 value string",
    "ValidateAlgorithmSettingsRequest": "1 experiment Experiment",
    "ValidateAlgorithmSettingsReply": "",
    "GetEarlyStoppingRulesRequest": "1 experiment Experiment, 2 trials Trial*, "
    "3 db_manager_address string",
    "GetEarlyStoppingRulesReply": "1 early_stopping_rules EarlyStoppingRule*",
    "EarlyStoppingRule": "1 name string, 2 value string, 3 comparison ComparisonType, "
    "4 start_step int32",
    "ValidateEarlyStoppingSettingsRequest": "1 early_stopping EarlyStoppingSpec",
    "ValidateEarlyStoppingSettingsReply": "",
    "SetTrialStatusRequest": "1 trial_name string",
    "SetTrialStatusReply": "",
}
ENUMS = {
    "ParameterType": ["UNKNOWN_TYPE", "DOUBLE", "INT", "DISCRETE", "CATEGORICAL"],
    "Distribution": ["DISTRIBUTION_UNSPECIFIED", "UNIFORM", "LOG_UNIFORM", "NORMAL", "LOG_NORMAL"],
    "ObjectiveType": ["UNKNOWN", "MINIMIZE", "MAXIMIZE"],
    # The last three are not Katib's.
    "ComparisonType": "UNKNOWN_COMPARISON EQUAL LESS GREATER OUTSIDE STALLED WORSE".split(),
}
STATES = "CREATED RUNNING SUCCEEDED KILLED FAILED METRICSUNAVAILABLE EARLYSTOPPED UNKNOWN".split()
SERVICES = {
    "DBManager": ["ReportObservationLog", "GetObservationLog", "DeleteObservationLog"],
    "Suggestion": ["GetSuggestions", "ValidateAlgorithmSettings"],
    "EarlyStopping": ["GetEarlyStoppingRules", "SetTrialStatus", "ValidateEarlyStoppingSettings"],
}
TYPES = {
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_DOUBLE: "double",
}


def short(full_name: str) -> str:
    return full_name.removeprefix("api.v1.beta1.")


def field_line(field: FieldDescriptor) -> str:
    kind = field.message_type or field.enum_type
    type = short(kind.full_name) if kind else TYPES[field.type]
    return f"{field.number} {field.name} {type}{'*' if field.is_repeated else ''}"


def messages(found: list[Descriptor]) -> dict[str, str]:
    lines = {}
    for message in found:
        fields = sorted(message.fields, key=lambda field: field.number)
        lines[short(message.full_name)] = ", ".join(map(field_line, fields))
        lines |= messages(list(message.nested_types))
    return lines


def test_messages_have_katibs_fields_and_no_others() -> None:
    assert messages(list(pb.DESCRIPTOR.message_types_by_name.values())) == MESSAGES


def test_enums_count_from_zero() -> None:
    found = {
        name: [(value.number, value.name) for value in enum.values]
        for name, enum in pb.DESCRIPTOR.enum_types_by_name.items()
    }
    assert found == {name: list(enumerate(values)) for name, values in ENUMS.items()}
    assert [(number, name) for name, number in pb.TrialStatus.TrialConditionType.items()] == list(
        enumerate(STATES)
    )


def test_services_have_katibs_methods() -> None:
    services = pb.DESCRIPTOR.services_by_name
    found = {name: {one.name for one in service.methods} for name, service in services.items()}
    assert found == {name: set(methods) for name, methods in SERVICES.items()}
    for service in services.values():
        assert service.full_name == f"api.v1.beta1.{service.name}"
        for one in service.methods:
            sent = one.input_type.full_name, one.output_type.full_name
            assert sent == tuple(f"api.v1.beta1.{one.name}{end}" for end in ("Request", "Reply"))
            assert not one.client_streaming
            assert not one.server_streaming


@pytest.fixture(scope="module")
def generated_now(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("generated")
    script = ROOT / "scripts" / "generate_rpc.py"
    subprocess.run([sys.executable, str(script), str(folder)], check=True)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_generated_code_is_what_the_script_gives_now(generated_now: dict[str, bytes]) -> None:
    assert sorted(generated_now) == [
        "api_pb2.py",
        "api_pb2.pyi",
        "api_pb2_grpc.py",
        "api_pb2_grpc.pyi",
    ]
    stale = [
        name for name, data in generated_now.items() if (GENERATED / name).read_bytes() != data
    ]
    assert stale == [], "run scripts/generate_rpc.py"
