// Drawers and dialogs: why, reminders, memory, models, shortcuts, yes or no.

/** Open a dialog; the browser keeps the focus in it, Esc closes it. */
function openDialog(kind, title, body, onClose = () => {}) {
  const heading = el("h2", { id: freshId("h"), tabindex: -1 }, title);
  const dialog = el("dialog", { class: kind, "aria-labelledby": heading.id },
    el("header", { class: "dialog-head" }, heading, iconButton("close", "Close", () => dialog.close(), { keys: "Esc" })), el("div", { class: "dialog-body" }, body));
  const before = document.activeElement;
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before?.isConnected && before !== document.body) before.focus();
    else document.querySelector(".composer textarea").focus();
    onClose();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Ask for one line of text, or with `text` null only for a yes. Resolves to null for a no. */
function askFor({ title, words, text = null, yes, danger = false }) {
  return new Promise((resolve) => {
    let answer = null;
    const input = text === null ? null : el("input", { type: "text", value: text, maxlength: 200, "aria-label": title });
    const form = el("form", { method: "dialog", on: { submit: () => { answer = input ? input.value.trim() : true; } } },
      words && el("p", {}, words), input,
      el("div", { class: "answers" }, el("button", { type: "button", class: "button", on: { click: () => dialog.close() } }, "Cancel"), el("button", { type: "submit", class: `button ${danger ? "danger solid" : "primary"}` }, yes)));
    const dialog = openDialog("modal", title, form, () => resolve(answer));
    (input ?? form.querySelector("[type=submit]")).focus();
    input?.select();
  });
}

const row = (term, value) => (value === null || value === undefined || value === "" ? [] : [el("dt", {}, term), el("dd", {}, value)]);
const section = (title, ...body) => el("section", {}, el("h3", {}, title), ...body);

/** Fill a drawer with what `load()` brings, or say why not. */
async function drawerOf(title, load, kind = "drawer") {
  const body = el("div", { "aria-busy": "true" }, el("p", { class: "hint" }, "One moment…"));
  openDialog(kind, title, body);
  try {
    body.replaceChildren(...[await load(body)].flat());
  } catch (failure) {
    body.replaceChildren(el("p", { class: "note error" }, failure.code === "unknown_action" ? "This daemon does not offer that yet." : failure.message));
  }
  body.removeAttribute("aria-busy");
}

// Why

const ENDS = { done: "answered", cancelled: "stopped", error: "failed", expired: "left unanswered" };

function whyPanel(link, session, turn) {
  return drawerOf("Why this answer?", async () => {
    const why = await link.ask({ action: "why", session_id: session, ...(turn && { turn }) });
    const { account } = why;
    return [
      whyFacts(why), ...whySkills(account), ...whyMemories(account), ...whyTools(account), ...whyPrompt(account),
      account.offered?.length ? section("Tools it could use", el("p", { class: "tags" }, account.offered.map((name) => el("code", {}, name)))) : "",
    ];
  });
}

function whyFacts({ model, end, ended, account, origins }) {
  const tokens = account.steps ? `${(account.prompt_tokens ?? 0).toLocaleString("en")} read${account.cached_tokens ? `, ${account.cached_tokens.toLocaleString("en")} of them known from before` : ""}` : null;
  return el("dl", { class: "facts" },
    row("Model", model), row("Outcome", ENDS[end] ?? end), row("Ended", timeWords(ended)), row("Time", account.total_ms === undefined ? null : durationWords(account.total_ms)),
    row("Model steps", account.steps ?? "none was asked"), row("Tokens in", tokens), row("Tokens out", account.completion_tokens?.toLocaleString("en")),
    row("Left out", account.left_out_turns ? `${countWords(account.left_out_turns, "older turn")} did not fit` : null),
    row("Others' words", origins?.length ? `may hold words of ${origins.join(", ")}` : null));
}

function whySkills({ skills, skills_asked }) {
  if (!skills?.length) return skills_asked ? [section("Skills", el("p", { class: "hint" }, `${skills_asked} chose none.`))] : [];
  return [section("Skills", el("ul", { class: "plain-list" }, skills.map(({ skill, why }) => el("li", {}, el("strong", {}, skill), el("p", { class: "hint" }, why)))))];
}

function whyMemories({ memories }) {
  if (!memories?.length) return [];
  return [section("Memories", el("ul", { class: "plain-list" }, memories.map(({ text, score, scores }) =>
    el("li", {}, el("p", { dir: "auto" }, text), el("p", { class: "hint" }, `score ${score}`, Object.entries(scores ?? {}).map(([name, value]) => ` · ${name} ${value}`))))))];
}

function whyTools({ tools, more_tools }) {
  if (!tools?.length) return [];
  return [section("Tool calls", el("ul", { class: "plain-list" }, tools.map(({ tool, ms, failed, rule, skill, origin }) =>
    el("li", {}, el("p", { class: "between" }, el("code", {}, tool), el("span", { class: failed ? "bad" : "good" }, failed ? "failed" : "done"), el("small", {}, durationWords(ms ?? 0))),
      el("p", { class: "hint" }, [rule, skill && `of the skill ${skill}`, origin && `brought words of ${origin}`].filter(Boolean).join(" · "))))),
    more_tools ? el("p", { class: "hint" }, `and ${countWords(more_tools, "more call")}`) : "")];
}

function whyPrompt({ prompt_bytes }) {
  const parts = Object.entries(prompt_bytes ?? {});
  if (!parts.length) return [];
  const all = parts.reduce((sum, [, size]) => sum + size, 0);
  return [section(`The prompt, ${sizeWords(all)}`, el("ul", { class: "bars" }, parts.map(([part, size]) =>
    el("li", {}, el("span", {}, part), el("progress", { max: all, value: size, "aria-label": part }), el("small", {}, sizeWords(size))))))];
}

// Reminders

function remindersPanel(desk) {
  return drawerOf("Reminders", async (body) => {
    const { jobs } = await desk.link.ask({ action: "job_list" });
    const redraw = async () => body.replaceChildren(...remindersOf(desk, (await desk.link.ask({ action: "job_list" })).jobs, redraw));
    return remindersOf(desk, jobs, redraw);
  });
}

function remindersOf(desk, jobs, redraw) {
  const act = async (command, reply) => {
    try {
      await desk.link.ask(command, reply);
      await redraw();
    } catch (failure) {
      desk.toast(failure.message, "error");
    }
  };
  const listOf = (some) => el("ul", { class: "plain-list" }, some.map((job) => reminderItem(desk, job, act)));
  const own = jobs.filter((job) => job.made_by !== "ruster");
  const upkeep = jobs.filter((job) => job.made_by === "ruster");
  const input = el("input", { type: "text", maxlength: 1000, placeholder: "remind me in 20 minutes to take out the cake", "aria-label": "New reminder" });
  const add = () => input.value.trim() && act({ action: "job_add", session_id: desk.current, reminder: input.value.trim() }, "job");
  return [
    desk.current ? el("form", { class: "inline-form", on: { submit: (event) => { event.preventDefault(); add(); } } }, input, el("button", { type: "submit", class: "button primary" }, "Add")) : el("p", { class: "hint" }, "Open a chat to add a reminder to it."),
    own.length ? listOf(own) : el("p", { class: "hint" }, "Nothing is planned."),
    upkeep.length ? el("details", { class: "fold" }, el("summary", {}, icon("tool"), `Upkeep by ruster itself (${upkeep.length})`), listOf(upkeep)) : "",
  ];
}

function reminderItem(desk, job, act) {
  const name = job.title || job.do?.say?.message || job.do?.prompt?.message || job.job_id;
  const facts = [job.when, job.enabled ? job.due && `next ${timeWords(job.due)}` : "switched off", job.session_id && `in ${desk.sessions.titleOf(job.session_id)}`, job.last && `last: ${job.last.outcome}`];
  return el("li", { class: "reminder" }, el("div", {}, el("p", { dir: "auto" }, name), el("p", { class: "hint" }, facts.filter(Boolean).join(" · "))),
    job.made_by === "ruster" ? "" : iconButton("trash", `Remove ${name}`, () => act({ action: "job_remove", job_id: job.job_id }, "job_removed")));
}

// Memory

function memoryPanel(link) {
  const found = el("ul", { class: "plain-list" });
  const words = el("p", { class: "hint", role: "status" }, "What ruster remembers, by words and by meaning.");
  const input = el("input", { type: "search", maxlength: 1000, placeholder: "Where does my sister live?", "aria-label": "Search the memory" });
  const search = async (event) => {
    event.preventDefault();
    const query = input.value.trim();
    if (!query) return;
    try {
      const { results } = await link.ask({ action: "memory_search", query, limit: 20 }, "memory_search_results");
      found.replaceChildren(...results.map(({ memory, passage, score }) =>
        el("li", {}, el("p", { dir: "auto" }, passage || memory.text), el("p", { class: "hint" }, [memory.layer, memory.kind, timeWords(memory.time), `score ${score.toFixed(2)}`, memory.pinned && "pinned", memory.origins?.length && `words of ${memory.origins.join(", ")}`].filter(Boolean).join(" · ")))));
      words.textContent = results.length ? `${countWords(results.length, "memory", "memories")}, the best first.` : "Nothing fits that.";
    } catch (failure) {
      words.textContent = failure.message;
    }
  };
  openDialog("drawer", "Memory", el("div", {}, el("form", { class: "inline-form", on: { submit: search } }, input, el("button", { type: "submit", class: "button primary" }, "Search")), words, found));
  input.focus();
}

// Local models

function modelsPanel(desk) {
  return drawerOf("Local models", async () => {
    const { models } = await desk.link.ask({ action: "model_list" });
    const own = el("input", { type: "text", maxlength: 1000, placeholder: "ORG/REPO or ORG/REPO:FILE.gguf", "aria-label": "Model to download" });
    const list = el("ul", { class: "plain-list" }, models.map((model) => modelItem(desk, model)));
    const add = (event) => {
      event.preventDefault();
      const name = own.value.trim();
      if (!name) return;
      const item = modelItem(desk, { name, here: false });
      list.prepend(item);
      item.querySelector("button").click();
      own.value = "";
    };
    return [el("form", { class: "inline-form", on: { submit: add } }, own, el("button", { type: "submit", class: "button primary" }, "Download")), list];
  });
}

function modelItem(desk, model) {
  const where = el("div", {});
  const facts = [model.purpose, model.quantization, model.size_bytes && sizeWords(model.size_bytes), model.here && "on this machine"];
  const button = model.here ? "" : iconButton("download", `Download ${model.name}`, () => desk.downloads.start(model.name));
  const item = el("li", { class: "model" }, el("div", { class: "between" }, el("div", {}, el("p", {}, model.name), el("p", { class: "hint" }, facts.filter(Boolean).join(" · "))), button), where);
  desk.downloads.watch(model.name, where);
  return item;
}

/** Downloads go on when the drawer is closed; whoever opens it again sees how far they are. */
class Downloads {
  constructor(desk) {
    this.desk = desk;
    this.running = new Map(); // name: { id, bar, node }
    this.places = new Map();
  }

  watch(name, place) {
    this.places.set(name, place);
    if (this.running.has(name)) place.replaceChildren(this.running.get(name).node);
  }

  async start(name) {
    if (this.running.has(name)) return;
    const bar = progressBar();
    bar.show(`Downloading ${name}`, 0, 0);
    const node = el("div", { class: "download" }, bar.node, el("button", { type: "button", class: "button", on: { click: () => this.cancel(name) } }, "Cancel"));
    const id = freshId("d-");
    this.running.set(name, { id, bar, node });
    this.places.get(name)?.replaceChildren(node);
    let outcome = "Here, and its checksum is right.";
    let kind = "good";
    try {
      await this.desk.link.ask({ action: "model_download", model: name, id }, "model_downloaded");
      this.desk.models.load();
    } catch (failure) {
      [outcome, kind] = [failure.message, "error"];
    }
    this.running.delete(name);
    this.places.get(name)?.replaceChildren(el("p", { class: `note ${kind}` }, outcome));
    this.desk.toast(`${name}: ${outcome}`, kind === "good" ? "notice" : "error");
  }

  cancel(name) {
    this.desk.link.ask({ action: "model_cancel", model: name }, "model_cancelled").catch((failure) => this.desk.toast(failure.message, "error"));
  }

  /** Take a `progress` event; true if it was of a download here. */
  take(event) {
    const own = [...this.running.values()].find(({ id }) => id === event.id);
    own?.bar.show(event.what, event.current, event.total, event.unit);
    return Boolean(own);
  }
}

// Shortcuts

function shortcutsPanel(status) {
  const keys = KEYS.map(([key, what]) => [el("dt", {}, key.split("  ").map((one) => el("kbd", {}, one))), el("dd", {}, what)]);
  const about = status ? el("p", { class: "hint" }, `ruster ${status.version}, up for ${durationWords(status.uptime_s * 1000)}, ${sizeWords(status.rss_bytes)} of memory.`) : "";
  openDialog("modal wide-modal", "Keyboard shortcuts", [el("dl", { class: "shortcuts" }, keys.flat()), about]);
}
