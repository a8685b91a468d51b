"""The experiment controller: keeps the right number of trials going until the search is over.

``reconciler`` acts; ``ledger`` counts trials as they change, ``planning`` decides how many to start
and when it is over, ``building`` makes trials of assignments. ``treatment`` is what an
engine decides.
"""

from katib.controllers.experiment.reconciler import ExperimentReconciler
from katib.controllers.experiment.treatment import Treatment

__all__ = ["ExperimentReconciler", "Treatment"]
