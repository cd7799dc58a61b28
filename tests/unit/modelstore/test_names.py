"""Names: every form, and what may not be one."""

from __future__ import annotations

from pathlib import Path

import pytest

from ruster.core.errors import ModelError
from ruster.modelstore.names import Asked, check_file, check_repo, parse_asked, parse_path


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("Qwen/Qwen2.5-1.5B-Instruct", Asked("Qwen/Qwen2.5-1.5B-Instruct")),
        ("org/repo:Q8_0", Asked("org/repo", None, "Q8_0")),
        ("org/repo:UD-Q4_K_XL", Asked("org/repo", None, "UD-Q4_K_XL")),
        ("org/repo:a.gguf", Asked("org/repo", "a.gguf")),
        ("org/repo:Q4/a.GGUF:q4_k_m", Asked("org/repo", "Q4/a.GGUF", "q4_k_m")),
        ("hf.co/org/repo:Q8_0", Asked("org/repo", None, "Q8_0")),
        ("https://huggingface.co/org/repo", Asked("org/repo")),
    ],
)
def test_a_name_is_taken_apart(name: str, asked: Asked) -> None:
    assert parse_asked(name) == asked


@pytest.mark.parametrize(
    "name",
    [
        "org/", "/repo", "org/repo/more", "../repo", "org/..", "org/re po", "org/a--b", "org/repo:",
        "org/repo:a.gguf:Q4:more", "org/repo:Q4:Q8", "org/repo:../x", "org/repo:Q4/x",
        "org/" + "x" * 100, "org/repo\0", "org/repo:Q4\n",
    ],
)  # fmt: skip
def test_what_is_no_name_says_so(name: str) -> None:
    with pytest.raises(ModelError, match="invalid Repo/Repo:filename format") as caught:
        parse_asked(name)
    assert caught.value.code == "model_not_found"


def test_a_name_without_a_slash_is_looked_up_only() -> None:
    with pytest.raises(ModelError, match="Model 'nobody' not found in registry"):
        parse_asked("nobody")


@pytest.mark.parametrize(
    "filename",
    [
        "../x.gguf", "a/../../x.gguf", "/etc/x.gguf", ".hidden.gguf", "a//x.gguf", "a\\x.gguf",
        "a/.ssh/x.gguf", "x.gguf\0", "x.gguf\n", "~/x.gguf", "x" * 300 + ".gguf", "x.bin", "",
    ],
)  # fmt: skip
def test_a_file_name_may_not_lead_anywhere_else(filename: str) -> None:
    with pytest.raises(ModelError) as caught:
        check_file(filename)
    assert caught.value.code == "invalid_name"


def test_long_names_and_folders_are_fine() -> None:
    name = "UD-Q4_K_XL/Mistral-Small-3.2-24B-Instruct-2506-UD-Q4_K_XL-00001-of-00002.gguf"
    assert check_file(name) == name
    assert check_repo("org/a.b_c-d") == "org/a.b_c-d"
    with pytest.raises(ModelError):
        check_repo("org")


def test_paths_are_known_by_their_start() -> None:
    assert parse_path("/models/a.gguf") == Path("/models/a.gguf")
    assert parse_path("~/a.gguf") == Path.home() / "a.gguf"
    assert parse_path("./a.gguf") == Path.cwd() / "a.gguf"
    assert parse_path("~nobody-at-all/a.gguf") is not None
    assert parse_path("org/repo") is None
    assert parse_path("/a\0b") is None
