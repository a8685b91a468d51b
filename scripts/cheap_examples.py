"""The examples of architecture search and of population based training; nothing is trained.

They have what only such experiments have, and end within seconds: for pictures and for browsers.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from katib.api.values import Manifest

_EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

#: The names of the experiments, which are those of their folders.
NETWORKS, POPULATION = "enas", "pbt"

#: As good as its network's text is long, which uses all that a trial is given.
_NETWORK_SCRIPT = """\
network='${trialParameters.architecture} ${trialParameters.network}'
echo "Validation-Accuracy=0.${#network}"
echo "Validation-Loss=1"
"""

#: The better the longer its ancestors have learnt, and a little by its rate.
_RATE_SCRIPT = """\
learnt=$(cat /checkpoints/learnt 2>/dev/null || echo 0)
echo $((learnt + 1)) > /checkpoints/learnt
awk -v r=${trialParameters.lr} -v l=$learnt 'BEGIN {
  print "loss=" (r - 0.1) ^ 2 + 1 / (l + 1)
  print "accuracy=" 1 - 0.5 / (l + 1)
}'
"""


def a_search_of_networks() -> Manifest:
    """Four trials, each with a network of its own."""
    return _cheap(NETWORKS, _NETWORK_SCRIPT)


def a_population() -> Manifest:
    """Three generations of five."""
    experiment = _cheap(POPULATION, _RATE_SCRIPT)
    spec = experiment["spec"]
    spec["maxTrialCount"] = 15
    for setting in spec["algorithm"]["algorithmSettings"]:
        if setting["name"] == "n_population":
            setting["value"] = "5"
    return experiment


def _cheap(name: str, script: str) -> Manifest:
    """An example whose trials run a shell script."""
    text = (_EXAMPLES / name / "experiment.yaml").read_text(encoding="utf-8")
    experiment: Manifest = yaml.safe_load(text)
    template = experiment["spec"]["trialTemplate"]
    template["retain"] = True
    (container,) = template["trialSpec"]["spec"]["template"]["spec"]["containers"]
    container.update(image="busybox", command=["/bin/sh", "-c", script])
    return experiment
