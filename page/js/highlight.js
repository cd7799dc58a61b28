// Colours in code. One pattern per family of languages; unknown languages stay as they are.

const WORDS = {
  python:
    "and as assert async await break case class continue def del elif else except finally for from global if import in is lambda match nonlocal not or pass raise return try while with yield None True False self",
  javascript:
    "as async await break case catch class const continue debugger default delete do else enum export extends false finally for from function get if implements import in instanceof interface let new null of return set static super switch this throw true try type typeof undefined var void while with yield",
  rust: "as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod move mut pub ref return self Self static struct super trait true type unsafe use where while",
  go: "break case chan const continue default defer else fallthrough false for func go goto if import interface map nil package range return select struct switch true type var",
  c: "auto bool break case catch char class const constexpr continue default delete do double else enum explicit extern false final float for friend goto if import inline int interface long namespace new null nullptr operator override package private protected public return short signed sizeof static struct super switch template this throw true try typedef typename union unsigned using var virtual void volatile while",
  shell:
    "case do done elif else esac export fi for function if in local return set then unset until while cd echo exit source sudo",
  sql: "add all alter and as asc begin between by case check commit constraint create cross default delete desc distinct drop else end exists foreign from full group having if in index inner insert into is join key left like limit not null offset on or order outer primary references returning right rollback select set table then union unique update using values view when where with",
  data: "true false null yes no on off",
  css: "",
  markup: "",
  diff: "",
};

const FAMILY = {
  py: "python",
  python: "python",
  python3: "python",
  js: "javascript",
  javascript: "javascript",
  jsx: "javascript",
  ts: "javascript",
  tsx: "javascript",
  typescript: "javascript",
  mjs: "javascript",
  rs: "rust",
  rust: "rust",
  go: "go",
  golang: "go",
  c: "c",
  h: "c",
  cpp: "c",
  "c++": "c",
  cc: "c",
  hpp: "c",
  java: "c",
  kotlin: "c",
  cs: "c",
  "c#": "c",
  csharp: "c",
  swift: "c",
  php: "c",
  sh: "shell",
  bash: "shell",
  zsh: "shell",
  shell: "shell",
  console: "shell",
  dockerfile: "shell",
  makefile: "shell",
  sql: "sql",
  sqlite: "sql",
  json: "data",
  jsonc: "data",
  jsonl: "data",
  yaml: "data",
  yml: "data",
  toml: "data",
  ini: "data",
  conf: "data",
  css: "css",
  scss: "css",
  html: "markup",
  xml: "markup",
  svg: "markup",
  vue: "markup",
  diff: "diff",
  patch: "diff",
};

const STRING = `"(?:[^"\\\\\\n]|\\\\.)*"|'(?:[^'\\\\\\n]|\\\\.)*'`;
const NUMBER = "\\b(?:0[xXbBoO][\\da-fA-F_]+|\\d[\\d_]*(?:\\.\\d[\\d_]*)?(?:[eE][+-]?\\d+)?)\\w{0,3}\\b";
const COMMENTS = {
  python: "#[^\\n]*",
  shell: "(?<![\\w$])#[^\\n]*",
  data: "(?<![\\w\"'])#[^\\n]*|//[^\\n]*",
  sql: "--[^\\n]*|/\\*[^]*?(?:\\*/|$)",
  css: "/\\*[^]*?(?:\\*/|$)",
  markup: "<!-{2}[^]*?(?:-->|$)",
};
const LONG_STRING = {
  python: `"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|`,
  javascript: "`(?:[^`\\\\]|\\\\[^])*(?:`|$)|",
  go: "`[^`]*(?:`|$)|",
};
const MAX_HIGHLIGHTED = 60000;
const patterns = new Map();

/** The pattern of a family; its named groups are the classes of the pieces. */
function patternOf(family) {
  if (patterns.has(family)) return patterns.get(family);
  const comment = COMMENTS[family] ?? "//[^\\n]*|/\\*[^]*?(?:\\*/|$)";
  const parts = [`(?<comment>${comment})`];
  if (family === "markup") parts.push(`(?<keyword></?[\\w:-]+|/?>)`, `(?<name>[\\w:-]+(?==))`, `(?<string>${STRING})`);
  else if (family === "diff")
    return patterns
      .set(family, /^(?:(?<string>\+[^\n]*)|(?<deleted>-[^\n]*)|(?<comment>@@[^\n]*|diff [^\n]*|index [^\n]*))/gm)
      .get(family);
  else {
    const strings = `(?<string>${LONG_STRING[family] ?? ""}${STRING})`;
    if (family === "data")
      parts.push(`(?<name>"(?:[^"\\\\\\n]|\\\\.)*"(?=\\s*:)|^\\s*[\\w.-]+(?=\\s*[:=])|^\\s*\\[[^\\]\\n]*\\])`);
    parts.push(strings);
    if (family === "css") parts.push("(?<name>[\\w-]+(?=\\s*:))", "(?<keyword>[@.#][\\w-]+)");
    const words = WORDS[family];
    if (words) parts.push(`(?<keyword>\\b(?:${words.split(" ").join("|")})\\b)`);
    parts.push(`(?<number>${NUMBER})`);
    if (family === "shell") parts.push("(?<name>\\$\\{?\\w+\\}?|(?<=\\s)--?[\\w-]+)");
    else if (family !== "data") parts.push("(?<type>\\b[A-Z]\\w*\\b)", "(?<name>\\b[a-z_]\\w*(?=\\())");
  }
  const pattern = new RegExp(parts.join("|"), family === "sql" ? "gmi" : "gm");
  patterns.set(family, pattern);
  return pattern;
}

/** Return code as nodes, coloured if its language is known and it is not too long. */
function highlighted(code, language) {
  const family = FAMILY[language.toLowerCase()];
  const made = document.createDocumentFragment();
  if (!family || code.length > MAX_HIGHLIGHTED) {
    made.append(code);
    return made;
  }
  let from = 0;
  for (const found of code.matchAll(patternOf(family))) {
    if (!found[0]) continue;
    const kind = Object.keys(found.groups).find((name) => found.groups[name] !== undefined);
    made.append(code.slice(from, found.index), el("span", { class: `hl-${kind}` }, found[0]));
    from = found.index + found[0].length;
  }
  made.append(code.slice(from));
  return made;
}
