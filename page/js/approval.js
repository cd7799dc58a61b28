// A question for approval: exactly what a tool would do, and how far a yes reaches.

const SCOPES = { once: ["Allow once", "primary"], session: ["Allow in this chat", ""], always: ["Always allow", ""] };
const STATES = {
  approved: "Allowed",
  denied: "Rejected",
  expired: "Too late: nobody answered in time",
  withdrawn: "No longer needed",
};

class ApprovalCard {
  /** `answer(command)` sends `approve` or `reject`; it throws Failure. */
  constructor(asked, answer, onResolved) {
    this.asked = asked;
    this.answer = answer;
    this.onResolved = onResolved;
    this.reason = el("input", {
      type: "text",
      maxlength: 500,
      placeholder: "Why not? (told to the model)",
      "aria-label": "Reason for rejecting",
    });
    this.buttons = el(
      "div",
      { class: "answers" },
      this.scopeButtons(),
      el("button", { type: "button", class: "button danger", on: { click: () => this.reject() } }, "Reject"),
    );
    this.left = el("small", { class: "left" });
    this.problem = el("p", { class: "note error", role: "alert", hidden: true });
    this.node = this.draw();
    this.tick();
    this.ticking = setInterval(() => this.tick(), 1000);
    announce(`Approval needed: ${asked.tool}, risk ${asked.risk}.`, true);
  }

  scopeButtons() {
    return (this.asked.scopes ?? ["once"])
      .filter((scope) => scope in SCOPES)
      .map((scope) =>
        el(
          "button",
          {
            type: "button",
            class: `button ${SCOPES[scope][1]}`,
            data: { scope },
            on: { click: () => this.approve(scope) },
          },
          SCOPES[scope][0],
        ),
      );
  }

  draw() {
    const { tool, risk, reason, effects, target, arguments: given, surface, sha256 } = this.asked;
    return el(
      "section",
      {
        class: `card approval risk-${["low", "medium", "high", "critical"].includes(risk) ? risk : "high"}`,
        tabindex: -1,
        "aria-label": `Approval of ${tool}`,
        data: { approval: this.asked.approval_id },
      },
      el(
        "p",
        { class: "card-head" },
        icon("shield"),
        el("span", {}, "May ", el("code", {}, revealed(tool)), " do this?"),
        el("span", { class: "chip risk" }, `${risk} risk`),
      ),
      target ? el("p", { class: "target" }, el("code", { dir: "ltr" }, revealed(target))) : null,
      el("pre", { class: "exact", tabindex: 0, dir: "ltr", "aria-label": "Exact arguments" }, revealed(pretty(given))),
      el(
        "p",
        { class: "hint" },
        `Asked because ${reason}.`,
        effects?.length ? ` It ${effects.join(", ")}.` : "",
        surface && surface !== "socket" ? ` It came from ${surface}.` : "",
        el("span", { class: "print", title: sha256 }, ` #${String(sha256 ?? "").slice(0, 8)}`),
      ),
      this.buttons,
      el("p", { class: "below" }, this.reason, this.left),
      this.problem,
    );
  }

  tick() {
    const s = Math.round((new Date(this.asked.expires) - Date.now()) / 1000);
    this.left.textContent = Number.isNaN(s)
      ? ""
      : s > 0
        ? `the answer will be no in ${s >= 60 ? `${Math.floor(s / 60)} min ` : ""}${s % 60} s`
        : "time is over";
  }

  approve(scope) {
    return this.send({ action: "approve", approval_id: this.asked.approval_id, scope });
  }

  reject() {
    const reason = this.reason.value.trim();
    return this.send({ action: "reject", approval_id: this.asked.approval_id, ...(reason && { reason }) });
  }

  async send(command) {
    if (this.resolved) return;
    this.held = this.node.contains(document.activeElement); // a disabled button loses the focus
    this.setBusy(true);
    try {
      const { state, scope } = await this.answer(command);
      this.resolve({ state, scope });
    } catch (failure) {
      this.problem.textContent = failure.message;
      this.problem.hidden = false;
      this.setBusy(false);
    }
  }

  setBusy(busy) {
    for (const button of this.buttons.children) button.disabled = busy;
  }

  focus() {
    this.node.scrollIntoView({ block: "nearest" });
    (this.buttons.querySelector("button:not(:disabled)") ?? this.node).focus();
  }

  resolve({ state, by, scope, reason }) {
    if (this.resolved) return;
    this.resolved = true;
    clearInterval(this.ticking);
    const held = this.held || this.node.contains(document.activeElement);
    const reach = { session: " in this chat", always: ", from now on" }[scope] ?? "";
    const words = `${STATES[state] ?? state}${reach}${by && state !== "withdrawn" ? ` by ${by}` : ""}${reason ? `: ${reason}` : ""}`;
    this.node.classList.add("resolved", `was-${state}`);
    this.node.querySelector(".below").remove();
    this.buttons.replaceWith(el("p", { class: "verdict" }, icon(state === "approved" ? "check" : "close"), words));
    announce(words);
    this.onResolved(this, held);
  }
}
