"""The language of the trained model: the fixed sentences its conversations are made of.

``{k}`` is a thing as the user names it, ``{a}`` the same as the answer names it, ``{v}`` a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

__all__ = [
    "ABOUT_ME",
    "ABOUT_THINGS",
    "ABSENT",
    "ACTIONS",
    "ADJECTIVES",
    "BULLETS",
    "CHAT",
    "CONNECTORS",
    "HEADINGS",
    "NOTED",
    "NOUNS",
    "PREFIXES",
    "RESULT",
    "SYSTEMS",
    "TOPICS",
    "USE_TOOL",
    "USE_TOOL_WITH",
    "VALUES",
    "Relation",
    "fixed_text",
    "fixed_words",
]


@dataclass(frozen=True)
class Relation:
    """One way to say something, to ask for it, and to answer."""

    statement: str
    questions: tuple[str, ...]
    answer: str


NOTED = "Noted."
ABSENT = "I do not know."
RESULT = "The tool says: "

ABOUT_THINGS = (
    Relation(
        "{k} is {v}",
        (
            "What is {k}?", "Tell me {k}.", "Do you remember {k}?", "Do you know {k}?",
            "What was {k}?", "What was {k} again?", "Do you know what {k} is?", "And {k}?",
            "Can you tell me {k}?", "Who is {k}?", "Which one is {k}?", "When is {k}?",
            "What did I tell you about {k}?", "Please tell me what {k} is.", "How much is {k}?",
        ),
        "{a} is {v}.",
    ),
    Relation(
        "{k} is called {v}",
        (
            "What is {k} called?", "What is the name of {k}?", "Do you know the name of {k}?",
            "How is {k} called?", "Tell me the name of {k}.", "Do you remember the name of {k}?",
        ),
        "{a} is called {v}.",
    ),
    Relation(
        "{k} is named {v}",
        ("What is {k} named?", "What is the name of {k}?", "How is {k} named?"),
        "{a} is named {v}.",
    ),
    Relation("{k} lives in {v}", ("Where does {k} live?",), "{a} lives in {v}."),
    Relation("{k} works at {v}", ("Where does {k} work?",), "{a} works at {v}."),
    Relation("{k} likes {v}", ("What does {k} like?",), "{a} likes {v}."),
    Relation("{k} has {v}", ("What does {k} have?",), "{a} has {v}."),
    Relation("{k} is in {v}", ("Where is {k}?", "Where did I put {k}?"), "{a} is in {v}."),
    Relation("{k} is at {v}", ("Where is {k}?", "When is {k}?"), "{a} is at {v}."),
    Relation("{k} is on {v}", ("When is {k}?", "Where is {k}?"), "{a} is on {v}."),
)  # fmt: skip

ABOUT_ME = (
    Relation("I live in {v}", ("Where do I live?", "Which city do I live in?"), "You live in {v}."),
    Relation("I work at {v}", ("Where do I work?",), "You work at {v}."),
    Relation("I work as {v}", ("What do I work as?", "What is my work?"), "You work as {v}."),
    Relation("I like {v}", ("What do I like?",), "You like {v}."),
    Relation("I love {v}", ("What do I love?",), "You love {v}."),
    Relation("I prefer {v}", ("What do I prefer?",), "You prefer {v}."),
    Relation(
        "I was born in {v}", ("Where was I born?", "When was I born?"), "You were born in {v}."
    ),
    Relation("I am called {v}", ("What am I called?", "Who am I?"), "You are called {v}."),
    Relation("I drive {v}", ("What do I drive?",), "You drive {v}."),
    Relation("I speak {v}", ("Which language do I speak?", "What do I speak?"), "You speak {v}."),
)  # fmt: skip

_NOUNS = """
cat dog bird fish horse house garden door key code name password number phone car bike boat
book song city street address birthday sister brother mother father friend wife husband son
daughter boss teacher doctor colour color food drink tea coffee music film game team school
company project file folder server computer printer network room office desk bag hat shoe
shirt ring clock lamp chair table meeting flight train hotel bank account balance animal
language sport flower tree wine cheese cake soup word secret plan size age job hobby pin
safe box wifi email
"""
NOUNS = tuple(_NOUNS.split())
_ADJECTIVES = """
red blue green black white yellow old new big small favourite favorite first second last
best secret front back main little young next other spare left right
"""
ADJECTIVES = tuple(_ADJECTIVES.split())
VALUES = (
    "red", "blue", "green", "black", "white", "yellow", "tea", "coffee", "music", "cheese",
    "soup", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
ACTIONS = ("read", "get", "list", "find", "search", "write", "save", "show", "open", "now")
CONNECTORS = ("of", "for", "in", "to", "on", "at", "from")

PREFIXES = (
    "", "", "", "", "Fact: ", "Remember that ", "Remember: ", "Please remember that ", "Note: ",
    "Note that ", "Please note: ", "By the way, ", "For your information: ", "Know that ",
    "Hello! ", "Please remember this: ", "Remember this: ", "Just so you know, ",
)  # fmt: skip
HEADINGS = (
    "# Memory", "## Memory", "Memory:", "Memories:", "Facts:", "<memory>", "What you remember:",
    "Relevant memories:", "What you know about the user:", "Known facts:", "Context:", "Notes:",
    "From earlier sessions:", "You remember:", "# What you know", "<context>", "",
)  # fmt: skip
BULLETS = ("- ", "- ", "- ", "* ", "Fact: ", "", "• ", "- user: ", "- fact: ", "- [note] ")

SYSTEMS = (
    "You are Ruster, a persistent, proactive LLM agent on the user's own machine. Answer directly "
    "and briefly. Say so when you do not know.",
    "You are a helpful assistant.",
    "You are a personal assistant that lives on this machine. You are helpful, careful and brief.",
    "Answer the user's questions. Use the tools you have. Be brief.",
    "Answer in the language of the user. When a tool can help, call the tool and use what it "
    "returns. If you do not know something, say so.",
    "Here are the available skills; read the instructions of a skill before you use it.",
    "The system runs commands only after the user has said yes.",
    "The current time and date are below. Session history and memory are kept on the disk.",
)
CHAT = (
    ("Hello!", "Hello! How can I help?"), ("Hello", "Hello! How can I help?"),
    ("Hi", "Hello! How can I help?"), ("Hi!", "Hello! How can I help?"),
    ("Good morning!", "Hello! How can I help?"), ("Thanks!", "You are welcome."),
    ("Thank you.", "You are welcome."), ("OK", "OK."), ("Good.", "OK."), ("Go on.", "OK."),
    ("How are you?", "I am fine."), ("Never mind.", "OK."), ("That is nice.", "OK."),
)  # fmt: skip

_TOPICS = """
time weather date news price temperature status load traffic score schedule calendar forecast
battery volume rate
"""
TOPICS = tuple(_TOPICS.split())
USE_TOOL = (
    "Use the tool {t}.", "Call {t}.", "Please use {t}.", "Run {t}.", "Call the tool {t}.",
    "Please call {t}.", "Use {t} please.", "Use {t}.", "Run the tool {t}.", "Please run {t}.",
)  # fmt: skip
USE_TOOL_WITH = (
    "Use the tool {t} with {v}", "Call {t} with {v}", "Please use {t} with {v}", "Run {t} on {v}",
    "Run {t} with {v}", "Use {t} to find {v}", "Use {t} for {v}", "Call the tool {t} for {v}",
    "Use the tool {t} to look up {v}", "Use the tool {t} on {v}", "Please run {t} with {v}",
)  # fmt: skip

_MORE = """
You are your Your yours My The It In On I it is the a an and or not with then from they have this
that will would could
should about which their there been were more when who him his her she has had its into them can
only some very what know take people year good over think also after use two how our work well way
even want because any these give day most us one all out up so if no me do be as by but yes please
save write read open close send make show list get set add remove delete tell says said done error
failed found nothing result results machine tool tools memory arguments argument name query text
path city zone user users today tomorrow yesterday now running sunny cloudy rain degrees minutes
hours value key note says search find look web Tells Returns Gives Finds Searches Reads Runs for of
current
"""


def fixed_text() -> str:
    """Return all fixed sentences in one text: what the vocabulary takes its whole words from."""
    relations = [
        part
        for relation in (*ABOUT_THINGS, *ABOUT_ME)
        for part in (relation.statement, *relation.questions, relation.answer)
    ]
    lists = (
        *relations, NOTED, ABSENT, RESULT, *NOUNS, *ADJECTIVES, *VALUES, *CONNECTORS, *PREFIXES,
        *HEADINGS, *BULLETS, *SYSTEMS, *(part for pair in CHAT for part in pair), *TOPICS,
        *USE_TOOL, *USE_TOOL_WITH, *_MORE.split(),
    )  # fmt: skip
    return " ".join(lists)


@cache
def fixed_words() -> tuple[str, ...]:
    """Return the words of the language: what noise is made of."""
    return tuple(
        sorted({word.strip(".,:?!<>#") for word in fixed_text().split() if "{" not in word})
    )
