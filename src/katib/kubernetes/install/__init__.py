"""What an installation in a cluster consists of, as manifests.

One module for each part that is installed, and :func:`compose` which puts them in order. Pure: the
options go in, plain JSON data comes out. What the operator may do is said in
``katib.kubernetes.rights``, what our kinds look like in ``katib.kubernetes.crds``.
"""

from katib.kubernetes.install.composing import compose, compose_parts
from katib.kubernetes.install.options import InstallOptions

__all__ = ["InstallOptions", "compose", "compose_parts"]
