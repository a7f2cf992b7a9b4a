extension PageScript {
  /// Moving through the graph: pointer, wheel, keys; from left to right, or from top to bottom where there is no room.
  static let graph = #"""
    const svg = $("graph"), boxes = all(".node", svg), edges = all(".edge", svg);
    const sizes = { w: 184, h: 58, margin: 16, across: { layer: 228, offset: 78 }, down: { layer: 104, offset: 204 } };
    let isDown = false, whole = null, view = null;
    const before = stages.map(() => []), after = stages.map(() => []);
    for (const edge of edges) { after[+edge.dataset.a].push(+edge.dataset.b); before[+edge.dataset.b].push(+edge.dataset.a); }
    const point = (layer, offset) => isDown ? { x: sizes.margin + offset * sizes.down.offset, y: sizes.margin + layer * sizes.down.layer }
      : { x: sizes.margin + layer * sizes.across.layer, y: sizes.margin + offset * sizes.across.offset };
    const arrange = down => {
      isDown = down;
      for (const box of boxes) { const { x, y } = point(+box.dataset.l, +box.dataset.o); box.setAttribute("transform", `translate(${x} ${y})`); }
      for (const edge of edges) {
        const route = edge.dataset.r.split(" ").map(pair => point(...pair.split(",").map(Number)));
        let path = "", at = null;
        route.forEach((place, index) => {
          const start = isDown ? { x: place.x + sizes.w / 2, y: place.y } : { x: place.x, y: place.y + sizes.h / 2 };
          const end = isDown ? { x: start.x, y: start.y + sizes.h } : { x: start.x + sizes.w, y: start.y };
          if (index > 0) {
            path += isDown ? `C${at.x} ${(at.y + start.y) / 2} ${start.x} ${(at.y + start.y) / 2} ${start.x} ${start.y}` : `C${(at.x + start.x) / 2} ${at.y} ${(at.x + start.x) / 2} ${start.y} ${start.x} ${start.y}`;
            if (index < route.length - 1) path += `L${end.x} ${end.y}`;
          } else path += `M${end.x} ${end.y}`;
          at = end;
        });
        edge.setAttribute("d", path);
      }
      const layers = +svg.dataset.layers - 1, breadth = +svg.dataset.breadth, far = point(layers, breadth);
      whole = { x: 0, y: 0, w: far.x + sizes.w + sizes.margin, h: far.y + sizes.h + sizes.margin };
    };
    const show = next => {
      view = next;
      svg.setAttribute("viewBox", `${next.x.toFixed(1)} ${next.y.toFixed(1)} ${next.w.toFixed(1)} ${next.h.toFixed(1)}`);
    };
    // All of it, in the shape of the window.
    const fit = () => {
      const width = svg.clientWidth || 1, height = svg.clientHeight || 1, scale = Math.max(whole.w / width, whole.h / height, 0.7);
      show({ x: whole.w / 2 - width * scale / 2, y: whole.h / 2 - height * scale / 2, w: width * scale, h: height * scale });
    };
    const zoom = (factor, x = view.x + view.w / 2, y = view.y + view.h / 2) => {
      const width = Math.min(Math.max(view.w * factor, 160), Math.max(whole.w, whole.h, svg.clientWidth) * 3), real = width / view.w;
      show({ x: x - (x - view.x) * real, y: y - (y - view.y) * real, w: width, h: view.h * real });
    };
    // Readable first: what is too large to be read as a whole begins at its beginning.
    const begin = () => {
      const width = svg.parentElement.clientWidth, isNarrow = width < 620;
      arrange(isNarrow && whole === null ? true : isNarrow);
      const height = Math.min(Math.max(whole.h * Math.min(1, width / whole.w), 200), Math.max(innerHeight * 0.62, 320));
      svg.style.height = height + "px";
      fit();
      const scale = view.w / svg.clientWidth;
      if (scale > 1.7) show({ x: isDown ? whole.w / 2 - width * 0.6 : 0, y: isDown ? 0 : Math.max(0, whole.h / 2 - height * 0.6), w: width * 1.2, h: height * 1.2 });
      svg.style.touchAction = whole.w > width * 1.4 || whole.h > height * 1.4 ? "none" : "pan-y";
    };
    const boxOf = index => { const { x, y } = point(+boxes[index].dataset.l, +boxes[index].dataset.o); return { x, y }; };
    const reveal = index => {
      const { x, y } = boxOf(index), pad = 24;
      const next = { ...view };
      if (next.w > svg.clientWidth * 2.2) { next.h *= svg.clientWidth * 1.2 / next.w; next.w = svg.clientWidth * 1.2; next.x = x + sizes.w / 2 - next.w / 2; next.y = y + sizes.h / 2 - next.h / 2; }
      if (x < next.x + pad) next.x = x - pad;
      if (x + sizes.w > next.x + next.w - pad) next.x = x + sizes.w + pad - next.w;
      if (y < next.y + pad) next.y = y - pad;
      if (y + sizes.h > next.y + next.h - pad) next.y = y + sizes.h + pad - next.h;
      show(next);
    };
    let current = 0;
    const focusBox = index => {
      boxes[current].setAttribute("tabindex", "-1");
      current = index;
      boxes[index].setAttribute("tabindex", "0");
      reveal(index);
      boxes[index].focus({ preventScroll: true });
    };
    // The nearest of some boxes in a direction.
    const nearest = (from, list) => {
      const here = boxOf(from);
      return list.map(index => { const there = boxOf(index); return { index, distance: Math.hypot(there.x - here.x, there.y - here.y) }; }).sort((a, b) => a.distance - b.distance || a.index - b.index)[0]?.index;
    };
    const step = (from, key) => {
      const [back, forth] = isDown ? ["ArrowUp", "ArrowDown"] : ["ArrowLeft", "ArrowRight"];
      const layer = +boxes[from].dataset.l, offset = +boxes[from].dataset.o, others = stages.map((_, index) => index);
      if (key === back) return nearest(from, before[from].length ? before[from] : others.filter(index => +boxes[index].dataset.l < layer));
      if (key === forth) return nearest(from, after[from].length ? after[from] : others.filter(index => +boxes[index].dataset.l > layer));
      const isLess = key === "ArrowUp" || key === "ArrowLeft";
      return nearest(from, others.filter(index => +boxes[index].dataset.l === layer && (isLess ? +boxes[index].dataset.o < offset : +boxes[index].dataset.o > offset)));
    };
    svg.addEventListener("keydown", event => {
      const box = event.target.closest(".node");
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (box && event.key.startsWith("Arrow")) { event.preventDefault(); const next = step(boxes.indexOf(box), event.key); if (next !== undefined) focusBox(next); }
      else if (box && (event.key === "Enter" || event.key === " ")) { event.preventDefault(); go("s-" + boxes.indexOf(box)); }
      else if (box && (event.key === "Home" || event.key === "End")) { event.preventDefault(); focusBox(event.key === "Home" ? 0 : boxes.length - 1); }
    });
    // Not on the graph itself: browsers take an image with such a listener for something to stop at.
    svg.parentElement.addEventListener("focusin", event => { const box = event.target.closest(".node"); if (box) { boxes[current].setAttribute("tabindex", "-1"); current = boxes.indexOf(box); box.setAttribute("tabindex", "0"); } });
    keys.g = () => { svg.scrollIntoView({ block: "nearest" }); focusBox(current); };
    keys["+"] = keys["="] = () => zoom(0.8);
    keys["-"] = () => zoom(1.25);
    keys["0"] = fit;
    $("larger").addEventListener("click", keys["+"]);
    $("smaller").addEventListener("click", keys["-"]);
    $("fit").addEventListener("click", fit);
    // One pointer drags, two pinch; a wheel scrolls the page unless a key says it means the graph.
    const pointers = new Map();
    let moved = 0;
    const toGraph = event => { const area = svg.getBoundingClientRect(); return { x: view.x + (event.clientX - area.left) / area.width * view.w, y: view.y + (event.clientY - area.top) / area.height * view.h }; };
    svg.addEventListener("pointerdown", event => { if (event.button === 0) { pointers.set(event.pointerId, { x: event.clientX, y: event.clientY }); moved = 0; } });
    svg.addEventListener("pointermove", event => {
      const last = pointers.get(event.pointerId);
      if (!last) return;
      const dx = event.clientX - last.x, dy = event.clientY - last.y, scale = view.w / svg.clientWidth;
      if (pointers.size === 2) {
        const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
        const was = Math.hypot(last.x - other.x, last.y - other.y), now = Math.hypot(event.clientX - other.x, event.clientY - other.y);
        if (was > 0 && now > 0) { const middle = toGraph({ clientX: (event.clientX + other.x) / 2, clientY: (event.clientY + other.y) / 2 }); zoom(was / now, middle.x, middle.y); }
      } else {
        moved += Math.abs(dx) + Math.abs(dy);
        if (moved > 4) { svg.classList.add("dragged"); if (!svg.hasPointerCapture(event.pointerId)) svg.setPointerCapture(event.pointerId); show({ ...view, x: view.x - dx * scale, y: view.y - dy * scale }); }
      }
      pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    });
    for (const name of ["pointerup", "pointercancel"]) svg.addEventListener(name, event => { pointers.delete(event.pointerId); svg.classList.remove("dragged"); });
    svg.addEventListener("click", event => { const box = event.target.closest(".node"); if (box && moved <= 4) go("s-" + boxes.indexOf(box)); });
    svg.addEventListener("wheel", event => { if (event.ctrlKey || event.metaKey || event.shiftKey) { event.preventDefault(); const at = toGraph(event); zoom(Math.exp((event.deltaY || event.deltaX) * 0.002), at.x, at.y); } }, { passive: false });
    let lastWidth = 0;
    addEventListener("resize", () => { if (innerWidth !== lastWidth) { lastWidth = innerWidth; begin(); } });
    // On paper the whole graph, from left to right.
    addEventListener("beforeprint", () => { arrange(false); svg.style.height = ""; show({ ...whole }); });
    addEventListener("afterprint", () => begin());
    lastWidth = innerWidth;
    if (stages.length) begin();
    const mark = (opened, way) => {
      boxes.forEach((box, index) => { box.classList.toggle("open", opened === index); box.classList.toggle("way", way.has(index)); opened === index ? box.setAttribute("aria-current", "true") : box.removeAttribute("aria-current"); });
      for (const edge of edges) edge.classList.toggle("way", way.size > 0 ? way.has(+edge.dataset.a) && way.has(+edge.dataset.b) : opened !== null && (+edge.dataset.a === opened || +edge.dataset.b === opened));
      svg.classList.toggle("traced", way.size > 0);
    };

    """#
}
