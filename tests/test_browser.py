"""The chat in a real browser: what a reader sees, and that the page asks nobody else."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from chat_fakes import DRAFT, QUOTE, ScriptedAssistant, six_articles

from tests.library import prose
from ui.app import build_app, start

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.common.exceptions import StaleElementReferenceException  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CHROMEDRIVER = shutil.which("chromedriver")
PATIENCE = 60  # seconds; a limit for a slow machine, not an expectation
WEB = {"http", "https", "ws", "wss"}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None or CHROMEDRIVER is None,
        reason="chromium and chromedriver are not both installed",
    ),
]


class Browser:
    """One tab on the chat, and everything it asked the network for."""

    def __init__(self, profile: Path) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for flag in (
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-proxy-server",
            "--window-size=1100,800",
            f"--user-data-dir={profile}",
        ):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        service = webdriver.ChromeService(executable_path=str(CHROMEDRIVER))
        self.driver = webdriver.Chrome(options=options, service=service)

    def see(self, selector: str) -> Any:
        """The first element that is shown and fits the CSS selector, waited for."""
        return WebDriverWait(self.driver, PATIENCE).until(
            lambda driver: next(
                (e for e in driver.find_elements(By.CSS_SELECTOR, selector) if e.is_displayed()),
                None,
            ),
            f"nothing shown fits {selector}",
        )

    def wait_for(self, selector: str, text: str) -> None:
        """Wait until an element that fits the CSS selector shows this text."""
        WebDriverWait(
            self.driver, PATIENCE, ignored_exceptions=[StaleElementReferenceException]
        ).until(
            lambda driver: any(
                text in e.text for e in driver.find_elements(By.CSS_SELECTOR, selector)
            ),
            f"{selector} does not show {text!r}",
        )

    def ask(self, question: str) -> None:
        self.see("#question textarea").send_keys(question + Keys.ENTER)

    def is_shown(self, selector: str) -> bool:
        found = self.driver.find_elements(By.CSS_SELECTOR, selector)
        return any(element.is_displayed() for element in found)

    def complaints(self) -> list[str]:
        entries = self.driver.get_log("browser")
        return [e["message"] for e in entries if e["level"] in {"WARNING", "SEVERE"}]

    def hosts_asked(self) -> set[str]:
        """Host and port of every request and web socket since the last call."""
        messages = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        urls = [
            m["params"].get("url") or m["params"]["request"]["url"]
            for m in messages
            if m["method"] in {"Network.requestWillBeSent", "Network.webSocketCreated"}
        ]
        return {parts.netloc for parts in map(urlsplit, urls) if parts.scheme in WEB}


@pytest.fixture(scope="module")
def assistant() -> ScriptedAssistant:
    return ScriptedAssistant()


@pytest.fixture(scope="module")
def url(assistant: ScriptedAssistant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    examples = ["How long is the bridge?", "Who painted it?"]
    library = six_articles(tmp_path_factory.mktemp("library"))
    app = build_app(lambda: assistant, examples=examples, library=library)
    yield start(app, host="127.0.0.1", port=port)
    app.close()


@pytest.fixture(scope="module")
def open_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.driver.quit()


@pytest.fixture
def browser(open_browser: Browser, assistant: ScriptedAssistant, url: str) -> Browser:
    """The tab on a fresh page, ready to be asked."""
    assistant.may_finish.set()
    open_browser.hosts_asked(), open_browser.complaints()
    open_browser.driver.get(url)
    open_browser.see(".status.ready")
    return open_browser


def test_a_question_is_drafted_then_answered_and_the_page_asks_nobody_else(
    browser: Browser, assistant: ScriptedAssistant, url: str
) -> None:
    assistant.may_finish.clear()
    browser.ask("How long is the bridge?")
    assert browser.see(".draft").text == DRAFT
    assert "not checked yet" in browser.see(".pending .stage").text
    assistant.may_finish.set()
    answer = browser.see(".answer.backed .said")
    assert "The bridge is 310 metres long." in answer.text
    assert not browser.is_shown(".draft")
    assert "a-small-model · 6 articles" in browser.see(".status.ready").text
    assert browser.complaints() == []
    assert browser.hosts_asked() == {urlsplit(url).netloc}


def test_a_mark_opens_its_source_by_mouse_and_by_keyboard_and_leads_back(browser: Browser) -> None:
    browser.ask("How long is the bridge?")
    browser.see("a.mark").click()
    assert browser.see("#turn-1-source-1[open] blockquote").text == QUOTE
    assert not browser.is_shown("#turn-1-source-2[open]")
    browser.driver.find_elements(By.CSS_SELECTOR, "a.mark")[2].send_keys(Keys.ENTER)
    assert browser.see("#turn-1-source-2[open] blockquote").text == "longest"
    assert browser.driver.switch_to.active_element.tag_name == "summary"
    browser.see("#turn-1-source-2 a.back").send_keys(Keys.ENTER)
    assert browser.driver.switch_to.active_element.get_attribute("class") == "mark"
    assert browser.driver.current_url.split("#")[0].endswith("/")


def test_an_example_is_asked_by_a_click_and_clearing_brings_the_examples_back(
    browser: Browser,
) -> None:
    browser.driver.find_elements(By.CSS_SELECTOR, ".example")[1].click()
    assert "The articles do not say." in browser.see(".answer.abstained").text
    assert browser.see(".question").text == "Who painted it?"
    assert not browser.is_shown(".example")
    WebDriverWait(browser.driver, PATIENCE).until(lambda _: browser.see("#clear").is_enabled())
    browser.see("#clear").click()
    browser.see(".example")
    assert not browser.is_shown(".turn")


def test_the_stop_button_stops_the_assistant(
    browser: Browser, assistant: ScriptedAssistant
) -> None:
    before = assistant.closed_early
    browser.ask("Go on forever")
    browser.see(".draft")
    browser.see("#stop").click()
    assert "Stopped." in browser.see(".answer.stopped").text
    assert assistant.closed_early == before + 1
    browser.see("#ask")
    browser.ask("How long is the bridge?")
    assert "310 metres" in browser.see("#current .answer.backed").text


def test_closing_the_page_stops_the_assistant(
    browser: Browser, assistant: ScriptedAssistant
) -> None:
    before = assistant.closed_early
    browser.ask("Go on forever")
    browser.see(".draft")
    browser.driver.get("about:blank")
    WebDriverWait(browser.driver, PATIENCE).until(lambda _: assistant.closed_early == before + 1)


def test_a_fault_of_ours_is_told_in_words_and_the_chat_goes_on(browser: Browser) -> None:
    browser.ask("Let it crash")
    assert "did not expect" in browser.see(".answer.failed").text
    browser.see("#ask")
    browser.ask("How long is the bridge?")
    assert "310 metres" in browser.see("#current .answer.backed").text


def test_markup_in_a_question_stays_text(browser: Browser) -> None:
    browser.ask("<img src=x onerror=\"document.title='gone'\">")
    browser.see(".answer.backed")
    assert browser.see(".question").text == "<img src=x onerror=\"document.title='gone'\">"
    assert browser.driver.title == "Footnote"


def test_nothing_is_cut_off_on_a_narrow_screen(browser: Browser) -> None:
    browser.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 375, "height": 700, "deviceScaleFactor": 1, "mobile": True},
    )
    browser.ask("How long is the bridge?")
    browser.see("a.mark").click()
    browser.see("#turn-1-source-1[open] blockquote")
    width = browser.driver.execute_script("return document.documentElement.scrollWidth")
    browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert width <= 375


def test_an_article_is_uploaded_asked_about_and_removed_again(
    browser: Browser, url: str, tmp_path: Path
) -> None:
    (tmp_path / "Café (2).md").write_text(prose("orchid"), encoding="utf-8")
    (tmp_path / "scan.pdf").write_text("no PDF")
    browser.see("#library-button").send_keys(Keys.ENTER)
    browser.see("#articles table")
    field = browser.driver.find_element(By.CSS_SELECTOR, "#upload input[type=file]")
    field.send_keys(f"{tmp_path / 'Café (2).md'}\n{tmp_path / 'scan.pdf'}")
    told = browser.see("#activity .partial").text
    assert "1 added (Café (2).md)." in told
    assert "scan.pdf cannot be read" in told
    browser.wait_for(".status.ready", "7 articles")

    browser.see("#wanted input, #wanted textarea").send_keys("orchid")
    browser.wait_for(".tally", "1 of 7 articles")
    assert "uploaded" in browser.see(".articles tbody tr").text

    browser.see("#chat-button").send_keys(Keys.ENTER)
    browser.ask("How long is the bridge?")
    browser.see(".answer.backed")

    browser.see("#library-button").send_keys(Keys.ENTER)
    browser.see("button.remove").send_keys(Keys.ENTER)
    assert "will be deleted" in browser.see(".asked").text
    browser.see(".asked .delete").send_keys(Keys.ENTER)
    browser.wait_for("#activity .done", "“The orchid” was removed.")
    browser.wait_for(".status.ready", "6 articles")
    browser.see("#chat-button").send_keys(Keys.ENTER)
    assert "310 metres" in browser.see("#current .answer.backed").text
    assert browser.hosts_asked() == {urlsplit(url).netloc}


def test_a_readers_own_file_is_left_alone_and_the_list_fits_a_narrow_screen(
    browser: Browser,
) -> None:
    browser.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 375, "height": 700, "deviceScaleFactor": 1, "mobile": True},
    )
    browser.see("#library-button").click()
    browser.see("button.remove").click()
    assert "your own file" in browser.see(".asked").text
    assert not browser.is_shown(".asked .delete")
    browser.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not browser.is_shown(".asked")
    browser.see("#refresh").click()
    browser.wait_for("#activity .done", "Nothing has changed.")
    width = browser.driver.execute_script("return document.documentElement.scrollWidth")
    browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert width <= 375
