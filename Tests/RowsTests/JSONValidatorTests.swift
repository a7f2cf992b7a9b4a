import Rows
import Testing

@Suite struct JSONValidatorTests {
  private func compact(_ text: String) throws(JSONError) -> String {
    var out: [UInt8] = []
    var failure: JSONError?
    Array(text.utf8).withUnsafeBytes { bytes in
      do throws(JSONError) { try JSONValidator.appendValue(bytes, to: &out) } catch { failure = error }
    }
    if let failure { throw failure }
    return String(decoding: out, as: UTF8.self)
  }

  /// An object of many keys, each with a small object of many keys now and then.
  private func object(_ keys: Int, then last: String) -> String {
    "{"
      + (0..<keys).map { "\"key \($0)\":" + ($0 % 20_000 == 7 ? "{" + (0..<60).map { "\"key \($0)\":\($0)" }.joined(separator: ",") + "}" : "\($0)") }.joined(
        separator: ",")
      + last + "}"
  }

  @Test func aHundredThousandKeysAreToldApart() throws {
    // One by one this would be five thousand million comparisons.
    let text = object(100_000, then: "")
    #expect(try compact(text) == text)
  }

  @Test(arguments: [0, 39, 40, 41, 99_999]) func aRepeatedKeyAmongMany(_ index: Int) {
    let text = object(100_000, then: ",\"k\\u0065y \(index)\":1")
    do throws(JSONError) {
      _ = try compact(text)
      Issue.record("a duplicate key was let through")
    } catch {
      #expect(error.message == "duplicate key `key \(index)`")
      #expect(error.offset == object(100_000, then: "").utf8.count)
    }
  }

  @Test func siblingsMayRepeatKeys() throws {
    let wide = "{" + (0..<100).map { "\"\($0)\":{\"a\":1}" }.joined(separator: ",") + "}"
    let text = "[\(wide),\(wide),{\"0\":\(wide)}]"
    #expect(try compact(text) == text)
  }
}
