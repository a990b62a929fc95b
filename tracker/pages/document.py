"""One HTML document that needs no other file: the page's style, tables, and pictures inside the text."""

import base64
import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias


def page(title: str, parts: Iterable[str], *, kind: str, footer: str) -> str:
    """A whole document.

    Args:
        title: plain text.
        parts: HTML, in order.
        kind: what the document is, for the browser's title: "training report", say.
        footer: plain text below everything.
    """
    return f"{_HEAD.format(title=text(title), kind=text(kind))}<main>{''.join(parts)}<footer>{text(footer)}</footer></main></body></html>\n"


@dataclass(frozen=True, slots=True)
class StrongRow:
    """A row of a table that stands out: it opens a block, sums up, or gives a baseline."""

    cells: Sequence[str]


Rows: TypeAlias = "Sequence[Sequence[str] | StrongRow]"


def table(head: Sequence[str], rows: Rows, *, kind: str) -> str:
    """A table of plain texts whose first column names the rows.

    Args:
        head: of the columns; all empty for none.
        rows: each as long as `head`.
        kind: "figures" for numbers, "pairs" for names and values.
    """
    top = "".join(f"<th>{text(cell)}</th>" for cell in head) if any(head) else ""
    body = []
    for row in rows:
        first, *rest = row.cells if isinstance(row, StrongRow) else row
        strong = ' class="strong"' if isinstance(row, StrongRow) else ""
        cells = "".join(f"<td>{text(cell)}</td>" for cell in rest)
        body.append(f'<tr{strong}><th scope="row">{text(first)}</th>{cells}</tr>')
    thead = f"<thead><tr>{top}</tr></thead>" if top else ""
    return f'<div class="scroll"><table class="{kind}">{thead}<tbody>{"".join(body)}</tbody></table></div>'


def picture(png: bytes, caption: str, *, captioned: bool = False) -> str:
    """A PNG file as part of the document; the caption is what a blind reader hears, and stands below if `captioned`."""
    below = f"<figcaption>{text(caption)}</figcaption>" if captioned else ""
    return f'<figure><img alt="{text(caption)}" src="data:image/png;base64,{base64.b64encode(png).decode()}">{below}</figure>'


def judgement(good: bool, sentence: str, reasons: Sequence[str]) -> str:
    """A box that says whether something is accepted, and what speaks against it."""
    listed = f"<ul>{''.join(f'<li>{text(reason)}</li>' for reason in reasons)}</ul>" if reasons else ""
    return f'<div class="{"accepted" if good else "rejected"}"><strong>{text(sentence)}</strong>{listed}</div>'


def text(value: str) -> str:
    """Plain text as HTML."""
    return html.escape(value)


_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: {kind}</title>
<style>
:root {{ color-scheme: light dark; --ink: #1d2430; --soft: #5a6472; --paper: #ffffff; --line: #dfe3e8; --band: #f3f5f8; --mark: #0072b2;
  --good: #e3f4ea; --bad: #fdebe3; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: #e6e9ee; --soft: #a3acb8; --paper: #14181f; --line: #333b47; --band: #1d232d; --mark: #56b4e9;
    --good: #16351f; --bad: #40220f; }}
}}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }}
main {{ max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }}
h1 {{ font-size: 1.9rem; line-height: 1.2; margin: 0 0 .75rem; overflow-wrap: anywhere; }}
h2 {{ font-size: 1.25rem; margin: 2.75rem 0 .75rem; padding-top: 1rem; border-top: 1px solid var(--line); }}
.lead {{ font-size: 1.1rem; }}
.diagnosis {{ background: var(--band); border-left: 4px solid var(--mark); padding: .75rem 1rem; border-radius: 0 6px 6px 0; }}
.verdict {{ background: var(--band); border-left: 4px solid var(--mark); padding: .75rem 1rem; border-radius: 0 6px 6px 0; }}
.verdict p {{ margin: .25rem 0; }}
.verdict ol {{ margin: .25rem 0; padding-left: 1.5rem; }}
.accepted, .rejected {{ padding: .8rem 1rem; border-radius: 6px; border-left: 5px solid #0a7d3c; background: var(--good); }}
.accepted, .rejected {{ margin-bottom: 1rem; }}
.rejected {{ border-color: #c4501b; background: var(--bad); }}
.accepted ul, .rejected ul {{ margin: .4rem 0 0; padding-left: 1.3rem; }}
.pictures {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); gap: 0 1rem; align-items: start; }}
pre {{ margin: .35rem 0 .75rem; padding: .5rem .7rem; white-space: pre-wrap; overflow-wrap: anywhere; }}
pre {{ background: var(--paper); border: 1px solid var(--line); border-radius: 6px; }}
code {{ font: .875rem/1.4 ui-monospace, "DejaVu Sans Mono", monospace; }}
.note, footer {{ color: var(--soft); font-size: .875rem; }}
footer {{ margin-top: 1.5rem; }}
figure {{ margin: 1.25rem 0; padding: .75rem; background: #fff; border: 1px solid var(--line); border-radius: 8px; }}
img {{ display: block; max-width: 100%; height: auto; margin: 0 auto; }}
figcaption {{ color: #1d2430; font-size: .875rem; padding: .5rem .25rem 0; }}
/* a table takes as much of the window as it needs; what does not fit even there scrolls, with a bar that is always seen */
.scroll {{ width: min-content; min-width: 100%; max-width: calc(100vw - 2.5rem); position: relative; left: 50%; transform: translateX(-50%);
  overflow-x: auto; scrollbar-width: thin; scrollbar-color: var(--soft) var(--band); }}
table {{ border-collapse: collapse; width: 100%; font-size: .92rem; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .35rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; font-weight: 400; }}
thead th {{ color: var(--soft); vertical-align: bottom; }}
.figures td, .figures thead th {{ text-align: right; }}
.figures td {{ white-space: nowrap; }}
.figures th[scope=row] {{ min-width: 9rem; max-width: 28rem; overflow-wrap: break-word; }}
.figures th[scope=row], .figures thead th:first-child {{ padding-left: 1.6rem; text-align: left; }}
.figures .strong th, .figures .strong td {{ font-weight: 600; background: var(--band); }}
.figures .strong th {{ padding-left: .6rem; }}
.pairs th {{ color: var(--soft); width: min(14rem, 35%); }}
.pairs td {{ overflow-wrap: anywhere; }}
/* in a narrow window a picture as wide as that could not be read: it scrolls, as tables do */
@media screen and (max-width: 42rem) {{ img {{ max-width: 42rem; }}
  figure {{ overflow-x: auto; scrollbar-width: thin; scrollbar-color: #5a6472 #f3f5f8; }} }}
@media print {{ figure, tr {{ break-inside: avoid; }} .scroll {{ overflow: visible; }} .figures td {{ white-space: normal; }} }}
</style></head><body>"""
