"""A web page that needs no other file: no script, no request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

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


def web_page(title: str, heading: str, parts: Iterable[str], style: str = "") -> str:
    """Returns the page.

    Args:
        title: Of the window, as HTML.
        heading: As HTML.
        parts: Sections, as HTML; empty ones are left out.
        style: Rules besides those of every page.

    Examples:
        >>> web_page("a", "b", ["", "<section></section>"]).count("section")
        2
    """
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}{style}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{heading}</h1>\n" + "\n".join(part for part in parts if part) + "\n</main>\n</body>\n</html>\n"
    )


def safe(text: str) -> str:
    r"""Returns text for HTML; half a surrogate pair, which UTF-8 cannot hold, is a question mark.

    Examples:
        >>> safe("<b>\ud800")
        '&lt;b&gt;?'
    """
    return escape(text.encode("utf-8", "replace").decode("utf-8"))


def table(title: str, caption: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Returns a section with a table; empty where it would have no row. The first cell of a row is its header.

    Examples:
        >>> table("Rows", "By split", ("Split", "Rows"), [("test", 60)])[:32]
        '<section><h2>Rows</h2><div class'
    """
    body = rows_of(rows)
    return f"<section><h2>{escape(title)}</h2>{grid(caption, head, body)}</section>" if body else ""


def rows_of(rows: Iterable[Sequence[object]]) -> str:
    """Returns the rows of a table, as HTML.

    Examples:
        >>> rows_of([("test", 60)])
        '<tr><th scope="row"><bdi>test</bdi></th><td><bdi>60</bdi></td></tr>'
    """
    return "".join(
        f'<tr><th scope="row"><bdi>{escape(str(first))}</bdi></th>'
        + "".join(f"<td{_RATE if ' [' in str(cell) else ''}><bdi>{escape(str(cell))}</bdi></td>" for cell in rest)
        + "</tr>"
        for first, *rest in rows
    )


def grid(caption: str, head: Sequence[str], body: str) -> str:
    """Returns a table that scrolls by itself where it is too wide; ``body`` is HTML.

    Examples:
        >>> grid("a", ("b",), "").count("<th")
        2
    """
    columns = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    return (
        f'<div class="wide"><table><caption>{escape(caption)}</caption><thead><tr>{columns}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
