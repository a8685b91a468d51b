"""Ask and tell: a search whose trials the user's own program carries out.

``study`` is what users call, ``asked`` the trial that they get. ``documents`` makes the experiment
of a study, ``desk`` is what a study does with the API, and ``telling`` words what is measured.

A study is an Experiment like any other, so that nothing of it is kept here: programs that open the
same one share it, and what was told is there when all of them have ended.
"""

from katib.client.study.asked import AskedTrial
from katib.client.study.study import Study

__all__ = ["AskedTrial", "Study"]
