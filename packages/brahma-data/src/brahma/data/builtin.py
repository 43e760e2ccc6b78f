"""What brahma-data brings, through the same hooks as every plugin."""

from __future__ import annotations

from collections.abc import Iterable

from brahma.core.entries import CommandEntry, ExecutorEntry, FilterEntry, ReaderEntry
from brahma.core.hookspecs import hookimpl
from brahma.core.suffixes import COMPRESSION_SUFFIXES


@hookimpl
def brahma_readers() -> Iterable[ReaderEntry]:
    """Readers of running text, JSON Lines, JSON arrays and tables, also compressed; and of Parquet."""
    yield ReaderEntry(
        name="text",
        target="brahma.data._file_formats:read_text",
        suffixes=_compressed(".txt"),
        sample="One line.\nAnother line.\n",
        summary="Running text; what a document is, `text_document` says",
    )
    yield ReaderEntry(
        name="jsonl",
        target="brahma.data._file_formats:read_json_lines",
        suffixes=_compressed(".jsonl", ".ndjson"),
        sample='{"text": "one"}\n{"text": "two"}\n',
        summary="One JSON object a line",
    )
    yield ReaderEntry(
        name="json",
        target="brahma.data._file_formats:read_json",
        suffixes=_compressed(".json"),
        sample='[\n{"text": "one"},\n{"text": "two"}\n]\n',
        summary="One JSON array of objects",
    )
    yield ReaderEntry(
        name="csv",
        target="brahma.data._csv:read_csv",
        suffixes=_compressed(".csv", ".tsv"),
        sample='text,number\none,1\n"two, or\nmore",2\n',
        summary="A table with a header; cells separated by commas, semicolons, tabs or bars",
    )
    yield ReaderEntry(
        name="parquet",
        target="brahma.data._parquet:read_parquet",
        suffixes=(".parquet",),
        summary="A Parquet file, by row groups",
    )


def _compressed(*suffixes: str) -> tuple[str, ...]:
    """The endings, plain and compressed."""
    return tuple(suffix + more for suffix in suffixes for more in ("", *COMPRESSION_SUFFIXES))


@hookimpl
def brahma_filters() -> Iterable[FilterEntry]:
    """The steps of a cleaning, in the order in which profiles use them."""
    yield FilterEntry(
        name="encoding",
        target="brahma.data.cleaning.steps.encoding:build",
        options="brahma.data.cleaning.steps.encoding:EncodingOptions",
        scope="text",
        summary="Repair Unicode that was decoded wrongly",
    )
    yield FilterEntry(
        name="whitespace",
        target="brahma.data.cleaning.steps.whitespace:build",
        options="brahma.data.cleaning.steps.whitespace:WhitespaceOptions",
        scope="text",
        summary="Put line ends, invisible characters and blanks in order",
    )
    yield FilterEntry(
        name="boilerplate",
        target="brahma.data.cleaning.steps.boilerplate:build",
        options="brahma.data.cleaning.steps.boilerplate:BoilerplateOptions",
        scope="text",
        summary="Remove lines of navigation, cookie notices and the like",
    )
    yield FilterEntry(
        name="language",
        target="brahma.data.cleaning.steps.language:build",
        options="brahma.data.cleaning.steps.language:LanguageOptions",
        scope="document",
        summary="Tell languages, keep some of them",
    )
    yield FilterEntry(
        name="quality",
        target="brahma.data.cleaning.steps.quality.step:build",
        options="brahma.data.cleaning.steps.quality.options:QualityOptions",
        scope="document",
        summary="Judge by the rules of Gopher, C4 and FineWeb",
    )
    yield FilterEntry(
        name="personal_data",
        target="brahma.data.cleaning.steps.personal_data:build",
        options="brahma.data.cleaning.steps.personal_data:PersonalDataOptions",
        scope="text",
        summary="Mask e-mail and IP addresses, numbers of phones, cards and accounts, and secrets",
    )
    yield FilterEntry(
        name="contamination",
        target="brahma.data.cleaning.steps.contamination:Contamination",
        options="brahma.data.cleaning.steps.contamination:ContaminationOptions",
        scope="document",
        summary="Drop documents that share a run of words with an evaluation set",
    )
    yield FilterEntry(
        name="exact_documents",
        target="brahma.data.cleaning.duplicates.exact:ExactDocuments",
        options="brahma.data.cleaning.duplicates.exact:ExactDocumentsOptions",
        scope="corpus",
        summary="Drop documents whose text stands earlier in the corpus",
    )
    yield FilterEntry(
        name="exact_paragraphs",
        target="brahma.data.cleaning.duplicates.paragraphs:ExactParagraphs",
        options="brahma.data.cleaning.duplicates.paragraphs:ExactParagraphsOptions",
        scope="corpus",
        summary="Take out long paragraphs that stand earlier in the corpus",
    )
    yield FilterEntry(
        name="near_duplicates",
        target="brahma.data.cleaning.duplicates.near:NearDuplicates",
        options="brahma.data.cleaning.duplicates.near:NearDuplicatesOptions",
        scope="corpus",
        summary="Keep the longest of documents that share most of their runs of words",
    )


@hookimpl
def brahma_executors() -> Iterable[ExecutorEntry]:
    """Where the tasks of a cleaning run, if nobody says."""
    yield ExecutorEntry(
        name="processes",
        target="brahma.data.cleaning.executors:Processes",
        options="brahma.data.cleaning.executors:ProcessOptions",
        summary="Processes of this machine",
    )


@hookimpl
def brahma_commands() -> Iterable[CommandEntry]:
    """`brahma tokenizer train` and `brahma data …`."""
    yield CommandEntry(
        name="tokenizer train",
        target="brahma.data.commands.tokenizer:train",
        summary="Train a byte-level BPE tokenizer on your text",
    )
    yield CommandEntry(
        name="data inspect",
        target="brahma.data.commands.inspect:inspect",
        summary="Format, rows, lengths, trained tokens and ledger of a data set",
    )
    yield CommandEntry(
        name="data clean",
        target="brahma.data.commands.clean:clean",
        summary="Repair, mask, drop duplicates; a report of everything",
    )
    yield CommandEntry(
        name="data dedup",
        target="brahma.data.commands.dedup:dedup",
        summary="Remove documents and paragraphs that occur twice",
    )
    yield CommandEntry(
        name="data profiles",
        target="brahma.data.commands.profiles:profiles",
        summary="Profiles of cleanings: list them, or print one to copy",
    )
    yield CommandEntry(
        name="data convert",
        target="brahma.data.commands.convert:convert",
        summary="Rows of one layout or container as rows of another",
    )
    yield CommandEntry(
        name="data augment",
        target="brahma.data.commands.augment:augment",
        summary="The rows of a file, and checked variants of them behind",
    )
    yield CommandEntry(
        name="data stats",
        target="brahma.data.commands.stats:stats",
        summary="Amounts, lengths, languages and duplicates of a corpus, with a picture",
    )
    yield CommandEntry(
        name="data tokenize",
        target="brahma.data.commands.tokenize:tokenize",
        summary="Shards of token ids in the Megatron layout",
    )
    yield CommandEntry(
        name="data split",
        target="brahma.data.commands.split:split",
        summary="Training, validation and test files; repeated texts on one side",
    )
