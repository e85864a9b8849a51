"""What a run came to, in plain sentences."""

import math

from nnxp.report.record import Record
from nnxp.report.words import count, number, percent, plural, seconds, text

__all__ = ["Figure", "figures", "headline", "name_of", "story"]

Figure = tuple[str, str]


def headline(record: Record, *, live: bool = False) -> str:
    """Say what the run came to, in one sentence."""
    tested = record.number("data", "test_samples")
    samples = plural(int(tested), "test sample") if tested else "the test samples"
    accuracy, r2 = record.number("result", "test_accuracy"), record.number("result", "test_r2")
    if accuracy is not None and math.isfinite(accuracy):
        right = f", {count(round(accuracy * tested))} of {count(int(tested))}" if tested else ""
        return f"The network classifies {percent(accuracy)} of the test samples correctly{right}."
    if r2 is not None and math.isfinite(r2):
        if r2 < 0:
            return f"On {samples} the network predicts worse than their mean would (R² {number(r2)})."
        return f"The network's predictions explain {percent(r2)} of the variance of {samples} (R² {number(r2)})."
    if record.has_ended:
        return f"On {samples} the network was measured, but the result is not a number that says anything."
    return _unfinished(record, live)


def _unfinished(record: Record, live: bool) -> str:
    """Say how far a run without a result has come."""
    planned = record.number("options", "epochs")
    epochs = record.epochs
    if not epochs:
        return "The run is about to begin: no epoch has ended yet." if live else "No epoch of this run was recorded."
    far = f"epoch {epochs[-1]}" + (f" of {planned:.0f}" if planned else "")
    if record.diverged is not None:
        return f"The run {'is' if live else 'ended'} at {far}: its loss is not finite from epoch {record.diverged} on."
    watched = f"val_{record.metric}" if record.metric and f"val_{record.metric}" in record.history else "val_loss"
    watched = watched if watched in record.history else "loss"
    words = name_of(watched) if watched != "loss" else "training loss"
    value = number(record.history[watched][-1]) if watched in record.history else None
    state = "" if value is None else f", with a {words} of {value}"
    if live:
        return f"The run is at {far}{state}."
    return f"The run has no test result: its record ends after {far}{state}."


def story(record: Record) -> str:
    """Say how it came about: epochs, time, device, and whose weights were kept."""
    if not record.epochs:
        return ""
    times = [v for v in record.history.get("seconds", []) if v is not None and math.isfinite(v)]
    device = record.table("options").get("device")
    parts = [f"It {'trained' if record.has_ended else 'has trained'} {plural(len(record.epochs), 'epoch')}"]
    parts += [f" in {seconds(sum(times))}"] if times else []
    parts += [f" on {text(device)}"] if device else []
    reason = record.table("result").get("stop_reason")
    parts += [f" ({text(reason)})"] if reason and reason != "all epochs are done" else []
    kept = record.number("result", "best_epoch")
    if kept is not None and "val_loss" in record.history:
        parts.append(f"; its weights are those of epoch {kept:.0f}, whose validation loss is the lowest")
    return f"{''.join(parts)}."


def figures(record: Record, parameters: int | None) -> list[Figure]:
    """Return the few numbers that stand at the top of the page."""
    found: list[Figure] = []
    results = sorted(record.table("result").items(), key=lambda pair: pair[0] == "test_loss")
    for name, _ in results:
        value = record.number("result", name)
        if name.startswith("test_") and value is not None:
            measure = name.removeprefix("test_")
            shown = percent(value) if measure == "accuracy" else number(value)
            found.append((f"test {name_of(measure)}", shown))
    best = record.best
    if best is not None:
        column = "val_loss" if "val_loss" in record.history else "loss"
        found.append((f"{name_of(column)}, epoch {record.epochs[best]}", number(record.history[column][best])))
    times = [v for v in record.history.get("seconds", []) if v is not None and math.isfinite(v)]
    if times:
        found.append((f"for {plural(len(times), 'epoch')}", seconds(sum(times))))
    if parameters is not None:
        found.append(("parameters", count(parameters)))
    return found


def name_of(column: str) -> str:
    """Write a column of the history as words, such as ``validation accuracy``."""
    bare = column.removeprefix("val_")
    words = {"r2": "R²", "lr": "learning rate"}.get(bare, bare.replace("_", " "))
    return words if bare == column else f"validation {words}"
