"""fairlead bundle and fairlead verify, as a person meets them."""

import json
import os
import resource
import subprocess
import sys

import pytest

from fairlead.bundle import Bundle
from fairlead.cli.main import main
from tests.fakes.bundles import BLOCKED, tiny_bundle
from tests.fakes.keys import key_pair
from tests.fakes.runs import copied, probe_run

NEVER_SAID = "Traceback"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return probe_run(tmp_path_factory.mktemp("verbs") / "run")


@pytest.fixture
def run(kept, tmp_path):
    return copied(kept, tmp_path / "run")


def let_block(run):
    content = json.loads(run.evidence.read_text())
    content["gate"] = {"passes": False, "blocked_by": ["FAIR-003 true_positive_rate_difference"], "override": None}
    run.evidence.write_text(json.dumps(content))


def test_a_run_s_bundle_is_written_anew_and_says_how_to_serve_it(run, capsys):
    before = Bundle.open(run.bundle)
    assert main(["bundle", str(run.path), "--rows", "8"]) == 0
    told = capsys.readouterr().out
    bundle = Bundle.open(run.bundle)
    assert bundle.digest in told
    assert bundle.labels == before.labels
    assert "8 held-out files" in told
    assert f"fairlead serve {run.bundle}" in told
    assert main(["verify", str(run.bundle)]) == 0
    assert bundle.digest in capsys.readouterr().out


def test_a_gate_that_blocks_is_the_exit_code_and_an_override_passes_it(run, tmp_path, capsys):
    let_block(run)
    key, public = key_pair(tmp_path)
    assert main(["bundle", str(run.path), "--rows", "4"]) == 1
    told = capsys.readouterr().out
    assert "FAIR-003" in told
    assert f'fairlead bundle {run.path} --override "reason" --by NAME' in told
    assert main(["verify", str(run.bundle)]) == 1
    capsys.readouterr()
    words = ["--override", "a pilot", "--by", "A. Person", "--sign", str(key), "--output", str(tmp_path / "out")]
    assert main(["bundle", str(run.path), "--rows", "4", *words]) == 0
    assert "A. Person" in capsys.readouterr().out
    assert Bundle.open(tmp_path / "out").manifest.gate["override"]["reason"] == "a pilot"
    assert main(["verify", str(tmp_path / "out"), "--key", str(public)]) == 0
    assert f"holds for {public}" in capsys.readouterr().out
    assert not Bundle.open(run.bundle).manifest.passes  # another folder, another word


def test_an_override_that_is_not_needed_is_said_not_to_be_recorded(run, capsys):
    assert main(["bundle", str(run.path), "--rows", "4", "--override", "haste", "--by", "A. Person"]) == 0
    assert "not recorded: the gate passes by itself" in capsys.readouterr().out


def test_data_that_are_gone_are_no_reason_against_a_bundle(run, capsys):
    run.config.write_text("data: gone\n" + run.config.read_text())
    assert main(["bundle", str(run.path)]) == 0
    assert "could not be read when it was exported" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["bundle", "nowhere"], "holds no model.ckpt; name the folder of a finished run"),
        (["bundle", "{run}", "--override", "haste"], "an override states its name"),
        (["bundle", "{run}", "--by", "A. Person"], "an override states its reason"),
        (["bundle", "{run}", "--rows", "0"], "--rows is at least 1"),
        (["bundle", "{run}", "--sign", "nokey.pem"], "there is no key nokey.pem"),
        (["bundle", "{run}", "--output", "{run}"], "is no bundle"),
        (["verify", "nowhere"], "name a bundle"),
        (["verify", "{run}"], "name a bundle"),
        (["verify", "{run}/bundle", "--key", "nokey.pub"], "nokey.pub"),
        (["verify", "{run}/bundle", "--key", "{run}/config.yaml"], "is not signed"),
    ],
)
def test_a_mistake_is_one_message_and_leaves_the_bundle_that_was_there(run, capsys, words, message):
    digest = Bundle.open(run.bundle).digest
    assert main([word.format(run=run.path) for word in words]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.startswith("error: ")
    assert NEVER_SAID not in said
    assert Bundle.open(run.bundle).digest == digest


def test_an_altered_bundle_is_refused_by_file(tmp_path, capsys):
    folder = tiny_bundle(tmp_path / "bundle", BLOCKED)
    (folder / "card.md").write_bytes(b"# B card\n")
    assert main(["verify", str(folder)]) == 2
    assert "card.md" in capsys.readouterr().err


def test_a_full_disk_is_one_message_and_leaves_the_bundle_that_was_there(run, capsys):
    digest = Bundle.open(run.bundle).digest
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        code = main(["bundle", str(run.path), "--rows", "4"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert code == 2
    assert "cannot write" in capsys.readouterr().err
    assert Bundle.open(run.bundle).digest == digest
    assert not [item for item in run.path.iterdir() if item.name.startswith(".")]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_named(run, tmp_path, capsys):
    (tmp_path / "closed").mkdir(mode=0o500)
    assert main(["bundle", str(run.path), "--rows", "4", "--output", str(tmp_path / "closed" / "bundle")]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_without_what_trains_it_says_what_to_install(run, monkeypatch, capsys):
    for name in [name for name in sys.modules if name.startswith("fairlead.export")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert main(["bundle", str(run.path)]) == 2
    assert "onnx is not installed; pip install 'fairlead[train]'" in capsys.readouterr().err


def test_answering_and_verifying_need_no_torch(tmp_path):
    folder = tiny_bundle(tmp_path / "bundle")
    code = (
        "import sys\n"
        "from fairlead.cli.main import main\n"
        f"code = main(['verify', {str(folder)!r}])\n"
        "never = {'torch', 'torchvision', 'lightning', 'timm', 'transformers', 'sklearn', 'pyarrow', 'onnx'}\n"
        "sys.exit(code or sorted(never & {name.partition('.')[0] for name in sys.modules}) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "each as it was written" in done.stdout
