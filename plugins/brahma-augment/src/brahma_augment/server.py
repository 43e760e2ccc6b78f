"""Any server with OpenAI's chat interface, through httpx (https://platform.openai.com/docs/api-reference/chat).

Requests run beside each other within a rate, are tried again with growing pauses (or the one that the server
asks for), and their answers are kept on disk by content: the same question is never asked twice. The key is
read from the environment and stands nowhere else.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brahma.core.errors import ConfigError, DataError
from brahma.core.extras import needs
from brahma.core.layout import printable
from brahma.data.augmentation.contract import Failed
from brahma_augment.options import EngineOptions
from brahma_augment.prompts import Question

if TYPE_CHECKING:
    import httpx

_AGAIN = (408, 409, 425, 429, 500, 502, 503, 504)
_REFUSED = (401, 403, 404, 405)
_LONGEST_PAUSE = 60.0  # seconds


class Server:
    """A server's answers.

    Args:
        url: up to and with `/v1`.

    Raises:
        DataError: the server cannot be reached, or refuses.
        ConfigError: it has several models and none is named.
    """

    def __init__(self, url: str, options: EngineOptions) -> None:
        with needs("brahma-augment", "a server"):
            import httpx
        key = os.environ.get(options.api_key_env)
        self._url, self._options = url.rstrip("/"), options
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=options.timeout,
            limits=httpx.Limits(max_connections=options.concurrency),
        )
        try:
            self._model = options.model or self._only_model()
        except BaseException:
            self._client.close()
            raise
        self.name = f"openai {self._model}"
        self.batch_size = 4 * options.concurrency
        self._cache = (options.cache or _cache_folder()).expanduser()
        self._gate = _Gate(options.requests_per_minute)

    def answers(self, questions: Sequence[Question]) -> list[str | Failed]:
        pool = ThreadPoolExecutor(self._options.concurrency)
        try:
            return list(pool.map(self._answer, questions))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # Ctrl-C does not wait for what is under way

    def close(self) -> None:
        self._client.close()

    def _answer(self, question: Question) -> str | Failed:
        body = {
            "model": self._model,
            "messages": question.messages,
            "temperature": self._options.temperature,
            "max_tokens": self._options.max_new_tokens,
            "seed": question.seed,
        }
        text = json.dumps([self._url, body], sort_keys=True)
        digest = hashlib.blake2b(text.encode(), digest_size=20).hexdigest()
        path = self._cache / digest[:2] / f"{digest}.txt"
        if path.is_file():
            return path.read_text(encoding="utf-8")
        answer = self._asked(body)
        if isinstance(answer, str):
            _keep(path, answer)
        return answer

    def _asked(self, body: dict[str, Any]) -> str | Failed:
        """The answer, after as many attempts as it takes and may take."""
        import httpx

        failure = Failed("the server did not answer")
        for attempt in range(self._options.attempts):
            pause = min(2.0**attempt, _LONGEST_PAUSE) * random.uniform(0.5, 1)
            self._gate.wait()
            try:
                response = self._client.post(f"{self._url}/chat/completions", json=body)
            except httpx.TimeoutException:
                failure = Failed("took too long", f"{self._options.timeout:g} s")
            except httpx.HTTPError as error:
                failure = Failed("the connection failed", str(error))
            else:
                if response.status_code in _REFUSED:
                    raise self._refused(response)
                if response.status_code not in _AGAIN:
                    return _content_of(response)
                failure = Failed(f"the server answered {response.status_code}", _shown(response))
                pause = _asked_pause(response) or pause
            if attempt + 1 < self._options.attempts:
                time.sleep(pause)
        return failure

    def _only_model(self) -> str:
        """The model of a server that has one."""
        import httpx

        try:
            response = self._client.get(f"{self._url}/models")
        except httpx.HTTPError as error:
            raise DataError(
                "the server cannot be reached",
                where=self._url,
                why=str(error),
                hint="Start it, or correct the address: --engine openai:http://HOST:PORT/v1",
            ) from error
        if response.status_code in _REFUSED and response.status_code != 404:
            raise self._refused(response)
        try:
            names = [str(each["id"]) for each in response.json()["data"]]
        except (ValueError, KeyError, TypeError):
            names = []
        if len(names) != 1:
            raise ConfigError(
                "which of the server's models is meant?"
                if names
                else "the server does not say what models it has",
                where=self._url,
                why=f"it has {', '.join(names[:10])}" if names else None,
                hint="Name it: --option paraphrase.model=NAME (for each technique)",
            )
        return names[0]

    def _refused(self, response: httpx.Response) -> DataError:
        env = self._options.api_key_env
        given = f"the key in {env} was sent" if os.environ.get(env) else f"no key was sent: {env} is not set"
        return DataError(
            f"the server refuses: {response.status_code} {response.reason_phrase}",
            where=self._url,
            why=given if response.status_code in (401, 403) else "there is nothing at this address",
            hint=f"Set {env}" if response.status_code in (401, 403) else "The address ends in /v1, as a rule",
        )


def _content_of(response: httpx.Response) -> str | Failed:
    if response.status_code != 200:
        return Failed(f"the server answered {response.status_code}", _shown(response))
    try:
        choice = response.json()["choices"][0]
        content = choice["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError):
        return Failed("the answer is nonsense", _shown(response))
    if not isinstance(content, str):
        return Failed("the answer is nonsense", f"its content is of type {type(content).__name__}")
    if choice.get("finish_reason") == "length":
        return Failed("the answer was cut off", "see max_new_tokens")
    if any("\ud800" <= character <= "\udfff" for character in content):
        return Failed("the answer is nonsense", "it holds half of a surrogate pair")
    return content


def _shown(response: httpx.Response) -> str:
    """The beginning of an answer, for an error: it may hold anything."""
    return printable(response.text[:200])


def _asked_pause(response: httpx.Response) -> float | None:
    """Seconds that the server asks for by Retry-After (RFC 9110, 10.2.3), at most a minute."""
    value = response.headers.get("Retry-After")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(0.0, seconds), _LONGEST_PAUSE)  # 0 for NaN


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "brahma" / "augment"


def _keep(path: Path, answer: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
    part.write_text(answer, encoding="utf-8")
    part.rename(path)


class _Gate:
    """Lets so many requests begin in a minute, evenly."""

    def __init__(self, per_minute: int | None) -> None:
        self._apart = 60.0 / per_minute if per_minute else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        with self._lock:
            now = time.monotonic()
            begins = max(now, self._next)
            self._next = begins + self._apart
        time.sleep(begins - now)
