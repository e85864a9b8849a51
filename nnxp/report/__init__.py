"""A run as a page to read: one file, without a server, and runs side by side."""

from nnxp.report.compare import Compared, compare_runs, render_comparison
from nnxp.report.findings import Findings
from nnxp.report.looking import look_at_classes, look_at_numbers
from nnxp.report.page import Evidence, render_report
from nnxp.report.proof import Proof, explanation_of, prove
from nnxp.report.record import Record, read_record

__all__ = [
    "Compared",
    "Evidence",
    "Findings",
    "Proof",
    "Record",
    "compare_runs",
    "explanation_of",
    "look_at_classes",
    "look_at_numbers",
    "prove",
    "read_record",
    "render_comparison",
    "render_report",
]
