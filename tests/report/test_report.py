"""The report: one file, nothing from outside unescaped, nothing asked of a network, nothing left out."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2 import UndefinedError
from markupsafe import Markup
from PIL import Image

import build_report
from marrow.errors import MarrowError
from marrow.report.page import Section, environment, render_page
from marrow.report.pictures import album
from marrow.report.scans import anchor_of, read_flags, scan_rows
from marrow.report.sections import overview
from marrow.report.sections.cohort import cohort_section
from toy_report import (
    BONES,
    CONTRASTS,
    HOSTILE,
    PERCENTILES,
    ROWS,
    SCANS,
    STOPPED,
    VALIDATION,
    bone_inputs,
    report_inputs,
)

VOID = {"meta", "link", "img", "br", "hr", "input", "line", "polyline", "circle", "rect"}


class Page(HTMLParser):
    """A page as a list of its elements, with the text of each id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        """Keep an element that opens."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        """Keep an element without content."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        """Check that elements close in the order in which they opened."""
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data):
        """Keep the words that a reader sees."""
        if not {"style", "script"} & set(self.open):
            self.words.append(data)

    def all(self, name):
        """The attributes of all elements of a name."""
        return [attributes for tag, attributes in self.elements if tag == name]


@pytest.fixture
def inputs(tmp_path):
    return report_inputs(tmp_path)


@pytest.fixture
def with_bones(inputs, tmp_path):
    return inputs | bone_inputs(tmp_path)


def build(arguments) -> str:
    build_report.main(**arguments)
    return arguments["report"].read_text(encoding="utf-8")


# What comes from outside


def test_what_is_short_in_a_split_is_told_beside_the_cohort(tmp_path):
    inputs = report_inputs(tmp_path) | {"split_notes": ["focal is short in test: 1 of 4 scans"]}
    build_report.main(**inputs)
    page = inputs["report"].read_text()
    assert "focal is short in test: 1 of 4 scans" in page[page.index('id="cohort"') : page.index('id="cohort-table"')]


def test_hostile_names_become_text(with_bones):
    page = Page(build(with_bones))
    assert len(page.all("script")) == 1
    assert not any("onerror" in attributes for _, attributes in page.elements)
    assert HOSTILE in page.words
    assert SCANS[2]["patient"] in page.words
    assert "A <b>report</b>" in page.words


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1),
    st.sampled_from(["scan", "patient", "label", "split", "site"]),
)
def test_whatever_a_sheet_holds_adds_no_element(words, column):
    def elements(value):
        scans = [{**SCANS[0], column: value}]
        rows = scan_rows(scans, {}, {}, [])
        sections = [overview.section(rows), cohort_section(rows, [words], [words])]
        return [tag for tag, _ in Page(render_page("t", "l", sections)).elements]

    assert elements(words) == elements("plain")


@given(st.text(), st.text())
def test_different_scans_have_different_anchors(one, other):
    assert (anchor_of(one) == anchor_of(other)) == (one == other)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", anchor_of(one))


def test_an_unknown_name_in_a_template_is_an_error():
    with pytest.raises(UndefinedError):
        environment().from_string("{{ nothing }}").render()


# One file


def test_nothing_in_the_page_points_outside(with_bones):
    page = Page(build(with_bones))
    for tag, attributes in page.elements:
        for name in ("src", "href", "action", "poster", "data", "srcset"):
            address = attributes.get(name)
            assert address is None or address.startswith(("#", "data:")), f"<{tag} {name}={address[:40]}>"
    assert "url(" not in build(with_bones)
    assert "@import" not in build(with_bones)


def test_the_policy_allows_this_style_and_this_script_and_no_request(with_bones):
    text = build(with_bones)
    policy = next(meta["content"] for meta in Page(text).all("meta") if meta.get("http-equiv"))
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        content = re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL).group(1)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_no_element_carries_its_own_style_or_handler(with_bones):
    for tag, attributes in Page(build(with_bones)).elements:
        assert not [name for name in attributes if name == "style" or name.startswith("on")], tag


def test_every_link_inside_the_page_leads_somewhere_and_every_id_is_unique(with_bones):
    page = Page(build(with_bones))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    referred = [link["href"][1:] for link in page.all("a")]
    referred += [attributes["aria-labelledby"] for _, attributes in page.elements if "aria-labelledby" in attributes]
    assert set(referred) <= set(ids)


def test_every_picture_says_what_it_is(with_bones):
    page = Page(build(with_bones))
    assert all(image["alt"] and image["width"] and image["height"] for image in page.all("img"))
    assert all(plot["role"] == "img" and plot["aria-label"] for plot in page.all("svg"))


def test_the_same_inputs_give_the_same_bytes(with_bones):
    assert build(with_bones) == build(with_bones)


# What it tells


def test_every_scan_is_in_the_table_and_has_its_place(inputs):
    page = Page(build(inputs))
    places = {attributes.get("id") for attributes in page.all("article")}
    assert places == {anchor_of(scan["scan"]) for scan in SCANS}


def test_a_stopped_scan_has_its_reason_and_no_picture(inputs):
    text = build(inputs)
    stopped = re.search('<section id="stopped".*?</section>', text, re.DOTALL).group(0)
    assert STOPPED in stopped
    assert "3 stations, not 4; give all 4 files" in stopped
    assert "P2-a" not in stopped
    article = re.search(f'id="{anchor_of(STOPPED)}".*?</article>', text, re.DOTALL).group(0)
    assert "<img" not in article
    assert text.count("<img ") == len(SCANS) - 1


def test_a_stop_that_only_a_record_tells_is_listed(inputs):
    path = inputs["records"][4]
    content = json.loads(path.read_text())
    content["stopped"] = {"stage": "standardise_scan", "check": "body_mask", "message": "the mask is empty"}
    path.write_text(json.dumps(content))
    stopped = re.search('<section id="stopped".*?</section>', build(inputs), re.DOTALL).group(0)
    assert "P1-a" in stopped
    assert "the mask is empty" in stopped


def test_without_stopped_scans_the_report_says_so(tmp_path):
    arguments = report_inputs(tmp_path, [(scan, "ok", "", "", "", "") for scan, *_ in ROWS])
    text = build(arguments)
    assert "None. Every scan went through all stages." in text
    assert "none stopped, none to look at" in text


def test_a_scan_is_as_bad_as_its_worst_row(tmp_path):
    rows = [
        ("P2-a", "ok", "s", "c", "", "m"),
        ("P2-a", "stopped", "s", "c", "", "m"),
        ("P2-a", "warned", "s", "c", "", "m"),
    ]
    arguments = report_inputs(tmp_path, rows)
    found = {row.scan: row for row in scan_rows(SCANS, {}, {}, read_flags(arguments["checks_table"]))}
    assert found["P2-a"].status == "stopped"
    assert [flag.status for flag in found["P2-a"].flags] == ["stopped", "warned", "ok"]
    assert found["P1-a"].status == "unknown"


def test_the_overview_counts_every_scan_once():
    text = overview.section(scan_rows(SCANS, {}, {}, [])).html
    table = re.search('id="by-class".*?</table>', text, re.DOTALL).group(0)
    sums = re.search('<tr class="sum">(.*?)</tr>', table, re.DOTALL).group(1)
    *splits, every = (int(number) for number in re.findall(r'class="number">(\d+)', sums))
    assert every == sum(splits) == len(SCANS)


def test_the_numbers_of_the_standard_are_those_of_its_file(inputs):
    text = build(inputs)
    table = re.search('id="standard-table".*?</table>', text, re.DOTALL).group(0)
    numbers = [[float(n) for n in re.findall(r'number">([\d.]+)<', row)] for row in table.split("<tr>")[2:]]
    expected = [np.load(path)[0] for path in inputs["standards"]]
    assert [row[0] for row in numbers] == PERCENTILES
    assert np.allclose(np.array(numbers)[:, 1:], np.array(expected).T, atol=5e-4)


def test_the_curve_of_a_standard_rises_from_the_lower_left_to_the_upper_right(inputs):
    part = re.search('<section id="standard".*?</section>', build(inputs), re.DOTALL).group(0)
    for curve in re.findall('<polyline class="curve" points="(.*?)"', part):
        x, y = np.array([point.split(",") for point in curve.split()], float).T
        assert (np.diff(x) > 0).all()
        assert (np.diff(y) <= 0).all(), "y counts downwards"
        assert y[0] > y[-1] == 0


def test_a_standard_that_was_not_made_is_said_to_be_missing(inputs):
    inputs["standards"][0].write_bytes(b"")
    assert "Not made:" in build(inputs)


def test_a_record_that_cannot_be_read_is_counted_and_stops_nothing(inputs):
    (inputs["report"].parents[1] / "normalised" / "P10-a" / "record.json").write_text("{")
    assert "Records that cannot be read</dt><dd>1;" in build(inputs)


def test_every_kind_of_figure_says_how_to_read_it(inputs):
    text = build(inputs)
    for figure in ("the findings", "a standard scale", "a quality sheet", "the provenance"):
        fold = re.search(f"<summary>How to read {figure}</summary>.*?</details>", text, re.DOTALL).group(0)
        for word in ("Shown", "Good", "Bad", "What to do"):
            assert f"<dt>{word}</dt>" in fold


def test_a_table_without_its_columns_is_refused_by_name(inputs):
    inputs["checks_table"].write_text("scan\tstatus\n")
    with pytest.raises(MarrowError, match="message is missing"):
        build(inputs)


def test_two_sections_may_not_share_an_anchor():
    section = Section("one", "One", Markup("<p>x</p>"))
    with pytest.raises(ValueError, match="one"):
        render_page("t", "l", [section, section])


# Bones


def bones_of(text):
    """The section on bones, its pieces between tags, and its table's rows."""
    part = re.search('<section id="bones".*?</section>', text, re.DOTALL).group(0)
    body = re.search('id="bone-scores-table".*?<tbody>(.*?)</tbody>', part, re.DOTALL)
    rows = (
        [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in body.group(1).split("<tr>")[1:]]
        if body
        else []
    )
    return part, [[re.sub("<[^>]*>", "", cell) for cell in row] for row in rows]


def write_scores(path, *rows):
    path.write_text("\n".join(["scan,bone,stage,dice,hd95_mm,volume_error", *rows]) + "\n")


def dots_of(part):
    """Class, place and words of each dot of the chart."""
    lanes = re.findall(r'<g class="(raw|corrected)">(.*?)\n</g>', part, re.DOTALL)
    return [
        (stage, float(x), words)
        for stage, lane in lanes
        for words, x in re.findall(r'<title>(.*?)</title><circle cx="([\d.]+)"', lane)
    ]


def test_the_bones_table_has_the_means_and_says_what_has_no_value(with_bones):
    _, rows = bones_of(build(with_bones))
    assert rows == [
        ["skull", "1", "0", "0.800", "0.900", "6.0", "4.0", "+0.250", "-0.050"],
        ["ribs_left", "1", "1", "0.000", "0.000", "none", "none", "-1.000", "-1.000"],
        ["&lt;i&gt;femur&lt;/i&gt;", "0", "0", "none", "none", "none", "none", "none", "none"],
    ]


def test_the_mean_dice_is_of_bones_and_not_of_rows(with_bones):
    write_scores(
        with_bones["bone_scores"][0],
        *[f"{scan},skull,corrected,{dice},2,0" for scan, dice in (("P4-a", 0.9), ("P1-a", 0.7), ("P2-a", 0.8))],
        "P4-a,sternum,corrected,0.4,2,0",
        "P1-a,sternum,corrected,,,",
    )
    part, _ = bones_of(build(with_bones))
    assert "<dt>mean Dice, corrected</dt><dd>0.600</dd>" in part
    assert "<dt>scans scored</dt><dd>3</dd>" in part


def test_a_bone_that_was_invented_lowers_its_mean_and_is_no_scan_in_which_it_is(with_bones):
    write_scores(with_bones["bone_scores"][0], "P4-a,skull,corrected,0.8,2,0", "P1-a,skull,corrected,0,,")
    _, (row,) = bones_of(build(with_bones))
    assert (row[1], row[2], row[4]) == ("1", "0", "0.400")


def test_every_score_is_a_dot_at_its_place_on_the_scale(with_bones):
    part, _ = bones_of(build(with_bones))
    dots = dots_of(part)
    assert sorted(dots) == sorted(
        [
            ("raw", 448.0, f"{VALIDATION}: raw 0.800"),  # a scale of 560 from 0 to 1, since a bone was missed
            ("corrected", 504.0, f"{VALIDATION}: corrected 0.900"),
            ("raw", 0.0, f"{VALIDATION}: raw 0.000"),
            ("corrected", 0.0, f"{VALIDATION}: corrected 0.000"),
        ]
    )


def test_the_papers_range_lies_where_its_numbers_are_and_is_called_context(with_bones):
    write_scores(with_bones["bone_scores"][0], "P4-a,skull,corrected,0.69,2,0", "P4-a,sternum,corrected,0.919,2,0")
    part, _ = bones_of(build(with_bones))
    start, width = map(float, re.search(r'class="context" x="([\d.]+)".*?width="([\d.]+)"', part).groups())
    low, high = sorted(x for _, x, _ in dots_of(part))
    assert (start, start + width) == pytest.approx((low, high), abs=0.11)
    assert "context, other data" in part


def test_a_scale_begins_below_the_lowest_dice_and_ends_at_one(with_bones):
    write_scores(with_bones["bone_scores"][0], "P4-a,skull,raw,0.43,2,0", "P4-a,skull,corrected,1,2,0")
    part, _ = bones_of(build(with_bones))
    assert {x for _, x, _ in dots_of(part)} == {28.0, 560.0}  # 0.03 of 0.6, and the end
    ticks = re.findall(r'text-anchor="middle">([\d.]+)</text>', part)
    assert ticks[:7] == ["0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1.0"]


def test_validation_scans_are_listed_as_scored_or_not(with_bones):
    scans = [{**scan, "split": "validation"} if scan["scan"] == "P1-a" else scan for scan in SCANS]
    part, _ = bones_of(build(with_bones | {"scans": scans}))
    scored, unscored = re.search(r"<p>Scored:(.*?)</p>.*?not scored.*?:(.*?)</p>", part, re.DOTALL).groups()
    assert re.findall("<bdi>(.*?)</bdi>", scored) == [VALIDATION]
    assert re.findall("<bdi>(.*?)</bdi>", unscored) == ["P1-a"]


def test_a_network_has_a_curve_for_what_it_has(with_bones):
    part, _ = bones_of(build(with_bones))
    loss, dice = re.findall(r'<figure class="plot">.*?</figure>', part, re.DOTALL)
    assert re.findall("<title>(.*?)</title>", loss) == ["network train", "network all"]
    assert re.findall("<title>(.*?)</title>", dice) == ["network train"]
    points = [tuple(map(float, point.split(","))) for point in re.search('points="(.*?) "', loss).group(1).split()]
    assert points[0] == (0, 0)  # the first epoch has the highest loss
    assert points[-1] == (240, pytest.approx(150 - 150 * 0.25 / 2, abs=0.1))
    assert [x for x, _ in points] == pytest.approx([240 * i / 7 for i in range(8)], abs=0.1)


@pytest.mark.parametrize("cell", ["", "nan"])
def test_an_epoch_without_a_number_leaves_no_point(with_bones, cell):
    path = with_bones["bone_histories"][0]
    path.write_text(f"epoch,seconds,learning_rate,loss,dice\n1,1,1,0.5,{cell}\n2,1,1,0.25,0.75\n")
    part, _ = bones_of(build(with_bones | {"bone_histories": [path]}))
    loss, dice = re.findall(r'points="(.*?) "', part)
    assert loss.split() == ["0.0,0.0", "240.0,75.0"]
    assert len(dice.split()) == 1


def test_what_is_missing_of_the_bones_is_said_with_the_reason(inputs, with_bones, tmp_path):
    def words(**changed):
        return bones_of(build(with_bones | changed))[0]

    empty, stopped = tmp_path / "empty.csv", tmp_path / "header.csv"
    empty.touch()
    write_scores(stopped)
    trainings = [scan | {"split": "train"} for scan in SCANS]
    assert "Bones are switched off" in bones_of(build(inputs))[0]
    assert "no scan of the split validation has an annotation" in words(bone_scores=[])
    assert "no scan is in the split validation" in words(bone_scores=[], scans=trainings)
    assert "was stopped" in words(bone_scores=[stopped])
    assert "no network was trained" in words(bone_histories=[])
    assert "the history of the training is empty" in words(bone_histories=[empty])
    whole = words()
    for reason in ("Bones are switched off", "No scores", "No training curve"):
        assert reason not in whole


@pytest.mark.parametrize("name", ["bone_scores", "bone_histories"])
@pytest.mark.parametrize("harm", ["columns", "words"])
def test_a_damaged_score_or_history_is_refused_by_name(with_bones, name, harm):
    path = with_bones[name][0]
    path.write_text("scan,epoch\n1,2\n" if harm == "columns" else re.sub(r",[\d.]+\n", ",none\n", path.read_text()))
    with pytest.raises(MarrowError, match=path.name):
        build(with_bones)


def test_every_scan_has_its_bone_sheet_beside_its_quality_sheet(with_bones):
    text = build(with_bones)
    for scan, sheet, bones in zip(SCANS, with_bones["sheets"], with_bones["bone_sheets"], strict=True):
        article = re.search(f'id="{anchor_of(scan["scan"])}".*?</article>', text, re.DOTALL).group(0)
        shown = [base64.b64decode(source) for source in re.findall(r'src="data:image/png;base64,(.*?)"', article)]
        assert shown == [path.read_bytes() for path in (sheet, bones) if path.stat().st_size]
        assert ("No bone sheet was drawn" in article) == (scan["scan"] == STOPPED)
    assert "No bone sheet" not in build(with_bones | {"bone_sheets": []})


def test_bone_sheets_share_the_budget(with_bones):
    text = build(with_bones | {"settings": {"budget_mb": 0.4}})
    assert "results/bones" in text
    pictures = re.findall(r'src="data:image/webp;base64,(.*?)"', text)
    assert len(pictures) == 2 * (len(SCANS) - 1)
    assert sum(map(len, pictures)) <= 400_000


def test_the_kinds_of_figures_of_the_bones_say_how_to_read_them(with_bones):
    text = build(with_bones)
    for figure in ("the scores of the bones", "a training curve", "a bone sheet"):
        assert text.count(f"<summary>How to read {figure}</summary>") == 1


def test_a_bones_name_adds_no_element(with_bones):
    page = Page(build(with_bones))
    assert not page.all("i")
    assert BONES[2] in page.words


# The budget


def test_pictures_within_the_budget_stay_whole(inputs):
    pictures = album(inputs["sheets"], 10**8)
    assert not pictures.reduced
    kept = base64.b64decode(pictures.pictures[0].source.split(",")[1])
    assert kept == inputs["sheets"][0].read_bytes()


@pytest.mark.parametrize("budget", [400_000, 100_000, 60_000])
def test_pictures_beyond_the_budget_shrink_until_they_fit_and_the_page_says_so(inputs, budget):
    pictures = album(inputs["sheets"], budget)
    assert sum(len(picture.source.split(",")[1]) for picture in pictures.pictures if picture) <= budget
    assert pictures.reduced
    assert [picture is None for picture in pictures.pictures] == [scan["scan"] == STOPPED for scan in SCANS]
    arguments = {**inputs, "settings": {"budget_mb": budget / 1e6}}
    assert "To keep this page small" in build(arguments)


def test_the_report_shows_one_plot_per_contrast(inputs):
    part = re.search('<section id="standard".*?</section>', build(inputs), re.DOTALL).group(0)
    assert part.count("<svg ") == len(CONTRASTS)


def test_pictures_that_the_step_was_not_chosen_by_count_as_well(inputs, tmp_path, monkeypatch):
    monkeypatch.setattr("marrow.report.pictures.SAMPLE", 6)
    blank = tmp_path / "blank.png"
    Image.new("L", (960, 480)).save(blank)
    noisy = inputs["sheets"][0]
    paths = [blank if i % 3 == 0 else noisy for i in range(18)]  # every third is looked at for the first guess
    pictures = album(paths, 675_000)
    assert sum(len(picture.source.split(",")[1]) for picture in pictures.pictures if picture) <= 675_000
