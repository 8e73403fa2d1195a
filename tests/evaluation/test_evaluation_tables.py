"""What is evaluated together, published tables with ours beside them, and the figures."""

import csv
import re
import shutil
import subprocess
from xml.etree import ElementTree

import pytest
import yaml

import draw_comparison
import draw_curves
import evaluate_runs
import gather_curves
import write_tables
from evaluation_runs import manifest, planned, probabilities, save_history, save_predictions
from marrow.errors import ConfigError
from marrow.evaluation.columns import COLUMNS
from marrow.evaluation.curves import curves_of
from marrow.evaluation.published import published_tables
from marrow.planning.cohort import load_cohort
from marrow.planning.config import complete, read_schema, spacing_of
from marrow.planning.datasets import plan_datasets
from marrow.planning.evaluations import CURVE_FIGURES, TABLE_FIGURES, plan_evaluations
from marrow.planning.runs import plan_runs
from marrow.tables.frames import read_table
from marrow.tables.latex import latex
from marrow.tables.markdown import markdown
from marrow.tables.text_table import read_text_tables
from marrow.workflow.parse import REPOSITORY

SCHEMAS = REPOSITORY / "schemas"
SCHEMA = read_schema(SCHEMAS / "config.schema.yaml")
TABLES, NUMBERS = SCHEMAS / "published.yaml", SCHEMAS / "published.csv"
LABELS = [index % 3 for index in range(30)]
HOSTILE = '<script>|_x_$&%#{}\\"*`'


def plan(runs=None, datasets=None, **settings):
    config = complete({"runs": runs, "datasets": datasets, **settings}, SCHEMA)
    data = plan_datasets(config, load_cohort(config, SCHEMAS), SCHEMAS, spacing_of(config))
    return plan_evaluations(config, data, plan_runs(config, data, SCHEMAS))


DIGITS = {"digits": {"kind": "mnist_bags", "training_bags": [50, 100]}}
FOX = {"fox": {"kind": "classical", "table": "fox", "folds": 3, "repeats": 2}}


# Which runs belong together


def test_no_figure_has_the_name_of_a_table():
    """The record beside `confusion.csv` would be found for both, and one would be taken for the other."""
    assert {*TABLE_FIGURES, *CURVE_FIGURES} & set(COLUMNS) == set()


def test_folds_are_one_part_and_sizes_are_parts_of_their_own():
    made = plan({"digits": {}, "fox": {}}, {**DIGITS, **FOX})
    assert list(made) == ["digits", "fox"]
    assert set(made["fox"].parts.values()) == {"fox"}
    assert len(made["fox"].parts) == 6
    assert made["digits"].parts == {"digits-50": "digits-50", "digits-100": "digits-100"}
    assert made["digits"].about["training_bags"] == {"digits-50": 50, "digits-100": 100}
    assert len(made["fox"].planned) == 6 * len({run["method"] for run in made["fox"].planned})


def test_the_reference_is_atmil_or_the_first_method_with_attention_or_the_first():
    assert plan()["scans"].reference == "atmil"
    assert plan({"fox": {"methods": ["embedding-max", "gated-attention", "attention"]}}, FOX)["fox"].reference == (
        "gated-attention"
    )
    assert plan({"fox": {"methods": ["embedding-max", "instance-max"]}}, FOX)["fox"].reference == "embedding-max"


def test_a_reference_of_ones_own_holds_where_it_is_trained():
    both = {"scans": {"methods": ["atmil", "mil-max"]}, "fox": {"methods": ["attention", "embedding-max"]}}
    made = plan(both, {"scans": {"kind": "scans"}, **FOX}, evaluation={"reference": "mil-max"})
    assert {entry: evaluation.reference for entry, evaluation in made.items()} == {
        "scans": "mil-max",
        "fox": "attention",
    }


def test_a_reference_that_is_trained_nowhere_is_an_error_with_the_nearest():
    with pytest.raises(ConfigError, match=r"'mil-maxx'.*did you mean 'mil-max'"):
        plan(evaluation={"reference": "mil-maxx"})


def test_without_runs_nothing_is_evaluated():
    assert plan({}) == {}


# Published numbers


def rows_of_numbers():
    with NUMBERS.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_every_published_number_is_in_a_table_and_is_a_share():
    tables = {(each["paper"], each["table"]): each for each in yaml.safe_load(TABLES.read_text())}
    for row in rows_of_numbers():
        table = tables[row["paper"], row["table"]]
        assert row["row"] in table["rows"], row
        assert row["column"] in table["columns"], row
        assert 0.3 < float(row["value"]) < 1
        assert row["spread_kind"] == (table["spread"] if row["spread"] else "")
        assert not row["spread"] or 0 < float(row["spread"]) < 0.12


def test_published_tables_are_whole():
    """Every cell of a table that is printed as numbers; figures are known by a single one."""
    known = {(row["paper"], row["table"], row["row"], row["column"]) for row in rows_of_numbers()}
    assert len(known) == len(rows_of_numbers())
    for each in yaml.safe_load(TABLES.read_text()):
        cells = {(each["paper"], each["table"], row, column) for row in each["rows"] for column in each["columns"]}
        assert cells <= known or each["table"].startswith("figure"), each["title"]


def test_rows_name_presets_that_there_are():
    presets = read_schema(SCHEMAS / "presets.yaml")
    for each in yaml.safe_load(TABLES.read_text()):
        assert {preset for preset in each["rows"].values() if preset} <= presets.keys()


def test_atmils_second_table_has_three_classes():
    """Macro specificity is 1 - (1 - sensitivity) / 2 in every row but MIL + max, which the footnote says."""
    found = {(row["row"], row["column"]): float(row["value"]) for row in rows_of_numbers()
             if (row["paper"], row["table"]) == ("atmil", "2")}  # fmt: skip
    methods = {method for method, _ in found}
    assert len(methods) == 9
    off = {
        method for method in methods
        if abs(found[method, "Specificity"] - (1 - (1 - found[method, "Sensitivity"]) / 2)) > 0.0021
    }  # fmt: skip
    assert off == {"MIL + max"}


@pytest.mark.parametrize(
    ("entry", "runs", "datasets", "expected"),
    [
        ("scans", None, None, [("atmil", "2")]),
        ("fox", {"fox": {}}, FOX, [("attention-mil", "1"), ("loss-attention", "1")]),
        ("digits", {"digits": {}}, DIGITS, [("attention-mil", "figure 1"), ("loss-attention", "2 binary")]),
        (
            "digits",
            {"digits": {}},
            {"digits": {"kind": "mnist_bags", "size": {"mean": 50, "std": 10}}},
            [("attention-mil", "figure 2")],
        ),
        ("four", {"four": {}}, {"four": {"kind": "mnist_bags", "task": "four"}}, [("loss-attention", "2 multi-class")]),
        ("morpho", {"morpho": {}}, {"morpho": {"kind": "morpho"}}, [("atmil", "1")]),
        ("cifar", {"cifar": {}}, {"cifar": {"kind": "cifar"}}, [("loss-attention", "3")]),
        ("tests", {"tests": {}}, {"tests": {"kind": "concepts"}}, []),
    ],
)
def test_an_entry_is_put_beside_the_tables_that_have_its_data(entry, runs, datasets, expected):
    made = plan(runs, datasets)[entry]
    parts = list(dict.fromkeys(made.parts.values()))
    found = published_tables(TABLES, NUMBERS, made.about, parts)
    assert [(table.paper, table.table) for table in found] == expected
    assert all(column.parts for table in found for column in table.columns)


def test_a_column_is_filled_by_the_part_with_its_number_of_training_bags():
    made = plan({"digits": {}}, DIGITS)["digits"]
    binary = published_tables(TABLES, NUMBERS, made.about, list(made.parts.values()))[1]
    assert {column.name: column.parts for column in binary.columns} == {"50": ("digits-50",), "100": ("digits-100",)}
    assert binary.left_out == ("150", "200")


# The stages


def known(runs):
    return [{"dataset": run.dataset, "method": run.method, "seed": run.seed} for run in runs]


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """Four methods with two seeds on scans, a run of one lost."""
    root = tmp_path_factory.mktemp("evaluated")
    scans = manifest(root / "scans.parquet", LABELS)
    methods = {"atmil": "ATMIL", "mil-max": "MIL + max", "uniform": "MIL + att + uniform", "mine": HOSTILE}
    runs = [planned(method, seed, title=title) for method, title in methods.items() for seed in range(2)]
    predictions, histories = [], []
    for index, run in enumerate(runs):
        folder = root / run.method / f"{run.seed}"
        values = probabilities(LABELS, 3, 4.0 if run.method == "atmil" else 0.3, index)
        predictions.append(save_predictions(scans, values, folder / "predictions.parquet"))
        tasks = () if run.method == "mil-max" else ("bone", "height")
        histories.append(save_history(folder / "history.parquet", 5, tasks, index))
    predictions[-3].unlink()
    histories[-3].write_bytes(histories[-3].read_bytes()[:100])
    histories[-1].write_bytes(b"")
    kinds = ("summary", "comparisons", "confusion", "reliability", "groups", "experts", "notes")
    settings = {"resamples": 200, "stratify": False, "calibration_bins": 10, "significance": 0.05, "seed": 0}
    evaluate_runs.main(
        predictions=predictions, run_records=[path.with_name("record.json") for path in predictions],
        manifests=[scans.path], runs_table=root / "runs.csv", **{kind: root / f"{kind}.csv" for kind in kinds},
        runs=[vars(run) for run in runs], datasets=["scans"], reference="atmil", bag="scan", settings=settings,
    )  # fmt: skip
    gather_curves.main(histories=histories, curves=root / "curves.csv", runs=known(runs))
    return root, [vars(run) for run in runs]


ABOUT = {"kind": "scans", "settings": {}, "simulated": True, "training_bags": {}}


@pytest.fixture(scope="module")
def tables(evaluated):
    root, _ = evaluated
    write_tables.main(
        **{kind: root / f"{kind}.csv" for kind in ("summary", "comparisons", "notes")}, runs_table=root / "runs.csv",
        published=TABLES, published_numbers=NUMBERS, tables_csv=root / "tables.csv",
        tables_json=root / "tables.json", tables_markdown=root / "tables.md", tables_latex=root / "tables.tex",
        entry="scans", about=ABOUT, reference="atmil", significance=0.05,
    )  # fmt: skip
    return root


def read(folder, name):
    return read_table(folder / f"{name}.csv", COLUMNS[name])


def line(text: str, begins: str) -> str:
    return next(each for each in text.splitlines() if each.startswith(begins))


def test_ours_stand_beside_the_papers_with_the_kind_of_spread_said(tables):
    text = (tables / "tables.md").read_text()
    shown = line(text, "| ATMIL (reference) |")
    summary = read(tables, "summary").set_index(["method", "metric"])
    mean, sem = summary.loc[("atmil", "sensitivity"), ["mean", "sem"]]
    assert f"| 0.737 ± 0.016 | {mean:.3f} ± {sem:.3f} |" in shown
    assert "mean ± standard error of the mean over n = 2 runs" in text
    assert "mean ± standard deviation over n = 2 runs" in text
    assert "Paper: what is after ± is the standard error of the mean." in text
    assert "Ours are simulated scans" in text
    assert "not run" in line(text, "| MIL + att + OA |")


def test_a_missing_run_shows_as_missing_with_its_reason(tables):
    text = (tables / "tables.md").read_text()
    assert r"missing \[a\]" in line(text, "| MIL + att + uniform |")
    assert "predictions.parquet is missing" in line(text, r"- \[a\] 1 of 2 runs are missing")


def test_only_what_differs_after_correction_is_marked_and_nothing_is_a_winner(tables):
    text = (tables / "tables.md").read_text()
    marked = set(read(tables, "tables").query("mark == '*'")["method"])
    below = set(read(tables, "comparisons").query("p_corrected < 0.05")["method"])
    assert marked == below == {"mil-max", "mine"}
    assert r"\*" in line(text, "| MIL + max |")
    assert "**" not in text
    assert "\\textbf" not in (tables / "tables.tex").read_text()
    assert "Numbers without a mark are not shown to differ" in text


def test_a_hostile_title_stays_text(tables):
    row = line((tables / "tables.md").read_text(), r"| \<script\>")
    assert r"\|\_x\_" in row
    assert re.sub(r"\\.", "", row).count("|") == 8
    latex = (tables / "tables.tex").read_text()
    assert r"\textless{}script\textgreater{}|\_x\_\$\&\%\#\{\}\textbackslash{}" in latex


def test_every_cell_is_in_the_csv_with_its_own_numbers(tables):
    paper = read(tables, "tables").query("column == 'Sensitivity' and published != ''")
    assert len(paper) == 9
    assert set(paper["spread_kind"]) == {"sem"}
    (own,) = paper.query("method == 'atmil'").to_dict("records")
    assert (own["published"], own["published_spread"], own["ours_n"]) == ("0.737", "0.016", 2)
    assert own["low"] <= own["ours"] <= own["high"]


def test_the_tables_as_data_are_those_to_read(tables):
    data = read_text_tables(tables / "tables.json")
    assert [table.title for table in data][1:] == [
        "All metrics, scans",
        "95% intervals, scans",
        "Differences to ATMIL, scans",
    ]
    assert markdown(data, "Results on scans (simulated scans)") == (tables / "tables.md").read_text()
    assert latex(data, "Results on scans (simulated scans)") == (tables / "tables.tex").read_text()
    row = next(row for row in data[0].rows if row[0] == "ATMIL (reference)")
    assert row[data[0].columns.index("Sensitivity, paper")] == "0.737 ± 0.016"
    assert [row[0] for row in data[1].rows] == ["ATMIL (reference)", "MIL + max", "MIL + att + uniform", HOSTILE]
    assert [row[0] for row in data[3].rows] == ["MIL + max", "MIL + att + uniform", HOSTILE]


def test_latex_environments_close(tables):
    latex = (tables / "tables.tex").read_text()
    for name in ("table", "tabular", "minipage"):
        assert latex.count(f"\\begin{{{name}}}") == latex.count(f"\\end{{{name}}}") > 0


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_latex_compiles(tables, tmp_path):
    body = (tables / "tables.tex").read_text()
    (tmp_path / "t.tex").write_text(
        f"\\documentclass{{article}}\\usepackage{{booktabs}}\\begin{{document}}{body}\\end{{document}}"
    )
    subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"], cwd=tmp_path, check=True)


def test_curves_have_every_number_of_every_epoch_of_the_histories_that_can_be_read(evaluated):
    root, _ = evaluated
    curves = read(root, "curves")
    assert set(zip(curves["method"], curves["seed"], strict=True)) == {
        (method, seed) for method in ("atmil", "mil-max", "uniform", "mine") for seed in range(2)
    } - {("uniform", 1), ("mine", 1)}
    of_atmil = curves.query("method == 'atmil' and seed == 0")
    assert {"weight_bone", "norm2_bone", "dot_height", "cosine_bone", "attention_entropy", "learning_rate"} <= set(
        of_atmil["quantity"]
    )
    assert of_atmil.query("quantity == 'loss_main'")["epoch"].tolist() == [1, 2, 3, 4, 5]


def texts(path) -> str:
    return " ".join("".join(node.itertext()) for node in ElementTree.parse(path).iter() if node.tag.endswith("}text"))  # noqa: S314


@pytest.mark.parametrize("figure", ["confusion_matrices", "reliability_curves", "differences", "sizes"])
def test_a_comparison_is_drawn_as_svg_with_its_words_as_text(evaluated, tmp_path, figure):
    root, _ = evaluated
    tables_of = {
        "confusion_matrices": "confusion",
        "reliability_curves": "reliability",
        "differences": "comparisons",
        "sizes": "summary",
    }
    about = ABOUT | {"training_bags": {"scans": 50, "more": 100}}
    for name in ("a", "b"):
        draw_comparison.main(
            runs_table=root / "runs.csv", table=root / f"{tables_of[figure]}.csv", picture=tmp_path / f"{name}.svg",
            figure=figure, about=about, reference="atmil", significance=0.05,
        )  # fmt: skip
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    words = texts(tmp_path / "a.svg")
    assert "MIL + max" in words
    assert "<script>" in words
    assert "<script>" not in (tmp_path / "a.svg").read_text()
    assert ("missing" in words) == (figure == "differences")


@pytest.mark.parametrize("figure", ["training", "weights"])
def test_the_course_of_training_is_drawn_for_the_methods_that_have_it(evaluated, tmp_path, figure):
    root, runs = evaluated
    draw_curves.main(curves=root / "curves.csv", picture=tmp_path / "a.svg", figure=figure, runs=runs)
    words = texts(tmp_path / "a.svg")
    assert "ATMIL" in words
    assert "height" in words
    assert ("MIL + max" in words) == (figure == "training")


@pytest.mark.parametrize(
    ("kind", "figure", "words"),
    [
        ("confusion", "confusion_matrices", "runs.csv says why"),
        ("reliability", "reliability_curves", "runs.csv says why"),
        ("comparisons", "differences", "nothing to compare"),
        ("summary", "sizes", "one number of training bags"),
    ],
)
def test_a_figure_of_nothing_says_why(evaluated, tmp_path, kind, figure, words):
    root, _ = evaluated
    empty = tmp_path / "empty.csv"
    empty.write_text((root / f"{kind}.csv").read_text().splitlines()[0] + "\n")
    draw_comparison.main(
        runs_table=root / "runs.csv", table=empty, picture=tmp_path / "a.svg", figure=figure, about=ABOUT,
        reference="atmil", significance=0.05,
    )  # fmt: skip
    assert words in texts(tmp_path / "a.svg")


def test_the_history_of_a_stopped_run_is_left_out_and_of_a_damaged_one_too_with_a_warning(tmp_path, caplog):
    run = {"dataset": "scans", "method": "atmil", "seed": 0}
    (tmp_path / "history.parquet").write_bytes(b"")
    assert curves_of(run, tmp_path / "history.parquet").empty
    assert not caplog.records
    (tmp_path / "history.parquet").write_bytes(b"PAR1")
    assert curves_of(run, tmp_path / "history.parquet").empty
    assert "history.parquet of scans atmil 0 cannot be read" in caplog.text


def test_curves_of_no_history_are_a_sentence(evaluated, tmp_path):
    _, runs = evaluated
    curves = tmp_path / "curves.csv"
    gather_curves.main(histories=[tmp_path / "none"], curves=curves, runs=[{"dataset": "a", "method": "b", "seed": 0}])
    for figure in ("training", "weights"):
        draw_curves.main(curves=curves, picture=tmp_path / "a.svg", figure=figure, runs=runs)
        assert "." in texts(tmp_path / "a.svg")
