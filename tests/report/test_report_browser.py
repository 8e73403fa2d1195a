"""The report in a real browser: it opens without a word on the console, asks nothing of a network, and can be used.

Debian's Chromium is driven through its own chromedriver by selenium, which is plain Python: with both programs named
it downloads nothing and needs no Node. Where either program is missing, the tests are skipped.
"""

import base64
import io
import json
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

import build_report
from marrow.report.viewer.package import take_script
from toy_evaluation import VIEWED, evaluation_inputs, scan_inputs
from toy_report import HOSTILE, SCANS, bone_inputs, report_inputs

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed (requirements-dev.txt)")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.select import Select  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="Chromium or its chromedriver is not on this machine"),
]
FLAGS = [
    "headless",
    "no-sandbox",
    "use-gl=angle",
    "use-angle=swiftshader",  # WebGL2 without a graphics card
    "enable-unsafe-swiftshader",
    "disable-quic",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
]
BONES = "bone-scores-table"
SIZES = {"desktop": (1440, 900), "tablet": (820, 1180), "phone": (390, 844)}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    arguments = report_inputs(folder) | bone_inputs(folder) | scan_inputs(folder)
    scans, table = evaluation_inputs(folder), evaluation_inputs(folder / "more", "musk1", "classical")
    arguments |= {name: scans[name] + table[name] for name in scans}
    build_report.main(**arguments | {"program": viewer_program(folder)})
    return arguments["report"].as_uri()


def viewer_program(folder):
    """NiiVue out of the package that `MARROW_NIIVUE` names; a stand-in that draws nothing where it names none."""
    program = folder / "niivue.js"
    if package := os.environ.get("MARROW_NIIVUE"):
        take_script(Path(package), program)
    else:
        program.write_text("window.niivue = {};\n")
    return [program]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS, f"user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield browser
    browser.quit()


@pytest.fixture
def page(chromium, address):
    """The report, freshly opened at desktop size; earlier log entries are gone."""
    chromium.get("about:blank")
    show(chromium, *SIZES["desktop"])
    for log in ("browser", "performance"):
        chromium.get_log(log)
    chromium.get(address)
    return chromium


def show(browser, width, height, scheme="light", medium="screen"):
    measures = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", measures)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": medium, "features": features})


def table(page, name="cohort-table"):
    return page.find_element(By.ID, name)


def column(page, index, name="cohort-table"):
    """The texts of the shown cells of a column, from the top."""
    rows = table(page, name).find_elements(By.CSS_SELECTOR, "tbody tr")
    return [row.find_elements(By.CSS_SELECTOR, "th, td")[index].text for row in rows if row.is_displayed()]


def press(page, *keys):
    webdriver.ActionChains(page).send_keys(*keys).perform()


def focused(page):
    return page.switch_to.active_element


# Opening


def test_the_report_opens_without_console_messages_and_without_requests(page, address):
    page.execute_script("scrollTo(0, document.body.scrollHeight)")
    messages = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = {
        message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"
    }
    assert address in asked
    assert not [url for url in asked - {address} if not url.startswith("data:")]
    assert page.get_log("browser") == []


def test_every_picture_is_loaded_once_it_is_reached(page):
    widths = page.execute_async_script(
        "const done = arguments[0], pictures = [...document.querySelectorAll('main img')];"
        "(async () => { for (const p of pictures) { p.scrollIntoView(); await p.decode(); }"
        " done(pictures.map(p => p.naturalWidth)); })()"
    )
    assert all(widths)
    assert widths.count(960) == 2 * (len(SCANS) - 1), "quality and bone sheets of each scan that was not stopped"


def test_hostile_names_are_shown_and_do_nothing(page):
    assert page.title == "A <b>report</b>"
    assert HOSTILE in column(page, 0)
    assert SCANS[2]["patient"] in column(page, 1)
    assert not page.find_elements(By.CSS_SELECTOR, "img[onerror], bdi *")


def test_a_script_that_slipped_in_would_not_run(page):
    page.execute_script(
        "const s = document.createElement('script'); s.textContent = 'document.title = \"owned\"';"
        "document.body.append(s);"
    )
    assert page.title != "owned"


# Tables


def test_a_column_sorts_both_ways_with_numbers_in_their_order(page):
    button = table(page).find_element(By.CSS_SELECTOR, "thead button")
    scans = ["P1-a", "P2-a", "P3-a", "P4-a", "P10-a"]
    button.click()
    assert [scan for scan in column(page, 0) if scan != HOSTILE] == scans
    assert table(page).find_element(By.CSS_SELECTOR, "thead th").get_attribute("aria-sort") == "ascending"
    button.click()
    assert [scan for scan in column(page, 0) if scan != HOSTILE] == scans[::-1]


def test_cells_without_a_value_go_last_either_way(page):
    button = table(page).find_elements(By.CSS_SELECTOR, "thead button")[2]
    for _ in range(2):
        button.click()
        assert column(page, 2)[-1] == "none"


def test_search_and_choice_leave_the_rows_that_fit_both(page):
    cohort = table(page)
    tools = cohort.find_element(By.CLASS_NAME, "tools")
    Select(tools.find_elements(By.TAG_NAME, "select")[0]).select_by_visible_text("healthy")
    assert column(page, 0) == ["P10-a", "P1-a"]
    search = tools.find_element(By.TAG_NAME, "input")
    search.send_keys("p10 NORTH")
    assert column(page, 0) == ["P10-a"]
    assert tools.find_element(By.TAG_NAME, "output").text == "1 of 6 rows"
    search.clear()
    search.send_keys("nobody")
    assert column(page, 0) == []


def test_a_range_of_a_number_leaves_the_rows_in_which_it_is_known_and_within(page):
    least, most = (
        page.find_element(By.CSS_SELECTOR, f"#cohort-table input[aria-label='age (years), {end}']")
        for end in ("at least", "at most")
    )
    least.send_keys("47.5")
    assert column(page, 0) == ["P10-a", "P4-a"]
    most.send_keys("50")
    assert column(page, 0) == ["P4-a"]
    least.clear()
    most.clear()
    least.send_keys("1", Keys.BACKSPACE)
    assert len(column(page, 0)) == len(SCANS)


def test_a_table_is_copied_as_it_is_shown(page):
    tools = table(page).find_element(By.CLASS_NAME, "tools")
    Select(tools.find_elements(By.TAG_NAME, "select")[0]).select_by_visible_text("focal")
    tools.find_element(By.TAG_NAME, "button").click()
    search = tools.find_element(By.TAG_NAME, "input")
    search.click()
    webdriver.ActionChains(page).key_down(Keys.CONTROL).send_keys("v").key_up(Keys.CONTROL).perform()
    pasted = search.get_property("value")
    assert "P2-a\tP2\tfocal\ttrain\tsouth\twarned\t1" in pasted
    assert "P10-a" not in pasted


@pytest.mark.parametrize(
    ("name", "ascending"),
    [
        ("Dice", ["0.000", "0.900", "none"]),
        ("volume", ["-1.000", "-0.050", "none"]),
        ("volume raw", ["-1.000", "+0.250", "none"]),
        ("bone", ["<i>femur</i>", "ribs_left", "skull"]),
    ],
)
def test_the_bones_scores_sort_by_value_also_below_zero(page, name, ascending):
    heads = table(page, BONES).find_elements(By.CSS_SELECTOR, "thead th")
    (index,) = [place for place, head in enumerate(heads) if head.text.split("\n")[0].strip(" \u2195") == name]
    for order in (ascending, [cell for cell in ascending[::-1] if cell != "none"] + ["none"] * ("none" in ascending)):
        heads[index].find_element(By.TAG_NAME, "button").click()
        assert column(page, index, BONES) == order


# Bones


def test_the_papers_range_is_named_as_context_beside_the_dots(page):
    chart = page.find_element(By.CLASS_NAME, "chart")
    assert "0.690 (sacrum) to 0.919 (left femur) in the paper; context" in chart.text
    band = chart.find_element(By.CSS_SELECTOR, "rect.context").rect
    assert band["width"] > 0
    skull = [dot.rect for dot in chart.find_elements(By.TAG_NAME, "circle")][:2]  # 0.8 raw, 0.9 corrected
    assert all(band["x"] < dot["x"] < band["x"] + band["width"] for dot in skull)


@pytest.mark.parametrize("size", SIZES)
def test_no_word_of_the_bones_drawings_is_cut(page, size):
    show(page, *SIZES[size])
    assert cut_words(page) == []
    assert smallest_words(page, "#bones") >= 9


def test_a_bone_sheet_opens_large_and_closes_again(page):
    (button,) = page.find_elements(By.CSS_SELECTOR, "#scan-P4-a .enlarge[aria-label^='Enlarge the bone sheet']")
    page.execute_script("arguments[0].scrollIntoView()", button)
    button.click()
    picture = page.find_element(By.CSS_SELECTOR, "dialog img")
    assert picture.is_displayed()
    assert picture.get_attribute("alt").startswith("Bone sheet of scan P4-a")
    assert picture.get_property("naturalWidth") == 960
    press(page, Keys.ESCAPE)
    assert not page.find_element(By.TAG_NAME, "dialog").is_displayed()


def test_a_scored_scan_leads_to_its_pictures(page):
    page.find_element(By.CSS_SELECTOR, "#bones a[href='#scan-P4-a']").click()
    top = page.execute_script("return document.querySelector('#scan-P4-a').getBoundingClientRect().top")
    assert 0 <= top < SIZES["desktop"][1]


def smallest_words(page, part):
    """The height of the smallest letters in the drawings, in pixels of the screen; none are infinitely large."""
    return page.execute_script(
        "return Math.min(1e9, ...[...document.querySelectorAll(arguments[0] + ' svg text')].map(t =>"
        " parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a))",
        part,
    )


def cut_words(page, part="#bones"):
    """Words of the drawings that reach out of them."""
    return page.execute_script(
        "return [...document.querySelectorAll(arguments[0] + ' svg text')].filter(t => {"
        " const [word, all] = [t, t.ownerSVGElement].map(e => e.getBoundingClientRect());"
        " return word.left < all.left - 1 || word.right > all.right + 1 || word.top < all.top - 1 ||"
        " word.bottom > all.bottom + 1; }).map(t => t.textContent)",
        part,
    )


# Models


def test_a_column_of_means_with_their_spread_sorts_by_the_means(page):
    name = "entry-scans-metrics"
    button = table(page, name).find_elements(By.CSS_SELECTOR, "thead button")[2]
    page.execute_script("arguments[0].click()", button)
    means = [float(cell.split(" ±")[0]) for cell in column(page, 2, name)]
    assert means == sorted(means)


def test_a_column_with_a_printed_minus_sorts_by_value_and_dashes_go_last(page):
    name = "entry-scans-paper1"
    button = table(page, name).find_elements(By.CSS_SELECTOR, "thead button")[3]
    page.execute_script("arguments[0].click()", button)
    assert column(page, 3, name) == ["\u22120.102", "+0.020", "\u2013"]
    page.execute_script("arguments[0].click()", button)
    assert column(page, 3, name) == ["+0.020", "\u22120.102", "\u2013"]


@pytest.mark.parametrize("part", ["#methods", "#localisation", "#costs"])
@pytest.mark.parametrize("size", ["desktop", "tablet"])
def test_no_word_of_the_methods_drawings_is_cut(page, size, part):
    show(page, *SIZES[size])
    page.execute_script("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    assert cut_words(page, part) == []
    assert smallest_words(page, f"{part} :is(.intervals, .bars)") >= 9


def test_a_folded_data_set_opens_by_keyboard(page):
    summary = page.find_element(By.CSS_SELECTOR, "#benchmarks summary")
    opened = "return document.querySelector('#benchmarks details.entry').open"
    before = page.execute_script(opened)
    page.execute_script("arguments[0].focus()", summary)
    press(page, Keys.ENTER)
    assert page.execute_script(opened) != before


# The viewer


def open_viewer(page):
    button = page.find_element(By.CSS_SELECTOR, f"#scan-{VIEWED} .start")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()
    WebDriverWait(page, 60).until(
        lambda _: page.find_elements(By.CSS_SELECTOR, ".panel[data-ready], .panel .empty"), "the viewer said nothing"
    )
    return page.find_element(By.CLASS_NAME, "panel")


def test_nothing_of_the_viewer_runs_before_a_click(page):
    assert page.execute_script("return typeof window.niivue") == "undefined"
    assert not page.find_elements(By.TAG_NAME, "canvas")


def test_without_webgl2_the_viewer_says_so_and_the_pictures_stay(page):
    page.execute_script("HTMLCanvasElement.prototype.getContext = () => null")
    panel = open_viewer(page)
    assert "no WebGL2" in panel.find_element(By.CSS_SELECTOR, "[role=status]").text
    assert page.find_element(By.CSS_SELECTOR, f"#scan-{VIEWED} .map img").is_displayed()
    assert page.get_log("browser") == []


def test_a_program_that_fails_leaves_a_sentence_and_no_canvas(page):
    page.execute_script("window.niivue = {}")
    panel = open_viewer(page)
    assert "could not draw" in panel.find_element(By.CSS_SELECTOR, "[role=status]").text
    assert not panel.find_elements(By.TAG_NAME, "canvas")


@pytest.mark.skipif(not os.environ.get("MARROW_NIIVUE"), reason="MARROW_NIIVUE names no npm package of NiiVue")
def test_the_viewer_draws_names_what_is_under_the_pointer_and_asks_nothing(page):
    panel = open_viewer(page)
    canvas = panel.find_element(By.TAG_NAME, "canvas")
    picture = Image.open(io.BytesIO(base64.b64decode(canvas.screenshot_as_base64))).convert("RGB")
    assert len(picture.resize((60, 60)).getcolors(3600)) > 3, "scan, map and ground"
    under = panel.find_element(By.CLASS_NAME, "under")

    def names_the_bone(_):
        page.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
        for above in (40, 60):
            webdriver.ActionChains(page).move_to_element_with_offset(canvas, 0, -above).perform()
        return "skull" in under.text

    WebDriverWait(page, 20).until(names_the_bone, "the bone is not named")
    assert "map: " in under.text
    page.execute_script("arguments[0].focus()", panel.find_element(By.CSS_SELECTOR, "input[type=range]"))
    press(page, Keys.ARROW_RIGHT)
    messages = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert not [url for url in asked if not url.startswith(("data:", "file:"))]
    assert page.get_log("browser") == []
    panel.find_element(By.CSS_SELECTOR, ".tools button").click()
    assert focused(page) == page.find_element(By.CSS_SELECTOR, f"#scan-{VIEWED} .start")


# Keyboard


def test_the_first_stop_is_a_link_that_skips_to_the_content(page):
    press(page, Keys.TAB)
    assert focused(page).text == "Skip to the content"
    assert focused(page).location["x"] >= 0
    press(page, Keys.ENTER)
    assert focused(page).get_attribute("id") == "content"


def test_focus_goes_through_the_page_in_reading_order(page):
    page.execute_script("window.stops = []; document.addEventListener('focusin', e => stops.push(e.target))")
    press(page, *[Keys.TAB] * 40)
    in_order = page.execute_script(
        "return stops.length >= 40 && stops.every((stop, i) =>"
        " i === 0 || stops[i - 1].compareDocumentPosition(stop) & Node.DOCUMENT_POSITION_FOLLOWING)"
    )
    assert in_order


def test_everything_that_can_be_reached_has_a_name(page):
    nameless = page.execute_script(
        "return [...document.querySelectorAll('a, button, input, select, [tabindex=\"0\"]')].filter(e =>"
        " !(e.textContent.trim() || e.getAttribute('aria-label') || e.getAttribute('aria-labelledby')"
        " || e.closest('label'))).length"
    )
    assert nameless == 0


def test_a_column_sorts_by_keyboard(page):
    page.execute_script("document.querySelector('#cohort-table thead button').focus()")
    press(page, Keys.SPACE)
    assert column(page, 0).index("P1-a") < column(page, 0).index("P10-a")


def test_a_picture_opens_large_and_escape_returns_to_its_button(page):
    button = page.find_element(By.CSS_SELECTOR, ".enlarge[aria-label^='Enlarge the quality sheet']")
    page.execute_script("arguments[0].focus()", button)
    press(page, Keys.ENTER)
    dialog = page.find_element(By.TAG_NAME, "dialog")
    assert dialog.is_displayed()
    assert dialog.find_element(By.TAG_NAME, "img").get_property("naturalWidth") == 960
    press(page, Keys.ESCAPE)
    assert not dialog.is_displayed()
    assert focused(page) == button


def test_without_scripts_everything_can_still_be_read(chromium, address):
    chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        chromium.get(address)
        assert set(column(chromium, 0)) == {scan["scan"] for scan in SCANS}
        assert not chromium.find_element(By.CLASS_NAME, "enlarge").is_displayed()
    finally:
        chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


# Looks


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_its_window(page, size, scheme, tmp_path):
    show(page, *SIZES[size], scheme)
    wide, room = page.execute_script("return [document.body.scrollWidth, document.documentElement.clientWidth]")
    assert wide <= room
    assert page.save_screenshot(str(tmp_path / f"{size}-{scheme}.png"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(page, scheme):
    show(page, *SIZES["desktop"], scheme)
    colour = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
    ground = luminance(page.execute_script(colour, "body", "backgroundColor"))
    assert (ground > 0.5) == (scheme == "light")
    for part in ("body", "main a", "caption", ".none", ".status.ok", ".status.warned", ".status.stopped"):
        ink = luminance(page.execute_script(colour, part, "color"))
        low, high = sorted((ink, ground))
        assert (high + 0.05) / (low + 0.05) >= 4.5, part


def luminance(colour):
    """Relative luminance of a CSS colour as the browser reports it (WCAG 2.2)."""
    parts = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_print_unfolds_what_is_folded_and_leaves_out_what_cannot_be_used(page, tmp_path):
    page.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert not page.find_elements(By.CSS_SELECTOR, "details:not([open])")
    assert not page.find_elements(By.CSS_SELECTOR, "th button")  # a heading with one is not repeated on the next page
    show(page, *SIZES["desktop"], scheme="dark", medium="print")
    for useless in (".contents", ".tools", ".enlarge"):
        assert not page.find_element(By.CSS_SELECTOR, useless).is_displayed()
    ground = page.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert luminance(ground) == pytest.approx(1)
    page.execute_script("dispatchEvent(new Event('afterprint'))")
    assert page.find_elements(By.CSS_SELECTOR, "details:not([open])")
    assert page.find_elements(By.CSS_SELECTOR, "th button")
    printed = page.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    (tmp_path / "print.pdf").write_bytes(base64.b64decode(printed["data"]))
    assert (tmp_path / "print.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("part", ["#bones", "#methods", "#localisation", "#costs"])
def test_nothing_is_cut_on_paper(page, part):
    """On A4 between its margins a page has 680 pixels, that of the widest tables 1046; nobody can scroll on paper."""
    for width, excepted in ((680, ".widest, .widest *"), (1046, "none")):
        show(page, width, 1000, medium="print")
        assert cut_words(page, part) == []
        beyond = page.execute_script(
            "const end = document.body.clientWidth; return [...document.querySelectorAll(arguments[0] + ' *')].filter("
            "e => !e.matches(arguments[1]) && e.getBoundingClientRect().right > end + 1).map("
            "e => e.outerHTML.slice(0, 80))",
            part,
            excepted,
        )
        assert beyond == []
