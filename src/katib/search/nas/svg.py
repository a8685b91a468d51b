"""Drawings as SVG: boxes from top to bottom, straight arrows in the middle, bows at the side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from katib.search.nas.drawing import Arrow, Drawing

#: In pixels: a box, what is between two of them, a bow's room for each box that it passes, and
#: what a letter takes.
_WIDTH, _HEIGHT, _GAP, _BOW, _LETTER = 230, 44, 34, 16, 6.2

#: Colours that are seen on white and on black.
_STYLE = """
  text { font: 12px sans-serif; fill: #24292f; text-anchor: middle; }
  .detail { font-size: 10px; fill: #57606a; }
  .title { font-weight: bold; fill: #8250df; }
  .way { font-size: 10px; text-anchor: start; fill: #0969da; }
  rect { fill: #eef4fb; stroke: #57606a; rx: 6px; }
  path { fill: none; stroke: #57606a; stroke-width: 1.4; marker-end: url(#head); }
  path.skip { stroke: #0969da; stroke-dasharray: 5 3; }
"""
_HEAD = (
    '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto"><path d="M0,0 L8,4 L0,8" style="marker-end: none"/></marker>'
)


def svg_of(drawings: Sequence[Drawing]) -> str:
    """One picture, with the drawings side by side."""
    parts, x, height = [], 0.0, 0.0
    for drawing in drawings:
        width = _width(drawing)
        parts.append(f'<g transform="translate({x:g},0)">\n' + "\n".join(_draw(drawing)) + "\n</g>")
        x += width
        height = max(height, _top(len(drawing.boxes)))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{x:g}" height="{height:g}" '
        f'viewBox="0 0 {x:g} {height:g}">\n<style>{_STYLE}</style>\n<defs>{_HEAD}</defs>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _draw(drawing: Drawing) -> Iterator[str]:
    middle = _left(drawing) + _WIDTH / 2
    yield f'<text class="title" x="{middle:g}" y="20">{escape(drawing.title)}</text>'
    places = {box.name: place for place, box in enumerate(drawing.boxes)}
    for place, box in enumerate(drawing.boxes):
        top = _top(place)
        yield f'<rect x="{_left(drawing):g}" y="{top:g}" width="{_WIDTH}" height="{_HEIGHT}"/>'
        line = top + (18 if box.detail else 26)
        yield f'<text x="{middle:g}" y="{line:g}">{escape(box.title)}</text>'
        if box.detail:
            shown = _cut(box.detail, int(_WIDTH / (_LETTER * 0.85)))
            yield f'<text class="detail" x="{middle:g}" y="{top + 34:g}">{escape(shown)}</text>'
    # Those to one box have their words below each other.
    drawn: dict[str, int] = {}
    for arrow in drawing.arrows:
        number = drawn[arrow.target] = drawn.get(arrow.target, -1) + 1
        yield from _arrow(drawing, arrow, places, number)


def _arrow(drawing: Drawing, arrow: Arrow, places: Mapping[str, int], number: int) -> Iterator[str]:
    start, end = places[arrow.source], places[arrow.target]
    begin, stop = _top(start) + _HEIGHT, _top(end)
    left = _left(drawing)
    if arrow.is_skip:
        # Out at the left side and in at the left side, the wider the more it passes.
        begin, stop = _top(start) + _HEIGHT / 2, stop + _HEIGHT / 2 - 8 + 6 * (number % 4)
        bow = left - _BOW * (end - start)
        yield (
            f'<path class="skip" d="M{left:g},{begin:g} C{bow:g},{begin:g} {bow:g},{stop:g} '
            f'{left:g},{stop:g}"/>'
        )
    else:
        middle = left + _WIDTH / 2
        yield f'<path d="M{middle:g},{begin:g} L{middle:g},{stop:g}"/>'
    if arrow.title:
        words = f"{arrow.title} of {drawing.boxes[start].title}"
        line = _top(end) + 14 + 14 * number
        yield f'<text class="way" x="{left + _WIDTH + 8:g}" y="{line:g}">{escape(words)}</text>'


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _top(place: int) -> float:
    return 32 + place * (_HEIGHT + _GAP)


def _left(drawing: Drawing) -> float:
    """Room for the widest bow."""
    places = {box.name: place for place, box in enumerate(drawing.boxes)}
    spans = [places[one.target] - places[one.source] for one in drawing.arrows if one.is_skip]
    return 20 + _BOW * max(spans, default=0) * 0.75


def _width(drawing: Drawing) -> float:
    longest = max((len(arrow.title) for arrow in drawing.arrows), default=0)
    words = (longest + 25) * _LETTER if longest else 0
    return _left(drawing) + _WIDTH + words + 20
