"""Where measurements are kept: bench/results, which is not part of the repository."""

import json
import os
import platform
import time
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results")


def save(name: str, result: dict[str, Any]) -> None:
    """Write a result with what it was measured on."""
    machine = {"kernel": platform.release(), "cores": os.cpu_count()}
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}-{time.strftime('%Y%m%dT%H%M%S')}.json"
    path.write_text(json.dumps({"machine": machine, **result}, indent=2) + "\n")
