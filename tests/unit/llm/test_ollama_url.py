"""Every spelling of OLLAMA_HOST leads to an address a client can connect to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruster.llm.access import without_login
from ruster.llm.ollama.url import base_url

SPELLINGS = {
    "": "http://127.0.0.1:11434",
    "1.2.3.4": "http://1.2.3.4:11434",
    ":1234": "http://127.0.0.1:1234",
    "1234": "http://127.0.0.1:1234",
    "1.2.3.4:1234": "http://1.2.3.4:1234",
    "example.com": "http://example.com:11434",
    "example.com:1234": "http://example.com:1234",
    ":66000": "http://127.0.0.1:11434",
    ":-1": "http://127.0.0.1:11434",
    "host:": "http://host:11434",
    "[::1]": "http://[::1]:11434",
    "::1": "http://[::1]:11434",
    "[::1]:1337": "http://[::1]:1337",
    "[::]": "http://[::1]:11434",
    "[::]:1234": "http://[::1]:1234",
    "0.0.0.0": "http://127.0.0.1:11434",
    "0.0.0.0:1234": "http://127.0.0.1:1234",
    "https://0.0.0.0:4321": "https://127.0.0.1:4321",
    " 1.2.3.4 ": "http://1.2.3.4:11434",
    '"1.2.3.4"': "http://1.2.3.4:11434",
    ' " 1.2.3.4 " ': "http://1.2.3.4:11434",
    "'1.2.3.4'": "http://1.2.3.4:11434",
    "http://1.2.3.4": "http://1.2.3.4:80",
    "http://1.2.3.4:4321": "http://1.2.3.4:4321",
    "https://1.2.3.4": "https://1.2.3.4:443",
    "HTTPS://1.2.3.4": "https://1.2.3.4:443",
    "https://example.com/ollama": "https://example.com:443/ollama",
    "http://localhost:11434/": "http://localhost:11434",
    "http://me:secret@box:1234/x/": "http://me:secret@box:1234/x",
}


@pytest.mark.parametrize(("spelling", "url"), SPELLINGS.items())
def test_spellings(spelling: str, url: str) -> None:
    assert base_url(spelling) == url


@given(st.text())
def test_any_text_gives_some_address(text: str) -> None:
    assert "://" in base_url(text)


@given(
    st.from_regex(
        r"(https?://)?[a-z][a-z0-9.]{0,9}(:[1-9][0-9]{0,3})?(/[a-z]{1,5})?", fullmatch=True
    )
)
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert base_url(base_url(text)) == base_url(text)


def test_a_login_is_not_shown() -> None:
    assert without_login("http://me:secret@box:1234/x") == "http://box:1234/x"
    assert without_login("http://box:1234/x") == "http://box:1234/x"
