"""What a model says can neither run in the page nor break it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.async_api import expect
from tests.e2e.page_browser import browser, visiting
from tests.fakes.page_bridge import PAGE, policy_of

from ruster.core.inference import Content
from ruster.testing import ScriptedProvider

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium")

_ACTIVE = """<img src=x onerror="window.hit=1"><svg onload="window.hit=2"></svg>
<iframe srcdoc="<script>parent.hit=3</script>"></iframe>"""
_HOSTILE = f"""# <script>window.hit = 4</script>

{_ACTIVE}

[run](javascript:window.hit=5) [run](JaVaScRiPt:window.hit=6) [run](java\tscript:window.hit=7)
[run](data:text/html,<script>window.hit=8</script>) [run](vbscript:x) <javascript:window.hit=9>
[file](file:///etc/passwd) [same](/v1/models) ![picture](https://tracker.example/p.png)
![x](javascript:window.hit=10) [a]("onmouseover="window.hit=11") `<b onclick=x>`
[fine](https://example.com/a?b=c#d) https://example.org/plain <mail@example.com>
[turned \u202e round](https://example.com/\u202egpj.exe)

| <script>window.hit=12</script> | b |
| --- | --- |
| <img src=x onerror=window.hit=13> | [c](javascript:window.hit=14) |

```html"><script>window.hit=15</script>
</code></pre><script>window.hit=16</script>
```

- [ ] </style><style>*{{display:none}}</style>
> </script><script>window.hit=17</script>
"""
_WIDE = [
    "x" * 20_000,
    "\u202e\u2066" * 500 + "turned \u05d0\u05d1\u05d2 \u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    "\u200b\u200d\ufeff" * 2000 + "Z" + "\u0335\u0321\u035c\u0363" * 400,
    "| " + " | ".join(f"column{i}" for i in range(40)) + " |\n" + "| --- " * 40 + "|",
    "```\n" + "wide " * 2000 + "\n```",
    "> " * 60 + "deep\n" + "  " * 60 + "- deep",
    "**" * 5000 + "_a " * 5000 + "[" * 5000 + "`" * 4999 + "](" * 3000,
]


async def test_the_attacks_would_run_in_a_page_without_guards() -> None:
    async with browser() as launched:
        page = await launched.new_page()
        await page.set_content("<main></main>")
        await page.evaluate("text => { document.querySelector('main').innerHTML = text }", _ACTIVE)
        await page.wait_for_function("window.hit !== undefined")


async def test_hostile_markdown_runs_nothing_and_loads_nothing(folder: Path) -> None:
    provider = ScriptedProvider([Content(_HOSTILE)])
    async with visiting(folder, {"scripted": provider}, default_model="scripted/any") as visit:
        asked: list[str] = []
        visit.page.on("request", lambda request: asked.append(request.url))
        await visit.open()
        await visit.say(_HOSTILE)
        await visit.answered(1)
        links = visit.last.locator(".prose a")
        addresses = [await link.get_attribute("href") for link in await links.all()]
        assert addresses == [
            "https://tracker.example/p.png",
            "https://example.com/a?b=c#d",
            "https://example.org/plain",
            "mailto:mail@example.com",
        ]
        assert {await link.get_attribute("rel") for link in await links.all()} == {
            "noopener noreferrer nofollow"
        }
        inside = visit.last.locator("img, script, style, iframe, svg:not(.icon), form, object")
        await expect(inside).to_have_count(0)
        await expect(visit.last.locator(".prose")).to_contain_text("<script>window.hit=12</script>")
        for dead in await visit.last.locator(".dead-link").all():
            await dead.click(force=True)
        assert await visit.page.evaluate("window.hit") is None
        assert all(url.startswith(visit.bridge.url) for url in asked)


@pytest.mark.parametrize("width", [1280, 360])
async def test_odd_texts_break_no_layout(folder: Path, width: int) -> None:
    provider = ScriptedProvider(*[[Content(text)] for text in _WIDE])
    async with visiting(
        folder, {"scripted": provider}, look={"width": width}, default_model="scripted/any"
    ) as visit:
        await visit.open()
        for count, _ in enumerate(_WIDE, start=1):
            await visit.say("go on " + "y" * 300)
            await visit.answered(count)
            assert await visit.width_over() <= 0
            frame = await visit.page.locator(".conversation").bounding_box()
            body = await visit.last.bounding_box()
            assert frame is not None
            assert body is not None
            assert body["x"] >= 0
            assert body["x"] + body["width"] <= width
        await expect(visit.message).to_be_in_viewport()


async def test_a_megabyte_is_bounded_on_the_page_and_can_be_read(folder: Path) -> None:
    pieces = [f"Line {n} with **some** words.\n\n" for n in range(29_000)]
    text = "".join(pieces)
    assert 900_000 < len(text) < 1 << 20
    provider = ScriptedProvider([Content(text[i : i + 4096]) for i in range(0, len(text), 4096)])
    async with visiting(folder, {"scripted": provider}, default_model="scripted/any") as visit:
        await visit.open()
        await visit.say("all of it")
        await visit.answered(1)
        more = visit.last.locator("button.more")
        await expect(more).to_contain_text("more of")
        assert await visit.last.locator(".prose > p").count() < 6000
        await visit.message.fill("it still takes words")
        before = await visit.last.locator(".prose > p").count()
        await more.click()
        await expect(visit.last.locator(".prose > p")).not_to_have_count(before)
        await visit.page.reload()
        await expect(visit.last.locator("button.more")).to_be_visible()
        await expect(visit.message).to_have_value("it still takes words")


async def test_markdown_comes_out_as_what_it_means(folder: Path) -> None:
    text = (
        "## Head *of* all\n\nOne `code` **bold _both_** ~~gone~~ \\*plain\\* a_b_c 2 * 3 * 4\n\n"
        "1. one\n   - inner\n\n     more\n2. two\n\n"
        "Head\n===\n\n| a | b |\n|:-:|--:|\n| 1 \\| 2 | `x` |\n\n> quote\n> goes on\n\n---\n\n"
        "~~~python\ndef f(): return 'x'  # y\n~~~\n\n- [x] done\n- [ ] open"
    )
    # A piece may end anywhere, even within a mark.
    provider = ScriptedProvider([Content(sign) for sign in text])
    async with visiting(folder, {"scripted": provider}, default_model="scripted/any") as visit:
        await visit.open()
        await visit.say("go")
        await visit.answered(1)
        prose = visit.last.locator(".prose")
        await expect(prose.locator(":scope > h4")).to_have_text("Head of all")
        await expect(prose.locator(":scope > p").first).to_have_text(
            "One code bold both gone *plain* a_b_c 2 * 3 * 4"
        )
        await expect(prose.locator("strong > em")).to_have_text("both")
        await expect(prose.locator("ol > li")).to_have_count(2)
        await expect(prose.locator("ol ul li")).to_contain_text("more")
        await expect(prose.locator(":scope > h3")).to_have_text("Head")
        await expect(prose.locator("td")).to_have_text(["1 | 2", "x"])
        await expect(prose.locator("blockquote p")).to_have_text("quote goes on")
        await expect(prose.locator("hr")).to_have_count(1)
        await expect(prose.locator("pre .hl-keyword")).to_have_text(["def", "return"])
        await expect(prose.locator(".task")).to_have_count(2)
        streamed = await prose.inner_html()
        await visit.page.reload()
        await expect(visit.last.locator(".prose .task")).to_have_count(2)
        assert await visit.last.locator(".prose").inner_html() == streamed


async def test_the_policy_lets_only_the_page_itself_run() -> None:
    policy = policy_of(PAGE.read_text(encoding="utf-8"))
    assert "unsafe" not in policy
    assert policy.count("sha256-") == 2
