"""Laws of a bundle: no byte of it can change unseen, and nothing that a record may hold does more than refuse."""

import json
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairlead.bundle import Bundle, Manifest, Predictor
from fairlead.errors import BundleError
from tests.fakes.bundles import contents, manifest, tiny_bundle

NAMES = [*contents(), "manifest.json"]
RECORDS = [name for name in contents() if name.endswith(".json")]
LAW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("law") / "bundle")


@LAW
@given(data=st.data(), name=st.sampled_from(NAMES), byte=st.integers(1, 255))
def test_any_byte_of_any_file_that_changes_is_seen(whole, data, name, byte):
    file = whole / name
    content = file.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    try:
        file.write_bytes(content[:place] + bytes([content[place] ^ byte]) + content[place + 1 :])
        with pytest.raises(BundleError, match=name.replace(".", r"\.")):
            Bundle.open(whole)
    finally:
        file.write_bytes(content)
    Bundle.open(whole)


@LAW
@given(data=st.data(), name=st.sampled_from(NAMES), extra=st.binary(min_size=1, max_size=3), cut=st.booleans())
def test_any_byte_that_comes_or_goes_is_seen(whole, data, name, extra, cut):
    file = whole / name
    content = file.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    changed = content[:place] + content[place + len(extra) :] if cut else content[:place] + extra + content[place:]
    try:
        file.write_bytes(changed)
        with pytest.raises(BundleError, match=name.replace(".", r"\.")):
            Bundle.open(whole)
    finally:
        file.write_bytes(content)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def mutated(value, data):
    """Puts any JSON somewhere into a record."""
    if isinstance(value, dict) and value and data.draw(st.booleans()):
        key = data.draw(st.sampled_from(sorted(value)))
        return {**value, key: mutated(value[key], data)}
    if isinstance(value, list) and value and data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(value) - 1))
        return [*value[:place], mutated(value[place], data), *value[place + 1 :]]
    return data.draw(JSON)


@LAW
@given(data=st.data(), name=st.sampled_from(RECORDS))
def test_whatever_a_record_holds_the_bundle_answers_or_refuses(tmp_path, data, name):
    def change(files):
        files[name] = json.dumps(mutated(json.loads(files[name]), data)).encode()

    shutil.rmtree(tmp_path / "bundle", ignore_errors=True)
    refused, apart = "", 0.0
    try:
        bundle = Bundle.open(tiny_bundle(tmp_path / "bundle", change=change))
        apart = Predictor.of(bundle, threads=1).self_test(bundle)
    except BundleError as error:  # and nothing else
        refused = str(error)
    assert refused or apart <= 1e-4


@LAW
@given(data=st.data())
def test_whatever_a_manifest_holds_it_is_read_or_refused(data):
    said = json.loads(manifest(contents()).to_bytes())
    changed = mutated(said, data)
    text = (json.dumps(changed, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")
    if changed == said:
        return
    with pytest.raises(BundleError):
        Manifest.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"schema": 1, "schema": 1}', "'schema' twice"),
        (b'{"schema": 1, "gate": {"passes": false, "passes": true}}', "'passes' twice"),
        (b'{"schema": 1, "tolerance": NaN}', "NaN"),
        (b'{"schema": 1, "tolerance": 1e999}', "altered"),
        (b'{"schema": 1, "a": "\\ud800"}', "altered"),
        (b'{"schema": true}', "schema True"),
        (b'{"schema": 1.0}', "schema 1.0"),
        (b'"schema"', "no manifest"),
        (b"[" * 100_000, "no JSON"),
        (b"\xff\xfe", "no JSON"),
    ],
)
def test_a_manifest_that_two_readers_may_read_in_two_ways_is_refused(text, message):
    with pytest.raises(BundleError, match=message):
        Manifest.parse(text)


@pytest.mark.parametrize(
    "change",
    [
        {"gate": {"passes": True, "blocked_by": ["FAIR-003"], "override": None}},
        {"gate": {"passes": False, "blocked_by": [], "override": None}},
        {"gate": {"passes": 1, "blocked_by": [], "override": None}},
        {"gate": {"passes": True}},
        {"tolerance": 1.0},
        {"tolerance": float("nan")},
        {"tolerance": 0},
    ],
)
def test_a_gate_that_contradicts_itself_and_a_tolerance_that_lets_all_pass_are_refused(change):
    with pytest.raises(BundleError, match="manifest"):
        manifest(contents(), **change)
