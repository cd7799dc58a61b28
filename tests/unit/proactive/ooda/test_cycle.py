"""The rules of a cycle, as one table each."""

from __future__ import annotations

import pytest

from ruster.core.tools import Effect, Risk
from ruster.proactive.ooda.cycle import Choice, Observation, Report, Status, judge, orient
from ruster.proactive.ooda.look_alikes import in_doubt, plain
from ruster.proactive.ooda.risk import classify, effects_of, is_auto_allowed, needs_approval

INFO = Observation("cron", "disk", "70 %")
WARNING = Observation("cron", "disk", "91 %", "warning")
ERROR = Observation("cron", "disk", "full", "error")


@pytest.mark.parametrize(
    ("observations", "text"),
    [
        ((), "no observations provided"),
        ((INFO,), "1 observations, no alerts"),
        ((INFO, INFO), "2 observations, no alerts"),
        ((INFO, WARNING, ERROR), "3 observations, 2 require attention"),
    ],
)
def test_orientation(observations: tuple[Observation, ...], text: str) -> None:
    assert orient(observations) == text


@pytest.mark.parametrize(
    ("observations", "choice"),
    [
        ((), Choice.CONTINUE),
        ((INFO,), Choice.CONTINUE),
        ((Observation("a", "b", "c", " INFO "),), Choice.CONTINUE),
        ((INFO, WARNING), Choice.ESCALATE),
        ((Observation("a", "b", "c", ""),), Choice.ESCALATE),
        ((Observation("a", "b", "c", "strange"),), Choice.ESCALATE),
    ],
)
def test_decision(observations: tuple[Observation, ...], choice: Choice) -> None:
    assert judge("look", observations, ())[0] is choice


@pytest.mark.parametrize(
    ("action", "severities", "risk"),
    [
        ("water the plants", (), Risk.LOW),
        ("water the plants", ("info", "warning"), Risk.LOW),
        ("water the plants", ("info", "error"), Risk.MEDIUM),
        ("water the plants", ("ERROR\u200b",), Risk.MEDIUM),
        ("purchase beans", (), Risk.CRITICAL),
        ("send the payment", (), Risk.CRITICAL),
        ("delete the folder", (), Risk.CRITICAL),
        ("self-update now", (), Risk.CRITICAL),
        ("deploy to staging", (), Risk.HIGH),
        ("restart nginx", ("error",), Risk.HIGH),
        ("email Ann", (), Risk.HIGH),
        ("shutdown the server", (), Risk.HIGH),
        ("undeployed", (), Risk.HIGH),
        ("restart and delete", (), Risk.CRITICAL),
    ],
)
def test_risk(action: str, severities: tuple[str, ...], risk: Risk) -> None:
    assert classify(action, severities) is risk


@pytest.mark.parametrize(
    "action",
    [
        "DELETE it",
        "de\u200blete it",
        "de\u00adlete it",
        "d\u0435l\u0435t\u0435 it",  # Cyrillic
        "\uff44\uff45\uff4c\uff45\uff54\uff45 it",  # full width
        "\U0001d41d\U0001d41e\U0001d425\U0001d41e\U0001d42d\U0001d41e it",  # mathematical
        "d\u00e9l\u00e8te it",
        "de\u0301lete it",
        "de\u034flete it",  # grapheme joiner
        "d e l e t e it",
        "de-lete it",
        "de\nlete it",
        "de1ete it",
        "d3l3t3 it",
        "\u202edelete it",
        "\U000e0064delete it",  # a tag
        "self update",
        "self_update",
        "selfupdate",
        "self\u2010update",
        "SELF\u2212UPDATE",
        "\u03c1urchase it",  # Greek
        "\u1d05\u1d07\u029f\u1d07\u1d1b\u1d07 it",  # small capitals
    ],
)
def test_a_disguise_does_not_help(action: str) -> None:
    assert classify(action) is Risk.CRITICAL
    assert needs_approval(action, classify(action))
    assert not is_auto_allowed(action, ("it", "restart"))


@pytest.mark.parametrize("action", ["dele\u0442\u04d9", "ab\u05d0c", "x\u3042"])
def test_what_nobody_can_read_counts_as_risky(action: str) -> None:
    assert in_doubt(action)
    assert classify(action) is Risk.HIGH
    assert effects_of(action) == {Effect.EXECUTES}
    assert not is_auto_allowed(action, ("x", "a", "d"))


@pytest.mark.parametrize("action", ["Grüße an Øystein", "мыть посуду", "水をやる", "café ß"])
def test_other_languages_are_no_disguise(action: str) -> None:
    assert not in_doubt(action)
    assert classify(action) is Risk.LOW


@pytest.mark.parametrize(
    ("action", "allowed", "needed"),
    [
        ("water the plants", (), False),
        ("deploy it", (), True),
        ("deploy it", ("restart",), True),
        ("deploy it", ("deploy",), False),
        ("Deploy it", (" DEPLOY ",), False),
        ("deploy it", ("*",), False),
        ("deploy and delete it", ("deploy",), True),
        ("deploy and delete it", ("deploy", "delete"), False),
        ("deploy it", ("deploy it",), False),
        ("deploy it, deploy that", ("deploy it",), True),
        ("delete it", ("",), True),
        ("delete it", ("it",), True),
    ],
)
def test_approval(action: str, allowed: tuple[str, ...], needed: bool) -> None:
    assert needs_approval(action, classify(action), allowed) is needed


def test_status() -> None:
    assert judge("look", (), ("*",))[2] is Status.NOT_REQUIRED
    assert judge("deploy", (), ("deploy",))[2] is Status.AUTO_ALLOWED
    assert judge("deploy", (), ())[2] is Status.PENDING
    assert {it for it in Status if it.allows} == {
        Status.NOT_REQUIRED, Status.AUTO_ALLOWED, Status.APPROVED,
    }  # fmt: skip


def test_effects() -> None:
    assert effects_of("look") == frozenset()
    assert effects_of("purchase") == {Effect.SPENDS, Effect.NETWORK}
    assert effects_of("restart and delete") == {Effect.EXECUTES, Effect.WRITES}


def test_a_report_survives_being_written() -> None:
    report = Report(
        "o-1", 1000, 5.5, (INFO, ERROR), "x", Choice.ESCALATE, "deploy", Risk.HIGH,
        Status.PENDING, "pa-1", "g",
    )  # fmt: skip
    assert Report.from_record(report.to_record()) == report


def test_plain() -> None:
    assert plain("Ｄé\u200bL") == "del"
