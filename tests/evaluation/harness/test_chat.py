"""Chat templates: which one is taken, what it makes of a conversation, and who has none."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from brahma.core.errors import TemplateError
from brahma.evaluation.harness.chat import HarnessChat

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TURNS = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
OPENING = "{% if add_generation_prompt %}[assistant]{% endif %}"
NO_SYSTEM = "{% if messages[0].role == 'system' %}{{ raise_exception('no system messages') }}{% endif %}"
STRICT = "{% if messages|length > 1 %}{{ raise_exception('one message alone') }}{% endif %}"
ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
BEGUN = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "As"}]


@pytest.fixture
def own(tokenizer: PreTrainedTokenizerBase) -> Any:
    """A tokenizer of the test's own, which may get any template."""
    return copy.deepcopy(tokenizer)


def test_the_tokenizers_own_template_is_taken(own: Any) -> None:
    own.chat_template = TURNS + OPENING
    chat = HarnessChat(own)
    assert chat.text == own.chat_template
    assert chat.render(ASKED) == "[system]Be brief.[user]Why?[assistant]"
    assert chat.render(BEGUN, add_generation_prompt=False) == "[user]Why?[assistant]As"


def test_one_of_several_is_taken_by_its_name(own: Any) -> None:
    own.chat_template = {"default": TURNS, "shouting": TURNS.upper().replace("MESSAGES", "messages")}
    assert HarnessChat(own).text == TURNS
    own.chat_template = {"default": TURNS, "tools": TURNS + OPENING}
    assert HarnessChat(own, "tools").render(ASKED).endswith("[assistant]")


def test_a_file_is_taken_where_the_tokenizer_has_none(own: Any, tmp_path: Path) -> None:
    own.chat_template = None
    file = tmp_path / "mine.jinja"
    file.write_text("<s>" + TURNS + OPENING)
    assert HarnessChat(own, file).render(BEGUN[:1]) == "<s>[user]Why?[assistant]"
    assert HarnessChat(own, str(file)).text == file.read_text()


def test_a_system_message_that_is_refused_is_left_out(own: Any) -> None:
    own.chat_template = NO_SYSTEM + TURNS
    assert HarnessChat(own).render(ASKED) == "[user]Why?"


def test_no_template_is_said_with_the_model_and_what_to_do(own: Any) -> None:
    own.chat_template = None
    with pytest.raises(TemplateError, match="has no chat template") as caught:
        HarnessChat(own, where="runs/base")
    assert caught.value.where == "runs/base"
    assert "--chat-template" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("template", "asked", "message", "hint"),
    [
        ({"rag": TURNS, "tools": TURNS}, True, "none of them is its default", "--chat-template=rag"),
        ({"default": TURNS, "tools": TURNS}, "tool", "cannot be read", 'did you mean "tools"?'),
        (TURNS, "no/such.jinja", "cannot be read", "a file that holds a Jinja template"),
    ],
)
def test_an_unknown_name_is_said_with_those_that_are(
    own: Any, template: Any, asked: Any, message: str, hint: str
) -> None:
    own.chat_template = template
    with pytest.raises(TemplateError, match=message) as caught:
        HarnessChat(own, asked)
    assert hint in str(caught.value.hint)


def test_a_template_that_is_none_is_told_before_anything_is_asked(own: Any, tmp_path: Path) -> None:
    file = tmp_path / "torn.jinja"
    file.write_text("{% for m in messages %}")
    with pytest.raises(TemplateError, match="is no Jinja"):
        HarnessChat(own, file)


def test_messages_that_are_refused_are_told(own: Any) -> None:
    own.chat_template = STRICT + TURNS
    with pytest.raises(TemplateError, match="refuses the messages of a task") as caught:
        HarnessChat(own).render(BEGUN)
    assert "one message alone" in str(caught.value.why)


def test_what_is_rendered_is_what_the_reference_renders(own: Any, model_folder: Path) -> None:
    pytest.importorskip("lm_eval")
    from lm_eval.models.huggingface import HFLM

    theirs = HFLM(pretrained=str(model_folder), tokenizer=own, device="cpu")
    for template in (own.chat_template, TURNS + OPENING, NO_SYSTEM + TURNS):
        own.chat_template = template
        for messages, opening in ((ASKED, True), (BEGUN, False)):
            expected = theirs.apply_chat_template(messages, opening)
            assert HarnessChat(own).render(messages, add_generation_prompt=opening) == expected


def test_a_missing_template_is_told_before_any_task_is_looked_for(
    own: Any, model_folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("lm_eval")
    from transformers import AutoModelForCausalLM

    from brahma.evaluation import Evaluator

    own.chat_template = None
    evaluator = Evaluator.from_model(AutoModelForCausalLM.from_pretrained(model_folder), own)
    with pytest.raises(TemplateError, match="has no chat template"):
        evaluator.evaluate(["hellaswag"], chat_template=True, data_dir=tmp_path, cache=False)  # no data there
