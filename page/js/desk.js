// The desk: puts everything together and holds what is open.

const SUGGESTIONS = [
  "What can you do for me?",
  "Remind me in 20 minutes to take out the cake",
  "Summarise what we decided last week",
];

class Desk {
  constructor() {
    this.current = null; // the open session; null for a chat that is not begun
    this.conversation = null;
    this.shown = new Map(); // by the id of a message: the pictures that this page sent with it
    this.followed = new Set(); // sessions this connection is attached to
    this.link = new Link({ onEvent: (event) => this.take(event), onState: (state) => this.linkChanged(state) });
    this.outbox = new Outbox(this);
    this.sessions = new SessionList(this);
    this.composer = new Composer(this);
    this.downloads = new Downloads(this);
    this.models = new ModelChoice(this);
    this.reading = new Reading();
    this.waiting = new Waiting(this);
    this.build();
    this.composer.openDraft("");
    listenForKeys(this);
  }

  start() {
    this.link.open();
    const wanted = decodeURIComponent(location.hash.replace(/^#\/?/, ""));
    this.wanted = wanted || null;
    this.showEmpty();
    addEventListener("hashchange", () => {
      const id = decodeURIComponent(location.hash.replace(/^#\/?/, ""));
      if (id !== (this.current ?? "")) id ? this.open(id) : this.newChat();
    });
  }

  // What is on the page

  build() {
    this.title = el("h1", { dir: "auto" }, "New chat");
    this.titleButton = iconButton("edit", "Rename this chat", () => this.current && this.rename(this.current));
    this.connection = el("p", { class: "connection", role: "status" });
    this.toasts = el("div", { class: "toasts", role: "status" });
    this.version = el("small", {});
    this.side = this.buildSide();
    const head = el(
      "header",
      { class: "head" },
      iconButton("menu", "Chats", () => this.toggleSide(), { kind: "quiet menu" }),
      el("div", { class: "heading" }, this.title, this.titleButton),
      el("div", { class: "head-tools" }, this.reading.thoughtsButton, this.models.node),
    );
    this.main = el(
      "main",
      {},
      head,
      this.waiting.node,
      this.reading.stage,
      el("div", { class: "dock" }, this.connection, this.composer.node),
    );
    const skip = el(
      "a",
      {
        class: "skip",
        href: "#",
        on: {
          click: (event) => {
            event.preventDefault();
            this.composer.input.focus();
          },
        },
      },
      "Skip to the message",
    );
    document.body.append(
      skip,
      this.side,
      el("div", { class: "shade", on: { click: () => this.toggleSide(false) } }),
      this.main,
      this.toasts,
      el("div", { id: "polite", class: "offscreen", "aria-live": "polite" }),
      el("div", { id: "urgent", class: "offscreen", "aria-live": "assertive" }),
    );
  }

  buildSide() {
    const open = (name, label, panel) => iconButton(name, label, panel, { shown: true });
    return el(
      "aside",
      { class: "side", id: "side", "aria-label": "Chats" },
      el(
        "div",
        { class: "brand" },
        brandMark(),
        el("span", {}, "ruster"),
        iconButton("close", "Close the list", () => this.toggleSide(false), { kind: "quiet close-side" }),
      ),
      iconButton("plus", "New chat", () => this.newChat(), { shown: true, keys: "Alt+N", kind: "new" }),
      this.sessions.node,
      el(
        "div",
        { class: "side-places" },
        open("clock", "Reminders", () => remindersPanel(this)),
        open("memory", "Memory", () => memoryPanel(this.link)),
        open("models", "Local models", () => modelsPanel(this)),
      ),
      el(
        "div",
        { class: "side-foot" },
        this.version,
        this.reading.themeButton,
        iconButton("help", "Keyboard shortcuts", () => this.showShortcuts(), { keys: "?" }),
      ),
    );
  }

  showEmpty() {
    const ideas = SUGGESTIONS.map((words) =>
      el("button", { type: "button", class: "button idea", on: { click: () => this.composer.set(words) } }, words),
    );
    this.reading.show(
      el(
        "div",
        { class: "empty" },
        brandMark(),
        el("h2", {}, "What shall we do?"),
        el("p", {}, "An agent of your own, on this machine. Ask something, or hand something over."),
        el("div", { class: "ideas" }, ideas),
      ),
    );
  }

  toast(words, kind = "notice") {
    const node = el(
      "div",
      { class: `toast ${kind}`, role: kind === "error" ? "alert" : null },
      el("p", {}, words),
      iconButton("close", "Dismiss", () => node.remove()),
    );
    while (this.toasts.childElementCount >= 3) this.toasts.firstElementChild.remove();
    this.toasts.append(node);
    setTimeout(() => node.remove(), kind === "error" ? 12000 : 7000);
  }

  // The connection

  linkChanged(state) {
    const words = { connecting: "", open: "", waiting: "The connection is lost. Trying again…", locked: "" }[state];
    document.body.dataset.link = state;
    if (state !== "connecting") this.connection.textContent = words;
    if (state === "locked") this.showLocked();
    else if (state === "open") this.connected().catch((failure) => this.problem(failure));
    this.showPending();
  }

  showStatus(status) {
    this.status = status;
    this.version.textContent = status.version;
  }

  problem(failure) {
    if (failure.code !== "offline") this.toast(failure.message, "error");
  }

  showLocked() {
    if (this.lockedDialog?.open) return;
    const body = [
      el("p", {}, "This browser is not signed in. Ask for a link at a terminal of this machine, and open it here:"),
      el("div", { class: "code" }, el("pre", { tabindex: 0, "aria-label": "Command" }, el("code", {}, "rusterctl ui"))),
      el("p", { class: "hint" }, "A link works once. What you were writing is kept."),
      el(
        "div",
        { class: "answers" },
        el(
          "button",
          { type: "button", class: "button primary", on: { click: () => this.lockedDialog.close() } },
          "Try again",
        ),
      ),
    ];
    this.lockedDialog = openDialog("modal", "Not signed in", body, () => this.link.retryNow());
  }

  async connected() {
    if (this.lockedDialog?.open) this.lockedDialog.close();
    this.followed.clear();
    this.outbox.underway.clear();
    this.waiting.watch();
    this.models.load();
    this.link.ask({ action: "status" }).then(
      (status) => this.showStatus(status),
      () => {},
    );
    await this.sessions.refresh();
    if (this.wanted && this.sessions.get(this.wanted)) await this.show(this.wanted);
    else if (this.conversation && (!this.conversation.ready || !(await this.resume()))) await this.show(this.current);
    const wanted = this.wanted;
    this.wanted = null;
    await this.outbox.resend();
    // A chat that was begun without a connection, before the page was loaded anew.
    if (wanted && !this.current && this.sessions.get(wanted)) await this.show(wanted);
  }

  /** Go on with the open conversation; false if it must be read anew. */
  async resume() {
    try {
      const resumed = await this.conversation.resume();
      if (resumed) this.followed.add(this.current);
      return resumed;
    } catch (failure) {
      if (failure.code !== "session_not_found") throw failure;
      if (this.outbox.of(this.current).length) return true; // it is not made yet
      this.deleted(this.current);
      return true;
    }
  }

  // Messages

  /** Put a message on its way. It is on the page at once, in the history once it is accepted. */
  send(message, mode = "queue", pictures = []) {
    let create = null;
    if (!this.current) {
      create = { title: titleFrom(message), ...(this.models.next && { model: this.models.next }) };
      this.beginChat(create);
    }
    const entry = this.outbox.add({
      session: this.current,
      message,
      mode,
      seq: this.conversation.seq,
      create,
      ...(pictures.length && { pictures }),
    });
    if (pictures.length) this.shown.set(entry.id, pictures);
    this.sessions.touch(this.current);
    this.reading.toBottom();
    this.outbox.post(entry);
  }

  beginChat(create) {
    this.current = `chat-${Date.now().toString(36)}-${freshId("").slice(0, 4)}`;
    this.conversation = new Conversation(this, this.current);
    this.conversation.ready = true;
    this.reading.show(this.conversation.node);
    this.sessions.update(this.current, { title: create.title, model: create.model ?? "" });
    this.drawHead();
    history.replaceState(null, "", `#/${encodeURIComponent(this.current)}`);
    remembered.set("draft.", null);
    this.composer.session = this.current;
  }

  withdraw(id) {
    const entry = this.outbox.entries.find((it) => it.id === id);
    this.outbox.settle(id);
    if (entry && !this.composer.text) this.composer.set(entry.message);
  }

  showPending() {
    this.conversation?.showPending(this.outbox.of(this.current), this.link.state === "open");
  }

  edit(message) {
    this.composer.set(message);
    this.reading.toBottom();
  }

  again(message) {
    this.send(message);
  }

  async stop() {
    if (!this.current) return;
    try {
      await this.link.ask({ action: "cancel", session_id: this.current });
    } catch (failure) {
      this.toast(failure.message, "error");
    }
  }

  why(turn) {
    return whyPanel(this.link, this.current, turn);
  }

  // Events

  take(event) {
    const { session_id: session, event: name } = event;
    if (name === "accepted" && event.id) this.outbox.settle(event.id);
    if (name === "approval_required") this.waiting.add(event);
    if (name === "approval_resolved") this.waiting.drop(event.approval_id);
    if (name === "progress" && this.downloads.take(event)) return;
    if (name === "deleted") return this.deleted(session);
    if (!session) {
      if (name === "notice") this.toast(event.message, "notice");
      if (name === "error" && event.id === undefined) this.toast(event.error, "error");
      return;
    }
    if (!LIVE.has(name)) return;
    this.mark(event);
    // What is watched comes without `seq`; the session's own event comes as well.
    if (session === this.current && !(name.startsWith("approval_") && event.seq === undefined))
      this.conversation?.take(event);
  }

  /** Keep the marks in the list right. */
  mark({ session_id: id, event: name, done, turn }) {
    if (!this.sessions.get(id)) return;
    if (name === "accepted") this.sessions.update(id, { running: true });
    const ended = (name === "response" && done) || name === "cancelled" || (name === "error" && turn);
    if (ended) this.sessions.update(id, { running: false });
    if (id !== this.current && (ended || name === "proactive" || name === "question"))
      this.sessions.update(id, { unread: true });
  }

  runningChanged() {
    const running = Boolean(this.conversation?.running);
    this.composer.setRunning(running);
    if (this.current && this.sessions.get(this.current)) this.sessions.update(this.current, { running });
  }

  // Sessions

  open(id) {
    this.toggleSide(false);
    this.show(id).catch((failure) => {
      this.problem(failure);
      if (failure.code === "session_not_found") this.deleted(id);
    });
  }

  async show(id) {
    this.current = id;
    this.followed.add(id);
    history.replaceState(null, "", `#/${encodeURIComponent(id)}`);
    const conversation = new Conversation(this, id);
    this.conversation = conversation;
    this.reading.show(conversation.node);
    this.composer.openDraft(id);
    this.composer.setRunning(false);
    this.sessions.update(id, { unread: false });
    this.sessions.draw();
    this.drawHead();
    this.waiting.draw();
    this.showPending();
    await conversation.load();
    if (conversation !== this.conversation) return;
    this.reading.toBottom();
    if (!matchMedia("(pointer: coarse)").matches) this.composer.input.focus();
  }

  newChat() {
    this.toggleSide(false);
    this.current = null;
    this.conversation = null;
    history.replaceState(null, "", location.pathname);
    this.showEmpty();
    this.composer.openDraft("");
    this.composer.setRunning(false);
    this.sessions.draw();
    this.drawHead();
    this.waiting.draw();
    this.composer.input.focus();
  }

  async rename(id) {
    const title = await askFor({ title: "Rename chat", text: this.sessions.titleOf(id), yes: "Rename" });
    if (!title) return;
    try {
      await this.link.ask({ action: "create", session_id: id, title }, "created");
      this.sessions.update(id, { title });
      if (id === this.current) this.drawHead();
    } catch (failure) {
      this.toast(failure.message, "error");
    }
  }

  async remove(id) {
    const words = `“${this.sessions.titleOf(id)}” goes with everything it left on the disk, its memory too. This cannot be undone.`;
    if (!(await askFor({ title: "Delete chat?", words, yes: "Delete", danger: true }))) return;
    try {
      await this.link.ask({ action: "delete", session_id: id }, "deleted");
    } catch (failure) {
      this.toast(failure.message, "error");
    }
  }

  deleted(id) {
    this.sessions.remove(id);
    remembered.set(`draft.${id}`, null);
    if (id === this.current) this.newChat();
  }

  toggleSide(open = !document.body.classList.contains("side-open")) {
    const was = document.body.classList.contains("side-open");
    document.body.classList.toggle("side-open", open);
    this.main.inert = open && narrow.matches;
    if (open) this.side.querySelector("button").focus();
    else if (was) this.composer.input.focus({ preventScroll: true });
  }

  showShortcuts() {
    shortcutsPanel(this.status);
  }

  searchChats() {
    if (narrow.matches) this.toggleSide(true);
    this.sessions.filter.focus();
    this.sessions.filter.select();
  }

  /** Open the chat above or below in the list. */
  step(by) {
    const ids = this.sessions.shown.map((info) => info.session_id);
    const at = ids.indexOf(this.current);
    const next = ids[at < 0 ? 0 : at + by];
    if (next) this.open(next);
  }

  drawHead() {
    const name = this.current ? this.sessions.titleOf(this.current) : "New chat";
    this.title.textContent = name;
    this.titleButton.hidden = !this.current;
    document.title = `${name} · ruster`;
    this.models.draw();
  }
}

/** Events of a session that the open conversation takes; all others answer commands. */
const LIVE = new Set([
  "accepted",
  "response",
  "thought",
  "tool_call",
  "approval_required",
  "approval_resolved",
  "question",
  "skill_used",
  "usage",
  "progress",
  "notice",
  "cancelled",
  "error",
  "proactive",
]);

/** The first words of a message, as the name of its chat. */
function titleFrom(message) {
  const line = message.split("\n").find((it) => it.trim()) ?? "";
  const words = line.replace(HIDDEN, "").trim();
  return words.length > 60 ? `${words.slice(0, 57).replace(/\s+\S*$/, "")}…` : words;
}

function brandMark() {
  const mark = document.createElementNS(SVG, "svg");
  mark.setAttribute("viewBox", "0 0 32 32");
  mark.setAttribute("aria-hidden", "true");
  mark.classList.add("brand-mark");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", "M10 24V8h7a5 5 0 0 1 0 10h-7m7 0 5 6");
  mark.append(path);
  return mark;
}

new Desk().start();
