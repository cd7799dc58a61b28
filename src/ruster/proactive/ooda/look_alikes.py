"""Text as a reader sees it, in plain small letters: what only looks different reads the same."""

from __future__ import annotations

import unicodedata

__all__ = ["in_doubt", "plain", "readings"]

_STRANGE, _SEEN_AS = (
    "авсԁеһіјкӏмнорԛгѕтуѵԝхпьүҽ"
    "αβϲεηικμνορτυχγω"
    "օսոհցզ"  # noqa: RUF001
    "ıȷɑɡɩʟᴏᴅᴇᴀᴘᴛꜱʏᴜʀɴᴍʜᴡɪᴄɢᴋ",
    "abcdehijklmhopqrstyvwxnbyeabcenikuvoptuxywounhgqijagilodeaptsyurnmhwicgk",
)
"""Cyrillic, Greek, Armenian and Latin letters, and the plain ones that each looks like."""
_LOOK_ALIKES = str.maketrans(_STRANGE, _SEEN_AS)
_DIGITS = str.maketrans("013457@$!|", "oleastasil")
_DASHES = dict.fromkeys((*range(0x2010, 0x2016), 0x2212, 0xFE58, 0xFE63, 0xFF0D), "-")
_ORDINARY = frozenset("ßøłæœđðþħŋ")
"""Letters of European languages that look like no other."""


def plain(text: str) -> str:
    """Return a text without look-alikes, case, accents and characters that nobody sees."""
    return _seen(text).translate(_LOOK_ALIKES)


def readings(text: str) -> tuple[str, ...]:
    """Return what a text may be read as: as it is, run together, and with digits for letters."""
    read = plain(text)
    spelt = read.translate(_DIGITS)
    return read, _run_together(read), spelt, _run_together(spelt)


def in_doubt(text: str) -> bool:
    """Whether a word mixes plain letters with strange ones: nobody can tell what it reads as."""
    for word in _seen(text).split():
        letters = [it for it in word if it.isalpha()]
        strange = [it for it in letters if not it.isascii() and it not in _ORDINARY]
        if strange and len(strange) < len(letters):
            return True
    return False


def _seen(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).translate(_DASHES).casefold()
    text = unicodedata.normalize("NFKD", text)
    return "".join(it for it in text if not _is_unseen(it))


def _is_unseen(char: str) -> bool:
    """Tell accents, format and control characters and unassigned ones; blanks are seen."""
    category = unicodedata.category(char)
    return category in ("Mn", "Me", "Cf", "Cn", "Co", "Cs") or (
        category == "Cc" and not char.isspace()
    )


def _run_together(text: str) -> str:
    return "".join(it for it in text if it.isalnum())
