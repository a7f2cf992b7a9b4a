/// The style sheet of all pages.
enum PageStyle {
  static func text(withGraph: Bool) -> String { colours + base + parts + (withGraph ? graph : "") + print }

  private static let colours = #"""
    :root { color-scheme: light dark;
      --ground: light-dark(#fcfcfb, #111418); --card: light-dark(#ffffff, #181c22); --sunk: light-dark(#f3f4f5, #1e232a); --ink: light-dark(#1a1e23, #e7eaee);
      --soft: light-dark(#59626d, #9ba6b2); --line: light-dark(#dde1e6, #2d343d); --accent: light-dark(#0a58a8, #76b5ff); --accent-soft: light-dark(#e4effb, #1d2d40);
      --good: light-dark(#176f34, #55c97a); --bad: light-dark(#b3261e, #ff8a80); --warn: light-dark(#8a5200, #e7b04d);
      --good-soft: light-dark(#e2f4e7, #17301f); --bad-soft: light-dark(#fce8e6, #3b1d1b); --warn-soft: light-dark(#fbf0dc, #33270f);
      --kept: light-dark(#3c79b8, #5b97d6); --lost: light-dark(#d9a441, #b98527); --lost-other: light-dark(#b9822a, #8f671f); --quiet: light-dark(#8d97a3, #6d7783);
      --one: light-dark(#2f6fb3, #6aa9e9); --two: light-dark(#b3722f, #e0a35a); --three: light-dark(#7a4fa3, #b48be0); --mark: light-dark(#c0392b, #ff7a6b);
      --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
    :root[data-theme="light"] { color-scheme: light; }
    :root[data-theme="dark"] { color-scheme: dark; }

    """#

  private static let base = #"""
    * { box-sizing: border-box; }
    html { scroll-padding-top: 7rem; }
    body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
    main, footer { max-width: 90rem; margin: 0 auto; padding: 0 1.5rem; }
    h1, h2, h3 { line-height: 1.25; margin: 0; text-wrap: balance; }
    h1 { font-size: 1.2rem; overflow-wrap: anywhere; } h2 { font-size: 1.2rem; margin: 0 0 .75rem; } h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
    h2 + h3, h3:first-child { margin-top: 0; } section > .scroll + h2, section > p + h2 { margin-top: 2rem; }
    section { margin: 0 0 2.75rem; padding-top: .5rem; }
    p { margin: .4rem 0; max-width: 75ch; }
    a { color: var(--accent); text-decoration: none; } a:hover { text-decoration: underline; }
    small { font-size: .85em; font-weight: 400; color: var(--soft); } th small { margin-left: .6em; } thead th small { margin: 0; }
    .soft { color: var(--soft); } .good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
    .hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
    .skip { position: absolute; left: -99rem; } .skip:focus { left: 1rem; top: .5rem; z-index: 9; background: var(--card); padding: .5rem 1rem; }
    :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
    code, pre, kbd { font-family: var(--mono); font-size: .88em; } code { overflow-wrap: anywhere; unicode-bidi: isolate; }
    pre { margin: .4rem 0; padding: .75rem; background: var(--sunk); border-radius: 6px; overflow: auto; max-height: 26rem; white-space: pre-wrap;
      overflow-wrap: anywhere; tab-size: 4; }
    kbd { border: 1px solid var(--line); border-bottom-width: 2px; border-radius: 4px; padding: 0 .35em; background: var(--card); color: var(--soft); }
    button, input { font: inherit; color: inherit; }
    button { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: .25rem .7rem; cursor: pointer; }
    button:hover { background: var(--sunk); }
    summary { cursor: pointer; color: var(--accent); } details[open] > summary { margin-bottom: .3rem; }
    mark { background: color-mix(in srgb, currentColor 24%, transparent); color: inherit; border-radius: 2px; }
    del mark { background: color-mix(in srgb, var(--bad) 30%, transparent); } ins mark { background: color-mix(in srgb, var(--good) 32%, transparent); }
    hr { border: 0; border-top: 1px solid var(--line); }
    footer { padding-bottom: 2rem; color: var(--soft); font-size: .87rem; }

    """#

  private static let parts = #"""
    .bar { position: sticky; top: 0; z-index: 5; display: grid; grid-template-columns: minmax(0, 1fr) minmax(12rem, 24rem) auto; gap: .4rem 1rem;
      align-items: center; padding: .6rem max(1.5rem, calc((100vw - 90rem) / 2 + 1.5rem)) 0; background: color-mix(in srgb, var(--ground) 92%, transparent);
      backdrop-filter: blur(8px); border-bottom: 1px solid var(--line); margin-bottom: 1.25rem; }
    .bar .title { display: flex; flex-wrap: wrap; gap: .1rem .75rem; align-items: baseline; min-width: 0; }
    .bar nav { grid-column: 1 / -1; display: flex; gap: .1rem; overflow-x: auto; scrollbar-width: none; margin: 0 -.6rem; }
    .bar nav a { padding: .3rem .6rem .45rem; color: var(--soft); white-space: nowrap; border-bottom: 2px solid transparent; }
    .bar nav a:hover { color: var(--ink); text-decoration: none; } .bar nav a.here { color: var(--ink); border-color: var(--accent); }
    .bar:not(:has(nav)) { padding-bottom: .6rem; }
    .chip { border-radius: 99px; padding: .05rem .65rem; font-size: .87rem; background: var(--sunk); white-space: nowrap; }
    .chip.good, .note.good { background: var(--good-soft); } .chip.bad, .note.bad { background: var(--bad-soft); }
    .chip.warn, .note.warn { background: var(--warn-soft); }
    .tools { display: flex; gap: .4rem; grid-column: -2 / -1; } .tools button { width: 2.1rem; height: 2.1rem; padding: 0; }
    .search { position: relative; }
    .search input { width: 100%; padding: .35rem 2rem .35rem .75rem; border: 1px solid var(--line); border-radius: 8px; background: var(--card); }
    .search > kbd { position: absolute; right: .5rem; top: .45rem; pointer-events: none; } .search input:focus + kbd { visibility: hidden; }
    #found { position: absolute; right: 0; top: calc(100% + .35rem); width: min(44rem, calc(100vw - 2rem)); max-height: min(75vh, 40rem); overflow: auto;
      background: var(--card); border: 1px solid var(--line); border-radius: 10px; box-shadow: 0 12px 40px rgb(0 0 0 / .18); padding: .5rem; }
    #found ul { list-style: none; margin: 0; padding: 0; } #found h3 { margin: .5rem .6rem .2rem; font-size: .8rem; color: var(--soft); font-weight: 600; }
    #found li a { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 0 1rem; padding: .3rem .6rem; border-radius: 6px; color: inherit; }
    #found li a:hover, #found li a:focus-visible { background: var(--accent-soft); text-decoration: none; }
    #found li small { grid-column: 1 / -1; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    #found li b { font-weight: 600; overflow-wrap: anywhere; } #found .covers { margin: .4rem .6rem .2rem; color: var(--soft); font-size: .85rem; max-width: none; }
    .lead { font-size: 1.05rem; margin: 0 0 1rem; }
    .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 0 0 1.25rem; } .overview { margin-bottom: 2rem; }
    .tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .7rem .9rem; } .tile dt { color: var(--soft); font-size: .87rem; }
    .tile dd { margin: 0; font-size: 1.5rem; line-height: 1.3; font-weight: 600; font-variant-numeric: tabular-nums; }
    .tile dd small { display: block; line-height: 1.35; font-size: .85rem; } .tile.bad dd { color: var(--bad); } .tile.warn dd { color: var(--warn); }
    .note { padding: .5rem .8rem; border-radius: 8px; background: var(--sunk); color: var(--ink); max-width: none; overflow-wrap: anywhere; }
    .scroll { overflow: auto; max-height: min(80vh, 44rem); } .scroll:focus-visible { outline-offset: -2px; }
    table { border-collapse: collapse; font-variant-numeric: tabular-nums; min-width: min(100%, 30rem); } .ledger { width: 100%; }
    th, td { text-align: left; vertical-align: top; padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line); font-weight: 400; }
    tbody th { min-width: 6rem; } td, th { overflow-wrap: break-word; }
    thead th { position: sticky; top: 0; background: var(--ground); color: var(--soft); font-size: .87rem; white-space: nowrap; box-shadow: inset 0 -1px var(--line);
      border: 0; z-index: 1; }
    .num { text-align: right; white-space: nowrap; } .wide { width: 34%; min-width: 8rem; } .sum > * { font-weight: 600; } td.marked { color: var(--mark); }
    .bar-track { display: flex; height: .7rem; margin-top: .38rem; border-radius: 3px; overflow: hidden; }
    .bar-track i { display: block; height: 100%; min-width: 1px; } .bar-track i[style="width:0%"] { min-width: 0; } i.kept { background: var(--kept); }
    i.lost { background: var(--lost); border-left: 1px solid var(--ground); } i.lost.other { background: var(--lost-other); }
    .ledger .drop { display: inline-block; margin-right: .8rem; } .split .share { min-width: 9rem; white-space: nowrap; padding-left: 0; }
    .split .share .bar-track { display: inline-flex; width: 4.5rem; margin: 0 .5rem 0 0; background: var(--sunk); }
    .confusion td { text-align: right; padding: .35rem .7rem; min-width: 3.5rem; border: 2px solid var(--ground); border-radius: 4px;
      background: color-mix(in srgb, var(--kept) var(--p), var(--sunk)); }
    .confusion td.other { background: color-mix(in srgb, var(--lost) var(--p), var(--sunk)); } .confusion td.num { background: none; color: var(--soft); }
    .confusion { min-width: 0; } .confusion thead th { white-space: normal; text-align: right; padding: .35rem .7rem; }
    .confusion thead th:first-child { text-align: left; }
    .facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .25rem 1.25rem; margin: .4rem 0; } .facts dt { color: var(--soft); }
    .facts dd { margin: 0; overflow-wrap: anywhere; }
    .tag { display: inline-block; background: var(--sunk); border-radius: 6px; padding: .05rem .5rem; margin: 0 .2rem .3rem 0; }
    .filters { display: flex; flex-wrap: wrap; gap: .35rem; margin: .4rem 0 .8rem; }
    .filter[aria-pressed="true"] { background: var(--accent-soft); border-color: var(--accent); } .filter small { overflow-wrap: anywhere; }
    .rows, .edits { list-style: none; padding: 0; margin: 0; } .rows > li { border-left: 3px solid var(--line); padding: .1rem 0 .1rem .8rem; margin: 0 0 .8rem; }
    .rows > li.good { border-color: var(--good); color: inherit; } .rows > li.bad { border-color: var(--bad); color: inherit; }
    .rows > li.warn { border-color: var(--warn); color: inherit; } .rows p { max-width: none; margin: 0; } .rows .why { display: block; color: var(--soft); }
    .edits li { margin: .3rem 0; }
    .field { display: grid; grid-template-columns: minmax(6rem, 12rem) minmax(0, 1fr); gap: 1rem; margin-top: .25rem; }
    .change { display: grid; gap: 2px; font-family: var(--mono); font-size: .84rem; }
    .change del, .change ins { display: block; text-decoration: none; padding: .15rem .5rem; border-radius: 4px; white-space: pre-wrap; overflow-wrap: anywhere;
      unicode-bidi: isolate; }
    .change del { background: var(--bad-soft); } .change ins { background: var(--good-soft); } .sides { font-size: 1.05rem; }
    .plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1rem 2rem; } .plot { break-inside: avoid; min-width: 0; }
    .plot h2 { font-size: 1.05rem; } .plot svg { display: block; width: 100%; height: auto; }
    .grid { stroke: var(--line); } .axis { fill: var(--soft); font-size: 11px; } rect.s1, circle.s1 { fill: var(--one); } circle.s2 { fill: var(--two); }
    circle.s3 { fill: var(--three); } rect.mark { fill: var(--mark); }
    .line { fill: none; stroke-width: 2; } .range { stroke-width: 1.5; opacity: .6; } .line.s1, .range.s1 { stroke: var(--one); } .line.s2 { stroke: var(--two); }
    .line.s3 { stroke: var(--three); }
    .legend { color: var(--soft); font-size: .87rem; } .plot .key { display: inline-block; width: .8em; height: .8em; border-radius: 50%; margin: 0 .35em 0 .8em; }
    .key.s1 { background: var(--one); } .key.s2 { background: var(--two); } .key.s3 { background: var(--three); }
    dialog { border: 1px solid var(--line); border-radius: 12px; background: var(--card); color: var(--ink); padding: 1.25rem 1.5rem; max-width: 28rem; }
    dialog::backdrop { background: rgb(0 0 0 / .35); } dialog dl { display: grid; grid-template-columns: max-content 1fr; gap: .45rem 1.25rem; }
    dialog dd { margin: 0; }
    @media (max-width: 44rem) {
      td code { overflow-wrap: break-word; } tbody th small { display: block; margin: 0; } main, footer { padding: 0 1rem; }
      .bar { grid-template-columns: minmax(0, 1fr) auto; padding: .5rem 1rem 0; } .search { grid-column: 1 / -1; order: 2; } .bar nav { order: 3; }
      #found { left: 0; right: auto; width: 100%; } .field { grid-template-columns: 1fr; gap: .1rem; } .facts { grid-template-columns: 1fr; gap: 0; }
      .facts dd { margin-bottom: .5rem; } .tiles { grid-template-columns: 1fr 1fr; } td.wide, th.wide { display: none; }
      .ledger td.wide, .ledger th.wide { display: table-cell; min-width: 4.5rem; }
    }

    """#

  private static let graph = #"""
    .graph { display: grid; grid-template-columns: minmax(0, 1fr) minmax(20rem, 28rem); gap: 1rem; align-items: start; }
    .graph:not(.opened) { grid-template-columns: minmax(0, 1fr); } .graph:not(.opened) #panel { display: none; }
    .canvas { position: relative; border: 1px solid var(--line); border-radius: 10px; background: var(--card); overflow: hidden; }
    .under { display: flex; gap: 1rem; align-items: center; justify-content: space-between; padding: .4rem .6rem .4rem .8rem; border-top: 1px solid var(--line); }
    .canvas .legend { margin: 0; max-width: none; } .canvas .key { margin-right: 1.1rem; white-space: nowrap; }
    .canvas .key i { display: inline-block; width: .8rem; height: .8rem; border-radius: 3px; margin-right: .4rem; vertical-align: -1px; background: var(--quiet); }
    .canvas .key i.ran { background: var(--kept); } .canvas .key i.failed { background: var(--bad); } .canvas .key i.drop { background: var(--lost); }
    .controls { display: flex; } .controls button { width: 2rem; height: 2rem; padding: 0; border-radius: 0; margin-left: -1px; }
    .controls button:first-child { border-radius: 6px 0 0 6px; margin: 0; } .controls button:last-child { border-radius: 0 6px 6px 0; }
    #graph { display: block; width: 100%; height: auto; max-height: 34rem; min-height: 12rem; cursor: grab; touch-action: pan-y; user-select: none; }
    #graph.dragged { cursor: grabbing; }
    .edge { fill: none; stroke: var(--quiet); stroke-width: 1.5; marker-end: url(#tip); opacity: .75; } #tip path { fill: var(--quiet); fill: context-stroke; }
    .edge.way { stroke: var(--accent); stroke-width: 2.5; opacity: 1; }
    .node { cursor: pointer; outline: none; } .node .box { fill: var(--card); stroke: var(--line); stroke-width: 1.5; } .node .tone { fill: var(--quiet); }
    .node.ran .tone { fill: var(--kept); } .node.failed .tone { fill: var(--bad); } .node.failed .box { stroke: var(--bad); }
    .node.skipped .box, .node.not-run .box { stroke-dasharray: 5 4; } .node.file .box { fill: var(--sunk); }
    .node text { fill: var(--ink); font-size: 15px; } .node .name { font-weight: 600; } .node .sub { fill: var(--soft); font-size: 13px; }
    .node .flag { fill: var(--warn); font-weight: 700; } .node.failed .flag { fill: var(--bad); } .node.file .name { font-weight: 400; } .kept { fill: var(--kept); }
    .lost { fill: var(--lost); }
    .node:hover .box { stroke: var(--soft); } .node:focus-visible .box { stroke: var(--accent); stroke-width: 3; }
    .node.open .box { stroke: var(--accent); stroke-width: 2.5; fill: var(--accent-soft); } .node.way .box { stroke: var(--accent); }
    #graph.traced .node:not(.way) { opacity: .35; }
    #panel { border: 1px solid var(--line); border-radius: 10px; background: var(--card); padding: 1rem 1.1rem; max-height: min(48rem, calc(100vh - 8rem));
      overflow: auto; position: sticky; top: 6.5rem; overflow-wrap: anywhere; }
    #panel:focus-visible { outline-offset: -2px; } #panel h3 { margin: 0 0 .2rem; font-size: 1.1rem; }
    #panel h4 { margin: 1.1rem 0 .3rem; font-size: .87rem; color: var(--soft); font-weight: 600; }
    #panel .head { display: flex; gap: .5rem; align-items: baseline; flex-wrap: wrap; } #panel .head button { margin-left: auto; }
    #panel ul { list-style: none; margin: 0; padding: 0; } #panel li { margin: .15rem 0; } #panel .facts { gap: .15rem 1rem; }
    #panel .facts .num { text-align: left; }
    #panel .fields { margin: .3rem 0; display: grid; grid-template-columns: minmax(5rem, max-content) minmax(0, 1fr); gap: .2rem .9rem; }
    #panel .fields dt { color: var(--soft); font-size: .87rem; overflow-wrap: anywhere; max-width: 9rem; }
    #panel .fields dd { margin: 0; white-space: pre-wrap; unicode-bidi: isolate; max-height: 14rem; overflow: auto; }
    .message { border-left: 3px solid var(--line); padding: .1rem 0 .1rem .6rem; margin: .25rem 0; white-space: pre-wrap; } .graph.opened .hint { display: none; }
    .message b { display: block; font-size: .8rem; color: var(--soft); font-weight: 600; } .message.assistant { border-color: var(--kept); }
    #panel details { border-top: 1px solid var(--line); padding: .35rem 0; }
    #panel details > summary { color: inherit; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    #panel details[open] > summary { white-space: normal; }
    .tree ul { border-left: 1px solid var(--line); padding-left: .8rem !important; margin-left: .3rem !important; }
    .tree a { display: block; padding: .1rem .3rem; border-radius: 4px; }
    .tree a small { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; } .tree a[aria-current] { background: var(--accent-soft); }
    .copy { padding: 0 .4rem; font-size: .8rem; margin-left: .4rem; } .was { color: var(--bad); } .now { color: var(--good); }
    .was, .now { display: block; font-family: var(--mono); font-size: .84rem; white-space: pre-wrap; }
    @media (max-width: 62rem) { .graph { grid-template-columns: minmax(0, 1fr); } #panel { position: static; max-height: none; } }

    """#

  private static let print = #"""
    @media print {
      :root, :root[data-theme="dark"] { color-scheme: light; } @page { margin: 14mm; } body { font-size: 10.5pt; background: #fff; }
      tr:has(details) { break-inside: auto !important; } .screen, .skip, .controls { display: none !important; } main, footer { max-width: none; padding: 0; }
      .bar { position: static; background: none; padding: 0 0 .5rem; } .graph { display: block; } #graph { max-height: none; }
      .scroll { max-height: none; overflow: visible; } thead th { position: static; background: none; } thead { display: table-header-group; }
      tr, .plot, .tile, .rows > li { break-inside: avoid; } h2, h3 { break-after: avoid; } section { margin-bottom: 1.5rem; } pre { max-height: none; }
      a { color: inherit; } details::details-content { content-visibility: visible; display: block; } details > summary { display: none; }
      .edge, .node, i, .confusion td, .change * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
    }
    @media (prefers-reduced-motion: reduce) { * { scroll-behavior: auto !important; transition: none !important; } }

    """#
}
