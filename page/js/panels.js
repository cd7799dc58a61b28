// What stands at the bottom of the side: reminders, memory, shortcuts.

// Reminders

function remindersPanel(desk) {
  return drawerOf("Reminders", async (body) => {
    const { jobs } = await desk.link.ask({ action: "job_list" });
    const redraw = async () =>
      body.replaceChildren(...remindersOf(desk, (await desk.link.ask({ action: "job_list" })).jobs, redraw));
    return remindersOf(desk, jobs, redraw);
  });
}

function remindersOf(desk, jobs, redraw) {
  const act = async (command, reply) => {
    try {
      await desk.link.ask(command, reply);
      await redraw();
    } catch (failure) {
      desk.toast(failure.message, "error");
    }
  };
  const listOf = (some) =>
    el(
      "ul",
      { class: "plain-list" },
      some.map((job) => reminderItem(desk, job, act)),
    );
  const own = jobs.filter((job) => job.made_by !== "ruster");
  const upkeep = jobs.filter((job) => job.made_by === "ruster");
  const input = el("input", {
    type: "text",
    maxlength: 1000,
    placeholder: "remind me in 20 minutes to take out the cake",
    "aria-label": "New reminder",
  });
  const add = () =>
    input.value.trim() && act({ action: "job_add", session_id: desk.current, reminder: input.value.trim() }, "job");
  return [
    desk.current
      ? el(
          "form",
          {
            class: "inline-form",
            on: {
              submit: (event) => {
                event.preventDefault();
                add();
              },
            },
          },
          input,
          el("button", { type: "submit", class: "button primary" }, "Add"),
        )
      : el("p", { class: "hint" }, "Open a chat to add a reminder to it."),
    own.length ? listOf(own) : el("p", { class: "hint" }, "Nothing is planned."),
    upkeep.length
      ? el(
          "details",
          { class: "fold" },
          el("summary", {}, icon("tool"), `Upkeep by ruster itself (${upkeep.length})`),
          listOf(upkeep),
        )
      : "",
  ];
}

function reminderItem(desk, job, act) {
  const name = job.title || job.do?.say?.message || job.do?.prompt?.message || job.job_id;
  const facts = [
    job.when,
    job.enabled ? null : "switched off",
    job.session_id && `in ${desk.sessions.titleOf(job.session_id)}`,
    job.last && `last: ${job.last.outcome}`,
  ];
  return el(
    "li",
    { class: "reminder" },
    el("div", {}, el("p", { dir: "auto" }, name), el("p", { class: "hint" }, facts.filter(Boolean).join(" · "))),
    job.made_by === "ruster"
      ? ""
      : iconButton("trash", `Remove ${name}`, () => act({ action: "job_remove", job_id: job.job_id }, "job_removed")),
  );
}

// Memory

function memoryPanel(link) {
  const found = el("ul", { class: "plain-list" });
  const words = el("p", { class: "hint", role: "status" }, "What ruster remembers, by words and by meaning.");
  const input = el("input", {
    type: "text",
    maxlength: 1000,
    placeholder: "Where does my sister live?",
    "aria-label": "Search the memory",
  });
  const search = async (event) => {
    event.preventDefault();
    const query = input.value.trim();
    if (!query) return;
    try {
      const { results } = await link.ask({ action: "memory_search", query, limit: 20 }, "memory_search_results");
      found.replaceChildren(
        ...results.map(({ memory, passage, score }) =>
          el(
            "li",
            {},
            el("p", { dir: "auto" }, passage || memory.text),
            el(
              "p",
              { class: "hint" },
              [
                memory.layer,
                memory.kind,
                timeWords(memory.time),
                `score ${score.toFixed(2)}`,
                memory.pinned && "pinned",
                memory.origins?.length && `words of ${memory.origins.join(", ")}`,
              ]
                .filter(Boolean)
                .join(" · "),
            ),
          ),
        ),
      );
      words.textContent = results.length
        ? `${countWords(results.length, "memory", "memories")}, the best first.`
        : "Nothing fits that.";
    } catch (failure) {
      words.textContent = failure.message;
    }
  };
  openDialog(
    "drawer",
    "Memory",
    el(
      "div",
      {},
      el(
        "form",
        { class: "inline-form", on: { submit: search } },
        input,
        el("button", { type: "submit", class: "button primary" }, "Search"),
      ),
      words,
      found,
    ),
  );
  input.focus();
}

// Shortcuts

function shortcutsPanel(status) {
  const keys = KEYS.map(([key, what]) => [
    el(
      "dt",
      {},
      key.split("  ").map((one) => el("kbd", {}, one)),
    ),
    el("dd", {}, what),
  ]);
  const about = status
    ? el(
        "p",
        { class: "hint" },
        `ruster ${status.version}, up for ${durationWords(status.uptime_s * 1000)}, ${sizeWords(status.rss_bytes)} of memory.`,
      )
    : "";
  openDialog("modal wide-modal", "Keyboard shortcuts", [el("dl", { class: "shortcuts" }, keys.flat()), about]);
}
