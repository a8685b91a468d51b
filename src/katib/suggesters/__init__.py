"""How algorithms are asked: one file for each place where an algorithm may run.

Every module holds one implementation of :class:`katib.ports.suggester.Suggester`. It decides which
algorithm answers, keeps its model between requests and feeds it what is new; it may know ``search``
and nothing of stores or controllers. The mathematics belongs to ``search``; when to ask, and what
becomes of the answer, to the suggestion's controller.
"""
