"""Data that is not there, cannot be read, or does not fit the configuration."""

from __future__ import annotations

from tests.newcomer.mistake import CHAT, OK, Mistake, replaced


def row(name: str, content: str, cause: str, next_step: str) -> Mistake:
    """A first row that is wrong."""
    return Mistake(name, "data inspect my.jsonl", "my.jsonl:1", cause, next_step, {"my.jsonl": content})


DATA_MISTAKES = [
    Mistake(
        "an empty data file", "data inspect my.jsonl", "my.jsonl", "empty", "Take it out", {"my.jsonl": ""}
    ),
    Mistake(
        "a line cut short",
        "train --config ok.json --set data_config.train=my.jsonl",
        "my.jsonl:2",
        "not valid JSON",
        "Correct the line",
        {"my.jsonl": CHAT + CHAT[:40] + "\n"},
    ),
    row(
        "preference rows",
        '{"prompt": "a", "chosen": "b", "rejected": "c"}\n',
        "preference data, 'chosen' and 'rejected'",
        "--map chosen=completion --drop-keys rejected",
    ),
    row(
        "calls of tools",
        CHAT.replace('"content": "Hello there, keeper."', '"content": null, "tool_calls": [{"id": "1"}]'),
        "has 'tool_calls'",
        "take the row out",
    ),
    row(
        "a ShareGPT conversation without an answer",
        '{"conversations": [{"from": "human", "value": "a"}]}\n',
        "no assistant's turn",
        "take it out",
    ),
    row(
        "a key that stands twice",
        '{"text": "a", "text": "b"}\n',
        "the key 'text' stands twice",
        "Take one of the two out",
    ),
    Mistake(
        "a table whose row has too few cells",
        "data inspect my.csv",
        "my.csv:2",
        "the row has 1 cells, the header 2",
        "quotes",
        {"my.csv": "prompt,completion\nwhat\n"},
    ),
    row(
        "question and answer rows",
        '{"question": "a", "answer": "b"}\n',
        "keys found: question, answer",
        'Rename "question" to "prompt" and "answer" to "completion"',
    ),
    row("a role that does not exist", CHAT.replace('"user"', '"human"'), "human", "user"),
    row(
        "an empty answer",
        CHAT.replace("Hello there, keeper.", ""),
        "assistant's turn, is empty",
        "fill in the answer",
    ),
    row(
        "a conversation without an answer",
        '{"messages": [{"role": "user", "content": "Hi"}]}\n',
        "no assistant's turn",
        "take it out",
    ),
    row(
        "a number where text belongs",
        '{"prompt": "two", "completion": 2}\n',
        "'completion' is a number",
        '{"completion": "…"}',
    ),
    Mistake(
        "a text in UTF-16",
        "data inspect my.txt",
        "my.txt",
        "binary",
        "iconv",
        {"my.txt": "The lamp is lit.".encode("utf-16")},
    ),
    Mistake(
        "a spreadsheet",
        "data inspect my.xlsx",
        "my.xlsx",
        "no reader",
        ".jsonl",
        {"my.xlsx": "PK"},
    ),
    Mistake("data that is not there", "data inspect chat.json", "chat.json", "no such file", "chat.jsonl"),
    Mistake(
        "a variable of the shell that is empty",
        'data inspect ""',
        "the path of the data",
        "is empty",
        "Give a file",
    ),
    Mistake(
        "a name with thousands of letters",
        f"data inspect {'a' * 3000}.txt",
        "aaa.txt",
        "File name too long",
        "a shorter name",
    ),
    Mistake(
        "chat rows and running text together",
        "train --config my.json",
        "chat.jsonl:1",
        "formats are mixed",
        "one format at a time",
        {"my.json": OK.replace('"text.txt"', '["text.txt", "chat.jsonl"]')},
    ),
    Mistake(
        "rows longer than seq_length",
        "train --config my.json",
        "chat.jsonl:1",
        "too long",
        "raise seq_length",
        {"my.json": OK.replace("text.txt", "chat.jsonl").replace("64", "8")},
    ),
    Mistake(
        "a fraction of one document",
        "train --config my.json",
        "data_config.validation",
        "has 1",
        '"blank_line"',
        {"my.json": replaced('"seq_length": 64', '"seq_length": 64, "validation": 0.1')},
    ),
    Mistake(
        "an output folder that is a file",
        "train --config my.json",
        "text.txt",
        "Not a directory",
        "another output_dir",
        {"my.json": replaced('"model_config"', '"output_dir": "text.txt",\n  "model_config"')},
    ),
]
