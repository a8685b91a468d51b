"""What the trials of journeys run: programs of a few lines, in the image that is there."""

from __future__ import annotations

from katib.api.values import Manifest

#: Prints its loss once for every epoch, the smaller the nearer ``x`` is to 3.
PRINTING = """
import sys, time
x = float(sys.argv[1])
for epoch in range(1, 9):
    print(f"loss={(x - 3) ** 2 + 1 / epoch}", flush=True)
    time.sleep(0.4)
"""

#: The same, long enough to be stopped on its way, however busy the machine.
SLOW = PRINTING.replace("sleep(0.4)", "sleep(2)")

#: The same, into a file.
WRITING = """
import os, sys, time
x = float(sys.argv[1])
with open("/results/metrics.log", "a") as log:
    for epoch in range(1, 9):
        print(f"loss={(x - 3) ** 2 + 1 / epoch}", file=log, flush=True)
        time.sleep(0.4)
"""

#: The same, as an event file of TensorBoard, written byte by byte.
LOGGING = """
import struct, sys, time
x = float(sys.argv[1])
table = []
for number in range(256):
    for _ in range(8):
        number = number >> 1 ^ (0x82F63B78 if number & 1 else 0)
    table.append(number)
def masked(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
def field(number, data):
    return bytes([number << 3 | 2, len(data)]) + data
with open("/events/events.out.tfevents.1.one", "ab", buffering=0) as file:
    for epoch in range(1, 9):
        value = field(1, b"loss") + bytes([2 << 3 | 5])
        value += struct.pack("<f", (x - 3) ** 2 + 1 / epoch)
        event = bytes([1 << 3 | 1]) + struct.pack("<d", time.time()) + bytes([2 << 3, epoch])
        event += field(5, field(1, value))
        length = struct.pack("<Q", len(event))
        file.write(length + masked(length) + event + masked(event))
        time.sleep(0.2)
"""

#: The same, pushed by the program itself.
PUSHING = """
import sys
from katib import report_metrics
x = float(sys.argv[1])
for epoch in range(1, 4):
    report_metrics({"loss": (x - 3) ** 2 + 1 / epoch})
"""

#: Ends badly where ``x`` is below 3.
FAILING = """
import sys
x = float(sys.argv[1])
print(f"loss={x}", flush=True)
sys.exit(0 if x >= 3 else 7)
"""


def an_experiment(name: str, program: str, image: str, **spec: object) -> Manifest:
    """An experiment of an integer ``x`` from 1 to 6 that minimises what the program calls loss."""
    container = {
        "name": "main",
        "image": image,
        "command": ["python3", "-c", program, "${trialParameters.x}"],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
    }
    pod = {"containers": [container], "restartPolicy": "Never"}
    usual: Manifest = {
        "objective": {"type": "minimize", "objectiveMetricName": "loss"},
        "algorithm": {"algorithmName": "random"},
        "maxTrialCount": 4,
        "parallelTrialCount": 2,
        "maxFailedTrialCount": 4,
        "parameters": [
            {
                "name": "x",
                "parameterType": "int",
                "feasibleSpace": {"min": "1", "max": "6"},
            }
        ],
        "trialTemplate": {
            "primaryContainerName": "main",
            "retain": bool(spec.pop("retain", False)),
            "trialParameters": [{"name": "x", "reference": "x"}],
            "trialSpec": {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "spec": {"backoffLimit": 0, "template": {"spec": pod}},
            },
        },
    }
    return {
        "apiVersion": "kubeflow.org/v1beta1",
        "kind": "Experiment",
        "metadata": {"name": name},
        "spec": {**usual, **spec},
    }
