"""From every layout to every other: how, what would be lost, and what the user must say for that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import cast, get_args

from brahma.core.errors import RowError
from brahma.data.conversion.forms import OWN_KEYS, Form, Pair, Running, Talk, Turn, WouldLoseError
from brahma.data.conversion.options import Options
from brahma.data.conversion.rules import by_continuation, by_prompt, by_title, joined
from brahma.data.conversion.transcripts import Transcript, transcript_of
from brahma.data.layouts import KEYS, Layout, layouts_of
from brahma.data.rows import BadRow

Notes = Counter[str]
"""What was built, put elsewhere or left out -> how often."""


@dataclass(frozen=True, slots=True)
class Way:
    """One cell of the table.

    Attributes:
        how: what becomes of a row.
        asks: what is refused until the user says so; empty when nothing is.
    """

    how: str
    asks: str = ""


_BUILT = "turns are built by a rule"
_TALKS: tuple[Layout, ...] = ("chat", "instruct", "sharegpt")
_LABELLED = Way(
    "turns become one text",
    "`--rule transcript` (`User: …`, `Assistant: …`) or `--rule join` (who speaks is lost)",
)
_ONE_EXCHANGE = "a system turn (`--system prompt` or `drop`); several exchanges (`--turns join` or `split`)"
_UNANSWERED = "a last request without an answer (never)"
_MESSAGE_KEYS = "further keys of messages (`--drop-keys`)"


def _table() -> dict[tuple[Layout, Layout], Way]:
    table: dict[tuple[Layout, Layout], Way] = {}
    for talk in _TALKS:
        table["text", talk] = Way(_BUILT)
        table["completion", talk] = Way("the prompt asks, the completion answers")
        table[talk, "text"] = _LABELLED
        table[talk, "completion"] = Way(
            "the request is the prompt, the answer the completion", f"{_ONE_EXCHANGE}; {_UNANSWERED}"
        )
    table["text", "completion"] = Way(f"{_BUILT}, of one request and one answer")
    table["completion", "text"] = Way(
        "prompt and completion become one text", "`--rule join` (the border is lost) or `--rule transcript`"
    )
    table["completion", "instruct"] = Way("prompt is `instruction`, completion is `output`")
    for talk in ("chat", "sharegpt"):
        table["instruct", talk] = Way("`history` and `system` become turns; `input` goes below `instruction`")
        table[talk, "instruct"] = Way(
            "the last exchange; earlier ones are `history`, the system turn is `system`",
            f"{_UNANSWERED}; {_MESSAGE_KEYS}",
        )
    table["chat", "sharegpt"] = Way("`user` is `human`, `assistant` is `gpt`")
    table["sharegpt", "chat"] = Way("`human` is `user`, `gpt` is `assistant`; `system` is the first turn")
    for layout in get_args(Layout):
        table[layout, layout] = Way("the row as it is")
    return table


TABLE: Mapping[tuple[Layout, Layout], Way] = _table()


def rows_of(
    form: Form, target: Layout, options: Options, notes: Notes
) -> Iterator[dict[str, object] | BadRow]:
    """The rows of another layout that a form becomes; more than one where it is split.

    Args:
        options: whose `rule` is no longer `auto` when a document is to become turns.
        notes: counted up.

    Raises:
        WouldLoseError: something has no place in the layout, and the options do not say what becomes of it.
        RowError: a rule does not fit this row.
    """
    if form.other:
        _require_room(form.other, target)
    if target == "text":
        yield _row(_running(form, options, notes))
        return
    for talk in _talks(form, options, notes):
        if isinstance(talk, BadRow):
            yield talk
        elif target == "completion":
            yield _row(_pair(talk, options, notes))
        else:
            yield _WRITERS[target](talk)


def _require_room(other: Mapping[str, object], target: Layout) -> None:
    """Raises WouldLoseError when a further key of the row would be taken for one of its layout's."""
    clashing = sorted(other.keys() & OWN_KEYS[target])
    found = layouts_of({**dict.fromkeys(KEYS[target], ""), **other})
    clashing += [key for layout in found if layout != target for key in KEYS[layout] if key in other]
    if clashing:
        raise WouldLoseError(
            f"further keys that a layout uses: {', '.join(clashing)}",
            f"--drop-keys {','.join(clashing)} leaves them out; --map {clashing[0]}=other_name renames",
        )


def _row(form: Running | Pair) -> dict[str, object]:
    if isinstance(form, Running):
        return {"text": form.text, **form.other}
    return {"prompt": form.prompt, "completion": form.completion, **form.other}


def _running(form: Form, options: Options, notes: Notes) -> Running:
    if isinstance(form, Running):
        return form
    assert isinstance(form, Pair | Talk)
    if options.rule == "join":
        text = joined(form)
        notes["joined into one text: where a piece ends, and who says it, is lost"] += 1
    elif options.rule == "transcript":
        text = transcript_of(_as_talk(form))
        notes["written as a transcript"] += 1
    else:
        raise WouldLoseError(
            "who speaks, and where a turn ends",
            "--rule transcript writes names before the turns; --rule join puts them one after another",
        )
    _require_no_message_keys(form, "text")
    return Running(source=form.source, line=form.line, other=form.other, text=text)


def _as_talk(form: Pair | Talk) -> Talk:
    if isinstance(form, Talk):
        return form
    turns = (Turn("user", form.prompt), Turn("assistant", form.completion))
    return Talk(source=form.source, line=form.line, other=form.other, turns=turns)


def _talks(form: Form, options: Options, notes: Notes) -> Iterator[Talk | BadRow]:
    """The conversations of a form, with the system's turn and several exchanges as the options say."""
    if isinstance(form, Running):
        talks = _built(form, options, notes)
    else:
        talks = iter([_as_talk(cast("Pair | Talk", form))])
    for talk in talks:
        if isinstance(talk, BadRow):
            yield talk
        else:
            yield from _split(_with_system(talk, options, notes), options, notes)


def _built(document: Running, options: Options, notes: Notes) -> Iterator[Talk | BadRow]:
    if options.rule == "title":
        yield by_title(document)
    elif options.rule == "continue":
        yield from by_continuation(document)
    elif options.rule == "prompt":
        yield by_prompt(document, cast(str, options.prompt))
    else:
        transcript = Transcript(document.source, options.speakers)
        lines = enumerate(document.text.split("\n"), document.line)
        for talk in transcript.conversations(lines):
            yield talk if isinstance(talk, BadRow) else replace(talk, other=document.other)
        count_unheeded(transcript, notes)


def count_unheeded(transcript: Transcript, notes: Notes) -> None:
    """Note the lines of a transcript that look like a speaker's and stayed text."""
    if transcript.unheeded:
        notes["lines look like another speaker's and stay text (--speakers says who is who)"] += (
            transcript.unheeded
        )


def _with_system(talk: Talk, options: Options, notes: Notes) -> Talk:
    if talk.system is None or options.system == "keep":
        return talk
    first, *rest = talk.said
    if options.system == "prompt":
        first = replace(first, content=f"{talk.system.content}\n\n{first.content}")
        notes["system turn put before the first request"] += 1
    else:
        notes["system turn left out"] += 1
    return replace(talk, turns=(first, *rest))


def _split(talk: Talk, options: Options, notes: Notes) -> Iterator[Talk]:
    if options.turns != "split" or len(talk.said) <= 2:
        yield talk
        return
    notes["split: each exchange is a row of its own, without what came before"] += 1
    for exchange in talk.exchanges:
        yield replace(talk, turns=(talk.system, *exchange) if talk.system else exchange)


def _pair(talk: Talk, options: Options, notes: Notes) -> Pair:
    """A talk of one exchange; what has no place in it is refused."""
    *earlier, (request, answer) = talk.exchanges
    prompt = request.content
    if earlier and options.turns != "join":
        raise WouldLoseError(
            "several exchanges in one row",
            "--turns join writes the earlier ones into the prompt; --turns split makes a row of each",
        )
    if talk.system is not None and not earlier:
        raise WouldLoseError(
            "a system turn", "--system prompt puts it before the prompt; --system drop leaves it out"
        )
    if earlier:
        prompt = transcript_of(replace(talk, turns=talk.turns[:-1]))
        notes["earlier turns written into the prompt"] += 1
    _require_no_message_keys(talk, "completion")
    return Pair(
        source=talk.source, line=talk.line, other=talk.other, prompt=prompt, completion=answer.content
    )


def _chat(talk: Talk) -> dict[str, object]:
    _require_room_in_turns(talk, {"role", "content"})
    messages = [{"role": turn.role, "content": turn.content, **turn.other} for turn in talk.turns]
    return {"messages": messages, **talk.other}


SHAREGPT_NAMES = {"system": "system", "user": "human", "assistant": "gpt"}


def _sharegpt(talk: Talk) -> dict[str, object]:
    _require_room_in_turns(talk, {"from", "value"})
    turns = [{"from": SHAREGPT_NAMES[turn.role], "value": turn.content, **turn.other} for turn in talk.turns]
    return {"conversations": turns, **talk.other}


def _instruct(talk: Talk) -> dict[str, object]:
    *earlier, (request, answer) = talk.exchanges
    _require_no_message_keys(talk, "instruct")
    if talk.system is not None and not talk.system.content:
        raise WouldLoseError("an empty system turn", "--system drop leaves it out")
    if not request.content.strip():
        hint = "Take the row out, or choose chat, which may have empty requests"
        raise RowError("the request is empty, which an instruction must not be", where=talk.where, hint=hint)
    row: dict[str, object] = {"instruction": request.content, "output": answer.content}
    if talk.system is not None:
        row["system"] = talk.system.content
    if earlier:
        row["history"] = [[asked.content, answered.content] for asked, answered in earlier]
    return {**row, **talk.other}


_WRITERS = {"chat": _chat, "sharegpt": _sharegpt, "instruct": _instruct}


def _require_room_in_turns(talk: Talk, own: set[str]) -> None:
    clashing = sorted({key for turn in talk.turns for key in turn.other if key in own})
    if clashing:
        raise WouldLoseError(
            f"further keys of messages that the layout uses: {', '.join(clashing)}",
            f"--drop-keys {','.join(clashing)} leaves them out",
        )


def _require_no_message_keys(form: Pair | Talk, target: str) -> None:
    keys = sorted({key for turn in form.turns for key in turn.other}) if isinstance(form, Talk) else []
    if keys:
        raise WouldLoseError(
            f"keys of messages: {', '.join(keys)}",
            f"--drop-keys {','.join(keys)} leaves them out ({target} has no place for them)",
        )
