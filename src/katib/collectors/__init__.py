"""How a running trial's metrics are read: one file for each kind of collector.

Every collector here is an implementation of :class:`katib.ports.collector.Collector`: it turns
what a program wrote into metric entries, a step at a time, and never fails because of what was
written. It may know the port and nothing of its siblings, of stores or of controllers. Where
entries are kept belongs to ``observations``; when a collector is called, to whoever runs trials.
``near_miss`` reads the same logs for people: what was nearly a metric. ``sidecar`` puts a collector
beside each pod of a trial, and is the only file here that knows of resources, through their ports.
"""

from __future__ import annotations

from katib.ports.collector import Collector
from katib.registry import Registry

COLLECTORS: Registry[Collector] = Registry(
    "metrics collector",
    "katib.collectors",
    {"StdOut": "katib.collectors.text:TextCollector"},
)
