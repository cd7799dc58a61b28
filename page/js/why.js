// Why an answer is what it is.

const ENDS = { done: "answered", cancelled: "stopped", error: "failed", expired: "left unanswered" };

function whyPanel(link, session, turn) {
  return drawerOf("Why this answer?", async () => {
    const why = await link.ask({ action: "why", session_id: session, ...(turn && { turn }) });
    const { account } = why;
    return [
      whyFacts(why),
      ...whySkills(account),
      ...whyMemories(account),
      ...whyTools(account),
      ...whyPrompt(account),
      account.offered?.length
        ? section(
            "Tools it could use",
            el(
              "p",
              { class: "tags" },
              account.offered.map((name) => el("code", {}, name)),
            ),
          )
        : "",
    ];
  });
}

function whyFacts({ model, end, ended, account, origins }) {
  const tokens = account.steps
    ? `${(account.prompt_tokens ?? 0).toLocaleString("en")} read${account.cached_tokens ? `, ${account.cached_tokens.toLocaleString("en")} of them known from before` : ""}`
    : null;
  return el(
    "dl",
    { class: "facts" },
    row("Model", model),
    row("Outcome", ENDS[end] ?? end),
    row("Ended", timeWords(ended)),
    row("Time", account.total_ms === undefined ? null : durationWords(account.total_ms)),
    row("Model steps", account.steps ?? "none was asked"),
    row("Tokens in", tokens),
    row("Tokens out", account.completion_tokens?.toLocaleString("en")),
    row("Left out", account.left_out_turns ? `${countWords(account.left_out_turns, "older turn")} did not fit` : null),
    row("Others' words", origins?.length ? `may hold words of ${origins.join(", ")}` : null),
  );
}

function whySkills({ skills, skills_asked }) {
  if (!skills?.length)
    return skills_asked ? [section("Skills", el("p", { class: "hint" }, `${skills_asked} chose none.`))] : [];
  return [
    section(
      "Skills",
      el(
        "ul",
        { class: "plain-list" },
        skills.map(({ skill, why }) => el("li", {}, el("strong", {}, skill), el("p", { class: "hint" }, why))),
      ),
    ),
  ];
}

function whyMemories({ memories }) {
  if (!memories?.length) return [];
  return [
    section(
      "Memories",
      el(
        "ul",
        { class: "plain-list" },
        memories.map(({ text, score, scores }) =>
          el(
            "li",
            {},
            el("p", { dir: "auto" }, text),
            el(
              "p",
              { class: "hint" },
              `score ${score}`,
              Object.entries(scores ?? {}).map(([name, value]) => ` · ${name} ${value}`),
            ),
          ),
        ),
      ),
    ),
  ];
}

function whyTools({ tools, more_tools }) {
  if (!tools?.length) return [];
  return [
    section(
      "Tool calls",
      el(
        "ul",
        { class: "plain-list" },
        tools.map(({ tool, ms, failed, rule, skill, origin }) =>
          el(
            "li",
            {},
            el(
              "p",
              { class: "between" },
              el("code", {}, tool),
              el("span", { class: failed ? "bad" : "good" }, failed ? "failed" : "done"),
              el("small", {}, durationWords(ms ?? 0)),
            ),
            el(
              "p",
              { class: "hint" },
              [rule, skill && `of the skill ${skill}`, origin && `brought words of ${origin}`]
                .filter(Boolean)
                .join(" · "),
            ),
          ),
        ),
      ),
      more_tools ? el("p", { class: "hint" }, `and ${countWords(more_tools, "more call")}`) : "",
    ),
  ];
}

function whyPrompt({ prompt_bytes }) {
  const parts = Object.entries(prompt_bytes ?? {});
  if (!parts.length) return [];
  const all = parts.reduce((sum, [, size]) => sum + size, 0);
  return [
    section(
      `The prompt, ${sizeWords(all)}`,
      el(
        "ul",
        { class: "bars" },
        parts.map(([part, size]) =>
          el(
            "li",
            {},
            el("span", {}, part),
            el("progress", { max: all, value: size, "aria-label": part }),
            el("small", {}, sizeWords(size)),
          ),
        ),
      ),
    ),
  ];
}
