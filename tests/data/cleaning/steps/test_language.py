import logging
import subprocess
import sys

import pytest

from brahma.core.errors import ConfigError, MissingDependencyError
from brahma.data import languages
from brahma.data.cleaning.contract import Counted, Dropped
from brahma.data.cleaning.steps.language import LanguageOptions, build

TEXTS = {
    "en": "The committee met on Thursday and decided that the bridge should be repaired before winter.",
    "de": "Der Ausschuss tagte am Donnerstag und beschloss, dass die Brücke bald repariert wird.",
    "fr": "Le comité s'est réuni jeudi et a décidé que le pont devait être réparé avant l'hiver.",
    "es": "El comité se reunió el jueves y decidió que el puente debía repararse antes del invierno.",
    "ru": "Комитет собрался в четверг и решил, что мост должен быть отремонтирован до наступления зимы.",
    "ja": "委員会は木曜日に開かれ、冬が来る前に橋を修理するべきであると決定しました。費用は市が負担します。",
}


@pytest.mark.parametrize("code", TEXTS)
def test_every_document_is_kept_and_its_language_counted(code: str) -> None:
    assert build(LanguageOptions())(TEXTS[code]) == Counted({f"language {code}": 1})


@pytest.mark.parametrize("text", ["", "Yes.", "1 2 3 4 5 6 7 8 9 " * 50, "x = {}; " * 3])
def test_a_text_too_short_to_tell_stays_and_is_counted(text: str) -> None:
    assert build(LanguageOptions(keep=["en"]))(text) == Counted({"language undecided": 1})


def test_only_the_languages_asked_for_stay() -> None:
    step = build(LanguageOptions(keep=["en", "de"]))
    assert isinstance(step(TEXTS["de"]), Counted)
    verdict = step(TEXTS["fr"])
    assert isinstance(verdict, Dropped)
    assert verdict.reason == "language fr"
    assert verdict.detail.startswith("score ")


def test_the_middle_tells_where_a_licence_stands_at_the_beginning() -> None:
    text = TEXTS["en"] * 12 + TEXTS["de"] * 30
    assert build(LanguageOptions())(text) == Counted({"language de": 1})
    assert build(LanguageOptions(part="beginning"))(text) == Counted({"language en": 1})


def test_below_the_score_asked_for_a_document_is_undecided() -> None:
    half = f"{TEXTS['en']} {TEXTS['es']}"
    assert build(LanguageOptions(min_score=0.999, keep=["de"]))(half) == Counted({"language undecided": 1})


def test_lone_surrogates_and_nul_bytes_are_no_obstacle() -> None:
    assert build(LanguageOptions())(f"\ud800\x00{TEXTS['en']}\n\r\n") == Counted({"language en": 1})


def test_an_unknown_language_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="'eng' is unknown") as caught:
        build(LanguageOptions(keep=["eng"]))
    assert caught.value.hint == 'did you mean "en"?'


def test_the_model_knows_176_languages() -> None:
    assert len(languages.languages()) == 176


def test_another_fasttext_in_the_place_of_ours_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import fasttext

    monkeypatch.setattr(fasttext, "train_supervised", print, raising=False)
    languages._model.cache_clear()
    try:
        with pytest.raises(MissingDependencyError, match="needs fasttext-predict") as caught:
            build(LanguageOptions())(TEXTS["en"])
        assert "pip install --force-reinstall --no-deps fasttext-predict" in str(caught.value.hint)
    finally:
        languages._model.cache_clear()


def test_nothing_is_logged_or_fetched(caplog: pytest.LogCaptureFixture) -> None:
    code = (
        "import socket, logging\n"
        "def no(*a, **k): raise OSError('network')\n"
        "socket.socket.connect = socket.create_connection = no\n"
        "logging.basicConfig(level=logging.INFO)\n"
        "from brahma.data.cleaning.steps.language import LanguageOptions, build\n"
        f"print(build(LanguageOptions())({TEXTS['de']!r} * 40))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "Counted(counts={'language de': 1})\n"
    assert done.stderr == ""
    with caplog.at_level(logging.INFO):
        build(LanguageOptions())(TEXTS["en"] * 40)
    assert not caplog.records
