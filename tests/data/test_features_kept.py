"""Features are computed once, the same as a plain loop gives, and never believed of anything else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fairlead.backbones import Backbone, load_backbone
from fairlead.data import ArrayPictures, FeatureCache, FilePictures, PictureStream, compute_features, pixels
from fairlead.errors import UnreadableFileError
from fairlead.preprocessing import ImagePreprocessing
from tests.fakes import images

CPU = torch.device("cpu")
SMALL = ImagePreprocessing.from_timm({"input_size": (3, 12, 10)})


class Watched:
    """Pictures that count how many of them are decoded: the network sees no others."""

    def __init__(self, pictures: FilePictures, counted: Counted) -> None:
        self.pictures, self.counted = pictures, counted
        self.name, self.digest = pictures.name, pictures.digest

    def __len__(self) -> int:
        return len(self.pictures)

    def read(self, index: int) -> Image.Image:
        self.counted.rows += 1
        return self.pictures.read(index)


class Counted:
    """A backbone, and how many rows were decoded for it."""

    def __init__(self, name: str = "random:test_resnet", size: int = 32) -> None:
        torch.manual_seed(0)
        self.backbone = load_backbone(name, image_size=size)
        self.rows = 0

    def features(self, pictures: object, **options: object) -> np.ndarray:
        cache = FeatureCache(options.pop("folder", None))
        return cache.features(self.backbone, Watched(pictures, self), device=CPU, progress=False, **options)


def plain_loop(backbone: Backbone, pictures: FilePictures) -> np.ndarray:
    backbone.eval()
    with torch.no_grad():
        inputs = [pixels(pictures.read(row), backbone.preprocessing) for row in range(len(pictures))]
        return np.concatenate([backbone(one[None]).numpy() for one in inputs])


@pytest.fixture
def pictures(photos: Path) -> FilePictures:
    return FilePictures(
        [photos / name / f"{name}{number}.png" for number in range(4) for name in ("red", "blue")], photos
    )


def test_features_are_those_of_a_plain_loop(pictures: FilePictures) -> None:
    network = Counted()
    expected = plain_loop(network.backbone, pictures)
    network.backbone.train()
    network.backbone.encoder.layer1.eval()  # a frozen part in its own mode
    modes = [module.training for module in network.backbone.modules()]
    for count in (1, 3, 4, 8):  # less than a chunk, a chunk, more
        some = FilePictures(pictures.files[:count], pictures.root)
        computed = compute_features(network.backbone, some, device=CPU, progress=False)
        assert computed.dtype == np.float32
        np.testing.assert_allclose(computed, expected[:count], rtol=1e-4, atol=1e-5)
    assert [module.training for module in network.backbone.modules()] == modes
    assert len(set(modes)) == 2
    assert np.ptp(expected, axis=0).max() > 0.01


def test_the_second_call_does_not_run_the_network(pictures: FilePictures, fairlead_cache: Path) -> None:
    network = Counted()
    first = network.features(pictures)
    assert network.rows == 8
    again = network.features(pictures)
    assert network.rows == 8
    assert np.array_equal(first, again)
    assert len(list((fairlead_cache / "features").iterdir())) == 1
    other = Counted()
    assert np.array_equal(other.features(pictures), first)  # the same weights, built anew
    assert other.rows == 0


def test_anything_else_is_another_entry(pictures: FilePictures, fairlead_cache: Path) -> None:
    network = Counted()
    first = network.features(pictures)
    assert Counted(size=40).features(pictures).shape == first.shape
    assert not np.array_equal(Counted(size=40).features(pictures), first)
    with torch.no_grad():
        network.backbone.encoder.conv1[0].weight *= 1.5
    changed = network.features(pictures)
    assert network.rows == 16
    assert not np.array_equal(changed, first)
    with torch.no_grad():
        network.backbone.encoder.bn1.running_mean += 1.0
    assert not np.array_equal(network.features(pictures), changed)
    Image.fromarray(images.noise()).save(pictures.files[2])
    other = Counted()
    repainted = other.features(pictures)
    assert other.rows == 8
    assert np.flatnonzero((repainted != first).any(axis=1)).tolist() == [2]
    shuffled = FilePictures(pictures.files[::-1], pictures.root)
    np.testing.assert_allclose(other.features(shuffled), repainted[::-1], rtol=1e-4, atol=1e-5)
    assert len(list((fairlead_cache / "features").iterdir())) == 6


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "shape", "type", "pickle"])
def test_a_damaged_file_is_not_believed(pictures: FilePictures, tmp_path: Path, damage: str) -> None:
    network = Counted()
    first = network.features(pictures, folder=tmp_path / "kept")
    (file,) = (tmp_path / "kept").iterdir()
    whole = file.read_bytes()
    if damage in {"cut", "empty", "text"}:
        file.write_bytes({"cut": whole[:-100], "empty": b"", "text": b"features"}[damage])
    else:
        wrong = {"shape": first[:-1], "type": first.astype(np.float64), "pickle": np.array([{}])}[damage]
        np.save(file, wrong, allow_pickle=True)
    assert np.array_equal(network.features(pictures, folder=tmp_path / "kept"), first)
    assert network.rows == 16
    assert file.read_bytes() == whole


def test_a_cache_that_cannot_be_written_costs_time_alone(pictures: FilePictures, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    network = Counted()
    first = network.features(pictures, folder=tmp_path / "file" / "features")
    assert np.array_equal(network.features(pictures, folder=tmp_path / "file" / "features"), first)
    assert network.rows == 16


def test_where_features_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fairlead_cache: Path) -> None:
    assert FeatureCache().folder == fairlead_cache / "features"
    monkeypatch.delenv("FAIRLEAD_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert FeatureCache().folder == tmp_path / "fairlead" / "features"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert FeatureCache().folder == tmp_path / "home" / ".cache" / "fairlead" / "features"


@pytest.mark.parametrize("damage", ["not an image", "gone"])
def test_all_unreadable_pictures_are_counted_in_one_error(
    pictures: FilePictures, fairlead_cache: Path, damage: str
) -> None:
    for row in (1, 2, 4, 7):
        if damage == "gone":
            pictures.files[row].unlink()
        else:
            pictures.files[row].write_bytes(b"text")
    with pytest.raises(UnreadableFileError) as caught:
        Counted().features(pictures)
    message = str(caught.value)
    assert message.startswith("4 of 8 pictures cannot be read: ")
    assert message.endswith(" (and 1 more)")
    positions = [message.index(str(pictures.files[row])) for row in (1, 2, 4)]
    assert positions == sorted(positions)
    assert not (fairlead_cache / "features").exists()


def test_the_stream_keeps_the_order_while_threads_decode(monkeypatch: pytest.MonkeyPatch) -> None:
    levels = np.arange(60, dtype=np.uint8)[:, None, None, None] * np.ones((1, 12, 10, 3), np.uint8)
    pictures = ArrayPictures(levels, "grey")
    monkeypatch.setattr("fairlead.data.picture_stream.os.cpu_count", lambda: 8)
    stream = PictureStream(pictures, SMALL, 7)
    read = list(stream)
    assert len(read) == len(stream) == 9
    assert [row for rows, _ in read for row in range(rows.start, rows.stop)] == list(range(60))
    shown = torch.cat([inputs[:, 0, 6, 5] for _, inputs in read])
    assert shown.tolist() == list(range(60))
    assert read[-1][1].shape == (4, 3, 12, 10)
    assert list(PictureStream(ArrayPictures(levels[:0], "none"), SMALL, 7)) == []
    stream.raise_unreadable()  # nothing to raise


def test_a_stream_shows_black_for_what_it_cannot_read_and_remembers(pictures: FilePictures) -> None:
    pictures.files[3].write_bytes(b"text")
    stream = PictureStream(pictures, SMALL, 5)
    inputs = torch.cat([batch for _, batch in stream])
    assert inputs[3].max() == 0
    assert all(inputs[row].max() > 0 for row in (0, 1, 2, 4, 5, 6, 7))
    assert list(stream.unreadable) == [3]
    with pytest.raises(UnreadableFileError, match=r"^1 of 8 pictures cannot be read: .*blue1\.png is not an image"):
        stream.raise_unreadable()


def test_a_stream_that_is_left_early_ends_its_threads(pictures: FilePictures) -> None:
    reads: list[int] = []

    class Watched(FilePictures):
        def read(self, index: int) -> Image.Image:
            reads.append(index)
            return super().read(index)

    many = Watched(pictures.files * 20, pictures.root)
    stream = iter(PictureStream(many, SMALL, 2))
    next(stream)
    stream.close()
    assert len(reads) <= 20  # it had run ahead by a few batches, and no further


def test_pictures_have_names_and_digests_of_their_content(pictures: FilePictures) -> None:
    assert pictures.name(0) == "red/red0.png"
    assert FilePictures(pictures.files, pictures.root / "red").name(1) == str(pictures.files[1])
    with ThreadPoolExecutor(4) as pool:
        digests = list(pool.map(pictures.digest, range(8)))
    assert len(set(digests)) == 8
    assert all(len(digest) == 32 for digest in digests)
    pictures.files[0].unlink()
    with pytest.raises(UnreadableFileError, match=r"red0\.png cannot be read .*mend it or take its row out"):
        pictures.digest(0)
    arrays = ArrayPictures(np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3), "made-up")
    assert arrays.digest(0) != arrays.digest(1) == ArrayPictures(arrays.images[1:], "other").digest(0)
    assert arrays.name(1) == "made-up-000001"
