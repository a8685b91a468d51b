"""What can be learnt from an experiment's trials, as arrays that anybody may draw.

Each module answers one question about a :class:`~katib.client.trial_table.TrialTable`: how the best
value came about (``history``), which parameters matter (``importances``), which trials no other
beats (``pareto``), and so on. Everything is a pure function of the table; whatever uses chance
takes a seed and gives the same answer each time.

It may know the table and the mathematics of ``search``. Libraries that draw belong to ``plots``.
"""
