from pathlib import Path

import pytest

from brahma.core.errors import TemplateError
from brahma.data.rows import Message
from brahma.data.templates import DEFAULT_TEMPLATE, ChatTemplate, load_template
from tests.data.small_tokenizers import CHATML, small_tokenizer

TURNS = [Message("system", "s"), Message("user", " u\n"), Message("assistant", "a b"), Message("user", "v")]
LAST = Message("assistant", "é 🙂")
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}


def spoken(source: str) -> tuple[str, list[str]]:
    rendered = ChatTemplate(source, "the template", TOKENS).render([*TURNS, LAST])
    return rendered.text, [rendered.text[start:stop] for start, stop in rendered.spans]


def test_our_template_keeps_the_text_as_it_stands_and_begins_once() -> None:
    text, said = spoken(DEFAULT_TEMPLATE)
    assert text == "<s><|system|>s</s><|user|> u\n</s><|assistant|>a b</s><|user|>v</s><|assistant|>é 🙂</s>"
    assert said == ["a b</s>", "é 🙂</s>"]


def test_our_template_asks_for_an_answer_with_the_text_that_comes_before_one() -> None:
    chat = [{"role": turn.role, "content": turn.content} for turn in TURNS]
    prompt = small_tokenizer().apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    text, _ = spoken(DEFAULT_TEMPLATE)
    assert text == str(prompt) + LAST.content + "</s>"


def test_without_a_generation_block_prefixes_tell_who_speaks() -> None:
    _, said = spoken(CHATML)
    assert said == ["a b<|im_end|>\n", "é 🙂<|im_end|>\n"]


def test_a_template_that_rewrites_earlier_turns_is_refused_by_name() -> None:
    drops_thoughts = "{% for m in messages %}{{ m.content if loop.last else m.content | upper }}{% endfor %}"
    with pytest.raises(TemplateError, match="the template cannot be supervised") as caught:
        ChatTemplate(drops_thoughts, "the template").render([*TURNS, LAST], "rows.jsonl:3")
    assert caught.value.where == "rows.jsonl:3"
    assert "{% generation %}" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("{% for %}", "TemplateSyntaxError"),
        ("{{ raise_exception('no system role') }}", "no system role"),
        ("{{ messages[0].content + 1 }}", "TypeError"),
        ("{{ messages.__class__.__mro__ }}", "SecurityError"),
    ],
)
def test_a_template_that_fails_is_a_template_error(source: str, why: str) -> None:
    with pytest.raises(TemplateError, match="the template fails") as caught:
        ChatTemplate(source, "the template").render([*TURNS, LAST], "rows.jsonl:3")
    assert why in str(caught.value.why)
    assert caught.value.where == "rows.jsonl:3"


def test_a_template_is_given_as_a_file_or_as_text(tmp_path: Path) -> None:
    file = tmp_path / "chat.jinja"
    file.write_text(CHATML, "utf-8")
    assert load_template(file) == (CHATML, f"the chat template {file}")
    assert load_template(str(file))[0] == CHATML
    assert load_template(CHATML)[0] == CHATML
    with pytest.raises(TemplateError, match="cannot be read"):
        load_template(tmp_path / "none.jinja")
