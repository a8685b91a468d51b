"""How good and how fast the search algorithms are, beside the best known libraries of their kind.

Tasks, drivers and what runs them live here. Everything that a peer's environment imports (the
spaces, the tasks, the drivers' runner) needs numpy and nothing else; a driver may import its own
library, and only the driver of Katib may import Katib. Reports are drawn from the recorded lines
alone. Correctness is no matter of this package: that is proven in ``tests/``.
"""
