"""A few rules for German: names, places, work, allergies, tastes, decisions, promises."""

from __future__ import annotations

from ruster.memory.learning.lexicon import DATE, OBJECT
from ruster.memory.learning.rule import Rule

__all__ = ["GERMAN"]

_NAME = r"(?P<name>(?-i:[A-ZÄÖÜ])[^\W\d_]*(?: (?-i:[A-ZÄÖÜ])[^\W\d_]*){0,2})"
_PLACE = r"(?P<place>(?-i:[A-ZÄÖÜ])[^\W\d_]*(?:[ -](?-i:[A-ZÄÖÜ])[^\W\d_]*){0,3})"
_END = r"(?=\s*(?:\Z|[,;:()]|\b(?:und|aber|weil|denn|seit|mit|nicht mehr)\b))"

GERMAN = (
    Rule(
        rf"(?:ich hei(?:ß|ss)e|mein name ist) {_NAME}{_END}",
        "Der Nutzer heißt {name}",
        slot="user.name",
        score=0.9,
    ),
    Rule(
        rf"(?:bitte )?nenn(?:e)? mich (?:bitte )?{_NAME}{_END}",
        "Der Nutzer möchte {name} genannt werden",
        kind="preference",
        slot="user.called",
        score=0.9,
    ),
    Rule(
        rf"ich (?:wohne|lebe) (?:jetzt |inzwischen |derzeit |seit [^,;]{{2,20}} )?in {_PLACE}"
        r"(?! nicht\b)" + _END,
        "Der Nutzer wohnt in {place}",
        slot="user.city",
        score=0.8,
    ),
    Rule(
        rf"ich bin (?:gerade |jetzt |vor kurzem |kürzlich )?nach {_PLACE} (?:um)?gezogen",
        "Der Nutzer wohnt in {place}",
        slot="user.city",
        score=0.8,
    ),
    Rule(
        rf"ich arbeite (?:jetzt |derzeit )?bei {_PLACE}{_END}",
        "Der Nutzer arbeitet bei {place}",
        slot="user.employer",
        score=0.7,
    ),
    Rule(
        rf"ich arbeite (?:jetzt |derzeit )?als (?P<job>(?-i:[A-ZÄÖÜ])[^\W\d_]+){_END}",
        "Der Nutzer arbeitet als {job}",
        slot="user.job",
        score=0.7,
    ),
    Rule(
        rf"ich bin allergisch (?:gegen|auf) {OBJECT}{_END}",
        "Der Nutzer ist allergisch gegen {object}",
        slot="user.allergy.{object}",
        score=0.95,
    ),
    Rule(
        rf"meine? (?P<rel>(?-i:[A-ZÄÖÜ])[^\W\d_]+) hei(?:ß|ss)t {_NAME}{_END}",
        "{rel} des Nutzers: {name}",
        slot="user.my-{rel}.name",
        score=0.8,
    ),
    Rule(
        rf"mein geburtstag ist (?:am )?{DATE}",
        "Der Geburtstag des Nutzers ist {date}",
        slot="user.birthday",
        score=0.9,
    ),
    Rule(
        r"ich (?:trinke|esse|mag) lieber (?P<object>[^,;]{2,40}?) als (?P<other>[^,;]{2,40}?)"
        + _END,
        "Der Nutzer zieht {object} {other} vor",
        kind="preference",
        score=0.7,
    ),
    Rule(
        rf"ich (?P<how>mag|liebe|hasse) (?P<not>keine? )?{OBJECT}{_END}",
        "Der Nutzer {how} {not} {object}",
        kind="preference",
        slot="user.taste.{object}",
    ),
    Rule(
        r"wir haben (?:uns )?(?:beschlossen|entschieden|darauf geeinigt),? (?P<object>[^;]{3,200})",
        "Es wurde beschlossen: {object}",
        kind="decision",
        score=0.8,
    ),
    Rule(
        r"ich verspreche(?: dir| euch)?,? (?P<object>[^;]{3,200})",
        "Der Nutzer hat versprochen: {object}",
        kind="promise",
        score=0.8,
    ),
)
