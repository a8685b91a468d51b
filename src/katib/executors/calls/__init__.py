"""The kind ``FunctionCall``: a Python function, called in a process that is kept warm.

A call costs two messages, so a trial that takes microseconds is possible; and it is made in
a process of its own, so one that crashes, never returns or takes all memory ends a trial and
nothing else. ``reconciler`` reads the resource and writes its status; ``pool`` keeps workers and
gives them calls; ``worker`` is the engine's end of one, ``serving`` the worker's own, ``messages``
what goes between them. ``payload`` is the file that holds a function, ``output`` where what it
prints goes, ``memory`` how much it takes, ``outcome`` how a call ended, in words.

A worker never outlives its engine: a call that an engine left unfinished is made again by the next.
What a function finds inside, the room ``client`` gives it; ``apps`` brings the two together.
"""
