// The connection: commands out, events in. It comes back by itself; what was asked meanwhile fails.

const PATIENCE = { first_s: 0.5, last_s: 10, ping_s: 25, pong_s: 10 };
const OWN_CODES = { offline: "There is no connection to ruster at the moment." };

/** What a command or the connection failed with; `code` as in the protocol. */
class Failure extends Error {
  constructor(code, message = OWN_CODES[code] ?? code) {
    super(message);
    this.code = code;
  }
}

class Link {
  /** `onEvent(event)` gets everything; `onState(state)` one of connecting, open, waiting, locked. */
  constructor({ onEvent, onState }) {
    this.onEvent = onEvent;
    this.onState = onState;
    this.asked = new Map(); // id of a command: what it waits for
    this.state = "connecting";
    this.failures = 0;
    this.nextId = 0;
    addEventListener("online", () => this.retryNow());
    document.addEventListener("visibilitychange", () => document.hidden || this.retryNow());
  }

  open() {
    clearTimeout(this.retry);
    this.enter("connecting");
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws`);
    this.socket = socket;
    socket.addEventListener("open", () => this.opened(socket));
    socket.addEventListener("message", (message) => this.received(socket, message.data));
    socket.addEventListener("close", ({ code }) => this.closed(socket, code));
  }

  opened(socket) {
    if (socket !== this.socket) return;
    this.failures = 0;
    this.heard = Date.now();
    this.beat = setInterval(() => this.check(), 5000);
    this.enter("open");
  }

  /** A connection may be dead without saying so: ask now and then. */
  check() {
    const silent_s = (Date.now() - this.heard) / 1000;
    if (silent_s > PATIENCE.ping_s + PATIENCE.pong_s) this.socket.close();
    else if (silent_s > PATIENCE.ping_s) this.write({ action: "ping" });
  }

  received(socket, data) {
    if (socket !== this.socket || typeof data !== "string") return;
    this.heard = Date.now();
    let event;
    try {
      event = JSON.parse(data);
    } catch {
      return;
    }
    if (typeof event?.event !== "string") return;
    const asked = this.asked.get(event.id);
    this.onEvent(event);
    if (!asked || ![asked.reply, "error"].includes(event.event)) return;
    this.asked.delete(event.id);
    if (event.event === "error") asked.reject(new Failure(event.code, event.error));
    else asked.resolve(event);
  }

  async closed(socket, code) {
    if (socket !== this.socket) return;
    clearInterval(this.beat);
    this.socket = null;
    for (const { reject } of this.asked.values()) reject(new Failure("offline"));
    this.asked.clear();
    if (code === 4401 || (await this.isLocked())) return this.enter("locked");
    const wait_s = Math.min(PATIENCE.last_s, PATIENCE.first_s * 2 ** this.failures);
    this.failures += 1;
    this.enter("waiting");
    // Not all pages of all people at the same moment.
    this.retry = setTimeout(() => this.open(), wait_s * (800 + 400 * Math.random()));
  }

  /** A browser does not tell why a connection was refused; a request does. */
  async isLocked() {
    try {
      return (await fetch("/v1/models", { credentials: "same-origin" })).status === 401;
    } catch {
      return false;
    }
  }

  retryNow() {
    if (this.state === "waiting" || this.state === "locked") this.open();
  }

  enter(state) {
    this.state = state;
    this.onState(state);
  }

  /** Send a command; false if there is no connection. */
  write(command) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(command));
    return true;
  }

  /** Send a command and return its reply, the event of that name. Throws Failure. */
  ask(command, reply = command.action) {
    const id = command.id ?? `q${this.nextId++}`;
    return new Promise((resolve, reject) => {
      if (!this.write({ ...command, id })) return reject(new Failure("offline"));
      this.asked.set(id, { reply, resolve, reject });
    });
  }
}
