// The open conversation: its history page by page, then its events as they come.

const PAGE_RECORDS = 60;
const MAX_TURNS = 80; // in the document; those before are put aside until asked for

class Conversation {
  constructor(desk, session) {
    this.desk = desk;
    this.session = session;
    this.turns = new Map();
    this.finished = new Set(); // turns that the history told to their end
    this.unasked = new Set(); // `seq` of proactive messages that are shown
    this.seq = 0;
    this.first = 0; // offset of the oldest record that is shown
    this.orphans = []; // records whose turn began before it
    this.aside = []; // nodes taken out of the document, the oldest first
    this.running = null;
    this.ready = false; // events count from the moment it attaches
    this.earlier = el(
      "button",
      { type: "button", class: "button earlier", hidden: true, on: { click: () => this.showEarlier() } },
      "Show earlier",
    );
    this.list = el("div", { class: "turns" });
    this.pending = el("div", { class: "pending" });
    this.node = el("div", { class: "conversation" }, this.earlier, this.list, this.pending);
  }

  // From the history

  /** Read the newest page, then attach to what comes after it. Throws Failure. */
  async load() {
    const { total } = await this.page(0, 1);
    this.first = total;
    const groups = await this.groupsBefore();
    let since = 0;
    const open = [];
    for (const group of groups) {
      for (const { seq, role } of group.records) if (seq && role !== "note") since = Math.max(since, seq);
      const begun = group.records.find((record) => record.role === "user");
      if (begun && !group.records.some((record) => record.end)) open.push(begun.seq);
    }
    if (open.length) since = Math.min(...open) - 1;
    this.list.append(...groups.map((group) => this.viewOf(group)).filter(Boolean));
    this.showEarlierButton();
    await this.attach(since);
  }

  page(offset, limit) {
    return this.desk.link.ask({ action: "history", session_id: this.session, offset, limit });
  }

  /** Read backwards until there are whole turns; return them in order. */
  async groupsBefore() {
    for (let round = 0; round < 12; round += 1) {
      const from = Math.max(0, this.first - PAGE_RECORDS);
      const records = [];
      // A page ends early where it grows too large.
      while (from + records.length < this.first) {
        const { history } = await this.page(from + records.length, this.first - from - records.length);
        if (!history.length) break;
        records.push(...history);
      }
      this.first = from;
      const { whole, orphans } = groupRecords([...records, ...this.orphans], from === 0);
      this.orphans = orphans;
      if (whole.length && (!orphans.length || round > 2)) return whole;
      if (from === 0) return whole;
      if (orphans.length)
        this.orphans = [...whole.flatMap((group) => group.records), ...orphans].sort((a, b) =>
          a.timestamp.localeCompare(b.timestamp),
        );
    }
    return [];
  }

  viewOf({ key, records }) {
    const [record] = records;
    if (record.role === "event") return this.viewOfEvent(record);
    if (!records.some((it) => it.end)) return null; // its events tell it
    this.finished.add(key);
    const turn = TurnView.fromRecords(key, records, this.desk);
    this.turns.set(key, turn);
    return turn.node;
  }

  viewOfEvent({ seq, content, source, timestamp }) {
    if (seq === undefined || this.unasked.has(seq)) return null;
    this.unasked.add(seq);
    return proactiveView({ message: content, source, time: timestamp });
  }

  async showEarlier() {
    const height = this.desk.reading.scroller.scrollHeight;
    const top = this.desk.reading.scroller.scrollTop;
    this.earlier.disabled = true;
    try {
      if (this.aside.length) this.list.prepend(...this.aside.splice(-30));
      else {
        const groups = await this.groupsBefore();
        this.list.prepend(...groups.map((group) => this.viewOf(group)).filter(Boolean));
      }
    } catch (failure) {
      this.desk.toast(failure.message, "error");
    }
    this.earlier.disabled = false;
    this.showEarlierButton();
    this.desk.reading.scroller.scrollTop = top + this.desk.reading.scroller.scrollHeight - height;
  }

  showEarlierButton() {
    this.earlier.hidden = this.first === 0 && !this.aside.length;
  }

  /** Keep the document small while the conversation grows. */
  trim() {
    while (this.list.childElementCount > MAX_TURNS) {
      const oldest = this.list.firstElementChild;
      oldest.remove();
      this.aside.push(oldest);
    }
    this.showEarlierButton();
  }

  // Live

  async attach(since) {
    this.seq = since;
    this.ready = true;
    this.replaying = true;
    try {
      const { seq, running } = await this.desk.link.ask(
        { action: "attach", session_id: this.session, since },
        "attached",
      );
      this.seq = Math.max(this.seq, seq);
      if (!running) this.setRunning(null);
    } finally {
      this.replaying = false;
    }
  }

  /** Go on after the connection was lost; false if the events meanwhile are no longer kept. */
  async resume() {
    try {
      await this.attach(this.seq);
      return true;
    } catch (failure) {
      if (["cursor_expired", "cursor_invalid"].includes(failure.code)) return false;
      throw failure;
    }
  }

  /** Take an event of this session. */
  take(event) {
    if (!this.ready) return;
    if (event.event === "proactive") return this.takeUnasked(event);
    if (event.seq !== undefined) {
      if (event.seq <= this.seq) return;
      // What came before the replay is replayed; a gap at any other time is closed by asking anew.
      if (event.seq > this.seq + 1) return void (this.replaying || this.resume().catch(() => {}));
      this.seq = event.seq;
    }
    if (event.event === "accepted") return this.takeAccepted(event);
    const turn = event.turn && !this.finished.has(event.turn) ? (this.turns.get(event.turn) ?? this.lost(event)) : null;
    if (event.event === "notice") this.desk.toast(event.message, "notice");
    if (turn) this.takeForTurn(turn, event);
    else if (event.event === "progress") this.turns.get(this.running)?.take(event);
  }

  /** A turn whose beginning was not told here: begun before the page of the history. */
  lost(event) {
    return ["response", "thought", "tool_call", "approval_required", "question"].includes(event.event)
      ? this.begin(event.turn)
      : null;
  }

  begin(id) {
    const turn = new TurnView(id, this.desk);
    this.turns.set(id, turn);
    this.list.append(turn.node);
    this.trim();
    return turn;
  }

  takeForTurn(turn, event) {
    if (turn.ended && event.event !== "usage") return;
    if (!turn.ended && this.running !== turn.id && event.event !== "notice") this.setRunning(turn.id);
    turn.replayed = this.replaying;
    turn.take(event);
    if (turn.ended && this.running === turn.id) this.ended(turn);
    this.desk.reading.grown();
  }

  ended(turn) {
    this.setRunning(null);
    if (this.replaying) return;
    announce({ done: "The answer is complete.", cancelled: "Stopped.", error: "The turn failed." }[turn.endKind] ?? "");
  }

  takeAccepted({ turn: id, id: sent, message, source, waiting, images }) {
    if (this.finished.has(id)) return;
    const turn = this.turns.get(id) ?? this.begin(id);
    const time = this.replaying ? null : new Date().toISOString();
    turn.addSaid(message, { source, time, images, pictures: this.desk.shown.get(sent) });
    turn.setPhase(null);
    if (!waiting && !this.running) this.setRunning(id);
    this.desk.reading.grown(!source && !this.replaying);
  }

  takeUnasked({ seq, message, source }) {
    if (seq === this.seq + 1) this.seq = seq;
    if (this.unasked.has(seq)) return;
    this.unasked.add(seq);
    this.list.append(proactiveView({ message, source, time: this.replaying ? null : new Date().toISOString() }));
    this.trim();
    announce(`Unasked: ${message}`);
    this.desk.reading.grown();
  }

  setRunning(id) {
    this.running = id;
    this.desk.runningChanged();
  }

  /** Show what is not acknowledged yet. */
  showPending(entries, open) {
    this.pending.replaceChildren(
      ...entries.map(({ message, id, pictures = [] }) =>
        el(
          "div",
          { class: "said waiting", data: { outbox: id } },
          el(
            "div",
            { class: "line" },
            el("div", { class: "bubble" }, spokenText(message), picturesView(pictures)),
            el(
              "div",
              { class: "tools" },
              el("span", {}, open ? "Sending…" : "Waits for the connection"),
              iconButton("close", "Do not send it", () => this.desk.withdraw(id)),
            ),
          ),
        ),
      ),
    );
  }

  get lastTurn() {
    return [...this.turns.values()].at(-1);
  }

  /** The last message of the person, wherever it stands. */
  get lastSaid() {
    return [...this.turns.values()]
      .filter((turn) => turn.messages.length)
      .at(-1)
      ?.messages.at(-1);
  }
}

/** Put records of a turn together, in order of their beginnings; orphans lack theirs. */
function groupRecords(records, complete) {
  const groups = new Map();
  records.forEach((record, index) => {
    if (record.role === "note" && !record.restarted) return;
    const key = record.role === "event" ? `event ${record.seq ?? index}` : record.turn;
    if (!groups.has(key)) groups.set(key, { key, records: [] });
    groups.get(key).records.push(record);
  });
  const isWhole = ({ records: own }) => complete || own.some(({ role }) => role === "user" || role === "event");
  const all = [...groups.values()];
  return {
    whole: all.filter(isWhole),
    orphans: all.filter((group) => !isWhole(group)).flatMap((group) => group.records),
  };
}
