"""What was trained on what, in words: the caption of a table, computed from its runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tableau2net.comparison.baseline import LEVEL, Against
from tableau2net.comparison.rows import Row, plain
from tableau2net.recipes.task import ERROR, Measure

SHOWN = 4  # protocols that a caption tells one by one


@dataclass(frozen=True)
class Published:
    """Figures that were printed elsewhere: by whom, and after what training. None where that is not said."""

    source: str = "source not said"
    epochs: int | None = None
    train: int | None = None
    validation: int | None = None
    test: int | None = None
    note: str | None = None


def protocol(epochs: int | None, train: int | None, held_out: int | None, test: int | None) -> str:
    """A protocol in words: "160 epochs, 45,000 to train, 5,000 held out, 1,000 to test"."""
    counts = ((epochs, "epochs"), (train, "to train"), (held_out, "held out"), (test, "to test"))
    return ", ".join(f"{n:,} {'epoch' if (n, what) == (1, 'epochs') else what}" for n, what in counts if n)


def caption(
    rows: Sequence[Row],
    published: Published | None = None,
    baseline: str | None = None,
    found: Sequence[Against] = (),
) -> list[str]:
    """Sentences that belong below a table of these rows, whatever its format."""
    return [
        *_protocols(rows, published),
        *_shortness(rows),
        *(["± is the standard deviation over seeds."] if any(row.tested.std is not None for row in rows) else []),
        *(_tests(baseline, found, rows[0].task.main) if baseline is not None else []),
    ]


def row_note(row: Row, published: Published | None) -> str:
    """What one row, taken out of its table, is to say of its training."""
    whole = f"the {row.full_epochs:,} epochs of {_recipe([row])}"
    told = [f"short run, {row.epochs:,} of {whole}"] if row.short else []
    if published is not None and row.published is not None:
        other = _differences(published, [_counts(row)])
        verdict = f"not the same protocol ({', '.join(other)}), no reproduction" if other else "the same protocol"
        told.append(f"published: {plain(published.source)}, {_printed(published)}: {verdict}")
    return "; ".join(told)


def _counts(row: Row) -> tuple[int | None, ...]:
    return row.epochs, row.train, row.held_out, row.test


def _printed(published: Published) -> str:
    return protocol(published.epochs, published.train, published.validation, published.test) or "protocol not said"


def _differences(published: Published, kinds: Iterable[tuple[int | None, ...]]) -> list[str]:
    """In what training here differs from that of the published figures, as far as that is known."""
    wanted = (published.epochs, published.train, published.validation, published.test)
    names = ("epochs", "images to train", "held out", "to test")
    return [
        name
        for place, (name, number) in enumerate(zip(names, wanted, strict=True))
        if number is not None and any(kind[place] != number for kind in kinds)
    ]


def _protocols(rows: Sequence[Row], published: Published | None) -> list[str]:
    kinds = list(dict.fromkeys((_counts(row), row.data) for row in rows))
    told = [f"{protocol(*counts)} ({data})" for counts, data in kinds[:SHOWN]]
    if len(kinds) > SHOWN:
        told.append(f"{len(kinds) - SHOWN} protocols more")
    here = "; ".join(told)
    if published is None:
        return [f"Trained here: {here}."]
    other = _differences(published, [counts for counts, _ in kinds])
    verdict = f"Not the same protocol ({', '.join(other)}): no reproduction." if other else "The same protocol."
    note = [f"Of the published figures: {plain(published.note).rstrip('.')}."] if published.note else []
    return [f"Published ({plain(published.source)}): {_printed(published)}; here: {here}. {verdict}", *note]


def _shortness(rows: Sequence[Row]) -> list[str]:
    short = [row for row in rows if row.short]
    if not short:
        return []
    which = "Short runs" if len(short) == len(rows) else f"Short runs in {len(short)} of {len(rows)} rows"
    epochs, full = (_range(values) for values in ({r.epochs for r in short}, {r.full_epochs for r in short}))
    return [
        f"{which}: {epochs} of the {full} epochs of {_recipe(short)}. They show that networks train; "
        "they reproduce no published figure and do not rank the networks."
    ]


def _recipe(rows: Sequence[Row]) -> str:
    """What recipe rows were to have had: a preset by its name, which need not be a published one."""
    presets = dict.fromkeys(row.preset for row in rows)
    names = [name for name in presets if name is not None]
    if len(names) < len(presets):
        return "their recipes" if names else "the published recipe"
    return f"the recipe{'s' * (len(names) > 1)} {', '.join(names)}"


def _range(values: set[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def measured_by(baseline: str, measure: Measure = ERROR) -> str:
    """What a column of differences holds."""
    unit = "in points" if measure is ERROR else f"in {measure.unit}" if measure.unit else "as it is"
    name = f"test {measure.title}"
    return f"Difference: {name} minus that of {plain(baseline)} at the same depth, on the same data, {unit}."


def _tests(baseline: str, found: Sequence[Against], measure: Measure) -> list[str]:
    lines = [measured_by(baseline, measure)] if any(each.difference is not None for each in found) else []
    used = Counter(each.test for each in found if each.p is not None)
    pairs = {test: _range({each.n or 0 for each in found if each.p is not None and each.test == test}) for test in used}
    if used:
        names = {
            "paired t": "paired t-test over the seeds that both have, n = {}",
            "McNemar": "exact McNemar test on the same test images of one seed, n = {} (it compares two trained "
            "networks, not what training them gives on average)",
            "paired t, images": "paired t-test over the same test images of one seed, n = {} (it compares two trained "
            "networks, not what training them gives on average)",
        }
        how = "; ".join(words.format(pairs[test]) for test, words in names.items() if used[test])
        many = f", Holm-corrected for {used.total()} tests" if used.total() > 1 else ", a single test"
        lines.append(f"p: {how}; two-sided{many}. Significant means below {LEVEL}.")
    without = Counter(each.why for each in found if each.p is None and each.why != "the baseline itself")
    lines += [f"No p in {count} row{'s' * (count > 1)}: {why}." for why, count in without.items()]
    return lines
