"""Who quantizes is chosen from the configuration alone; what cannot be done is refused with who can."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brahma.core.config.sections import Choice, QuantizationSection
from brahma.core.entries import QuantizerEntry
from brahma.core.errors import ConfigError, PluginError
from brahma.core.plugins import PLUGINS_VARIABLE, Plugins, get_plugins
from brahma.core.quantizers import FIRST_PARTY_FORMATS, ChosenQuantizer, choose_quantizer
from tests.plugin_factory import install_distribution, plugin_site


def choose(device: str = "cpu", **keys: Any) -> ChosenQuantizer:
    if isinstance(keys.get("quantizer"), str):
        keys["quantizer"] = Choice(name=keys["quantizer"])
    return choose_quantizer(QuantizationSection(**keys), device)


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Load these plugins alone."""

    def load(*names: str) -> None:
        monkeypatch.setenv(PLUGINS_VARIABLE, ",".join(names))
        get_plugins.cache_clear()

    yield load
    get_plugins.cache_clear()


def add_quantizer(site: Path, name: str, *formats: str, module: str | None = None) -> None:
    """A distribution whose quantizer has these formats, as source text."""
    text = (
        "from brahma.core.entries import QuantizedFormat, QuantizerEntry\n"
        "from brahma.core.hookspecs import hookimpl\n"
        "@hookimpl\n"
        "def brahma_quantizers():\n"
        f"    yield QuantizerEntry(name={name!r}, target='builtins:object', formats=(\n"
        + "".join(f"        QuantizedFormat({each}),\n" for each in formats)
        + "    ))\n"
    )
    module = module or name
    install_distribution(
        site, f"brahma-{module}", files={f"{module}.py": text}, entry_points={module: module}
    )


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with plugin_site(tmp_path, monkeypatch) as folder:
        yield folder


def test_the_guides_section_is_bitsandbytes_in_groups_of_128() -> None:
    chosen = choose(bits=4, group_size=128)
    assert (chosen.entry.name, chosen.format.type, chosen.group_size) == ("bitsandbytes", "nf4", 128)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, ("bitsandbytes", "nf4", 128)),
        ({"bits": 8}, ("bitsandbytes", "int8", None)),
        ({"bits": 8, "group_size": "row"}, ("bitsandbytes", "int8", None)),
        ({"bits": 8, "group_size": 64}, ("hqq", "int8", 64)),
        ({"bits": 8, "quantizer": "hqq"}, ("hqq", "int8", None)),
        ({"quantizer": "hqq"}, ("hqq", "int4", 128)),
        ({"type": "int4"}, ("hqq", "int4", 128)),
        ({"type": "fp4", "double_quantization": True}, ("bitsandbytes", "fp4", 128)),
        ({"group_size": 4096}, ("hqq", "int4", 4096)),  # bitsandbytes has those on GPUs only
    ],
    ids=str,
)
def test_the_first_that_can_do_all_that_was_asked_is_taken(
    keys: dict[str, Any], expected: tuple[str, str, int | None]
) -> None:
    chosen = choose(**keys)
    assert (chosen.entry.name, chosen.format.type, chosen.group_size) == expected


def test_a_gpu_is_asked_for_by_its_kind() -> None:
    assert choose("cuda:1", group_size=4096).entry.name == "bitsandbytes"


def test_the_section_says_what_was_chosen_and_chooses_it_again() -> None:
    first = choose(bits=8, group_size=64, skip_modules=["down_proj"])
    assert (first.section.type, first.section.group_size, first.section.quantizer.name) == ("int8", 64, "hqq")
    assert first.section.skip_modules == ["down_proj"]
    assert choose_quantizer(QuantizationSection(**first.section.model_dump(mode="json")), "cpu") == first
    rows = choose(bits=8)
    assert rows.section.group_size == "row"
    assert choose_quantizer(rows.section, "cpu") == rows


def test_options_are_those_of_the_named_quantizer() -> None:
    quantizer = Choice(name="hqq", optimize=False)
    chosen = choose(quantizer=quantizer)
    assert chosen.options is not None
    assert not chosen.options.optimize  # type: ignore[attr-defined]
    assert chosen.section.quantizer.options == {"optimize": False}


def test_options_without_a_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="not named") as caught:
        choose(quantizer=Choice(name="auto", optimize=False))
    assert "bitsandbytes, hqq" in str(caught.value.hint)


def test_bits_3_names_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="4 or 8"):
        QuantizationSection(bits=3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("keys", "hint"),
    [
        ({"group_size": 100}, "32, 64, 128, 256, 512 or 1024"),
        ({"quantizer": "hqq", "group_size": 100}, "32, 64, 128, 256, 512, 1024, 2048 or 4096"),
        (
            {"quantizer": "bitsandbytes", "bits": 8, "group_size": 128},
            '"quantizer": "hqq", which can do this',
        ),
        ({"quantizer": "hqq", "double_quantization": True}, '"quantizer": "bitsandbytes", which can'),
        ({"bits": 8, "double_quantization": True}, "without double_quantization"),
        ({"type": "nf4", "bits": 8}, "without type"),
        ({"type": "nf5"}, 'did you mean "nf4"?'),
        ({"quantizer": "hqqq"}, 'did you mean "hqq"?'),
    ],
    ids=str,
)
def test_what_nobody_can_do_is_refused_with_what_can_be_done(keys: dict[str, Any], hint: str) -> None:
    with pytest.raises((ConfigError, PluginError)) as caught:
        choose(**keys)
    assert hint in str(caught.value.hint)
    assert str(caught.value.where).startswith("quantization")


def test_what_each_can_do_is_said() -> None:
    with pytest.raises(ConfigError) as caught:
        choose(group_size=100)
    assert "no installed quantizer can do 4 bits, groups of 100, on cpu" in caught.value.message
    assert "bitsandbytes: 4 bits nf4 or fp4, groups of 32 to 1024, double quantization; 8 bits" in str(
        caught.value.why
    )


def test_a_device_that_it_does_not_know_names_who_does(site: Path) -> None:
    add_quantizer(site, "apple", "type='int4', bits=4, group_sizes=(64, 128), devices=('mps',)")
    assert choose("mps").entry.name == "apple"
    with pytest.raises(ConfigError, match="'apple' cannot do 4 bits, on cpu") as caught:
        choose("cpu", quantizer="apple")
    assert '"quantizer": "bitsandbytes"' in str(caught.value.hint)
    with pytest.raises(ConfigError, match="'hqq' cannot do 4 bits, on mps") as caught:
        choose("mps", quantizer="hqq")
    assert '"quantizer": "apple", which can do this' in str(caught.value.hint)


def test_ours_come_before_others_and_those_by_name(site: Path) -> None:
    for name in ("zeta", "alpha"):
        add_quantizer(site, name, "type='odd', bits=4, group_sizes=(16, 48)")
    assert choose().entry.name == "bitsandbytes"
    assert choose(type="odd").entry.name == "alpha"


@pytest.mark.parametrize(("sizes", "expected"), [("(16, 48)", 48), ("(256, 512)", 256), ("()", None)])
def test_without_128_the_nearest_that_it_has_is_the_default(
    site: Path, sizes: str, expected: int | None
) -> None:
    add_quantizer(site, "odd", f"type='odd', bits=4, group_sizes={sizes}")
    assert choose(type="odd").group_size == expected


def test_two_of_one_name_are_refused(site: Path) -> None:
    form = "type='odd', bits=4"
    add_quantizer(site, "odd", form)
    add_quantizer(site, "odd", form, module="other")
    with pytest.raises(PluginError, match="brought by two plugins"):
        choose(type="odd")


def test_one_of_ours_that_is_not_installed_is_named_with_its_command(only: Any) -> None:
    only("brahma-bitsandbytes")
    with pytest.raises(ConfigError) as caught:
        choose(bits=8, group_size=64)
    assert 'pip install "brahma-hqq", whose quantizer "hqq" can do this' in str(caught.value.hint)
    with pytest.raises(PluginError) as missing:
        choose(quantizer="hqq")
    assert missing.value.hint == 'pip install "brahma-hqq"'


def test_without_any_quantizer_the_first_of_ours_is_offered(only: Any) -> None:
    only()
    with pytest.raises(PluginError, match="no quantizer is installed") as caught:
        choose()
    assert caught.value.hint == 'pip install "brahma-bitsandbytes"'


def test_float16_on_a_cpu_is_refused() -> None:
    with pytest.raises(ConfigError, match="a hundred times slower"):
        choose(compute_type="float16")
    assert choose("cuda", compute_type="float16").section.compute_type == "float16"


@pytest.mark.parametrize("name", FIRST_PARTY_FORMATS)
def test_what_is_said_of_ours_unseen_is_what_they_say(name: str) -> None:
    entry = Plugins().find("quantizer", name)
    assert isinstance(entry, QuantizerEntry)
    assert entry.formats == FIRST_PARTY_FORMATS[name]


def test_choosing_imports_no_torch() -> None:
    program = (
        "import sys\n"
        "from brahma.core.config.sections import QuantizationSection\n"
        "from brahma.core.quantizers import choose_quantizer\n"
        "choose_quantizer(QuantizationSection(quantizer={'name': 'hqq', 'optimize': True}), 'cpu')\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
