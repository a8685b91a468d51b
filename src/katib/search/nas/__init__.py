"""Neural architecture search: what its algorithms share, and the policy that ENAS learns.

Operations and their parameters (``operations``), architectures and the texts that trials are given
(``architecture``), and the recurrent controller with its training (``weights``, ``cell``,
``controller``, ``learning``, and ``preferences`` for what the user has set). The algorithms
themselves are in ``search.algorithms``; how an architecture is trained is the trial's affair.
"""
