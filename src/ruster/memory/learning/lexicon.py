"""The words that rules tell facts by, as parts of patterns."""

from __future__ import annotations

__all__ = [
    "ATTRIBUTE",
    "DATE",
    "DIET",
    "END",
    "HABIT",
    "JOB",
    "NAME",
    "NATION",
    "OBJECT",
    "OF_CODE",
    "OPINION",
    "ORGANISATION",
    "PERSON",
    "PLACE",
    "RELATION",
    "TIME",
    "TOLD_SMALL",
    "either",
]


def either(words: str) -> str:
    """Return a pattern for one of the words, which spaces separate; ``_`` stands for a space."""
    return "(?:" + "|".join(it.replace("_", " ") for it in words.split()) + ")"


_CAPITAL = r"(?-i:[A-ZÀ-ÖØ-ÞĀ-ſĐƠƯẠ-ỹ])[^\W\d_]*(?:['.-][^\W\d_]+)*\.?"
NAME = rf"(?P<name>{_CAPITAL}(?: (?:{_CAPITAL}|de|van|von|der|da|bin|al)){{0,3}}|[^\W\d_]{{2,20}})"
"""A name: capital letters, or one word in small ones, which must be all there is."""
PLACE = rf"(?P<place>{_CAPITAL}(?:,? (?:{_CAPITAL}|de|la|am|of)){{0,4}}|(?-i:[^\W\d_A-Z]{{3,20}}))"
ORGANISATION = rf"(?P<place>(?:the )?{_CAPITAL}(?: (?:{_CAPITAL}|of|and|&|de)){{0,4}})"
END = (
    r"(?=\s*(?:\Z|[,;:()]|\b(?:but|so|because|which|who|though|although|however|since|right now|"
    r"at the moment|these days|nowadays|now|for now|"
    r"and (?:can|could|please|need|what|how|is|are|do|does|i|we|my|it|he|she|they)|"
    r"aber|weil|obwohl|denn)\b))"
)
"""Where what is told ends; only looked at."""
OBJECT = (
    r"(?P<object>[^,;:()\ufffc]{2,120}?"
    r"(?:(?:, [^,;:()\ufffc ]{2,20}){1,5},? (?:and|or|und) [^,;:()\ufffc]{2,40}?)?)"
)
PERSON = either(
    "wife husband spouse partner girlfriend boyfriend fiancé fiancée fiance fiancee mother father "
    "mom mum dad mama papa parents sister brother siblings son daughter kid child children kids "
    "baby twins grandmother grandfather grandma grandpa grandson granddaughter aunt uncle cousin "
    "nephew niece mother-in-law father-in-law brother-in-law sister-in-law stepson stepdaughter "
    "best_friend friend flatmate roommate neighbour neighbor boss manager colleague teacher tutor "
    "doctor dentist therapist landlord accountant lawyer ex-wife ex-husband"
)
_PET = either(
    "cat dog kitten puppy hamster rabbit parrot horse pony bird goldfish fish turtle tortoise "
    "snake lizard gecko guinea_pig rat ferret chicken cow goat sheep budgie"
)
RELATION = f"(?:{PERSON}|{_PET})"
OF_CODE = either(
    "function variable branch class method file list table column server database module script "
    "test repo repository container image field parameter button page tab folder directory "
    "endpoint package object type struct array key index process service job queue bucket cluster "
    "node host user account app application binary command config constant library plugin thread "
    "topic view"
)
"""Things of a program: what these are called holds for the talk about it."""
TOLD_SMALL = either(
    "hobby hobbies religion diet native_language first_language mother_tongue star_sign "
    "zodiac_sign blood_type profession dream_job"
)
"""What may be anything; of others a value is told by a capital, a digit or an article."""
OPINION = either(
    "mess nightmare joke pain bit lot disaster problem dream wreck shame little mystery secret "
    "total complete real huge good bad great big nice"
)
"""What "my job is a ..." goes on with when it tells nothing."""
ATTRIBUTE = either(
    "phone_number phone mobile_number mobile e-mail_address email_address e-mail email "
    "home_address address postal_address time_zone timezone shoe_size shirt_size dress_size "
    "ring_size blood_type job job_title profession hobby hobbies native_language first_language "
    "mother_tongue height weight star_sign zodiac_sign licence_plate license_plate anniversary "
    "wedding_anniversary username github_handle github_username handle twitter_handle postcode "
    "zip_code employer company startup religion nationality diet car bike laptop team hometown "
    "home_town middle_name surname last_name maiden_name deadline goal dream_job blog website "
    "business band school university college"
)
JOB = either(
    "engineer developer programmer nurse teacher doctor physician student lawyer designer "
    "architect accountant chef cook baker carpenter plumber electrician mechanic pilot scientist "
    "researcher physicist chemist biologist mathematician historian professor lecturer librarian "
    "journalist writer author novelist translator musician pianist guitarist singer actor painter "
    "artist photographer consultant manager analyst administrator sysadmin freelancer contractor "
    "barista waiter waitress driver farmer gardener firefighter soldier officer veterinarian vet "
    "dentist pharmacist psychologist therapist surgeon paramedic midwife salesperson realtor "
    "broker banker economist politician judge paralegal secretary receptionist hairdresser tailor "
    "butcher florist entrepreneur founder postdoc intern apprentice tutor coach trainer welder "
    "technician statistician astronomer geologist archaeologist linguist editor producer director "
    "pensioner"
)
NATION = either(
    "american british english scottish welsh irish german french italian spanish portuguese dutch "
    "belgian swiss austrian danish swedish norwegian finnish icelandic polish czech slovak "
    "hungarian romanian bulgarian greek turkish russian ukrainian serbian croatian slovenian "
    "bosnian albanian estonian latvian lithuanian chinese japanese korean vietnamese thai "
    "indonesian malaysian filipino indian pakistani bangladeshi nepali iranian iraqi syrian "
    "lebanese israeli egyptian moroccan algerian tunisian nigerian kenyan ethiopian ghanaian "
    "canadian mexican brazilian argentinian chilean colombian peruvian venezuelan cuban "
    "australian jewish muslim christian catholic buddhist hindu sikh atheist european asian "
    "african"
)
DIET = either(
    "vegetarian vegan pescatarian halal kosher lactose_intolerant lactose-intolerant "
    "gluten_intolerant gluten-intolerant diabetic coeliac celiac asthmatic epileptic left-handed "
    "right-handed ambidextrous colour-blind color-blind colourblind colorblind deaf dyslexic "
    "autistic short-sighted nearsighted farsighted retired unemployed self-employed pregnant "
    "teetotal dairy-free gluten-free an_introvert an_extrovert a_vegetarian a_vegan a_pescatarian "
    "a_diabetic a_night_owl an_early_bird a_morning_person a_non-smoker a_smoker a_teetotaler"
)
HABIT = either(
    "drink eat wear drive use read watch play cook cycle run swim walk travel commute sleep smoke "
    "buy write speak work train exercise meditate wake_up get_up go_to_bed ride avoid take pay "
    "study go"
)
_MONTH = either(
    "january february march april may june july august september october november december jan "
    "feb mar apr jun jul aug sep sept oct nov dec januar februar märz mai juni juli oktober "
    "dezember"
)
DATE = (
    rf"(?P<date>(?:the )?\d{{1,2}}(?:st|nd|rd|th|\.)?(?: of)? {_MONTH}(?:,? \d{{4}})?|"
    rf"{_MONTH} (?:the )?\d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?|\d{{4}}-\d{{2}}-\d{{2}}|"
    rf"\d{{1,2}}[./]\d{{1,2}}[./]?(?:\d{{2,4}})?|in {_MONTH}(?: \d{{4}})?)"
)
_DAY = either(
    "monday tuesday wednesday thursday friday saturday sunday montag dienstag mittwoch donnerstag "
    "freitag samstag sonntag"
)
TIME = (
    rf"(?:(?:on|by|before|until|till|this|next|am|bis|nächsten) (?:the )?(?:{_DAY}|{_MONTH}|"
    r"\d{1,2}(?:st|nd|rd|th|\.)?|week|month|year|weekend|evening|afternoon|morning|noon|tonight|"
    r"tomorrow|end of (?:the|this|next) (?:day|week|month|year)|woche|monat|morgen|jahr)|"
    r"tomorrow|tonight|morgen|heute abend|in (?:a|an|one|two|three|four|\d+) "
    r"(?:hours?|days?|weeks?|months?))\b"
)
