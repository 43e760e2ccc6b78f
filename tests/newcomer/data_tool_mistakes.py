"""The tools for data: wrong options, files and profiles; an output that would harm."""

from __future__ import annotations

from tests.newcomer.mistake import CHAT, Mistake

_PAIRS = {"qa.jsonl": '{"question": "Why?", "answer": "So."}\n'}
_TABLE = {"qa.csv": "Question,Best Answer\nWhy?,So.\n"}
_PREFERENCES = {
    "dpo.jsonl": '{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}], '
    '"chosen": {"from": "gpt", "value": "c"}, "rejected": {"from": "gpt", "value": "d"}}\n'
}

_CLEANING = [
    Mistake(
        "cleaning into nothing", "data clean chat.jsonl", "output", "no output is named", "--report-only"
    ),
    Mistake(
        "the output of a cleaning without --output",
        "data clean chat.jsonl clean.jsonl",
        "output",
        "no output is named",
        "--output FILE",
    ),
    Mistake(
        "cleaning a file into itself",
        "data clean chat.jsonl --output chat.jsonl",
        "chat.jsonl",
        "the output is also an input",
        "another file",
    ),
    Mistake(
        "cleaning over a file that exists",
        "data clean chat.jsonl --output ok.json",
        "ok.json",
        "the output exists already",
        "--overwrite",
    ),
    Mistake(
        "cleaning into a spreadsheet",
        "data clean chat.jsonl --output c.xlsx",
        "c.xlsx",
        "no writer for files that end in '.xlsx'",
        ".jsonl",
    ),
    Mistake(
        "conversations cleaned into a text file",
        "data clean chat.jsonl --output c.txt",
        "c.txt",
        "chat.jsonl holds rows",
        "brahma data convert",
    ),
    Mistake(
        "a profile misspelt",
        "data clean chat.jsonl --output c.jsonl --profile repiar",
        "'repiar'",
        "no profile",
        '"repair"',
    ),
    Mistake(
        "a step misspelt in a profile",
        "data clean chat.jsonl --output c.jsonl --profile p.yaml",
        "p.yaml:2",
        "no filter is called 'whitespce'",
        '"whitespace"',
        {"p.yaml": "summary: mine\nsteps: [whitespce]\n"},
    ),
    Mistake(
        "an option of a step misspelt",
        "data clean chat.jsonl --output c.jsonl --profile p.yaml",
        "p.yaml:3",
        "kep: unknown key",
        '"keep"',
        {"p.yaml": "summary: mine\nsteps:\n  - {name: language, kep: [en]}\n"},
    ),
    Mistake(
        "cleaning rows with other keys",
        "data clean qa.jsonl --output c.jsonl",
        "qa.jsonl",
        "dropped by the step read",
        "brahma data convert qa.jsonl --output renamed.jsonl --map question=prompt,answer=completion",
        _PAIRS,
    ),
    Mistake(
        "an executor misspelt",
        "data clean chat.jsonl --output c.jsonl --executor proceses",
        "'proceses'",
        "no executor",
        '"processes"',
    ),
    Mistake(
        "the dropped rows into the output",
        "data clean chat.jsonl --output c.jsonl --rejected c.jsonl",
        "c.jsonl",
        "would replace the output",
        "another file",
    ),
    Mistake(
        "deduplicating into nothing", "data dedup chat.jsonl", "output", "no output is named", "--report-only"
    ),
    Mistake("a profile to print misspelt", "data profiles dcs", "'dcs'", "no profile", '"docs"'),
]

_CONVERTING = [
    Mistake(
        "a layout misspelt",
        "data convert text.txt --output out.jsonl --format chatt",
        "--format",
        "'chatt' is not one of",
        "'chat'",
    ),
    Mistake(
        "a rule misspelt",
        "data convert text.txt --output out.jsonl --format chat --rule titel",
        "--rule",
        "'titel' is not one of",
        "'title'",
    ),
    Mistake(
        "converting a table with other columns",
        "data convert qa.csv --output out.jsonl --format chat",
        "qa.csv:2",
        "keys found: Question, Best Answer",
        "--map 'Question=prompt,Best Answer=completion'",
        _TABLE,
    ),
    Mistake(
        "a map with colons",
        "data convert qa.jsonl --output out.jsonl --map question:prompt",
        "--map 'question:prompt'",
        "no list of pairs",
        "one=two",
        _PAIRS,
    ),
    Mistake(
        "a map from a key misspelt",
        "data convert qa.jsonl --output out.jsonl --map qestion=prompt,answer=completion",
        "qa.jsonl:1",
        "no 'qestion' to rename",
        '"question"',
        _PAIRS,
    ),
    Mistake(
        "conversations into a table",
        "data convert chat.jsonl --output out.csv",
        "chat.jsonl:1",
        "which a cell cannot: 4 of 4 rows",
        ".parquet",
    ),
    Mistake(
        "conversations into text",
        "data convert chat.jsonl --output out.txt",
        "chat.jsonl:1",
        "who speaks, and where a turn ends",
        "--rule transcript",
    ),
    Mistake(
        "converting preferences",
        "data convert dpo.jsonl --output out.jsonl --format chat",
        "dpo.jsonl:1",
        "preference data, 'chosen' and 'rejected'",
        "no method of this version",
        _PREFERENCES,
    ),
    Mistake(
        "a document for Word",
        "data convert chat.jsonl --output out.docx",
        "out.docx",
        "no writer for files that end in '.docx'",
        ".jsonl",
    ),
]

_OTHERS = [
    Mistake(
        "a size in percent",
        "data split chat.jsonl --output parts --validation 10%",
        "--validation",
        "'10%' is no size",
        "0.01",
    ),
    Mistake(
        "splitting a text that is one document",
        "data split text.txt --output parts",
        "text.txt",
        "too few rows",
        "--text-document",
    ),
    Mistake(
        "splitting by a key that is not there",
        "data split chat.jsonl --output parts --by mesages",
        "chat.jsonl:1",
        "no 'mesages'",
        '"messages"',
    ),
    Mistake(
        "a tokenizer that is not there",
        "data tokenize text.txt --tokenizer oen --output shards",
        "oen",
        "no such tokenizer",
        "path",
    ),
    Mistake(
        "a picture of a kind that nothing draws",
        "data stats chat.jsonl --plot pic.bmp",
        "pic.bmp",
        "the picture's ending says no format",
        "png",
    ),
    Mistake(
        "statistics of a file misspelt", "data stats caht.jsonl", "caht.jsonl", "no such file", "chat.jsonl"
    ),
    Mistake(
        "a technique misspelt",
        "data augment --input chat.jsonl --output more.jsonl --techniques paraprase",
        "--techniques",
        "no augmenter is called 'paraprase'",
        '"paraphrase"',
    ),
    Mistake(
        "variants of nothing", "data augment --output more.jsonl", "augment", "there is nothing", "--input"
    ),
    Mistake(
        "variants into a text file",
        "data augment text.txt --output more.txt",
        "more.txt",
        "no place",
        "more.jsonl",
    ),
    Mistake(
        "a fraction in percent",
        "data augment --input chat.jsonl --output more.jsonl --fraction 20",
        "fraction 20",
        "at most 1",
        "0.5",
    ),
    Mistake(
        "rows marked as bad answers",
        "data tokenize kto.jsonl --tokenizer one --output shards",
        "kto.jsonl:1",
        "'label' is false",
        "Take the row out",
        {"kto.jsonl": CHAT.replace('{"messages"', '{"label": false, "messages"')},
    ),
]

DATA_TOOL_MISTAKES = [*_CLEANING, *_CONVERTING, *_OTHERS]
