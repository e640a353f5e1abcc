"""What deploy/ promises, held against the service itself."""

import json
import re
import shutil
import subprocess
from dataclasses import fields
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from fairlead.serving import ServiceLimits
from fairlead.serving.figures import ServiceFigures
from fairlead.serving.middleware import PATHS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (ROOT / "Dockerfile").read_text()
MANIFESTS = sorted(set((DEPLOY / "kubernetes").glob("*.yaml")) - {DEPLOY / "kubernetes" / "kustomization.yaml"})
DEADLINE = ServiceLimits().deadline
IMAGE_DRAIN = float(re.search(r"FAIRLEAD_DRAIN=(\d+)", DOCKERFILE).group(1))
USER = re.search(r"^USER (\d+):(\d+)$", DOCKERFILE, re.M)
PORT = int(re.search(r"^EXPOSE (\d+)$", DOCKERFILE, re.M).group(1))


def manifest(kind):
    return yaml.safe_load((DEPLOY / "kubernetes" / f"{kind}.yaml").read_text())


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.stem)
def test_kubernetes_knows_every_field(file):
    documents = list(yaml.safe_load_all(file.read_text()))
    assert documents
    for document in documents:
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
        wrong = document | {"spec": document["spec"] | {"replica": 2}}
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


def test_every_manifest_is_applied_and_selects_the_pods():
    listed = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())
    assert {file.name for file in MANIFESTS} == set(listed["resources"])
    labels = manifest("deployment")["spec"]["template"]["metadata"]["labels"]
    spec = manifest("deployment")["spec"]
    selectors = [
        spec["selector"]["matchLabels"],
        spec["template"]["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
        manifest("service")["spec"]["selector"],
        manifest("disruption-budget")["spec"]["selector"]["matchLabels"],
        manifest("network-policy")["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(selector.items() <= labels.items() for selector in selectors)
    assert listed["images"][0]["name"] == spec["template"]["spec"]["containers"][0]["image"].partition(":")[0]
    assert manifest("autoscaler")["spec"]["scaleTargetRef"]["name"] == manifest("deployment")["metadata"]["name"]


def test_a_pod_may_do_nothing_but_answer():
    pod = manifest("deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert [pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsGroup"]] == list(map(int, USER.groups()))
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert manifest("network-policy")["spec"]["egress"] == []


def test_a_pod_is_asked_at_paths_and_a_port_that_are_there():
    pod = manifest("deployment")["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": PORT}]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["path"] in PATHS
        assert container[probe]["httpGet"]["port"] == "http"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert pod["metadata"]["annotations"]["prometheus.io/path"] in PATHS
    assert pod["metadata"]["annotations"]["prometheus.io/port"] == str(PORT)
    assert manifest("service")["spec"]["ports"][0]["targetPort"] == "http"
    run = yaml.safe_load((DEPLOY / "cloud-run" / "service.yaml").read_text())["spec"]["template"]["spec"]
    assert run["containers"][0]["ports"][0]["containerPort"] == PORT
    assert run["containerConcurrency"] == ServiceLimits().slots
    assert run["timeoutSeconds"] > DEADLINE


def test_what_is_being_answered_is_answered_before_the_end():
    pod = manifest("deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    drain = float(next(entry["value"] for entry in container["env"] if entry["name"] == "FAIRLEAD_DRAIN"))
    waits = container["lifecycle"]["preStop"]["sleep"]["seconds"] + drain
    assert waits >= 5
    assert pod["terminationGracePeriodSeconds"] >= waits + DEADLINE + 5
    composed = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["fairlead"]
    assert float(composed["stop_grace_period"].removesuffix("s")) >= IMAGE_DRAIN + DEADLINE + 5
    (task,) = json.loads((DEPLOY / "ecs" / "task-definition.json").read_text())["containerDefinitions"]
    drain = float(next(entry["value"] for entry in task["environment"] if entry["name"] == "FAIRLEAD_DRAIN"))
    assert task["stopTimeout"] >= drain + DEADLINE + 5
    assert task["user"] == ":".join(USER.groups())
    assert task["readonlyRootFilesystem"] is True
    assert composed["read_only"] is True
    assert composed["cap_drop"] == ["ALL"]


def test_only_settings_that_the_service_reads_are_set():
    known = {f"FAIRLEAD_{field.name.upper()}" for field in fields(ServiceLimits)} | {
        f"FAIRLEAD_{name}"
        for name in ("BUNDLE", "KEY", "OVERRIDE", "OVERRIDE_BY", "API_KEY", "API_KEY_FILE", "NO_API_KEY", "SLOTS")
    }
    files = [file for file in [*DEPLOY.rglob("*"), ROOT / "bentofile.yaml", ROOT / "Dockerfile"] if file.is_file()]
    found = {name for file in files for name in re.findall(r"FAIRLEAD_[A-Z_]+", file.read_text())}
    found -= {"FAIRLEAD_PORT"}  # named by the comment that says why links to services are off
    assert {"FAIRLEAD_API_KEY_FILE", "FAIRLEAD_DRAIN"} <= found <= known


def expressions():
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())
    yield from (rule["expr"] for group in rules["groups"] for rule in group["rules"])
    board = json.loads((DEPLOY / "grafana" / "dashboards" / "fairlead.json").read_text())
    yield from (target["expr"] for panel in board["panels"] for target in panel["targets"])


def test_dashboard_and_alarms_ask_for_what_is_measured():
    figures = ServiceFigures()
    figures.predictions.labels("dog").inc()
    figures.requests.labels("/predict", "2xx").inc()
    figures.rejected.labels("busy").inc()
    figures.build.labels("0", "d", "passes").set(1)
    samples = {}
    for family in figures.registry.collect():
        for sample in family.samples:
            samples.setdefault(sample.name, set()).update(sample.labels)
    sources = "".join(file.read_text() for file in (ROOT / "src" / "fairlead" / "serving").glob("*.py"))
    asked = list(expressions())
    assert len(asked) > 15
    for expression in asked:
        names = re.findall(r"\bfairlead_[a-z_]+", expression)
        assert names
        assert set(names) <= set(samples), expression
        for name, matchers in re.findall(r"\b(fairlead_[a-z_]+)\{([^}]*)\}", expression):
            labels = dict(re.findall(r'(\w+)=~?"([^"]*)"', matchers))
            assert set(labels) <= samples[name], expression
            if "reason" in labels:
                assert f'"{labels["reason"]}"' in sources
            if "endpoint" in labels:
                assert set(labels["endpoint"].split("|")) <= set(PATHS)
        for grouped in re.findall(r"(?:by|ignoring) \(([^)]*)\)", expression):
            assert {label.strip() for label in grouped.split(",")} <= set().union(*(samples[name] for name in names))


def test_the_dashboard_reads_the_source_that_is_provided():
    source = yaml.safe_load((DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yaml").read_text())
    board = json.loads((DEPLOY / "grafana" / "dashboards" / "fairlead.json").read_text())
    assert {panel["datasource"]["uid"] for panel in board["panels"]} == {source["datasources"][0]["uid"]}
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_every_alarm_says_what_to_do_and_is_rehearsed():
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
    rehearsed = (DEPLOY / "prometheus" / "alerts_test.yml").read_text()
    for rule in rules:
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["remedy"]
        assert rule["labels"]["severity"] in {"page", "ticket", "info"}
        assert f"alertname: {rule['alert']}\n        exp_alerts:\n          - " in rehearsed, rule["alert"]


def test_promtool_finds_nothing():
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed; it comes with Prometheus")
    folder = DEPLOY / "prometheus"
    for asked in (["check", "config", "prometheus.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run([promtool, *asked], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
