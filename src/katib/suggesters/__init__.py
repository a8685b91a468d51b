"""How algorithms are asked: one file for each place where an algorithm may run.

Every module holds one implementation of :class:`katib.ports.suggester.Suggester`: ``in_process``
for algorithms of ``search``, ``worker`` for those in processes beside the engine, ``remote`` for
those behind gRPC, together with its sibling :class:`katib.ports.early_stopper.EarlyStopper`; and
``routing``, ``background`` and ``stand_in`` for what lies around them. It decides which algorithm
answers and tells it what happened; it may know ``search`` and ``rpc`` and nothing of stores or
controllers. The mathematics belongs to ``search``; when to ask, and what becomes of the answer, to
the suggestion's controller.
"""
