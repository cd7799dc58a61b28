"""The words that tell that a clause is no fact, or none to be kept."""

from __future__ import annotations

import re

__all__ = ["NOT_A_NAME", "NOT_A_PLACE", "POINTING", "SECRET", "VAGUE"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NOT_A_NAME = _words(
    "black white red green blue brown grey gray orange pink purple not a an the on in at of to "
    "and or back later tomorrow tonight asap crazy old maybe when again now first today monday "
    "tuesday wednesday thursday friday saturday sunday important secret private mud wrong unknown "
    "irrelevant missing common spelled spelt pronounced always never also already still too very "
    "so just here there this that it hard long short what whatever anytime anything names mine "
    "yours sick tired sure sorry january february march july september october november december "
    "being going gone called dead ill well home great good bad fine ok okay everything nothing "
    "soon please sir boss using doing my your his her their our available optional required empty "
    "invalid correct null none undefined"
)
NOT_A_PLACE = _words(
    "fear peace hope denial sin pain hell limbo misery harmony poverty exile chaos style comfort "
    "luxury linux windows mac macos python rust go golang java javascript typescript postgres "
    "postgresql mysql sqlite vim neovim emacs github gitlab bitbucket firefox chrome safari "
    "android ios iphone slack teams notion obsidian kubernetes docker vscode vs aws azure gcp "
    "ubuntu debian fedora arch plan step phase chapter section page line monday tuesday wednesday "
    "thursday friday saturday sunday january february march april may june july august september "
    "october november december signal whatsapp telegram spotify tidal the this that there here it "
    "my your his her their our a an one two tomorrow today next last another remotely ruby node "
    "react vue svelte django flask jira trello asana terraform ansible jenkins proton gmail "
    "outlook settings preferences cloud production staging main master memory english german "
    "french time order general short particular fact mind"
)
SECRET = re.compile(
    r"\b(?:password|passphrase|passwd|passcode|pin|pin code|pin number|token|api key|secret|"
    r"credit card|card number|cvv|cvc|iban|account number|social security|ssn|private key|"
    r"passwort|kennwort|geheimnis|kreditkarte)\b",
    re.IGNORECASE,
)
"""What is never kept unless a person asks that it be."""
VAGUE = re.compile(
    r"(?:it|this|that|these|those|them|him|her|you|your|yours|here|there|one|ones|how|what|when|"
    r"where|who|why|the (?:way|idea|fact|first|second|third|last|other|latter|former|same|look|"
    r"sound|new|one|following|result|answer|output|code|error|above|option)|option|to know|"
    r"to see|to be able|to ask|to make|his|its|their|es|das|dich|dein|deine|ihn|sie)\b",
    re.IGNORECASE,
)
"""Objects that mean something only beside what was said before."""
POINTING = re.compile(
    r"\b(?:it|this|these|those|you|your|yours|here|there|option|version|"
    r"plan [a-z]|approach)\b",
    re.IGNORECASE,
)
"""Words that make an object vague wherever they stand."""
