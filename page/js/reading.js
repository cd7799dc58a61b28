// How it is read: light or dark, thoughts shown or folded, and staying at the end.

const dark = matchMedia("(prefers-color-scheme: dark)");
const narrow = matchMedia("(max-width: 820px)");

class Reading {
  constructor() {
    this.theme = remembered.get("theme", "auto");
    this.thoughts = remembered.get("thoughts", false);
    this.sticky = true;
    this.scroller = el("div", { class: "scroller", tabindex: -1, on: { scroll: () => this.scrolled() } });
    this.latest = iconButton("down", "Go to the latest", () => this.toBottom(true), { kind: "round latest" });
    this.latest.hidden = true;
    this.stage = el("div", { class: "stage" }, this.scroller, this.latest);
    this.thoughtsButton = el(
      "button",
      {
        type: "button",
        class: "button toggle",
        "aria-label": "Show thoughts",
        "aria-pressed": String(this.thoughts),
        title: "Show thoughts (Alt+T)",
        on: { click: () => this.toggleThoughts() },
      },
      icon("thought"),
      el("span", {}, "Thoughts"),
    );
    this.themeButton = iconButton("sun", "Light or dark", () => this.toggleTheme());
    // A smaller window (a keyboard comes up), or content that grows late, must not hide the end.
    this.sizes = new ResizeObserver(() => this.sticky && this.toBottom());
    this.applyTheme();
    dark.addEventListener("change", () => this.applyTheme());
  }

  show(...nodes) {
    this.scroller.replaceChildren(...nodes);
    this.sizes.disconnect();
    for (const node of [this.scroller, ...nodes]) this.sizes.observe(node);
    this.latest.hidden = true;
    this.sticky = true;
  }

  applyTheme() {
    const theme = this.theme === "auto" ? (dark.matches ? "dark" : "light") : this.theme;
    document.documentElement.dataset.theme = theme;
    this.themeButton.replaceChildren(icon(theme === "dark" ? "sun" : "moon"));
  }

  toggleTheme() {
    this.theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    // Back at what the system has: follow it again.
    if ((this.theme === "dark") === dark.matches) this.theme = "auto";
    remembered.set("theme", this.theme);
    this.applyTheme();
  }

  toggleThoughts() {
    this.thoughts = !this.thoughts;
    remembered.set("thoughts", this.thoughts);
    this.thoughtsButton.setAttribute("aria-pressed", String(this.thoughts));
    for (const node of this.scroller.querySelectorAll("details.thought")) node.open = this.thoughts;
  }

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    this.sticky = scrollHeight - scrollTop - clientHeight < 80;
    this.latest.hidden = this.sticky;
  }

  /** Something was added: stay at the end if the reader is there. */
  grown(follow = false) {
    if (this.sticky || follow) this.toBottom();
    else this.latest.hidden = false;
  }

  toBottom(smooth = false) {
    this.sticky = true;
    if (this.moving) return;
    this.moving = requestAnimationFrame(() => {
      this.moving = 0;
      const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      this.scroller.scrollTo({ top: this.scroller.scrollHeight, behavior: smooth && !calm ? "smooth" : "instant" });
    });
  }
}
