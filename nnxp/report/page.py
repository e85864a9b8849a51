"""Pages of one file: everything that they need is inside, and everything that comes from files is escaped."""

import base64
import hashlib
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from nnxp.report import sections
from nnxp.report.findings import Findings
from nnxp.report.health import THRESHOLDS, layer_histories
from nnxp.report.proof import Proof
from nnxp.report.record import Record
from nnxp.report.sentences import figures, headline, story

__all__ = ["Evidence", "fill", "render_report"]

# A page that is rewritten while the run goes on reads itself again after so many seconds.
_RELOAD = 3


@dataclass
class Evidence:
    """What is known of a run beside its plain files; whatever is missing stays empty.

    Attributes
    ----------
    parameters : int or None
        How many the network has.
    structure : list of list of str
        The network's summary, its heads first.
    findings : Findings or None
        On test data.
    proof : Proof or None
        The gradient check.
    explanation : str or None
        Formulas, as preformatted text.
    unexplained : str
        Why there are none, in a sentence.
    notes : list of str
        Sentences about what could not be had.
    """

    parameters: int | None = None
    structure: list[list[str]] = field(default_factory=list)
    findings: Findings | None = None
    proof: Proof | None = None
    explanation: str | None = None
    unexplained: str = ""
    notes: list[str] = field(default_factory=list)


def render_report(record: Record, evidence: Evidence | None = None, *, live: bool = False) -> str:
    """Write the page of a run.

    Parameters
    ----------
    record : Record
        From `read_record`.
    evidence : Evidence, optional
        What the network does; without it the page has what the files say.
    live : bool
        The run goes on: the page reads itself again every few seconds.

    Returns
    -------
    str
        HTML that needs no other file and no network.

    Raises
    ------
    ImportError
        If jinja2 is not installed.
    """
    evidence = evidence or Evidence()
    layers = layer_histories(record.diagnostics) if record.diagnostics else []
    findings = evidence.findings
    missing = record.missing + ([] if live else evidence.notes)
    return fill(
        "report.html",
        title=f"{record.name} | nnxp",
        reload=_RELOAD if live else 0,
        record=record,
        evidence=evidence,
        findings=findings,
        headline=headline(record, live=live),
        story=story(record),
        figures=figures(record, evidence.parameters),
        missing=missing,
        curves=sections.curves(record),
        standardised="classes" not in record.table("data") and bool(record.table("data")),
        epochs=sections.epoch_table(record),
        confusion=None if findings is None else sections.confusion(findings),
        scatter=[] if findings is None else sections.scatter(findings),
        layers=sections.layer_rows(layers),
        ill=[layer for layer in layers if layer.findings],
        thresholds=THRESHOLDS,
        layer_times=sections.layer_times(layers),
        time_chart=sections.time_chart(record),
        facts=sections.facts(record),
        command=str(record.config.get("command", "")),
    )


def fill(template: str, **values: Any) -> str:
    """Fill a template of this room.

    Raises
    ------
    ImportError
        If jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise ImportError("report: expected jinja2 to be installed; pip install 'nnxp[report]'") from None
    room = files("nnxp.report") / "templates"
    style, script = ((room / name).read_text(encoding="utf-8") for name in ("style.css", "script.js"))
    # Only our own script runs, whatever else might have found its way into the page.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment = Environment(
        loader=PackageLoader("nnxp.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=StrictUndefined, keep_trailing_newline=True,
    )  # fmt: skip
    page = environment.get_template(template)
    return str(page.render(style=style, script=script, digest=digest, **values))
