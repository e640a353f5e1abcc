"""A run as one web page: no script, no other file, no request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from fairlead.evidence import OPEN, Finding
from fairlead.report.run_record import RunRecord
from fairlead.report.sections import (
    Section,
    figures_section,
    group_sections,
    mitigation_sections,
    splits_of,
    untested,
)
from fairlead.report.verdicts import explain_gate

_STYLE = """
:root{color-scheme:light dark;--ink:#1f2328;--soft:#59636e;--line:#d1d9e0;--page:#fff;--tint:#f6f8fa;
--bad:#b3261e;--good:#1a6e37;--open:#7a5200}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9da7b1;--line:#3d444d;--page:#0d1117;--tint:#161b22;
--bad:#ff8f86;--good:#63d489;--open:#e3b341}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:2rem 1.25rem 4rem;font:1rem/1.55 system-ui,sans-serif;color:var(--ink);
background:var(--page);overflow-wrap:anywhere}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 1rem}h2{font-size:1.2rem;margin:2.5rem 0 .6rem}
.answer{border-left:.4rem solid var(--bad);background:var(--tint);padding:1rem 1.2rem;border-radius:.3rem}
.answer.passes{border-color:var(--good)}.answer strong{font-size:1.25rem}.answer p,.answer ul{margin:.4rem 0 0}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.92rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);padding:.2rem 0 .4rem}
th,td{text-align:left;vertical-align:top;padding:.4rem .7rem .4rem 0;border-bottom:1px solid var(--line)}
th{overflow-wrap:break-word}th bdi,td{overflow-wrap:anywhere}td[class]{white-space:nowrap}
tbody th{min-width:6rem}td.rate{min-width:10rem;white-space:normal}
td.says{min-width:15rem;white-space:normal}.figure{min-width:10rem}td.bar{min-width:12rem;white-space:normal}
.flagged,.failed{color:var(--bad);font-weight:600}.clear{color:var(--good);font-weight:600}
.undecided,.insufficient{color:var(--open);font-weight:600}
img{max-width:100%;height:auto;background:#fff;border-radius:.3rem}figure{margin:1rem 0}
figcaption,.soft{color:var(--soft)}svg{display:block;width:11rem;height:1.5rem}
@media screen and (max-width:40rem){
table:has(.says) :is(tbody,tr,th,td){display:block;min-width:0}
table:has(.says){display:block}
table:has(.says) thead{display:none}tr:has(.says){border-bottom:1px solid var(--line);padding:.5rem 0}
tr:has(.says)>*{border:0;padding:.1rem 0}table:has(.says) caption{display:block}}
@media print{:root{--ink:#000;--soft:#444;--line:#bbb;--page:#fff;--tint:#fff;--bad:#b3261e;--good:#1a6e37;
--open:#7a5200}body{max-width:none;padding:0;font-size:10pt}.wide{overflow:visible}td.says,td.bar,td.rate,.figure{min-width:0}
tr,figure,.answer{break-inside:avoid}h2{break-after:avoid}}
"""
_RATE = ' class="rate"'  # a value with its interval: not squeezed to a word a line
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


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
        _table("The model", "What was kept, and what it was made of", ("Fact", "Value"), record.model.items()),
        _table("The data", "Rows by split", ("Split", "Rows"), record.rows.items()),
        _section(figures_section(record)),
        *(_verdicts(record, split) for split in splits_of(record)),
        *map(_section, group_sections(record)),
        *map(_section, mitigation_sections(record)),
        _untested(record),
        _pictures(record),
    ]
    name = escape(record.name)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}: audit report</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>Audit report: <bdi>{name}</bdi></h1>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main>\n</body>\n"
        "</html>\n"
    )


def _answer(record: RunRecord) -> str:
    decision = record.decision
    word = "passes" if decision.passes else "blocked"
    if decision.override or decision.passes:
        unsettled = len(record.ledger.on("test").with_verdict(OPEN))
        told = explain_gate(decision, unsettled).removeprefix("passes: ")
        why = f"<p><bdi>{escape(told[:1].upper() + told[1:])}.</bdi></p>"
    else:
        why = f"<ul>{''.join(f'<li><bdi>{escape(reason)}</bdi></li>' for reason in decision.blocked_by)}</ul>"
    return f'<section class="answer {word}"><strong>The release gate: {word}</strong>{why}</section>'


def _section(section: Section) -> str:
    return _table(section.title, section.caption, section.head, section.rows)


def _verdicts(record: RunRecord, split: str) -> str:
    head = ("Figure", "Verdict", "Interval against its limit", "Counted", "What to do")
    body = "".join(_verdict(record, finding) for finding in record.ledger.on(split))
    title = f"Verdicts on {escape(split)} rows"
    bars = '"><svg' in body
    caption = "The bar is the interval, from 0 to 1, the dot the value, the upright line the limit" if bars else ""
    return f"<section><h2>{title}</h2>{_grid(caption, head, body)}</section>"


def _verdict(record: RunRecord, finding: Finding) -> str:
    places = ", ".join(place for place in (finding.feature, finding.group) if place)
    word, shown = finding.verdict.value, record.estimate_of(finding)
    told = f"{shown}" if shown else "no value shown"
    limit = f", limit {finding.limit.most:g}" if finding.limit else ""
    return (
        f'<tr><th scope="row" class="figure">{escape(finding.figure.replace("_", " "))}<br><bdi>{escape(places)}</bdi>'
        f'<br><span class="soft">{escape(finding.code)}</span></th>'
        f'<td class="{word}">{word.replace("_", " ")}</td>'
        f'<td class="bar">{_bar(finding) if shown else ""}{told}{limit}</td>'
        f"<td>{f'{shown.rows} rows' if shown else ''}</td>"
        f'<td class="says"><bdi>{escape(record.remedy_of(finding))}</bdi></td></tr>'
    )


def _bar(finding: Finding) -> str:
    """Draws an interval against its limit; hidden from a screen reader, for the numbers stand beside it."""
    found, limit = finding.estimate, finding.limit
    if found is None or limit is None:
        return ""
    scale = 200 / max(1.0, found.high, limit.most)
    low, high, value, most = (6 + scale * number for number in (found.low, found.high, found.value, limit.most))
    return (
        '<svg viewBox="0 0 212 24" aria-hidden="true" focusable="false"><line x1="6" x2="206" y1="12" y2="12" '
        'stroke="currentColor" stroke-opacity=".25"/>'
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="12" y2="12" stroke="currentColor" stroke-width="5" '
        f'stroke-opacity=".6"/><circle cx="{value:.1f}" cy="12" r="5" fill="currentColor"/>'
        f'<line x1="{most:.1f}" x2="{most:.1f}" y1="1" y2="23" stroke="currentColor" stroke-width="2"/></svg>'
    )


def _untested(record: RunRecord) -> str:
    items = "".join(f"<li><bdi>{escape(one)}</bdi></li>" for one in untested(record))
    return f"<section><h2>What was not tested</h2><ul>{items}</ul></section>"


def _pictures(record: RunRecord) -> str:
    figures = "".join(
        f'<figure><img alt="{escape(text)}" src="data:image/png;base64,{png}"><figcaption>{escape(text)}</figcaption>'
        "</figure>"
        for text, png in record.pictures.items()
    )
    if record.picture_withheld:
        figures += '<p class="soft">The picture of the groups is left out: it would show what the tables do not.</p>'
    return f"<section><h2>Pictures</h2>{figures}</section>" if figures else ""


def _table(title: str, caption: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    body = "".join(
        f'<tr><th scope="row"><bdi>{escape(str(first))}</bdi></th>'
        + "".join(f"<td{_RATE if ' [' in str(cell) else ''}><bdi>{escape(str(cell))}</bdi></td>" for cell in rest)
        + "</tr>"
        for first, *rest in rows
    )
    return f"<section><h2>{escape(title)}</h2>{_grid(caption, head, body)}</section>" if body else ""


def _grid(caption: str, head: Sequence[str], body: str) -> str:
    columns = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    return (
        f'<div class="wide"><table><caption>{escape(caption)}</caption><thead><tr>{columns}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
