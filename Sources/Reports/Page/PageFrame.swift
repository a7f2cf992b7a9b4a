internal import Diagnostics
internal import Rows

/// What all pages have in common: one file that needs no network, a style sheet and a script of our own, light and dark, keys, printing.
///
/// The policy in the head names the script by its digest: nothing else is run, wherever it might have come from.
struct PageFrame {
  var title: String
  /// What stands at the top beside the title.
  var subtitle = ""
  /// A word on how it went, and its tone: `good`, `bad`, `warn`.
  var status: (text: String, tone: String)?
  /// Sections: id and title.
  var sections: [(id: String, title: String)] = []
  var hasSearch = false
  /// Keys beyond those of all pages: key and what it does.
  var keys: [(key: String, text: String)] = []
  var body: String
  var data: ReportJSON?
  var footer = ""

  var html: String {
    let script = PageScript.text(withGraph: hasSearch)
    return """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-\(Self.base64(Digest.of(script).bytes))'; base-uri 'none'; form-action 'none'">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <meta name="referrer" content="no-referrer">
      <title>\(HTMLText.escaped(subtitle.isEmpty ? title : "\(title) · \(subtitle)"))</title>
      <style>
      \(PageStyle.text(withGraph: hasSearch))</style>
      </head>
      <body>
      <a class="skip" href="#main">Skip to the page</a>
      \(bar)<main id="main">
      \(body)</main>
      <footer>\(footer)<p class="screen">Keys: <kbd>?</kbd></p></footer>
      \(help)\(data.map { "<script type=\"application/json\" id=\"data\">\(HTMLText.embedded($0))</script>\n" } ?? "")<script>\(script)</script>
      </body>
      </html>

      """
  }

  private var bar: String {
    var out = "<header class=\"bar\">\n<div class=\"title\"><h1>\(HTMLText.escaped(title))</h1>"
    if !subtitle.isEmpty { out += "<span class=\"soft\">\(HTMLText.escaped(subtitle))</span>" }
    if let status { out += "<span class=\"chip \(status.tone)\">\(HTMLText.escaped(status.text))</span>" }
    out += "</div>\n"
    if hasSearch {
      out +=
        "<div class=\"search screen\" role=\"search\"><input id=\"search\" type=\"search\" placeholder=\"Find a row or a stage\" aria-label=\"Find a row or a stage\" autocomplete=\"off\" spellcheck=\"false\" aria-controls=\"found\"><kbd aria-hidden=\"true\">/</kbd><div id=\"found\" hidden></div></div>\n"
    }
    out +=
      "<div class=\"tools screen\"><button type=\"button\" id=\"theme\" aria-label=\"Light or dark\" title=\"Light or dark (t)\">◐</button><button type=\"button\" id=\"keys\" aria-label=\"Keys\" title=\"Keys (?)\">?</button></div>\n"
    if sections.count > 1 {
      out += "<nav class=\"screen\" aria-label=\"Sections\">" + sections.map { "<a href=\"#\($0.id)\">\(HTMLText.escaped($0.title))</a>" }.joined() + "</nav>\n"
    }
    return out + "</header>\n"
  }

  private var help: String {
    let all = keys + [("t", "light or dark"), ("?", "this list"), ("Esc", "close")]
    let list = all.map {
      "<dt>" + $0.key.split(separator: " ").map { "<kbd>\(HTMLText.escaped(String($0)))</kbd>" }.joined(separator: " ") + "</dt><dd>\(HTMLText.escaped($0.text))</dd>"
    }
    return
      "<dialog id=\"help\" aria-labelledby=\"help-title\"><h2 id=\"help-title\">Keys</h2><dl>\(list.joined())</dl><form method=\"dialog\"><button>Close</button></form></dialog>\n"
  }

  private static func base64(_ bytes: [UInt8]) -> String {
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var out: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)] + Array(repeating: 0, count: max(0, start + 3 - bytes.count))
      let word = group.reduce(0) { $0 << 8 | Int($1) }
      for place in 0..<4 { out.append(start + place > bytes.count ? UInt8(ascii: "=") : letters[word >> (18 - 6 * place) & 63]) }
    }
    return String(decoding: out, as: UTF8.self)
  }
}
