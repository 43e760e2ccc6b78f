import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brahma.core.errors import ConfigError, DataError, RowError
from brahma.data import convert
from brahma.data.conversion.ways import TABLE
from brahma.data.layouts import Layout, layout_of
from brahma.data.readers import RawRow, read_rows

same_folder = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
said = text.filter(str.strip)
keys = st.text("abcdefgh", min_size=2, max_size=4)
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | text
others = st.dictionaries(keys, scalars | st.lists(scalars, max_size=2), max_size=2)
string_keys = st.dictionaries(keys, text.filter(bool), max_size=2)


@st.composite
def chats(draw: st.DrawFn, turn_keys: bool = True) -> dict[str, Any]:
    """A conversation as strict readers take it, with further keys beside and within."""
    first = [("system", draw(said))] if draw(st.booleans()) else []
    exchanges = draw(st.lists(st.tuples(said, said), min_size=1, max_size=3))
    turns = [*first, *(turn for ask, answer in exchanges for turn in (("user", ask), ("assistant", answer)))]
    messages = [
        {"role": role, "content": content, **(draw(string_keys) if turn_keys else {})}
        for role, content in turns
    ]
    return {"messages": messages, **draw(others)}


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path: Path) -> list[Any]:
    rows = list(read_rows(path))
    assert all(isinstance(row, RawRow) for row in rows)
    return [row.value for row in rows if isinstance(row, RawRow)]


def through(folder: Path, rows: list[Any], *ways: tuple[str, str | None]) -> list[Any]:
    """The rows after conversions one after another: (ending, format)."""
    path = write(folder / "start.jsonl", rows)
    for number, (ending, format_) in enumerate(ways):
        output = folder / f"step{number}{ending}"
        convert(path, output, format=format_, overwrite=True)  # type: ignore[arg-type]
        path = output
    return read(path)


SAMPLES: Mapping[Layout, dict[str, Any]] = {
    "text": {"text": "A title\n\nAnd what is below."},
    "chat": {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
    "completion": {"prompt": "a", "completion": "b"},
    "instruct": {"instruction": "a", "output": "b"},
    "sharegpt": {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]},
}


class TestRoundTrips:
    @same_folder
    @given(rows=st.lists(chats(), min_size=1, max_size=3))
    def test_chat_to_sharegpt_and_back(self, tmp_path: Path, rows: list[Any]) -> None:
        assert through(tmp_path, rows, (".jsonl", "sharegpt"), (".jsonl", "chat")) == rows

    @same_folder
    @given(rows=st.lists(chats(turn_keys=False), min_size=1, max_size=3))
    def test_chat_to_instruct_and_back(self, tmp_path: Path, rows: list[Any]) -> None:
        assert through(tmp_path, rows, (".jsonl", "instruct"), (".jsonl", "chat")) == rows

    @same_folder
    @given(rows=st.lists(chats(), min_size=1, max_size=3))
    def test_json_lines_to_an_array_and_back(self, tmp_path: Path, rows: list[Any]) -> None:
        assert through(tmp_path, rows, (".json", None), (".jsonl.gz", None), (".jsonl.zst", "jsonl")) == rows

    @same_folder
    @given(rows=st.lists(st.tuples(text, said), min_size=1, max_size=3), names=st.sets(keys, max_size=2))
    def test_pairs_to_a_table_and_back(
        self, tmp_path: Path, rows: list[tuple[str, str]], names: set[str]
    ) -> None:
        pairs = [{"prompt": ask, "completion": answer} | dict.fromkeys(names, "x") for ask, answer in rows]
        ways = ((".csv", "completion"), (".tsv", "tsv"), (".jsonl", "chat"), (".jsonl", "completion"))
        assert through(tmp_path, pairs, *ways) == pairs

    @same_folder
    @given(rows=st.lists(chats(turn_keys=False), min_size=1, max_size=3), names=st.sets(keys, max_size=2))
    @pytest.mark.parametrize("layout", ["chat", "sharegpt"])
    def test_any_layout_to_parquet_and_back(
        self, tmp_path: Path, rows: list[Any], names: set[str], layout: str
    ) -> None:
        alike = [{"messages": row["messages"]} | dict.fromkeys(names, 7) for row in rows]
        assert through(tmp_path, alike, (".parquet", layout), (".jsonl", "chat")) == alike

    def test_a_transcript_to_chat_and_back(self, tmp_path: Path) -> None:
        before = "System: short\nUser: a\nAssistant: b\n\nc\n---\nUser: d\n\ne\nAssistant: f\n"
        (tmp_path / "talk.txt").write_text(before)
        convert(tmp_path / "talk.txt", tmp_path / "talk.jsonl", format="chat")
        convert(tmp_path / "talk.jsonl", tmp_path / "again.txt", format="text", rule="transcript")
        assert (tmp_path / "again.txt").read_text() == before


class TestTheTable:
    def test_it_names_every_pair_of_layouts(self) -> None:
        assert set(TABLE) == {(one, other) for one in get_args(Layout) for other in get_args(Layout)}

    @pytest.mark.parametrize("pair", TABLE, ids="-".join)
    def test_what_it_asks_for_is_asked_for_and_the_rest_is_done(
        self, tmp_path: Path, pair: tuple[Layout, Layout]
    ) -> None:
        path = write(tmp_path / "rows.jsonl", [SAMPLES[pair[0]]])
        if pair[1] == "text" and pair[0] != "text":
            assert "--rule" in TABLE[pair].asks
            with pytest.raises(DataError, match="who speaks"):
                convert(path, tmp_path / "out.jsonl", format=pair[1])
            return
        convert(path, tmp_path / "out.jsonl", format=pair[1])
        (row,) = read(tmp_path / "out.jsonl")
        assert layout_of(row) == pair[1]


TWO_TURNS = {
    "messages": [
        {"role": "system", "content": "s"},
        *(
            {"role": role, "content": content}
            for role, content in zip(["user", "assistant"] * 2, "abcd", strict=True)
        ),
    ]
}


class TestWhatWouldBeLost:
    def refused(self, tmp_path: Path, row: dict[str, Any], output: str = "out.jsonl", **options: Any) -> str:
        plain = SAMPLES[layout_of(row)]
        path = write(tmp_path / "rows.jsonl", [plain, row, row])
        with pytest.raises(DataError) as caught:
            convert(path, tmp_path / output, **options)
        assert sorted(each.name for each in tmp_path.iterdir()) == ["rows.jsonl"]
        assert caught.value.where == f"{path}:2"
        assert "2 of 3 rows" in str(caught.value)
        assert caught.value.hint
        return str(caught.value)

    def test_a_system_turn(self, tmp_path: Path) -> None:
        row = {"messages": TWO_TURNS["messages"][:3]}
        assert "--system prompt" in self.refused(tmp_path, row, format="completion")

    def test_several_exchanges(self, tmp_path: Path) -> None:
        assert "--turns join" in self.refused(tmp_path, TWO_TURNS, format="completion")

    @pytest.mark.parametrize("target", ["completion", "instruct"])
    def test_a_request_without_an_answer(self, tmp_path: Path, target: str) -> None:
        row = {"messages": [*SAMPLES["chat"]["messages"], {"role": "user", "content": "c"}]}
        assert "a last request without an answer" in self.refused(tmp_path, row, format=target)

    def test_keys_of_messages(self, tmp_path: Path) -> None:
        row = {"messages": [{"role": "user", "content": "a", "name": "Ann"}, SAMPLES["chat"]["messages"][1]]}
        assert "--drop-keys name" in self.refused(tmp_path, row, format="instruct")

    def test_keys_that_the_layout_uses(self, tmp_path: Path) -> None:
        row = {**SAMPLES["chat"], "prompt": "mine"}
        assert "--drop-keys prompt" in self.refused(tmp_path, row, format="completion")

    def test_keys_that_would_make_it_another_layout(self, tmp_path: Path) -> None:
        row = {**SAMPLES["completion"], "instruction": "x"}
        write(tmp_path / "rows.jsonl", [{**row, "output": "y"}])
        with pytest.raises(DataError, match="further keys that a layout uses: instruction, output"):
            convert(tmp_path / "rows.jsonl", tmp_path / "out.jsonl", format="chat", layout="completion")

    def test_keys_beside_a_plain_text(self, tmp_path: Path) -> None:
        row = {"text": "one", "id": 1}
        write(tmp_path / "rows.jsonl", [row])
        with pytest.raises(DataError, match="keys beside the text: id"):
            convert(tmp_path / "rows.jsonl", tmp_path / "out.txt")

    def test_where_documents_end_in_a_plain_text(self, tmp_path: Path) -> None:
        path = write(tmp_path / "rows.jsonl", [{"text": "a"}, {"text": "b\n\nc"}])
        with pytest.raises(DataError, match="where one document ends"):
            convert(path, tmp_path / "out.txt")
        with pytest.raises(DataError, match="where one document ends"):
            convert(path, tmp_path / "out.txt", text_document="file")
        convert(path, tmp_path / "out.txt", rule="join")
        assert (tmp_path / "out.txt").read_text() == "a\n\nb\n\nc\n"

    def test_lists_in_a_table(self, tmp_path: Path) -> None:
        row = {**SAMPLES["completion"], "tags": ["x"]}
        assert "--drop-keys tags" in self.refused(tmp_path, row, "out.csv")

    def test_all_of_it_is_told_at_once(self, tmp_path: Path) -> None:
        one = {"messages": TWO_TURNS["messages"][:3]}
        path = write(tmp_path / "rows.jsonl", [one, {"messages": TWO_TURNS["messages"][1:]}])
        with pytest.raises(DataError) as caught:
            convert(path, tmp_path / "out.jsonl", format="completion")
        assert "a system turn: 1 of 2 rows" in str(caught.value)
        assert "several exchanges in one row: 1 of 2 rows, the first is" in str(caught.value)


class TestWhatIsAskedFor:
    def converted(self, tmp_path: Path, row: Any, **options: Any) -> list[Any]:
        path = write(tmp_path / "rows.jsonl", [row])
        self.report = convert(path, tmp_path / "out.jsonl", overwrite=True, **options)
        return read(tmp_path / "out.jsonl")

    def test_the_system_turn_goes_before_the_prompt_or_out(self, tmp_path: Path) -> None:
        row = {"messages": TWO_TURNS["messages"][:3]}
        (kept,) = self.converted(tmp_path, row, format="completion", system="prompt")
        assert kept == {"prompt": "s\n\na", "completion": "b"}
        assert self.report.notes == {"system turn put before the first request": 1}
        (left,) = self.converted(tmp_path, row, format="completion", system="drop")
        assert left == {"prompt": "a", "completion": "b"}
        assert self.report.notes == {"system turn left out": 1}

    def test_exchanges_are_joined(self, tmp_path: Path) -> None:
        (row,) = self.converted(tmp_path, TWO_TURNS, format="completion", turns="join")
        assert row == {"prompt": "System: s\nUser: a\nAssistant: b\nUser: c", "completion": "d"}

    def test_exchanges_are_split(self, tmp_path: Path) -> None:
        rows = self.converted(tmp_path, TWO_TURNS, format="chat", turns="split")
        assert [[turn["content"] for turn in row["messages"]] for row in rows] == [
            ["s", "a", "b"],
            ["s", "c", "d"],
        ]
        assert (self.report.read, self.report.written) == (1, 2)

    def test_several_exchanges_are_history_of_an_instruction(self, tmp_path: Path) -> None:
        (row,) = self.converted(tmp_path, TWO_TURNS, format="instruct")
        assert row == {"instruction": "c", "output": "d", "system": "s", "history": [["a", "b"]]}

    def test_keys_are_renamed(self, tmp_path: Path) -> None:
        names = {"question": "prompt", "answer": "completion"}
        row = {"question": "a", "answer": "b", "id": 1}
        (found,) = self.converted(tmp_path, row, format="chat", rename=names)
        assert found == {**SAMPLES["chat"], "id": 1}

    def test_keys_are_chosen(self, tmp_path: Path) -> None:
        row = {**SAMPLES["completion"], "id": 1, "tag": 2}
        assert self.converted(tmp_path, row, keep_keys=["id"]) == [{**SAMPLES["completion"], "id": 1}]
        assert self.report.notes == {"key 'tag' left out": 1}
        assert self.converted(tmp_path, row, drop_keys=["all"], format="chat") == [SAMPLES["chat"]]

    def test_text_of_a_pair(self, tmp_path: Path) -> None:
        row = SAMPLES["completion"]
        assert self.converted(tmp_path, row, format="text", rule="join") == [{"text": "ab"}]
        assert self.converted(tmp_path, row, format="text", rule="transcript") == [
            {"text": "User: a\nAssistant: b"}
        ]

    def test_the_input_of_an_instruction_goes_below_it(self, tmp_path: Path) -> None:
        row = {"instruction": "a", "input": "i", "output": "b"}
        (found,) = self.converted(tmp_path, row, format="chat")
        assert found["messages"][0]["content"] == "a\ni"
        assert self.report.notes == {"input put below its instruction": 1}


class TestTextIntoTurns:
    def chat(self, tmp_path: Path, document: str, **options: Any) -> list[list[str]]:
        path = tmp_path / "my_data.txt"
        path.write_text(document, encoding="utf-8")
        self.report = convert(path, tmp_path / "my_data.jsonl", format="chat", overwrite=True, **options)
        return [[turn["content"] for turn in row["messages"]] for row in read(tmp_path / "my_data.jsonl")]

    def told(self, head: str) -> str:
        """What the report says behind this word."""
        (line,) = [line for line in self.report.lines() if line.startswith(head)]
        return line.removeprefix(head).strip()

    def test_a_transcript_is_recognised_and_said(self, tmp_path: Path) -> None:
        assert self.chat(tmp_path, "Q: a\nA: b\n\nQ: c\nA: d\n") == [["a", "b"], ["c", "d"]]
        assert self.report.rule == "transcript"
        rule = self.told("rule")
        assert rule.startswith("transcript: each turn begins with its speaker's name")

    def test_each_paragraph_of_prose_is_continued_by_the_next(self, tmp_path: Path) -> None:
        assert self.chat(tmp_path, "\nThe sea\nis salt.\n\nIt is wide.\n \n\nAnd deep.\n") == [
            ["Continue this text:\n\nThe sea\nis salt.", "It is wide."],
            ["Continue this text:\n\nIt is wide.", "And deep."],
        ]
        assert self.told("rule").startswith("continue: each paragraph asks")
        assert self.report.notes == {}

    def test_one_paragraph_has_nothing_to_continue_with(self, tmp_path: Path) -> None:
        with pytest.raises(RowError, match="a document of one paragraph has none to continue with"):
            self.chat(tmp_path, "alone\nin the world", rule="continue")

    def test_the_title_of_prose_asks_and_that_is_said(self, tmp_path: Path) -> None:
        assert self.chat(tmp_path, "\nThe sea\n\nIt is salt.\nIt is wide.\n") == [
            ["The sea", "It is salt.\nIt is wide."]
        ]
        rule = self.told("rule")
        assert rule.startswith("title: the first paragraph of a document asks")
        note = "file taken as one document (--text-document blank_line or line cuts it up)"
        assert self.report.notes == {note: 1}

    def test_paragraphs_are_documents_when_it_is_said(self, tmp_path: Path) -> None:
        found = self.chat(tmp_path, "Sea\nsalt\n\nMill\ngrinds\n", text_document="blank_line")
        assert found == [["Sea", "salt"], ["Mill", "grinds"]]

    def test_one_request_for_all(self, tmp_path: Path) -> None:
        found = self.chat(tmp_path, "one\ntwo\n", prompt="Write.", text_document="line")
        assert found == [["Write.", "one"], ["Write.", "two"]]
        assert self.report.rule == "prompt"

    def test_a_document_of_one_line_cannot_ask(self, tmp_path: Path) -> None:
        with pytest.raises(RowError, match=r"my_data\.txt:1: a document of one line has no title") as caught:
            self.chat(tmp_path, "alone")
        assert "--prompt" in str(caught.value)

    def test_a_beginning_that_nobody_says_is_not_guessed_about(self, tmp_path: Path) -> None:
        document = "My talks\n\nUser: a\nAssistant: b\nUser: c\nAssistant: d\n"
        with pytest.raises(DataError, match="begins with what nobody says"):
            self.chat(tmp_path, document)
        with pytest.raises(RowError, match=r"my_data\.txt:1: no speaker says this text"):
            self.chat(tmp_path, document, rule="transcript")
        assert len(self.chat(tmp_path, document, rule="title")) == 1

    def test_the_rule_of_the_first_file_holds_for_all(self, tmp_path: Path) -> None:
        (tmp_path / "1.txt").write_text("User: a\nAssistant: b\n")
        (tmp_path / "2.txt").write_text("Prose\n\nof a page.\n")
        with pytest.raises(RowError, match=r"2\.txt:1: no speaker says this text"):
            convert([tmp_path / "1.txt", tmp_path / "2.txt"], tmp_path / "out.jsonl", format="chat")

    def test_skipped_conversations_are_counted_and_named(self, tmp_path: Path) -> None:
        found = self.chat(tmp_path, "Q: a\nA: b\n\nQ: c\nQ: d\n\nQ: e\nA: f\n", on_bad_row="skip")
        assert found == [["a", "b"], ["e", "f"]]
        assert self.report.skipped == (
            (f"{tmp_path / 'my_data.txt'}:5", "the user speaks where the assistant should"),
        )

    def test_every_conversation_of_a_row_is_looked_at(self, tmp_path: Path) -> None:
        path = write(tmp_path / "rows.jsonl", [{"text": "Q: a\nA: b\n\nQ: c\nQ: d\n\nQ: e\nA: f", "id": 3}])
        convert(path, tmp_path / "out.jsonl", format="completion", on_bad_row="skip")
        assert read(tmp_path / "out.jsonl") == [
            {"prompt": "a", "completion": "b", "id": 3},
            {"prompt": "e", "completion": "f", "id": 3},
        ]

    def test_speakers_of_one_s_own(self, tmp_path: Path) -> None:
        found = self.chat(tmp_path, "Ann: a\nBob: b\n", speakers={"Ann": "user", "Bob": "assistant"})
        assert found == [["a", "b"]]

    def test_a_line_that_is_not_utf_8_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "talk.txt").write_bytes(b"User: a\nAssistant: \xff\n")
        with pytest.raises(RowError, match=r"talk\.txt:2: not valid UTF-8"):
            convert(tmp_path / "talk.txt", tmp_path / "out.jsonl", format="chat")


class TestMistakes:
    @pytest.mark.parametrize(
        ("output", "options", "reason"),
        [
            ("out.txt", {"format": "chat"}, "a .txt file holds running text"),
            ("out.csv", {"format": "chat"}, "a cell of a table holds no list"),
            ("out.jsonl", {"format": "parquet"}, "--format parquet, and an output that ends in '.jsonl'"),
            ("out.jsonl", {"rule": "prompt", "format": "chat"}, "--rule prompt without a prompt"),
            ("out.jsonl", {"rule": "title", "prompt": "x", "format": "chat"}, "--prompt beside --rule title"),
            (
                "out.jsonl",
                {"turns": "join", "format": "chat"},
                "--turns join puts earlier turns into the prompt",
            ),
            ("out.jsonl", {"rule": "join", "format": "chat"}, "--rule join makes running text"),
            ("out.jsonl", {"keep_keys": ["a"], "drop_keys": ["b"]}, "both --keep-keys and --drop-keys"),
        ],
    )
    def test_options_that_cannot_be_meant(
        self, tmp_path: Path, output: str, options: dict[str, Any], reason: str
    ) -> None:
        path = write(tmp_path / "rows.jsonl", [SAMPLES["completion"]])
        with pytest.raises(ConfigError) as caught:
            convert(path, tmp_path / output, **options)
        assert caught.value.message.startswith(reason)
        assert caught.value.hint

    def test_the_output_is_the_input(self, tmp_path: Path) -> None:
        path = write(tmp_path / "rows.jsonl", [SAMPLES["chat"]])
        (tmp_path / "same.jsonl").symlink_to(path)
        with pytest.raises(DataError, match="the output is also an input"):
            convert(path, tmp_path / "same.jsonl", overwrite=True)

    def test_an_existing_output_stays(self, tmp_path: Path) -> None:
        path = write(tmp_path / "rows.jsonl", [SAMPLES["chat"]])
        (tmp_path / "out.jsonl").write_text("mine")
        with pytest.raises(DataError, match="exists already"):
            convert(path, tmp_path / "out.jsonl")
        write(path, [SAMPLES["chat"], {"messages": []}])
        with pytest.raises(RowError, match=r"rows\.jsonl:2"):
            convert(path, tmp_path / "out.jsonl", overwrite=True)
        assert (tmp_path / "out.jsonl").read_text() == "mine"
        assert sorted(os.listdir(tmp_path)) == ["out.jsonl", "rows.jsonl"]

    def test_no_row_at_all(self, tmp_path: Path) -> None:
        (tmp_path / "empty.jsonl").write_text("\n")
        with pytest.raises(DataError, match="no row was written"):
            convert(tmp_path / "empty.jsonl", tmp_path / "out.jsonl", format="chat")
        assert not (tmp_path / "out.jsonl").exists()

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ('["a"]', "is a list"),
            ('{"text": "a", "text": "b"}', "text"),
            ('{"messages": [{"role": "wizard", "content": "x"}]}', "unknown role"),
            ('{"messages": [{"role": "assistant", "content": "x"}]}', "out of order"),
            ('{"conversations": [{"from": "human", "value": "x"}, {"from": "gpt", "value": " "}]}', "empty"),
            ('{"foo": 1}', "fits no known format"),
        ],
    )
    def test_a_bad_row_is_named_by_its_line(self, tmp_path: Path, line: str, reason: str) -> None:
        path = tmp_path / "rows.jsonl"
        path.write_text(f"\n{line}\n")
        with pytest.raises(RowError, match=rf"rows\.jsonl:2: .*{reason}"):
            convert(path, tmp_path / "out.jsonl", format="instruct")

    def test_rows_of_two_layouts(self, tmp_path: Path) -> None:
        path = write(tmp_path / "rows.jsonl", [SAMPLES["chat"], SAMPLES["completion"]])
        with pytest.raises(RowError, match="the row is completion, and the rows before are chat"):
            convert(path, tmp_path / "out.jsonl", format="instruct")

    def test_a_column_that_is_not_there(self, tmp_path: Path) -> None:
        path = write(tmp_path / "rows.jsonl", [{"qestion": "a", "answer": "b"}])
        with pytest.raises(RowError, match="no 'question' to rename") as caught:
            convert(path, tmp_path / "out.jsonl", rename={"question": "prompt"})
        assert caught.value.hint == 'did you mean "qestion"?'

    def test_a_new_name_that_is_taken(self, tmp_path: Path) -> None:
        path = write(tmp_path / "rows.jsonl", [{"question": "a", "prompt": "c", "completion": "b"}])
        with pytest.raises(RowError, match="the row has 'prompt' already"):
            convert(path, tmp_path / "out.jsonl", rename={"question": "prompt"})


def test_the_page_shows_the_table() -> None:
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "convert-data.md").read_text(encoding="utf-8")
    rows = [f"| `{one}` | `{other}` | {way.how} | {way.asks or '—'} |" for (one, other), way in TABLE.items()]
    assert [row for row in rows if row not in page] == []
