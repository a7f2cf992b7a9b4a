extension PageScript {
  /// Finding stages and rows: names of rows by output, and the whole text of the rows that the page holds.
  static let search = #"""
    const field = $("search"), found = $("found"), most = 12;
    const texts = nodes.map(node => ((node.k || "") + " " + textOf(node)).toLowerCase());
    const known = new Map();
    nodes.forEach((node, index) => { if (node.s !== undefined) known.set(node.s + " " + node.p + " " + node.r, index); });
    const covered = () => {
      const names = data.names.reduce((sum, one) => sum + one.names.length, 0), of = data.names.reduce((sum, one) => sum + one.of, 0);
      return "Looks through " + plural(stages.length, "stage") + ", the text of " + plural(nodes.length, "row") + (of ? ", and the names of " + (names === of ? "all " + count(of) + " published rows" : "the first " + count(names) + " of " + count(of) + " published rows") : "") + ".";
    };
    const group = (title, items, total) => items.length ? [make("h3", {}, title + (total > items.length ? " (" + count(items.length) + " of " + count(total) + ")" : "")), make("ul", {}, items)] : [];
    const hit = (hash, name, place, text) => make("li", {}, make("a", { href: "#" + hash, on: { click: () => { found.hidden = true; if (location.hash === "#" + hash) open(true); } } }, make("b", {}, name), make("span", { class: "soft" }, place), text && make("small", {}, text)));
    const find = () => {
      const words = field.value.trim().toLowerCase();
      if (!words) { found.replaceChildren(make("p", { class: "covers" }, covered())); return; }
      const inStages = [], inRows = [], inNames = [];
      let stageCount = 0, rowCount = 0, nameCount = 0;
      stages.forEach((stage, index) => { if ((stage.name + " " + stage.kind + " " + (stage.desc || "") + " " + (stage.tags || []).join(" ")).toLowerCase().includes(words)) { stageCount += 1; if (inStages.length < most) inStages.push(hit("s-" + index, stage.name, stage.file ? "file" : stage.kind)); } });
      data.names.forEach((one, list) => one.names.forEach((name, row) => {
        if (!name.toLowerCase().includes(words)) return;
        nameCount += 1;
        if (inNames.length >= most) return;
        const held = known.get(one.stage + " " + one.port + " " + (row + 1));
        inNames.push(hit(held !== undefined ? "r-" + held : "n-" + list + "-" + row, name, one.file ? one.file.split("/").pop() + ":" + (row + 1 + one.header) : outputName(one.stage, one.port) + " row " + count(row + 1), held === undefined ? null : brief(nodes[held])));
      }));
      // Rows that have the words as their name come first.
      const order = texts.map((text, index) => text.includes(words) ? index : -1).filter(index => index >= 0).sort((a, b) => ((nodes[b].k || "").toLowerCase() === words) - ((nodes[a].k || "").toLowerCase() === words) || a - b);
      rowCount = order.length;
      for (const index of order.slice(0, most)) inRows.push(hit("r-" + index, keyOf(nodes[index]) || placeOf(nodes[index]), keyOf(nodes[index]) ? placeOf(nodes[index]) : "", brief(nodes[index])));
      found.replaceChildren(...group("Stages", inStages, stageCount), ...group("Published rows", inNames, nameCount), ...group("Rows of this page", inRows, rowCount), stageCount + rowCount + nameCount === 0 ? make("p", { class: "covers" }, "Nothing found.") : "", make("p", { class: "covers", role: "status" }, covered()));
    };
    const choices = () => all("a", found);
    field.addEventListener("input", () => { found.hidden = false; find(); });
    field.addEventListener("focus", () => { found.hidden = false; find(); });
    field.addEventListener("keydown", event => {
      if (event.key === "ArrowDown" || event.key === "Enter") { const first = choices()[0]; if (first) { event.preventDefault(); event.key === "Enter" ? first.click() : first.focus(); } }
      if (event.key === "Escape") { found.hidden = true; field.value ? field.value = "" : field.blur(); }
    });
    found.addEventListener("keydown", event => {
      const list = choices(), at = list.indexOf(document.activeElement);
      if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); const next = at + (event.key === "ArrowDown" ? 1 : -1); next < 0 ? field.focus() : list[Math.min(next, list.length - 1)]?.focus(); }
      if (event.key === "Escape") { found.hidden = true; field.focus(); found.hidden = true; }
    });
    document.addEventListener("pointerdown", event => { if (!event.target.closest(".search")) found.hidden = true; });
    keys["/"] = () => { field.focus(); field.select(); };
    open(location.hash !== "");

    """#
}
