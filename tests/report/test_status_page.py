"""The status page: what is alarming first, in words; one file, no script; hostile text stays text."""

import itertools
import math
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pytest
from explained import NASTY
from watched_reports import MODEL, NOON, alarming, drift, finding, hostile, many_classes, monitor, quiet

from fairlead.evidence import Ledger, LiveGroup, PriorShift, Verdict, WatchReport
from fairlead.report import status_page
from fairlead.report.evidence_bar import evidence_bar
from fairlead.report.quantity import moment, number_of_log, shortened

VOID = {"meta", "br"}


class Reader(HTMLParser):
    """Every tag and attribute, the visible text, and whether all that was opened was closed in its order."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.said, self.open, self.whole = [], [], "", [], True
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        self.open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag):
        self.whole = self.whole and bool(self.open) and self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.said += data


def said(page):
    return Reader(page).said.replace("\u202f", " ")


def strong(page):
    return unescape(re.search(r"<strong><bdi>(.*?)</bdi></strong>", page).group(1)).replace("\u202f", " ")


def look(page):
    return re.search(r'<section class="answer (\w+)"', page).group(1)


EMPTY = WatchReport("3f9c", 0.05)
PAGES = {
    "quiet": lambda: status_page(quiet(), MODEL),
    "alarming": lambda: status_page(alarming(), MODEL),
    "empty": lambda: status_page(EMPTY, {}),
    "many": lambda: status_page(many_classes()[1], MODEL | {"labels": many_classes()[0]}),
    "hostile": lambda: status_page(*reversed(hostile())),
    "turned": lambda: status_page(*reversed(hostile("\u202e<img src=x onerror=alert(1)>\x00\ud800"))),
}


@pytest.mark.parametrize("kind", PAGES)
def test_one_whole_file_without_script_or_request(kind):
    page = PAGES[kind]()
    read = Reader(page)
    assert page.encode("utf-8")
    assert read.whole
    assert read.open == []
    assert not {"script", "link", "iframe", "object", "form", "a", "img"} & set(read.tags)
    assert not [name for name, _ in read.attributes if name.startswith("on") or name in ("src", "href")]
    assert "default-src 'none'" in page
    assert not re.search(r"url\(|@import|https?:|refresh", page)


@pytest.mark.parametrize("kind", PAGES)
def test_tables_have_headers_and_pictures_are_hidden_from_a_reader(kind):
    page = PAGES[kind]()
    tables = re.findall(r"<table>.*?</table>", page)
    assert tables
    for table in tables:
        assert re.search(r"<caption>[^<]+</caption>", table)
        columns = table.count('<th scope="col">')
        rows = re.findall(r"<tr>(<th scope=\"row\".*?)</tr>", table)
        assert rows
        assert all(row.count("<td") + 1 == columns for row in rows)
    assert page.count("<svg ") == page.count('aria-hidden="true"')
    headings = [int(level) for level in re.findall(r"<h(\d)>", page)]
    assert headings[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(headings))


def test_a_quiet_service_says_how_much_was_seen_and_what_the_silence_means():
    page = status_page(quiet(), MODEL)
    assert (look(page), strong(page)) == ("passes", "No alarm in 12 400 items")
    text = said(page)
    assert "8 drift monitors; the chance of any false alarm, over all of them and for ever, is at most 5 %." in text
    assert "1 live findings take more labels or items to settle." in text
    assert "by A. Person, 2026-11-02: a pilot with two clinics (recorded in the bundle)" in text
    assert "blocked: FAIR-003" in text


def test_an_alarm_is_told_in_words_with_code_item_and_time_the_first_one_first():
    later = replace(monitor("DRIFT-004", "input.contrast", "input", 9.0, raised=4), raised_time=NOON + 60)
    page = status_page(quiet(drift=(later, monitor("DRIFT-004", "input.brightness", "input", 9.0, raised=812))), MODEL)
    assert look(page) == "alarm"
    assert strong(page) == "ALARM: brightness of the input moved (DRIFT-004), first at item 812, 2026-11-30 10:02 UTC"
    assert "Also: contrast of the input moved (DRIFT-004), first at item 4, 2026-11-30 10:03 UTC" in said(page)


def test_a_live_finding_over_its_limit_alarms_too_and_an_advisory_one_does_not():
    over = finding(Verdict.FLAGGED, 0.17, 0.22, 0.27, remedy="look at the clients")
    page = status_page(quiet(findings=Ledger((over,))), MODEL)
    assert strong(page).startswith("ALARM: selection rate difference of sex is over its limit (FAIR-001): 0.220 [0.170")
    assert "look at the clients" in page.partition("The model")[0]
    advised = replace(over, code="SHAP-001", figure="unreliable_explanations")
    assert look(status_page(quiet(findings=Ledger((advised,))), MODEL)) == "passes"


@pytest.mark.parametrize(
    ("changed", "word", "told"),
    [
        ({"items": 0, "drift": drift()}, "open", "No item yet"),
        ({"drift": ()}, "open", "drift is not watched"),
        ({"counts": {"dropped": 126}}, "open", "did not see 126 items (1.0 %)"),
        ({"counts": {"dropped": 124}}, "passes", "Items monitoring did not see"),
        ({"counts": {"errors_write": 2}}, "open", "Monitoring itself failed 2 times"),
    ],
)
def test_silence_that_means_little_is_not_shown_as_all_clear(changed, word, told):
    page = status_page(quiet(**changed), MODEL)
    assert look(page) == word
    assert told in said(page)
    assert ("No alarm in" in strong(page)) is ("drift" not in changed)


def test_a_prior_shift_that_explains_is_said_beside_the_alarm_and_one_that_does_not_is_not():
    raised = (monitor("DRIFT-002", "predicted.pneumonia", "prediction", 9.0, raised=700),)
    page = status_page(quiet(drift=raised), MODEL)
    assert "a shift of the classes' shares alone would not explain" in unescape(page).partition("The model")[0]
    assert "would not explain" not in status_page(alarming(), MODEL).partition("The model")[0]
    assert "alone does not explain the window (adjusted p below 0.0001)" in said(status_page(alarming(), MODEL))


def test_shares_that_are_not_seen_to_differ_are_not_called_unexplained():
    calm = quiet(
        prior_shift=PriorShift({"normal": 0.4, "pneumonia": 0.6}, {"normal": 0.42, "pneumonia": 0.58}, False, 0.14)
    )
    assert "not seen to differ from the reference's" in said(status_page(calm, MODEL))
    assert "does not explain the window" not in said(status_page(calm, MODEL))


def test_quality_stands_beside_reference_and_labels_and_says_why_it_is_withheld():
    text = said(status_page(quiet(), MODEL))
    assert "0.912 [0.889, 0.934], 512 rows" in text
    assert "0.905 [0.840, 0.950], 96 rows" in text
    withheld = said(status_page(alarming(), MODEL))
    assert withheld.count("the reference no longer covers what is asked") == 1
    assert "0.912 [" not in withheld


def test_small_groups_have_no_number():
    groups = (LiveGroup("sex", "f", 50, 0.5, 20, 0.25), LiveGroup("sex", "x", None), LiveGroup("sex", "y", 40, 0.5))
    page = status_page(quiet(groups=groups), MODEL)
    hidden = re.search(r"<tr><th scope=\"row\"><bdi>x</bdi></th>(.*?)</tr>", page).group(1)
    assert hidden.count("not shown") == 4
    assert not re.search(r"\d", hidden)
    assert "fewer than 10 items of the kind, or a group whose numbers would give such a one away" in page


def test_a_hundred_classes_are_cut_and_counted():
    page = PAGES["many"]()
    assert said(page).count("And 90 more") == 4
    assert "100: class 0 with" in page
    assert "class 99 with" in page  # the nearest to its alarm
    assert "share of the answer class 3 with" not in page.partition("The latest window")[0]
    assert len(page) < 60_000


def test_raised_ones_that_are_cut_are_counted():
    raised = tuple(monitor("DRIFT-002", f"predicted.{n}", "prediction", 12.0, raised=n + 1) for n in range(13))
    page = status_page(quiet(drift=raised), MODEL)
    assert "And 3 more, 3 of them raised." in said(page)
    assert "And 7 more, below." in said(page)


def test_hostile_names_stay_text_and_turn_nothing_around():
    page = PAGES["hostile"]()
    assert "<script>alert(1)</script>" in said(page)
    assert "\u202e" not in strong(page)
    assert shortened("\u2066a\u0007") == "?a?"
    assert NASTY not in page


@pytest.mark.parametrize(
    ("log", "shown"),
    [(math.log(99.6), "100"), (math.log(4.5), "4.5"), (math.log(1234), "1 200"), (23.03, "10¹⁰"), (-2.0, "0.14")],
)
def test_evidence_is_a_number_a_person_can_read(log, shown):
    assert number_of_log(log).replace("\u202f", " ") == shown


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -1e300, None])
def test_a_time_that_is_none_is_said_to_be_none(seconds):
    assert moment(seconds) == "at no known time"


def test_the_bar_is_on_a_log_scale_and_ends_in_an_arrow_where_it_goes_on():
    def end(log):
        bar = evidence_bar(replace(monitor("DRIFT-004", "a", "input"), evidence=log, peak=log, threshold=6.0))
        return float(
            re.search(r'x2="([\d.]+)" y1="12" y2="12" stroke="currentColor" stroke-width="7"', bar).group(1)
        ), bar

    assert end(6.0)[0] - 6 == pytest.approx(2 * (end(3.0)[0] - 6), abs=0.2)
    assert end(-5.0)[0] == 6.0
    assert 'x1="139.3" x2="139.3"' in end(1.0)[1]
    assert "polygon" in end(50.0)[1]
    assert "polygon" not in end(9.0)[1]
    assert end(50.0)[0] == 206.0
