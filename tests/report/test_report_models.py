"""What the report tells of models: methods, where they look, scans, costs, provenance; and without them, why."""

import io
import json
import re
from html import unescape
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from docutils.core import publish_string
from test_report import Page, build

import build_report
import toy_evaluation as toy
from marrow.errors import MarrowError, Stopped
from marrow.explanation.localisation.ranking import MEASURES, PER_BAG
from marrow.report.charts.confusion import confusion_matrix
from marrow.report.charts.interval_chart import Interval, interval_chart
from marrow.report.charts.line_chart import HEIGHT, WIDTH, Series, line_chart
from marrow.report.charts.localisation_curves import localisation_curves
from marrow.report.charts.scale import SHARE, round_values, scale_of
from marrow.report.charts.training_curves import training_curves
from marrow.report.entries import entries_of
from marrow.report.ledger import doubts_of, read_ledger
from marrow.report.scans import scan_rows
from marrow.report.sections import bag_counts, localisation, provenance
from marrow.report.sections.costs import costs_of
from marrow.report.tables import load_table
from marrow.report.viewer.package import take_script
from marrow.report.viewer.views import viewer_of
from marrow.report.viewer.volumes import LEVELS, STEP, highest, shrunk_map, shrunk_volume
from marrow.tables.text_table import TextTable, write_text_tables
from marrow.workflow.parse import REPOSITORY as ROOT
from marrow.workflow.paths import partial_place
from toy_report import HOSTILE, SCANS, STOPPED, report_inputs


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The inputs of a report with everything in it."""
    folder = tmp_path_factory.mktemp("whole")
    inputs = report_inputs(folder) | toy.scan_inputs(folder)
    scans, tables = toy.evaluation_inputs(folder), toy.evaluation_inputs(folder / "more", "musk1", "classical")
    return inputs | {name: scans[name] + tables[name] for name in scans}


@pytest.fixture(scope="module")
def page(whole):
    return build(whole)


@pytest.fixture
def inputs(tmp_path):
    return report_inputs(tmp_path) | toy.evaluation_inputs(tmp_path)


def section(text, anchor):
    return re.search(f'<section id="{anchor}".*?</section>', text, re.DOTALL).group(0)


def rows(text, table):
    body = re.search(f'id="{table}".*?<tbody>(.*?)</tbody>', text, re.DOTALL).group(1)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in body.split("<tr>")[1:]]
    return [[re.sub("<[^>]*>", "", cell).strip() for cell in row] for row in cells]


# The whole page


def test_titles_reasons_and_sites_become_text(page):
    parsed = Page(page)
    assert len(parsed.all("script")) == 1
    assert toy.REASON in parsed.words
    assert toy.TITLES["cosine"] in parsed.words
    assert not {"b", "i"} & {tag for tag, _ in parsed.elements}


def test_every_id_is_unique_and_every_label_refers_to_one(page):
    parsed = Page(page)
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {a["aria-labelledby"] for _, a in parsed.elements if "aria-labelledby" in a} <= set(ids)


def test_nothing_points_outside_or_carries_its_own_style(page):
    for tag, attributes in Page(page).elements:
        assert not [name for name in attributes if name == "style" or name.startswith("on")], tag
        assert all((attributes.get(n) or "#").startswith(("#", "data:")) for n in ("src", "href", "action"))


def test_every_drawing_is_told_in_words(page):
    parsed = Page(page)
    assert all(plot["role"] == "img" and len(plot["aria-label"]) > 20 for plot in parsed.all("svg"))
    assert all(image["alt"] for image in parsed.all("img"))


def test_headings_descend_without_a_gap(page):
    levels = [int(tag[1]) for tag, _ in Page(page).elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


FIGURES = [
    "the bags", "the metrics of the methods", "the repeatability of verdicts", "the comparison", "a confusion matrix",
    "a reliability curve", "a course of training", "the papers' tables", "the localisation scores",
    "a free-response or perturbation curve", "an inversion", "a prediction", "a map", "time and memory",
    "the provenance",
]  # fmt: skip


@pytest.mark.parametrize("figure", FIGURES)
def test_every_kind_of_figure_says_how_to_read_it(page, figure):
    escaped = figure.replace("'", "&#39;")
    fold = re.search(f"<summary>How to read {escaped}</summary>.*?</details>", page, re.DOTALL).group(0)
    assert re.findall("<dt>(.*?)</dt>", fold) == ["Shown", "Good", "Bad", "What to do"]


def test_repeatability_has_a_row_for_each_method_and_no_number_where_a_run_is_missing(page):
    found = rows(section(page, "methods"), "entry-scans-repeatability")
    assert [[unescape(cell) for cell in row[:4]] for row in found] == [
        ["MIL max", "3", "24", "0.750"],
        ["ATMIL", "3", "24", "0.750"],
        [f"Cosine {HOSTILE}", "2", "16", "none"],
    ]


def test_a_report_without_repeatability_has_no_table_of_it(whole):
    kept = [path for path in whole["evaluation"] if path.name != "repeatability.csv"]
    assert "entry-scans-repeatability" not in build(whole | {"evaluation": kept})


def test_the_same_inputs_give_the_same_page(whole):
    assert build(whole) == build(whole)


# Methods


def test_a_run_that_is_not_done_is_listed_with_its_reason_and_shows_in_n(page):
    part = section(page, "methods")
    lacking = rows(part, "entry-scans-lacking")
    assert [row[2:4] for row in lacking] == [["2", "stopped"]]
    assert "the loss is not a number in epoch 3" in lacking[0][4]
    assert {row[0].split()[0]: row[1] for row in rows(part, "entry-scans-metrics")} == {
        "MIL": "3", "ATMIL": "3", "Cosine": "2",
    }  # fmt: skip


def test_a_mean_stands_with_the_name_of_its_spread(page):
    part = section(page, "methods")
    assert "Mean ± standard deviation over n runs, on test bags" in part
    assert all(
        re.fullmatch(r"0\.\d{3} ± 0\.030", cell) for row in rows(part, "entry-scans-metrics") for cell in row[2:]
    )


def test_a_difference_is_only_called_one_where_the_data_show_it(page):
    verdicts = {row[0].split()[0]: row[1:] for row in rows(section(page, "methods"), "entry-scans-against")}
    assert all("not shown to differ" in cell for cell in verdicts["Cosine"])
    *higher, log_loss = verdicts["MIL"]
    assert all(cell.endswith("worse") for cell in higher)
    assert log_loss.endswith("better"), "a lower log loss is better"


def test_the_level_below_which_a_difference_is_shown_is_that_of_the_config(whole, page):
    """The corrected p is 0.01 and 0.6."""
    stricter = build(whole | {"significance": 0.005})
    for anchor, entry in (("methods", "scans"), ("benchmarks", "musk1")):
        for text, level, verdict in ((page, "0.05", "worse"), (stricter, "0.005", "not shown to differ")):
            part = section(text, anchor)
            assert f"(p corrected below {level})" in part
            assert rows(part, f"entry-{entry}-against")[0][1].endswith(verdict)
            assert rows(part, f"entry-{entry}-comparison")[0][-1] == verdict


def test_why_an_interval_is_lacking_stands_beside_the_metrics_and_limits_of_p_beside_the_comparison(page):
    metrics, rest = section(page, "methods").split("<h4>Against the reference</h4>", 1)
    assert "F1 (macro), AUC: undefined in some draws" in metrics
    assert "4 patients are tested" in rest.split("<h4>Confusion</h4>")[0]
    assert "4 patients are tested" not in metrics


def test_a_metric_of_one_class_is_not_called_macro(page):
    named = {(row[1], row[3]) for row in rows(section(page, "methods"), "entry-scans-groups")}
    assert named == {("site", "F1 (macro)"), ("class", "F1")}


def test_the_metrics_drawn_of_localisation_are_measured_ones():
    assert {metric for metric, _ in localisation.DRAWN} == {f"{name}_{PER_BAG}" for name in MEASURES} | {"f1"}


def test_only_curves_with_a_faint_line_are_said_to_have_one(page):
    parts = section(page, "localisation").split("<h4>")
    told = {part.split("</h4>")[0]: "faint: any instances taken out" in part for part in parts}
    assert (told["Lesions found"], told["Probability of the class"]) == (False, True)


def test_records_are_found_from_where_the_page_is_written_before_it_is_moved_to_its_place(tmp_path):
    inputs = report_inputs(tmp_path)
    inputs["report"] = partial_place(inputs["report"])
    inputs["report"].parent.mkdir(parents=True)
    build_report.main(**inputs)
    assert "No records" not in inputs["report"].read_text(encoding="utf-8")


def test_without_records_nothing_is_said_of_what_is_out_of_date(tmp_path):
    text = provenance.section(tmp_path, ROOT / "scripts").html
    assert "unknown: there are no records" in text
    assert "nothing: every record" not in text


def test_methods_come_in_the_order_of_the_config(inputs):
    inputs["entries"][0]["titles"] = dict(reversed(toy.TITLES.items()))
    part = section(build(inputs), "methods")
    for table in ("metrics", "against"):
        names = [row[0].split()[0] for row in rows(part, f"entry-scans-{table}")]
        assert names == [name for name in ("Cosine", "ATMIL", "MIL") if (table, name) != ("against", "ATMIL")]


def test_a_metric_without_a_value_is_none_and_never_nought(inputs):
    summary = next(path for path in inputs["evaluation"] if path.name == "summary.csv")
    summary.write_text(re.sub(r",auc,.*", ",auc,,,,0,,", summary.read_text()))
    part = section(build(inputs), "methods")
    assert "Undefined in every run" in part
    assert {row[7] for row in rows(part, "entry-scans-metrics")} == {"none"}


def test_a_mean_over_fewer_runs_than_the_others_says_over_how_many(inputs):
    path = next(path for path in inputs["evaluation"] if path.name == "summary.csv")
    path.write_text(re.sub(r"(atmil,f1,.*?),3,", r"\1,1,", path.read_text()))
    table = {row[0].split()[0]: row for row in rows(section(build(inputs), "methods"), "entry-scans-metrics")}
    assert table["ATMIL"][1] == "3"
    assert re.fullmatch(r"0\.\d{3} ± 0\.030 \(n 1\)", table["ATMIL"][2 + toy.METRICS.index("f1")])
    assert not [cell for cell in table["ATMIL"] + table["MIL"] if "(n" in cell and "(n 1)" not in cell]


def test_a_chart_has_the_means_and_intervals_of_the_summary(inputs):
    summary = pd.read_csv(next(path for path in inputs["evaluation"] if path.name == "summary.csv"))
    row = summary[(summary["method"] == "atmil") & (summary["metric"] == "auc")].iloc[0]
    part = section(build(inputs), "methods")
    assert f"ATMIL {row['mean']:.3f}, from {row['low']:.3f} to {row['high']:.3f}, n 3" in part


def test_the_table_of_localisation_has_a_row_for_each_method_and_score(inputs):
    path = next(path for path in inputs["evaluation"] if path.name == "localisation.csv")
    scores = pd.read_csv(path).set_index(["method", "metric"])
    table = rows(section(build(inputs), "localisation"), "entry-scans-where")
    assert [row[1] for row in table] == [*toy.QUANTITIES] * len(toy.TITLES)
    means = (scores.loc[("atmil", f"instance-probability:{name}"), "mean"] for name in ("auroc_per_bag", "f1"))
    assert [table[3][2], table[3][4]] == [f"{mean:.3f} ± 0.030" for mean in means]


def test_all_runs_failed_and_the_report_still_tells_why(inputs):
    for path in inputs["evaluation"]:
        if path.name != "runs.csv":
            path.write_bytes(b"")
    runs = next(path for path in inputs["evaluation"] if path.name == "runs.csv")
    header, *_ = runs.read_text().splitlines()
    empty = "," * (2 + len(toy.METRICS))
    lines = [f"scans,{m},{m},0,stopped,because of {m}{empty},scans" for m in toy.TITLES]
    runs.write_text("\n".join([header, *lines]) + "\n")
    part = section(build(inputs), "methods")
    assert "No run finished" in part
    assert [row[4] for row in rows(part, "entry-scans-lacking")] == [f"because of {m}" for m in toy.TITLES]
    assert part.count("summary.csv is empty") == 1


@pytest.mark.parametrize("harm", ["missing", "half", "binary", "columns"])
def test_a_table_that_cannot_be_used_is_named_and_the_others_stay(inputs, harm):
    path = next(path for path in inputs["evaluation"] if path.name == "reliability.csv")
    content = path.read_bytes()
    harmed = {"half": content[:20], "binary": b"\xff\xfe\x00" + content, "columns": b"method\nx\n"}
    path.unlink() if harm == "missing" else path.write_bytes(harmed[harm])
    part = section(build(inputs), "methods")
    assert "No reliability curve: " in part
    assert "reliability.csv" in part[part.index("No reliability curve: ") :][:200]
    assert 'id="entry-scans-metrics"' in part


def test_without_any_run_each_section_says_so(tmp_path):
    text = build(report_inputs(tmp_path))
    assert "No model is trained on scans" in section(text, "methods")
    assert "nothing to localise" in section(text, "localisation")
    assert "names no data set but scans" in section(text, "benchmarks")
    assert "No data set is planned" in section(text, "bags")


def test_sizes_of_a_data_set_are_shown_apart(tmp_path):
    inputs = toy.evaluation_inputs(tmp_path, "digits", "mnist_bags")
    for path in inputs["evaluation"]:
        if path.name in {"runs.csv", "summary.csv"}:
            head, *lines = path.read_text().splitlines()
            halves = [f"{line}-{50 if i % 2 else 100}" for i, line in enumerate(lines)]  # `part` comes last
            path.write_text("\n".join([head, *halves]) + "\n")
    parts = entries_of(inputs["entries"], inputs["evaluation"])
    assert [part.name for part in parts] == ["digits-100", "digits-50"]
    assert sum(len(part.tables["summary"].frame) for part in parts) == len(toy.TITLES) * len(toy.METRICS)


def test_the_papers_tables_keep_their_layout_and_notes(inputs):
    path = next(path for path in inputs["evaluation"] if path.name == "tables.json")
    write_text_tables([TextTable("Table *1", ("a", "b|c"), ("ours", "less"), (("x", "1", "y"),), ("[a] why",))], path)
    part = section(build(inputs), "methods")
    assert rows(part, "entry-scans-paper1") == [["x", "1", "y"]]
    paper = part[part.index('id="entry-scans-paper1"') :]
    assert re.findall(r'<th scope="col"[^>]*>(.*?)</th>', paper)[:3] == ["a", "b|c, ours", "b|c, less"]
    assert paper.index("Table *1") < paper.index("[a] why")


@pytest.mark.parametrize(("content", "reason"), [("[]", "holds no table"), ("{", "is damaged")])
def test_without_tables_of_papers_the_page_says_why(inputs, content, reason):
    next(path for path in inputs["evaluation"] if path.name == "tables.json").write_text(content)
    assert f"tables.json {reason}" in section(build(inputs), "methods")


# Drawings


@pytest.mark.parametrize("count", [3, 4])
@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (-0.21, 0.05), (3, 900), (1e-7, 2e-7), (5, 5), (0.18, 0.93), (0.972, 0.989)]
)
def test_ticks_lie_within_the_scale_are_round_and_more_than_one(low, high, count):
    ticks = round_values(low, high, count)
    assert 2 - (low == high) <= len(ticks) <= 6
    assert all(low - 1e-12 <= value <= high + 1e-12 for value, _ in ticks)
    assert len({text for _, text in ticks}) == len(ticks)


def test_a_scale_puts_its_ends_at_its_ends():
    scale = scale_of([2.0, 4.0], 100)
    assert (scale.place(2), scale.place(3), scale.place(4)) == (0, 50, 100)
    assert 0 < scale_of([3.0], 100).place(3) < 100


def test_a_line_goes_from_corner_to_corner_and_is_thinned_to_its_last_point():
    chart = line_chart("t", [Series("s", tuple((float(i), float(i)) for i in range(1001)))], "epoch")
    points = chart.lines[0].points
    assert points[0] == (0, HEIGHT)
    assert points[-1] == (WIDTH, 0)
    assert len(points) < 100


def test_an_interval_holds_its_value_and_nought_is_in_sight():
    chart = interval_chart("t", [Interval("a", 0.5, 0.4, 0.7), Interval("b", 0.6)], marks_zero=True)
    (low, high), none = chart.rows[0].ends, chart.rows[1].ends
    assert 0 <= chart.zero < low < chart.rows[0].value < high <= chart.width
    assert none is None


def test_the_scale_of_a_share_ends_where_shares_end():
    chart = interval_chart("t", [Interval("a", 1.0), Interval("b", 1.0)], SHARE)
    assert chart.ticks[-1][1] == "1.00"
    assert chart.rows[0].value == chart.width
    assert interval_chart("t", [Interval("a", 0.0)], SHARE).ticks[0][1] == "0.00"


def test_a_confusion_matrix_has_true_classes_down_and_predicted_across():
    cells = [("a", "a", 3, 75.0), ("a", "b", 1, 25.0), ("b", "a", 0, np.nan), ("b", "b", 0, np.nan)]
    matrix = confusion_matrix("t", pd.DataFrame(cells, columns=["label", "predicted", "count", "row_percent"]))
    wrong = matrix.cells[1]
    assert (wrong.count, wrong.percent, wrong.shade) == (1, "25%", 0.25)
    assert wrong.x > matrix.cells[0].x
    assert wrong.y == matrix.cells[0].y
    assert matrix.cells[2].percent == ""


def heights(chart, name):
    """The values of a line, from its places on a scale from 0 to 1."""
    line = next(line for line in chart.lines if line.name == name)
    return [round(1 - y / HEIGHT, 2) for _, y in line.points]


@pytest.mark.parametrize("seeds", [1, 3, 6])
def test_a_course_of_training_is_the_mean_of_its_runs_and_of_many_the_ends_as_well(inputs, seeds):
    path = next(path for path in inputs["evaluation"] if path.name == "curves.csv")
    runs = [(seed, epoch) for seed in range(seeds) for epoch in (1, 2)]
    toy.write(
        path,
        ["dataset", "method", "seed", "epoch", "quantity", "value"],
        (["scans", "atmil", seed, epoch, "attention_entropy", seed**2 / 50 * epoch] for seed, epoch in runs),
    )
    (entry,) = entries_of(inputs["entries"], inputs["evaluation"])
    (curves,) = training_curves(entry)
    (chart,) = curves.charts
    names = {1: ["scans, seed 0"], 3: [f"scans, seed {i}" for i in range(3)], 6: ["least", "greatest"]}[seeds]
    mean = [] if seeds == 1 else [f"mean of {seeds} runs"]
    assert [line.name for line in chart.lines] == [*names, *mean]
    assert [line.is_faint for line in chart.lines] == [seeds > 1] * len(names) + [False] * len(mean)
    first = [seed**2 / 50 for seed in range(seeds)]
    for name, value in [*((name, np.mean(first)) for name in mean), (names[0], 0), (names[-1], max(first))]:
        assert heights(chart, name) == pytest.approx([value, 2 * value], abs=0.01)


def test_localisation_curves_are_means_over_runs(inputs, tmp_path):
    """Of lesions the most that a run finds with at most so many false marks, of probabilities those that are known."""
    found = {0: [(0, 0.2), (2, 0.6), (3, 0.5)], 1: [(1, 0.4)]}
    probabilities = {0: [(0, 0.9, 0.9), (0.5, 0.3, "")], 1: [(0, 0.7, 0.7), (0.5, 0.1, 0.6)]}
    files = []
    for seed in (0, 1):
        folder = tmp_path / "scans" / "atmil" / f"seed-{seed}"
        folder.mkdir(parents=True)
        files += [folder / "froc.csv", folder / "perturbation.csv"]
        points = [["attention", "positive", *point] for point in found[seed]]
        toy.write(
            files[-2],
            ["quantity", "scans", "false_marks", "sensitivity"],
            [*points, ["attention", "negative", 0, 1], ["attention", "positive", "", 1]],
        )
        drops = [["attention", *drop] for drop in probabilities[seed]]
        toy.write(files[-1], ["quantity", "dropped", "top", "random"], drops)
    (entry,) = entries_of(inputs["entries"], inputs["evaluation"])
    lesions, drops = localisation_curves(entry, files)
    share = heights(lesions.charts[0], "attention")  # at 0, 0.25, ... 10 false marks
    assert (share[0], share[3], share[4], share[8], share[-1]) == pytest.approx((0.1, 0.1, 0.3, 0.5, 0.5))
    assert heights(drops.charts[0], "attention") == pytest.approx([0.8, 0.2])
    assert heights(drops.charts[0], "attention, any instances") == pytest.approx([0.8, 0.6])


# Scans


def test_a_scan_has_a_row_per_method_with_the_range_over_seeds(page):
    article = re.search(r'id="scan-P10-a".*?</article>', page, re.DOTALL).group(0)
    seeds = {row[0].split()[0]: row[2] for row in rows(article, "scan-P10-a-prediction-1")}
    assert seeds == {"MIL": "3", "ATMIL": "3", "Cosine": "2"}
    share = np.array([np.random.default_rng(s).dirichlet((1, 2, 4), len(SCANS))[0] for s in range(3)])
    first = rows(article, "scan-P10-a-prediction-1")[0]
    expected = [f"{c.mean():.2f} ({c.min():.2f} to {c.max():.2f})" for c in share.T]
    assert first[3:] == expected


def test_a_map_says_what_it_shows_and_bones_are_sorted_by_weight(page):
    article = re.search(rf'id="scan-{toy.VIEWED}".*?</article>', page, re.DOTALL).group(0)
    assert "<dt>quantity</dt><dd><bdi>contribution</bdi></dd>" in article
    assert re.findall(r'<text class="count"[^>]*>([\d.]+)</text></g>\n', article)[:3] == ["0.700", "0.200", "0.100"]


def test_a_map_that_was_not_drawn_is_said_to_be_missing(page):
    article = re.search(r'id="scan-P10-a".*?</article>', page, re.DOTALL).group(0)
    assert "No map: " in article
    assert "figure.png is empty" in article


def test_bags_are_counted_by_split_and_class(page):
    counts = {row[0]: row[1:] for row in rows(section(page, "bags"), "bags-1")}
    assert counts["train"] == ["3", "3", "1210", "400 / 400 / 410", "2", "1", "0"]
    assert counts["test"][-1] == "1", f"{STOPPED} is diffuse"


def test_the_first_of_several_folds_stands_for_all_and_says_how_many_more_there_are(inputs, tmp_path):
    (path,) = inputs["manifests"]
    folds = [tmp_path / f"musk1-1-{fold:02d}.parquet" for fold in (1, 2, 3)]
    for fold in folds:
        fold.write_bytes(path.read_bytes())
    html = bag_counts.section(folds, [[fold.stem for fold in folds]]).html
    assert "musk1-1-01 and 2 more folds" in html
    assert "musk1-1-02" not in html


def test_patients_with_several_bags_count_once(inputs):
    (path,) = inputs["manifests"]
    bags = pd.read_parquet(path)
    bags.assign(patient="P1", split="train").to_parquet(path)
    (row,) = rows(section(build(inputs), "bags"), "bags-1")
    assert row[:3] == ["train", str(len(bags)), "1"]


# Costs and provenance


def test_costs_are_summed_by_rule_and_other_files_count_nowhere(whole, tmp_path):
    folder = tmp_path / "benchmarks" / "train_model"
    folder.mkdir(parents=True)
    (folder / "a.tsv").write_text("s\tmax_rss\tmean_load\n2.0\t200\t50\n")
    (folder / "b.tsv").write_text("s\tmax_rss\tmean_load\n6.0\t-\t100\n")
    (folder / "c.tsv").write_bytes(b"\xff")
    (folder / "d.tsv").write_text("")
    (cost,) = costs_of(tmp_path / "benchmarks").itertuples()
    assert (cost.jobs, cost.total, cost.middle, cost.memory, cost.load) == (2, 8.0, 4.0, 200, 87.5)


def test_a_result_of_other_code_and_one_of_another_input_are_out_of_date(tmp_path):
    made = {"schema": 1, "rule": "fit", "wildcards": {}, "fingerprint": "a", "params": {}, "stopped": None, "made": {},
            "accepted": [], "code": {}}  # fmt: skip
    source = {"digest": "old", "path": "results/x", "signature": ""}
    (tmp_path / "record.json").write_text(
        json.dumps(made | {"inputs": {}, "outputs": {"results/x": {"digest": "new", "size": 1}}})
    )
    (tmp_path / "y.record.json").write_text(json.dumps(made | {"inputs": {"a": source}, "outputs": {}}))
    (tmp_path / ".marrow").mkdir()
    (tmp_path / ".marrow" / "z.record.json").write_text("{")
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (tmp_path / "requirements.txt").touch()
    (scripts / "fit.py").write_text("x = 1\n")
    ledger = read_ledger(tmp_path)
    assert len(ledger.records) == 2
    assert ledger.unreadable == ()
    assert {(doubt.reason, len(doubt.jobs)) for doubt in doubts_of(ledger, scripts)} == {
        ("made by other code: fit.py", 2),
        ("results/x has other content by now", 1),
    }


def test_an_edit_declared_neutral_is_listed_with_its_date_and_the_reason_given(inputs):
    file = next(inputs["report"].parents[1].rglob("normalised/*/record.json"))
    note = {"what": "code: standardise_scan.py changed", "reason": "renamed <b>a</b> variable", "when": "2026-03-01"}
    file.write_text(json.dumps(json.loads(file.read_text()) | {"accepted": [note]}))
    (row,) = rows(section(build(inputs), "provenance"), "accepted-table")
    assert row[1:3] == ["1", "P10-a"]
    assert row[3] == "2026-03-01: renamed &lt;b&gt;a&lt;/b&gt; variable"


# Reading what may be broken


def test_tables_are_read_without_ever_failing(tmp_path):
    path = tmp_path / "a" / "b.csv"
    columns = {"x": str, "y": float}
    assert "b.csv is missing" in load_table(path, columns).why
    path.parent.mkdir()
    for content, reason in (
        (b"x,y\n1\n2,inf\n", ""),
        (b"x,y\n1,2,3\n", "b.csv cannot be read"),
        (b"x,y\n1,2\n1,2,3\n", "b.csv cannot be read"),
        (b"x,y\n1,high\n", "in column y a cell is no number"),
        (b"x\n1\n", "column y is missing"),
        (b"x,y\n", "b.csv has no rows"),
        (b"\n", "b.csv cannot be read"),
        (b"\xff\xfe\x00", "b.csv cannot be read"),
        (b"", "b.csv is empty"),
    ):
        path.write_bytes(content)
        table = load_table(path, columns)
        assert reason in table.why
        assert bool(reason) == bool(table.why)
        assert list(table.frame) == ["x", "y"]
        assert table.frame["y"].isna().all()
    path.with_suffix(".parquet").write_bytes(b"x,y\n")
    assert "b.parquet cannot be read" in load_table(path.with_suffix(".parquet"), columns).why
    assert load_table(None, columns).why


# The viewer


def grid(array, spacing=2.0):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((spacing,) * 3)
    return image


def test_a_shrunk_volume_is_empty_outside_the_body_and_nowhere_inside():
    body = np.zeros((8, 8, 8), np.uint8)
    body[2:6] = 1
    values = np.random.default_rng(0).uniform(10, 90, body.shape).astype(np.float32)
    small = shrunk_volume(grid(values), grid(body), 4.0)
    array = sitk.GetArrayFromImage(small)
    assert small.GetSize() == (4, 4, 4)
    assert small.GetSpacing() == (4, 4, 4)
    assert (array[[0, 3]] == 0).all()
    assert (array[1:3] > 0).all()
    assert set(np.unique(array) % STEP) == {0}
    assert array.max() <= LEVELS * STEP


def test_a_shrunk_map_keeps_its_scale_its_place_and_its_emptiness():
    values = np.zeros((6, 6, 6), np.float32)
    values[4, 1, 2], values[0, 0, 0], values[3, 3, 3] = 5.0, np.nan, 1.0
    small, low, high = shrunk_map(grid(values), grid(np.zeros(values.shape, np.uint8)))
    array = sitk.GetArrayFromImage(small)
    assert (low, high) == (1.0, 5.0)
    assert (array[4, 1, 2], array[3, 3, 3], array[0, 0, 0]) == (LEVELS * STEP, STEP, 0)
    assert highest(small) == [-4.0, -2.0, 8.0]


def test_scans_of_the_split_test_come_first_where_not_all_fit(whole, tmp_path):
    program = tmp_path / "v.js"
    program.write_text("x")
    layers = []
    for scan in ("P10-a", "P3-a", "P4-a"):
        for path in whole["layers"]:
            copy = tmp_path / scan / path.name
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(path.read_bytes())
            layers.append(copy)
    size = sum(len(path.read_bytes()) for path in whole["layers"]) * 4 / 3
    made = viewer_of([program], layers, whole["bone_table"], scan_rows(SCANS, {}, {}, []), {}, int(1.7 * size / 0.3))
    assert list(made.scans) == ["P3-a"]
    assert made.left_out == 2


def test_a_package_that_is_another_is_refused_with_both_integrities(tmp_path):
    package = tmp_path / "niivue.tgz"
    package.write_bytes(b"something else")
    with pytest.raises(MarrowError, match=r"its integrity is sha512-.* and sha512-YMjQ.* is expected"):
        take_script(package, tmp_path / "script.js")
    assert not (tmp_path / "script.js").exists()


def test_without_a_way_out_the_viewer_is_stopped_with_what_to_do(tmp_path):
    import fetch_viewer

    given = {"package": [], "program": tmp_path / "v.js", "checkpoints": tmp_path}
    with pytest.raises(Stopped, match=r"report\.viewer\.package"):
        fetch_viewer.main(**given, addresses=["ftp://nowhere/niivue.tgz"])
    with pytest.raises(Stopped, match="cannot be read or written"):
        fetch_viewer.main(**given | {"package": [tmp_path / "none.tgz"]}, addresses=[])


def test_a_page_without_the_viewer_says_why_and_lets_no_second_script_run(whole, tmp_path):
    program = tmp_path / "results" / "viewer" / "niivue.js"
    program.parent.mkdir(parents=True)
    program.touch()
    text = build(whole | {"program": [program], "report": whole["report"].with_name("p.html")})
    assert "No viewer in this page" in text
    assert "niivue.js is empty" in text
    policy = re.search(r"script-src ([^;]*);", unescape(text)).group(1)
    assert policy.count("sha256-") == 1


def test_the_policy_names_the_viewers_program_by_its_digest_and_nothing_else(whole, tmp_path):
    program = tmp_path / "niivue.js"
    program.write_text("window.niivue = {};")
    text = build(whole | {"program": [program], "report": whole["report"].with_name("p.html")})
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text).group(1)
    assert policy.count("sha256-") == 3
    assert not re.search("unsafe|blob:|connect-src|worker-src|wasm", policy)
    assert HOSTILE not in text
    assert text.count("<script>") == 1


def test_layers_are_only_of_scans_that_have_some(whole, tmp_path):
    program = tmp_path / "niivue.js"
    program.write_text("x")
    text = build(whole | {"program": [program], "report": whole["report"].with_name("p.html")})
    assert re.findall(r'data-view="([^"]*)"', text) == [f"scan-{toy.VIEWED}-layers"]
    assert Path(whole["layers"][0]).name == "bones.nii.gz"


# Snakemake's own report


@pytest.mark.parametrize("caption", sorted((ROOT / "docs" / "captions").glob("*.rst")), ids=lambda path: path.stem)
def test_a_caption_is_sound_markup(caption):
    text = re.sub(r"{{.*?}}", "x", caption.read_text(), flags=re.DOTALL)
    told = io.StringIO()
    publish_string(text, settings_overrides={"warning_stream": told, "report_level": 1})
    assert told.getvalue() == ""
