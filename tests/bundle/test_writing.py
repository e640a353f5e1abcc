"""A bundle appears whole or not at all, whatever happens while it is written."""

import signal
import subprocess
import sys
import time

import pytest

from fairlead.bundle import Bundle, write_bundle
from fairlead.errors import BundleError, OutputFolderError
from tests.fakes.bundles import BLOCKED, contents, tiny_bundle

# Writes the bundle for ever, a file every few milliseconds, saying so, until it is killed.
WRITER = """
import sys, time
from pathlib import Path
from fairlead.bundle import writing
from tests.fakes.bundles import BLOCKED, tiny_bundle
write = writing._write
def slowly(file, content):
    write(file, content)
    time.sleep(0.004)
writing._write = slowly
print("ready", flush=True)
while True:
    tiny_bundle(Path(sys.argv[1]), BLOCKED)
"""


@pytest.mark.parametrize("there_before", [True, False])
def test_killed_while_writing_it_leaves_the_old_one_or_none_or_a_whole_new_one(tmp_path, there_before):
    whole = 0
    for attempt in range(6):
        folder = tmp_path / str(attempt) / "bundle"
        folder.parent.mkdir()
        if there_before:
            tiny_bundle(folder)
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.011 * (attempt + 1))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        if folder.exists():
            whole += 1
            Bundle.open(folder)  # raises where half of it is there
        # What is left over is hidden, and no reader takes it for a bundle of this name.
        assert {item.name for item in folder.parent.iterdir() if not item.name.startswith(".")} <= {"bundle"}
    assert whole >= (1 if there_before else 0)


@pytest.mark.parametrize("there_before", [True, False])
def test_an_error_on_the_way_leaves_what_was_there_and_nothing_else(tmp_path, there_before):
    folder = tmp_path / "bundle"
    if there_before:
        tiny_bundle(folder)

    def refuse(hidden):
        assert (hidden / "manifest.json").is_file()
        raise BundleError("no")

    with pytest.raises(BundleError):
        write_bundle(folder, contents(BLOCKED), b"{}", check=refuse)
    assert [item.name for item in tmp_path.iterdir()] == (["bundle"] if there_before else [])
    if there_before:
        assert Bundle.open(folder).manifest.passes


def test_a_bundle_is_replaced_whole(tmp_path):
    folder = tiny_bundle(tmp_path / "bundle")
    before = Bundle.open(folder).digest
    tiny_bundle(folder, BLOCKED)
    after = Bundle.open(folder)
    assert after.digest != before
    assert not after.manifest.passes
    assert [item.name for item in tmp_path.iterdir()] == ["bundle"]


def test_what_is_no_bundle_is_never_replaced(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"mine")
    (tmp_path / "file").write_bytes(b"mine")
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    for name in ("photos", "file", "link"):
        with pytest.raises(OutputFolderError, match=name):
            tiny_bundle(tmp_path / name)
    assert (tmp_path / "photos" / "a.jpg").read_bytes() == b"mine"
    (tmp_path / "empty").mkdir()
    assert Bundle.open(tiny_bundle(tmp_path / "empty")).manifest.passes
