"""Tables as LaTeX, for documents with the package booktabs and an engine or encoding that knows UTF-8."""

import re
from collections.abc import Sequence

from marrow.tables.text_table import TextTable

_SIGNS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "−": r"$-$",
    "↓": r"$\downarrow$",
    "–": "--",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "*": r"$^{*}$",
}
_ANY = re.compile("|".join(map(re.escape, _SIGNS)))


def latex(tables: Sequence[TextTable], heading: str) -> str:
    """All tables, one after the other; what comes from outside cannot be read as a command."""
    comment = "".join(sign for sign in heading if sign.isprintable())
    return "\n".join([f"% {comment}", "% needs \\usepackage{booktabs}", "", *map(_table, tables)])


def _table(table: TextTable) -> str:
    lines = [
        "\\begin{table}",
        "\\centering",
        f"\\caption{{{_plain(table.title)}}}",
        f"\\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}",
        "\\toprule",
        *_heads(table),
        "\\midrule",
        *(_row(row) for row in table.rows),
        "\\bottomrule",
        "\\end{tabular}",
        "",
        "\\smallskip",
        "\\begin{minipage}{\\linewidth}\\footnotesize",
        *(f"{_plain(note)}\\par" for note in table.notes),
        "\\end{minipage}",
        "\\end{table}",
        "",
    ]
    return "\n".join(lines)


def _heads(table: TextTable) -> list[str]:
    if not table.subheads:
        return [_row(table.heads)]
    first, *others = table.heads
    spans = " & ".join(f"\\multicolumn{{{len(table.subheads)}}}{{c}}{{{_plain(head)}}}" for head in others)
    below = ["", *(name for _ in others for name in table.subheads)]
    return [f"{_plain(first)} & {spans} \\\\", _row(below)]


def _row(texts: Sequence[str]) -> str:
    return f"{' & '.join(map(_plain, texts))} \\\\"


def _plain(text: str) -> str:
    return _ANY.sub(lambda sign: _SIGNS[sign.group()], " ".join(text.split()))
