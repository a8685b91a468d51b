"""Reports wait here while the observation log is away, and reach it once, in order.

``box`` is the file of one trial's reports; ``delivery`` is the observation log that callers see,
in front of the one that may be away. Neither knows what kind of log that is.
"""

from katib.observations.outbox.delivery import Outbox

__all__ = ["Outbox"]
