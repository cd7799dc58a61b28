# The weather of wttr.in, in the restricted language of script skills: no imports, and of the world
# only http_get, which the script runner guards.

MODES = ("now", "forecast", "rain", "detail")
NOW = "%l: %c %C, %t (feels like %f)"
DETAIL = "%l: %C, %t (feels like %f)\nhumidity %h, pressure %P, wind %w, rain %p\nsun %S to %s"


def main(args=""):
    mode, place = read(args)
    if mode == "now":
        return ask(place, "format=" + quote(NOW))
    if mode == "detail":
        return ask(place, "format=" + quote(DETAIL))
    if mode == "rain":
        return ask(place, "1&T&q&n&F")
    return ask(place, "T&q&n&F")


def read(args):
    text = args
    if isinstance(args, list):
        text = " ".join(args)
    text = text.strip()
    mode = "now"
    if "|" in text:
        parts = text.split("|")
        mode = parts[0].strip().lower()
        text = parts[1].strip()
    if mode not in MODES:
        mode = "now"
    if text.lower() == "here":
        text = ""
    return mode, text[:100]


def ask(place, query):
    answer = http_get("https://wttr.in/" + quote(place) + "?" + query)
    text = answer.strip()
    if text == "" or "Unknown location" in text:
        return "wttr.in knows no weather for '" + place + "'; try the English name of the city"
    return text


def quote(text):
    safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~"
    out = ""
    for char in text:
        if char in safe:
            out = out + char
        else:
            for byte in char.encode("utf-8"):
                out = out + "%" + HEX[byte // 16] + HEX[byte % 16]
    return out


HEX = "0123456789ABCDEF"
