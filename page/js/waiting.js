// Questions for approval of all chats, and the strip that tells of those elsewhere.

class Waiting {
  constructor(desk) {
    this.desk = desk;
    this.questions = new Map();
    this.node = el("div", { class: "strip", role: "status", hidden: true });
  }

  /** Be told of all questions from now on; others than the daemon's own user are not. */
  async watch() {
    try {
      const { approvals } = await this.desk.link.ask({ action: "approval_list", watch: true });
      this.questions = new Map(approvals.map((asked) => [asked.approval_id, asked]));
      this.draw();
    } catch {
      // Then only the open chat's questions are shown.
    }
  }

  add(asked) {
    this.questions.set(asked.approval_id, asked);
    this.draw();
  }

  drop(id) {
    if (this.questions.delete(id)) this.draw();
  }

  card(asked) {
    const answer = (command) => this.desk.link.ask(command, "approval_answered");
    return new ApprovalCard(asked, answer, (card, held) => {
      this.drop(card.asked.approval_id);
      if (held && !document.querySelector("dialog[open]")) this.desk.composer.input.focus();
    });
  }

  draw() {
    const { sessions, current } = this.desk;
    const asking = new Set([...this.questions.values()].map((asked) => asked.session_id));
    for (const id of sessions.sessions.keys()) sessions.update(id, { asks: asking.has(id) });
    const elsewhere = [...this.questions.values()].filter((asked) => asked.session_id !== current);
    this.node.hidden = !elsewhere.length;
    const words =
      elsewhere.length === 1
        ? `“${sessions.titleOf(elsewhere[0].session_id)}” waits for your approval.`
        : `${elsewhere.length} approvals wait in other chats.`;
    const review = el(
      "button",
      { type: "button", class: "button", on: { click: () => this.review(elsewhere) } },
      "Review",
    );
    this.node.replaceChildren(icon("shield"), el("span", { dir: "auto" }, words), review);
  }

  review(questions) {
    const cards = questions.flatMap((asked) => [
      el("p", { class: "hint" }, `In “${this.desk.sessions.titleOf(asked.session_id)}”`),
      this.card(asked).node,
    ]);
    openDialog("drawer", "Waiting for your approval", cards);
  }

  /** Put the focus on what waits: in this chat, else elsewhere. */
  go() {
    const turns = [...(this.desk.conversation?.turns.values() ?? [])];
    const card = turns.flatMap((turn) => [...turn.approvals.values()]).find((it) => !it.resolved);
    if (card) card.focus();
    else if (!this.node.hidden) this.node.querySelector("button").click();
  }
}
