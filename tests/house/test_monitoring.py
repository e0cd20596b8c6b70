"""The example alerts and the dashboard load in Prometheus's own checker, and name real metrics."""

import json
import re
import subprocess
from pathlib import Path

from natgate.model.metric import METRICS, Sample
from natgate.wire.exposition import render_exposition

from .files import ROOT

RULES = ROOT / "docs/examples/natgate.rules.yml"
DASHBOARD = ROOT / "docs/examples/natgate-dashboard.json"


def promtool(*arguments: str, given: str = "") -> str:
    """What promtool prints; it must find nothing wrong."""
    argv = ["promtool", *arguments]
    done = subprocess.run(argv, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def expressions() -> list[str]:
    """Every expression of the dashboard, with an interval in place of Grafana's variable."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    found = [target["expr"] for panel in panels for target in panel["targets"]]
    return [each.replace("$__rate_interval", "1m") for each in found]


def test_the_alerts_load() -> None:
    """Prometheus takes the file as it is."""
    assert "SUCCESS: 12 rules found" in promtool("check", "rules", str(RULES))


def test_the_expressions_of_the_dashboard_can_be_read(tmp_path: Path) -> None:
    """Each one is a rule that Prometheus takes."""
    rules = [{"record": f"r{i}", "expr": each} for i, each in enumerate(expressions())]
    file = tmp_path / "dashboard.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"SUCCESS: {len(rules)} rules found" in promtool("check", "rules", str(file))


def test_only_metrics_of_the_catalogue_are_named() -> None:
    """An expression over a metric that does not exist would be silent for ever."""
    text = "\n".join(re.findall(r"expr: (.*)", RULES.read_text())) + "\n".join(expressions())
    named = set(re.findall(r"\bnatgate_\w+", text))
    assert named - set(METRICS) == set()
    assert len(named) > 10


def test_promtool_has_nothing_against_any_metric() -> None:
    """Names, units and help of the whole catalogue are as Prometheus wants them."""
    every = [
        Sample(name=m.name, labels=dict.fromkeys(m.labels, "x"), value=1) for m in METRICS.values()
    ]
    assert promtool("check", "metrics", given=render_exposition(every)) == ""


def test_the_alerts_say_what_has_happened() -> None:
    """Nobody active, a share that changed hands and ports that run out are told; calm is silent."""
    assert "SUCCESS" in promtool(
        "test", "rules", str(Path(__file__).with_name("natgate.rules.test.yml"))
    )
