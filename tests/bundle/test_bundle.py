"""A bundle opens only if it is whole, and says which file is not."""

import io
import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch

from fairlead.bundle import Bundle, FileDigest, Manifest
from fairlead.errors import BundleError
from tests.fakes.bundles import LABELS, PREPROCESSING, contents, manifest, tiny_bundle


@pytest.fixture
def folder(tmp_path):
    return tiny_bundle(tmp_path / "bundle")


def test_a_whole_bundle_gives_its_records(folder):
    bundle = Bundle.open(folder)
    assert list(bundle.labels) == LABELS
    assert bundle.preprocessing == PREPROCESSING
    assert (bundle.temperature, bundle.decision, bundle.tallies, bundle.signed) == (1.25, None, (), False)
    assert bundle.manifest.passes
    assert bundle.digest == FileDigest.of((folder / "manifest.json").read_bytes()).sha256


@pytest.mark.parametrize("name", [*contents(), "manifest.json"])
@pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
def test_one_flipped_bit_of_any_file_is_refused_by_name(folder, name, place):
    file = folder / name
    content = bytearray(file.read_bytes())
    content[round(place * (len(content) - 1))] ^= 1
    file.write_bytes(content)
    with pytest.raises(BundleError, match=name.replace(".", r"\.")):
        Bundle.open(folder)


@pytest.mark.parametrize("name", [*contents(), "manifest.json"])
def test_a_missing_or_shortened_or_longer_file_is_refused_by_name(folder, name):
    file = folder / name
    content = file.read_bytes()
    for changed in (content[:-1], content + b" ", b""):
        file.write_bytes(changed)
        with pytest.raises(BundleError, match=name.replace(".", r"\.")):
            Bundle.open(folder)
    file.unlink()
    with pytest.raises(BundleError, match=name.replace(".", r"\.")):
        Bundle.open(folder)


@pytest.mark.parametrize("name", ["notes.txt", ".hidden", "goldens/extra.png", "signatures/other.sig", "a\nb.json"])
def test_a_file_that_the_manifest_does_not_list_is_refused(folder, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"{}")
    with pytest.raises(BundleError, match="not in its manifest"):
        Bundle.open(folder)


@pytest.mark.parametrize("kind", ["file", "folder", "pipe"])
def test_links_and_devices_are_refused(folder, tmp_path, kind):
    if kind == "file":  # the same bytes, but elsewhere
        (folder / "labels.json").rename(tmp_path / "labels.json")
        (folder / "labels.json").symlink_to(tmp_path / "labels.json")
    elif kind == "folder":
        (folder / "evidence").rename(tmp_path / "evidence")
        (folder / "evidence").symlink_to(tmp_path / "evidence")
    else:
        os.mkfifo(folder / "pipe")
    with pytest.raises(BundleError, match="link or a device"):
        Bundle.open(folder)


@pytest.mark.parametrize(
    "name", ["../labels.json", "/labels.json", "a/../labels.json", "a\\b.json", "", "manifest.json"]
)
def test_a_manifest_cannot_name_what_is_outside(name):
    files = {**contents(), name: b"{}"}
    with pytest.raises(BundleError, match="no file inside the bundle"):
        manifest(files)


def forged(folder, name, content):
    """Puts a file in a bundle whose manifest vouches for it."""

    def change(files):
        files[name] = content

    return tiny_bundle(folder, change=change)


def torch_checkpoint():
    stream = io.BytesIO()
    torch.save({"a": torch.zeros(2)}, stream)
    return stream.getvalue()


def numpy_objects(archive):
    stream = io.BytesIO()
    content = np.array([{"a": 1}], dtype=object)
    np.savez(stream, content) if archive else np.save(stream, content)
    return stream.getvalue()


def zipped_pickle():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(1))
    return stream.getvalue()


PICKLED = {
    **{f"pickle of protocol {number}": pickle.dumps({"a": 1}, number) for number in range(6)},
    "torch checkpoint": torch_checkpoint(),
    "object array": numpy_objects(archive=False),
    "archive of object arrays": numpy_objects(archive=True),
    "zip": zipped_pickle(),
}


@pytest.mark.parametrize("kind", PICKLED)
@pytest.mark.parametrize(
    "name", ["card.md", "labels.json", "model.onnx", "weights.safetensors", "goldens/x.png", "x.npz"]
)
def test_nothing_pickled_opens_whatever_the_manifest_says(tmp_path, kind, name):
    if name == "card.md" and kind in {"pickle of protocol 0"}:
        pytest.skip("protocol 0 is text, and text is never unpickled")
    if name in {"card.md"} and kind == "pickle of protocol 1":
        content = PICKLED[kind]
        assert b"\x80" not in content[:1]
        pytest.skip("protocol 1 without bytes above 127 is text, and text is never unpickled")
    with pytest.raises(BundleError, match=name.replace(".", r"\.")):
        Bundle.open(forged(tmp_path / "bundle", name, PICKLED[kind]))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.json", b'["a", "a", "b"]'),
        ("labels.json", b"3"),
        ("calibration.json", b'{"temperature": 0}'),
        ("calibration.json", b"[" * 100_000),
        ("preprocessing.json", b'{"size": [8, 8]}'),
        ("reference/tallies.json", b'{"tallies": [{"schema": 2}]}'),
        ("evidence/evidence.json", b'{"gate": {"passes": false}}'),
        ("weights.safetensors", b"\x02\0\0\0\0\0\0\0{}more"),
        ("goldens/x.png", b"GIF89a"),
        ("run.sh", b"#!/bin/sh"),
    ],
)
def test_a_record_that_cannot_be_used_is_named(tmp_path, name, content):
    with pytest.raises(BundleError, match=name.replace(".", r"\.")):
        Bundle.open(forged(tmp_path / "bundle", name, content))


def test_an_unknown_schema_says_which_is_read(folder):
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace('"schema": 1', '"schema": 2', 1))
    with pytest.raises(BundleError, match=r"schema 2, and this release of fairlead reads 1"):
        Bundle.open(folder)


def test_a_gate_that_was_opened_by_hand_is_seen(folder):
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace('"passes": true', '"passes": false'))
    with pytest.raises(BundleError, match="altered"):
        Bundle.open(folder)


def test_labels_of_another_model_and_another_task_are_refused(tmp_path):
    with pytest.raises(BundleError, match="other labels"):
        Bundle.open(tiny_bundle(tmp_path / "a", labels_sha256="0" * 64))
    with pytest.raises(BundleError, match="binary"):
        Bundle.open(tiny_bundle(tmp_path / "b", task="binary"))


def test_reading_later_sees_what_was_altered_since(folder):
    bundle = Bundle.open(folder)
    assert bundle.read("card.md") == b"# A card\n"
    (folder / "card.md").write_bytes(b"# B card\n")
    with pytest.raises(BundleError, match=r"card\.md .* altered"):
        bundle.read("card.md")
    with pytest.raises(BundleError, match=r"has no nothing\.md"):
        bundle.read("nothing.md")


def test_a_manifest_is_the_same_bytes_for_the_same_content():
    files = contents()
    text = manifest(files).to_bytes()
    assert manifest(dict(reversed(files.items()))).to_bytes() == text
    assert Manifest.parse(text) == manifest(files)


@pytest.mark.parametrize("path", ["nowhere", "empty"])
def test_what_is_no_bundle_is_said_to_be_none(tmp_path, path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(BundleError, match="name a bundle"):
        Bundle.open(tmp_path / path)


def test_a_bundle_is_opened_without_waiting_for_scipy(tmp_path):
    bundle = tiny_bundle(tmp_path / "bundle")
    code = (
        f"import sys; from fairlead.bundle import Bundle; Bundle.open({str(bundle)!r}); print('scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.strip() == b"False"
