"""A run as one web page: no script, no other file, no request."""

from __future__ import annotations

from html import escape

from fairlead.evidence import Finding
from fairlead.report.explanation_sections import changed_sections, explained_words, mass_section
from fairlead.report.interval_bar import interval_bar
from fairlead.report.run_record import RunRecord
from fairlead.report.sections import (
    Section,
    figures_section,
    group_sections,
    mitigation_sections,
    places_of,
    splits_of,
    untested,
)
from fairlead.report.verdicts import explain_gate, how_many_unsettled, is_advisory
from fairlead.report.web_page import grid, rows_of, table, web_page


def write_document(record: RunRecord) -> str:
    """Returns the page: the answer first, then what it rests on, and what was not tested.

    Examples:
        >>> from fairlead.evidence import Ledger
        >>> from fairlead.judgement import GateDecision
        >>> page = write_document(RunRecord("<b>", Ledger(), GateDecision(True), {}, {}, {}, {}))
        >>> page.count("<h1>"), "&lt;b&gt;" in page, "<b>" in page
        (1, True, False)
    """
    parts = [
        _answer(record),
        table("The model", "What was kept, and what it was made of", ("Fact", "Value"), record.model.items()),
        table("The data", "Rows by split", ("Split", "Rows"), record.rows.items()),
        _section(figures_section(record)),
        *(_verdicts(record, split) for split in splits_of(record)),
        *map(_section, group_sections(record)),
        *map(_section, mitigation_sections(record)),
        _looks_at(record),
        *map(_section, changed_sections(record)),
        _untested(record),
        _pictures(record),
    ]
    name = escape(record.name)
    return web_page(f"{name}: audit report", f"Audit report: <bdi>{name}</bdi>", parts)


def _answer(record: RunRecord) -> str:
    decision = record.decision
    word = "passes" if decision.passes else "blocked"
    if decision.override or decision.passes:
        unsettled = how_many_unsettled(record.ledger.on("test"))
        told = explain_gate(decision, unsettled).removeprefix("passes: ")
        why = f"<p><bdi>{escape(told[:1].upper() + told[1:])}.</bdi></p>"
    else:
        why = f"<ul>{''.join(f'<li><bdi>{escape(reason)}</bdi></li>' for reason in decision.blocked_by)}</ul>"
    return f'<section class="answer {word}"><strong>The release gate: {word}</strong>{why}</section>'


def _section(section: Section) -> str:
    return table(section.title, section.caption, section.head, section.rows)


def _looks_at(record: RunRecord) -> str:
    told, section = explained_words(record), mass_section(record)
    if record.explanations is None:
        return ""
    shares = grid(section.caption, section.head, rows_of(section.rows)) if section.rows else ""
    text, png = "Explained rows, each part on the colour of its value", record.explanations.picture
    sheet = _figure(text, png) if png else ""
    return f"<section><h2>{escape(section.title)}</h2><p><bdi>{escape(told)}</bdi></p>{shares}{sheet}</section>"


def _verdicts(record: RunRecord, split: str) -> str:
    head = ("Figure", "Verdict", "Interval against its limit", "Counted", "What to do")
    body = "".join(_verdict(record, finding) for finding in record.ledger.on(split))
    title = f"Verdicts on {escape(split)} rows"
    bars = '"><svg' in body
    caption = "The bar is the interval, from 0 to 1, the dot the value, the upright line the limit" if bars else ""
    return f"<section><h2>{title}</h2>{grid(caption, head, body)}</section>"


def _verdict(record: RunRecord, finding: Finding) -> str:
    advisory = ", advisory: it blocks no release" if is_advisory(finding) else ""
    word, shown = finding.verdict.value, record.estimate_of(finding)
    told = f"{shown}" if shown else "no value shown"
    limit = f", limit {finding.limit.most:g}" if finding.limit else ""
    return (
        f'<tr><th scope="row" class="figure">{escape(finding.figure.replace("_", " "))}<br>'
        f'<bdi>{escape(places_of(finding))}</bdi><br><span class="soft">{escape(finding.code)}{advisory}</span></th>'
        f'<td class="{word}">{word.replace("_", " ")}</td>'
        f'<td class="bar">{interval_bar(finding) if shown else ""}{told}{limit}</td>'
        f"<td>{f'{shown.rows} rows' if shown else ''}</td>"
        f'<td class="says"><bdi>{escape(record.remedy_of(finding))}</bdi></td></tr>'
    )


def _untested(record: RunRecord) -> str:
    items = "".join(f"<li><bdi>{escape(one)}</bdi></li>" for one in untested(record))
    return f"<section><h2>What was not tested</h2><ul>{items}</ul></section>"


def _pictures(record: RunRecord) -> str:
    figures = "".join(_figure(text, png) for text, png in record.pictures.items())
    if record.picture_withheld:
        figures += '<p class="soft">The picture of the groups is left out: it would show what the tables do not.</p>'
    return f"<section><h2>Pictures</h2>{figures}</section>" if figures else ""


def _figure(text: str, png: str) -> str:
    return (
        f'<figure><img alt="{escape(text)}" src="data:image/png;base64,{png}"><figcaption>{escape(text)}</figcaption>'
        "</figure>"
    )
