// Markdown within a line: emphasis, code, links. Linear in the length of the text: what is looked
// for once and not found is not looked for again.

const MAX_INLINE = 40000; // a longer paragraph is shown as it is
const MAX_DEPTH = 6;
const ESCAPABLE = /[\\`*_{}[\]()#+\-.!|~<>"'$&:;,/?=@^%]/;
const BARE_URL = /https?:\/\/[^\s<>"'`\\^{|}\u0000-\u0020]+/y;

/** Return an address that a link may go to, null for all others. */
function safeAddress(written) {
  const address = written.trim();
  if (address.length > 4000 || /[\u0000-\u0020\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/.test(address))
    return null;
  try {
    const { protocol, href } = new URL(address);
    return ["http:", "https:", "mailto:"].includes(protocol) ? href : null;
  } catch {
    return null;
  }
}

function link(address, children) {
  const rel = "noopener noreferrer nofollow";
  return el("a", { href: address, rel, target: "_blank", title: address, dir: "auto" }, children);
}

/** Reads one stretch of text; `nodes` is what it became. */
class InlineReader {
  constructor(text, depth = 0) {
    this.text = text;
    this.depth = depth;
    this.at = 0;
    this.plain = "";
    this.nodes = [];
    this.missing = new Set(); // closing marks that do not come any more
  }

  read() {
    if (this.text.length > MAX_INLINE || this.depth > MAX_DEPTH) return [this.text];
    while (this.at < this.text.length) {
      if (!this.special(this.text[this.at])) this.plain += this.text[this.at++];
    }
    this.flush();
    return this.nodes;
  }

  flush() {
    if (this.plain) this.nodes.push(this.plain);
    this.plain = "";
  }

  put(node, end) {
    this.flush();
    this.nodes.push(node);
    this.at = end;
    return true;
  }

  special(sign) {
    switch (sign) {
      case "\\":
        return this.escape();
      case "`":
        return this.code();
      case "*":
      case "_":
      case "~":
        return this.emphasis(sign);
      case "!":
        return this.text[this.at + 1] === "[" && this.link(this.at + 1, true);
      case "[":
        return this.link(this.at, false);
      case "<":
        return this.angle();
      case "h":
        return this.bare();
      case "\n":
        return this.lineEnd();
      default:
        return false;
    }
  }

  escape() {
    const next = this.text[this.at + 1];
    if (next === "\n") return this.put(el("br"), this.at + 2);
    if (next === undefined || !ESCAPABLE.test(next)) return false;
    this.plain += next;
    this.at += 2;
    return true;
  }

  lineEnd() {
    if (!this.plain.endsWith("  ")) return false;
    this.plain = this.plain.trimEnd();
    return this.put(el("br"), this.at + 1);
  }

  code() {
    let end = this.at;
    while (this.text[end] === "`") end += 1;
    const mark = this.text.slice(this.at, end);
    let close = this.missing.has(mark) ? -1 : this.text.indexOf(mark, end);
    while (close >= 0 && (this.text[close + mark.length] === "`" || this.text[close - 1] === "`")) {
      while (this.text[close] === "`") close += 1;
      close = this.text.indexOf(mark, close);
    }
    if (close < 0) {
      this.missing.add(mark);
      this.plain += mark;
      this.at = end;
      return true;
    }
    const inside = this.text.slice(end, close).replaceAll("\n", " ");
    const trimmed = /^ .*[^ ].* $/.test(inside) ? inside.slice(1, -1) : inside;
    return this.put(el("code", { dir: "auto" }, revealed(trimmed)), close + mark.length);
  }

  emphasis(sign) {
    const double = this.text[this.at + 1] === sign;
    if (sign === "~" && !double) return false;
    const mark = double ? sign + sign : sign;
    const start = this.at + mark.length;
    const before = this.text[this.at - 1] ?? " ";
    if (/\s/.test(this.text[start] ?? " ") || (sign === "_" && /\w/.test(before))) return this.skip(mark);
    const close = this.closing(mark, start);
    if (close < 0) return this.skip(mark);
    const inside = new InlineReader(this.text.slice(start, close), this.depth + 1).read();
    const tag = sign === "~" ? "del" : double ? "strong" : "em";
    return this.put(el(tag, {}, inside), close + mark.length);
  }

  skip(mark) {
    this.plain += mark;
    this.at += mark.length;
    return true;
  }

  /** Find where an emphasis ends, -1 if nowhere. */
  closing(mark, start) {
    if (this.missing.has(mark)) return -1;
    const sign = mark[0];
    let at = start;
    while ((at = this.text.indexOf(mark, at)) >= 0) {
      let run = at;
      while (this.text[run] === sign) run += 1;
      const length = run - at;
      const fits = mark.length === 1 ? length !== 2 : length >= 2;
      const place = mark.length === 1 ? at : run - 2;
      const inWord = sign === "_" && /\w/.test(this.text[run] ?? " ");
      if (fits && place > start && !/[\s\\]/.test(this.text[at - 1]) && !inWord) return place;
      at = run;
    }
    this.missing.add(mark);
    return -1;
  }

  /** `[words](address)`; pictures are told of, never loaded. */
  link(open, picture) {
    if (this.missing.has("](")) return false;
    const middle = this.text.indexOf("](", open);
    if (middle < 0) this.missing.add("](");
    if (middle < 0 || middle - open > 1000) return false;
    const rest = this.text.slice(middle + 2, middle + 2 + 4200);
    const target = /^\s*(?:<([^<>\n]*)>|((?:[^\s()\\]|\\.|\([^\s()]*\))*))(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)/.exec(rest);
    const words = this.text.slice(open + 1, middle);
    if (!target || words.includes("\n\n")) return false;
    const end = middle + 2 + target[0].length;
    const address = safeAddress(target[1] ?? target[2]);
    const inside = new InlineReader(words, this.depth + 1).read();
    if (!address)
      return this.put(
        el(
          "span",
          { class: "dead-link", title: "This address is not opened from here." },
          inside.length ? inside : "link",
        ),
        end,
      );
    if (picture) return this.put(link(address, ["picture: ", words || new URL(address).hostname]), end);
    // A link within a link's words would not be one; its words are kept.
    const flat = inside.map((node) => (node instanceof HTMLAnchorElement ? node.textContent : node));
    return this.put(link(address, flat.length ? flat : [address]), end);
  }

  angle() {
    const found = /^<([a-z]+:[^\s<>]*|[^\s<>@]+@[^\s<>@]+)>/i.exec(this.text.slice(this.at, this.at + 2000));
    const address = found && safeAddress(/^[a-z]+:/i.test(found[1]) ? found[1] : `mailto:${found[1]}`);
    return Boolean(address) && this.put(link(address, [found[1]]), this.at + found[0].length);
  }

  bare() {
    if (/\w/.test(this.text[this.at - 1] ?? " ")) return false;
    BARE_URL.lastIndex = this.at;
    const found = BARE_URL.exec(this.text)?.[0].replace(/[.,:;!?)\]*_~]+$/, "");
    const address = found && safeAddress(found);
    return Boolean(address) && this.put(link(address, [found]), this.at + found.length);
  }
}

const inline = (text) => new InlineReader(text).read();
