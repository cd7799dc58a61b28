// Which model answers: of the open chat, or of the next one.

class ModelChoice {
  constructor(desk) {
    this.desk = desk;
    this.names = [];
    this.preset = null; // what stands when nothing was chosen
    this.next = null; // chosen for a chat that is not begun
    this.node = el("select", { "aria-label": "Model", title: "Model (Alt+M)", on: { change: () => this.choose() } });
  }

  async load() {
    this.names = (await this.ofApi().catch(() => null)) ?? (await this.ofCommand().catch(() => this.names));
    this.draw();
    try {
      this.preset = (await this.desk.link.ask({ action: "models" })).default;
    } catch {
      return; // the connection is gone; the next one asks again
    }
    this.draw();
  }

  async ofApi() {
    const answer = await fetch("/v1/models", { credentials: "same-origin", headers: { accept: "application/json" } });
    if (!answer.ok) return null;
    const { data } = await answer.json();
    const speaks = ({ purpose }) => !purpose || /infer|chat|generat/i.test(purpose);
    return Array.isArray(data) ? data.filter(speaks).map(({ id }) => String(id)) : null;
  }

  async ofCommand() {
    const { models } = await this.desk.link.ask({ action: "models" });
    return models.map(({ id }) => id);
  }

  draw() {
    const { current, sessions } = this.desk;
    const chosen = (current ? sessions.get(current)?.model : this.next) || this.preset || "";
    const names = [...new Set([...(chosen ? [chosen] : []), ...this.names])];
    this.node.replaceChildren(...names.map((name) => el("option", { value: name }, name)));
    this.node.disabled = !names.length;
    if (chosen) this.node.value = chosen;
    this.node.title = chosen ? `${chosen} (Alt+M)` : "Model (Alt+M)";
  }

  async choose() {
    const model = this.node.value;
    const { current, link, sessions } = this.desk;
    if (!current) this.next = model;
    else {
      try {
        const created = await link.ask({ action: "create", session_id: current, model }, "created");
        sessions.update(current, { model: created.model });
      } catch (failure) {
        this.desk.toast(failure.message, "error");
      }
    }
    this.draw();
  }
}
