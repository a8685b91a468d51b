"""What programs for Katib's SDK know by name, and its defaults."""

from __future__ import annotations

from katib.api.names import API_VERSION

KUBEFLOW_GROUP, KATIB_VERSION = API_VERSION.split("/")

BASE_IMAGE_TENSORFLOW = "docker.io/tensorflow/tensorflow:2.13.0"
BASE_IMAGE_TENSORFLOW_GPU = "docker.io/tensorflow/tensorflow:2.13.0-gpu"
BASE_IMAGE_PYTORCH = "docker.io/pytorch/pytorch:2.2.1-cuda12.1-cudnn8-runtime"

#: How long an answer may take, in seconds.
DEFAULT_TIMEOUT = 120

#: Where a cluster's database manager is asked for observation logs.
DEFAULT_DB_MANAGER_ADDRESS = "katib-db-manager.kubeflow:6789"
