"""Turn a figure of matplotlib into SVG that is part of a page: its colours are the page's, its names its own."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from hqml.compare.figures.looks import VARIABLES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_LINK = f"{{{_XLINK}}}href"
_COLOUR = re.compile("#[0-9a-f]{6}")
_FONT = re.compile(r"\s*font-family:[^;]*;?")
_DECIMALS = re.compile(r"-?\d+\.\d+")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_REFERRING = ("clip-path", "style")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NUMERIC = frozenset({"d", "x", "y", "width", "height", "transform"})


def inline_svg(figure: Figure, name: str, title: str, description: str) -> str:
    """
    Args:
        figure: drawn with the placeholders of `hqml.compare.figures.looks`.
        name: of no other figure of the page; begins all names in the SVG.
        title: what a screen reader says.
        description: what it says on request.

    Returns:
        An <svg> element. Text is text, escaped; the same figure gives the same SVG.
    """
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None}, transparent=True)
    root = ElementTree.fromstring(drawn.getvalue())
    _drop(root, {"metadata", "style"})
    _rename(root, name)
    for element in root.iter():
        _restyle(element)
    _share_styles(root)
    _describe(root, name, title, description)
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    return ElementTree.tostring(root, encoding="unicode")


def printable(text: str) -> str:
    """Without what XML has no way to write: control characters, and bytes of file names that are no text."""
    return _NOT_XML.sub("\ufffd", text)


def _drop(root: ElementTree.Element, tags: set[str]) -> None:
    """Remove what is about the file, and a style sheet that would hold for the whole page."""
    unwanted = {f"{{{_SVG}}}{tag}" for tag in tags}
    for parent in list(root.iter()):
        for child in [child for child in parent if child.tag in unwanted]:
            parent.remove(child)


def _rename(root: ElementTree.Element, name: str) -> None:
    """Keep only the ids that are used, and make them this figure's own.

    They are counted: matplotlib makes them from coordinates whose last digits differ from run to run.
    """
    new: dict[str, str] = {}

    def renamed(old: str) -> str:
        return new.setdefault(old, f"{name}-{len(new)}")

    for element in root.iter():
        if (target := element.get(_LINK, "")).startswith("#"):
            element.set(_LINK, f"#{renamed(target[1:])}")
        for attribute in _REFERRING:
            if text := element.get(attribute):
                element.set(attribute, _REFERENCE.sub(lambda found: f"url(#{renamed(found[1])})", text))
    for element in root.iter():
        own = element.attrib.pop("id", None)
        if own in new:
            element.set("id", new[own])


def _restyle(element: ElementTree.Element) -> None:
    """The page's colours and font; two decimals of a point are enough."""
    if "fill" in element.attrib:
        element.set("style", f"fill: {element.attrib.pop('fill')}; {element.get('style', '')}")
    if style := element.get("style"):
        style = _FONT.sub("", style)
        element.set("style", _COLOUR.sub(lambda found: _variable(found[0]), style).strip())
    for attribute in _NUMERIC & element.attrib.keys():
        element.set(attribute, _DECIMALS.sub(_rounded, element.attrib[attribute]).replace("\n", ""))
    if element.text is not None and not element.text.strip():
        element.text = None
    if element.tail is not None and not element.tail.strip():
        element.tail = None


def _share_styles(root: ElementTree.Element) -> None:
    """Hundreds of markers of one style have it once, in their group."""
    for group in root.iter(f"{{{_SVG}}}g"):
        styles = {child.get("style") for child in group}
        if len(group) > 1 and len(styles) == 1 and "style" not in group.attrib and (style := styles.pop()):
            group.set("style", style)
            for child in group:
                del child.attrib["style"]


def _rounded(found: re.Match[str]) -> str:
    return f"{round(float(found[0]), 2) + 0.0:.2f}".rstrip("0").removesuffix(".")  # no -0


def _variable(colour: str) -> str:
    return f"var({VARIABLES[colour]})" if colour in VARIABLES else colour


def _describe(root: ElementTree.Element, name: str, title: str, description: str) -> None:
    """Say what it is to those who do not see it, and let the page choose its size."""
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    for place, (tag, text) in enumerate((("title", title), ("desc", description))):
        child = ElementTree.Element(f"{{{_SVG}}}{tag}", {"id": f"{name}-{tag}"})
        child.text = printable(text)
        root.insert(place, child)
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title")
    root.set("aria-describedby", f"{name}-desc")
    root.set("style", "stroke-linejoin: round; font-family: var(--font)")
