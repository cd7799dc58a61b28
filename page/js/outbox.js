// Messages on their way. Each has an id of its own, which comes back with `accepted`; so what was
// sent when a connection broke is sent again only if the daemon does not have it.

class Outbox {
  constructor(desk) {
    this.desk = desk;
    this.entries = remembered.get("outbox", [], sessionStorage);
    this.underway = new Set(); // ids that this connection was given
    this.lines = new Map(); // by session: the end of its queue
    addEventListener("beforeunload", (leaving) => this.entries.length && leaving.preventDefault());
  }

  /** Put a message in; `seq` is the last event seen of its session, `create` what makes it anew. */
  add(entry) {
    this.entries.push({ ...entry, id: freshId("w-") });
    this.keep();
    return this.entries.at(-1);
  }

  settle(id) {
    const before = this.entries.length;
    this.entries = this.entries.filter((entry) => entry.id !== id);
    if (this.entries.length !== before) this.keep();
  }

  of(session) {
    return this.entries.filter((entry) => entry.session === session);
  }

  keep() {
    remembered.set("outbox", this.entries.length ? this.entries : null, sessionStorage);
    this.desk.showPending();
  }

  /** Send a message after those before it in its session. */
  post(entry) {
    const before = this.lines.get(entry.session) ?? Promise.resolve();
    const sent = before.then(() => this.postNow(entry));
    this.lines.set(entry.session, sent);
    return sent;
  }

  async postNow({ id, session, message, mode, create, pictures }) {
    if (this.underway.has(id) || !this.of(session).some((entry) => entry.id === id)) return;
    this.underway.add(id);
    const { desk } = this;
    try {
      if (create && !desk.followed.has(session)) await this.create(session, create);
      const images = pictures && { images: pictures.map(({ data }) => data) };
      await desk.link.ask({ action: "send", session_id: session, message, mode, id, ...images }, "accepted");
      this.settle(id);
    } catch (failure) {
      if (failure.code === "offline") return;
      this.settle(id);
      desk.toast(failure.message, "error");
      if (session === desk.current && !desk.composer.text) desk.composer.set(message);
    }
  }

  async create(session, create) {
    const { desk } = this;
    const { model } = await desk.link.ask({ action: "create", session_id: session, ...create }, "created");
    desk.followed.add(session);
    desk.sessions.update(session, { model });
    if (session === desk.current) desk.drawHead();
  }

  /** After a reconnection: find out which messages the daemon has, send the others. */
  async resend() {
    for (const session of new Set(this.entries.map((entry) => entry.session))) {
      if (!this.desk.followed.has(session)) await this.findAccepted(session);
      for (const entry of this.of(session)) await this.post(entry);
    }
  }

  /** Learn of messages that were accepted while nobody listened; their events settle them. */
  async findAccepted(session) {
    const { link, followed } = this.desk;
    const [{ seq }] = this.of(session);
    try {
      await link.ask({ action: "attach", session_id: session, since: seq }, "attached");
      followed.add(session);
    } catch (failure) {
      if (failure.code === "session_not_found") return;
      if (!["cursor_expired", "cursor_invalid"].includes(failure.code)) throw failure;
      const { total } = await link.ask({ action: "history", session_id: session, limit: 1 });
      const offset = Math.max(0, total - 200);
      const { history } = await link.ask({ action: "history", session_id: session, limit: 200, offset });
      for (const record of history) this.settle(record.id);
    }
  }
}
