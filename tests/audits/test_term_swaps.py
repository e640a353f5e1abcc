"""A row is held against one text, the same in every run, that differs by declared terms alone."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
import torch

from fairlead.audits import Interventions, TermSwap, named_terms
from fairlead.data import TermLists
from fairlead.errors import ConfigurationError
from fairlead.evidence import Verdict
from fairlead.judgement import Policy
from fairlead.records import Labels, Split
from tests.fakes.texts import word_preprocessing

LABELS = Labels(("no", "yes"))
TERMS = TermLists([["he", "she"], ["good", "bad", "fine", "very"]])
PLAIN = word_preprocessing()


def texts(index):
    return ["he was a b", "the service was a", "good service", "she was c and he"][index % 4]


def planes(rows):
    return torch.from_numpy(PLAIN.tokens([texts(int(row)) for row in rows]).planes)


def word_reader(word):
    """A model that answers yes where a word stands."""
    code = PLAIN.tokens([word]).planes[0, 0, 1]

    def answer(inputs, rows):
        chance = (inputs[:, 0] == int(code)).any(dim=1).double() * 0.8 + 0.1
        return torch.stack([1 - chance, chance], dim=1), None

    return answer


def run(swap, word="she", rows=400, batch=50):
    test = Interventions(LABELS, (), [], [swap])
    for part in torch.arange(rows).split(batch):
        none = torch.zeros(len(part), 0, dtype=torch.int64)
        test.add(planes(part), part, none, torch.full_like(part, -1), word_reader(word))
    return test


def test_every_counterfactual_is_a_shift_that_can_be_drawn():
    for text in ("he", "good", "he was good and BAD", "nothing", ("he asks", "very good")):
        listed = TERMS.counterfactuals(text)
        shifts = {TERMS.shifted(text, float(shift)) for shift in np.linspace(0, 0.999, 500)} - {text}
        assert set(listed) == shifts
        assert len(listed) == len(shifts)
    assert TERMS.counterfactuals("nothing") == ()
    assert TERMS.counterfactuals(("he asks", "the very")) == (
        ("she asks", "the good"),
        ("she asks", "the bad"),
        ("she asks", "the fine"),
    )
    long = TermLists([[f"t{number}" for number in range(102)]])
    assert long.counterfactuals("t0") == tuple(f"t{number}" for number in range(1, 102))  # rounding skips none


def test_no_terms_occur_nowhere():
    assert not TermLists([]).occur_in("any text at all")


def test_a_model_that_reads_the_term_is_flagged_and_one_that_does_not_is_clear():
    swap = TermSwap(TERMS, texts, PLAIN)
    ledger = run(swap).ledger(Policy.default(), Split.TEST)
    found = {f.figure: f for f in ledger}
    rate = found["answer_change_rate"]
    assert (rate.verdict, rate.subject, rate.estimate.rows) == (Verdict.FLAGGED, "he/she, good/bad/fine/very", 300)
    # "he was" gains the word; the other text has both, before and after; no other has any of the two
    assert rate.estimate.value == pytest.approx(100 / 300)
    assert found["selection_rate_change"].verdict is Verdict.FLAGGED
    (tally,) = run(swap, word="service").tallies()[swap.subject]
    assert (tally.rows.tolist(), tally.changed.tolist()) == ([300], [0])


def test_each_row_has_one_counterfactual_whatever_the_batch():
    swap = TermSwap(TERMS, texts, PLAIN)
    once = [swap.counterfactual(row) for row in range(60)]
    assert once == [TermSwap(TERMS, texts, PLAIN).counterfactual(row) for row in range(60)]
    assert once[1] is None
    drawn = Counter(swap.counterfactual(row) for row in range(2, 4002, 4))
    assert set(drawn) == {"bad service", "fine service", "very service"}
    assert min(drawn.values()) > 280
    other = [TermSwap(TERMS, texts, PLAIN, seed=1).counterfactual(row) for row in range(60)]
    assert other != once
    assert run(swap, batch=400).tallies() == run(swap, batch=7).tallies()


def test_flips_tell_both_texts():
    swap = TermSwap(TERMS, texts, PLAIN)
    flip = run(swap, word="he", batch=2).flips()[swap.subject][0]
    assert flip.texts == ("he was a b", "she was a b")
    assert (flip.before, flip.after, flip.index) == ("yes", "no", 0)
    assert json.loads(json.dumps(flip.to_dict()))["texts"] == ["he was a b", "she was a b"]


def test_a_flip_tells_the_texts_of_its_own_row_in_whatever_order_rows_come():
    swap = TermSwap(TERMS, lambda index: f"he was {'a ' * index}", PLAIN)
    found = Interventions(LABELS, (), [], [swap])
    rows = torch.tensor([5, 0, 3, 0, 4, 1, 2])
    inputs = torch.from_numpy(PLAIN.tokens([swap.text_of(int(row)) for row in rows]).planes)
    found.add(inputs, rows, torch.zeros(7, 0, dtype=torch.int64), torch.full_like(rows, -1), word_reader("he"))
    flips = found.flips()[swap.subject]
    assert [flip.index for flip in flips] == [0, 1, 2, 3, 4, 5]
    assert [flip.texts for flip in flips] == [(swap.text_of(row), swap.counterfactual(row)) for row in range(6)]


def test_every_counterfactual_is_searched_for_the_worst():
    def answer(inputs, rows):
        chances = {"good": 0.9, "bad": 0.6, "fine": 0.3, "very": 0.05}
        codes = {int(PLAIN.tokens([word]).planes[0, 0, 1]): chance for word, chance in chances.items()}
        chance = torch.tensor([codes[int(token)] for token in inputs[:, 0, 1]], dtype=torch.float64)
        return torch.stack([1 - chance, chance], dim=1), None

    def search(every):
        swap = TermSwap(TERMS, lambda index: "good service", PLAIN, every=every)
        test, index = Interventions(LABELS, (), [], [swap]), torch.arange(6)
        inputs = torch.from_numpy(PLAIN.tokens(["good service"] * 6).planes)
        test.add(inputs, index, torch.zeros(6, 0, dtype=torch.int64), index % 2, answer)
        return test.tallies(), [flip.texts[1] for flip in test.flips()[swap.subject]]

    (drawn, some), (counted, worst) = search(every=False), search(every=True)
    assert worst == ["very service"] * 6
    assert len(set(some)) > 1
    assert counted == drawn  # the search counts nothing


def test_both_of_a_pair_change_together():
    swap = TermSwap(TermLists([["he", "she"]]), [("he was a", "b he"), ("a", "b")].__getitem__, PLAIN)
    assert swap.counterfactual(0) == ("she was a", "b she")
    inputs = torch.from_numpy(PLAIN.tokens([("he was a", "b he"), ("a", "b")]).planes)
    found = swap.apply(inputs, np.arange(2))
    assert found.rows.tolist() == [0]
    assert (found.before[0] != found.after[0]).sum() == 2
    assert found.texts == ((("he was a", "b he"), ("she was a", "b she")),)
    assert torch.equal(found.before[0], inputs[0])  # as the model reads it in the batch


def test_a_term_beyond_what_is_read_is_not_there():
    short = word_preprocessing(max_tokens=5)
    swap = TermSwap(TermLists([["he", "she"]]), ["a b c he", "he a b c"].__getitem__, short)
    found = swap.apply(torch.from_numpy(short.tokens(["a b c he", "he a b c"]).planes), np.arange(2))
    assert found.rows.tolist() == [1]


def test_what_cannot_be_swapped_is_refused():
    with pytest.raises(ConfigurationError, match="no terms to swap"):
        TermSwap(TermLists([]), texts, PLAIN)
    with pytest.raises(ConfigurationError, match="seed is -1"):
        TermSwap(TERMS, texts, PLAIN, seed=-1)
    with pytest.raises(ConfigurationError, match="declared twice"):
        TermLists([["he", "she"], ["He", "they"]])
    assert named_terms([["a", "b"]] * 6) == "a/b, a/b, a/b, a/b and 2 more lists"
