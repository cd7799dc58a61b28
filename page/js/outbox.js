// Messages on their way. Each has an id of its own, which comes back with `accepted`; so what was
// sent when a connection broke is sent again only if the daemon does not have it.

class Outbox {
  constructor(onChange) {
    this.entries = remembered.get("outbox", [], sessionStorage);
    this.onChange = onChange;
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
    this.onChange();
  }
}
