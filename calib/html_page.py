"""One HTML document that needs no other file."""

import base64
import html
from collections.abc import Iterable, Sequence


def page(title: str, parts: Iterable[str]) -> str:
    """A whole document; `parts` are HTML."""
    return f"{_HEAD.format(title=text(title))}<main>{''.join(parts)}</main></body></html>\n"


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """A table of plain texts whose first column names the rows."""
    body = "".join(
        f"<tr><th scope=row>{text(first)}</th>{''.join(f'<td>{text(cell)}</td>' for cell in rest)}</tr>" for first, *rest in rows
    )
    return f"<table>{body}</table>"


def picture(png: bytes, caption: str) -> str:
    """A PNG file as part of the document, with its caption below."""
    source = base64.b64encode(png).decode()
    return f'<figure><img alt="{text(caption)}" src="data:image/png;base64,{source}"><figcaption>{text(caption)}</figcaption></figure>'


def verdict(good: bool, sentence: str, reasons: Sequence[str]) -> str:
    """The box at the top."""
    listed = f"<ul>{''.join(f'<li>{text(reason)}</li>' for reason in reasons)}</ul>" if reasons else ""
    return f'<div class="{"good" if good else "rejected"}"><strong>{text(sentence)}</strong>{listed}</div>'


def text(value: str) -> str:
    """Plain text as HTML."""
    return html.escape(value)


_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --ink: #1d2430; --soft: #5a6472; --paper: #fff; --line: #dfe3e8; --good: #e3f4ea; --bad: #fdebe3; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: #e6e9ee; --soft: #a3acb8; --paper: #14181f; --line: #333b47; --good: #16351f; --bad: #40220f; }}
}}
body {{ margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; }}
main {{ max-width: 64rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }}
h1 {{ font-size: 1.7rem; margin: 0 0 1rem; overflow-wrap: anywhere; }}
h2 {{ font-size: 1.2rem; margin: 2.5rem 0 .5rem; padding-top: 1rem; border-top: 1px solid var(--line); }}
.good, .rejected {{ padding: .8rem 1rem; border-radius: 6px; border-left: 5px solid #0a7d3c; background: var(--good); }}
.rejected {{ border-color: #c4501b; background: var(--bad); }}
ul {{ margin: .4rem 0 0; padding-left: 1.3rem; }}
.pictures {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); gap: 1rem; }}
figure {{ margin: 1rem 0 0; padding: .6rem; background: #fff; color: #1d2430; border: 1px solid var(--line); border-radius: 8px; }}
img {{ display: block; max-width: 100%; height: auto; margin: 0 auto; }}
figcaption {{ font-size: .875rem; padding: .5rem .25rem 0; }}
table {{ border-collapse: collapse; margin-top: 1rem; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left; font-weight: 400; vertical-align: top; }}
th {{ color: var(--soft); }}
.note {{ color: var(--soft); font-size: .9rem; }}
</style></head><body>"""
