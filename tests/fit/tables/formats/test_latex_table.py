"""Tables in LaTeX."""

from __future__ import annotations

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.columns.column_roles import assign_roles
from mutransfer_cli.fit.tables.formats.latex_table import is_latex, read_latex

TABLE = r"""\begin{table}[t]  % a comment & \\
\begin{tabular}{@{}l*{3}{r}@{}}
\toprule
 & \multicolumn{2}{c}{training} & \\ \cmidrule(lr){2-3}
Width & $\eta$ ($\times 10^{-3}$) & batch & Val.\ loss $\downarrow$ \\
\midrule
\multirow{2}{*}{64} & 2 & $2^{5}$ & 3.41 $\pm$ 0.02 \\
 & \textbf{4} & 32 & \textbf{3.3} $\pm$ 0.01 \\[2pt]
\hline
1{,}024 & 8 & 32 & \cellcolor{gray!20}\textit{3.1} \\
\bottomrule
\end{tabular}
\caption{Losses}
\end{table}
"""


def test_a_table_of_a_paper() -> None:
    table = read_latex("f.tex", TABLE)
    assert table.names == ["Width", "η (× 10^-3)", "batch", "Val. loss"]
    assert (table.header, table.positions) == ("f.tex:4", ["f.tex:7", "f.tex:8", "f.tex:10"])
    roles = assign_roles(table).columns
    assert roles["width"].values == [64, 64, 1024]
    assert roles["lr"].values == pytest.approx([0.002, 0.004, 0.008])
    assert roles["batch"].values == [32, 32, 32]
    assert roles["loss"].values == [(3.41, 0.02), (3.3, 0.01), 3.1]


def test_rows_without_their_environment() -> None:
    rows = "width & lr & loss \\\\\n64 & 1e-3 & 3 \\\\\n"
    assert is_latex(rows) and read_latex("f", rows).columns[2].values == [3]
    assert not is_latex("width,lr,loss\n64,1e-3,R&D\\\\\n")


def test_several_tables_and_none() -> None:
    with pytest.raises(InputError, match=r"several tables \(lines 2 and 16\); keep the one"):
        read_latex("f", TABLE + TABLE)
    with pytest.raises(InputError, match="holds no runs"):
        read_latex("f", "\\begin{tabular}{ll}\nwidth & lr \\\\\n\\end{tabular}")
