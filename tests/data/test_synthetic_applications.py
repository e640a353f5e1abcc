"""The synthetic applications hold what their world says of them, and nothing else."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from fairlead.data import Columns
from fairlead.data.synthetic import IDENTITIES, PASSED_OVER, STYLES, Applications, ApplicationWorld, SplitSizes
from fairlead.data.synthetic import application_letter as letters
from fairlead.data.synthetic.application_row import DEGREES
from fairlead.data.synthetic.application_words import (
    ASIDES,
    ASPECTS,
    CLOSINGS,
    EVIDENCE,
    MENTIONS,
    OPENINGS,
    WORDS,
)
from fairlead.data.synthetic_texts import draw_texts
from fairlead.errors import ConfigurationError, UnknownNameError

WORLD = ApplicationWorld(rows=SplitSizes(4000, 500, 500, 3000))


@pytest.fixture(scope="module")
def drawn() -> Applications:
    return WORLD.draw()


def share(hits: np.ndarray, among: np.ndarray) -> float:
    return float(hits[among].mean())


def test_five_thousand_texts_are_drawn_in_a_moment() -> None:
    world = ApplicationWorld(rows=SplitSizes(5000, 0, 0, 0), seed=5)
    start = time.process_time()
    texts = world.draw().texts
    assert time.process_time() - start < 3  # 0.6 s on one quiet core
    assert len(set(texts)) == 5000


def test_a_longer_world_begins_with_the_same_rows(drawn: Applications) -> None:
    fewer = ApplicationWorld(rows=SplitSizes(30, 0, 0, 10)).draw()
    assert fewer.texts == drawn.texts[:40]
    assert fewer.rows == drawn.rows[:40]
    assert WORLD.letter(17).text == drawn.texts[17]
    assert replace(WORLD, seed=1).letter(17).text != drawn.texts[17]


def test_no_two_rows_have_the_same_text_and_a_repeated_one_is_worded_again(
    drawn: Applications, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(set(drawn.texts)) == len(drawn)
    for kind in (OPENINGS, CLOSINGS):
        monkeypatch.setattr(letters, "OPENINGS" if kind is OPENINGS else "CLOSINGS", dict.fromkeys(STYLES, ("Hi.",)))
    monkeypatch.setattr(letters, "ASIDES", ("I am here.",) * 5)
    few = {aspect: tuple((f"{aspect} {degree}.", "{few}") for degree in range(4)) for aspect in ASPECTS}
    monkeypatch.setattr(letters, "EVIDENCE", few)
    poor = ApplicationWorld(rows=SplitSizes(300, 0, 0, 0)).draw()
    assert len(set(poor.texts)) == 300


def test_the_term_stands_where_it_is_said_to_and_only_there(drawn: Applications) -> None:
    for row, letter in zip(drawn.rows[:500], drawn.letters, strict=False):
        start, end = letter.span
        assert letter.text[start:end] == row.identity
        found = [term for term in IDENTITIES for _ in re.finditer(term, letter.text)]
        assert found == [row.identity]
        other = letter.with_identity("Hindu").text
        assert other[:start] == letter.text[:start]
        assert other[start + len("Hindu") :] == letter.text[end:]
        assert "{" not in letter.text
        assert not re.search(r"[.?!] [a-z]|  ", letter.text)


def test_the_bias_is_as_large_as_documented(drawn: Applications) -> None:
    invited = np.array([row.invited for row in drawn.rows])
    qualified = np.array([row.qualified for row in drawn.rows])
    poor = np.isin(drawn.identity, PASSED_OVER)
    assert not invited[~qualified].any()
    assert invited[qualified & ~poor].all()
    assert [row.passed_over for row in drawn.rows] == (qualified & ~invited).tolist()
    others, passed_over = WORLD.selection_rates()
    assert share(invited, ~poor) == pytest.approx(others, abs=0.03)  # 4 standard errors
    assert share(invited, poor) == pytest.approx(passed_over, abs=0.04)
    said = np.array([WORLD.probability(row) for row in drawn.rows])
    for among, wanted in zip((~poor, poor), WORLD.selection_rates(best_reader=True), strict=True):
        assert float((said[among] > 0.5).mean() + (said[among] == 0.5).mean() / 2) == pytest.approx(wanted, abs=0.04)


@pytest.mark.parametrize("qualified", [0.3, 0.5])
def test_another_term_in_the_same_text_moves_the_best_answer_by_the_bias(qualified: float) -> None:
    world = replace(WORLD, qualified=qualified)
    assert world.selection_rates()[0] == pytest.approx(qualified)
    for number in range(50):
        row = world.row(number)
        answers = [world.probability(replace(row, identity=identity)) for identity in IDENTITIES]
        odds = [np.log(answer / (1 - answer)) for answer in answers]
        of_others = {round(one, 9) for one, term in zip(odds, IDENTITIES, strict=True) if term not in PASSED_OVER}
        of_passed_over = {round(one, 9) for one, term in zip(odds, IDENTITIES, strict=True) if term in PASSED_OVER}
        assert len(of_others) == len(of_passed_over) == 1
        assert of_others.pop() - of_passed_over.pop() == pytest.approx(world.bias)


def test_without_the_bias_identity_says_nothing_and_no_other_fact_or_word_changes(drawn: Applications) -> None:
    unbiased = replace(WORLD, bias=0.0).draw()
    assert unbiased.texts == drawn.texts
    assert all(row.invited == row.qualified for row in unbiased.rows)
    invited = np.array([row.invited for row in unbiased.rows])
    rates = [share(invited, np.array(unbiased.identity) == identity) for identity in IDENTITIES]
    assert max(rates) - min(rates) < 0.08
    assert replace(WORLD, bias=0.0).selection_rates() == pytest.approx((0.5, 0.5))
    assert replace(WORLD, bias=20.0).selection_rates()[1] < 1e-3


def test_shares_are_those_asked_for_and_styles_say_nothing(drawn: Applications) -> None:
    counts = Counter(drawn.identity)
    for identity, wanted in zip(IDENTITIES, WORLD.identity_shares, strict=True):
        assert counts[identity] / len(drawn) == pytest.approx(wanted, abs=0.025)
    invited, qualified = (np.array([getattr(row, fact) for row in drawn.rows]) for fact in ("invited", "qualified"))
    assert qualified.mean() == pytest.approx(0.5, abs=0.025)
    for style in STYLES:
        among = np.array(drawn.style) == style
        assert among.mean() == pytest.approx(1 / 3, abs=0.025)
        assert share(invited, among) == pytest.approx(invited.mean(), abs=0.04)
    sizes = [np.mean([len(t) for t, s in zip(drawn.texts, drawn.style, strict=True) if s == style]) for style in STYLES]
    assert sizes[1] > 1.2 * sizes[0] > 1.2 * sizes[2]  # formal, casual, terse: mixed lengths


def test_degrees_have_their_distribution_given_qualification(drawn: Applications) -> None:
    for aspect in range(len(ASPECTS)):
        told = [row for row in drawn.rows if row.degrees[aspect] is not None]
        assert len(told) / len(drawn) == pytest.approx(0.75, abs=0.025)
        for qualified, wanted in ((True, DEGREES), (False, DEGREES[::-1])):
            found = Counter(row.degrees[aspect] for row in told if row.qualified == qualified)
            total = sum(found.values())
            assert [found[degree] / total for degree in range(4)] == pytest.approx(wanted, abs=0.04)
    assert {sum(degree is not None for degree in row.degrees) for row in drawn.rows} == {2, 3, 4}


def test_the_best_answer_is_calibrated_and_right_on_most_rows(drawn: Applications) -> None:
    answers = np.array([WORLD.probability(row) for row in drawn.rows])
    invited = np.array([row.invited for row in drawn.rows])
    assert ((answers > 0.5) == invited).mean() == pytest.approx(0.93, abs=0.012)
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        among = (answers >= low) & (answers < low + 0.2)
        assert among.sum() > 60
        assert share(invited, among) == pytest.approx(answers[among].mean(), abs=0.09)


def sentences() -> Iterator[str]:
    for degrees in EVIDENCE.values():
        assert len(degrees) == len(DEGREES)
        for choices in degrees:
            yield from choices
    yield from (*ASIDES, *MENTIONS)
    for kinds in (OPENINGS, CLOSINGS):
        assert set(kinds) == set(STYLES)
        for choices in kinds.values():
            yield from choices


def test_the_grammar_is_whole() -> None:
    """Every place can be filled, by words that fit behind ``a``, and no sentence stands at two places."""
    said = list(sentences())
    assert len(set(said)) == len(said)
    for sentence in said:
        assert set(re.findall(r"\{(\w+)\}", sentence)) <= {*WORDS, "identity"}
        assert ("{identity}" in sentence) == (sentence in MENTIONS)
    for word in (*WORDS["post"], *IDENTITIES):
        assert word[0].lower() not in "aeiou"
    places = max(map(len, (re.findall(r"\{", sentence) for sentence in said)))
    most = 1 + len(ASPECTS) + 1 + 5 + 2
    assert 2 * most + 2 + 3 + places * most < letters._DRAWS


def test_rows_come_in_the_shape_of_any_source(drawn: Applications) -> None:
    raw = draw_texts(ApplicationWorld(rows=SplitSizes(20, 5, 5, 10)), Columns())
    assert raw.items.read(3) == drawn.texts[3]
    assert raw.items.name(3) == "synthetic-application-000003"
    assert set(raw.names) == {"decline", "invite"}
    assert raw.sensitive == {"identity": drawn.identity[:40]}
    both = draw_texts(ApplicationWorld(rows=SplitSizes(20, 5, 5, 10)), Columns(sensitive=("style", "identity")))
    assert list(both.sensitive) == ["style", "identity"]
    with pytest.raises(UnknownNameError, match="did you mean 'style'"):
        draw_texts(WORLD, Columns(sensitive=("styl",)))
    for columns in (Columns(label="invited"), Columns(text="letter"), Columns(text_pair="x")):
        with pytest.raises(ConfigurationError, match=r"leave --label out|name no other column"):
            draw_texts(WORLD, columns)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "seed is -1"),
        ({"qualified": 1.0}, "qualified is 1.0"),
        ({"bias": -1.0}, "bias is -1.0; give log odds from 0"),
        ({"identity_shares": (1.0,)}, "give six shares"),
        ({"identity_shares": (0.5, 0.5, 0.5, 0, 0, 0)}, "sum to 1.5; make them sum to 1"),
    ],
)
def test_parameters_outside_their_range_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ApplicationWorld(**options)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="there is no row -1"):
        WORLD.row(-1)


def test_a_share_of_zero_never_occurs() -> None:
    world = replace(WORLD, identity_shares=(0.0, 0.5, 0.0, 0.5, 0.0, 0.0))
    assert {world.row(number).identity for number in range(300)} == {"Christian", "Jewish"}


def test_every_combination_of_facts_can_be_written() -> None:
    row, generator = WORLD.row(0), np.random.default_rng(0)
    for style, *degrees in product(STYLES, *[(None, 0, 3)] * 4):
        letter = letters.write_letter(replace(row, style=style, degrees=tuple(degrees)), generator)
        assert letter.text.count(row.identity) == 1
