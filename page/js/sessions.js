// The list of conversations at the side.

const MAX_LISTED = 300;

class SessionList {
  constructor(desk) {
    this.desk = desk;
    this.sessions = new Map();
    this.drawn = new Map();
    this.touched = remembered.get("touched", {});
    this.filter = el("input", {
      type: "search",
      placeholder: "Search chats",
      "aria-label": "Search chats",
      on: { input: () => this.draw(), keydown: (event) => this.filterKey(event) },
    });
    this.items = el("ul", { class: "sessions", "aria-label": "Chats" });
    this.items.addEventListener("keydown", (event) => this.key(event));
    this.empty = el("p", { class: "hint", hidden: true });
    this.node = el(
      "div",
      { class: "session-list" },
      el("div", { class: "search" }, icon("search"), this.filter),
      this.empty,
      this.items,
    );
  }

  async refresh() {
    const { details } = await this.desk.link.ask({ action: "list" });
    const before = this.sessions;
    const listed = details.map((info) => [info.session_id, { ...before.get(info.session_id), ...info }]);
    // A chat that was begun a moment ago may not be made yet.
    const begun = [...before].filter(([id]) => id === this.desk.current || this.desk.outbox.of(id).length);
    this.sessions = new Map([...begun, ...listed]);
    this.draw();
  }

  get(id) {
    return this.sessions.get(id);
  }

  update(id, change) {
    const known = this.sessions.get(id) ?? { session_id: id, title: "", model: "", created: new Date().toISOString() };
    if (Object.entries(change).every(([name, value]) => known[name] === value) && this.sessions.has(id)) return;
    this.sessions.set(id, { ...known, ...change });
    this.draw();
  }

  remove(id) {
    this.sessions.delete(id);
    this.draw();
  }

  touch(id) {
    this.touched[id] = Date.now();
    this.touched = Object.fromEntries(
      Object.entries(this.touched)
        .sort(([, a], [, b]) => b - a)
        .slice(0, 300),
    );
    remembered.set("touched", this.touched);
    this.draw();
  }

  titleOf(id) {
    return this.sessions.get(id)?.title || id || "New chat";
  }

  /** Newest first. */
  get shown() {
    const time = (info) => this.touched[info.session_id] ?? (Date.parse(info.created) || 0);
    const wanted = this.filter.value.trim().toLowerCase();
    return [...this.sessions.values()]
      .filter((info) => `${info.title}\n${info.session_id}`.toLowerCase().includes(wanted))
      .sort((a, b) => time(b) - time(a));
  }

  draw() {
    if (this.drawing) return;
    this.drawing = true;
    queueMicrotask(() => {
      this.drawing = false;
      this.drawNow();
    });
  }

  drawNow() {
    const focused = this.items.contains(document.activeElement) ? document.activeElement : null;
    const place = focused && [
      focused.closest("li").dataset.session,
      [...focused.closest("li").querySelectorAll("button")].indexOf(focused),
    ];
    const shown = this.shown.slice(0, MAX_LISTED);
    const drawn = new Map(shown.map((info) => [info.session_id, this.drawnItem(info)]));
    this.drawn = drawn;
    const nodes = [...drawn.values()].map(({ node }) => node);
    // What stands where it stood is left alone: moving it would take the focus from it.
    if (
      nodes.length !== this.items.childElementCount ||
      nodes.some((node, index) => node !== this.items.children[index])
    )
      this.items.replaceChildren(...nodes);
    this.empty.hidden = shown.length > 0;
    this.empty.textContent = this.filter.value ? "No chat has that in its name." : "Your chats will be listed here.";
    const stop = this.items.querySelector("[aria-current]") ?? this.items.querySelector(".open");
    for (const node of nodes) node.querySelector(".open").tabIndex = -1;
    if (stop) stop.tabIndex = 0;
    if (focused && document.activeElement !== focused)
      drawn.get(place[0])?.node.querySelectorAll("button")[place[1]]?.focus();
  }

  /** Return the item as it was drawn before, or anew if something about it has changed. */
  drawnItem(info) {
    const { session_id: id, title, running, unread, asks } = info;
    const looks = JSON.stringify([id === this.desk.current, title, running, unread, asks]);
    const before = this.drawn.get(id);
    return before?.looks === looks ? before : { looks, node: this.item(info) };
  }

  item({ session_id: id, title, running, unread, asks }) {
    const current = id === this.desk.current;
    const name = title || id;
    const mark = asks
      ? ["asks", "needs your approval"]
      : running
        ? ["running", "is answering"]
        : unread
          ? ["unread", "has something new"]
          : null;
    return el(
      "li",
      { data: { session: id }, class: current ? "current" : null },
      el(
        "button",
        {
          type: "button",
          class: "open",
          tabindex: -1,
          "aria-current": current ? "page" : null,
          title: name,
          on: { click: () => this.desk.open(id) },
        },
        el("span", { class: "name", dir: "auto" }, name),
        mark && el("span", { class: `mark ${mark[0]}`, role: "img", "aria-label": mark[1] }),
      ),
      el(
        "span",
        { class: "tools" },
        this.tool("edit", `Rename ${name}`, () => this.desk.rename(id)),
        this.tool("trash", `Delete ${name}`, () => this.desk.remove(id)),
      ),
    );
  }

  tool(name, label, onclick) {
    const button = iconButton(name, label, onclick);
    button.tabIndex = -1;
    return button;
  }

  /** One stop for Tab; arrows within, F2 renames, Delete deletes. */
  key(event) {
    const item = event.target.closest("li");
    if (!item) return;
    const all = [...this.items.children];
    const at = all.indexOf(item);
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 };
    if (event.key in moves && !event.altKey) {
      event.preventDefault();
      if (event.key === "ArrowUp" && at === 0) return this.filter.focus();
      all[Math.max(0, Math.min(all.length - 1, moves[event.key]))].querySelector(".open").focus();
    } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      const buttons = [...item.querySelectorAll("button")];
      buttons[buttons.indexOf(document.activeElement) + (event.key === "ArrowRight" ? 1 : -1)]?.focus();
    } else if (event.key === "F2") this.desk.rename(item.dataset.session);
    else if (event.key === "Delete") this.desk.remove(item.dataset.session);
  }

  filterKey(event) {
    if (event.key === "ArrowDown" || event.key === "Enter") {
      event.preventDefault();
      this.items.querySelector(".open")?.focus();
    }
  }
}
