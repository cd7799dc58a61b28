// Local models, and bringing more of them here.

function modelsPanel(desk) {
  return drawerOf("Local models", async () => {
    const { models } = await desk.link.ask({ action: "model_list" });
    const own = el("input", {
      type: "text",
      maxlength: 1000,
      placeholder: "ORG/REPO or ORG/REPO:FILE.gguf",
      "aria-label": "Model to download",
    });
    const list = el(
      "ul",
      { class: "plain-list" },
      models.map((model) => modelItem(desk, model)),
    );
    const add = (event) => {
      event.preventDefault();
      const name = own.value.trim();
      if (!name) return;
      const item = modelItem(desk, { name, here: false });
      list.prepend(item);
      item.querySelector("button").click();
      own.value = "";
    };
    return [
      el(
        "form",
        { class: "inline-form", on: { submit: add } },
        own,
        el("button", { type: "submit", class: "button primary" }, "Download"),
      ),
      list,
    ];
  });
}

function modelItem(desk, model) {
  const where = el("div", {});
  const facts = [
    model.purpose,
    model.quantization,
    model.size_bytes && sizeWords(model.size_bytes),
    model.here && "on this machine",
  ];
  const button = model.here
    ? ""
    : iconButton("download", `Download ${model.name}`, () => desk.downloads.start(model.name));
  const item = el(
    "li",
    { class: "model" },
    el(
      "div",
      { class: "between" },
      el("div", {}, el("p", {}, model.name), el("p", { class: "hint" }, facts.filter(Boolean).join(" · "))),
      button,
    ),
    where,
  );
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
    const node = el(
      "div",
      { class: "download" },
      bar.node,
      el("button", { type: "button", class: "button", on: { click: () => this.cancel(name) } }, "Cancel"),
    );
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
    this.desk.link
      .ask({ action: "model_cancel", model: name }, "model_cancelled")
      .catch((failure) => this.desk.toast(failure.message, "error"));
  }

  /** Take a `progress` event; true if it was of a download here. */
  take(event) {
    const own = [...this.running.values()].find(({ id }) => id === event.id);
    own?.bar.show(event.what, event.current, event.total, event.unit);
    return Boolean(own);
  }
}
