"""The will: what is against what should be.

One package per resource that is ours (``experiment``, ``suggestion``, ``trial``), each with a
reconciler that acts and pure modules that decide; ``loop`` calls them. They meet only in the
resource
store: no controller calls another, and none knows where the store is, how an algorithm is asked, or
who runs a trial's manifest.
"""
