// Smaller things within a conversation: what was said, unasked messages, progress.

const ATTACHED = /(?:^|\n\n)File: ([^\n]+) \(([^()\n]+)\)\n(`{3,})[^\n]*\n([^]*?)\n\3(?=\n\n|$)/g;

/** Show what a person said: as typed, with attached files folded. */
function spokenText(text) {
  const parts = el("div", { class: "spoken", dir: "auto" });
  const files = el("div", { class: "files" });
  let from = 0;
  for (const found of text.matchAll(ATTACHED)) {
    parts.append(text.slice(from, found.index));
    from = found.index + found[0].length;
    files.append(
      el(
        "details",
        { class: "fold" },
        el("summary", {}, icon("clip"), el("span", {}, revealed(found[1])), el("small", {}, found[2])),
        el("pre", { tabindex: 0 }, revealed(found[4])),
      ),
    );
  }
  const rest = text.slice(from);
  if (rest.length > 6000)
    parts.append(
      rest.slice(0, 6000),
      el(
        "details",
        { class: "rest" },
        el("summary", {}, `Show ${sizeWords(rest.length - 6000)} more`),
        rest.slice(6000),
      ),
    );
  else parts.append(rest);
  if (files.childElementCount) parts.append(files);
  return parts;
}

const pretty = (value) => JSON.stringify(value, null, 2) ?? "";

/** What the agent said unasked. */
function proactiveView({ message, source, time }) {
  const view = new MarkdownView();
  view.append(message);
  view.finish();
  return el(
    "article",
    { class: "proactive", "aria-label": "Unasked message" },
    el(
      "p",
      { class: "card-head" },
      icon("bell"),
      el("span", {}, source ? `Unasked, from ${source.replace(":", " ")}` : "Unasked"),
      time && el("time", { datetime: time }, timeWords(time)),
    ),
    view.node,
  );
}

function progressBar() {
  const bar = el("progress", { "aria-label": "Progress" });
  const words = el("span", {});
  const amount = el("small", {});
  return {
    node: el("div", { class: "progress" }, el("p", {}, words, amount), bar),
    show(what, current, total, unit) {
      const word = (value) => (unit ? `${value.toLocaleString("en")} ${unit}` : sizeWords(value));
      words.textContent = what;
      amount.textContent = total
        ? `${word(current)} of ${word(total)} · ${Math.floor((100 * current) / total)} %`
        : word(current);
      if (total) {
        bar.max = total;
        bar.value = Math.min(current, total);
      } else bar.removeAttribute("value");
    },
  };
}
