"""The door: a manifest becomes a legal Experiment, or the list of all that is wrong with it.

Here live the structural check, the defaults and the rules of validation, one module for each part
of the document. The room is pure: what it must know of the home it serves (which algorithms there
are, what a ConfigMap holds) comes in an :class:`AdmissionContext`. It knows ``api``, ``errors`` and
``rendering``. Whether an algorithm accepts its settings is asked of the algorithm, later and
elsewhere; reading files belongs to ``api.codec``, keeping what is admitted to ``stores``.
"""

from katib.admission.context import AdmissionContext
from katib.admission.door import admit, unknown_fields

__all__ = ["AdmissionContext", "admit", "unknown_fields"]
