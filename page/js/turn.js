// One turn on the page: what was said, and the answer with its thoughts, tools and questions.

const ASKING = "ask_user"; // the tool with which a model asks the person

class TurnView {
  /** `desk` is what its buttons work on: why, ask again, edit, approve. */
  constructor(id, desk) {
    this.id = id;
    this.desk = desk;
    this.said = el("div", { class: "said" });
    this.parts = el("div", { class: "parts" });
    this.foot = el("footer", { class: "foot" });
    this.phase = el(
      "p",
      { class: "phase", hidden: true },
      el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i")),
      el("span", {}),
    );
    this.answer = el("div", { class: "answer" }, this.parts, this.phase, this.foot);
    this.node = el("article", { class: "turn", "aria-label": "Turn" }, this.said, this.answer);
    this.messages = [];
    this.texts = [];
    this.calls = new Map(); // by id, the last of that id
    this.allCalls = [];
    this.approvals = new Map();
    this.usage = { prompt: 0, completion: 0, ms: 0 };
    this.ended = false;
    this.answer.hidden = true;
  }

  // What comes in

  addSaid(message, { time = null, source = null, images = 0, pictures = [] } = {}) {
    if (this.messages.length) this.answer.hidden = false;
    const bubble = el(
      "div",
      { class: "bubble" },
      source && el("p", { class: "source" }, icon("bell"), `From ${source.replace(":", " ")}`),
      spokenText(message),
      picturesView(pictures, images || pictures.length),
    );
    const tools = el(
      "div",
      { class: "tools" },
      time && el("time", { datetime: time }, timeWords(time)),
      copyButton(() => message, "Copy the message"),
      !source && iconButton("edit", "Edit and send again", () => this.desk.edit(message), { keys: "↑" }),
    );
    const line = el(
      "div",
      { class: "line" },
      el("h3", { class: "offscreen" }, source ? `${source} said` : "You said"),
      bubble,
      tools,
    );
    // What is said in the middle of an answer stands where it was said.
    if (this.messages.length) this.put(line);
    else this.said.append(line);
    this.messages.push(message);
  }

  take(event) {
    this.answer.hidden = false;
    const taken = this[`on_${event.event}`];
    if (taken) taken.call(this, event);
    else return false;
    return true;
  }

  on_response({ delta, done, phase, reason }) {
    if (phase) return this.setPhase(delta.replace(/\.+$/, ""));
    if (delta) {
      this.closeThought();
      this.setPhase(null);
      this.openText().append(delta);
    }
    if (!done) return;
    if (reason === "length") this.note("The model came to the end of what it may say in one answer.", "warn");
    this.end("done");
  }

  on_thought({ phase, delta }) {
    if (phase === "stop") return this.closeThought();
    this.setPhase(null);
    if (!this.thought) this.openThought();
    if (delta) this.thought.text.append(delta);
  }

  on_tool_call({ call_id, tool, arguments: given, phase, result_preview, failed }) {
    this.setPhase(null);
    this.closeThought();
    if (tool === ASKING) return; // the question itself is shown
    let call = this.calls.get(call_id);
    // Some models begin to number their calls anew at each step.
    if (!call || (phase === "start" && call.ended)) call = this.addCall(call_id, tool, given);
    if (phase === "end") this.endCall(call, result_preview ?? "", Boolean(failed));
  }

  on_skill_used({ skill, result }) {
    this.put(
      el(
        "p",
        { class: "chip-line" },
        el("span", { class: "chip violet" }, "skill"),
        el("span", {}, skill),
        el("small", {}, result),
      ),
    );
  }

  on_question({ question }) {
    this.putQuestion(question);
    announce(`Question: ${question}`, true);
    this.setPhase("Waiting for your answer");
  }

  on_approval_required(asked) {
    if (this.approvals.has(asked.approval_id)) return;
    this.setPhase("Waiting for your approval");
    const card = this.desk.waiting.card(asked);
    this.approvals.set(asked.approval_id, card);
    const call = this.allCalls.findLast((it) => !it.ended);
    if (call) call.state.textContent = "waits";
    this.put(card.node);
  }

  on_approval_resolved({ approval_id, state, by, scope, reason }) {
    this.setPhase(null);
    this.approvals.get(approval_id)?.resolve({ state, by, scope, reason });
  }

  on_usage({ model, prompt_tokens, completion_tokens, total_ms }) {
    this.model = model;
    this.usage.prompt += prompt_tokens;
    this.usage.completion += completion_tokens;
    this.usage.ms += total_ms;
    if (this.ended) this.drawFoot();
  }

  on_progress({ what, current, total, unit }) {
    if (!this.progress) {
      this.progress = progressBar();
      this.put(this.progress.node);
    }
    this.progress.show(what, current, total, unit);
  }

  on_notice({ code, message }) {
    if (code === "turn_restarted") this.beginAnew();
    this.note(message, "info");
  }

  /** The daemon stopped in the middle: what it had got to is done anew. */
  beginAnew() {
    for (const card of this.approvals.values()) card.resolve({ state: "withdrawn" });
    const kept = [...this.parts.querySelectorAll(":scope > .line")];
    this.parts.replaceChildren(...kept);
    this.texts = [];
    this.text = this.thought = null;
    this.calls.clear();
    this.allCalls = [];
    this.approvals.clear();
  }

  on_cancelled({ reason }) {
    this.note(reason === "interrupt" ? "Ended by the next message." : "Stopped.", "warn");
    this.end("cancelled");
  }

  on_error({ error }) {
    this.note(error, "error");
    this.end("error");
  }

  // Parts

  put(node) {
    this.text = null;
    this.parts.append(node);
  }

  markdown(text) {
    const view = new MarkdownView();
    view.append(text);
    view.finish();
    return view;
  }

  openText() {
    if (this.text) return this.text;
    const text = new MarkdownView();
    text.onDraw = () => this.desk.reading.grown();
    if (!this.replayed) text.onBlock = (words) => announce(words);
    this.put(text.node);
    this.texts.push(text);
    this.text = text;
    return text;
  }

  openThought() {
    const text = new MarkdownView();
    text.onDraw = () => this.desk.reading.grown();
    const label = el("span", {}, "Thinking");
    const node = el(
      "details",
      { class: "fold thought busy", open: this.desk.reading.thoughts },
      el("summary", {}, icon("thought"), label),
      text.node,
    );
    this.put(node);
    this.thought = { text, node, label, began: Date.now() };
  }

  closeThought() {
    if (!this.thought) return;
    const { text, node, label, began } = this.thought;
    text.finish();
    node.classList.remove("busy");
    const ms = Date.now() - began;
    label.textContent = this.replayed || ms < 1000 ? "Thoughts" : `Thought for ${durationWords(ms)}`;
    this.thought = null;
  }

  addCall(id, tool, given) {
    const state = el("small", { class: "state" }, "running");
    const brief = Object.values(given ?? {}).find((value) => typeof value === "string" || typeof value === "number");
    const body = el(
      "div",
      { class: "fold-body" },
      el("h4", {}, "Arguments"),
      el("pre", { tabindex: 0, dir: "ltr" }, revealed(pretty(given))),
    );
    const node = el(
      "details",
      { class: "fold call busy" },
      el(
        "summary",
        {},
        icon("tool"),
        el("code", {}, revealed(tool)),
        el("span", { class: "brief" }, brief === undefined ? "" : revealed(String(brief).slice(0, 200))),
        state,
      ),
      body,
    );
    this.put(node);
    const call = { node, state, body, ended: false };
    this.calls.set(id, call);
    this.allCalls.push(call);
    return call;
  }

  endCall(call, result, failed) {
    call.ended = true;
    call.node.classList.remove("busy");
    this.markCall(call, failed);
    call.body.append(el("h4", {}, "Result"), el("pre", { tabindex: 0, dir: "ltr" }, revealed(result || "(nothing)")));
  }

  markCall({ node, state }, failed) {
    node.classList.toggle("failed", Boolean(failed));
    state.textContent = failed ? "failed" : "done";
  }

  putQuestion(question) {
    this.put(
      el(
        "section",
        { class: "card ask", "aria-label": "Question" },
        el("p", { class: "card-head" }, icon("help"), "A question to you"),
        this.markdown(String(question)).node,
      ),
    );
  }

  note(words, kind) {
    this.put(el("p", { class: `note ${kind}`, role: kind === "error" && !this.replayed ? "alert" : null }, words));
  }

  setPhase(words) {
    this.phase.hidden = !words || this.ended;
    if (words) this.phase.lastChild.textContent = words;
  }

  // The end

  end(kind) {
    this.closeThought();
    this.ended = true;
    this.endKind = kind;
    this.setPhase(null);
    this.progress?.node.remove();
    for (const text of this.texts) {
      text.finish();
      text.onBlock = null;
    }
    for (const call of this.allCalls) {
      if (call.node.classList.contains("busy")) {
        call.node.classList.remove("busy");
        call.state.textContent = "ended";
      }
    }
    for (const card of this.approvals.values()) card.resolve({ state: "withdrawn" });
    this.drawFoot();
  }

  drawFoot() {
    const { prompt, completion, ms } = this.usage;
    const facts = [
      this.model,
      prompt || completion ? `${prompt.toLocaleString("en")} → ${completion.toLocaleString("en")} tokens` : null,
      ms ? durationWords(ms) : null,
    ].filter(Boolean);
    const answer = () => this.texts.map((text) => text.text).join("\n\n");
    this.foot.replaceChildren(
      el(
        "span",
        { class: "actions" },
        answer() ? copyButton(answer, "Copy the answer") : "",
        iconButton("why", "Why this answer?", () => this.desk.why(this.id), { keys: "Alt+W" }),
        iconButton("again", "Ask again", () => this.desk.again(this.messages.join("\n\n"))),
      ),
      el("span", { class: "facts" }, facts.join(" · ")),
    );
  }

  /** Build a turn that has ended from its records in the history. */
  static fromRecords(id, records, desk) {
    const turn = new TurnView(id, desk);
    turn.replayed = true;
    for (const record of records) turn.takeRecord(record);
    return turn;
  }

  takeRecord(record) {
    const { role, content } = record;
    if (role === "user") this.addSaid(content, { time: record.timestamp, source: record.source, images: record.images?.length, pictures: this.desk.shown.get(record.id) });
    if (role === "note" && record.restarted) this.take({ event: "notice", message: "Begun anew after a stop." });
    if (role === "tool") {
      const call = this.calls.get(record.tool_call_id);
      if (call) this.endCall(call, content, false);
    }
    if (role !== "assistant") return;
    this.answer.hidden = false;
    if (record.end)
      (record.skills ?? []).forEach((skill) =>
        this.parts.prepend(
          el("p", { class: "chip-line" }, el("span", { class: "chip violet" }, "skill"), el("span", {}, skill)),
        ),
      );
    if (content) this.openText().append(content);
    for (const call of record.tool_calls ?? []) {
      if (call.name === ASKING) this.putQuestion(call.arguments?.question ?? "");
      else this.addCall(call.id, call.name, call.arguments);
    }
    if (record.end) this.endFromRecord(record);
  }

  endFromRecord({ end, model, error, why = {} }) {
    this.model = model;
    this.usage = { prompt: why.prompt_tokens ?? 0, completion: why.completion_tokens ?? 0, ms: why.total_ms ?? 0 };
    // The account says which calls failed; it counts calls in their order.
    const noted = why.tools?.filter(({ tool }) => tool !== ASKING) ?? [];
    if (this.allCalls.length === noted.length)
      this.allCalls.forEach((call, index) => call.ended && this.markCall(call, noted[index].failed));
    if (end === "cancelled") this.note("Stopped.", "warn");
    if (error) this.note(error.message, "error");
    this.end(end);
  }
}
