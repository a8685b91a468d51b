"""Older documents into the present API: v1alpha3 becomes v1beta1.

What is here turns one manifest into another and says, with a line, what it cannot turn. It knows
the documents' shapes and nothing of what runs them; whether the result is legal is for admission.

``tokens``, ``parser``, ``functions`` and ``evaluation`` are the part of Go's template language that
trial templates use; its tree is in ``syntax``. A template is evaluated once, before any trial
exists: ``scope`` has what it may name, with ``marks`` for what only a trial will know. ``reading``
takes what it prints for YAML and refuses what v1beta1 cannot hold, ``workload`` and ``pods`` make a
trial template of it, and ``experiment`` does the rest of the document. ``version`` tells which
documents are old, so that nothing else is imported for those that are not.
"""
