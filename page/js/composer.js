// Where a message is written: drafts, files, keys.

const MAX_FILE_BYTES = 128 * 1024;
const MAX_MESSAGE_BYTES = 500 * 1024; // a session takes 512 KiB
const MAX_FRAME_BYTES = 1000 * 1000; // a frame has 1 MiB, and JSON around them
const MAX_FILES = 8;

class Composer {
  constructor(desk) {
    this.desk = desk;
    this.files = [];
    this.input = el("textarea", {
      rows: 1,
      placeholder: "Message ruster",
      "aria-label": "Message",
      dir: "auto",
      enterkeyhint: "send",
      on: { input: () => this.changed(), keydown: (event) => this.key(event), paste: (event) => this.pasted(event) },
    });
    this.picker = el("input", { type: "file", multiple: true, hidden: true, on: { change: () => this.picked() } });
    this.chips = el("ul", { class: "chips", "aria-label": "Attached files", hidden: true });
    this.attach = iconButton("clip", "Attach text files or pictures", () => this.picker.click());
    this.stop = iconButton("stop", "Stop", () => this.desk.stop(), { keys: "Ctrl+.", kind: "round stop" });
    this.sendButton = iconButton("send", "Send", () => this.send(), { keys: "Enter", kind: "round primary" });
    this.hint = el("p", { class: "keys" });
    this.node = el(
      "form",
      {
        class: "composer",
        on: {
          submit: (event) => event.preventDefault(),
          dragover: (event) => this.dragged(event),
          dragleave: () => this.node.classList.remove("over"),
          drop: (event) => this.dropped(event),
        },
      },
      this.chips,
      this.input,
      this.picker,
      el("div", { class: "composer-row" }, this.attach, this.hint, this.stop, this.sendButton),
    );
    this.setRunning(false);
  }

  get text() {
    return this.input.value;
  }

  /** Put a text in, the cursor at its end. */
  set(text) {
    this.input.value = text;
    this.changed();
    this.input.focus();
    this.input.setSelectionRange(text.length, text.length);
  }

  /** Show what was being written in a session. */
  openDraft(session) {
    this.session = session;
    this.files = [];
    this.input.value = remembered.get(`draft.${session}`, "");
    this.changed();
    this.drawFiles();
  }

  changed() {
    remembered.set(`draft.${this.session}`, this.text.length < 200000 && this.text ? this.text : null);
    this.fit();
    this.sendButton.disabled = !this.text.trim() && !this.files.length;
  }

  /** Grow with the text where the browser does not do it by itself. */
  fit() {
    if (CSS.supports("field-sizing", "content")) return;
    this.input.style.height = "auto";
    this.input.style.height = `${Math.min(this.input.scrollHeight, 320)}px`;
  }

  setRunning(running) {
    this.stop.hidden = !running;
    this.hint.textContent = running
      ? "Enter queues · Ctrl+Enter tells it now"
      : "Enter sends · Shift+Enter for a new line";
  }

  key(event) {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.send(event.ctrlKey || event.metaKey ? "steer" : "queue");
    } else if (event.key === "ArrowUp" && !this.text && !event.altKey) {
      const last = this.desk.conversation?.lastSaid;
      if (!last) return;
      event.preventDefault();
      this.desk.edit(last);
    } else if (event.key === "Backspace" && !this.text && this.files.length) {
      this.removeFile(this.files.length - 1);
    }
  }

  send(mode = "queue") {
    const message = this.message();
    if (!message) return;
    const size = bytesOf(message);
    const whole = this.pictures.reduce((sum, it) => sum + it.data.length, size);
    if (size <= MAX_MESSAGE_BYTES && whole > MAX_FRAME_BYTES)
      return this.desk.toast("The text and the pictures are too much for one message: send some alone.", "error");
    if (size > MAX_MESSAGE_BYTES)
      return this.desk.toast(
        `The message has ${sizeWords(size)}; at most ${sizeWords(MAX_MESSAGE_BYTES)} are taken.`,
        "error",
      );
    this.desk.send(message, mode, this.pictures);
    this.files = [];
    this.drawFiles();
    this.input.value = "";
    this.changed();
  }

  /** The pictures, as they go with the message. */
  get pictures() {
    return this.files.filter((file) => file.picture).map(({ name, picture }) => ({ ...picture, name }));
  }

  /** The text and the files, each in a fence longer than any within it. */
  message() {
    const texts = this.files.filter((file) => !file.picture);
    const blocks = texts.map(({ name, size, text }) => {
      const longest = Math.max(2, ...Array.from(text.matchAll(/`+/g), (run) => run[0].length));
      const fence = "`".repeat(longest + 1);
      const kind = /\.(\w{1,10})$/.exec(name)?.[1] ?? "";
      return `File: ${name} (${sizeWords(size)})\n${fence}${kind}\n${text.replace(/\n$/, "")}\n${fence}`;
    });
    const said = [this.text.trim(), ...blocks].filter(Boolean).join("\n\n") || this.pictures.map((it) => it.name).join(", ");
    return said.toWellFormed?.() ?? said;
  }

  picked() {
    this.take([...this.picker.files]);
    this.picker.value = "";
  }

  pasted(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    this.take(files);
  }

  dragged(event) {
    event.preventDefault();
    this.node.classList.add("over");
  }

  dropped(event) {
    event.preventDefault();
    this.node.classList.remove("over");
    this.take([...event.dataTransfer.files]);
  }

  async take(files) {
    for (const file of files) {
      const problem = await this.takeOne(file);
      if (problem) this.desk.toast(problem, "error");
    }
    this.drawFiles();
    this.changed();
    this.input.focus();
  }

  /** Take one file in; return what is wrong with it. */
  async takeOne(file) {
    const name = file.name.replace(/[\n\r]/g, " ").slice(0, 120);
    if (this.files.length >= MAX_FILES) return `At most ${MAX_FILES} files go with a message.`;
    if (isPicture(file)) return this.takePicture(file, name);
    if (file.size > MAX_FILE_BYTES)
      return `${name} has ${sizeWords(file.size)}; at most ${sizeWords(MAX_FILE_BYTES)} are taken.`;
    try {
      const text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
      if (text.includes("\u0000")) throw new TypeError();
      this.files.push({ name, size: file.size, text });
      return null;
    } catch {
      return `${name} is no text; only text files and pictures can be attached.`;
    }
  }

  async takePicture(file, name) {
    try {
      const picture = await readPicture(file);
      const taken = this.pictures.reduce((sum, it) => sum + it.data.length, picture.data.length);
      if (taken > MAX_PICTURES_CHARS) return `${name} does not fit: send some of the pictures with another message.`;
      this.files.push({ name: name || "picture", size: picture.size, picture });
      return null;
    } catch {
      return `${name} cannot be read as a picture.`;
    }
  }

  removeFile(index) {
    this.files.splice(index, 1);
    this.drawFiles();
    this.changed();
    this.input.focus();
  }

  drawFiles() {
    this.chips.hidden = !this.files.length;
    this.chips.replaceChildren(
      ...this.files.map(({ name, size, picture }, index) =>
        el(
          "li",
          { class: "chip" },
          picture ? picturesView([picture]).firstChild : icon("clip"),
          el("span", { dir: "auto" }, revealed(name)),
          el("small", {}, sizeWords(size)),
          iconButton("close", `Remove ${name}`, () => this.removeFile(index)),
        ),
      ),
    );
  }
}
