// Building blocks: elements, icons, words for numbers and times.
// Text only ever becomes text nodes here; nothing in this page parses HTML.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element. Properties: `class`, `on` (listeners), `data`, else attributes; null is left out. */
function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") made.className = value;
    else if (name === "on") {
      for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    } else if (name === "data") Object.assign(made.dataset, value);
    else if (name === "value" || name === "checked" || name === "open") made[name] = value;
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Line drawings on a grid of 20 by 20, by name. */
const ICONS = {
  menu: "M3 6h14M3 10h14M3 14h9",
  plus: "M10 4v12M4 10h12",
  search: "M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12zm4.4-1.6L17 17",
  send: "M10 16V4M5 9l5-5 5 5",
  stop: "M6 6h8v8H6z",
  clip: "M15.5 9.5 10 15a3.4 3.4 0 0 1-4.8-4.8l6-6a2.2 2.2 0 0 1 3.2 3.2l-5.8 5.7a1 1 0 0 1-1.5-1.4L12 6.8",
  copy: "M7 7V4h9v9h-3M4 7h9v9H4z",
  check: "M4 10.5 8 14.5 16 6",
  edit: "M4 16l.8-3.4L13 4.4l2.6 2.6-8.2 8.2zM11.4 6l2.6 2.6",
  again: "M16 10a6 6 0 1 1-1.8-4.3L16 7.5M16 3.5v4h-4",
  help: "M7.6 7.6a2.4 2.4 0 1 1 3.6 2.1c-.8.5-1.2.9-1.2 1.8M10 14.4v.1M10 18a8 8 0 1 0 0-16 8 8 0 0 0 0 16z",
  sun: "M10 13.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.3 4.3l1.1 1.1M14.6 14.6l1.1 1.1M4.3 15.7l1.1-1.1M14.6 5.4l1.1-1.1",
  moon: "M16.5 11.8A7 7 0 0 1 8.2 3.5a7 7 0 1 0 8.3 8.3z",
  clock: "M10 17.5a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15zM10 6v4.2l2.8 1.7",
  memory:
    "M4 5.5C4 4 7 3 10 3s6 1 6 2.5S13 8 10 8 4 7 4 5.5zM4 5.5v9C4 16 7 17 10 17s6-1 6-2.5v-9M4 10c0 1.5 3 2.5 6 2.5s6-1 6-2.5",
  models: "M10 2.5 16.5 6v8L10 17.5 3.5 14V6zM3.7 6.1 10 9.6l6.3-3.5M10 9.6v7.7",
  trash: "M4 6h12M8 6V4h4v2M5.5 6l.7 10.5h7.6L14.5 6M8.4 9v4.6M11.6 9v4.6",
  close: "M5 5l10 10M15 5 5 15",
  down: "M5 8l5 5 5-5",
  download: "M10 3v9M6 8.5l4 4 4-4M4 16h12",
  chevron: "M8 5l5 5-5 5",
  shield: "M10 2.5 16 5v4.5c0 4-2.6 6.6-6 8-3.4-1.4-6-4-6-8V5z",
  tool: "M12.6 3.2a4 4 0 0 0-4.4 5.3L3.4 13.3a1.7 1.7 0 0 0 2.4 2.4l4.8-4.8a4 4 0 0 0 5.3-4.5l-2.3 2.3-2.4-.6-.6-2.4z",
  thought: "M7.5 16.5h5M8.3 14c0-2-2.8-2.9-2.8-6.2a4.5 4.5 0 0 1 9 0c0 3.3-2.8 4.2-2.8 6.2z",
  bell: "M5 13.5c1-1.2 1.2-2.3 1.2-5a3.8 3.8 0 0 1 7.6 0c0 2.7.2 3.8 1.2 5zM8.5 16a1.6 1.6 0 0 0 3 0",
  why: "M10 17.5a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15zM10 9v4.5M10 6.4v.1",
  key: "M12.5 11.5a4 4 0 1 0-3.7-2.5L3.5 14.3V17H6.5v-2h2v-2l1-.9a4 4 0 0 0 3-.6zM13 7.1v-.1",
};

/** Draw an icon; it is hidden from screen readers, so its button needs a label. */
function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 20 20");
  drawing.setAttribute("aria-hidden", "true");
  drawing.classList.add("icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  drawing.append(path);
  return drawing;
}

/** Make a button that shows an icon, and words too if asked for. */
function iconButton(name, label, onclick, { shown = false, kind = "quiet", keys = null } = {}) {
  return el(
    "button",
    {
      type: "button",
      class: `button ${kind}${shown ? "" : " bare"}`,
      "aria-label": shown ? null : label,
      title: shown ? keys : label + (keys ? ` (${keys})` : ""),
      on: { click: onclick },
    },
    icon(name),
    shown ? el("span", {}, label) : null,
  );
}

/** Put text on the clipboard; true if that worked. Pages without TLS have only the old way. */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = el("textarea", { class: "offscreen", "aria-hidden": "true" });
    area.value = text;
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/** A button that copies what `source()` gives, and says so. */
function copyButton(source, label = "Copy") {
  const button = iconButton("copy", label, async () => {
    const done = await copyText(source());
    button.replaceChildren(icon(done ? "check" : "close"));
    announce(done ? "Copied." : "The browser did not let this page copy.");
    setTimeout(() => button.replaceChildren(icon("copy")), 1400);
  });
  return button;
}

/** Storage that may be switched off, full or garbled: then nothing is remembered. */
const remembered = {
  get(key, otherwise, where = localStorage) {
    try {
      return JSON.parse(where.getItem(`ruster.${key}`)) ?? otherwise;
    } catch {
      return otherwise;
    }
  },
  set(key, value, where = localStorage) {
    try {
      if (value === null) where.removeItem(`ruster.${key}`);
      else where.setItem(`ruster.${key}`, JSON.stringify(value));
    } catch {
      // Nothing depends on it.
    }
  },
};

/** A name nobody else makes up; works without TLS too, unlike `randomUUID`. */
function freshId(prefix) {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return prefix + Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const bytesOf = (text) => new TextEncoder().encode(text).length;

function sizeWords(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit && size < 100 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

function durationWords(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60000)} min ${Math.round((ms % 60000) / 1000)} s`;
}

const countWords = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

/** Word a time (RFC 3339): the hour today, the day else. */
function timeWords(stamp) {
  const time = new Date(stamp);
  if (Number.isNaN(time.getTime())) return "";
  const today = new Date().toDateString() === time.toDateString();
  const clock = { hour: "2-digit", minute: "2-digit" };
  const day = { year: "numeric", month: "short", day: "numeric" };
  return time.toLocaleString(undefined, today ? clock : { ...day, ...clock });
}

/** Characters nobody sees, or that turn the order of others around. */
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;

/** Text with hidden characters shown as what they are, for what must be judged exactly. */
function revealed(text) {
  const parts = document.createDocumentFragment();
  let from = 0;
  for (const found of text.matchAll(HIDDEN)) {
    const code = found[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    parts.append(text.slice(from, found.index), el("span", { class: "hidden-char" }, `U+${code}`));
    from = found.index + found[0].length;
  }
  parts.append(text.slice(from));
  return parts;
}

/** Tell screen readers something; `urgent` interrupts them. */
function announce(words, urgent = false) {
  const region = document.getElementById(urgent ? "urgent" : "polite");
  if (!region) return;
  while (region.childElementCount >= 4) region.firstElementChild.remove();
  region.append(el("p", {}, words.slice(0, 600)));
}
