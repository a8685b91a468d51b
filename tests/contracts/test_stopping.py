from __future__ import annotations

import pytest

from katib.search.stopping import STOPPING_RULES
from katib.search.stopping.rule import StoppingAlgorithm
from katib.testing.stopping_contract import StoppingContract


class TestStoppingAlgorithms(StoppingContract):
    @pytest.fixture(params=sorted(STOPPING_RULES))
    def algorithm(self, request: pytest.FixtureRequest) -> type[StoppingAlgorithm]:
        return STOPPING_RULES.load(str(request.param))
