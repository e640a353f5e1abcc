"""The text data module in Lightning's own Trainer, and what can be asked of it before one."""

from __future__ import annotations

import pickle
from pathlib import Path

import lightning as L
import numpy as np
import pytest
import torch
from torch import nn

from fairlead.data import Batch, Columns, Draw, Loading, TextAugmentation, TextDataModule, TokenStore
from fairlead.data.synthetic import ApplicationWorld, SplitSizes
from fairlead.data.texts import StoredTexts
from fairlead.errors import ConfigurationError, DataError
from fairlead.preprocessing.text import TextPreprocessing
from fairlead.records import SPLITS, Split
from tests.fakes.texts import word_preprocessing, write_csv

PREPROCESSING = word_preprocessing()
WORLD = ApplicationWorld(rows=SplitSizes(100, 20, 20, 40))


class Recorder(L.LightningModule):
    """A module of someone else's that remembers what it was given."""

    def __init__(self, preprocessing: TextPreprocessing | None = PREPROCESSING) -> None:
        super().__init__()
        if preprocessing is not None:
            self.preprocessing = preprocessing
        self.layer = nn.Embedding(50, 2)
        self.seen: dict[str, list[Batch]] = {"train": [], "val": [], "test": []}

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        self.seen["train"].append(batch)
        return nn.functional.cross_entropy(self.layer(batch.inputs[:, 0]).mean(dim=1), batch.target)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.seen["val"].append(batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self.seen["test"].append(batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def trainer(folder: Path, epochs: int = 2) -> L.Trainer:
    return L.Trainer(
        accelerator="cpu", max_epochs=epochs, num_sanity_val_steps=0, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=folder,
    )  # fmt: skip


def rows_of(batches: list[Batch]) -> list[int]:
    return [int(row) for batch in batches for row in batch.index]


def reviews(folder: Path, rows: int = 60) -> Path:
    said = [
        ("good service " + "very " * (row % 9), "pos") if row % 2 else ("bad " * (1 + row), "neg")
        for row in range(rows)
    ]
    return write_csv(
        folder / "reviews.csv", ("text", "label"), [(f"{text} w{row}", name) for row, (text, name) in enumerate(said)]
    )


def test_every_row_is_seen_once_an_epoch_as_its_own_tokens(tmp_path: Path) -> None:
    data, module = TextDataModule(WORLD, loading=Loading(batch_size=8)), Recorder()
    fitting = trainer(tmp_path)
    fitting.fit(module, data)
    fitting.test(module, data, verbose=False)
    train = data.rows.of(Split.TRAIN).tolist()
    steps = -(-len(train) // 8)
    assert len(module.seen["train"]) == 2 * steps
    first, second = rows_of(module.seen["train"][:steps]), rows_of(module.seen["train"][steps:])
    assert sorted(first) == sorted(second) == train
    assert first != second
    for split, times in (("val", 2), ("test", 1)):
        assert sorted(rows_of(module.seen[split])) == sorted(data.rows.of(Split(split)).tolist() * times)
    for batch in [*module.seen["train"][:3], *module.seen["test"]]:
        texts = [data.rows.items.read(int(row)) for row in batch.index]
        wanted = PREPROCESSING.tokens(texts).planes
        assert batch.inputs.dtype == torch.int32
        assert torch.equal(batch.inputs, torch.from_numpy(wanted))
        assert batch.target.tolist() == data.rows.targets[batch.index.numpy()].tolist()
        assert batch.groups.tolist() == data.rows.groups[batch.index.numpy()].tolist()


def test_evaluation_goes_from_the_longest_text_to_the_shortest() -> None:
    data = TextDataModule(WORLD, preprocessing=PREPROCESSING, loading=Loading(batch_size=4))
    for split in (Split.VAL, Split.CALIBRATION, Split.TEST):
        batches = list(data.evaluation_dataloader(split))
        lengths = [int(length) for batch in batches for length in batch.inputs[:, 1].sum(dim=1)]
        assert lengths == sorted(lengths, reverse=True)
        assert sorted(rows_of(batches)) == data.rows.of(split).tolist()
        assert {batch.inputs.shape[2] for batch in batches} == {int(b.inputs[:, 1].sum(dim=1).max()) for b in batches}


def test_little_is_padded_on_texts_of_mixed_length() -> None:
    """On the synthetic applications, over training in batches of 16 and the test split in batches of 32."""
    world = ApplicationWorld(rows=SplitSizes(800, 1, 1, 400))
    data = TextDataModule(world, preprocessing=word_preprocessing(256), loading=Loading(batch_size=16))
    for batches in (data.train_dataloader(), data.test_dataloader()):
        real = whole = 0
        for batch in batches:
            real += int(batch.inputs[:, 1].sum())
            whole += batch.inputs[:, 1].numel()
        assert 1 - real / whole < 0.1
    lengths = data.tokens.cut(data.rows.of(Split.TRAIN))
    shuffled = np.random.default_rng(0).permutation(lengths).reshape(-1, 16)
    assert 1 - shuffled.sum() / (16 * shuffled.max(axis=1).sum()) > 0.25


def test_two_processes_share_the_rows_in_as_many_batches() -> None:
    data = TextDataModule(WORLD, preprocessing=PREPROCESSING)
    rows = data.rows.of(Split.TRAIN).tolist()
    parts = [list(data.training_sampler(rows, replicas=2, rank=rank)) for rank in (0, 1)]
    assert len(parts[0]) == len(parts[1]) == 50
    assert sorted(draw.row for part in parts for draw in part) == rows


def test_order_and_variations_are_functions_of_seed_epoch_and_row(tmp_path: Path) -> None:
    """Workers, of which each has its own process, change nothing; and the generators of the run are left alone."""
    vary = TextAugmentation(drop_words=0.3, swap_words=0.2)

    def batches(seed: int, epoch: int, workers: int = 0) -> list[Batch]:
        data = TextDataModule(
            WORLD, preprocessing=PREPROCESSING, augmentation=vary, loading=Loading(16, workers), seed=seed
        )
        loader = data.train_dataloader()
        loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        return list(loader)

    before = torch.random.get_rng_state(), np.random.get_state()[1].tolist()  # type: ignore[index]
    one = batches(0, 1)
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert before[1] == np.random.get_state()[1].tolist()  # type: ignore[index]
    for other in (batches(0, 1), batches(0, 1, workers=1)):
        assert [batch.inputs.tolist() for batch in one] == [batch.inputs.tolist() for batch in other]
    others = [{int(row): batch.inputs[place, 0].tolist() for batch in found for place, row in enumerate(batch.index)}
              for found in (one, batches(0, 2), batches(1, 1))]  # fmt: skip
    for left, right in ((0, 1), (0, 2), (1, 2)):
        unchanged = sum(others[left][row] == others[right][row] for row in others[left])
        assert unchanged < 20  # of 100


def test_held_out_texts_never_vary() -> None:
    vary = TextAugmentation(drop_words=0.9)
    plain, varied = (TextDataModule(WORLD, preprocessing=PREPROCESSING, augmentation=a) for a in (None, vary))
    for one, other in zip(plain.test_dataloader(), varied.test_dataloader(), strict=True):
        assert torch.equal(one.inputs, other.inputs)
    assert sum(b.inputs[:, 1].sum() for b in varied.train_dataloader()) < 0.5 * sum(
        b.inputs[:, 1].sum() for b in plain.train_dataloader()
    )


def test_a_worker_is_sent_rows_and_tokens_and_no_trainer(tmp_path: Path) -> None:
    """Where workers are started afresh, all they get is pickled; a trainer would bring the model along."""
    data = TextDataModule(WORLD, loading=Loading(8))
    module = Recorder()
    trainer(tmp_path, epochs=1).fit(module, data)
    module.seen["train"].clear()
    loader = data.train_dataloader()
    sent = pickle.dumps((loader.dataset, loader.collate_fn))
    assert b"Recorder" not in sent
    dataset, collate = pickle.loads(sent)  # noqa: S301  # written two lines above
    draws = [Draw(3, 0), Draw(9, 0)]
    assert torch.equal(collate([dataset[draw] for draw in draws]).inputs, loader.dataset.__getitems__(draws).inputs)


class Counting(StoredTexts):
    reads = 0

    def read(self, index: int):
        self.reads += 1
        return super().read(index)


def test_a_text_is_cut_once_and_only_when_its_split_is_asked_for() -> None:
    texts = Counting([f"good {'very ' * row}service" for row in range(700)])
    store = TokenStore(texts, PREPROCESSING)
    assert store.cut([5, 3, 5]).tolist() == [9, 7, 9]
    assert texts.reads == 2
    everything = np.arange(700)[::-1]
    lengths = store.cut(everything)
    assert lengths.tolist() == [min(32, 4 + row) for row in everything]
    assert store.truncated.tolist() == [4 + row > 32 for row in range(700)]
    for row in (0, 3, 5, 400, 699):
        assert np.array_equal(store.planes([row])[0], PREPROCESSING.tokens([texts.texts[row]]).planes[0])
    assert texts.reads == 700


def test_single_rows_make_the_batch_that_is_made_at_once() -> None:
    data = TextDataModule(WORLD, preprocessing=PREPROCESSING, augmentation=TextAugmentation(drop_words=0.5))
    for training in (False, True):
        dataset, draws = data.dataset(training=training), [Draw(row, 2) for row in (7, 3, 99)]
        one, other = dataset.__getitems__(draws), data.collate([dataset[draw] for draw in draws])
        for field in ("inputs", "target", "groups", "index"):
            assert torch.equal(getattr(one, field), getattr(other, field))
        assert data.collate(one) is one


def test_the_second_of_a_pair_keeps_its_type(tmp_path: Path) -> None:
    rows = [(f"was the service w{row}", "bad" if row % 2 else "good fine", "ab"[row % 2]) for row in range(60)]
    path = write_csv(tmp_path / "t.csv", ("question", "answer", "label"), rows)
    data = TextDataModule(path, columns=Columns(text_pair="answer"), preprocessing=PREPROCESSING)
    for batch in data.test_dataloader():
        wanted = PREPROCESSING.tokens([data.rows.items.read(int(row)) for row in batch.index]).planes
        assert np.array_equal(batch.inputs.numpy(), wanted)
        assert batch.inputs[:, 2].sum() >= 2 * len(batch)


def test_truncation_is_told_by_split(tmp_path: Path) -> None:
    splits = ["train"] * 30 + ["val"] * 10 + ["calibration"] * 10 + ["test"] * 10
    rows = [
        (f"w{row} " + "bad " * (40 if split == "test" or row < 3 else 2), "ab"[row % 2], split)
        for row, split in enumerate(splits)
    ]
    data = TextDataModule(write_csv(tmp_path / "t.csv", ("text", "label", "split"), rows), preprocessing=PREPROCESSING)
    assert data.truncation() == {"train": 0.1, "val": 0.0, "calibration": 0.0, "test": 1.0}


def test_fewshot_draws_as_many_of_each_class_by_seed_and_leaves_held_out_rows_alone() -> None:
    whole = TextDataModule(WORLD)
    drawn = {}
    for each, seed in ((4, 0), (8, 0), (8, 1)):
        rows = TextDataModule(WORLD, fewshot=each, seed=seed).rows
        assert rows.class_counts().tolist() == [each, each]
        assert rows.notes[-1] == (
            f"fewshot: {each} training rows of each class are used, {2 * each} of 100; the others by no one"
        )
        for split in SPLITS[1:]:
            names = [[some.items.name(int(row)) for row in some.of(split)] for some in (rows, whole.rows)]
            assert names[0] == names[1]
        drawn[each, seed] = {rows.items.name(int(row)) for row in rows.of(Split.TRAIN)}
        assert {rows.targets[row] for row in rows.of(Split.TEST)} == {0, 1}
    assert drawn[4, 0] < drawn[8, 0] != drawn[8, 1]


def test_fewshot_takes_no_text_twice_and_says_where_a_class_has_too_few(tmp_path: Path) -> None:
    texts = [f"a {row % 4}" if row % 2 else f"b {row}" for row in range(40)]
    rows = [(text, text[0], "train") for text in texts]
    rows += [(f"held {row}", "ab"[row % 2], ("val", "calibration", "test")[row % 3]) for row in range(12)]
    path = write_csv(tmp_path / "t.csv", ("text", "label", "split"), rows)
    few = TextDataModule(path, fewshot=2).rows
    assert sorted(few.items.read(int(row)) for row in few.of(Split.TRAIN))[:2] == ["a 1", "a 3"]
    with pytest.raises(
        ConfigurationError, match=r"fewshot=3 wants 3 distinct .*, but 'a' has 2; lower it, or add rows"
    ):
        _ = TextDataModule(path, fewshot=3).rows
    with pytest.raises(ConfigurationError, match="at least 1, got 0"):
        _ = TextDataModule(path, fewshot=0).rows


def test_a_module_that_says_nothing_of_its_tokenizer_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"give TextDataModule\(preprocessing=\.\.\.\) a TextPreprocessing"):
        trainer(tmp_path).fit(Recorder(None), TextDataModule(WORLD))


def test_mistakes_in_the_data_show_at_setup(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", ("text", "label"), [(f"text {row}", "a") for row in range(40)])
    with pytest.raises(DataError, match=r"every row of t\.csv is of the one class 'a'"):
        TextDataModule(path).setup("fit")


def test_classes_and_rows_are_known_before_any_trainer(tmp_path: Path) -> None:
    data = TextDataModule(reviews(tmp_path))
    assert list(data.labels) == ["neg", "pos"]
    assert sum(data.rows.counts().values()) == 60
    assert TextDataModule(seed=3).source == ApplicationWorld(seed=3)
