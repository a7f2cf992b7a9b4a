/// Text inside pages.
enum HTMLText {
  static func escaped(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }

  static func page(title: String, body: String) -> String {
    """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>\(escaped(title))</title>
    <style>
    :root { --ground: #fff; --ink: #1c1f24; --faint: #68707c; --grid: #e3e6ea; --one: #2f6fb3; --two: #b3722f; --three: #7a4fa3; --mark: #c0392b; }
    @media (prefers-color-scheme: dark) {
      :root { --ground: #16181c; --ink: #e6e8eb; --faint: #9aa2ad; --grid: #2c3036; --one: #6aa9e9; --two: #e0a35a; --three: #b48be0; --mark: #ff7a6b; }
    }
    body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
    h1, h2 { line-height: 1.2; } h1 { font-size: 1.6rem; } h2 { font-size: 1.1rem; margin: 1.6rem 0 .3rem; }
    small, summary, .legend { color: var(--faint); font-weight: normal; }
    section { break-inside: avoid; }
    svg { display: block; width: 100%; height: auto; }
    .grid { stroke: var(--grid); } .axis { fill: var(--faint); font-size: 11px; }
    rect.s1, circle.s1 { fill: var(--one); } circle.s2 { fill: var(--two); } circle.s3 { fill: var(--three); } rect.mark { fill: var(--mark); }
    .line { fill: none; stroke-width: 2; } .range { stroke-width: 1.5; opacity: .6; }
    .line.s1, .range.s1 { stroke: var(--one); } .line.s2 { stroke: var(--two); } .line.s3 { stroke: var(--three); }
    .key { display: inline-block; width: .8em; height: .8em; border-radius: 50%; margin: 0 .35em 0 .8em; }
    .key.s1 { background: var(--one); } .key.s2 { background: var(--two); } .key.s3 { background: var(--three); }
    [tabindex]:focus-visible { outline: 2px solid var(--ink); outline-offset: 2px; }
    table { border-collapse: collapse; margin: .5rem 0; font-variant-numeric: tabular-nums; }
    th, td { text-align: left; padding: .15rem 1rem .15rem 0; border-bottom: 1px solid var(--grid); } td.marked { color: var(--mark); }
    @media print { body { margin: 0; max-width: none; } details > table { display: table; } summary { display: none; } details::details-content { content-visibility: visible; } }
    </style>
    </head>
    <body>
    <main>
    \(body)</main>
    </body>
    </html>

    """
  }
}
