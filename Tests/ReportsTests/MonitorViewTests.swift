import Diagnostics
import Foundation
import Testing

@testable import Reports

@Suite struct MonitorViewTests {
  static let rows = [
    #"{"window":"2026-10-30","start":"2026-10-30T00:00:00Z","end":"2026-10-31T00:00:00Z","field":null,"count":1200,"errors":12,"error_rate":0.01,"error_rate_low":0.0057,"error_rate_high":0.0174,"latency_p50":44.1,"latency_p95":88.75,"latency_p99":1503.83}"#,
    #"{"window":"2026-10-30","start":"2026-10-30T00:00:00Z","end":"2026-10-31T00:00:00Z","field":"lang","count":1200,"missing":0,"type":"category","method":"chi2","value":0.31,"p":0.31,"statistic":1.03,"psi":0.001,"threshold":0.05,"drifted":false,"moved":[{"category":"de","reference":0.9,"current":0.91},{"category":"<b>,\"x\"","reference":0.1,"current":0.09}]}"#,
    #"{"window":"2026-10-30","start":"2026-10-30T00:00:00Z","end":"2026-10-31T00:00:00Z","field":"chars","count":1100,"missing":100,"type":"number","method":"wasserstein","value":0.0421,"p":null,"statistic":null,"psi":0.02,"threshold":0.1,"drifted":false,"reference_mean":141.2,"mean":138.9}"#,
    #"{"window":"2026-10-31","start":"2026-10-31T00:00:00Z","end":"2026-11-01T00:00:00Z","field":null,"count":300,"errors":null,"error_rate":null,"error_rate_low":null,"error_rate_high":null,"latency_p50":null,"latency_p95":null,"latency_p99":null}"#,
    #"{"window":"2026-10-31","start":"2026-10-31T00:00:00Z","end":"2026-11-01T00:00:00Z","field":"lang","count":300,"missing":0,"type":"category","method":"chi2","value":3e-20,"p":3e-20,"statistic":99.5,"psi":0.4,"threshold":0.05,"drifted":true,"moved":[{"category":"en","reference":0,"current":0.3}]}"#,
    #"{"window":"2026-10-31","start":"2026-10-31T00:00:00Z","end":"2026-11-01T00:00:00Z","field":"chars","count":0,"missing":300,"type":"number","method":null,"value":null,"p":null,"statistic":null,"psi":null,"threshold":null,"drifted":false,"reference_mean":141.2,"mean":null}"#,
  ].map { Array($0.utf8) }

  static let view = MonitorView(manifest: "support", stage: "watch", rows: rows)

  @Test func text() {
    #expect(
      Self.view.render() == """
        support · watch: 2 windows, 1,500 requests, 12 errors (0.8 %)

          window      requests            errors         95 %  p50 ms   p95   p99       lang  chars
          2026-10-30     1,200  ████████   1.0 %  0.6 %–1.7 %    44.1  88.8  1504    p=0.310  0.042
          2026-10-31       300  ██                                                 ! p<0.001      –

          !  2026-10-31  lang  chi2 p<0.001  en 0.0 % → 30.0 %

        """)
  }

  @Test func narrow() {
    let lines = Self.view.render(style: TerminalStyle(width: 80)).split(separator: "\n")
    #expect(lines.allSatisfy { TerminalStyle.cells(String($0)) <= 80 })
    #expect(!lines[1].contains("95 %"))
  }

  @Test func withoutDriftAndWithoutRequests() {
    let calm = MonitorView(manifest: "support", stage: "watch", rows: Array(Self.rows.prefix(3)))
    #expect(calm.render().hasSuffix("\n  no drift: lang (chi2), chars (wasserstein)\n"))
    #expect(MonitorView(manifest: "support", stage: "watch", rows: []).render() == "support · watch: no requests\n")
  }

  @Test func page() {
    let page = Self.view.html
    #expect(page.hasPrefix("<!doctype html>\n<html lang=\"en\">"))
    #expect(page.contains("<title>watch · support</title>"))
    // Data is text, never markup.
    #expect(!page.contains("<b>"))
    #expect(page.contains("&lt;b&gt;"))
    // Nothing is fetched, and nothing runs but the page's own script.
    for word in ["http:", "https:", "url(", "src="] { #expect(!page.contains(word)) }
    #expect(page.components(separatedBy: "<script").count == 2)
    #expect(page.contains("<rect class=\"mark\" tabindex=\"0\" role=\"img\" aria-label=\"2026-10-31 PSI: chi2 p&lt;0.001 drift, PSI 0.400: en 0.0 % → 30.0 %\""))
    #expect(page.contains("prefers-color-scheme: dark"))
    #expect(page.contains("@media print"))
    #expect(page == MonitorView(manifest: "support", stage: "watch", rows: Self.rows).html)
    #expect(MonitorView(manifest: "support", stage: "watch", rows: []).html.contains("0 windows, 0 requests"))
  }

  @Test func json() {
    let text = Self.view.json.compact
    #expect(text.hasPrefix(#"{"schema_version":1,"manifest":"support","stage":"watch","windows":[{"window":"2026-10-30","requests":1200,"errors":12,"#))
    #expect(text.contains(#"{"window":"2026-10-31","method":"chi2","value":3e-20,"psi":0.4,"threshold":0.05,"drifted":true,"count":300,"missing":0}"#))
  }
}
