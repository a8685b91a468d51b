"""Which experiments can be suspended, resumed and stopped, and what is said of that. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from katib.api import names
from katib.api.values import Manifest

_GOES_ON = (names.LONG_RUNNING, names.FROM_VOLUME)
_BUDGET_SPENT, _STOPPED = "ExperimentMaxTrialsReached", "ExperimentStopped"


@dataclass(frozen=True, slots=True)
class Halt:
    """What of an experiment decides that.

    Attributes:
        namespace: of the experiment.
        name: of it.
        reason: why it is over; empty while it is not.
        policy: its resume policy.
        is_suspended: whether it says so.
        is_stopped: whether it says so.
        budget: its most trials; ``None`` for no end.
        trials: how many there are.
        active: how many of them are under way.
    """

    namespace: str
    name: str
    reason: str
    policy: str
    is_suspended: bool
    is_stopped: bool
    budget: int | None
    trials: int
    active: int

    @classmethod
    def of(cls, experiment: Manifest) -> Halt:
        """Of an experiment as the API server has it."""
        metadata, spec = experiment["metadata"], experiment.get("spec") or {}
        status = experiment.get("status") or {}
        annotations = metadata.get("annotations") or {}
        counts = (int(status.get(field) or 0) for field in ("trialsRunning", "trialsPending"))
        return cls(
            namespace=metadata.get("namespace") or "",
            name=metadata["name"],
            reason=_end(status.get("conditions") or ()),
            policy=spec.get("resumePolicy") or names.NEVER,
            is_suspended=annotations.get(names.ANNOTATION_SUSPEND) == "true",
            is_stopped=annotations.get(names.ANNOTATION_STOP) == "true",
            budget=spec.get("maxTrialCount"),
            trials=int(status.get("trials") or 0),
            active=sum(counts),
        )

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return bool(self.reason)

    @property
    def may_be_suspended(self) -> bool:
        """Whether it makes trials that somebody can keep it from."""
        return not self.is_over and not self.is_suspended and not self.is_stopped

    @property
    def may_be_stopped(self) -> bool:
        """Whether it goes on, for now or later."""
        return not self.is_over and not self.is_stopped

    @property
    def may_be_resumed(self) -> bool:
        """Whether it makes no trials, and it is worth asking why it cannot when it cannot."""
        return self.is_over or self.is_suspended or self.is_stopped

    @property
    def needs_budget(self) -> bool:
        """Whether it goes on only with more trials than it may have now."""
        return self.is_over and self.budget is not None and self.budget <= self.trials

    @property
    def obstacle(self) -> str:
        """Why it cannot go on; empty when it can."""
        if not self.is_over:
            return ""
        if self.reason not in (_BUDGET_SPENT, _STOPPED):
            return f"{self.name} has ended for good ({self.reason})"
        if self.policy not in _GOES_ON:
            return f"{self.name} has ended, and its resumePolicy is {self.policy}"
        return ""


def words_of_stop(chosen: Sequence[Halt]) -> str:
    """What it means to stop these experiments."""
    it, ends = ("it", "ends") if len(chosen) == 1 else ("they", "end")
    active = sum(one.active for one in chosen)
    goes = "The trial under way goes" if active == 1 else f"The {active} trials under way go"
    parts = [f"No new trials are made, and {it} {ends} as succeeded."]
    parts += [f"{goes} on to the end."] if active else []
    final = [one for one in chosen if one.policy not in _GOES_ON]
    if not final:
        parts.append(f"Resumed later, {it} {'goes' if it == 'it' else 'go'} on where {it} stopped.")
    elif len(final) == len(chosen):
        parts.append(f"Under the resumePolicy Never {it} cannot be resumed once ended, but cloned.")
    else:
        parts.append("Those whose resumePolicy is Never cannot be resumed once they have ended.")
    return " ".join(parts)


def words_of_names(chosen: Sequence[Halt]) -> str:
    """The names of some of them."""
    told = ", ".join(one.name for one in chosen[:5])
    return f"{told}, … ({len(chosen)} in all)" if len(chosen) > 5 else told


def _end(conditions: Sequence[Manifest]) -> str:
    for one in conditions:
        if one.get("type") in (names.SUCCEEDED, names.FAILED) and one.get("status") == "True":
            return str(one.get("reason") or one["type"])
    return ""
