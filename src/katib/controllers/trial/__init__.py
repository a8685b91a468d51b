"""The trial controller: starts a trial's run, watches it, reads its observation.

It creates the run as a resource and judges it by the template's conditions (``gjson``), so it never
knows who runs it: this machine's executors or a cluster. ``observation`` folds the observation log,
``reports`` reads and completes it. ``runs`` creates and finds the run, ``starting`` says what it
means when that is refused, ``runnable`` what an engine may run, ``hurry`` what is written later of
runs that may end at once, and ``waiting`` what a run waits for. ``failing`` finds in pods why a run
failed, and ``ends`` words how a trial ended.
"""

from katib.controllers.trial.reconciler import TrialReconciler
from katib.controllers.trial.runnable import Runnable

__all__ = ["Runnable", "TrialReconciler"]
