// Markdown in blocks, and a view that grows while an answer streams in.

const FENCE = /^( {0,3})(`{3,}|~{3,})[ \t]*([^\n`]*)$/;
const HEADING = /^ {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$/;
const RULE = /^ {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}$/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])([ \t]+|$)(.*)$/;
const DELIMITERS = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;
const MAX_NESTING = 8;
const MAX_CELLS = 40;

/** Reads lines into blocks `{node, end}`; `end` is the line after the block. */
class BlockReader {
  constructor(lines, depth = 0) {
    this.lines = lines;
    this.depth = depth;
  }

  *blocks() {
    let at = 0;
    while (at < this.lines.length) {
      if (!this.lines[at].trim()) {
        at += 1;
        continue;
      }
      const [node, end] = this.block(at);
      yield { node, start: at, end };
      at = end;
    }
  }

  block(at) {
    const line = this.lines[at];
    const fence = FENCE.exec(line);
    if (fence) return this.fence(at, fence);
    const heading = HEADING.exec(line);
    // The page has headings of its own; those of an answer come below them.
    if (heading)
      return [
        el(
          `h${Math.min(6, heading[1].length + 2)}`,
          { class: `h${heading[1].length}`, dir: "auto" },
          inline(heading[2]),
        ),
        at + 1,
      ];
    if (RULE.test(line)) return [el("hr"), at + 1];
    if (this.depth < MAX_NESTING && /^ {0,3}>/.test(line)) return this.quote(at);
    if (this.depth < MAX_NESTING && ITEM.test(line)) return this.list(at);
    if (this.isTable(at)) return this.table(at);
    return this.paragraph(at);
  }

  fence(at, [, indent, mark, info]) {
    let end = at + 1;
    const close = new RegExp(`^ {0,3}${mark[0] === "~" ? "~" : "`"}{${mark.length},}[ \\t]*$`);
    while (end < this.lines.length && !close.test(this.lines[end])) end += 1;
    const code = this.lines
      .slice(at + 1, end)
      .map((it) => (indent ? it.replace(new RegExp(`^ {0,${indent.length}}`), "") : it));
    return [codeBlock(code.join("\n"), info.trim().split(/[\s,{]/)[0]), Math.min(end + 1, this.lines.length)];
  }

  quote(at) {
    let end = at;
    while (end < this.lines.length && /^ {0,3}>/.test(this.lines[end])) end += 1;
    const inside = this.lines.slice(at, end).map((it) => it.replace(/^ {0,3}> ?/, ""));
    return [el("blockquote", { dir: "auto" }, nodesOf(inside, this.depth + 1)), end];
  }

  list(at) {
    const ordered = /\d/.test(ITEM.exec(this.lines[at])[2]);
    const items = [];
    let end = at;
    while (end < this.lines.length) {
      const item = ITEM.exec(this.lines[end]);
      if (!item || /\d/.test(item[2]) !== ordered || RULE.test(this.lines[end])) break;
      const width = item[1].length + item[2].length + Math.min(item[3].length || 1, 4);
      const inside = [item[4]];
      end += 1;
      while (end < this.lines.length && this.belongs(end, width)) {
        inside.push(this.lines[end].replace(new RegExp(`^ {0,${width}}`), ""));
        end += 1;
      }
      items.push(this.item(inside));
    }
    const first = ordered ? Number.parseInt(ITEM.exec(this.lines[at])[2], 10) : 1;
    return [el(ordered ? "ol" : "ul", { dir: "auto", start: ordered && first !== 1 ? first : null }, items), end];
  }

  /** Whether a line goes on with the item before it. */
  belongs(at, width) {
    const line = this.lines[at];
    const indent = line.length - line.trimStart().length;
    if (!line.trim()) {
      let next = at + 1;
      while (next < this.lines.length && !this.lines[next].trim()) next += 1;
      if (next >= this.lines.length) return false;
      const following = this.lines[next];
      return following.length - following.trimStart().length >= Math.min(width, 2) || ITEM.test(following);
    }
    if (indent >= Math.min(width, 2)) return true;
    return Boolean(this.lines[at - 1].trim()) && !this.begins(at);
  }

  item(lines) {
    const task = /^\[([ xX])\][ \t]+/.exec(lines[0]);
    if (task) lines[0] = lines[0].slice(task[0].length);
    const inside = nodesOf(lines, this.depth + 1);
    // A tight item is no paragraph of its own.
    const flat = inside.flatMap((node) =>
      node.tagName === "P" && inside.filter((it) => it.tagName === "P").length === 1 ? [...node.childNodes] : [node],
    );
    const box =
      task &&
      el(
        "span",
        { class: "task", role: "img", "aria-label": task[1] === " " ? "open" : "done" },
        task[1] === " " ? "☐" : "☑",
      );
    return el("li", { dir: "auto", class: task ? "has-task" : null }, box, flat);
  }

  isTable(at) {
    const next = this.lines[at + 1];
    return (
      next !== undefined &&
      this.lines[at].includes("|") &&
      next.includes("-") &&
      DELIMITERS.test(next) &&
      cellsOf(this.lines[at]).length === cellsOf(next).length
    );
  }

  table(at) {
    const sides = cellsOf(this.lines[at + 1]).map((it) =>
      it.endsWith(":") ? (it.startsWith(":") ? "center" : "end") : null,
    );
    const row = (line, tag) => {
      const cells = cellsOf(line);
      return el(
        "tr",
        {},
        sides.map((side, column) =>
          el(tag, { class: side, dir: "auto", scope: tag === "th" ? "col" : null }, inline(cells[column] ?? "")),
        ),
      );
    };
    let end = at + 2;
    while (end < this.lines.length && this.lines[end].trim() && this.lines[end].includes("|")) end += 1;
    const body = this.lines.slice(at + 2, end).map((line) => row(line, "td"));
    const made = el("table", {}, el("thead", {}, row(this.lines[at], "th")), el("tbody", {}, body));
    return [el("div", { class: "wide", tabindex: 0, role: "group", "aria-label": "Table" }, made), end];
  }

  /** Whether a line begins a block that ends a paragraph. */
  begins(at) {
    const line = this.lines[at];
    return FENCE.test(line) || HEADING.test(line) || RULE.test(line) || /^ {0,3}>/.test(line) || ITEM.test(line);
  }

  paragraph(at) {
    let end = at + 1;
    while (
      end < this.lines.length &&
      this.lines[end].trim() &&
      !/^ {0,3}(=+|-+)[ \t]*$/.test(this.lines[end]) &&
      !this.begins(end) &&
      !this.isTable(end)
    )
      end += 1;
    const under = end < this.lines.length && /^ {0,3}(=+|-+)[ \t]*$/.exec(this.lines[end]);
    const text = this.lines
      .slice(at, end)
      .map((line) => line.trimStart())
      .join("\n");
    if (under) {
      const level = under[1][0] === "=" ? 1 : 2;
      return [el(`h${level + 2}`, { class: `h${level}`, dir: "auto" }, inline(text)), end + 1];
    }
    return [el("p", { dir: "auto" }, inline(text)), end];
  }
}

function cellsOf(line) {
  const inside = line
    .trim()
    .replace(/^\|/, "")
    .replace(/(?<!\\)\|$/, "");
  return inside.split(/(?<!\\)\|/, MAX_CELLS).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

const nodesOf = (lines, depth) => Array.from(new BlockReader(lines, depth).blocks(), (it) => it.node);

function codeBlock(code, language) {
  const head = el(
    "div",
    { class: "code-head" },
    el("span", {}, language || "text"),
    copyButton(() => code, "Copy the code"),
  );
  const body = el("code", {}, FAMILY[language.toLowerCase()] ? highlighted(code, language) : revealed(code));
  return el(
    "div",
    { class: "code" },
    head,
    el("pre", { tabindex: 0, role: "group", "aria-label": `Code${language ? `, ${language}` : ""}`, dir: "ltr" }, body),
  );
}

const SHOWN_CHARS = 120000; // of one text; the rest comes when asked for

/** A text that may still grow. What stands before its last block is never drawn again. */
class MarkdownView {
  constructor() {
    this.node = el("div", { class: "prose" });
    this.text = "";
    this.settled = 0; // characters whose blocks are final
    this.tail = []; // nodes of the last block, drawn anew as it grows
    this.limit = SHOWN_CHARS;
    this.more = null;
    this.waiting = 0;
    this.onBlock = null; // told the words of each block that is final
  }

  append(text) {
    this.text += text;
    if (this.waiting) return;
    // Drawing a long block takes time; the next drawing then comes later, so typing stays smooth.
    this.waiting = setTimeout(
      () => {
        this.waiting = 0;
        this.draw();
      },
      Math.min(1000, 30 + 5 * (this.took ?? 0)),
    );
  }

  finish() {
    clearTimeout(this.waiting);
    this.waiting = 0;
    this.draw(true);
  }

  draw(done = false) {
    const began = performance.now();
    const shown = Math.min(this.text.length, this.limit);
    const whole = done && shown === this.text.length;
    if (this.settled < shown && (shown !== this.drawn || whole)) {
      this.drawn = shown;
      const rest = this.text.slice(this.settled, shown);
      const lines = rest.split("\n").map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
      const blocks = [...new BlockReader(lines).blocks()];
      this.tail.forEach((node) => node.remove());
      this.tail = [];
      const last = whole ? undefined : blocks.at(-1);
      for (const block of blocks) {
        this.node.insertBefore(block.node, this.more);
        if (block === last) this.tail = [block.node];
        else this.onBlock?.(block.node.textContent);
      }
      if (last) this.settled += rest.split("\n").slice(0, last.start).join("\n").length + (last.start ? 1 : 0);
      else if (whole) this.settled = shown;
    }
    this.offerRest(shown);
    this.took = performance.now() - began;
    this.onDraw?.();
  }

  /** Bound what one text puts on the page; the rest is a click away. */
  offerRest(shown) {
    const left = this.text.length - shown;
    if (left <= 0) return;
    const words = `Show ${sizeWords(Math.min(left, 4 * SHOWN_CHARS))} more of ${sizeWords(left)}`;
    if (!this.more) {
      this.more = el("button", { type: "button", class: "button more", on: { click: () => this.showMore() } });
      this.node.append(this.more);
    }
    if (this.more.textContent !== words) this.more.textContent = words;
  }

  showMore() {
    this.more.remove();
    this.more = null;
    this.limit += 4 * SHOWN_CHARS;
    this.draw(true);
  }
}
