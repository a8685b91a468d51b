"""The cells of kinds that Kubernetes brings, pods left out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from katib.api.values import Manifest
from katib.api_server.cells import (
    NONE,
    Cell,
    age,
    at,
    count,
    duration,
    is_ending,
    maps,
    moment,
    selector,
    size,
    text,
)

Read = Callable[[Manifest, datetime], Cell]


def completions(job: Manifest, _: datetime) -> Cell:
    """How many of the pods succeeded, of how many: ``1/3``."""
    succeeded = count(job, "status", "succeeded")
    if at(job, "spec", "completions") is not None:
        return f"{succeeded}/{count(job, 'spec', 'completions')}"
    parallelism = count(job, "spec", "parallelism")
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def job_duration(job: Manifest, now: datetime) -> Cell:
    """From start to completion, or to now; a job that failed has no completion."""
    started = moment(at(job, "status", "startTime"))
    if started is None:
        return ""
    ended = moment(at(job, "status", "completionTime")) or now
    return duration((ended - started).total_seconds())


def job_status(job: Manifest, _: datetime) -> Cell:
    """The condition that ended the job, or what it does instead."""
    conditions = maps(job, "status", "conditions")
    true = {one.get("type") for one in conditions if one.get("status") == "True"}
    stated = next((type for type in ("Complete", "Failed") if type in true), "")
    if stated or is_ending(job):
        return stated or "Terminating"
    return next((type for type in ("Suspended", "FailureTarget") if type in true), "Running")


def containers(owner: Manifest, _: datetime) -> Cell:
    """The names of the containers in the template."""
    containers = maps(owner, "spec", "template", "spec", "containers")
    return ",".join(text(one, "name") for one in containers)


def images(owner: Manifest, _: datetime) -> Cell:
    """The images of the containers in the template."""
    containers = maps(owner, "spec", "template", "spec", "containers")
    return ",".join(text(one, "image") for one in containers)


def selected(owner: Manifest, _: datetime) -> Cell:
    """The labels by which the owner knows its pods."""
    return selector(owner, "spec", "selector", "matchLabels")


def text_at(*path: str, default: str = "") -> Read:
    """A column's reading of the text at a path."""
    return lambda resource, _: text(resource, *path) or default


def count_at(*path: str) -> Read:
    """A column's reading of the number at a path; 0 when there is none."""
    return lambda resource, _: count(resource, *path)


def sizes_at(*names: str) -> Read:
    """A column's reading of how many entries these fields have in all."""
    return lambda resource, _: sum(size(resource, name) for name in names)


def age_at(*fields: str) -> Read:
    """A column's reading of the first of these times that is there, as an age."""

    def read(event: Manifest, now: datetime) -> Cell:
        times = (moment(at(event, field)) for field in fields)
        return age(next((time for time in times if time is not None), None), now)

    return read


def involved(event: Manifest, _: datetime) -> Cell:
    """What an event is about: ``trial/random-abc``."""
    kind, name = (text(event, "involvedObject", field) for field in ("kind", "name"))
    return f"{kind.lower()}/{name}" if name else kind.lower()


def source(event: Manifest, _: datetime) -> Cell:
    """Who told an event."""
    parts = [text(event, "source", field) for field in ("component", "host")]
    return ", ".join(part for part in parts if part)


def message(event: Manifest, _: datetime) -> Cell:
    """What an event says."""
    return text(event, "message").strip()


def repeated(event: Manifest, _: datetime) -> Cell:
    """How often an event happened."""
    return count(event, "count", default=1)


def external_ip(service: Manifest, _: datetime) -> Cell:
    """The addresses by which a service is reached from outside."""
    if text(service, "spec", "type") == "ExternalName":
        return text(service, "spec", "externalName") or NONE
    ingress = maps(service, "status", "loadBalancer", "ingress")
    reached = [text(one, "ip") or text(one, "hostname") for one in ingress]
    stated = at(service, "spec", "externalIPs")
    reached += [one for one in stated if isinstance(one, str)] if isinstance(stated, list) else []
    if text(service, "spec", "type") == "LoadBalancer" and not reached:
        return "<pending>"
    return ",".join(reached) or NONE


def ports(service: Manifest, _: datetime) -> Cell:
    """The ports of a service: ``80:30080/TCP``."""
    ports = []
    for one in maps(service, "spec", "ports"):
        node = count(one, "nodePort")
        number = f"{count(one, 'port')}:{node}" if node else str(count(one, "port"))
        ports.append(f"{number}/{text(one, 'protocol') or 'TCP'}")
    return ",".join(ports) or NONE


def service_selector(service: Manifest, _: datetime) -> Cell:
    """The labels by which a service knows its pods."""
    return selector(service, "spec", "selector")


def replicas(deployment: Manifest, _: datetime) -> Cell:
    """How many pods of a deployment are ready, of how many."""
    wanted = count(deployment, "spec", "replicas", default=1)
    return f"{count(deployment, 'status', 'readyReplicas')}/{wanted}"


_ACCESS_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def access_modes(claim: Manifest, _: datetime) -> Cell:
    """How the volume of a claim may be used, in letters."""
    granted = at(claim, "status", "accessModes")
    modes = [mode for mode in granted if isinstance(mode, str)] if isinstance(granted, list) else []
    return ",".join(_ACCESS_MODES.get(mode, mode) for mode in modes)


def phase(resource: Manifest, _: datetime) -> Cell:
    """The phase, or that it is about to go."""
    if is_ending(resource):
        return "Terminating"
    return text(resource, "status", "phase")


def condition_status(resource: Manifest, _: datetime) -> Cell:
    """Whether the newest condition holds."""
    conditions = maps(resource, "status", "conditions")
    return text(conditions[-1], "status") if conditions else None


def string_at(*path: str) -> Read:
    """A column's reading of the number at a path as a text; empty when there is none or 0."""
    return lambda resource, _: str(count(resource, *path) or "") or None


def state(resource: Manifest, _: datetime) -> Cell:
    """The type of the newest condition."""
    conditions = maps(resource, "status", "conditions")
    return text(conditions[-1], "type") if conditions else None
