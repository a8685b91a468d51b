"""How a run is run on this machine: what Kubernetes' own controllers and the kubelet do in a
cluster.

One file per kind (``job``, ``pod``, ``train_job``; ``calls`` for functions), each a reconciler that
reads the resource a trial's template made and writes its status as Kubernetes would; another kind
is one more file.
``run`` is what goes on for one pod, ``container`` runs one container of it, ``outfit`` is what they
find when they start; ``process`` starts, adopts and ends process groups,
``command`` turns a container into a command line, ``packages`` keeps what programs install away
from the user's own Python. What a TrainJob needs beside is in ``runtimes``, ``nodes`` and
``torchrun``. Only ``files``, which removes what deleted trials left behind, looks at trials.
"""

from katib.ports.reconciler import Reconciler
from katib.registry import Registry

EXECUTORS: Registry[Reconciler] = Registry(
    "executor",
    "katib.executors",
    {
        "FunctionCall": "katib.executors.calls.reconciler:CallReconciler",
        "Job": "katib.executors.job:JobReconciler",
        "Pod": "katib.executors.pod:PodReconciler",
        "TrainJob": "katib.executors.train_job:TrainJobReconciler",
    },
)
