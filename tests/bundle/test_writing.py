"""A bundle appears whole or not at all, whatever happens while it is written."""

import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fairlead.bundle import Bundle, write_bundle
from fairlead.errors import BundleError, OutputFolderError
from tests.fakes.bundles import BLOCKED, PASSES, contents, tiny_bundle

# Starts writers that write a bundle for ever and kills each after another while, up to two writings; says how many have
# left a whole one by then. In a process of its own, which imports once and forks.
KILLER = """
import os, shutil, signal, sys, time
from pathlib import Path
from fairlead.bundle import Bundle, writing
from tests.fakes.bundles import BLOCKED, PASSES, tiny_bundle
write = writing._write
def slowly(file, content):
    write(file, content)
    time.sleep(0.004)
folder, there_before, whole = Path(sys.argv[1]), sys.argv[2] == "True", 0
writing._write = slowly
begun = time.perf_counter()
tiny_bundle(folder)
takes = time.perf_counter() - begun
if not there_before:
    shutil.rmtree(folder)
for attempt in range(14):
    child = os.fork()
    if not child:
        while True:
            tiny_bundle(folder, BLOCKED if attempt % 2 else PASSES)
    time.sleep(takes * (attempt + 1) / 7)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if folder.exists():
        Bundle.open(folder)  # raises where half of it is there
        whole += 1
    # What is left over is hidden, and no reader takes it for a bundle of this name.
    if not {item.name for item in folder.parent.iterdir() if not item.name.startswith(".")} <= {"bundle"}:
        raise SystemExit(1)
    print(whole, flush=True)
"""


@pytest.mark.parametrize("there_before", [True, False])
def test_killed_while_writing_it_leaves_the_old_one_or_none_or_a_whole_new_one(tmp_path, there_before):
    folder = tmp_path / "bundle"
    done = subprocess.run(
        [sys.executable, "-c", KILLER, str(folder), str(there_before)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    counts = [int(line) for line in done.stdout.split()]
    assert len(counts) == 14
    assert counts[-1] >= (7 if there_before else 1)
    # What the killed ones left is cleared by the next that ends.
    tiny_bundle(folder)
    assert [item.name for item in tmp_path.iterdir()] == ["bundle"]


WRITER = """
import sys
from pathlib import Path
from tests.fakes.bundles import tiny_bundle
for _ in range(8):
    tiny_bundle(Path(sys.argv[1]))
"""


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


def test_a_bundle_with_something_of_a_user_in_it_is_not_replaced(tmp_path):
    folder = tiny_bundle(tmp_path / "bundle")
    (folder / "evidence" / "notes.txt").write_bytes(b"mine")
    with pytest.raises(OutputFolderError, match=r"evidence/notes\.txt"):
        tiny_bundle(folder, BLOCKED)
    assert (folder / "evidence" / "notes.txt").read_bytes() == b"mine"
    (tmp_path / "extension").mkdir()  # other programs have manifests too
    (tmp_path / "extension" / "manifest.json").write_text('{"manifest_version": 3}')
    (tmp_path / "extension" / "background.js").write_text("")
    with pytest.raises(OutputFolderError, match=r"background\.js"):
        tiny_bundle(tmp_path / "extension")


def test_a_damaged_bundle_can_be_written_anew(tmp_path):
    folder = tiny_bundle(tmp_path / "bundle")
    (folder / "labels.json").write_bytes(b"damaged")
    assert Bundle.open(tiny_bundle(folder)).manifest.passes


def test_what_a_killed_writer_left_is_cleared_and_what_it_moved_aside_is_put_back(tmp_path):
    folder = tiny_bundle(tmp_path / "bundle")
    folder.rename(tmp_path / ".bundle.0123456789ab.replaced")
    (tmp_path / ".bundle.0123456789ab.partial").mkdir()
    (tmp_path / ".bundle.mine.partial").mkdir()

    def refuse(hidden):
        raise BundleError("no")

    with pytest.raises(BundleError):
        write_bundle(folder, contents(BLOCKED), b"{}", check=refuse)
    assert Bundle.open(folder).manifest.passes
    assert sorted(item.name for item in tmp_path.iterdir()) == [".bundle.mine.partial", "bundle"]


def test_of_many_writers_at_once_each_writes_a_whole_one(tmp_path):
    folder = tmp_path / "bundle"
    with ThreadPoolExecutor(6) as pool:
        written = [pool.submit(tiny_bundle, folder, gate) for gate in [PASSES, BLOCKED] * 6]
        assert all(done.result() == folder for done in written)
    Bundle.open(folder)
    assert [item.name for item in tmp_path.iterdir()] == ["bundle"]


def test_writers_in_two_processes_wait_for_each_other(tmp_path):
    processes = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "bundle")]) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    Bundle.open(tmp_path / "bundle")
    assert [item.name for item in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.parametrize("there_before", [True, False])
def test_a_full_disk_leaves_what_was_there_and_says_so(tmp_path, there_before):
    folder = tmp_path / "bundle"
    if there_before:
        tiny_bundle(folder)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, limits[1]))  # of one file, in bytes: the kernel refuses more
    try:
        with pytest.raises(OutputFolderError, match=r"cannot write .*bundle \(.+\); free some space"):
            tiny_bundle(folder, BLOCKED)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [item.name for item in tmp_path.iterdir()] == (["bundle"] if there_before else [])
    if there_before:
        assert Bundle.open(folder).manifest.passes


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputFolderError, match=r"file.bundle"):
        tiny_bundle(tmp_path / "file" / "bundle")


def test_the_folder_one_stands_in_will_do(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    tiny_bundle(Path("."))
    assert Bundle.open(tmp_path / "here").manifest.passes
