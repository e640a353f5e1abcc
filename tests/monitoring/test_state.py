"""A watch that outlives its process, or says what is wrong with what it left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairlead.errors import UnreadableFileError
from fairlead.monitoring import Watch, WatchSettings, load_watch, save_watch, state
from tests.fakes.traffic import World, items, labels_of, observed, watch


def _fed(watching: Watch, first: int, count: int) -> None:
    drawn = items(World(brightness=0.2), count, first)
    seen = observed(drawn, first=first)
    watching.add(seen)
    watching.told(labels_of(drawn, seen)[::2])


def test_a_restart_changes_nothing(tmp_path: Path) -> None:
    through, broken = watch(), watch()
    for watching in (through, broken):
        _fed(watching, 0, 300)
    save_watch(broken, tmp_path / "state.json")
    again = load_watch(tmp_path / "state.json", broken.watched)
    assert again.report().to_dict() == through.report().to_dict()
    for watching in (through, again):
        _fed(watching, 300, 300)
    assert again.report().to_dict() == through.report().to_dict()
    assert again.to_dict() == through.to_dict()


def test_a_pool_that_went_round_goes_on_where_it_was(tmp_path: Path) -> None:
    through, broken = watch(pending=100), watch(pending=100)
    for watching in (through, broken):
        _fed(watching, 0, 250)
    save_watch(broken, tmp_path / "state.json")
    again = load_watch(tmp_path / "state.json", broken.watched)
    for watching in (through, again):
        _fed(watching, 250, 170)
    assert again.to_dict() == through.to_dict()


def test_nothing_else_is_left_in_the_folder(tmp_path: Path) -> None:
    watching = watch()
    for _ in range(2):
        save_watch(watching, tmp_path / "state.json")
        assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600  # it has digests of ids in it
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_a_state_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watching = watch()
    save_watch(watching, tmp_path / "state.json")
    before = (tmp_path / "state.json").read_bytes()
    _fed(watching, 0, 50)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_watch(watching, tmp_path / "state.json")
    assert (tmp_path / "state.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize("harm", ["cut", "bit", "empty", "binary", "list"])
def test_a_poisoned_file_is_named(tmp_path: Path, harm: str) -> None:
    watching = watch()
    path = tmp_path / "state.json"
    save_watch(watching, path)
    raw = path.read_bytes()
    path.write_bytes(
        {
            "cut": raw[: len(raw) // 2],
            "bit": raw.replace(b'"items":0', b'"items":1', 1),
            "empty": b"",
            "binary": bytes(range(256)),
            "list": b"[1]\n[2]\n",
        }[harm]
    )
    with pytest.raises(UnreadableFileError, match=r"state\.json is no whole state.*move it away to start a new one"):
        load_watch(path, watching.watched)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match=r"none\.json cannot be read"):
        load_watch(tmp_path / "none.json", watch().watched)


def _altered(path: Path, **changes: object) -> None:
    import hashlib

    content = json.loads(path.read_bytes().split(b"\n")[1]) | changes
    body = json.dumps(content).encode()
    path.write_bytes(json.dumps({"sha256": hashlib.sha256(body).hexdigest()}).encode() + b"\n" + body + b"\n")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": "b" * 64}, "is of the bundle bbbbbbbbbbbb.*name the bundle it was kept for"),
        ({"schema": 2}, "schema 2 is not known"),
        ({"pending": None}, "has no pending"),
        ({"counted": {}}, "no counts"),
        ({"drift": {"names": []}}, "other monitors"),
        ({"drift": {}}, "no sequential tests"),
        ({"pending": {"capacity": "many"}}, "no pool of pending labels"),
        ({"settings": {}}, "settings are alpha"),
    ],
)
def test_a_state_of_something_else_is_refused_by_name(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    watching = watch()
    path = tmp_path / "state.json"
    save_watch(watching, path)
    _altered(path, **changes)
    with pytest.raises(UnreadableFileError, match=rf"state\.json: .*{said}"):
        load_watch(path, watching.watched)


def test_settings_are_those_of_the_file_unless_asked_for(tmp_path: Path) -> None:
    from dataclasses import replace

    watching = watch(bucket_seconds=60.0)
    path = tmp_path / "state.json"
    save_watch(watching, path)
    other = replace(watching.watched, settings=WatchSettings(bucket_seconds=30.0))
    with pytest.raises(UnreadableFileError, match=r"kept with bucket_seconds 60\.0, and 30\.0 is asked for"):
        load_watch(path, other)


def test_a_state_is_written_in_pieces_so_that_other_threads_run(monkeypatch: pytest.MonkeyPatch) -> None:
    content = {
        "a": [[1, 2], [], [[3.5]]],
        "b": [7, {"f": list(range(9_000))}],
        "c": list(range(9_000)),
        "g": {},
        "d": None,
        "\u00e9": ["x", True],
        "e": [],
    }
    whole, sizes, dumps = json.dumps(content, separators=(",", ":")), [], json.dumps
    monkeypatch.setattr(state.json, "dumps", lambda one, **more: sizes.append(len(str(one))) or dumps(one, **more))
    assert "".join(state._pieces(content)) == whole
    assert max(sizes) < 30_000
    with pytest.raises(ValueError, match="JSON compliant"):
        "".join(state._pieces({"a": [float("nan")]}))
