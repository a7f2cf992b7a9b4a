extension PageScript {
  /// What stands beside the graph: a stage, or a row and everything it was made of. Where one is follows from the address, so that the
  /// browser's own keys go back.
  static let panel = #"""
    const panel = $("panel"), area = panel.parentElement;
    const go = hash => { if (location.hash === "#" + hash) open(true); else location.hash = hash; };
    const stageLink = (index, text) => make("a", { href: "#s-" + index }, text || stages[index].name);
    const rowLink = (index, ...text) => make("a", { href: "#r-" + index }, ...text);
    const part = (title, ...inner) => inner.flat(Infinity).some(Boolean) ? [make("h4", {}, title), ...inner] : [];
    const facts = list => { const shown = list.filter(item => item && item[1] !== undefined && item[1] !== null && item[1] !== ""); return shown.length && make("dl", { class: "facts" }, shown.map(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])); };
    const messageList = value => {
      if (!/^\[\{"role":/.test(value)) return null;
      try {
        return JSON.parse(value).map(message => make("div", { class: "message " + (message.role === "assistant" ? "assistant" : "") }, make("b", {}, message.role), typeof message.content === "string" ? message.content : JSON.stringify(message.content ?? message)));
      } catch { return null; }
    };
    const fields = node => node.v ? make("dl", { class: "fields" }, node.v.map(([name, value]) => [make("dt", {}, name), make("dd", {}, messageList(value) || value || " ")])) : make("pre", {}, node.t || "");
    const sample = index => { const node = nodes[index]; return make("details", {}, make("summary", {}, make("b", {}, keyOf(node) || placeOf(node)), " ", make("span", { class: "soft" }, keyOf(node) ? placeOf(node) + " · " : "", brief(node))), fields(node), rowLink(index, "Where it came from →")); };
    const close = () => make("button", { type: "button", "aria-label": "Close details", on: { click: () => { const back = current; history.replaceState(null, "", location.pathname + location.search); open(false); focusBox(back); } } }, "✕");

    const stagePanel = index => {
      const stage = stages[index], inputs = stage.inputs || [], outputs = stage.outputs || [];
      const dropped = (stage.drops || []).reduce((sum, drop) => sum + drop.rows, 0);
      return [
        make("div", { class: "head" }, make("h3", {}, stage.name), make("span", { class: "chip" + (stage.status === "failed" ? " bad" : "") }, stage.status.replace("-", " ")), close()),
        make("p", { class: "soft" }, stage.file ? "a file used as a table" : stage.kind, (stage.tags || []).map(tag => [" ", make("span", { class: "tag" }, tag)])),
        stage.desc && make("p", {}, stage.desc),
        stage.failure && make("p", { class: "note bad" }, stage.failure),
        part(stage.status === "ran" || stage.status === "failed" ? "Why it ran" : "Why it did not run", stage.why && make("p", {}, stage.why),
          (stage.changes || []).map(change => make("details", { open: (stage.changes || []).length <= 3 }, make("summary", {}, change.label), change.before !== undefined && make("span", { class: "was" }, "− " + change.before), change.after !== undefined && make("span", { class: "now" }, "+ " + change.after)))),
        part("What it did", facts([
          stage.in !== undefined && ["rows in", count(stage.in)], ...(stage.drops || []).map(drop => ["left out", count(drop.rows) + " " + drop.reason]), stage.out !== undefined && ["rows out", count(stage.out)],
          stage.in !== undefined && stage.out !== undefined && dropped > 0 && stage.in === stage.out + dropped && ["ledger", "balances"],
          ["tasks", plural(stage.tasks[0], "task") + ", " + count(stage.tasks[1]) + " ran, " + count(stage.tasks[2]) + " cached"], ["work", stage.time], stage.key && ["key", make("code", { title: stage.key }, stage.key.slice(0, 12))]])),
        part("Reads", make("ul", {}, inputs.map(input => make("li", {}, make("span", { class: "soft" }, input.port + ": "), input.stage !== undefined ? stageLink(input.stage, outputName(input.stage, input.output)) : (input.files || []).map((file, place) => [place > 0 && ", ", make("code", {}, file)]), input.more && " and " + count(input.more) + " more")))),
        part("Read by", after[index].length && make("ul", {}, after[index].map(next => make("li", {}, stageLink(next))))),
        part("Checks", stage.checks && make("ul", {}, stage.checks.map(check => make("li", {}, make("span", { class: check.tone }, check.sign + " " + check.word), " ", make("code", {}, check.text), " ", make("span", { class: "soft" }, check.value))))),
        outputs.map(output => part(output.port + (output.rows !== undefined ? ": " + plural(output.rows, "row") : "") + (output.bytes ? ", " + output.bytes : ""),
          make("p", { class: "soft" }, make("code", { title: output.content }, "sha256:" + output.content.slice(0, 12))),
          (output.files || []).map(file => make("p", {}, make("code", {}, file.path), " ", make("span", { class: "soft" }, file.bytes))),
          (output.samples || []).map(sample), output.samples && output.rows > output.samples.length && make("p", { class: "soft" }, count(output.samples.length) + " rows, evenly spread; the page does not hold the rest"))),
        (stage.drops || []).filter(drop => drop.samples).map(drop => part("Left out: " + drop.reason + " (" + count(drop.rows) + ")", drop.samples.map(sample))),
        stage.excerpt && part("Manifest", stage.stale && make("p", { class: "note warn" }, "As it is now; it has changed since this run."), make("p", { class: "soft" }, make("code", {}, stage.excerpt.file + ":" + stage.excerpt.line)), make("pre", {}, stage.excerpt.text)),
        stage.templates && part("Templates", stage.templates.map(template => make("details", {}, make("summary", {}, make("code", {}, template.file)), make("pre", {}, template.text)))),
        stage.facts && part("Figures", make("details", {}, make("summary", {}, plural(stage.facts.length, "figure")), facts(stage.facts)))
      ];
    };

    // The rows behind a row, as a tree; one that was met before is only named.
    const maximumTree = 400;
    const tree = (top, chosen) => {
      let made = 0;
      const branch = (index, isSide, way) => {
        made += 1;
        const node = nodes[index], above = [...(node.u || []).map(next => [next, false]), ...(node.l || []).map(next => [next, true])];
        const item = make("li", {}, make("a", { href: "#r-" + index, "aria-current": index === chosen ? "true" : null }, make("b", {}, placeOf(node)), " ", keyOf(node), isSide && make("span", { class: "soft" }, " looked up"), make("small", {}, brief(node))));
        if (way.has(index) && above.length) item.append(make("span", { class: "soft" }, " …"));
        else if (above.length && made < maximumTree) { way.add(index); item.append(make("ul", {}, above.map(([next, side]) => branch(next, side, way)))); }
        if (node.x) item.append(make("span", { class: "soft" }, "and " + count(node.x) + " more: pipe trace"));
        return item;
      };
      return make("ul", { class: "tree" }, branch(top, false, new Set()));
    };
    const stagesBehind = top => {
      const met = new Set(), way = new Set(), open = [top];
      while (open.length) { const index = open.pop(); if (met.has(index)) continue; met.add(index); const node = nodes[index]; if (node.s !== undefined) way.add(node.s); open.push(...(node.u || []), ...(node.l || [])); }
      return way;
    };
    const children = nodes.map(() => []);
    nodes.forEach((node, index) => { for (const above of [...(node.u || []), ...(node.l || [])]) children[above].push(index); });
    const fileOf = node => { if (node.s === undefined) return null; const list = data.names.find(one => one.stage === node.s && one.port === node.p && one.file); return list ? list.file + ":" + (node.r + list.header) : null; };
    const rowPanel = index => {
      const node = nodes[index], file = fileOf(node);
      return [
        make("div", { class: "head" }, make("h3", {}, keyOf(node) || placeOf(node)), close()),
        make("p", { class: "soft" }, node.s !== undefined ? [stageLink(node.s, outputName(node.s, node.p)), " row " + count(node.r), file && [", ", make("code", {}, file)]] : make("code", {}, placeOf(node))),
        fields(node),
        part("Where it came from", node.u || node.l || node.x ? tree(index, index) : make("p", { class: "soft" }, node.s === undefined ? "This is where it begins." : "The page does not hold what it was made of.")),
        part("What came of it, among the rows of this page", children[index].length && make("ul", {}, children[index].slice(0, 30).map(next => make("li", {}, rowLink(next, placeOf(nodes[next]), " ", keyOf(nodes[next]))))), children[index].length > 30 && make("p", { class: "soft" }, "and " + count(children[index].length - 30) + " more")),
        node.s !== undefined && part("In a terminal", make("p", {}, copyable("pipe blame " + (file || stages[node.s].name + "." + node.p + ":" + node.r))))
      ];
    };
    const shape = isOpen => { if (area.classList.toggle("opened", isOpen) === isOpen && shape.was !== isOpen) { shape.was = isOpen; begin(); } };
    const fill = inner => { shape(true); panel.replaceChildren(...inner.flat(Infinity).filter(Boolean)); panel.scrollTop = 0; };
    // A row that only its name is known of.
    const namePanel = (list, row) => {
      const one = data.names[list], place = one.file ? one.file + ":" + (row + 1 + one.header) : stages[one.stage].name + "." + one.port + ":" + (row + 1);
      return [make("div", { class: "head" }, make("h3", {}, one.names[row]), close()), make("p", { class: "soft" }, stageLink(one.stage, outputName(one.stage, one.port)), " row " + count(row + 1), one.file && [", ", make("code", {}, place)]),
        make("p", {}, "The page holds the name of this row, not the row. It is found and followed with:"), make("p", {}, copyable("pipe trace " + place)), make("p", {}, copyable("pipe blame " + place))];
    };
    const open = isAsked => {
      const match = /^#(s|r|n)-(\d+)(?:-(\d+))?$/.exec(location.hash);
      const index = match ? +match[2] : -1;
      if (match && match[1] === "s" && stages[index]) { fill(stagePanel(index)); mark(index, new Set()); current === index || boxes[current].setAttribute("tabindex", "-1"); current = index; boxes[index].setAttribute("tabindex", "0"); reveal(index); }
      else if (match && match[1] === "r" && nodes[index]) { fill(rowPanel(index)); mark(nodes[index].s ?? null, stagesBehind(index)); if (nodes[index].s !== undefined) reveal(nodes[index].s); }
      else if (match && match[1] === "n" && data.names[index] && data.names[index].names[+match[3]] !== undefined) { fill(namePanel(index, +match[3])); mark(data.names[index].stage, new Set()); reveal(data.names[index].stage); }
      else { shape(false); panel.replaceChildren(); mark(null, new Set()); return; }
      if (isAsked) { panel.focus({ preventScroll: true }); (matchMedia("(max-width: 62rem)").matches ? panel : svg).scrollIntoView({ block: "nearest" }); }
    };
    addEventListener("hashchange", () => open(true));
    panel.addEventListener("keydown", event => { if (event.key === "Escape") { event.preventDefault(); focusBox(current); } });

    """#
}
