"""The pages are legible, in light and in dark: contrasts as WCAG 2 defines them."""

import colorsys
import importlib.resources
import re

import pytest

from xtremedistil.serving import demo

_ENOUGH = 4.5  # WCAG 2, AA
_TEMPLATES = importlib.resources.files("xtremedistil.report") / "templates"
_PAGES = {
    "demo": demo._PAGE,
    "report": (_TEMPLATES / "style.css").read_text(),
}


def rgb(colour):
    digits = colour.lstrip("#")
    digits = digits if len(digits) == 6 else "".join(2 * digit for digit in digits)
    return [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def schemes(name):
    """The variables of a page, in light and in dark."""
    blocks = re.findall(r":root \{(.*?)\}", _PAGES[name], re.DOTALL)
    light, dark = (dict(re.findall(r"--([a-z]+): ([^;]+);", block)) for block in blocks)
    return [light, light | dark]


def test_contrast_is_that_of_the_standard():
    assert contrast(rgb("#000"), rgb("#ffffff")) == pytest.approx(21)
    assert contrast(rgb("#767676"), rgb("#fff")) == pytest.approx(4.54, abs=0.005)


@pytest.mark.parametrize("name", _PAGES)
def test_words_are_legible(name):
    for found in schemes(name):
        page = rgb(found["page"])
        assert contrast(rgb(found["text"]), page) >= _ENOUGH
        assert contrast(rgb(found["faint"]), page) >= _ENOUGH


def test_marked_words_of_the_report_are_legible():
    for found in schemes("report"):
        for behind in ("marked", "problem"):
            assert contrast(rgb(found["text"]), rgb(found[behind])) >= _ENOUGH


@pytest.mark.parametrize("hue", [360 * i // demo._HUES for i in range(demo._HUES)])
def test_entities_are_legible(hue):
    for found in schemes("demo"):
        saturation, lightness = (float(v) / 100 for v in re.findall(r"(\d+)%", found["found"]))
        behind = colorsys.hls_to_rgb(hue / 360, lightness, saturation)
        assert contrast(rgb(found["text"]), behind) >= _ENOUGH
