"""The results file: each script replaces its own section and nothing else."""

from __future__ import annotations

from pathlib import Path

from benchmarks.report import facts, table, write_section


def test_a_section_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    results = tmp_path / "RESULTS.md"
    write_section(results, "speed", "fast")
    write_section(results, "cost", "little")
    both = results.read_text()
    write_section(results, "speed", "faster")
    assert results.read_text() == both.replace("\nfast\n", "\nfaster\n")
    write_section(results, "cost", "none")
    assert "faster" in results.read_text()
    assert "little" not in results.read_text()


def test_writing_the_same_again_changes_nothing(tmp_path: Path) -> None:
    results = tmp_path / "RESULTS.md"
    write_section(results, "speed", "fast")
    write_section(results, "cost", "little")
    before = results.read_text()
    write_section(results, "speed", "fast")
    assert results.read_text() == before


def test_words_that_a_person_added_between_the_sections_stay(tmp_path: Path) -> None:
    results = tmp_path / "RESULTS.md"
    write_section(results, "speed", "fast")
    results.write_text(results.read_text() + "\nA remark.\n")
    write_section(results, "speed", "faster")
    write_section(results, "cost", "little")
    assert "\nA remark.\n" in results.read_text()


def test_a_table_aligns_figures_to_the_right() -> None:
    assert table(["what", "s"], [["a step", "1.0"]]) == "| what | s |\n| --- | ---: |\n| a step | 1.0 |"


def test_the_facts_name_the_command_and_the_versions() -> None:
    found = facts("python benchmarks/train_cpu.py")
    assert "`python benchmarks/train_cpu.py`" in found
    assert "torch " in found
    assert "load average" in found
