"""Why an experiment does not go on, or did not succeed: the first cause, and what mends it.

One module for each station on the way down: experiment, suggestion, trials, runs, metrics. A
station looks at what is stored, at events and at logs, changes nothing, and answers with a
:class:`~katib.cli.diagnosis.finding.Finding` or with ``None``, which sends the walk further down.
No station lists all trials: the experiment's status names them, and its counters are exact.
"""
