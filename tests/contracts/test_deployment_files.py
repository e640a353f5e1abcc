"""What deploy/ promises, held against the service itself."""

import inspect
import json
import re
from dataclasses import fields
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from fairlead.monitoring import RequestLog
from fairlead.serving import ServiceLimits
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
    known.add("FAIRLEAD_MONITOR_FOLDER")
    found -= {"FAIRLEAD_PORT"}  # named by the comment that says why links to services are off
    assert {"FAIRLEAD_API_KEY_FILE", "FAIRLEAD_DRAIN"} <= found <= known


def test_monitoring_has_one_bounded_place_to_write():
    pod = manifest("deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    folder = next(entry["value"] for entry in container["env"] if entry["name"] == "FAIRLEAD_MONITOR_FOLDER")
    (mount,) = [mount for mount in container["volumeMounts"] if mount["mountPath"] == folder]
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == mount["name"]]
    assert not mount.get("readOnly")
    room = re.fullmatch(r"(\d+)Gi", volume["emptyDir"]["sizeLimit"])
    bounds = {name: default.default for name, default in inspect.signature(RequestLog).parameters.items()}
    # What is written beyond takes the pod away, and its answers with it: the state and an open segment fit too.
    assert int(room[1]) * 2**30 > bounds["total_bytes"] + bounds["segment_bytes"] + 512_000_000
    assert "medium" not in volume["emptyDir"]  # in memory it would count against the limit of the container
    composed = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert composed["services"]["fairlead"]["environment"]["FAIRLEAD_MONITOR_FOLDER"] == folder
    (mounted,) = [entry for entry in composed["services"]["fairlead"]["volumes"] if entry.endswith(f":{folder}")]
    assert mounted.partition(":")[0] in composed["volumes"]
    # A named volume takes its owner from the image.
    assert f"install -d -o {USER.group(1)} -g {USER.group(2)} {folder}\n" in DOCKERFILE
