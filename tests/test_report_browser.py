"""Reports in a real browser: no errors, hover and keys, light and dark, phone and paper, without scripts."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from nnxp import Linear, Network, Residual, Sequential, Tanh
from nnxp._files import write_atomic
from nnxp.report import Evidence, look_at_classes, look_at_numbers, read_record, render_report
from tests.cli_runs import nnxp
from tests.report_pages import CONFIG, HISTORY, write_run

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
]  # fmt: skip

# The contrast of every piece of text with what lies behind it, by the formula of WCAG 2.
CONTRASTS = """() => {
  const parse = (c) => { const n = c.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
  const over = (a, b) => [0, 1, 2].map((i) => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
  const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b; };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, element = node.parentElement;
    if (!node.data.trim() || !element.checkVisibility() || element.tagName === "SCRIPT") continue;
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.push(parse(getComputedStyle(e).backgroundColor));
    const ground = layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]);
    const ink = over(parse(getComputedStyle(element).color), ground);
    const [a, b] = [light(ink), light(ground)];
    found.push([(Math.max(a, b) + .05) / (Math.min(a, b) + .05), node.data.trim()]);
  }
  return found.sort((a, b) => a[0] - b[0]).slice(0, 3);
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser") / "digits"
    nnxp("train", "--epochs", 3, "--out", folder)
    return folder


@pytest.fixture(scope="module")
def pages(run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages of many kinds, by name."""
    folder = tmp_path_factory.mktemp("pages")
    nnxp("report", run)
    other = write_run(folder / "another run with a long name", history="epoch,loss,seconds\n1,1.0,1e-4\n2,0.9,1e-4\n")
    nnxp("compare", run, other, "--out", folder / "compare.html")
    found = {"digits": run / "report.html", "compare": folder / "compare.html"}
    rng = np.random.default_rng(0)
    many = [f"a class with the rather long name {i}" for i in range(30)]
    net = Network(Linear(3, 30), seed=0)
    findings = look_at_classes(net, rng.normal(size=(300, 3)), rng.integers(30, size=300), many, pictures=False)
    numbers = Network(Sequential(Linear(3, 5), Residual(Sequential(Linear(5, 5), Tanh())), Linear(5, 6)), seed=0)
    errors = look_at_numbers(numbers, rng.normal(size=(50, 3)), 1e7 * rng.normal(size=(50, 6)), pictures=False)
    record = read_record(write_run(folder / "run"))
    summary = numbers.summary().table
    structure = [list(summary.columns), *(list(row) for row in summary.rows)]
    text = "dx = dy @ weight " * 20
    for name, evidence in (
        ("classes", Evidence(findings=findings)),
        ("numbers", Evidence(7, structure, errors, None, text)),
    ):
        found[name] = folder / f"{name}.html"
        found[name].write_text(render_report(record, evidence), encoding="utf-8")
    return found


@pytest.fixture
def show(browser: Browser) -> Iterator[Any]:
    """Open a page; whatever it complains about or asks the network for fails the test."""
    complaints: list[str] = []
    opened: list[Page] = []

    def open_page(path: Path, width: int = 1200, **options: Any) -> Page:
        page = browser.new_page(viewport={"width": width, "height": 800}, **options)
        page.on("console", lambda said: complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else complaints.append(r.url))
        page.goto(path.resolve().as_uri())
        opened.append(page)
        return page

    yield open_page
    for page in opened:
        page.close()
    assert complaints == []


KINDS = ["digits", "compare", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("classes", "numbers"))]


def width_of(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth"))


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_scrolls_sideways(show: Any, pages: dict[str, Path], kind: str) -> None:
    for width in (1200, 360):
        page = show(pages[kind], width)
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        assert width_of(page) == width


@pytest.mark.parametrize("kind", KINDS)
def test_text_can_be_read_in_light_and_dark(show: Any, pages: dict[str, Path], kind: str) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        page = show(pages[kind], color_scheme=scheme)
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        for contrast, text in page.evaluate(CONTRASTS):
            assert contrast >= 4.5, f"{text!r} in {scheme}"
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds[0] != grounds[1]


@pytest.mark.parametrize("kind", KINDS)
def test_paper_takes_the_page(show: Any, pages: dict[str, Path], kind: str) -> None:
    page = show(pages[kind], 720, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(253, 253, 251)"
    assert kind != "digits" or width_of(page) == 720
    assert page.pdf().startswith(b"%PDF")
    # A head on paper has something below it; what is folded away has none.
    heads = page.locator("h2").filter(visible=True).all_inner_texts()
    assert "Formulas" not in heads
    if kind == "digits":
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        assert "Formulas" in page.locator("h2").filter(visible=True).all_inner_texts()


def test_the_pointer_reads_values(show: Any, pages: dict[str, Path], run: Path) -> None:
    with (run / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    page = show(pages["digits"])
    plot = page.locator(".chart .plot").first
    box = plot.bounding_box()
    tip = page.locator("#tip")
    assert not tip.is_visible()
    for share, row in ((0.02, history[0]), (0.5, history[1]), (0.76, history[2])):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        shown = tip.inner_text()
        assert f"epoch {row['epoch']}" in shown
        assert f"training {float(row['loss']):.4g}"[:12] in shown
        assert f"validation {float(row['val_loss']):.4g}"[:14] in shown
        place = tip.bounding_box()
        assert place["x"] >= 0
        assert place["x"] + place["width"] <= 1200
    page.mouse.move(5, 5)
    assert not tip.is_visible()


def test_the_arrow_keys_read_values(show: Any, pages: dict[str, Path]) -> None:
    page = show(pages["digits"])
    plot, tip = page.locator(".chart .plot").first, page.locator("#tip")
    plot.focus()
    for key, epoch in (("Home", 1), ("ArrowRight", 2), ("End", 3), ("ArrowRight", 3), ("ArrowLeft", 2)):
        plot.press(key)
        assert f"epoch {epoch}" in tip.inner_text()
    plot.press("Escape")
    assert not tip.is_visible()


def test_a_finger_reads_the_curves_of_layers(show: Any, pages: dict[str, Path]) -> None:
    page = show(pages["digits"], 360, has_touch=True)
    sparks = page.locator(".spark")
    sparks.first.scroll_into_view_if_needed()
    sparks.first.tap()
    assert "update" in page.locator("#tip").inner_text()


@pytest.mark.parametrize("kind", ["digits", "compare"])
def test_without_scripts_the_curves_are_there(show: Any, pages: dict[str, Path], kind: str) -> None:
    page = show(pages[kind], java_script_enabled=False)
    lines = page.locator(".chart svg .line")
    boxes = [lines.nth(i).bounding_box() for i in range(lines.count())]
    assert sum(box["width"] > 100 and box["height"] > 5 for box in boxes) >= 4
    assert page.locator(".ticks .y").first.is_visible()


def test_what_was_smuggled_in_does_not_run(show: Any, tmp_path: Path) -> None:
    hostile = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
    config = {**CONFIG, "command": hostile, "options": {hostile: hostile}}
    folder = write_run(tmp_path / "run", config=config, history=HISTORY.replace("accuracy", f'"{hostile}"'))
    (tmp_path / "page.html").write_text(render_report(read_record(folder), Evidence(explanation=hostile)))
    assert show(tmp_path / "page.html").evaluate("window.hacked") is None


@pytest.mark.slow
def test_a_watched_page_follows_the_run_and_then_stays(show: Any, tmp_path: Path) -> None:
    folder, path = write_run(tmp_path / "run", config=None, history=None), tmp_path / "page.html"
    path.write_text(render_report(read_record(folder), live=True).replace('content="3"', 'content="1"'))
    page = show(path)
    assert "about to begin" in page.locator("h1").inner_text()
    write_run(folder)
    write_atomic(path, render_report(read_record(folder)))
    page.get_by_text("classifies 87.5 %").wait_for(timeout=5000)
    assert page.locator("meta[http-equiv=refresh]").count() == 0
