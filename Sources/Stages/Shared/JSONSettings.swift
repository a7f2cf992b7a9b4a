internal import Engine
internal import Rows

extension Setting {
  /// The value as compact JSON, or nil when it holds a reference.
  var json: [UInt8]? {
    var out: [UInt8] = []
    return appendJSON(to: &out) ? out : nil
  }

  private func appendJSON(to out: inout [UInt8]) -> Bool {
    switch value {
    case .null: out += "null".utf8
    case .bool(let bool): out += (bool ? "true" : "false").utf8
    case .int(let int): out += String(int).utf8
    case .double(let double):
      guard double.isFinite else { return false }
      out += "\(double)".utf8
    case .text(let text): JSONText.append(text, to: &out)
    case .list(let items):
      out.append(UInt8(ascii: "["))
      for (index, item) in items.enumerated() {
        if index > 0 { out.append(UInt8(ascii: ",")) }
        guard item.appendJSON(to: &out) else { return false }
      }
      out.append(UInt8(ascii: "]"))
    case .map(let entries):
      out.append(UInt8(ascii: "{"))
      for entry in entries {
        JSONBytes.appendKey(JSONText.quoted(entry.name), to: &out)
        guard entry.setting.appendJSON(to: &out) else { return false }
      }
      out.append(UInt8(ascii: "}"))
    case .stages: return false
    }
    return true
  }
}
