"""The words: Experiment, Suggestion and Trial of ``kubeflow.org/v1beta1``, and what they share with
other resources.

Here live the typed resources, their status and conditions, the names that Katib's users rely on
(labels, reasons, finalizers), and reading and writing YAML and JSON. Nothing here knows what a
resource is used for: checking belongs to ``admission``, keeping to ``stores``, acting to
``controllers``.

Every value is frozen and made of frozen parts, so it may be shared between threads and rooms
without copying. Parts that are not ours (a run's manifest) stay as the JSON text they came as
(:class:`msgspec.Raw`).
"""
