import errno
import json
import os
import pickle
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from brahma.core.entries import ReaderEntry
from brahma.core.errors import DataError, PluginError, RowError
from brahma.core.plugins import Plugins
from brahma.data import Dataset, Message, readers

USER = {"role": "user", "content": "hi"}
ASSISTANT = {"role": "assistant", "content": "hello"}
SYSTEM = {"role": "system", "content": "be kind"}
TEXT = {"text": "a"}
CHAT = {"messages": [USER, ASSISTANT]}
COMPLETION = {"prompt": "p", "completion": "c"}


def jsonl(path: Path, *rows: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def refusal(row: object) -> str:
    with pytest.raises(RowError) as caught:
        list(Dataset.from_rows([row]))  # type: ignore[list-item]
    assert caught.value.where == "<rows>:1"
    assert caught.value.hint
    return str(caught.value)


@pytest.mark.parametrize(
    ("row", "kind"), [(TEXT, "text"), ("a", "text"), (CHAT, "chat"), (COMPLETION, "completion")]
)
def test_the_format_is_recognised(row: Any, kind: str) -> None:
    data = Dataset.from_rows([row])
    assert data.format == kind
    assert [each.kind for each in data] == [kind]


def test_rows_hold_what_their_kind_says() -> None:
    (text,) = Dataset.from_rows([{"text": "a", "id": 7}])
    (chat,) = Dataset.from_rows([{"messages": [SYSTEM, USER, ASSISTANT], "prompt_id": "x", "prompt": "y"}])
    (completion,) = Dataset.from_rows([COMPLETION])
    assert text.texts() == ("a",)
    assert chat.messages == (
        Message("system", "be kind"),
        Message("user", "hi"),
        Message("assistant", "hello"),
    )
    assert completion.texts() == ("p", "c")
    assert chat.texts() == ("be kind", "hi", "hello")


def test_a_row_that_fits_two_formats_needs_the_format_to_be_given() -> None:
    with pytest.raises(DataError, match="more than one format: text, chat"):
        Dataset.from_rows([{**TEXT, **CHAT}])
    assert Dataset.from_rows([{**TEXT, **CHAT}], format="chat").format == "chat"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"message": [USER]}, "Did you mean 'messages'?"),
        ({"promt": "p", "completion": "c"}, "--map promt=prompt"),
        ({"prompt": "p", "respons": "c"}, "keys found: prompt, respons"),
        ({}, "the row is empty"),
        ({"conversations": []}, "no assistant's turn"),
        ({"conversations": [{"from": "bot", "value": "x"}]}, "unknown role 'bot'"),
        ({"conversations": [{"from": "human"}]}, "message 1 has no 'role' (keys found: from)"),
        ({"conversations": [{"from": "observation", "value": "x"}]}, "of the role 'observation'"),
        ({"conversations": [{"from": "gpt", "value": "x"}], "system": "s"}, "message 1 is out of order"),
        ({"conversations": [{"from": "system", "value": "x"}], "system": "s"}, "message 1 is out of order"),
        ({"conversations": "hi"}, "'conversations' is a string"),
        ({"instruction": "i", "output": ""}, "the output is empty"),
        ({"instruction": "", "output": "o"}, "the instruction is empty"),
        ({"instruction": 5, "output": "o"}, "'instruction' is a number"),
        ({"instruction": "i", "output": "o", "history": [["q"]]}, "no 'history' 1 2"),
        ({"instruction": "i", "output": "o", "history": [["q", " "]]}, "the answer in history 1 is empty"),
        ({"instruction": "i", "output": "o", "history": [["q", "a", "b"]]}, "history 1 has 3 texts"),
        ({"instruction": "\ud800", "output": "o"}, "half of a surrogate pair"),
        ({"prompt": "p", "chosen": "c", "rejected": "r"}, "preference data"),
        ({"prompt": "p", "chosen": "c", "rejected": "r"}, "--map chosen=completion --drop-keys rejected"),
        ({"conversations": [], "chosen": {"from": "gpt"}, "rejected": {"from": "gpt"}}, "preference data"),
        ({**CHAT, "label": False}, "marked as a bad answer"),
        ({"question": "q", "answer": "a"}, "FILE --output renamed.jsonl --map question=prompt"),
        ({"Question": "q", "Best Answer": "a"}, "--map 'Question=prompt,Best Answer=completion'"),
        ({"best_answer": "b", "answer": "a", "query": "q"}, "--map query=prompt,answer=completion"),
        ({"prompt": "q", "response": "a"}, "--map response=completion"),
        ({"url": "u", "content": "c"}, "--map content=text"),
        ({"a": "b"}, "--map OLD=NEW"),
        ({"messages": [USER, {**ASSISTANT, "tool_calls": [{"id": "1"}]}]}, "message 2 has 'tool_calls'"),
        ({"messages": [USER, {"role": "assistant", "function_call": {"name": "f"}}]}, "'function_call'"),
        ({"messages": [USER, {"role": "tool", "content": "x"}]}, "message 2 is of the role 'tool'"),
        ({"messages": [USER, ASSISTANT], "tools": [{"type": "function"}]}, "the row has 'tools'"),
        ({"text": ""}, "the text is empty"),
        ({"text": " \n"}, "the text is empty"),
        ({"text": 5}, "'text' is a number"),
        ({"text": None}, "'text' is null"),
        ({"text": "\ud800"}, "half of a surrogate pair"),
        ({"prompt": "p", "completion": " "}, "the completion is empty"),
        ({"prompt": ["p"], "completion": "c"}, "'prompt' is a list"),
        ({"messages": "hi"}, "'messages' is a string"),
        ({"messages": ["hi"]}, "message 1 is a string"),
        ({"messages": []}, "no assistant's turn"),
        ({"messages": [USER]}, "no assistant's turn"),
        ({"messages": [{"role": "user"}, ASSISTANT]}, "message 1 has no 'content' (keys found: role)"),
        ({"messages": [USER, {**ASSISTANT, "content": ""}]}, "message 2, an assistant's turn, is empty"),
        ({"messages": [{**USER, "content": [{"text": ""}]}, ASSISTANT]}, "message 1: 'content' is a list"),
        ({"messages": [{"role": "human", "content": "x"}, ASSISTANT]}, "Did you mean 'user'?"),
        ({"messages": [{"role": "asistant", "content": "x"}]}, "Did you mean 'assistant'?"),
        ({"messages": [{"role": 5, "content": "x"}]}, "unknown role 5"),
        ({"messages": [ASSISTANT, USER]}, "message 1 is out of order"),
        ({"messages": [USER, USER, ASSISTANT]}, "message 2 is out of order"),
        ({"messages": [USER, SYSTEM, ASSISTANT]}, "message 2 is out of order: role 'system'"),
        ({"messages": [USER, {**ASSISTANT, "weight": 0}]}, "message 2 has 'weight'"),
        (5, "of type int"),
    ],
)  # fmt: skip
def test_a_bad_row_is_refused_by_name(row: object, message: str) -> None:
    assert message in refusal(row)


def test_a_bad_row_in_a_file_is_named_by_file_and_line(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "rows.jsonl", TEXT, TEXT, {"txt": "b"})
    with pytest.raises(RowError) as caught:
        list(Dataset.from_file(path))
    assert caught.value.where == f"{path}:3"


def test_skipped_rows_are_counted_with_their_reasons(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "rows.jsonl", {"text": ""}, TEXT, [], {"text": "b"})
    empty = jsonl(tmp_path / "rows2.jsonl")
    data = Dataset.from_files([path, empty], on_bad_row="skip")
    assert [row.text for row in data] == ["a", "b"]
    assert data.skipped == [
        (f"{path}:1", "the text is empty"),
        (f"{path}:3", "the row is a list, not an object"),
        (str(empty), "the file is empty: it holds no rows"),
    ]
    assert len(data) == 2


def test_a_scan_yields_bad_rows_whatever_the_policy(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", TEXT, {})
    other = jsonl(tmp_path / "b.jsonl", TEXT)
    data = Dataset.from_files([path, other])
    assert [(row.source, row.line) for row in data.scan()] == [(path, 1), (path, 2), (other, 1)]
    assert [(row.source, row.line) for row in data.scan(other)] == [(other, 1)]


@pytest.mark.parametrize("name", ["rows.txt", "rows.jsonl", "rows.json", "rows.jsonl.gz"])
def test_an_empty_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(DataError, match="is empty"):
        Dataset.from_file(tmp_path / name)


def test_no_valid_row_at_all_is_an_error_even_when_skipping() -> None:
    with pytest.raises(DataError, match="no valid row"):
        Dataset.from_rows([{}, {"text": ""}], on_bad_row="skip")
    with pytest.raises(DataError, match="no valid row"):
        Dataset.from_rows([])


@pytest.mark.parametrize("policy", ["error", "skip"])
def test_mixed_formats_name_both_places(tmp_path: Path, policy: Any) -> None:
    first = jsonl(tmp_path / "a.jsonl", TEXT)
    second = jsonl(tmp_path / "b.jsonl", CHAT)
    with pytest.raises(DataError, match="formats are mixed") as caught:
        list(Dataset.from_files([first, second], on_bad_row=policy))
    assert caught.value.where == f"{second}:1"
    assert f"{first}:1 is text" in str(caught.value.why)
    within = jsonl(tmp_path / "c.jsonl", COMPLETION, TEXT)
    with pytest.raises(DataError, match="formats are mixed"):
        list(Dataset.from_file(within, on_bad_row=policy))


def test_a_format_that_does_not_match_names_the_row(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", TEXT)
    with pytest.raises(DataError, match="given as chat") as caught:
        Dataset.from_file(path, format="chat")
    assert caught.value.where == f"{path}:1"
    plain = tmp_path / "a.txt"
    plain.write_text("hello")
    with pytest.raises(DataError, match="plain text, but the format was given as jsonl"):
        Dataset.from_file(plain, format="jsonl")
    assert Dataset.from_files([path, plain], format="text").format == "text"


def test_rows_are_read_on_demand_by_number(tmp_path: Path) -> None:
    first = jsonl(tmp_path / "a.jsonl", TEXT, {}, {"text": "é"})
    second = tmp_path / "b.json"
    second.write_text(json.dumps([{"text": "c"}, {"text": "d"}]), "utf-8")
    data = Dataset.from_files([first, second], on_bad_row="skip")
    assert [data[i].text for i in range(4)] == ["a", "é", "c", "d"]
    assert [data[i] for i in range(-4, 0)] == list(data)
    with pytest.raises(IndexError, match="row 4 of 4"):
        data[4]
    memory = Dataset.from_rows([{}, "a", "b"], on_bad_row="skip")
    assert (memory[0].text, memory[-1].line, len(memory)) == ("a", 3, 2)


def test_a_file_that_changes_under_an_open_data_set_is_named(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", TEXT, TEXT)
    data = Dataset.from_file(path)
    assert len(data) == 2
    jsonl(path, TEXT)
    with pytest.raises(DataError, match="no row starts here any more"):
        data[1]


def test_folders_globs_and_lists_of_files(tmp_path: Path) -> None:
    for name in ("b/two.jsonl", "a/one.jsonl", ".hidden/no.jsonl", "a/.no.jsonl", "o.cleaning/no.json"):
        jsonl(tmp_path / name, {"text": name})
    (tmp_path / "README.md").write_text("not data")
    folder = Dataset.from_file(tmp_path)
    assert [row.text for row in folder] == ["a/one.jsonl", "b/two.jsonl"]
    assert Dataset.from_file(f"{tmp_path}/**/*.jsonl").sources == folder.sources
    chosen = Dataset.from_files([tmp_path / "b", tmp_path / "a" / "one.jsonl"])
    assert [row.text for row in chosen] == ["b/two.jsonl", "a/one.jsonl"]


def test_a_folder_that_cannot_be_read_is_not_left_out_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jsonl(tmp_path / "one.jsonl", {"text": "a"})
    jsonl(tmp_path / "closed/two.jsonl", {"text": "b"})
    scandir = os.scandir

    def refused(path: str) -> object:  # root may read everything
        if Path(path).name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(DataError, match="the folder cannot be read") as caught:
        Dataset.from_file(tmp_path)
    assert "closed" in str(caught.value)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rows.jsonl")
    with pytest.raises(DataError, match="a pipe or device is not data"):
        Dataset.from_file(tmp_path / "rows.jsonl")
    with pytest.raises(DataError, match="the folder holds no data"):
        Dataset.from_file(tmp_path)


def test_paths_that_hold_no_data_are_refused(tmp_path: Path) -> None:
    jsonl(tmp_path / "rows.jsonl", TEXT)
    (tmp_path / "docs").mkdir()
    with pytest.raises(DataError, match="it is empty"):
        Dataset.from_file(tmp_path / "docs")
    (tmp_path / "docs" / "notes.md").write_text("x")
    with pytest.raises(DataError, match=r"files found: notes\.md"):
        Dataset.from_file(tmp_path / "docs")
    with pytest.raises(DataError, match="the path of the data is empty"):
        Dataset.from_file("")
    with pytest.raises(DataError, match="no file matches"):
        Dataset.from_file(tmp_path / "*.txt")
    with pytest.raises(DataError, match="no reader for files"):
        Dataset.from_file(tmp_path / "docs" / "*.md")
    with pytest.raises(DataError, match=r"Did you mean .*rows\.jsonl"):
        Dataset.from_file(tmp_path / "row.jsonl")
    with pytest.raises(DataError, match="named twice"):
        Dataset.from_files([tmp_path, tmp_path / "rows.jsonl"])
    with pytest.raises(DataError, match="no data file is named"):
        Dataset.from_files([])


def test_a_file_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = jsonl(tmp_path / "rows.jsonl", TEXT)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match="cannot be read") as caught:
        Dataset.from_file(path)
    assert (caught.value.where, caught.value.why) == (str(path), "Permission denied")


def test_two_plugins_that_claim_one_ending_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins = Plugins()
    other = ReaderEntry(name="other", target="a:b", suffixes=(".txt",))
    entries = {**plugins.entries("reader"), "other": other}
    monkeypatch.setattr(plugins, "entries", lambda kind: entries)
    monkeypatch.setattr(readers, "get_plugins", lambda: plugins)
    readers._readers_by_suffix.cache_clear()
    try:
        with pytest.raises(PluginError, match=r"both claim \.txt"):
            readers.reader_of(tmp_path / "a.txt")
    finally:
        readers._readers_by_suffix.cache_clear()


def test_a_data_set_says_what_it_is(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "rows.jsonl", TEXT, TEXT)
    data = Dataset.from_file(path)
    assert repr(data) == f"Dataset(text, {path}, rows not counted yet)"
    assert len(data) == 2
    assert repr(data) == f"Dataset(text, {path}, 2 rows)"
    assert repr(Dataset.from_rows([CHAT])) == "Dataset(chat, in memory, 1 row)"


def test_a_data_set_travels_to_worker_processes(tmp_path: Path) -> None:
    data = Dataset.from_file(jsonl(tmp_path / "rows.jsonl", TEXT))
    copy = pickle.loads(pickle.dumps(data))
    assert list(copy) == list(data)
    assert (copy.sources, copy.options) == (data.sources, data.options)


def test_iterating_holds_one_row_not_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text((json.dumps({"text": "x" * 10_000}) + "\n") * 1000)
    data = Dataset.from_file(path)
    tracemalloc.start()
    assert sum(len(row.text) for row in data) == 10_000_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_importing_data_imports_no_heavy_library() -> None:
    code = "import sys, brahma.data, brahma.data.builtin; print({'torch', 'transformers', 'tokenizers', 'numpy'} & set(sys.modules))"  # noqa: E501
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_whatever_the_sdk_takes_for_data_becomes_a_data_set(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one text")
    assert Dataset.of(path).sources == Dataset.of([path]).sources == (path,)
    assert [row.text for row in Dataset.of(["one text"])] == ["one text"]
    assert Dataset.of([CHAT]).format == "chat"
    rows = Dataset.from_rows(["a"])
    assert Dataset.of(rows) is rows


def test_a_file_named_in_a_list_of_texts_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("one text")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="also the name of a file"):
        Dataset.of(["a.txt"])
    with pytest.raises(DataError, match="paths and rows in one list"):
        Dataset.of([Path("a.txt"), "one text"])


@pytest.mark.parametrize(
    ("row", "turns"),
    [
        ({"instruction": "i", "output": "o"}, [("user", "i"), ("assistant", "o")]),
        ({"instruction": "i", "input": "", "output": "o"}, [("user", "i"), ("assistant", "o")]),
        (
            {"instruction": "i", "input": "x", "output": "o", "system": "s", "history": [["q", "a"]]},
            [("system", "s"), ("user", "q"), ("assistant", "a"), ("user", "i\nx"), ("assistant", "o")],
        ),
        (
            {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}], "system": ""},
            [("user", "q"), ("assistant", "a")],
        ),
        (
            {"conversations": [{"role": "user", "content": "q"}, {"from": "gpt", "value": "a"}],
             "system": "s"},
            [("system", "s"), ("user", "q"), ("assistant", "a")],
        ),
        (
            {"conversations": [{"from": "system", "value": "s"}, {"from": "user", "value": "q"},
                               {"from": "assistant", "value": "a"}], "tools": "[]"},
            [("system", "s"), ("user", "q"), ("assistant", "a")],
        ),
    ],
)  # fmt: skip
def test_alpaca_and_sharegpt_rows_are_chats(row: dict[str, object], turns: list[tuple[str, str]]) -> None:
    data = Dataset.from_rows([row])
    layout = "instruct" if "instruction" in row else "sharegpt"
    assert (data.format, data.layout) == ("chat", layout)
    assert [(message.role, message.content) for message in data[0].messages] == turns
    assert Dataset.from_rows([row], format=layout)[0] == data[0]  # type: ignore[arg-type]


def test_chats_of_several_layouts_are_trained_on_together_but_not_where_the_format_is_given() -> None:
    alpaca = {"instruction": "i", "output": "o"}
    assert len(Dataset.from_rows([CHAT, alpaca])) == 2
    with pytest.raises(DataError, match="the row is instruct, but the format was given as chat"):
        list(Dataset.from_rows([CHAT, alpaca], format="chat"))
    with pytest.raises(DataError, match="more than one format: text, instruct"):
        Dataset.from_rows([{**alpaca, **TEXT}])
    assert Dataset.from_rows([{**alpaca, **TEXT}], format="instruct").format == "chat"
