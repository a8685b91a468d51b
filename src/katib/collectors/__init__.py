"""How a running trial's metrics are read: one file for each kind of collector.

Every collector here is an implementation of :class:`katib.ports.collector.Collector`: it turns
what a program wrote into metric entries, a step at a time, and never fails because of what was
written. It may know the port and nothing of stores or of controllers. ``text`` reads what is
printed, by the ``filters`` that say how a metric looks there, ``json_lines`` objects of JSON,
``file`` a file in one of these formats; ``lines`` and ``times`` are what they share.
``tensorflow_event`` reads a folder of TensorBoard's event files, whose bytes ``records`` knows.
``prometheus`` asks a program that serves its metrics: ``addresses`` knows where, by the
``listeners`` that are there, ``scrape`` asks once, and ``exposition`` reads the answer. ``wanted``
says which metrics are kept.
Where entries are kept belongs to ``observations``; when a collector is called, to whoever runs
trials. ``sidecar`` puts a collector beside each pod of a trial; ``sites`` says where its metrics
are, ``following`` is what goes on beside one pod then, ``pushing`` where the program pushes.
``inbox`` takes what is pushed, by whatever way: ``endpoint`` that by HTTP, as ``reports`` reads it,
``push`` what lies in a file. ``told`` reads what was told of trials that others carry out.
``sidecar``, ``inbox`` and ``told`` are the only files here that know of resources, through their
ports.
``neighbours``, ``watching`` and ``ending`` serve a collector that is a process of the pod itself:
they find the program beside it, see how it ends, and end it.
``near_miss`` reads the same logs for people: what was nearly a metric.
"""

from __future__ import annotations

from katib.ports.collector import Collector
from katib.registry import Registry

COLLECTORS: Registry[Collector] = Registry(
    "metrics collector",
    "katib.collectors",
    {
        "Custom": "katib.collectors.text:TextCollector",
        "File": "katib.collectors.file:FileCollector",
        "PrometheusMetric": "katib.collectors.prometheus:PrometheusCollector",
        "Push": "katib.collectors.push:PushCollector",
        "StdOut": "katib.collectors.text:TextCollector",
        "TensorFlowEvent": "katib.collectors.tensorflow_event:TensorFlowEventCollector",
    },
)
