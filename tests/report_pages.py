"""What the tests of reports share: folders as runs leave them, and pages taken apart."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import tomli_w

VOID = {"meta", "img", "br", "hr", "link", "input"}

CONFIG: dict[str, Any] = {
    "command": "nnxp train digits --seed=0",
    "options": {"device": "cpu", "loss": "cross-entropy", "epochs": 4, "seed": 0},
    "data": {"source": "digits", "test_samples": 200, "classes": ["cat", "dog"]},
    "result": {
        "epochs": 4,
        "best_epoch": 3,
        "stop_reason": "all epochs are done",
        "test_loss": 0.5,
        "test_accuracy": 0.875,
    },
    "versions": {"nnxp": "0.1.0"},
}
HISTORY = """epoch,loss,val_loss,accuracy,val_accuracy,lr,seconds
1,2.0,1.9,0.25,0.3,0.001,0.5
2,1.0,1.1,0.5,0.6,0.001,0.25
3,0.75,0.9,0.75,0.7,0.001,0.25
4,0.5,0.95,0.8,0.7,0.001,0.25
"""
HEAD = "epoch,step,layer,kind,mean,std,zeros,dead,samples,gradient,weight,update,forward_seconds,backward_seconds"


def write_run(
    folder: Path,
    *,
    config: dict[str, Any] | None = CONFIG,
    history: str | None = HISTORY,
    diagnostics: str | None = None,
) -> Path:
    """Write the plain files of a run; None leaves one out."""
    folder.mkdir(parents=True, exist_ok=True)
    if config is not None:
        (folder / "config.toml").write_text(tomli_w.dumps(config))
    if history is not None:
        (folder / "history.csv").write_text(history)
    if diagnostics is not None:
        (folder / "diagnostics.csv").write_text(diagnostics)
    return folder


class Page(HTMLParser):
    """A page taken apart; one that is not well formed is refused."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"<{tag}> has an attribute twice"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if "script" in self.open:
            self.scripts.append(data)
        elif "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def attributes(self, name: str) -> list[str]:
        return [value for _, attrs in self.tags if (value := attrs.get(name)) is not None]

    def check(self) -> None:
        """Hold the page against what every page promises."""
        assert self.html.startswith("<!DOCTYPE html>")
        assert not re.search(r"https?://|@import|url\(", self.html)
        assert all(value.startswith("data:image/png;base64,") for value in self.attributes("src"))
        assert self.attributes("href") == []
        assert not any(name.startswith("on") for _, attrs in self.tags for name in attrs)
        digest = base64.b64encode(hashlib.sha256("".join(self.scripts).encode()).digest()).decode()
        assert any(f"script-src 'sha256-{digest}'" in value for value in self.attributes("content"))
        assert all(attrs.get("alt") for tag, attrs in self.tags if tag == "img")
        assert all(attrs.get("scope") in {"col", "row"} for tag, attrs in self.tags if tag == "th")
        assert [tag for tag, _ in self.tags].count("h1") == 1


def page(path: Path) -> Page:
    found = Page(path.read_text(encoding="utf-8"))
    found.check()
    return found
