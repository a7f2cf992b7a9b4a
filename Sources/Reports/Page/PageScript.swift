/// The script of the pages: plain JavaScript in strict mode, no library.
///
/// Everything that stands in somebody's data reaches the page through `textContent`: nothing of it is ever read as markup.
enum PageScript {
  static func text(withGraph: Bool) -> String { "\"use strict\";\n(() => {\n" + core + (withGraph ? tools + graph + panel + search : "") + "})();\n" }

  /// Theme, keys, sections, filters of differences.
  private static let core = #"""
    const $ = id => document.getElementById(id), all = (selector, root = document) => [...root.querySelectorAll(selector)];
    const root = document.documentElement;
    // Pages from disk may have no storage.
    const stored = value => { try { return value === undefined ? localStorage.getItem("pipe-theme") : localStorage.setItem("pipe-theme", value); } catch { return null; } };
    const theme = stored();
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    const turn = () => { root.dataset.theme = isDark() ? "light" : "dark"; stored(root.dataset.theme); };
    $("theme").addEventListener("click", turn);
    const help = () => { if (!$("help").open) $("help").showModal(); };
    $("keys").addEventListener("click", help);
    const keys = { t: turn, "?": help };
    addEventListener("keydown", event => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
      const act = keys[event.key];
      if (act) { event.preventDefault(); act(event); }
    });
    for (const button of all(".filter")) button.addEventListener("click", () => {
      for (const other of all(".filter")) other.setAttribute("aria-pressed", String(other === button));
      for (const row of all(".rows > li")) row.hidden = button.dataset.filter !== "" && !row.dataset.causes.split(" ").includes(button.dataset.filter);
    });
    const links = all(".bar nav a");
    if (links.length && "IntersectionObserver" in window) {
      const seen = new Set();
      const observer = new IntersectionObserver(entries => {
        for (const entry of entries) entry.isIntersecting ? seen.add(entry.target.id) : seen.delete(entry.target.id);
        const first = links.find(link => seen.has(link.hash.slice(1)));
        for (const link of links) link.classList.toggle("here", link === first);
      }, { rootMargin: "-20% 0px -60% 0px" });
      for (const section of all("main > section[id]")) observer.observe(section);
    }

    """#

  /// What graph, panel and search share.
  private static let tools = #"""
    const data = JSON.parse($("data").textContent), stages = data.stages, nodes = data.nodes;
    const make = (tag, attributes = {}, ...inner) => {
      const element = document.createElement(tag);
      for (const [name, value] of Object.entries(attributes)) {
        if (value === undefined || value === null || value === false) continue;
        if (name === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
        else element.setAttribute(name, value === true ? "" : value);
      }
      for (const item of inner.flat(Infinity)) if (item !== null && item !== undefined && item !== false && item !== "") element.append(item);
      return element;
    };
    // 1204 as 1,204: the page says the same everywhere.
    const count = number => String(number).replace(/\B(?=(\d{3})+$)/g, ",");
    const plural = (number, word) => count(number) + " " + word + (number === 1 ? "" : "s");
    const outputName = (stage, port) => stages[stage].outputs && stages[stage].outputs.length === 1 || port === "rows" ? stages[stage].name : stages[stage].name + "." + port;
    const placeOf = node => node.f !== undefined ? (node.r > 0 ? node.f + ":" + node.r : node.f) : outputName(node.s, node.p) + " row " + count(node.r);
    const textOf = node => node.v ? node.v.map(field => field[1]).join(" ") : node.t || "";
    const brief = node => {
      const text = (node.v ? node.v.map(field => field[0] + ": " + field[1]).join(" · ") : node.t || "").replace(/\s+/g, " ");
      return text.length > 160 ? text.slice(0, 160) + "…" : text;
    };
    // Without a key a row is called by the beginning of its text, which is shown anyway.
    const keyOf = node => node.k && !node.k.endsWith("…") && !node.k.startsWith("{") ? node.k : "";
    const copyable = text => make("code", {}, text, make("button", { type: "button", class: "copy", "aria-label": "Copy " + text, on: { click: event => {
      if (navigator.clipboard) navigator.clipboard.writeText(text).then(() => { event.target.textContent = "copied"; }, () => {});
    } } }, "copy"));

    """#
}
