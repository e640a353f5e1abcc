"""A signature holds for these files and that key, and for nothing else."""

import json
import shutil

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from fairlead.bundle import Bundle, sign_bundle, verify_signature
from fairlead.errors import BundleError, UnreadableFileError
from tests.fakes.bundles import BLOCKED, tiny_bundle
from tests.fakes.keys import key_pair


@pytest.fixture
def signed(tmp_path):
    folder = tiny_bundle(tmp_path / "bundle")
    key, public = key_pair(tmp_path)
    sign_bundle(folder, key)
    return folder, public


def test_the_right_key_holds_and_the_bundle_opens(signed):
    folder, public = signed
    verify_signature(folder, public)
    assert Bundle.open(folder).signed


def test_another_key_does_not_hold(signed, tmp_path):
    folder, _ = signed
    _, other = key_pair(tmp_path, "other")
    with pytest.raises(BundleError, match="by another key, or for other files"):
        verify_signature(folder, other)


def test_a_signature_of_another_bundle_does_not_hold(signed, tmp_path):
    folder, public = signed
    other = tiny_bundle(tmp_path / "other", BLOCKED)
    shutil.copytree(folder / "signatures", other / "signatures")
    assert Bundle.open(other).signed  # it lies there; whether it holds is another question
    with pytest.raises(BundleError, match="does not hold"):
        verify_signature(other, public)


@pytest.mark.parametrize("change", ["altered", "added", "missing"])
def test_the_signature_sees_what_the_digests_see(signed, change):
    folder, public = signed
    if change == "altered":
        (folder / "card.md").write_bytes(b"# B card\n")
    elif change == "added":
        (folder / "notes.md").write_bytes(b"mine")
    else:
        (folder / "card.md").unlink()
    with pytest.raises(BundleError, match="does not hold"):
        verify_signature(folder, public)


def test_every_changed_character_of_the_signed_content_is_seen(signed):
    folder, public = signed
    file = folder / "signatures" / "bundle.sig"
    content = json.loads(file.read_bytes())
    payload = content["dsseEnvelope"]["payload"]
    for place in range(0, len(payload) - 4, max(1, len(payload) // 25)):
        swapped = payload[:place] + ("A" if payload[place] != "A" else "B") + payload[place + 1 :]
        file.write_text(json.dumps({**content, "dsseEnvelope": {**content["dsseEnvelope"], "payload": swapped}}))
        with pytest.raises(BundleError, match="does not hold"):
            verify_signature(folder, public)


@pytest.mark.parametrize("content", [b"", b"\x80\x04.", b"{}", b"[]", b"null", b'{"a": 1, "a": 2}'])
def test_what_is_no_signature_does_not_hold(signed, content):
    folder, public = signed
    (folder / "signatures" / "bundle.sig").write_bytes(content)
    with pytest.raises(BundleError):
        verify_signature(folder, public)


def test_what_is_not_signed_is_said_not_to_be(tmp_path):
    _, public = key_pair(tmp_path)
    with pytest.raises(BundleError, match="is not signed; sign it with"):
        verify_signature(tiny_bundle(tmp_path / "bundle"), public)


def test_a_key_that_is_none_is_named(tmp_path):
    folder = tiny_bundle(tmp_path / "bundle")
    locked, _ = key_pair(tmp_path, "locked", b"secret")
    foreign, foreign_public = key_pair(tmp_path, "foreign", kind=rsa.generate_private_key(65537, 2048))
    (tmp_path / "text.pem").write_text("no key")
    for key in (tmp_path / "missing.pem", tmp_path / "text.pem", locked, foreign):
        with pytest.raises(UnreadableFileError, match=key.name):
            sign_bundle(folder, key)
    assert not Bundle.open(folder).signed
    sign_bundle(folder, locked, "secret")
    for key in (tmp_path / "missing.pub", tmp_path / "text.pem", foreign_public):
        with pytest.raises((UnreadableFileError, BundleError)):
            verify_signature(folder, key)
