"""A server with OpenAI's interface, also one that fails in every way it can."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from brahma.core.errors import ConfigError, DataError
from brahma.data import augment
from brahma.data.augmentation.contract import Failed
from brahma_augment.engines import backtranslator, paraphraser
from brahma_augment.options import BacktranslationOptions, ParaphraseOptions

KEY = "sk-very-secret"


class Fake(ThreadingHTTPServer):
    """Answers by the words of the text; counts, and notes what it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: Counter[str] = Counter()
        self.keys: set[str | None] = set()
        self.times: list[float] = []
        self.running = self.most = 0
        self.counting = threading.Lock()
        self.together = threading.Barrier(3, timeout=20)
        self.models = ["small"]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Fake

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._send(200, json.dumps({"data": [{"id": name} for name in self.server.models]}))

    def do_POST(self) -> None:
        with suppress(BrokenPipeError):
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, body: dict[str, Any]) -> None:
        text = body["messages"][-1]["content"]
        self.server.asked[text] += 1
        self.server.keys.add(self.headers["Authorization"])
        self.server.times.append(time.monotonic())
        first = self.server.asked[text] == 1
        if "REFUSE" in text:
            return self._send(401, "no")
        if "SLOW" in text and first:
            return self._send(429, "later", {"Retry-After": "0.2"})
        if "ERROR" in text:
            return self._send(500, "oh no")
        if "HANG" in text:
            time.sleep(1.5)
        if "NONSENSE" in text:
            return self._send(200, '{"choices": "none"}')
        if "HTML" in text:
            return self._send(200, "<html>hello</html>")
        if "HALF" in text:
            return self._reply("half of a pair: \ud800", "stop")
        if "BINARY" in text:
            return self._send(200, "\x1b[31m\x00")
        if "TORN" in text:
            return self._send(200, '{"choices": [{"mess')
        if "LONG" in text:
            return self._reply("and so on and", "length")
        if "TOGETHER" in text:
            self._meet()
        return self._reply(text.replace("fast", "rapid"), "stop")

    def _meet(self) -> None:
        """Go on when three are here; the count ends before the answer, which lets the next one come."""
        server = self.server
        with server.counting:
            server.running += 1
            server.most = max(server.most, server.running)
        server.together.wait()
        time.sleep(0.1)  # for a fourth, were it allowed
        with server.counting:
            server.running -= 1

    def _reply(self, text: str, why: str) -> None:
        self._send(200, json.dumps({"choices": [{"message": {"content": text}, "finish_reason": why}]}))

    def _send(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


@pytest.fixture
def server() -> Iterator[Fake]:
    with Fake() as fake:
        thread = threading.Thread(target=fake.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield fake
        fake.shutdown()


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def variants(server: Fake, passages: list[str], count: int = 1, **options: Any) -> list[Any]:
    given = ParaphraseOptions(engine=f"openai:{server.url}", **options)
    with paraphraser(given, seed=1) as augmenter:
        return list(augmenter.variants(passages, count))


def test_answers_come_in_the_order_of_the_questions(server: Fake) -> None:
    passages = [f"{number} fast boats" for number in range(20)]
    assert variants(server, passages) == [[f"{number} rapid boats"] for number in range(20)]
    assert server.keys == {f"Bearer {KEY}"}


def test_requests_run_beside_each_other_and_no_more_than_allowed(server: Fake) -> None:
    passages = [f"TOGETHER {number}" for number in range(9)]
    assert variants(server, passages, concurrency=3) == [[text] for text in passages]
    assert server.most == 3


def test_requests_keep_to_their_rate(server: Fake) -> None:
    variants(server, [f"{number} fast" for number in range(5)], requests_per_minute=300)
    assert server.times[-1] - server.times[0] >= 0.6  # of 0.8; a busy machine may be late with the first


def test_the_same_question_is_never_asked_twice(server: Fake) -> None:
    first = variants(server, ["a fast boat"])
    assert variants(server, ["a fast boat"]) == first
    assert server.asked["a fast boat"] == 1
    variants(server, ["a fast boat"], temperature=0.1)
    assert server.asked["a fast boat"] == 2


def test_a_server_that_is_busy_is_asked_again_when_it_says(server: Fake) -> None:
    began = time.monotonic()
    assert variants(server, ["SLOW fast"]) == [["SLOW rapid"]]
    assert time.monotonic() - began >= 0.2
    assert server.asked["SLOW fast"] == 2


@pytest.mark.parametrize(
    ("text", "reason", "times"),
    [
        ("ERROR", "the server answered 500", 2),
        ("HANG", "took too long", 2),
        ("NONSENSE", "the answer is nonsense", 1),
        ("HTML", "the answer is nonsense", 1),
        ("HALF", "the answer is nonsense", 1),
        ("BINARY", "the answer is nonsense", 1),
        ("TORN", "the answer is nonsense", 1),
        ("LONG", "the answer was cut off", 1),
    ],
)
def test_what_fails_is_told_and_takes_nothing_with_it(
    server: Fake, monkeypatch: pytest.MonkeyPatch, text: str, reason: str, times: int
) -> None:
    monkeypatch.setattr("brahma_augment.server.random.uniform", lambda low, high: 0.01)
    patience = 1.0 if text == "HANG" else 10.0
    failed, good = variants(server, [text, "a fast boat"], attempts=2, timeout=patience)
    assert isinstance(failed, Failed)
    assert failed.reason == reason
    assert good == ["a rapid boat"]
    assert server.asked[text] == times


def test_a_refusal_stops_at_once_and_does_not_tell_the_key(server: Fake) -> None:
    with pytest.raises(DataError, match="refuses: 401") as error:
        variants(server, ["REFUSE"])
    assert "the key in OPENAI_API_KEY was sent" in str(error.value)
    assert KEY not in str(error.value)


def test_the_model_is_asked_for_where_there_are_several(server: Fake) -> None:
    server.models = ["small", "large"]
    with pytest.raises(ConfigError, match="which of the server's models") as error:
        variants(server, ["a"])
    assert "small, large" in str(error.value)
    assert variants(server, ["fast"], model="large") == [["rapid"]]


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(DataError, match="cannot be reached"):
        paraphraser(ParaphraseOptions(engine="openai:http://127.0.0.1:9/v1"), seed=1)


def test_a_round_trip_asks_twice(server: Fake) -> None:
    options = BacktranslationOptions(engine=f"openai:{server.url}", language="Danish")
    with backtranslator(options, seed=1) as augmenter:
        assert augmenter.variants(["a fast boat"], 1) == [["a rapid boat"]]
    assert server.asked == {"a fast boat": 1, "a rapid boat": 1}


def test_a_job_by_a_server_stops_counts_and_goes_on(
    server: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brahma_augment.server.random.uniform", lambda low, high: 0.01)
    data, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    texts = [f"Where do the fast boats {word} in the evening?" for word in ("go", "NONSENSE", "sail")]
    data.write_text("".join(json.dumps({"prompt": text, "completion": "Home."}) + "\n" for text in texts))
    report = augment(data, output, techniques=["paraphrase"], engines=f"openai:{server.url}")
    assert report.written == 2
    assert report.techniques[0].engine == "openai small"
    assert dict(report.techniques[0].reasons) == {"the answer is nonsense": 1}
    assert KEY not in output.read_text()
    assert KEY not in "".join(path.read_text() for path in (tmp_path / "cache").rglob("*.txt"))


def test_the_folder_of_the_cache_can_be_chosen_by_its_name(server: Fake, tmp_path: Path) -> None:
    options = ParaphraseOptions.model_validate(
        {"engine": f"openai:{server.url}", "cache": str(tmp_path / "kept")}
    )
    with paraphraser(options, seed=1) as augmenter:
        assert list(augmenter.variants(["a fast boat"], 1)) == [["a rapid boat"]]
    assert list((tmp_path / "kept").rglob("*.txt"))
