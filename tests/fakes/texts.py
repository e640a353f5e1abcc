"""A tokenizer of whole words, and tables of texts."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, processors

from fairlead.data import Loading, TextDataModule
from fairlead.preprocessing.text import TextPreprocessing

WORDS = ("good", "bad", "fine", "the", "service", "was", "a", "b", "c", "he", "she", "very")


def word_preprocessing(max_tokens: int = 32) -> TextPreprocessing:
    """One token a word, between [CLS] and [SEP]; the second of a pair has type 1."""
    special = ("[UNK]", "[PAD]", "[CLS]", "[SEP]")
    codes = {word: code for code, word in enumerate((*special, *WORDS))}
    tokenizer = Tokenizer(models.WordLevel(codes, unk_token=special[0]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", codes["[CLS]"]), ("[SEP]", codes["[SEP]"])],
    )
    return TextPreprocessing(tokenizer=tokenizer.to_str(), max_tokens=max_tokens, pad_id=codes["[PAD]"])


def reviews() -> list[tuple[str, str, str]]:
    """Sixty texts, each another, whose class is their first word, of two regions."""
    words = ("the service was", "a b c", "very", "he", "she")
    return [
        (
            f"{('good', 'bad')[row % 2]} {words[row % 5]} {'b ' * (row // 2 % 7)}{'c ' * (row // 14)}",
            f"{row % 2}",
            ("north", "south")[row // 2 % 2],
        )
        for row in range(60)
    ]


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
    """Writes a table; returns its path."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def order_data(folder: Path, each: int = 60) -> TextDataModule:
    """Two classes of the same words: "good" comes before "bad", or behind it. No two texts are the same."""
    rows = []
    for code in range(each):
        fillers = [("the", "a", "b", "c")[code // 4**place % 4] for place in range(3)]
        words = [fillers[0], "good", *fillers[1:], "bad"]
        rows += [(" ".join(words), "praise"), (" ".join(words[::-1]), "blame")]
    return TextDataModule(write_csv(folder / "texts.csv", ("text", "label"), rows), loading=Loading(8, 0))
