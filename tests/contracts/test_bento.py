"""What `bentoml build` makes of bentofile.yaml."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from fairlead.bundle import Bundle
from tests.fakes.bundles import tiny_bundle

ROOT = Path(__file__).parents[2]


def test_a_bento_holds_the_service_its_bundle_and_nothing_else(tmp_path):
    place = tmp_path / "project"
    for name in ("bentofile.yaml", "requirements-serve.txt", "README.md", "pyproject.toml"):
        place.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, place / name)
    shutil.copytree(ROOT / "src", place / "src")
    (place / "tests").mkdir()
    (place / "tests" / "photo.jpg").write_bytes(b"someone's")
    tiny_bundle(place / "bundle")
    environment = dict(os.environ) | {
        "BENTOML_HOME": str(tmp_path / "home"),
        "BENTOML_DO_NOT_TRACK": "True",
        # Nothing is asked of the network: no proxy answers at this address.
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9"),
    }
    command = [sys.executable, "-m", "bentoml", "build", "--output", "tag"]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (bento,) = (path for path in (tmp_path / "home" / "bentos" / "fairlead").iterdir() if path.is_dir())
    assert Bundle.open(bento / "src" / "bundle").digest == Bundle.open(place / "bundle").digest
    assert {path.name for path in (bento / "src").iterdir()} <= {
        "src", "bundle", "README.md", "requirements-serve.txt", "bentofile.yaml",
    }  # fmt: skip
    assert not list(bento.rglob("*.jpg"))
    assert not list((bento / "src" / "src").rglob("__pycache__"))
    assert (bento / "src" / "src" / "fairlead" / "serving" / "app.py").is_file()
    installed = (bento / "env" / "python" / "requirements.txt").read_text()
    assert installed.count("--hash=sha256:") == (ROOT / "requirements-serve.txt").read_text().count("--hash=sha256:")
    made = yaml.safe_load((bento / "bento.yaml").read_text())
    assert {entry["name"]: entry["value"] for entry in made["envs"]}["FAIRLEAD_BUNDLE"].endswith("/src/bundle")
    dockerfile = (bento / "env" / "docker" / "Dockerfile").read_text()
    assert "ENV FAIRLEAD_BUNDLE=" in dockerfile
    assert "ENV BENTOML_DO_NOT_TRACK=" in dockerfile
