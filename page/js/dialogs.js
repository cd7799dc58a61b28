// Dialogs: drawers at the right, questions in the middle.

/** Open a dialog; the browser keeps the focus in it, Esc closes it. */
function openDialog(kind, title, body, onClose = () => {}) {
  const heading = el("h2", { id: freshId("h"), tabindex: -1 }, title);
  const dialog = el(
    "dialog",
    { class: kind, "aria-labelledby": heading.id },
    el(
      "header",
      { class: "dialog-head" },
      heading,
      iconButton("close", "Close", () => dialog.close(), { keys: "Esc" }),
    ),
    el("div", { class: "dialog-body" }, body),
  );
  const before = document.activeElement;
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before?.isConnected && before !== document.body) before.focus();
    else document.querySelector(".composer textarea").focus();
    onClose();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Ask for one line of text, or with `text` null only for a yes. Resolves to null for a no. */
function askFor({ title, words, text = null, yes, danger = false }) {
  return new Promise((resolve) => {
    let answer = null;
    const input =
      text === null ? null : el("input", { type: "text", value: text, maxlength: 200, "aria-label": title });
    const form = el(
      "form",
      {
        method: "dialog",
        on: {
          submit: () => {
            answer = input ? input.value.trim() : true;
          },
        },
      },
      words && el("p", {}, words),
      input,
      el(
        "div",
        { class: "answers" },
        el("button", { type: "button", class: "button", on: { click: () => dialog.close() } }, "Cancel"),
        el("button", { type: "submit", class: `button ${danger ? "danger solid" : "primary"}` }, yes),
      ),
    );
    const dialog = openDialog("modal", title, form, () => resolve(answer));
    (input ?? form.querySelector("[type=submit]")).focus();
    input?.select();
  });
}

const row = (term, value) =>
  value === null || value === undefined || value === "" ? [] : [el("dt", {}, term), el("dd", {}, value)];
const section = (title, ...body) => el("section", {}, el("h3", {}, title), ...body);

/** Fill a drawer with what `load()` brings, or say why not. */
async function drawerOf(title, load, kind = "drawer") {
  const body = el("div", { "aria-busy": "true" }, el("p", { class: "hint" }, "One moment…"));
  openDialog(kind, title, body);
  try {
    body.replaceChildren(...[await load(body)].flat());
  } catch (failure) {
    body.replaceChildren(
      el(
        "p",
        { class: "note error" },
        failure.code === "unknown_action" ? "This daemon does not offer that yet." : failure.message,
      ),
    );
  }
  body.removeAttribute("aria-busy");
}
