from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from calling import Calling


@pytest.fixture
def calling(tmp_path: Path) -> Iterator[Calling]:
    calling = Calling(tmp_path)
    yield calling
    calling.close()
