"""Alarms, ratios and dashboard: generated, rehearsed, and asking for nothing but what is measured."""

import itertools
import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from fairlead.serving.figures import ServiceFigures
from fairlead.serving.middleware import PATHS
from tests.fakes.bundles import tiny_bundle
from tests.serving.conftest import picture, served

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
BOARD = DEPLOY / "grafana" / "dashboards" / "fairlead.json"
REHEARSALS = sorted(file.name for file in PROMETHEUS.glob("*_test.yml"))
# What monitoring adds to a scrape, with the labels of each.
WATCHED = {
    "fairlead_observed_total": (),
    "fairlead_monitor_dropped_total": (),
    "fairlead_monitor_errors_total": ("step",),
    "fairlead_feedback_total": ("outcome",),
    "fairlead_feedback_confusion_total": ("predicted", "actual"),
    "fairlead_group_answers_total": ("feature", "group", "predicted"),
    "fairlead_group_labelled_total": ("feature", "group", "predicted", "actual"),
    "fairlead_confidence_bucket": ("le",),
    "fairlead_drift_log_evidence": ("monitor", "code"),
    "fairlead_drift_log_peak": ("monitor", "code"),
    "fairlead_drift_log_threshold": ("monitor", "code"),
    "fairlead_drift_raised": ("monitor", "code"),
    "fairlead_expected_accuracy": ("bound",),
    "fairlead_live_verdict": ("code", "figure", "feature", "verdict"),
    "fairlead_reference_rows": (),
    "fairlead_monitor_alive": (),
}
ADDED = {"instance", "job"}  # by Prometheus, to every series


def rules(file):
    return [rule for group in yaml.safe_load((PROMETHEUS / file).read_text())["groups"] for rule in group["rules"]]


RATIOS, ALERTS = rules("ratios.yml"), rules("alerts.yml")


def panels():
    return [panel for panel in json.loads(BOARD.read_text())["panels"] if panel["type"] != "row"]


def expressions():
    yield from (rule["expr"] for rule in (*RATIOS, *ALERTS))
    yield from (target["expr"] for panel in panels() for target in panel["targets"])


def samples_of(families):
    """The labels of every series, by its name."""
    samples = {}
    for family in families:
        for sample in family.samples:
            samples.setdefault(sample.name, set()).update(sample.labels)
    return samples


@pytest.fixture(scope="module")
def measured():
    figures = ServiceFigures()
    figures.predictions.labels("dog").inc()
    figures.requests.labels("/predict", "2xx").inc()
    figures.rejected.labels("busy").inc()
    figures.build.labels("0", "d", "passes").set(1)
    return {name: set(labels) for name, labels in WATCHED.items()} | samples_of(figures.registry.collect())


def with_ratios(samples):
    """What is scraped, and what the rules make of it."""
    recorded = dict(samples)
    for rule in RATIOS:
        grouped = re.match(r"(?:1 - )?(?:max|avg|sum) by \(([^)]*)\)", rule["expr"])
        recorded[rule["record"]] = {name.strip() for name in grouped.group(1).split(",")} if grouped else set()
    return recorded


def names_in(expression):
    return set(re.findall(r"\bfairlead[_:][a-z0-9_:]+", re.sub(r'"[^"]*"', '""', expression)))


def check(expression, known):
    names = names_in(expression)
    assert names
    assert names <= set(known), expression
    for name, matchers in re.findall(r"\b(fairlead[_:][a-z0-9_:]+)\{([^}]*)\}", expression):
        labels = dict(re.findall(r'(\w+)=~?"([^"]*)"', matchers))
        assert set(labels) <= known[name], expression
        if "endpoint" in labels:
            assert set(labels["endpoint"].split("|")) <= set(PATHS)
    for grouped in re.findall(r"(?:by|ignoring|on) \(([^)]*)\)", expression):
        asked = {label.strip() for label in grouped.split(",") if label}
        assert asked <= ADDED.union(*(known[name] for name in names)), expression


def test_dashboard_and_alarms_ask_for_what_is_measured(measured):
    known, asked = with_ratios(measured), list(expressions())
    assert len(asked) > 40
    for expression in asked:
        check(expression, known)
    sources = "".join(file.read_text() for file in (ROOT / "src" / "fairlead" / "serving").glob("*.py"))
    reasons = {reason for expression in asked for reason in re.findall(r'reason="([^"]*)"', expression)}
    assert reasons
    assert all(f'"{reason}"' in sources for reason in reasons)


@pytest.mark.parametrize(
    "wrong", ["sum(fairlead_redy)", 'fairlead_ready{reason="a"}', "sum by (stage) (fairlead_ready)", "fairlead:no:such"]
)
def test_an_expression_that_asks_for_something_else_is_found(wrong, measured):
    with pytest.raises(AssertionError):
        check(wrong, with_ratios(measured))


def test_every_figure_of_monitoring_is_asked_for():
    used = set().union(*map(names_in, expressions()))
    assert set(WATCHED) <= used
    assert {rule["record"] for rule in RATIOS} <= used


def test_the_dashboard_is_what_its_generator_writes():
    made = runpy.run_path(str(DEPLOY / "grafana" / "make_dashboard.py"))["dashboard"]()
    assert json.dumps(made, indent=2) + "\n" == BOARD.read_text(), "run: make dashboard"


def test_the_dashboard_can_be_laid_out():
    source = yaml.safe_load((DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yaml").read_text())
    board = json.loads(BOARD.read_text())
    assert {panel["datasource"]["uid"] for panel in panels()} == {source["datasources"][0]["uid"]}
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    taken = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        across, down = (range(place[at], place[at] + place[size]) for at, size in ("xw", "yh"))
        cells = set(itertools.product(across, down))
        assert not cells & taken, panel["title"]
        taken |= cells
    assert {target["refId"] for panel in panels() for target in panel["targets"]} <= set("ABCDEF")


def test_every_alarm_says_what_to_do_and_is_rehearsed():
    rehearsed = "".join((PROMETHEUS / name).read_text() for name in REHEARSALS)
    for rule in ALERTS:
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["remedy"]
        assert rule["labels"]["severity"] in {"page", "ticket", "info"}
        assert f"alertname: {rule['alert']}\n        exp_alerts:\n          - " in rehearsed, rule["alert"]
        assert re.search(rf"alertname: {rule['alert']}(, |\n        )exp_alerts: \[\]", rehearsed) or rule["alert"] in {
            "FairleadWaits",
            "FairleadUnreadable",
        }
    for rule in RATIOS:
        assert rule["record"] in rehearsed


def test_prometheus_reads_every_file_of_rules():
    listed = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["rule_files"]
    assert set(listed) == {file.name for file in PROMETHEUS.glob("*.yml")} - {"prometheus.yml", *REHEARSALS}


def promtool(*asked, text=None):
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed; it comes with Prometheus")
    done = subprocess.run([tool, *asked], cwd=PROMETHEUS, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "asked", [("check", "config", "prometheus.yml"), *(("test", "rules", name) for name in REHEARSALS)], ids=" ".join
)
def test_promtool_finds_nothing(asked):
    promtool(*asked)


def test_promtool_finds_nothing_in_what_is_measured(tmp_path):
    with served(tiny_bundle(tmp_path / "bundle")) as client:
        promtool("check", "metrics", text=client.get("/metrics").text)


def test_what_monitoring_is_said_to_measure_is_in_a_real_scrape(tmp_path):
    pytest.importorskip("fairlead.serving.monitor_figures")
    with served(tiny_bundle(tmp_path / "bundle")) as client:
        assert client.post("/predict", files={"image": picture()}).status_code == 200
        scraped = client.get("/metrics").text
    families = {family.name: family for family in text_string_to_metric_families(scraped)}
    for name, labels in WATCHED.items():
        family = families[re.sub("_(total|bucket)$", "", name)]
        for sample in family.samples:
            if sample.name == name:
                assert set(sample.labels) == set(labels), name
