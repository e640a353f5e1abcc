"""fairlead report: the page of a run says what its evidence says, and nothing of its own."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from fairlead.cli.main import main
from fairlead.evidence import Estimate, Finding, Ledger, Limit, Verdict
from fairlead.judgement import Policy, ReleaseGate

NASTY = "<script>alert('x')</script> \u202e\u05d0|` & \"q\" " + "long" * 60
VOID = {"meta", "br", "img"}


class Tags(HTMLParser):
    """Every element, and those left open."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def run(tmp_path):
    """A run folder whose feature has a hostile name: one figure flagged, one too small to say."""
    limit, figure = Limit(0.1), "true_positive_rate_difference"
    flagged = Estimate(0.2512, 0.2034, 0.3087, 0.95, 917, "exact")
    tiny = Estimate(0.7654, 0.0, 1.0, 0.95, 13, "exact")
    ledger = Ledger(
        (
            Finding(
                "FAIR-003", figure, "test", Verdict.FLAGGED, NASTY, None, flagged, limit, None, f"Look at {NASTY}."
            ),
            Finding("FAIR-001", "selection_rate_difference", "test", Verdict.INSUFFICIENT, "sex", None, tiny, limit),
        )
    )
    decision = ReleaseGate.of(Policy.default()).decide(ledger)
    folder = tmp_path / "run <i>"
    folder.mkdir()
    (folder / "evidence.json").write_text(json.dumps(ledger.to_dict() | {"gate": decision.to_dict()}))
    accuracy = Estimate(0.8765, 0.8123, 0.9234, 0.95, 120, "exact").to_dict()
    (folder / "metrics.json").write_text(
        json.dumps({"rows": {"train": 160, "test": 120}, "test": {"accuracy": accuracy, "ece": None}, "won": "probe"})
    )
    (folder / "groups.png").write_bytes(b"\x89PNG")
    return folder


def page_of(folder):
    text = (folder / "report.html").read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(text)
    tags.close()
    assert tags.open == []
    return text, tags


def test_the_page_is_whole_and_asks_for_nothing_outside_it(run, capsys):
    assert main(["report", str(run)]) == 0
    assert "report.html" in capsys.readouterr().out
    text, tags = page_of(run)
    assert not {"script", "link", "iframe", "i", "object"} & {tag for tag, _ in tags.seen}
    assert all(
        about["src"].startswith("data:image/png;base64,") and about["alt"] for t, about in tags.seen if t == "img"
    )
    assert not re.search(r"https?://|url\(|@import", text)
    assert NASTY in tags.text


def test_the_numbers_are_those_of_the_evidence_and_a_small_cell_has_none(run):
    assert main(["report", str(run)]) == 0
    _, tags = page_of(run)
    for told in (
        "blocked",
        "0.251 [0.203, 0.309]",
        "917",
        "limit 0.1",
        "FAIR-003",
        "0.812 to 0.923",
        "cannot be measured",
    ):
        assert told in tags.text
    assert "0.765" not in tags.text
    assert "There is no calibration split." in tags.text
    assert "selection rate difference of sex (FAIR-001): insufficient" in tags.text


def test_an_audit_of_a_table_has_a_report_without_figures_of_a_model(run):
    (run / "metrics.json").unlink()
    assert main(["report", str(run), "--output", str(run / "new" / "er")]) == 0
    _, tags = page_of(run / "new" / "er")
    assert "How well it answers" not in tags.text
    assert not (run / "report.html").exists()


@pytest.mark.parametrize("content", ['{"schema": 1, "find', "[]", "{}", '{"schema": 1, "findings": [{}], "gate": {}}'])
def test_evidence_that_is_not_whole_is_refused_with_a_remedy(run, content, capsys):
    (run / "evidence.json").write_text(content)
    assert main(["report", str(run)]) == 2
    assert re.search("again|release reads", capsys.readouterr().err)
    assert not (run / "report.html").exists()


def test_no_run_and_an_output_that_is_a_file_are_misuse(run, tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 2
    assert "holds no evidence.json" in capsys.readouterr().err
    assert main(["report", str(run), "--output", str(run / "metrics.json")]) == 2
    assert "name a folder of yours with --output" in capsys.readouterr().err


def test_a_report_needs_no_torch(run):
    code = (
        "import sys; from fairlead.cli.main import main; code = main(['report', sys.argv[1]]); "
        "sys.exit(code or ('torch' in sys.modules) * 3 or ('pyarrow' in sys.modules) * 4)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(run)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
