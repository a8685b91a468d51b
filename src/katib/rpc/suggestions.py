"""What algorithms and early stopping services answer, as messages and back."""

from __future__ import annotations

from katib.api.stopping import EQUAL, GREATER, LESS, OUTSIDE, STALLED, WORSE
from katib.api.suggestion import EarlyStoppingRule, TrialAssignment
from katib.api.values import NameValue, Strings
from katib.ports.suggester import SuggestionReply
from katib.rpc.experiments import read_algorithm, write_settings
from katib.rpc.generated import api_pb2 as pb
from katib.rpc.trials import read_assignments, write_assignments

_COMPARISONS = {
    EQUAL: pb.EQUAL,
    LESS: pb.LESS,
    GREATER: pb.GREATER,
    OUTSIDE: pb.OUTSIDE,
    STALLED: pb.STALLED,
    WORSE: pb.WORSE,
}
_COMPARISON_NAMES = {number: name for name, number in _COMPARISONS.items()}


def write_reply(reply: SuggestionReply, algorithm: str) -> pb.GetSuggestionsReply:
    """The message of an answer; the settings to remember go under the algorithm's name.

    The contract has no field for the end of a search: who needs one answers without assignments.
    """
    changed = pb.AlgorithmSpec(
        algorithm_name=algorithm, algorithm_settings=write_settings(reply.settings)
    )
    return pb.GetSuggestionsReply(
        parameter_assignments=map(write_trial_assignment, reply.assignments),
        algorithm=changed if reply.settings else None,
    )


def read_reply(message: pb.GetSuggestionsReply) -> SuggestionReply:
    """The answer in a message. Its rules are not read: early stopping is another service."""
    settings: tuple[NameValue, ...] = ()
    if message.HasField("algorithm"):
        settings = read_algorithm(message.algorithm).algorithm_settings
    assignments = tuple(map(read_trial_assignment, message.parameter_assignments))
    return SuggestionReply(assignments, settings)


def write_trial_assignment(
    assignment: TrialAssignment,
) -> pb.GetSuggestionsReply.ParameterAssignments:
    """The message of a trial to be, without rules."""
    return pb.GetSuggestionsReply.ParameterAssignments(
        assignments=write_assignments(assignment.parameter_assignments),
        trial_name=assignment.name,
        labels=assignment.labels,
    )


def read_trial_assignment(
    message: pb.GetSuggestionsReply.ParameterAssignments,
) -> TrialAssignment:
    """The trial to be that a message describes; its name is empty when the caller makes one."""
    return TrialAssignment(
        name=message.trial_name,
        parameter_assignments=read_assignments(message.assignments),
        labels=Strings(message.labels) if message.labels else None,
    )


def write_rule(rule: EarlyStoppingRule) -> pb.EarlyStoppingRule:
    """The message of an early stopping rule."""
    return pb.EarlyStoppingRule(
        name=rule.name,
        value=rule.value,
        comparison=_COMPARISONS.get(rule.comparison, pb.UNKNOWN_COMPARISON),
        start_step=rule.start_step,
    )


def read_rule(message: pb.EarlyStoppingRule) -> EarlyStoppingRule:
    """The early stopping rule in a message; without a known comparison it means ``equal``."""
    return EarlyStoppingRule(
        name=message.name,
        value=message.value,
        comparison=_COMPARISON_NAMES.get(message.comparison, EQUAL),
        start_step=message.start_step,
    )
