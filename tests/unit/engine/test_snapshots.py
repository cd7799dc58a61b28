"""Sessions that lose their cells get them back from disk; what does not fit is passed over."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine_support import NEEDS_ENGINE

pytest.importorskip("llama_cpp")

from ruster.engine.model import LoadedModel
from ruster.engine.parking import SnapshotParking
from ruster.engine.snapshots import SnapshotFolder, model_key
from tests.unit.engine.desk import Asked, open_desk

pytestmark = NEEDS_ENGINE
_KEY = "0" * 24
_CLOSE = 0.05


def _folder(path: Path, limit: int = 1 << 30, key: str = _KEY) -> SnapshotFolder:
    return SnapshotFolder(path / "kv", limit, key)


def _files(path: Path) -> list[Path]:
    return sorted((path / "kv").iterdir())


def _prompt(model: LoadedModel, text: str = "Where was the file saved, and when? ") -> list[int]:
    return model.tokenize(text * 6, special=True)


def _ask(model: LoadedModel, path: Path, tokens: list[int], **options: str) -> Asked:
    """Ask in a context of its own, as after an unload; what it holds is kept."""
    with open_desk(model, parking=SnapshotParking(_folder(path, **options))) as desk:  # type: ignore[arg-type]
        asked = desk.ask(tokens, session="work")
        desk.run()
    return asked


def test_what_was_saved_is_found_again(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    folder.save("a", [1, 2, 3], bytearray(b"state"))
    found = folder.find("a")
    assert found is not None
    assert found.tokens == [1, 2, 3]
    assert folder.load(found) == bytearray(b"state")
    assert folder.find("b") is None
    folder.close()
    (file,) = _files(tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "kv").stat().st_mode & 0o777 == 0o700
    assert b"work" not in file.name.encode()


def test_a_session_goes_on_where_it_was_after_an_unload(model: LoadedModel, tmp_path: Path) -> None:
    prompt = _prompt(model)
    first = _ask(model, tmp_path, prompt)
    longer = [*prompt, *first.tokens, *_prompt(model, "And then? ")]
    second = _ask(model, tmp_path, longer)
    assert second.usage.cached >= len(prompt) + len(first.tokens) - 1
    with open_desk(model) as desk:
        alone = desk.ask(longer)
        desk.run()
    assert second.tokens == alone.tokens
    for ours, theirs in zip(second.logits, alone.logits, strict=True):
        assert ours == pytest.approx(theirs, abs=_CLOSE)


def test_only_what_the_prompt_begins_with_is_used(model: LoadedModel, tmp_path: Path) -> None:
    prompt = _prompt(model)
    _ask(model, tmp_path, prompt)
    other = [*prompt[:40], *_prompt(model, "Something else entirely. ")]
    second = _ask(model, tmp_path, other)
    assert second.usage.cached == 40
    with open_desk(model) as desk:
        alone = desk.ask(other)
        desk.run()
    assert second.tokens == alone.tokens


def test_a_session_that_lost_its_place_is_put_back(model: LoadedModel, tmp_path: Path) -> None:
    prompts = [_prompt(model, f"{name}. What is the time? ") for name in "abcd"]
    parking = SnapshotParking(_folder(tmp_path))
    with open_desk(model, max_sequences=2, parking=parking) as desk:
        for _ in range(2):
            asked = [desk.ask(prompt, session=str(at)) for at, prompt in enumerate(prompts)]
            desk.run()
        assert all(one.usage.cached == len(prompt) - 1
                   for one, prompt in zip(asked, prompts, strict=True))  # fmt: skip


def test_one_that_steps_back_is_put_back(model: LoadedModel, tmp_path: Path) -> None:
    prompts = [_prompt(model, f"{name}. What is the time? ")[:60] for name in "abc"]
    parking = SnapshotParking(_folder(tmp_path))
    with open_desk(model, cells=256, max_sequences=3, parking=parking) as desk:
        asked = [desk.ask(prompt, most=80, session=str(at)) for at, prompt in enumerate(prompts)]
        desk.run()
        assert sum(desk.sizes) < sum(map(len, prompts)) + 3 * 80 + 60  # nothing was read twice
    assert [one.error for one in asked] == [None] * 3


def _flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: b"not a snapshot at all" * 9, id="text"),
        pytest.param(lambda data: data[:-1], id="cut at the end"),
        pytest.param(lambda data: data[: len(data) // 2], id="cut in the middle"),
        pytest.param(lambda data: data[:30], id="cut in the head"),
        pytest.param(lambda data: data + b"x", id="longer"),
        pytest.param(lambda data: _flip(data, len(data) - 5), id="state"),
        pytest.param(lambda data: _flip(data, len(data) // 2), id="state in the middle"),
        pytest.param(lambda data: _flip(data, 3), id="magic"),
        pytest.param(lambda data: _flip(data, 10), id="length of the head"),
        pytest.param(lambda data: _flip(data, 20), id="head"),
        pytest.param(lambda data: data.replace(b'"tokens": ', b'"tokens":-'), id="negative"),
        pytest.param(lambda data: data.replace(_KEY.encode(), b"1" * 24), id="foreign"),
    ],
)
def test_a_damaged_snapshot_is_passed_over(
    model: LoadedModel, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    prompt = _prompt(model)
    first = _ask(model, tmp_path, prompt)
    (file,) = _files(tmp_path)
    good = file.read_bytes()
    assert damage(good) != good
    file.write_bytes(damage(good))
    second = _ask(model, tmp_path, prompt)
    assert second.usage.cached == 0
    assert second.tokens == first.tokens
    file.write_bytes(good)  # the control: undamaged, it is used
    assert _ask(model, tmp_path, prompt).usage.cached == len(prompt) - 1


def test_another_model_or_other_settings_have_their_own(model: LoadedModel, tmp_path: Path) -> None:
    prompt = _prompt(model)
    _ask(model, tmp_path, prompt)
    assert _ask(model, tmp_path, prompt, key="f" * 24).usage.cached == 0
    assert len(_files(tmp_path)) == 2
    file = tmp_path / "model.gguf"
    file.write_bytes(b"one")
    os.utime(file, ns=(1, 1))
    key = model_key(file, {})
    assert key == model_key(file, {})
    assert key != model_key(file, {"library": "2"})
    os.utime(file, ns=(2, 2))
    assert key != model_key(file, {})
    file.write_bytes(b"two")
    os.utime(file, ns=(1, 1))
    assert key != model_key(file, {})


def test_the_folder_keeps_its_bound_and_drops_the_oldest(tmp_path: Path) -> None:
    folder = _folder(tmp_path, limit=2500)
    for at, name in enumerate("abc"):
        folder.save(name, [1], bytearray(1000))
        found = folder.find(name)
        assert found is not None
        os.utime(found.path, ns=(at, at))
    assert folder.find("a") is None
    used = folder.find("b")
    assert used is not None
    assert folder.load(used) is not None  # now c is the oldest
    folder.save("d", [1], bytearray(1000))
    assert folder.find("d") is not None
    assert folder.find("c") is None
    assert folder.find("b") is not None
    folder.save("huge", [1], bytearray(9000))
    assert folder.find("huge") is None
    folder.close()
    assert sum(file.stat().st_size for file in _files(tmp_path)) <= 2500


def test_what_cannot_be_written_does_no_harm(model: LoadedModel, tmp_path: Path) -> None:
    prompt = _prompt(model)
    folder = _folder(tmp_path)
    (tmp_path / "kv").rmdir()
    (tmp_path / "kv").write_text("a file where the folder was")
    with open_desk(model, parking=SnapshotParking(folder)) as desk:
        asked = desk.ask(prompt, session="work")
        desk.run()
        assert asked.error is None
    assert folder.find("work") is None


def test_leftovers_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    (tmp_path / "kv").mkdir()
    (tmp_path / "kv" / "a.partial").write_bytes(b"half")
    _folder(tmp_path).close()
    assert _files(tmp_path) == []


def test_nameless_and_short_sequences_are_not_kept(model: LoadedModel, tmp_path: Path) -> None:
    with open_desk(model, parking=SnapshotParking(_folder(tmp_path))) as desk:
        desk.ask(_prompt(model), session=None)
        desk.ask(_prompt(model)[:3], session="short", most=1)
        desk.run()
    assert _files(tmp_path) == []
