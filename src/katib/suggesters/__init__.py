"""How algorithms are asked: one file for each place where an algorithm may run.

Every module holds one implementation of :class:`katib.ports.suggester.Suggester`: ``in_process``
for algorithms of ``search``, ``worker`` for those in processes beside the engine, ``remote`` for
those behind gRPC; and ``routing``, ``background``, ``stand_in`` and ``stopping`` for what lies
around them. Its sibling :class:`katib.ports.early_stopper.EarlyStopper` is asked by
``in_process_stopper``, ``remote`` and ``routing_stopper``; ``running_rules`` asks it again and
again for trials that run, and ``stopped`` tells a service of a trial that was ended. The room
decides which algorithm answers and tells it what happened; it may know ``search`` and ``rpc`` and
nothing of stores or controllers. The mathematics belongs to ``search``; when to ask, and what
becomes of the answer, to the suggestion's controller.
"""
