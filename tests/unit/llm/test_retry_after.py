"""Every form in which a provider asks for patience."""

from __future__ import annotations

import pytest

from ruster.llm.retry_after import retry_after_s

NOW = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Fri, 15 Jan 2027 08:00:30 GMT"}, 30.0),
        ({"retry-after": "Fri, 15 Jan 2027 07:00:00 GMT"}, 0.0),
        (
            {
                "retry-after": "Thu, 01 Jan 2026 00:01:00 GMT",
                "date": "Thu, 01 Jan 2026 00:00:00 GMT",
            },
            60.0,
        ),
        ({"retry-after": "Fri, 99 Foo 2027"}, None),
    ],
)
def test_all_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, lambda: NOW) == seconds
