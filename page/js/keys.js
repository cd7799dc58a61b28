// Shortcuts. `KEYS` is what the list of them says; `docs/web.md` says the same.

const KEYS = [
  ["Enter", "Send; while an answer runs, queue"],
  ["Shift+Enter", "New line"],
  ["Ctrl+Enter", "Tell the running answer now"],
  ["↑", "In an empty message: edit the last one"],
  ["Ctrl+.", "Stop the answer"],
  ["Alt+N", "New chat"],
  ["Ctrl+K", "Search chats"],
  ["Alt+↑  Alt+↓", "Chat above, chat below"],
  ["Alt+M", "Choose a model"],
  ["Alt+T", "Show or fold thoughts"],
  ["Alt+W", "Why the last answer"],
  ["Alt+A", "Go to what waits for approval"],
  ["F2  Delete", "In the list: rename, delete"],
  ["/", "Go to the message"],
  ["Esc", "Close"],
  ["?", "This list"],
];

/** What keys do: anywhere, and where nobody is writing. */
function actionsOf(desk) {
  const anywhere = {
    "Alt+N": () => desk.newChat(),
    "Alt+T": () => desk.reading.toggleThoughts(),
    "Alt+M": () => desk.models.node.focus(),
    "Alt+W": () => desk.current && desk.why(desk.conversation?.lastTurn?.id),
    "Alt+A": () => desk.waiting.go(),
    "Alt+ArrowUp": () => desk.step(-1),
    "Alt+ArrowDown": () => desk.step(1),
    "Ctrl+k": () => desk.searchChats(),
    "Ctrl+.": () => desk.stop(),
    "Ctrl+/": () => desk.showShortcuts(),
  };
  const elsewhere = {
    "?": () => desk.showShortcuts(),
    "/": () => desk.composer.input.focus(),
    Escape: () => desk.composer.input.focus(),
  };
  return { anywhere, elsewhere };
}

function listenForKeys(desk) {
  const { anywhere, elsewhere } = actionsOf(desk);
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const control = event.ctrlKey || event.metaKey;
    const key = event.altKey
      ? `Alt+${event.code.replace("Key", "")}`
      : control
        ? `Ctrl+${event.key.toLowerCase()}`
        : event.key;
    const writing = event.target.closest("input, textarea, select");
    let action = anywhere[key] ?? (writing ? null : elsewhere[key]);
    if (key === "Escape" && document.body.classList.contains("side-open")) action = () => desk.toggleSide(false);
    if (!action) return;
    event.preventDefault();
    action();
  });
}
