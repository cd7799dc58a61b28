"""Two hundred different skills on the disk, as long as skills are that people write."""

from __future__ import annotations

from pathlib import Path

__all__ = ["COUNT", "mention", "program", "write_skills"]

_SUBJECTS = (
    "invoices", "contracts", "recipes", "workouts", "itineraries", "spreadsheets", "photographs",
    "podcasts", "databases", "dashboards", "newsletters", "presentations", "lessons", "gardens",
    "budgets", "translations", "interviews", "experiments", "warehouses", "playlists",
)  # fmt: skip
_TASKS = (
    ("draft", "Drafts {0} from notes and keywords", "a first version, a template or an outline"),
    ("review", "Reviews {0} for mistakes and omissions", "a second pair of eyes or corrections"),
    ("summarize", "Summarizes {0} in a few sentences", "an overview, the gist or an abstract"),
    ("compare", "Compares two or more {0} side by side", "differences, a ranking or a decision"),
    ("convert", "Converts {0} from one format to another", "an import, an export or a migration"),
    ("schedule", "Schedules work on {0} in a calendar", "deadlines, reminders or a timetable"),
    ("archive", "Archives {0} with tags and dates", "a backup, an index or old versions"),
    ("publish", "Publishes {0} for a chosen audience", "an announcement, a release or a preview"),
    ("measure", "Measures how {0} perform over time", "figures, charts, trends or a forecast"),
    ("repair", "Repairs {0} that are damaged or incomplete", "recovery, cleaning or a diagnosis"),
)
COUNT = len(_SUBJECTS) * len(_TASKS)
_STEPS = 60
_SYLLABLES = tuple(consonant + vowel for consonant in "bdf" for vowel in "aeiou")


def program(number: int) -> str:
    """Return a word that stands in the description of one skill only."""
    rest, last = divmod(number, len(_SYLLABLES))
    return f"Z{_SYLLABLES[rest % len(_SYLLABLES)]}{_SYLLABLES[last]}lix"


def mention(number: int) -> str:
    """Return a message that some skills fit, one of them best."""
    task, _, wish = _TASKS[number % len(_TASKS)]
    subject = _SUBJECTS[number // len(_TASKS) % len(_SUBJECTS)]
    return f"Please {task} the {subject} of last month; I would like {wish.split(',')[0]}."


def write_skills(root: Path, count: int = COUNT) -> list[str]:
    """Write the first ``count`` of them below ``root``; return their names."""
    names = []
    for number in range(count):
        task, does, wish = _TASKS[number % len(_TASKS)]
        subject = _SUBJECTS[number // len(_TASKS)]
        name = f"{task}-{subject}"
        folder = root / name
        folder.mkdir(parents=True)
        description = (
            f"{does.format(subject)}, with {program(number)} or by hand. Use it when somebody asks "
            f"to {task} {subject}, wants {wish} for {subject}, or mentions {program(number)}."
        )
        steps = "\n".join(
            f"{step}. Look at part {step} of the {subject}, then {task} it and note what is open."
            for step in range(1, _STEPS + 1)
        )
        head = f"name: {name}\ndescription: {description}\nlicense: MIT\n"
        (folder / "SKILL.md").write_text(f"---\n{head}---\n\n# {name}\n\n{steps}\n", "utf-8")
        names.append(name)
    return names
