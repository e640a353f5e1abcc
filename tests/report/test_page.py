import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.report.lettering import drawable, lacks_a_font, percent
from fairlead.report.page import Page, Style, png_of
from fairlead.report.shade import ink_on, luminance, shades

# Surrogates included: a file name that is not UTF-8 has them.
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=12)
STYLE = Style(9, bold=True)


@given(ANY_TEXT)
@settings(max_examples=80, deadline=None)
def test_any_text_at_all_is_drawn_without_a_warning(text):
    page = Page()
    page.resize(3, 1)
    page.text(0.1, 0.5, text, STYLE)
    page.text(0.1, 0.9, text, Style(9))
    assert png_of(page.figure)


@given(ANY_TEXT)
@settings(max_examples=200, deadline=None)
def test_what_is_drawable_stays_as_it_is(text):
    once = drawable(text)
    assert drawable(once) == once
    assert "\n" not in once
    assert not lacks_a_font([once])


@pytest.mark.parametrize(
    "text", ["猫犬", "قطة", "बिल्ली", "🐶🐱👨‍👩‍👧", "แมว", "고양이", "é\u0301\u0301", "\udc80.jpg", "\x00\t\x1b"]
)
def test_scripts_of_the_world_are_drawn_without_a_warning(text):
    page = Page()
    page.resize(3, 1)
    assert page.text(0.1, 0.5, text, STYLE).get_text() == drawable(text)
    assert png_of(page.figure)


def test_stand_ins_keep_names_apart():
    names = ["\ue000", "\ue001", "a\ue000", "\U0001f436"]
    assert len({drawable(name) for name in names}) == 4
    assert drawable("\ue000\ue001") == "[E000 E001]"
    assert lacks_a_font(["fine", "\ue000"])
    assert not lacks_a_font(["fine \u2764\ufe0f", "a\u200db\n"])


@given(st.text(st.characters(codec="latin-1"), max_size=60), st.floats(0.4, 2.0))
@settings(max_examples=60, deadline=None)
def test_shortened_text_fits_and_keeps_both_ends(text, width):
    page, whole = Page(), drawable(text)
    short = page.shorten(text, width, STYLE)
    assert page.width_of(short, STYLE) <= width
    if short != whole:
        head, _, tail = short.partition("\u2026")
        assert whole.startswith(head)
        assert whole.endswith(tail)
        assert page.width_of(whole, STYLE) > width


@given(st.lists(st.text(st.sampled_from("abc猫 "), max_size=30), max_size=8).map(" ".join))
@settings(max_examples=40, deadline=None)
def test_wrapped_text_fits_and_loses_nothing_while_there_are_lines(text):
    page = Page()
    lines = page.wrap(text, 1.0, STYLE, 1000)
    assert all(page.width_of(line, STYLE) <= 1.0 for line in lines)
    assert "".join(lines).replace(" ", "") == drawable(text).replace(" ", "")
    assert len(page.wrap(text, 1.0, STYLE, 2)) <= 2


def test_wrapping_breaks_between_words_and_ends_with_an_ellipsis():
    page = Page()
    assert page.wrap("one two", 10, STYLE, 3) == ["one two"]
    lines = page.wrap("the quick brown fox jumps over the lazy dog", 1.0, STYLE, 2)
    assert lines[0] == "the quick"
    assert lines[1].endswith("\u2026")


@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_a_percentage_is_never_more_certain_than_its_rows(part, more):
    whole = part + more
    assert percent(part, whole) != "100 %"
    assert (percent(part, whole) == "0 %") is (part == 0)
    assert percent(whole, whole) == "100 %"


@pytest.mark.parametrize("kind", ["right", "wrong"])
def test_shades_darken_evenly_and_letters_on_them_can_be_read(kind):
    colours = shades(np.linspace(0, 1, 101), kind)
    lights = [luminance(colour) for colour in colours]
    assert all(after < before for before, after in itertools.pairwise(lights))
    for light, colour in zip(lights, colours, strict=True):
        ink = 0.0 if ink_on(colour) == "#000000" else 1.0
        assert (max(ink, light) + 0.05) / (min(ink, light) + 0.05) >= 4.5


def test_importing_the_package_loads_neither_matplotlib_nor_torch():
    code = "import fairlead.report, sys; print([m for m in ('matplotlib', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_drawing_leaves_pyplot_alone():
    code = (
        "from fairlead.report.page import Page, png_of\nimport sys\n"
        "page = Page(); page.text(0, 0, 'a'); png_of(page.figure); print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
