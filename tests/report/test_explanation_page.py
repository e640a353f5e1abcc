"""explanations.html: one file, no script, nothing told by colour alone, and hostile text stays text."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from explained import NASTY, UNRELIABLE, picture, text
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fairlead.records import Flip
from fairlead.report import explanations_html, write_explanations
from fairlead.report.swapped_words import swapped_words


class Reader(HTMLParser):
    """Every tag and attribute, and the text of all."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.links, self.handlers, self.said = [], [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href")]
        self.handlers += [name for name, _ in attributes if name.startswith("on")]

    def handle_data(self, data):
        self.said += data


FLIPS = [
    Flip(NASTY, 3, "praise", NASTY, 0.91, 0.28, (f"He said {NASTY} was kind.", f"She said {NASTY} was kind."), NASTY),
    Flip("x / y", 9, "a", "b", 0.6, 0.0006, (("he came", "same"), ("she came", "same")), "pair"),
    Flip("ruler", 4, "a", "b", 0.6, 0.5, name="plain"),
]


def test_one_file_without_script_or_request_whatever_the_names(tmp_path):
    rows = [picture(0, name=NASTY, mass={NASTY: 0.5}), text(1, words=(NASTY, "bad", "x"), name=NASTY)]
    rows.append(text(2, certificate=UNRELIABLE, name=NASTY))
    write_explanations(rows, tmp_path / "page.html", flips=FLIPS, title=NASTY, note=NASTY)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    read = Reader(page)
    assert not {"script", "link", "iframe", "object", "form", "a"} & set(read.tags)
    assert read.handlers == []
    assert read.links
    assert all(link.startswith("data:image/png;base64,") for link in read.links)
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page
    assert not re.search(r"url\(|@import|https?:", page)
    assert "<script>alert(1)</script>" in read.said


def test_the_map_is_in_the_page_and_its_strongest_cells_are_named():
    page = explanations_html([picture()])
    crop, found = (
        np.asarray(Image.open(io.BytesIO(base64.b64decode(link.split(",")[1])))).astype(int)
        for link in Reader(page).links
    )
    assert np.ptp(crop) == 0
    quarter = len(found) // 4
    assert found[quarter, 3 * quarter][0] > found[quarter, 3 * quarter][2] + 60
    assert found[3 * quarter, quarter][2] > found[3 * quarter, quarter][0] + 60
    assert "Most for: row 1, column 2 (+2). Most against: row 2, column 1 (-2)." in page


def test_each_word_has_its_value_in_its_title_and_its_colour():
    page = explanations_html([text(spans=((0, 0, 4), (0, 4, 7), (1, 0, 5)))])
    assert '<span class="for much" style="--a:1.00" title="+2">good</span><span class="against much"' in page
    assert 'title="-2">bad</span>\n<span' in page
    assert "Most for: <bdi>good</bdi> (+2). Most against: <bdi>bad</bdi> (-2)." in page


def test_what_is_not_reliable_is_listed_and_not_shown():
    page = explanations_html(
        [picture(0, certificate=UNRELIABLE), text(1, words=("secret", "b", "c"), certificate=UNRELIABLE)]
    )
    assert "<img" not in page
    assert "secret" not in page
    assert "<bdi>picture 0</bdi>: its values vary by 61 % of their size" in page
    assert "0 of 2 explanations are reliable" in page


def test_flips_show_both_answers_and_mark_what_was_swapped():
    page = explanations_html([], flips=FLIPS)
    assert "<mark>He</mark> said" in page
    assert "<mark>She</mark> said" in page
    assert "<mark>he</mark> came | same" in page
    assert "91 % to 28 %" in page
    assert "&lt;1 %" in page or "<1 %" in page
    assert "Answers that changed" not in explanations_html([])


@pytest.mark.parametrize("much", [3, 5000])
def test_a_swap_in_a_long_text_is_found_and_the_rest_left_out(much):
    far = "word " * much
    old, new = swapped_words(f"{far}He wrote. {far}", f"{far}She wrote. {far}")
    assert [piece for piece, differs in old if differs] == ["He"]
    assert [piece for piece, differs in new if differs] == ["She"]
    assert sum(len(piece) for piece, _ in old) < 300


@given(st.text("ab c.", max_size=40), st.text("ab c.", max_size=40))
def test_the_pieces_of_short_texts_make_up_the_texts(before, after):
    for whole, pieces in zip((before, after), swapped_words(before, after), strict=True):
        assert "".join(piece for piece, _ in pieces) == whole
    if before == after:
        assert not any(differs for _, differs in swapped_words(before, after)[0])
