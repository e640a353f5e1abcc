"""What may vary in a training text varies by its chance, and the text stays that of one person."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.data import TextAugmentation
from fairlead.errors import ConfigurationError

TERMS = (("he", "she", "they"), ("his", "her", "their"), ("trans woman", "woman"))
words = st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=30)


def vary(text: str, seed: int = 0, **chances: object) -> str:
    varied = TextAugmentation(**chances).vary(text, np.random.default_rng(seed))  # type: ignore[arg-type]
    assert isinstance(varied, str)
    return varied


@given(st.text(max_size=40), st.integers(0, 9))
def test_by_default_nothing_changes(text: str, seed: int) -> None:
    assert vary(text, seed) == text
    assert not TextAugmentation(terms=TERMS).changes


@given(words, st.integers(0, 9), st.floats(0.01, 1))
def test_dropping_keeps_the_order_and_at_least_one_word(said: list[str], seed: int, chance: float) -> None:
    kept = vary(" ".join(said), seed, drop_words=chance).split()
    rest = iter(said)
    assert all(word in rest for word in kept)  # a subsequence
    assert kept
    if chance == 1:
        assert len(kept) == 1


@given(words, st.integers(0, 9), st.floats(0.01, 1))
def test_swapping_keeps_every_word(said: list[str], seed: int, chance: float) -> None:
    assert sorted(vary(" ".join(said), seed, swap_words=chance).split()) == sorted(said)


def test_chances_are_what_they_say() -> None:
    said = " ".join(str(word) for word in range(20_000))
    assert len(vary(said, drop_words=0.1).split()) == pytest.approx(18_000, abs=150)
    moved = sum(word != str(place) for place, word in enumerate(vary(said, swap_words=0.05).split()))
    assert moved == pytest.approx(2 * 1000, abs=200)
    augmentation = TextAugmentation(swap_terms=0.3, terms=TERMS)
    swapped = sum(augmentation.vary("he", np.random.default_rng(seed)) != "he" for seed in range(1000))
    assert swapped == pytest.approx(300, abs=45)


def test_terms_change_in_step_and_keep_their_case() -> None:
    varied = {vary("He said HIS name; the hen and he: his.", seed, swap_terms=1.0, terms=TERMS) for seed in range(20)}
    assert varied == {
        "She said HER name; the hen and she: her.",
        "They said THEIR name; the hen and they: their.",
    }


def test_a_longer_term_is_not_taken_for_the_shorter_in_it() -> None:
    assert vary("A trans woman spoke.", swap_terms=1.0, terms=TERMS) == "A woman spoke."
    assert vary("One woman, womanly.", swap_terms=1.0, terms=TERMS) == "One trans woman, womanly."


def test_both_of_a_pair_change_together() -> None:
    augmentation = TextAugmentation(swap_terms=1.0, terms=TERMS)
    pairs = {augmentation.vary(("he asks", "his answer"), np.random.default_rng(seed)) for seed in range(20)}
    assert pairs == {("she asks", "her answer"), ("they asks", "their answer")}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"drop_words": 1.5}, r"drop_words must lie in \[0, 1\], got 1.5"),
        ({"swap_terms": 0.5}, "swap_terms needs the terms to swap; declare them"),
        ({"terms": [["he"]]}, r"terms are lists of two terms or more, got \['he'\]"),
        ({"terms": ["he"]}, "terms are lists of two terms or more, got 'he'"),
        ({"terms": [["he", "she"], ["him", "She"]]}, "the term 'she' is declared twice"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        TextAugmentation(**options)  # type: ignore[arg-type]
