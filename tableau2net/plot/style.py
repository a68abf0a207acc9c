"""What every figure shares: colours, how a figure is written, and room for the legend beside it."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text

from tableau2net.errors import InputError

INK, FAINT = "#33383f", "#d9dde3"
LINES = ("#2166ac", "#d9822b", "#2e8b57", "#a6457a", "#6b5bb5", "#8c6d31", "#3aa6b9", "#c2453a")
DASHES = ("-", "--", ":", "-.")
MAX_SCHEMES = len(LINES) * len(DASHES)


def line_style(i: int) -> tuple[str, str]:
    """Colour and dashes of the i-th scheme in a figure; no two of the first 32 look the same."""
    return LINES[i % len(LINES)], DASHES[i // len(LINES) % len(DASHES)]


def check_number(schemes: int) -> None:
    """Raise InputError where there are more schemes than a figure can tell apart."""
    if schemes > MAX_SCHEMES:
        raise InputError(f"{schemes} schemes in one figure: at most {MAX_SCHEMES} can be told apart")


def image(figure: Figure, format: str = "png") -> bytes:
    """The figure as a file's bytes (png, svg or pdf), cut to what is drawn. A dollar in a title is a dollar."""
    for text in _written(figure):
        text.set_parse_math(False)
    buffer = BytesIO()
    dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": None}  # the same figure, the same bytes
    figure.savefig(buffer, format=format, bbox_inches="tight", pad_inches=0.12, metadata=dates[format])
    return buffer.getvalue()


def _written(figure: Figure) -> Iterator[Text]:
    """All text but the numbers along axes, which are set as formulas."""
    for artist in figure.get_children():
        if isinstance(artist, Axes):
            for child in artist.get_children():
                yield from [] if isinstance(child, Axis) else child.findobj(Text)
        elif artist is not figure.patch:
            yield from artist.findobj(Text)


def plain(axes: Axes) -> None:
    """Light axes: no box, faint grid, our ink."""
    axes.spines[:].set_visible(False)
    axes.tick_params(which="both", colors=INK, labelsize=8.5, length=0)
    axes.grid(True, color=FAINT, lw=0.6)
    axes.set_axisbelow(True)


def legend_beside(axes: Axes, title: str | None = None, of: Axes | None = None) -> None:
    """The legend to the right of the axes, over nothing. of: the axes whose lines it names, by themselves those."""
    axes.legend(
        *(of or axes).get_legend_handles_labels(), title=title, title_fontsize=8.5, alignment="left",
        frameon=False, fontsize=9, labelcolor=INK, handlelength=1.9,
        loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0,
    )  # fmt: skip
