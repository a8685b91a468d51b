#!/usr/bin/env python3
"""Takes a picture of every page of the web UI: draw_screens.py FOLDER [--only WORD] [--large].

In light and dark, wide and narrow; of experiments with no trial, one and twelve, of a search of
networks and of a population, with ``--large`` also of one with 10,000 trials, which takes minutes
to make the first time. The experiments are kept in
.cache/screens. The pictures of docs/ui.md are cut from what it takes. Chromium takes them;
scripts/chromium.sh installs it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from playwright.sync_api import Browser

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from bench.served import serving  # noqa: E402
from bench.ui import Place, a_ui  # noqa: E402
from bench.ui_trials import NAME, backend_of, import_trials  # noqa: E402
from katib.api.values import Manifest  # noqa: E402
from katib.client.backend import Backend, RefusedError  # noqa: E402
from katib.client.requests import path_of  # noqa: E402
from scripts.cheap_examples import (  # noqa: E402
    NETWORKS,
    POPULATION,
    a_population,
    a_search_of_networks,
)
from scripts.draw_plots import a_browser  # noqa: E402

#: Width and height of a window, in pixels.
SIZES: Mapping[str, tuple[int, int]] = {"wide": (1280, 900), "narrow": (380, 800)}

#: A training that is none: it reports ten times.
SCRIPT = """\
echo "learning rate ${trialParameters.rate}, ${trialParameters.optimizer}"
for step in 1 2 3 4 5 6 7 8 9 10; do
  loss=$(awk -v r=${trialParameters.rate} -v s=$step 'BEGIN {print (r - 0.03) ^ 2 * 400 + 1 / s}')
  echo "$(date -u +%Y-%m-%dT%H:%M:%S.%NZ) epoch=$step loss=$loss accuracy=0.9$step"
done
"""

#: A page shows what it is about, and waits for nothing.
_READY = """() => {
  const panel = document.querySelector(".q-tab-panel");
  const isEmpty = panel && (!panel.childElementCount || !panel.innerText.trim());
  const isOpening = document.querySelector(".q-tabs, .q-table, form, .q-expansion-item") === null;
  return !isEmpty && !isOpening && !/being read/.test(document.body.innerText);
}"""

_QUIET = """() => new Promise(resolve => {
  const begun = performance.now();
  let pause;
  const rest = () => { clearTimeout(pause); pause = setTimeout(end, 1200); };
  const observer = new MutationObserver(() => performance.now() - begun < 15000 && rest());
  const end = () => { observer.disconnect(); resolve(); };
  observer.observe(document.body, {childList: true, subtree: true, attributes: true});
  rest();
})"""


def an_experiment(name: str, trials: int) -> Manifest:
    """One whose trials run on this machine."""
    container = {"name": "main", "image": "busybox", "command": ["/bin/sh", "-c", SCRIPT]}
    pod = {"containers": [container], "restartPolicy": "Never"}
    names = ("rate", "optimizer")
    return {
        "apiVersion": "kubeflow.org/v1beta1",
        "kind": "Experiment",
        "metadata": {"name": name},
        "spec": {
            "objective": {
                "type": "minimize",
                "objectiveMetricName": "loss",
                "additionalMetricNames": ["accuracy"],
            },
            "algorithm": {"algorithmName": "tpe"},
            "maxTrialCount": trials,
            "parallelTrialCount": min(3, trials),
            "maxFailedTrialCount": 1,
            "parameters": [
                {
                    "name": "rate",
                    "parameterType": "double",
                    "feasibleSpace": {"min": "0.001", "max": "0.1", "distribution": "logUniform"},
                },
                {
                    "name": "optimizer",
                    "parameterType": "categorical",
                    "feasibleSpace": {"list": ["sgd", "adam", "lion"]},
                },
            ],
            "trialTemplate": {
                "retain": True,
                "primaryContainerName": "main",
                "trialParameters": [{"name": one, "reference": one} for one in names],
                "trialSpec": {
                    "apiVersion": "batch/v1",
                    "kind": "Job",
                    "spec": {"backoffLimit": 0, "template": {"spec": pod}},
                },
            },
        },
    }


def fill(backend: Backend, is_large: bool) -> None:
    """Make what is missing of the experiments, and wait until they have ended."""
    for manifest in (
        an_experiment("one", 1),
        an_experiment("digits", 12),
        a_search_of_networks(),
        a_population(),
    ):
        try:
            backend.ask("POST", path_of("experiments", "default"), manifest)
        except RefusedError as error:
            if error.reason != "AlreadyExists":
                raise
        while not _status(backend, manifest["metadata"]["name"]).get("completionTime"):
            time.sleep(0.2)
    known = {one["metadata"]["name"] for one in _all(backend, "experiments")}
    for name, count in (("none", 0), *([(NAME, 10_000)] if is_large else [])):
        if name not in known:
            import_trials(backend, name, count)


def _status(backend: Backend, name: str) -> Manifest:
    found = backend.ask("GET", path_of("experiments", "default", name))
    status: Manifest = found.get("status") or {}
    return status


def _all(backend: Backend, plural: str) -> list[Manifest]:
    items: list[Manifest] = backend.ask("GET", path_of(plural, "default"))["items"]
    return items


def pages(backend: Backend, is_large: bool) -> Iterator[tuple[str, str]]:
    """The pages: what a picture is called, and the address."""
    yield "home", "/"
    yield "new", "/new"
    names = ("none", "one", "digits", *([NAME] if is_large else []))
    every = "history,parallel,importances,slices,contour,curves,pareto,timeline"
    for name in names:
        place = f"/experiment/default/{name}"
        for tab in ("overview", "plots", "trials"):
            yield f"{name}-{tab}", f"{place}?tab={tab}"
        yield f"{name}-all-plots", f"{place}?tab=plots&plots={every}"
    place = "/experiment/default/digits"
    for tab in ("details", "yaml", "events"):
        yield f"digits-{tab}", f"{place}?tab={tab}"
    for name, tab in ((NETWORKS, "networks"), (POPULATION, "population")):
        yield f"{name}-{tab}", f"/experiment/default/{name}?tab={tab}"
        yield f"{name}-overview", f"/experiment/default/{name}?tab=overview"
    best = str(_status(backend, "digits")["currentOptimalTrial"]["bestTrialName"])
    for tab in ("metrics", "log", "run", "events", "yaml"):
        yield f"trial-{tab}", f"{place}/trial/{best}?tab={tab}"
    network = str(_status(backend, NETWORKS)["currentOptimalTrial"]["bestTrialName"])
    yield f"trial-{NETWORKS}", f"/experiment/default/{NETWORKS}/trial/{network}"
    yield (
        "compare-experiments",
        "/compare?" + "&".join(f"experiment=default/{one}" for one in names),
    )
    others = [
        one["metadata"]["name"]
        for one in _all(backend, "trials")
        if one["metadata"]["labels"].get("katib.kubeflow.org/experiment") == "digits"
    ]
    yield "compare-trials", "/compare?" + "&".join(f"trial=default/digits/{o}" for o in others[:4])


def take(browser: Browser, ui: Place, folder: Path, named: Mapping[str, str]) -> None:
    """Take all pictures of pages."""
    for theme in ("light", "dark"):
        for size, (width, height) in SIZES.items():
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if theme == "dark" else "light",
            )
            context.set_default_timeout(120_000)
            context.request.get(f"{ui.address}/?token={ui.token}")
            page = context.new_page()
            for name, address in named.items():
                page.goto(f"{ui.address}{address}")
                page.wait_for_function(_READY)
                page.evaluate(_QUIET)
                file = folder / f"{name}-{theme}-{size}.png"
                page.screenshot(path=file, full_page=True)
                print(file, flush=True)
            context.close()


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="pages whose name has this in it")
    parser.add_argument("--large", action="store_true", help="an experiment of 10,000 trials, too")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    home = REPOSITORY / ".cache" / "screens"
    home.parent.mkdir(exist_ok=True)
    with serving(home), closing(backend_of(home)) as backend:
        fill(backend, options.large)
        named = {
            name: address for name, address in pages(backend, options.large) if options.only in name
        }
        with a_ui(home) as ui, a_browser() as browser:
            take(browser, ui, options.folder, named)


if __name__ == "__main__":
    main()
